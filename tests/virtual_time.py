"""An event loop whose time jumps to the next timer instead of passing, and the clock that goes with it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

_T = TypeVar("_T")

_START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Timers fire in their order at once; ``stall`` is a loop that is blocked for a while."""

    def __init__(self) -> None:
        self._virtual_seconds = 1000.0
        super().__init__(_JumpingSelector(self.stall))

    def time(self) -> float:
        return self._virtual_seconds

    def stall(self, seconds: float) -> None:
        """Let time pass without anything running."""
        self._virtual_seconds += seconds


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, advance: Callable[[float], None]) -> None:
        super().__init__()
        self._advance = advance

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("everything waits and no timer is set")
            # A nanosecond for each turn, as on a real machine: who waits for "a moment later" gets there.
            self._advance(max(timeout, 0.0) + 1e-9)
        return ready


class VirtualClock:
    """The clock of a virtual loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return _START + timedelta(seconds=self._loop.time() - 1000.0)

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run_virtual(main: Callable[[VirtualLoop, VirtualClock], Coroutine[Any, Any, _T]]) -> _T:
    """Run a coroutine on a virtual loop; it gets the loop and its clock."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main(loop, VirtualClock(loop)))
    finally:
        loop.close()
