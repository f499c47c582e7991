"""``quality``: what the rules of quality found, rule by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from xmsyncd.cli.options import Common, common_options, framed

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from xmsyncd.cli.words import Words


@click.group("quality", context_settings={"help_option_names": ["-h", "--help"]})
@common_options
def quality() -> None:
    """What the rules of `quality` found."""


@quality.command("report")
@click.argument("pipeline", required=False)
@click.option("--since", metavar="T", help="Count from then on (its hour): 2026-11-20, or 24h, 7d ago.")
@common_options
@framed
def report(common: Common, *, pipeline: str | None, since: str | None) -> int:
    """Of each rule and field: checked, kept, warned, fixed, rejected, and the last value that broke it."""
    from xmsyncd.cli.asking import ask
    from xmsyncd.cli.output import print_json
    from xmsyncd.cli.words import words

    settings = common.settings()
    params = {"pipeline": pipeline, "since": _moment(since, settings.zone)}
    asked = ask(common, settings, "quality.report", params)
    if asked.status:
        return asked.status
    if common.json:
        print_json(asked.value)
    else:
        _print(asked.value, settings.zone, words())
    return 0


def _moment(text: str | None, zone: ZoneInfo) -> str | None:
    """An ISO time for a time of the past, or for a duration before now. Raises ``ConfigurationError``."""
    if text is None:
        return None
    import contextlib
    from datetime import UTC, datetime

    from xmsyncd.cycle.plan import CycleRequest
    from xmsyncd.operations.chosen_window import chosen_window
    from xmsyncd.settings import parse_duration
    from xmsyncd.settings.values import BadValueError

    now = datetime.now(UTC)
    with contextlib.suppress(BadValueError, OverflowError):
        return (now - parse_duration(text)).isoformat()
    start, _ = chosen_window(text, None, request=CycleRequest(), zone=zone, now=now)
    return None if start is None else start.isoformat()


def _print(result: dict[str, Any], zone: ZoneInfo, words: Words) -> None:
    from rich.text import Text

    from xmsyncd.cli.output import moment, out
    from xmsyncd.cli.reasons import reason_label

    console = out()
    if result["since"] is not None:
        console.print(Text(f"{words('since')} {moment(result['since'], zone)}"))
    for one in result["pipelines"]:
        console.print(Text(one["pipeline"], style="bold"))
        if one["rules"]:
            console.print(_table(one["rules"], zone, words))
        else:
            console.print(Text(words("no rules are configured")))
        for other in one["rejected"]:
            told = [reason_label(other["reason"]), other["component"], f"{other['number']:,}"]
            console.print(Text(f"{words('rejected')}: {'  '.join(part for part in told if part)}"))
    if any(rule["standing"] for one in result["pipelines"] for rule in one["rules"]):
        console.print(Text("xmsyncd failures list --state rejected"))


def _table(rules: list[dict[str, Any]], zone: ZoneInfo, words: Words) -> Any:
    from xmsyncd.cli.output import add_row, moment, shortened, table

    numbers = ("checked", "kept", "warned", "fixed", "rejected", "rejected now")
    shown = table(*map(words, ("field", "rule", "on failure", *numbers, "last value", "record", "time")))
    for column in shown.columns[3:9]:
        column.justify = "right"
    for rule in rules:
        field = f"{rule['label']} ({rule['component']})" if rule["label"] else rule["component"]
        on_fail = words("not configured now") if rule["on_fail"] is None else words(rule["on_fail"])
        add_row(
            shown,
            field or words("the record"),
            rule["rule"],
            on_fail,
            *(_number(rule[name]) for name in ("seen", "kept", "warned", "fixed", "rejected", "standing")),
            shortened(rule["sample"], 40) if rule["sample"] is not None else "–",
            rule["sample_key"] or "–",
            moment(rule["sample_at"], zone),
        )
    return shown


def _number(value: int) -> str:
    return f"{value:,}" if value else "–"
