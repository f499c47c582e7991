"""The daemon compares ledger and Yida by itself now and then: a report, where the calls can be spared."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any, Protocol

from xmsyncd.delivery.waiting import Stoppable
from xmsyncd.errors import CannotWorkError, LedgerError, StoppedError, XmsyncdError
from xmsyncd.ledger import instances, pipelines
from xmsyncd.observe.labels import LeftOut
from xmsyncd.operations.exit_status import BusyError, ScarceQuotaError
from xmsyncd.operations.reconcile import reconcile
from xmsyncd.operations.runtime import PipelineRuntime, Runtime
from xmsyncd.records import StopReason

# The vendor advises to keep timed work off the full hour, when everybody's is due.
_OFF_THE_HOUR = timedelta(minutes=7)
_HOUR = timedelta(hours=1)
_SPREAD_SECONDS = 40 * 60


class ReconcileEvents(Protocol):
    """Who is told what a scheduled comparison came to."""

    def reconciled(self, pipeline: str, report: dict[str, Any]) -> None: ...
    def reconcile_left_out(self, pipeline: str, reason: LeftOut, error: XmsyncdError) -> None: ...


class ScheduledReconcile:
    """Compares once for each ring. What keeps it from doing so is told, and the next ring tries again."""

    def __init__(self, runtime: Runtime, pipeline: PipelineRuntime, events: ReconcileEvents) -> None:
        self._runtime = runtime
        self._pipeline = pipeline
        self._events = events
        self._rung = pipeline.reconcile_due
        self._waits = Stoppable(runtime.stopping, runtime.clock)

    async def run(self) -> None:
        """Until the daemon stops, which cuts a comparison short: the last report stays, nothing was sent.

        Raises ``LedgerError``: without its memory the daemon cannot go on.
        """
        while await self._waits.unless_stopped(self._rung.wait()):
            self._rung.clear()
            await self._waits.unless_stopped(self._once())

    async def _once(self) -> None:
        name = self._pipeline.name
        view = await self._runtime.ledger.read(pipelines.view, name)
        if view.stop is not None or not await self._runtime.ledger.read(instances.current_ids, name):
            return  # there is nothing to compare yet, or something else to mend first
        try:
            async for told in reconcile(self._runtime, self._pipeline, apply=False, yes=False):
                if told["phase"] == "done":
                    self._events.reconciled(self._pipeline.name, told)
        except (LedgerError, StoppedError) as error:
            if isinstance(error, LedgerError):
                raise
        except XmsyncdError as error:
            self._events.reconcile_left_out(self._pipeline.name, left_out_for(error), error)


def left_out_for(error: XmsyncdError) -> LeftOut:
    """Why a comparison was not made, in a word."""
    match error:
        case ScarceQuotaError() | CannotWorkError(reason=StopReason.QUOTA):
            return LeftOut.QUOTA
        case BusyError():
            return LeftOut.BUSY
        case _:
            return LeftOut.FAILED


def first_after(now: datetime, last: datetime | None, every: timedelta, rng: random.Random) -> timedelta:
    """How long after a start the first comparison is due: when the last one is old enough, off the full hour.

    A restart does not bring it forward, and several pipelines do not begin together.
    """
    due = now if last is None else max(now, last + every)
    at = due + timedelta(seconds=rng.uniform(0.05, 1) * min(_SPREAD_SECONDS, every.total_seconds() / 2))
    if every >= _HOUR:
        past = timedelta(minutes=at.minute, seconds=at.second)
        if past < _OFF_THE_HOUR or past > _HOUR - _OFF_THE_HOUR:
            at += 2 * _OFF_THE_HOUR
    return at - now
