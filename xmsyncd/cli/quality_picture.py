"""What the rules of quality found, as a person reads it in a terminal of any width."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from xmsyncd.cli.output import counts, facts, moment, shortened
from xmsyncd.cli.reasons import reason_label
from xmsyncd.cli.words import Words

_RESULTS: Final = ("kept", "warned", "fixed", "rejected", "rejected now")


def show_report(console: Console, result: dict[str, Any], zone: ZoneInfo, words: Words) -> None:
    """Rule by rule under the field that it is about, in the order of the configuration."""
    if result["since"] is not None:
        console.print(Text(f"{words('since')} {moment(result['since'], zone)}"))
    for one in result["pipelines"]:
        console.print(Text(one["pipeline"], style="bold"))
        width = max((cell_len(_name(rule, words)) for rule in one["rules"]), default=0)
        for _, rules in groupby(one["rules"], key=lambda rule: rule["component"]):
            _show_field(console, list(rules), width, zone, words)
        if not one["rules"]:
            console.print(Text(words("no rules are configured")))
        for other in one["rejected"]:
            told = [reason_label(other["reason"]), other["component"], f"{other['number']:,}"]
            console.print(Text(f"{words('rejected now')}: {'  '.join(part for part in told if part)}"))
    if any(rule["standing"] for one in result["pipelines"] for rule in one["rules"]):
        console.print(Text("xmsyncd failures list --state rejected"))


def _show_field(
    console: Console, rules: list[dict[str, Any]], width: int, zone: ZoneInfo, words: Words
) -> None:
    first = rules[0]
    name = f"{first['label']} ({first['component']})" if first["label"] else first["component"]
    console.print(Text(name or words("the record")))
    names = [set_cell_size(_name(one, words), width) for one in rules]
    told = [_told(one, zone, words) for one in rules]
    console.print(facts([(f"  {name}", one) for name, one in zip(names, told, strict=True)]))


def _name(one: dict[str, Any], words: Words) -> str:
    if one["is_of_several"]:
        on_fail = words("counted together before")
    else:
        on_fail = words("not configured now" if one["on_fail"] is None else one["on_fail"])
    return f"{one['rule']} ({on_fail})"


def _told(one: dict[str, Any], zone: ZoneInfo, words: Words) -> Text:
    told = Text()
    if one["demand"]:
        told.append(f"{shortened(one['demand'], 60)}\n", style="dim")
    told.append(f"{words('checked')} {one['seen']:,}")
    if one["seen"]:
        numbers = {**one, "rejected now": one["standing"]}
        told += Text(" · ") + counts(numbers, _RESULTS, words)
    if one["sample"] is not None:
        whose = f" ({one['sample_key']}, {moment(one['sample_at'], zone)})"
        told.append(f"\n{words('last value')} {shortened(one['sample'], 60)}{whose}", style="dim")
    return told
