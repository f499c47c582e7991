"""``explain``: the life of one record, as a timeline."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from xmsyncd.cli.options import Common, common_options, framed
from xmsyncd.showing import cut_to

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from rich.console import Console

    from xmsyncd.cli.words import Words

# Characters of a value: a remark of any length stands in full, a megabyte does not. --json has it all.
_LONGEST: Final = 4_000


@click.command("explain")
@click.argument("key")
@click.option("--pipeline", metavar="NAME", help="Look in this pipeline only.")
@common_options
@framed
def explain(common: Common, *, key: str, pipeline: str | None) -> int:
    """The life of one record, by its key, its OKKI id or its Yida instance id."""
    from xmsyncd.cli.access import call, operator
    from xmsyncd.cli.output import print_json
    from xmsyncd.cli.running import run_to_end
    from xmsyncd.cli.words import words

    settings = common.settings()

    async def work() -> int:
        async with operator(settings, needs_delivery=False) as asked:
            told = await call(asked, "explain", {"key": key, "pipeline": pipeline})
        if common.json:
            print_json(told)
        else:
            _print(told, settings.zone, words())
        return 0

    return run_to_end(common, settings, work)


def _print(told: dict[str, Any], zone: ZoneInfo, words: Words) -> None:
    from xmsyncd.cli.output import out

    console = out()
    for life in told["records"]:
        _print_life(console, life, zone, words)


def _print_life(console: Console, life: dict[str, Any], zone: ZoneInfo, words: Words) -> None:
    from rich.text import Text

    from xmsyncd.cli.output import add_row, coloured, facts, moment, table
    from xmsyncd.cli.reasons import advice_for, reason_label

    record = life["record"]
    title = f"{life['pipeline']}  {record['key'] or '–'}  (OKKI {record['source_id']})"
    rows: list[tuple[str, Any]] = [(words("state"), coloured(record["state"], words))]
    if record["state"] not in ("delivered", "pending", "sending"):
        detail = record["rejection_detail"] or record["block_detail"]
        rows.append((words("reason"), f"{reason_label(record['reason'])} {detail}".strip()))
        rows.append((words("advice"), advice_for(record["reason"])))
        rows.append((words("since"), moment(record["since"], zone)))
    if record["accepted_hash"] is not None and record["accepted_hash"] == record["content_hash"]:
        rows.append((words("accepted"), words("by a person, in spite of a rule")))
    rows += [
        ("OKKI update_time", moment(record["updated_at"], zone)),
        ("Yida instance", record["instance_id"] or words("nothing")),
        (words("calls"), cost(life["cost"], words)),
    ]
    if record["filtered_by"] is not None:
        rows.append((words("left out by where"), record["filtered_by"]))
    if record["deleted_at"] is not None:
        rows.append((words("deleted in OKKI since"), moment(record["deleted_at"], zone)))
    rows += [
        (f"Yida {one['role']}", f"{one['instance_id']} ({one['origin']})")
        for one in life["instances"]
        if one["role"] != "bound"
    ]
    console.print(Text(title, style="bold"))
    console.print(facts(rows))
    rules = quality_rows(life, words)
    if rules:
        asked = table(*map(words, ("field", "rule", "result", "what was found")))
        for rule in rules:
            add_row(asked, *rule)
        console.print(asked)
    for reason in dict.fromkeys(one["reason"] for one in life["quality"] if one["result"] == "warned"):
        console.print(Text(f"{reason_label(reason)}: {advice_for(reason)}"))
    timeline = table(words("time"), words("what happened"))
    for at, what in timeline_of(life):
        add_row(timeline, moment(at, zone, precise=True), what)
    console.print(timeline)
    content = content_rows(life)
    if content:
        shown = table(words("component"), words("desired"), words("in Yida"))
        for row in content:
            add_row(shown, *row)
        console.print(shown)


def cost(told: dict[str, int], words: Words) -> str:
    """The calls that a record cost, in all and by what they were for."""
    parts = [(name, told[f"{name}s"]) for name in ("create", "update", "look")]
    by_kind = ", ".join(f"{words(name)} {number}" for name, number in parts if number)
    return f"{told['calls']} ({by_kind})" if by_kind else str(told["calls"])


def timeline_of(life: dict[str, Any]) -> list[tuple[str, str]]:
    """Everything that happened, oldest first, as (ISO time, sentence)."""
    events = [(life["record"]["first_seen_at"], "first seen in OKKI's list")]
    for one in life["attempts"]:
        events.append((one["claimed_at"], f"{one['operation']} sent (attempt {one['id']}, key {one['key']})"))
        if one["settled_at"] is not None:
            words = [one["outcome"] or "", one["code"], one["message"]]
            request = f"(request {one['request_id']})" if one["request_id"] else ""
            ended = " ".join(word for word in (*words, request) if word)
            events.append((one["settled_at"], f"attempt {one['id']} ended: {ended}"))
    for one in life["history"]:
        told = [
            f"{name} {value}"
            for name, value in (one["detail"] or {}).items()
            if value not in (None, "") and not name.endswith("_hash")
        ]
        happened = one["event"].replace("_", " ")
        events.append((one["at"], ": ".join([happened, ", ".join(told)] if told else [happened])))
    return sorted(events, key=lambda event: event[0])


def quality_rows(life: dict[str, Any], words: Words) -> list[tuple[str, str, str, str]]:
    """Of each rule: field, rule, what it came to, and what it found where it was not kept."""
    rows = []
    for one in life["quality"]:
        component, label = one["component"], one["label"]
        field = f"{component} ({label})" if label else component or words("the record")
        told = ""
        if one["result"] not in (None, "kept"):
            becomes = f" → {one['fixed']}" if one["fixed"] else ""
            told = f"{one['found']}{becomes}; {words('expected')} {one['expected']}"
        rule = f"{one['rule']} ({one['demand']})" if one["demand"] else one["rule"]
        rows.append((field, rule, words(one["result"] or "not asked"), told))
    return rows


def _written(value: Any) -> str:
    """Text as it is, nothing as nothing, all else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def content_rows(life: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Component, what is desired, what Yida holds ("=" where it is the same)."""
    desired, delivered = life["desired"] or {}, life["delivered"] or {}
    rows = []
    for component in {**desired, **delivered}:
        label = life["labels"].get(component)
        wanted, holds = (_written(side.get(component, "")) for side in (desired, delivered))
        same = component in delivered and component in desired and wanted == holds
        name = f"{component} ({label})" if label else component
        rows.append((name, cut_to(wanted, _LONGEST), "=" if same else cut_to(holds, _LONGEST)))
    return rows
