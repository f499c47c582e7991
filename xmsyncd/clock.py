"""Time as an argument: wall clock (aware UTC), monotonic clock and sleep, real or driven by a test."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

LARGEST_SKEW: Final = timedelta(minutes=1)
"""A clock that differs more from a vendor's is told as wrong: schedules, months and logs are off by it."""


class Clock(Protocol):
    """What the daemon asks of time."""

    def now(self) -> datetime:
        """The wall clock, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never steps; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; may be cancelled."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class VendorClock:
    """A vendor's clock, as its answers tell it; carried on between them by our monotonic clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: datetime | None = None
        self._told_at = 0.0
        self._offset: timedelta | None = None

    def learn(self, told: datetime) -> None:
        """An answer has just told the vendor's time."""
        self._told, self._told_at = told, self._clock.monotonic()
        self._offset = told - self._clock.now()

    @property
    def now(self) -> datetime | None:
        """The vendor's time now, whatever our wall clock was set to meanwhile; ``None``: never told.

        Whole seconds that arrived late: it errs towards the past, and more so after a machine has slept.
        """
        if self._told is None:
            return None
        return self._told + timedelta(seconds=self._clock.monotonic() - self._told_at)

    @property
    def offset(self) -> timedelta | None:
        """Theirs minus ours, when they last told it; ``None``: never."""
        return self._offset
