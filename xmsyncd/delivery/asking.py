"""What all who ask Yida about one pipeline work with: its looks, and the questions of its first day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from xmsyncd.delivery.parts import DeliveryParts
from xmsyncd.delivery.policy import next_probe_at
from xmsyncd.delivery.target import Target
from xmsyncd.delivery.waiting import Stoppable
from xmsyncd.errors import CannotWorkError, ReserveSpentError, TryLaterError, XmsyncdError
from xmsyncd.ledger import instances, pipelines
from xmsyncd.ledger.views import KnownInstance, PipelineView, Stop
from xmsyncd.records import StopReason, StopSource

_TOKEN = "token"


@dataclass(frozen=True, slots=True)
class Asking:
    """One pipeline, whom to ask about it, and how long to wait for that."""

    parts: DeliveryParts
    target: Target
    waits: Stoppable
    what: str
    """What is asked for, for the log."""

    async def view(self) -> PipelineView:
        """The pipeline as the ledger knows it."""
        return await self.parts.ledger.read(pipelines.view, self.parts.pipeline)

    async def stop(self, reason: StopReason, detail: str, source: StopSource) -> Stop:
        """Let the pipeline stand still, or put its next probe off if it does."""
        parts, now = self.parts, self.parts.clock.now()
        stop = Stop(reason, detail, now, next_probe_at(reason, source, now, parts.rules), source)
        if await parts.ledger.write(pipelines.stop, parts.pipeline, stop):
            parts.events.pipeline_stopped(parts.pipeline, stop)
        return stop

    async def stop_for(self, error: CannotWorkError) -> Stop:
        """Let it stand still for what a read came to."""
        return await self.stop(error.reason, str(error), source_of(error))

    async def may_probe(self) -> bool:
        """Take the one call that a stopped pipeline may try now, if nobody else has."""
        parts, every = self.parts, self.parts.rules.probe_every
        return await parts.ledger.write(pipelines.take_probe, parts.pipeline, parts.clock.now(), every)

    async def lose(self, known: KnownInstance) -> None:
        """An instance is gone from Yida: its record is told now, not when its product next changes."""
        parts = self.parts
        if await parts.ledger.write(instances.lost, parts.form, known.instance_id, parts.clock.now()):
            parts.events.instance_vanished(parts.pipeline, known.instance_id, known.key)

    async def resume(self, *reasons: StopReason) -> None:
        """End its stop if it stands for one of these."""
        parts = self.parts
        stop = (await self.view()).stop
        if stop is not None and stop.reason in reasons:
            await parts.ledger.write(pipelines.resume, parts.pipeline, parts.clock.now())
            parts.events.pipeline_resumed(parts.pipeline, stop.reason)
            parts.bell.ring()

    def put_off(self, error: XmsyncdError) -> None:
        """Say that Yida could not answer now."""
        self.parts.events.read_put_off(self.parts.pipeline, self.what, error)

    def pause_after(self, failures_in_a_row: int, told: timedelta | None) -> timedelta:
        """How long to leave Yida alone after failures in a row, unless it told a time."""
        growing = self.parts.rules.retry_base * 2 ** min(failures_in_a_row, 10)
        return told or min(growing, self.parts.rules.retry_cap)


def source_of(error: CannotWorkError) -> StopSource:
    """What a read that may not go on was stopped by."""
    if isinstance(error, ReserveSpentError):
        return StopSource.OURSELVES
    return StopSource.TOKEN if error.endpoint == _TOKEN else StopSource.READ


def told_wait(error: Exception) -> timedelta | None:
    """The pause that an error of a read asks for."""
    return error.wait if isinstance(error, TryLaterError) else None
