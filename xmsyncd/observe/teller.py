"""What those who tell of events share: the metrics, a clock for what is told once in a while, the outages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from xmsyncd.observe.labels import Stage
from xmsyncd.observe.metrics import Metrics
from xmsyncd.observe.outages import Outages


class Teller:
    """Base of the parts of :class:`xmsyncd.observe.events.Events`. For the event loop's thread only."""

    def __init__(self, metrics: Metrics, monotonic: Callable[[], float], repeat_every: timedelta) -> None:
        self._metrics = metrics
        self._monotonic = monotonic
        self._repeat_every = repeat_every
        self._outages = Outages(repeat_every)

    def _failed(self, pipeline: str, stage: Stage, reason: str, number: int = 1) -> None:
        self._metrics.failures.labels(pipeline, stage, reason).inc(number)


def iso(moment: datetime | None) -> str | None:
    """A moment as it stands in a line."""
    return None if moment is None else moment.isoformat()


def request_id(error: BaseException) -> dict[str, str]:
    """What a vendor's support asks for first, where the vendor told it."""
    told = getattr(error, "request_id", "")
    return {"request_id": told} if told else {}


def plain(counts: Mapping[Any, int]) -> dict[str, int]:
    """Counts by name, without those that are zero."""
    return {str(name): number for name, number in counts.items() if number}
