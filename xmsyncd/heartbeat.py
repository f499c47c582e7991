"""When each part of the daemon last moved (steps 1 to 7): what systemd's watchdog is fed by.

A part says around its work that it is watched. Whatever moves inside (an answer, a commit, a permit, an item)
beats, and what waits on purpose, for however long a vendor wants, says so. Both find the heartbeat of the one
they work for: tasks that are started inside inherit it, and outside of one nothing happens.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta


class Heartbeat:
    """That of one part, while it works. For the event loop's thread only."""

    def __init__(self, part: str, monotonic: Callable[[], float]) -> None:
        self.part = part
        self._monotonic = monotonic
        self._moved_at = monotonic()
        self._waits = 0

    @property
    def is_waiting(self) -> bool:
        """Whether it waits on purpose."""
        return self._waits > 0

    @property
    def age(self) -> timedelta:
        """How long ago it moved."""
        return timedelta(seconds=self._monotonic() - self._moved_at)

    def beat(self) -> None:
        """It has moved."""
        self._moved_at = self._monotonic()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Inside the block it waits on purpose."""
        self._waits += 1
        try:
            yield
        finally:
            self._waits -= 1
            self.beat()


@dataclass(frozen=True, slots=True)
class Standing:
    """A part that works, does not wait on purpose, and has not moved for ``age``."""

    part: str
    age: timedelta


class Heartbeats:
    """Those of all parts that work at this moment; a part that has nothing to do has none."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._working: set[Heartbeat] = set()

    @contextlib.contextmanager
    def watched(self, part: str) -> Iterator[None]:
        """Inside the block, and in the tasks that are started there, the part works."""
        heartbeat = Heartbeat(part, self._monotonic)
        self._working.add(heartbeat)
        before = _current.set(heartbeat)
        try:
            yield
        finally:
            _current.reset(before)
            self._working.discard(heartbeat)

    def standing_still(self, bound: timedelta) -> tuple[Standing, ...]:
        """Those that have not moved for ``bound`` and do not wait on purpose, the longest first."""
        found = [
            Standing(one.part, one.age) for one in self._working if not one.is_waiting and one.age >= bound
        ]
        return tuple(sorted(found, key=lambda one: one.age, reverse=True))


_current: ContextVar[Heartbeat | None] = ContextVar("heartbeat", default=None)


def beat() -> None:
    """Whoever works here has moved."""
    heartbeat = _current.get()
    if heartbeat is not None:
        heartbeat.beat()


def waiting() -> contextlib.AbstractContextManager[None]:
    """Inside the block whoever works here waits on purpose."""
    heartbeat = _current.get()
    return contextlib.nullcontext() if heartbeat is None else heartbeat.waiting()
