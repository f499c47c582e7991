"""What whoever delivers does for the ledger: lets go of what is old, and keeps older copies tellable."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from xmsyncd.clock import Clock
from xmsyncd.ledger import Ledger
from xmsyncd.ledger.thinning import Thinned, thin
from xmsyncd.settings import LedgerSettings

# How often the file beside the ledger sees its present state: an older copy is known by it.
_MARK_EVERY: Final = timedelta(minutes=1)

_THIN_EVERY: Final = timedelta(hours=6)

# Between two steps deliveries and cycles have the ledger to themselves.
_PAUSE: Final = timedelta(milliseconds=50)


class Upkeep:
    """A task beside the deliveries; see :meth:`run`. ``thinned`` is told what a pass let go of."""

    def __init__(
        self,
        ledger: Ledger,
        settings: LedgerSettings,
        *,
        clock: Clock,
        thinned: Callable[[Mapping[str, int]], None],
        mark_every: timedelta = _MARK_EVERY,
        thin_every: timedelta = _THIN_EVERY,
        pause: timedelta = _PAUSE,
    ) -> None:
        self._ledger = ledger
        self._keep = {
            Thinned.HISTORY: settings.keep_history,
            Thinned.ATTEMPTS: settings.keep_attempts,
            Thinned.CYCLES: settings.keep_cycles,
            Thinned.QUALITY: settings.keep_cycles,
        }
        self._clock = clock
        self._thinned = thinned
        self._mark_every = mark_every
        self._thin_every = thin_every
        self._pause = pause

    async def run(self, stopping: asyncio.Event) -> None:
        """Until asked to stop. Raises ``LedgerError``: a daemon without its memory must stop."""
        thin_at = self._clock.monotonic() + self._mark_every.total_seconds()
        while not await _is_set_within(stopping, self._mark_every):
            await self._ledger.mark_generation()
            if self._clock.monotonic() >= thin_at:
                thin_at = self._clock.monotonic() + self._thin_every.total_seconds()
                await self.thin(stopping)

    async def thin(self, stopping: asyncio.Event) -> dict[str, int]:
        """One pass over everything, in short transactions; returns what was let go of."""
        now = self._clock.now()
        counts = {
            what.value: await self._thin(what, now - keep, stopping) for what, keep in self._keep.items()
        }
        if any(counts.values()):
            self._thinned(counts)
        return counts

    async def _thin(self, what: Thinned, before: datetime, stopping: asyncio.Event) -> int:
        deleted, after = 0, 0
        while True:
            step = await self._ledger.write(thin, what, after, before)
            deleted += step.deleted
            if step.next_after is None:
                return deleted
            after = step.next_after
            if await _is_set_within(stopping, self._pause):
                return deleted


async def _is_set_within(event: asyncio.Event, span: timedelta) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(span.total_seconds()):
            await event.wait()
    return event.is_set()
