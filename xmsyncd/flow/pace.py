"""A steady pace of permits to call, without bursts: vendors count in one-second windows (steps 1 and 4)."""

from __future__ import annotations

import asyncio
import math
from datetime import timedelta
from typing import Final

from aiolimiter import AsyncLimiter

from xmsyncd.clock import Clock

# The bucket drips this much slower than asked for. Twenty gaps of exactly 1/20 s may add up to a hair less
# than a second in floating point, and the 21st permit would fall into the same window.
_MARGIN: Final = 1e-6
# A bucket of one permit loses each timer's lateness: 5 % at 100/s, 25 % at 1000/s (measured). A bucket of
# 10 ms worth does not, and up to 100/s it is still one permit.
_BUCKET_SECONDS: Final = 0.010


class Pacer:
    """Hands out permits in the order they were asked for, at most ``rate_per_second`` in *any* second.

    The bound holds for every half-open window of one second: from a cold start, after idling and after a
    stalled loop; for a rate that is not whole it is the next whole number. At least 0.99 of the rate can be
    used. To be made and used inside one running loop, whose time the limiter goes by; ``clock`` (for
    pauses) must run at the same speed.

    The parts are aiolimiter's bucket and a lock. The bucket alone would not do: its documented form
    ``AsyncLimiter(20, 1)`` lets 39 calls into the first second, a newcomer overtakes those who wait, and
    its rate cannot be changed.
    """

    def __init__(self, rate_per_second: float, *, clock: Clock) -> None:
        self._clock = clock
        self._rate = _checked(rate_per_second)
        self._limiter: AsyncLimiter | None = None
        # Held by the one task that waits for the bucket; the others queue here, and asyncio's lock is fair.
        self._turn = asyncio.Lock()
        self._waiting_for_bucket: asyncio.Timeout | None = None
        self._paused_until = -math.inf
        self._last_permit_at = -math.inf

    @property
    def rate(self) -> float:
        """Permits per second."""
        return self._rate

    @rate.setter
    def rate(self, rate_per_second: float) -> None:
        rate_per_second = _checked(rate_per_second)
        if rate_per_second == self._rate:
            return
        self._rate = rate_per_second
        self._limiter = None
        waiting = self._waiting_for_bucket
        if waiting is not None and not waiting.expired():
            waiting.reschedule(asyncio.get_running_loop().time())  # it waits on by the new rate

    @property
    def paused_for(self) -> timedelta:
        """What is left of the pause, 0 when there is none."""
        return timedelta(seconds=max(self._paused_until - self._clock.monotonic(), 0.0))

    def pause(self, duration: timedelta) -> None:
        """Nobody gets a permit for so long; of two pauses the one that ends later holds."""
        self._paused_until = max(self._paused_until, self._clock.monotonic() + duration.total_seconds())

    def ready(self) -> bool:
        """Whether a permit is free this instant and nobody waits for one."""
        if self._turn.locked() or self._clock.monotonic() < self._paused_until:
            return False
        limiter = self._limiter
        if limiter is None:
            return self._level_of_new_bucket() + 1.0 <= _bucket_size(self._rate)
        return limiter.has_capacity()

    async def acquire(self) -> None:
        """Wait for a permit; who asked first gets it first.

        A waiter that is cancelled takes nothing from the others.
        """
        async with self._turn:
            while True:
                pause_seconds = self._paused_until - self._clock.monotonic()
                if pause_seconds > 0:
                    await self._clock.sleep(pause_seconds)
                elif await self._take_from_bucket() and self._clock.monotonic() >= self._paused_until:
                    break
            self._last_permit_at = asyncio.get_running_loop().time()

    async def _take_from_bucket(self) -> bool:
        """Wait for the bucket; ``False`` when its rate was changed meanwhile."""
        limiter = self._limiter
        if limiter is None:
            limiter = await self._new_bucket()
        try:
            async with asyncio.timeout(None) as waiting:
                self._waiting_for_bucket = waiting
                await limiter.acquire()
        except TimeoutError:
            return False
        finally:
            self._waiting_for_bucket = None
        return limiter is self._limiter

    async def _new_bucket(self) -> AsyncLimiter:
        size = _bucket_size(self._rate)
        limiter = AsyncLimiter(size, size / _drip_per_second(self._rate))
        # Filled to where the old one can have been at most, or each change of rate would give a burst away.
        # The bucket is empty, so this does not wait.
        await limiter.acquire(self._level_of_new_bucket())
        self._limiter = limiter
        return limiter

    def _level_of_new_bucket(self) -> float:
        size = _bucket_size(self._rate)
        idle_seconds = asyncio.get_running_loop().time() - self._last_permit_at
        return min(max(size - idle_seconds * _drip_per_second(self._rate), 0.0), float(size))


def _bucket_size(rate_per_second: float) -> int:
    return max(1, math.ceil(rate_per_second * _BUCKET_SECONDS))


def _drip_per_second(rate_per_second: float) -> float:
    # A bucket of `size` adds size - 1 permits to what drips through in a second; what drips makes room for
    # them. For the 100/s and less of these vendors that is nothing, at most it is 1 %.
    return (rate_per_second - (_bucket_size(rate_per_second) - 1)) * (1.0 - _MARGIN)


def _checked(rate_per_second: float) -> float:
    if not (rate_per_second > 0 and math.isfinite(rate_per_second)):
        raise ValueError(f"a pace must be above 0 per second, not {rate_per_second!r}")
    return rate_per_second
