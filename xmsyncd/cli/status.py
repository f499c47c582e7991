"""``status``: how things stand, from the ledger or from the daemon that holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from xmsyncd.cli.options import Common, common_options, framed

if TYPE_CHECKING:
    from xmsyncd.settings import Settings

_LEFT_OVER = ("parked", "undecided", "held", "pending", "sending")


@click.command("status")
@click.option("--watch", is_flag=True, help="Show it again and again, until Ctrl-C.")
@common_options
@framed
def status(common: Common, *, watch: bool) -> int:
    """How things stand: freshness, backlog, failures, cycles, gaps, rates, quota."""
    from xmsyncd.cli.output import print_json
    from xmsyncd.cli.running import run_to_end

    settings = common.settings()

    async def work() -> int:
        if watch:
            from xmsyncd.cli.status_watch import watch_status

            return await watch_status(settings, as_json=common.json)
        shown = await asked(settings)
        if common.json:
            print_json(shown)
        else:
            from xmsyncd.cli.output import out
            from xmsyncd.cli.status_picture import picture
            from xmsyncd.cli.words import words

            out().print(picture(shown, settings.zone, words()))
        return exit_status(shown)

    return run_to_end(common, settings, work)


async def asked(settings: Settings) -> dict[str, Any]:
    """The status, from the ledger's holder or from the ledger, which is held no longer than that takes."""
    from xmsyncd.cli.access import call, operator

    async with operator(settings, needs_delivery=False) as someone:
        shown: dict[str, Any] = await call(someone, "status", {})
        return shown


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
