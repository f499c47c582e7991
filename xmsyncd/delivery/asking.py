"""What all who ask Yida about one pipeline work with: its looks, and the questions of its first day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from xmsyncd.clock import Clock
from xmsyncd.delivery.policy import SendingRules, next_probe_at
from xmsyncd.delivery.target import Target
from xmsyncd.delivery.waiting import Bell, Stoppable
from xmsyncd.errors import CannotWorkError, ReserveSpentError, TryLaterError, XmsyncdError
from xmsyncd.ledger import Ledger, instances, pipelines
from xmsyncd.ledger.meters import Meter
from xmsyncd.ledger.views import KnownInstance, PipelineView, Stop
from xmsyncd.records import StopReason, StopSource

_TOKEN = "token"


@dataclass(frozen=True, slots=True)
class Asking:
    """One pipeline, whom to ask, by which rules, and who is told what came of it."""

    pipeline: str
    form: str
    ledger: Ledger
    target: Target
    rules: SendingRules
    meter: Callable[[], Meter]
    bell: Bell
    waits: Stoppable
    clock: Clock
    stopped: Callable[[Stop], None]
    resumed: Callable[[StopReason], None]
    put_off: Callable[[XmsyncdError], None]
    vanished: Callable[[KnownInstance], None]

    async def view(self) -> PipelineView:
        """The pipeline as the ledger knows it."""
        return await self.ledger.read(pipelines.view, self.pipeline)

    async def stop(self, reason: StopReason, detail: str, source: StopSource) -> Stop:
        """Let the pipeline stand still, or put its next probe off if it does."""
        now = self.clock.now()
        stop = Stop(reason, detail, now, next_probe_at(reason, source, now, self.rules), source)
        if await self.ledger.write(pipelines.stop, self.pipeline, stop):
            self.stopped(stop)
        return stop

    async def stop_for(self, error: CannotWorkError) -> Stop:
        """Let it stand still for what a read came to."""
        return await self.stop(error.reason, str(error), source_of(error))

    async def may_probe(self) -> bool:
        """Take the one call that a stopped pipeline may try now, if nobody else has."""
        return await self.ledger.write(
            pipelines.take_probe, self.pipeline, self.clock.now(), self.rules.probe_every
        )

    async def lose(self, known: KnownInstance) -> None:
        """An instance is gone from Yida: its record is told now, not when its product next changes."""
        if await self.ledger.write(instances.lost, self.form, known.instance_id, self.clock.now()):
            self.vanished(known)

    async def resume(self, *reasons: StopReason) -> None:
        """End its stop if it stands for one of these."""
        stop = (await self.view()).stop
        if stop is not None and stop.reason in reasons:
            await self.ledger.write(pipelines.resume, self.pipeline, self.clock.now())
            self.resumed(stop.reason)
            self.bell.ring()

    def pause_after(self, failures_in_a_row: int, told: timedelta | None) -> timedelta:
        """How long to leave Yida alone after failures in a row, unless it told a time."""
        growing = self.rules.retry_base * 2 ** min(failures_in_a_row, 10)
        return told or min(growing, self.rules.retry_cap)


def source_of(error: CannotWorkError) -> StopSource:
    """What a read that may not go on was stopped by."""
    if isinstance(error, ReserveSpentError):
        return StopSource.OURSELVES
    return StopSource.TOKEN if error.endpoint == _TOKEN else StopSource.READ


def told_wait(error: Exception) -> timedelta | None:
    """The pause that an error of a read asks for."""
    return error.wait if isinstance(error, TryLaterError) else None
