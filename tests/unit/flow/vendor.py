"""A vendor that counts, on virtual time: three kinds of windows, and what a greedy caller gets from it."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import assert_never

from tests.virtual_time import VirtualClock, VirtualLoop, run_virtual
from xmsyncd.flow.adaptive import Bounds
from xmsyncd.flow.limiter import Learnt, Limiter, LimitName

SECOND = timedelta(seconds=1)


class Kind(Enum):
    FIXED = "fixed"
    SLIDING = "sliding"
    BUCKET = "bucket"


class Window:
    """Admits ``limit`` calls a second, counted its own way. ``phase`` moves the whole seconds."""

    def __init__(self, kind: Kind, limit: Callable[[float], float], phase: float) -> None:
        self._kind = kind
        self._limit = limit
        self._phase = phase
        self._admitted: deque[float] = deque()
        self._level, self._level_at = 0.0, 0.0

    def admits(self, now: float) -> bool:
        limit = self._limit(now)
        match self._kind:
            case Kind.FIXED:
                while self._admitted and int(self._admitted[0] + self._phase) < int(now + self._phase):
                    self._admitted.popleft()
                admitted = len(self._admitted) < limit
            case Kind.SLIDING:
                while self._admitted and self._admitted[0] <= now - 1.0:
                    self._admitted.popleft()
                admitted = len(self._admitted) < limit
            case Kind.BUCKET:
                self._level = max(0.0, self._level - (now - self._level_at) * limit)
                self._level_at = now
                admitted = self._level + 1 <= limit
                self._level += admitted
            case _:
                assert_never(self._kind)
        if admitted and self._kind is not Kind.BUCKET:
            self._admitted.append(now)
        return admitted


@dataclass
class Seen:
    """What the vendor saw: seconds since the start of calls it took, and of calls it refused."""

    taken: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    learnt: Learnt | None = None
    pauses: int = 0

    def share_refused(self, after: float) -> float:
        refused = sum(at > after for at in self.refused)
        return refused / (refused + sum(at > after for at in self.taken))


def greedy(
    kind: Kind,
    limit: Callable[[float], float],
    *,
    ceiling: float = 60.0,
    seconds: float = 60.0,
    latency: float = 0.15,
    jitter: float = 0.005,
    phase: float = 0.0,
    seed: int = 1,
    learnt: Learnt | None = None,
) -> Seen:
    """As many calls as the limiter allows, 64 of them on their way at most."""

    async def main(loop: VirtualLoop, clock: VirtualClock) -> Seen:
        seen, rng = Seen(), random.Random(seed)
        began = loop.time()
        window = Window(kind, lambda now: limit(now - began), phase)

        def told(*_: object) -> None:
            seen.pauses += 1

        name = LimitName("dingtalk", "main", "start")
        limiter = Limiter(name, Bounds(1.0, ceiling), clock=clock, told=told, learnt=learnt)
        slots = asyncio.Semaphore(64)

        async def call() -> None:
            sent_at = limiter.sent()
            await asyncio.sleep(latency / 2 + rng.random() * jitter)
            now = loop.time()
            if window.admits(now):
                seen.taken.append(now - began)
                await asyncio.sleep(latency / 2)
                limiter.accepted()
            else:
                seen.refused.append(now - began)
                await asyncio.sleep(latency / 2)
                limiter.refused(sent_at, wait=SECOND, code="too fast")
            slots.release()

        async with asyncio.TaskGroup() as calls:
            while loop.time() - began < seconds:
                await slots.acquire()
                await limiter.acquire()
                calls.create_task(call())
        seen.learnt = limiter.learnt
        return seen

    return run_virtual(main)
