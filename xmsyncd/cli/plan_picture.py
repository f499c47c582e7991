"""How a plan looks on a terminal: what would happen, what would change, what it would cost."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from xmsyncd.cli.context_parts import named, part_name
from xmsyncd.cli.differences import difference
from xmsyncd.cli.output import add_row, coloured, counts, facts, moment, span, table
from xmsyncd.cli.reasons import advice_for, reason_label, stop_advice
from xmsyncd.cli.words import Words
from xmsyncd.ledger.states import VisibleState
from xmsyncd.ledger.views import StageDecision
from xmsyncd.operations.status import wanted

_WHY: Final = {
    "never_read": "this pipeline has never read anything",
    "context_changed": "what shapes the output has changed since the last one",
    "full_every": "it is time for it again (full_every)",
    "asked_for": "as asked for",
    "watermark_ahead": "the watermark lies in OKKI's future: a clock was wrong",
    "due": "what changed since the last one",
    "only": "one record",
    "only_by_the_whole_list": "one record, found by reading the whole list",
}

_ASSUMED: Final = {
    "form": "Yida was not asked: this assumes an empty form with these components; `xmsyncd check` tells.",
    "components": "Yida was not asked: this assumes a form with these components; `xmsyncd check` tells.",
}
_PARTS_SHOWN: Final = 20


def show_plan(console: Console, plan: dict[str, Any], zone: ZoneInfo, words: Words) -> None:
    """One pipeline's plan."""
    cycle = plan["cycle"]
    console.print(Text(plan["pipeline"], style="bold"))
    rows: list[tuple[str, Any]] = [
        (words("next cycle"), _kind(cycle, words)),
        *_context(cycle, words),
        (words("window"), _window(cycle, zone, words)),
        (words("read"), f"{cycle['read']:,} ({cycle['pages']:,} {words('pages')})"),
        (words("decisions"), counts(cycle["decisions"], StageDecision, words)),
    ]
    if cycle["result"] != "done":
        rows.append((words("result"), coloured(cycle["result"], words)))
    rows += [
        (words(name), f"{cycle[key]:,}")
        for name, key in (("taken for deleted", "deleted"), ("absent, not believed", "absences_doubted"))
        if cycle[key]
    ]
    rows += _cost(plan, words)
    rows.append((words("in Yida then"), counts(wanted(plan), VisibleState, words)))
    if plan["stop"]:
        stop = plan["stop"]
        rows.append((words("stop"), f"{stop['reason']}: {stop['detail']}"))
        rows.append((words("advice"), stop_advice(stop["reason"])))
    console.print(facts(rows))
    _show_changes(console, plan, words)
    for name in ("rejected", "waiting"):
        _show_away(console, name, plan[name], words)
    for line in (*_advice(plan, words), words("Nothing was written: neither to Yida nor to the ledger.")):
        console.print(Text(line, style="yellow"))


def _kind(cycle: dict[str, Any], words: Words) -> Text:
    reason = cycle["reason"]
    return Text(f"{words(cycle['kind'])}: {words(_WHY.get(reason, reason))} ({reason})")


def _context(cycle: dict[str, Any], words: Words) -> list[tuple[str, Any]]:
    """What has changed of all that shapes the output."""
    if cycle["reason"] != "context_changed":
        return []
    if cycle["context"] is None:
        return [(words("changed"), words("not known: the last full read was made by an earlier version"))]
    lines = [f"{part_name(one, words)}: {words(one['change'])}" for one in cycle["context"][:_PARTS_SHOWN]]
    left = len(cycle["context"]) - len(lines)
    if left > 0:
        lines.append(f"… {left:,}")
    return [(words("changed"), "\n".join(lines))]


def _window(cycle: dict[str, Any], zone: ZoneInfo, words: Words) -> str:
    start = moment(cycle["start"], zone, none=words("the beginning"))
    return f"{start} … {moment(cycle['end'], zone)}"


def _cost(plan: dict[str, Any], words: Words) -> list[tuple[str, Any]]:
    calls, time = plan["calls"], plan["time"]
    parts = list(calls["sends_by_kind"].items()) + list(calls["questions"].items())
    if calls["looks"]:
        parts.append(("look", calls["looks"]))
    by_kind = " · ".join(f"{words(name)} {number:,}" for name, number in parts if number)
    text = f"{calls['metered']:,} ({by_kind})" if by_kind else f"{calls['metered']:,}"
    if calls["sends_now"]:
        text += f", {span(time['send_seconds'])}"
    rows: list[tuple[str, Any]] = [(words("calls to Yida"), text)]
    quota = calls["quota"]
    if quota["limit"]:
        left = f"{quota['left']:,} {words('of')} {quota['limit']:,} ({words('reserve')} {quota['reserve']:,})"
        rows.append((words("left of the month"), left))
    if calls["put_off"]:
        rows.append((words("not now"), Text(f"{calls['put_off']:,}", style="red")))
    okki = " · ".join(f"{name} {number:,}" for name, number in calls["okki"].items())
    asked = sum(calls["okki"].values())
    taken = "" if time["read_seconds"] is None else f", {span(time['read_seconds'])}"
    rows.append((words("calls to OKKI"), f"{asked:,} ({okki}){taken}" if okki else f"{asked:,}"))
    return rows


def _show_changes(console: Console, plan: dict[str, Any], words: Words) -> None:
    if plan["components"]:
        shown = table(words("component"), words("records"))
        for one in plan["components"]:
            add_row(shown, named(one), f"{one['count']:,}")
        console.print(shown)
        if plan["compared"] < plan["changing"]:
            console.print(Text(f"(counted over the first {plan['compared']:,} of {plan['changing']:,})"))
    if plan["changes"]:
        show_changes_of_fields(console, plan["changes"], words)
    left = plan["changing"] - len(plan["changes"])
    if left > 0:
        console.print(Text(f"… and {left:,} more (--sample all)"))


def show_changes_of_fields(console: Console, changes: list[dict[str, Any]], words: Words) -> None:
    """Record by record, old and new beside each other."""
    shown = table(*map(words, ("", "key", "component", "in Yida", "desired")))
    names = _short_names(changes)
    for record in changes:
        for number, change in enumerate(record["changes"]):
            first = number == 0
            decision = coloured(record["decision"], words) if first else ""
            old, new = difference(change["old"], change["new"])
            add_row(shown, decision, record["key"] if first else "", names[change["component"]], old, new)
    console.print(shown)


def _short_names(changes: list[dict[str, Any]]) -> dict[str, str]:
    """By component its label, where that alone tells it: the table of components stands above."""
    labels = {one["component"]: one.get("label") for record in changes for one in record["changes"]}
    used = Counter(labels.values())
    return {one: label if label and used[label] == 1 else one for one, label in labels.items()}


def _show_away(console: Console, name: str, away: dict[str, Any], words: Words) -> None:
    if not away["total"]:
        return
    console.print(coloured(name, words) + Text(f" {away['total']:,}"))
    reasons = table(words("count"), words("reason"), words("advice"))
    for reason, number in away["reasons"].items():
        add_row(reasons, f"{number:,}", reason_label(reason), advice_for(reason))
    console.print(reasons)
    if away["records"]:
        shown = table(words("key"), words("OKKI id"), words("reason"), words("detail"))
        for one in away["records"]:
            add_row(shown, one["key"] or "–", one["source_id"], one["reason"], one["detail"])
        console.print(shown)
    left = away["total"] - len(away["records"])
    if left > 0:
        console.print(Text(f"… and {left:,} more (--sample all)"))


def _advice(plan: dict[str, Any], words: Words) -> list[str]:
    lines = []
    calls, guard = plan["calls"], plan["guard"]
    if plan["assumed"]:
        lines.append(words(_ASSUMED[plan["assumed"]]))
    if plan["backlog"].get("held"):
        lines.append(
            f"The guard: at most {guard['limit']:,} of {guard['known']:,} known records are updated before "
            "a person has looked; the others wait for `xmsyncd approve`."
        )
    if calls["put_off"] and calls["quota"]["limit"]:
        lines.append(
            f"The month does not pay for {calls['put_off']:,} of them: they wait for the next month, or for "
            "a higher monthly_calls."
        )
    return lines
