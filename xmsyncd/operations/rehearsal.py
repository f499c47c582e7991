"""A cycle that nobody hears of, on a snapshot of the ledger: what ``plan`` and ``preview`` learn from.

It is the cycle itself, with its reader, shaper and staging; only its ledger is one that vanishes. What it
predicts is therefore what the next cycle does, as long as nothing changes in between.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from xmsyncd.cycle.cycle import Cycle
from xmsyncd.cycle.page_stager import PageStager
from xmsyncd.cycle.parts import CycleParts
from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.cycle.progress import CycleProgress, CycleReport, Running
from xmsyncd.cycle.shape import Shaper
from xmsyncd.errors import StoppedError
from xmsyncd.ledger import Ledger, cycles
from xmsyncd.ledger.cycles import CycleKind
from xmsyncd.ledger.guard import HeldReport
from xmsyncd.ledger.snapshot import Snapshot
from xmsyncd.ledger.staging import SetAside
from xmsyncd.ledger.views import StageDecision, StageEntry
from xmsyncd.records import RejectionReason, RuleResult

_TICK = timedelta(milliseconds=200)


@dataclass(slots=True)
class Overheard:
    """What a rehearsal says to nobody else; implements ``CycleEvents``."""

    entries: list[StageEntry] = field(default_factory=list)
    """Of a rehearsal for one product: what it was shaped into."""
    keeps_entries: bool = False
    deleted: int = 0
    doubted: int = 0

    def shaped(self, entries: Sequence[StageEntry]) -> None:
        """A page, before it is staged."""
        if self.keeps_entries:
            self.entries += entries

    def cycle_started(
        self, pipeline: str, cycle_id: int, kind: str, start: datetime | None, end: datetime
    ) -> None:
        """Nothing."""

    def page_staged(
        self,
        pipeline: str,
        decisions: Mapping[StageDecision, int],
        rejected: Mapping[RejectionReason, int],
        read: int,
    ) -> None:
        """Nothing."""

    def quality_checked(self, pipeline: str, checks: Mapping[tuple[str, str, RuleResult], int]) -> None:
        """Nothing."""

    def records_set_aside(self, pipeline: str, set_aside: Sequence[SetAside]) -> None:
        """Nothing."""

    def window_proved(self, pipeline: str, result: str) -> None:
        """Nothing."""

    def records_deleted(self, pipeline: str, number: int) -> None:
        """So many products that a full read did not show."""
        self.deleted += number

    def absences_doubted(self, pipeline: str, number: int) -> None:
        """So many that none of it is believed."""
        self.doubted += number

    def watermark_pulled_back(self, pipeline: str, was: datetime, to: datetime) -> None:
        """Nothing."""

    def cycle_finished(self, pipeline: str, report: CycleReport, seconds: float) -> None:
        """Nothing."""

    def updates_held(self, pipeline: str, report: HeldReport) -> None:
        """Nothing."""

    def cycle_failed(self, pipeline: str, error: Exception) -> None:
        """Nothing: the report has the error."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One pipeline's cycle on another ledger. ``requests``: those it has made to OKKI, by endpoint."""

    parts: CycleParts
    overheard: Overheard
    requests: Counter[str]

    @property
    def shaper(self) -> Shaper:
        """What maps its items."""
        return self.parts.shaper

    async def run(
        self, request: CycleRequest, stopping: asyncio.Event
    ) -> AsyncGenerator[CycleProgress | CycleReport]:
        """Its progress now and then, and at last its report; what ended it early is raised.

        Raises the errors of a read, ``CycleError`` and, once ``stopping`` is set, ``StoppedError``.
        """
        progress = CycleProgress()
        task = asyncio.create_task(Cycle(self.parts).run(request, progress), name="rehearsal")
        try:
            while not task.done():
                if stopping.is_set():
                    raise StoppedError("stopped before the list was read; nothing was changed")
                yield progress
                await asyncio.wait({task}, timeout=_TICK.total_seconds())
            report = task.result()
        finally:
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if report.error is not None:
            raise report.error
        yield report

    async def stage(self, entry: StageEntry) -> None:
        """Stage one item that no list has shown."""
        parts, now = self.parts, self.parts.clock.now()
        cycle_id = await parts.ledger.write(cycles.begin, parts.pipeline, CycleKind.PARTIAL, None, now, now)
        await PageStager(parts).stage_one(entry, Running(CycleProgress(), cycle_id=cycle_id))


@contextlib.asynccontextmanager
async def rehearsed_on(ledger: Ledger) -> AsyncIterator[Ledger]:
    """A snapshot of the ledger; one that is a snapshot already serves as it is."""
    if isinstance(ledger, Snapshot):
        yield ledger
        return
    async with Snapshot(ledger.path) as snapshot:
        yield snapshot


def read_progress(pipeline: str, progress: CycleProgress) -> dict[str, Any]:
    """``{"phase": "read", "pipeline", "done", "total", …}``: how far the reading has come."""
    return {
        "phase": "read",
        "pipeline": pipeline,
        "kind": progress.kind,
        "reason": progress.reason,
        "done": progress.read,
        "total": progress.total,
        "pages": progress.pages,
        "decisions": dict(progress.decisions),
    }
