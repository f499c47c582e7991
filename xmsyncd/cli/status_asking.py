"""How things stand, asked once, and the exit status that it amounts to."""

from __future__ import annotations

from typing import Any

from xmsyncd.cli.access import call, operator
from xmsyncd.operations.exit_status import ExitStatus, worst
from xmsyncd.settings import Settings

_LEFT_OVER = ("parked", "undecided", "held", "pending", "sending")


async def asked(settings: Settings) -> dict[str, Any]:
    """The status, from the ledger's holder or from the ledger, which is held no longer than that takes."""
    async with operator(settings, needs_delivery=False) as someone:
        shown: dict[str, Any] = await call(someone, "status", {})
        return shown


def exit_status(shown: dict[str, Any]) -> int:
    """4 for a pipeline that stands still or cannot read, 3 where something is left over, else 0."""

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
