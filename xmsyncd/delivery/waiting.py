"""Waits that a stop ends at once, and a bell that wakes whoever waits for work."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from datetime import datetime, timedelta

from xmsyncd.clock import Clock

# Nobody waits longer than this without looking again: it bounds what a stepped clock can do.
LONGEST_WAIT = timedelta(seconds=30)


class Bell:
    """Rung when there may be new work. Each listener has its own, so that none misses a ring."""

    def __init__(self) -> None:
        self._listeners: list[asyncio.Event] = []

    def listen(self) -> asyncio.Event:
        """An event that every ring sets, and that its listener clears."""
        event = asyncio.Event()
        self._listeners.append(event)
        return event

    def ring(self) -> None:
        """Wake everybody."""
        for event in self._listeners:
            event.set()


class Stoppable:
    """Waiting that ends early when the daemon is asked to stop."""

    def __init__(self, stopping: asyncio.Event, clock: Clock) -> None:
        self.stopping = stopping
        self._clock = clock

    async def unless_stopped(self, awaitable: Awaitable[object]) -> bool:
        """Await it; ``False`` (and the awaitable cancelled) when the stop came first."""
        if self.stopping.is_set():
            task = asyncio.ensure_future(awaitable)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            return False
        work = asyncio.ensure_future(awaitable)
        stop = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            work.cancel()
            raise
        finally:
            stop.cancel()
        if work.done():
            work.result()
            return True
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        return False

    async def until(self, due_at: datetime | None, bell: asyncio.Event) -> bool:
        """Wait for the bell or for ``due_at`` (at most half a minute); ``False`` when stopped."""
        wait = LONGEST_WAIT if due_at is None else min(LONGEST_WAIT, due_at - self._clock.now())
        if wait <= timedelta(0):
            return not self.stopping.is_set()

        async def ring_or_time() -> None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait.total_seconds()):
                    await bell.wait()

        return await self.unless_stopped(ring_or_time())
