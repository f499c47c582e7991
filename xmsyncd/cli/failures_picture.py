"""What did not go through, as a person reads it in a terminal of any width: the pictures of ``failures``."""

from __future__ import annotations

from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from xmsyncd.cli.output import add_row, coloured, counts, moment, shortened, table
from xmsyncd.cli.reasons import advice_for, reason_label
from xmsyncd.cli.words import Words
from xmsyncd.ledger.states import VisibleState

# A rejection tells the field, at most 80 characters of the value, and what the rule expects.
_WHOLE_SENTENCE: Final = 400

_MAY_BE_ACCEPTED: Final = "`xmsyncd failures accept KEY` sends one as it is, in spite of the rule."


def show_list(console: Console, result: dict[str, Any], zone: ZoneInfo, words: Words) -> None:
    """Each group with what to do about it, then the records one by one."""
    if not result["groups"]:
        console.print(Text(words("failures of this kind: none")))
        return
    for one in result["groups"]:
        _show_group(console, one, zone, words)
    records = table(*map(words, ("key", "OKKI id", "detail")))
    for one in result["records"]:
        about = coloured(one["state"], words) + Text(f" ({one['reason']})")
        about.append(f" {words('since')} {moment(one['since'], zone)}", style="dim")
        detail = shortened(one["detail"], _WHOLE_SENTENCE)
        add_row(records, one["key"] or "–", one["source_id"], about + Text(f"\n{detail}" if detail else ""))
    if result["records"]:
        console.print(records)
    left = result["total"] - len(result["records"])
    if left > 0:
        console.print(Text(f"… and {left:,} more (--limit, --reason)"))
    states = counts(result["states"], VisibleState, words)
    console.print(Text(f"{words('records')}: {result['total']:,} (") + states + Text(")"))
    if any(one["acceptable"] for one in result["groups"]):
        console.print(Text(words(_MAY_BE_ACCEPTED)))


def _show_group(console: Console, one: dict[str, Any], zone: ZoneInfo, words: Words) -> None:
    head = Text(f"{one['count']:,} ", style="bold") + coloured(one["state"], words)
    head.append(f"  {one['group']}", style="bold")
    head.append(f"  {one['pipeline']}", style="dim")
    console.print(head)
    sample = one["sample"]
    example = " ".join(part for part in (sample["key"] or sample["source_id"], sample["name"]) if part)
    since, last = (moment(one[end], zone) for end in ("first", "last"))
    times = f"{words('since')} {since}" + (f" · {words('last')} {last}" if last != since else "")
    lines = [
        Text(shortened(one["message"])),
        Text(f"{reason_label(one['reason'])}: {advice_for(one['reason'])}"),
        Text(f"{words('example')} {shortened(example, 60)} · {times}", style="dim"),
    ]
    console.print(Padding(Text("\n").join(line for line in lines if line), (0, 0, 1, 3)))


def show_changes(console: Console, result: dict[str, Any], words: Words) -> None:
    """What became of each record, and of all."""
    if not result["total"]:
        console.print(Text(words("failures of this kind: none")))
        return
    shown = table(*map(words, ("key", "OKKI id", "before", "after", "note")))
    for one in result["records"]:
        before, after = coloured(one["before"], words), coloured(one["after"], words)
        note = shortened(one["note"], _WHOLE_SENTENCE)
        add_row(shown, one["key"] or "–", one["source_id"], before, after, note)
    console.print(shown)
    left = result["total"] - len(result["records"])
    if left > 0:
        console.print(Text(f"… and {left:,} more"))
    states = counts(result["counts"], VisibleState, words)
    console.print(Text(f"{words('records')}: {result['total']:,} (") + states + Text(")"))
