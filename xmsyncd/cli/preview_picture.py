"""How a preview looks on a terminal: the product, each step of its mapping, and what would become of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from xmsyncd.cli.context_parts import named
from xmsyncd.cli.differences import MISSING, difference
from xmsyncd.cli.output import add_row, coloured, facts, moment, shortened, table
from xmsyncd.cli.reasons import advice_for, reason_label
from xmsyncd.cli.words import Words

_LONGEST: Final = 120

# Six columns with a template, inputs and a value side by side.
_TABLE_NEEDS: Final = 120


def show_preview(console: Console, told: dict[str, Any], zone: ZoneInfo, words: Words) -> None:
    """One product of one pipeline."""
    if told["is_deleted"]:
        console.print(Text(f"{told['pipeline']}  {told['key']}", style="bold"))
        console.print(Text(words("OKKI lists it as deleted: nothing is mapped.")))
        return
    key = told["result"]["key"] or MISSING
    console.print(Text(f"{told['pipeline']}  {key}  (OKKI {told['source_id']})", style="bold"))
    _show_source(console, told, zone, words)
    _show_steps(console, told["steps"], words)
    _show_result(console, told, zone, words)


def _show_source(console: Console, told: dict[str, Any], zone: ZoneInfo, words: Words) -> None:
    """The fields that the mapping looks at, and from where each comes."""
    rows: list[tuple[str, Any]] = [("OKKI update_time", moment(told["updated_at"], zone))]
    if told["okki"]:
        asked = " · ".join(f"{name} {number:,}" for name, number in told["okki"].items())
        rows.append((words("calls to OKKI"), asked))
    console.print(facts(rows))
    shown = table(words("field"), words("value"), words("from"))
    for name in told["used"]:
        value, where = _origin(name, told["item"], told["detail"] or {})
        add_row(shown, name, _text(value), words(where))
    for name, value in told["beside"].items():
        add_row(shown, name, _text(value), words("derived"))
    console.print(shown)
    if told.get("missing"):
        names = ", ".join(told["missing"])
        console.print(Text(f"{words('not in the file')}: {names}", style="yellow"))
    if not told.get("groups_known", True):
        text = words("no group tree is known here: groups count as unknown")
        console.print(Text(text, style="yellow"))
    if not told.get("fields_known", True):
        text = words("OKKI's fields are not known here: custom ones as in the file")
        console.print(Text(text, style="yellow"))
    if told.get("fields_unknown"):
        names = ", ".join(told["fields_unknown"])
        console.print(
            Text(f"{words('custom fields not known here, taken as empty')}: {names}", style="yellow")
        )


def _origin(name: str, item: Mapping[str, Any], detail: Mapping[str, Any]) -> tuple[Any, str]:
    if item.get(name) is not None:
        return item[name], "the list"
    if detail.get(name) is not None:
        return detail[name], "the detail"
    return None, "the list" if name in item else "the detail" if name in detail else MISSING


def _show_steps(console: Console, steps: list[dict[str, Any]], words: Words) -> None:
    if console.width < _TABLE_NEEDS:
        for step in steps:
            _show_step(console, step, words)
        return
    shown = table(*map(words, ("component", "type", "template", "inputs", "rules", "output")))
    for step in steps:
        add_row(
            shown,
            named(step),
            _kind(step),
            step["template"],
            _inputs(step),
            _rules(step, words),
            _output(step),
        )
    console.print(shown)


def _show_step(console: Console, step: dict[str, Any], words: Words) -> None:
    """One below the other, where six columns would break every name in two."""
    console.print(Text(named(step)) + Text(f"  {_kind(step)}", style="dim"))
    rows = [
        ("template", Text(step["template"])),
        ("inputs", Text(_inputs(step))),
        ("rules", _rules(step, words)),
        ("output", _output(step)),
    ]
    console.print(facts([(f"  {words(name)}", told) for name, told in rows if told]))


def _kind(step: dict[str, Any]) -> str:
    same = step["kind"] == step["type"] or not step["type"]
    return str(step["type"] if same else f"{step['type']} → {step['kind']}")


def _inputs(step: dict[str, Any]) -> str:
    return "\n".join(f"{name} = {_text(value)}" for name, value in step["inputs"].items())


def _rules(step: dict[str, Any], words: Words) -> Text:
    return Text("\n").join(Text(f"{one['rule']} ") + coloured(one["result"], words) for one in step["rules"])


def _output(step: dict[str, Any]) -> Text:
    """What is sent; before it, where that is something else, what the template gave."""
    if step["fault"]:
        return Text(step["fault"], style="red")
    output = _text(step["output"])
    given = MISSING if step["given"] is None else _text(step["given"])
    if given in (output, MISSING):
        return Text(output)
    return Text(f"{given} → ", style="dim") + Text(output)


def _show_result(console: Console, told: dict[str, Any], zone: ZoneInfo, words: Words) -> None:
    result, record = told["result"], told["record"]
    rows: list[tuple[str, Any]] = [(words("decision"), coloured(told["decision"], words))]
    if result["is"] in ("rejection", "filtered"):
        rows.append((words("reason"), f"{reason_label(result['reason'])} {result['detail']}"))
        rows.append((words("advice"), advice_for(result["reason"])))
    if record is not None:
        state = coloured(record["state"], words)
        is_told = result["is"] != "draft" or not record["detail"]
        rows.append((words("state then"), state + Text("" if is_told else f" {record['detail']}")))
        if result["is"] == "draft" and record["reason"]:
            # A rule that compares with other records turns it down.
            rows.append((words("reason"), reason_label(record["reason"])))
            rows.append((words("advice"), advice_for(record["reason"])))
        rows.append(("Yida instance", record["instance_id"] or words("nothing")))
        if record["delivered_at"]:
            rows.append((words("delivered"), moment(record["delivered_at"], zone)))
    console.print(facts(rows))
    if told["findings"]:
        findings = table(*map(words, ("rule", "", "component", "found", "expected")))
        for one in told["findings"]:
            where = named(one) if one["component"] else words("the whole record")
            add_row(
                findings, one["rule"], coloured(one["result"], words), where, one["found"], one["expected"]
            )
        console.print(findings)
    if told["changes"]:
        changes = table(*map(words, ("component", "in Yida", "desired")))
        for change in told["changes"]:
            add_row(changes, named(change), *difference(change["old"], change["new"], _LONGEST))
        console.print(changes)
    text = words("Nothing was written: neither to Yida nor to the ledger.")
    console.print(Text(text, style="yellow"))


def _text(value: Any) -> str:
    """A value with its type in sight: text in quotes, nothing as a dash."""
    if value is None:
        return MISSING
    return shortened(json.dumps(value, ensure_ascii=False), _LONGEST)
