"""``status``: how things stand, from the ledger or from the daemon that holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from xmsyncd.cli.options import Common, common_options, framed

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from xmsyncd.cli.words import Words

# As the daemon's own warning.
_LARGEST_SKEW_SECONDS = 60

_LEFT_OVER = ("parked", "undecided", "held", "pending", "sending")


@click.command("status")
@common_options
@framed
def status(common: Common) -> int:
    """How things stand: freshness, backlog, gaps, quota."""
    from xmsyncd.cli.access import call, operator
    from xmsyncd.cli.output import print_json
    from xmsyncd.cli.running import run_to_end
    from xmsyncd.cli.words import words

    settings = common.settings()

    async def work() -> int:
        async with operator(settings, needs_delivery=False) as asked:
            shown = await call(asked, "status", {})
        if common.json:
            print_json(shown)
        else:
            _print(shown, settings.zone, words())
        return exit_status(shown)

    return run_to_end(common, settings, work)


def exit_status(shown: dict[str, Any]) -> int:
    """4 for a pipeline that stands still or cannot read, 3 where something is left over, else 0."""
    from xmsyncd.operations.exit_status import ExitStatus, worst

    def status_of(one: dict[str, Any]) -> ExitStatus:
        ended = next(
            (
                cycle
                for cycle in one["cycles"]
                if cycle["finished"] is not None and cycle["kind"] != "partial"
            ),
            None,
        )
        if one["stop"] is not None or (ended is not None and ended["cannot_work"] is not None):
            return ExitStatus.CANNOT_WORK
        left_over = any(one["backlog"].get(state) for state in _LEFT_OVER)
        unproven = ended is not None and ended["result"] in ("failed", "unproven")
        gaps = any(gap["passed"] for gap in one["gaps"])
        return ExitStatus.UNFINISHED if left_over or unproven or gaps else ExitStatus.WELL

    return worst(status_of(one) for one in shown["pipelines"])


def _print(shown: dict[str, Any], zone: ZoneInfo, words: Words) -> None:
    from rich.text import Text

    from xmsyncd.cli.output import coloured, counts, facts, moment, out
    from xmsyncd.ledger.states import VisibleState

    console = out()
    for one in shown["pipelines"]:
        cycle = one["cycle"]
        rows: list[tuple[str, Any]] = [
            (words("state"), coloured(one["state"], words)),
            (words("backlog"), counts(one["backlog"], VisibleState, words)),
            (words("watermark"), moment(one["watermark"], zone, none=words("never"))),
            (words("last success"), moment(one["last_success"], zone, none=words("never"))),
            (words("next run"), moment(one["next_run"], zone)),
        ]
        if cycle is not None and cycle["result"] not in (None, "done"):
            detail = f"  {cycle['detail']}" if cycle["detail"] else ""
            rows.append((words("result"), coloured(cycle["result"], words) + Text(detail)))
        for gap in one["gaps"]:
            span = f"{moment(gap['start'], zone)} – {moment(gap['end'], zone)} ({gap['cycles']}×)"
            rows.append((words("gaps"), span))
        if one["deleted"]["count"]:
            since = moment(one["deleted"]["first"], zone)
            rows.append((words("deleted in OKKI since"), f"{one['deleted']['count']:,} ({since})"))
        if one["stop"] is not None:
            stop = one["stop"]
            since = moment(stop["since"], zone)
            rows.append((words("stop"), f"{stop['reason']} ({words('since')} {since}): {stop['detail']}"))
        console.print(Text(one["name"], style="bold"))
        console.print(facts(rows))
    console.print(facts([(words("quota"), quota_line(one, zone, words)) for one in shown["quota"]]))
    for one in shown["clocks"]:
        if abs(one["offset_seconds"] or 0) > _LARGEST_SKEW_SECONDS:
            told = f"{one['api']} {one['connection']}: {one['offset_seconds']:+,.0f} s"
            console.print(Text(f"This machine's clock is wrong: {told} by its own clock.", style="yellow"))
    if any(one["backlog"].get("held") for one in shown["pipelines"]):
        console.print(Text("`xmsyncd approve` shows the updates that wait for a person.", style="yellow"))
    if any(one["failures"] for one in shown["pipelines"]):
        console.print(Text("`xmsyncd failures list` says what did not go through, and why.", style="yellow"))


def quota_line(one: dict[str, Any], zone: ZoneInfo, words: Words) -> str:
    """A connection's month: what is used of what, by what, and how long it will last."""
    from xmsyncd.cli.output import moment

    limit = f" {words('of')} {one['limit']:,}" if one["limit"] else ""
    told = [f"{one['connection']}: {one['used']:,}{limit} {words('calls')} ({one['month']})"]
    if one["kinds"]:
        told.append(", ".join(f"{words(kind)} {calls:,}" for kind, calls in one["kinds"].items()))
    if one["limit"]:
        told.append(f"{words('reserve used')} {one['reserve_used']:,} {words('of')} {one['reserve']:,}")
        if one["told_spent"]:
            told.append(words("spent, says the vendor"))
        elif one["exhausted_at"] is None:
            told.append(words("lasts to the end of the month"))
        else:
            told.append(f"{words('spent by')} {moment(one['exhausted_at'], zone)}")
    return "; ".join(told)
