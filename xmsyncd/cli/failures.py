"""``failures``: what did not go through; listed, tried again, or let go."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from xmsyncd.cli.options import Common, common_options, framed

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from xmsyncd.cli.words import Words

_pipeline_option = click.option("--pipeline", metavar="NAME", help="This pipeline only.")


@click.group("failures", context_settings={"help_option_names": ["-h", "--help"]})
@common_options
def failures() -> None:
    """What did not go through, by reason: parked, undecided, rejected, waiting and held records."""


def _selecting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Exactly one of KEY, --reason and --all."""
    for option in (
        _pipeline_option,
        click.option("--all", "everything", is_flag=True, help="Everything that failed."),
        click.option("--reason", metavar="REASON", help="All that failed for this reason (see list)."),
        click.argument("key", required=False),
    ):
        function = option(function)
    return function


def _selection(key: str | None, reason: str | None, everything: bool) -> dict[str, Any]:
    if [bool(key), bool(reason), everything].count(True) != 1:
        raise click.UsageError("say which records: KEY, or --reason REASON, or --all")
    return {"key": key, "reason": reason, "all": everything}


@failures.command("list")
@click.option("--reason", metavar="REASON", help="Only those with this reason.")
@click.option("--state", metavar="STATE", help="parked, undecided, rejected, waiting, held or discarded.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many records."
)
@_pipeline_option
@common_options
@framed
def list_failures(
    common: Common, *, reason: str | None, state: str | None, limit: int, pipeline: str | None
) -> int:
    """List them: how many for each reason, then one by one."""
    params = {"reason": reason, "state": state, "limit": limit, "pipeline": pipeline}
    return _asked(common, "failures.list", params, _print_list)


@failures.command("retry")
@click.option(
    "--resend", is_flag=True, help="Send undecided ones again without looking: this may double them."
)
@_selecting
@common_options
@framed
def retry(
    common: Common,
    *,
    key: str | None,
    reason: str | None,
    everything: bool,
    pipeline: str | None,
    resend: bool,
) -> int:
    """Try again: parked ones are sent, undecided ones looked for, rejected ones mapped anew."""
    params = {**_selection(key, reason, everything), "pipeline": pipeline, "resend": resend}
    return _asked(common, "failures.retry", params, _print_changes)


@failures.command("discard")
@_selecting
@common_options
@framed
def discard(
    common: Common, *, key: str | None, reason: str | None, everything: bool, pipeline: str | None
) -> int:
    """Let them go, until OKKI shows something new of them."""
    params = {**_selection(key, reason, everything), "pipeline": pipeline}
    return _asked(common, "failures.discard", params, _print_changes)


_Print = Callable[[dict[str, Any], "ZoneInfo", "Words"], None]


def _asked(common: Common, name: str, params: dict[str, Any], show: _Print) -> int:
    from xmsyncd.cli.access import call, operator
    from xmsyncd.cli.errors import say
    from xmsyncd.cli.output import print_json
    from xmsyncd.cli.running import run_to_end
    from xmsyncd.cli.words import words

    settings = common.settings()

    async def work() -> int:
        async with operator(settings, needs_delivery=False) as asked:
            result = await call(asked, name, params)
            is_local = asked.is_local
        if common.json:
            print_json(result)
        else:
            show(result, settings.zone, words())
        error = result.get("error")
        if error is not None:
            say(f"error: {error['message']}")
            return int(error["exit"])
        if name == "failures.retry" and is_local and not common.json and result["total"]:
            say("No daemon is running: the next `xmsyncd sync` or `xmsyncd run` sends them.")
        return 0

    return run_to_end(common, settings, work)


def _print_list(result: dict[str, Any], zone: ZoneInfo, words: Words) -> None:
    from rich.text import Text

    from xmsyncd.cli.output import add_row, coloured, moment, out, shortened, table

    console = out()
    if not result["groups"]:
        console.print(Text(words("failures of this kind: none")))
        return
    groups = table(*map(words, ("pipeline", "state", "reason", "count", "since", "example")))
    for one in result["groups"]:
        state = coloured(one["state"], words)
        since = moment(one["first"], zone)
        add_row(groups, one["pipeline"], state, one["reason"], f"{one['count']:,}", since, one["sample"])
    console.print(groups)
    records = table(*map(words, ("key", "OKKI id", "state", "reason", "detail", "since")))
    for one in result["records"]:
        state = coloured(one["state"], words)
        detail = shortened(one["detail"])
        since = moment(one["since"], zone)
        add_row(records, one["key"] or "–", one["source_id"], state, one["reason"], detail, since)
    console.print(records)
    left = result["total"] - len(result["records"])
    if left > 0:
        console.print(Text(f"… and {left:,} more (--limit, --reason)"))


def _print_changes(result: dict[str, Any], zone: ZoneInfo, words: Words) -> None:
    from rich.text import Text

    from xmsyncd.cli.output import add_row, coloured, counts, out, shortened, table
    from xmsyncd.ledger.states import VisibleState

    console = out()
    if not result["total"]:
        console.print(Text(words("failures of this kind: none")))
        return
    shown = table(*map(words, ("key", "OKKI id", "before", "after", "note")))
    for one in result["records"]:
        before, after = coloured(one["before"], words), coloured(one["after"], words)
        add_row(shown, one["key"] or "–", one["source_id"], before, after, shortened(one["note"]))
    console.print(shown)
    left = result["total"] - len(result["records"])
    if left > 0:
        console.print(Text(f"… and {left:,} more"))
    states = counts(result["counts"], VisibleState, words)
    console.print(Text(f"{result['total']:,} {words('records')}: ") + states)
