"""Runs the cycles of one pipeline one after the other: rung by the schedule, or asked for by a person."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal

from xmsyncd.cycle.cycle import Cycle
from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.cycle.progress import CycleProgress, CycleReport


@dataclass(slots=True)
class Asked:
    """A cycle that somebody waits for; ``progress`` moves while it runs."""

    request: CycleRequest
    progress: CycleProgress = field(default_factory=CycleProgress)
    report: asyncio.Future[CycleReport] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class CycleLoop:
    """One cycle at a time. A ring while one runs is kept, and several are one: the next cycle sees it all.

    ``run`` ends when ``stopping`` is set; a cycle that runs then is interrupted at once, because what
    it has staged stays and the rest is read again.
    """

    def __init__(
        self,
        cycle: Cycle,
        stopping: asyncio.Event,
        finished: Callable[[CycleReport], None],
        *,
        watched: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:
        """A cycle runs inside ``watched``; between two cycles there is nothing that must move."""
        self._cycle = cycle
        self._watched = watched
        self._stopping = stopping
        self._finished = finished
        self._news = asyncio.Event()
        self._rung = False
        self._asked: deque[Asked] = deque()
        self.running: CycleProgress | None = None
        self.last: CycleReport | None = None

    def ring(self) -> None:
        """A cycle is due."""
        self._rung = True
        self._news.set()

    def ask(self, request: CycleRequest) -> Asked:
        """Have a cycle of one's own, after the one that may be running; await ``report`` of the result."""
        asked = Asked(request)
        self._asked.append(asked)
        self._news.set()
        return asked

    async def run(self) -> None:
        """Run what is due until asked to stop. A fault of ours ends the loop, and with it the daemon."""
        stop = asyncio.create_task(self._stopping.wait(), name="stopping")
        try:
            while not self._stopping.is_set():
                news = asyncio.create_task(self._news.wait(), name="news")
                await asyncio.wait({news, stop}, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                if self._stopping.is_set():
                    return
                self._news.clear()
                while (self._asked or self._rung) and not self._stopping.is_set():
                    await self._run_one(self._next(), stop)
        finally:
            stop.cancel()
            for asked in self._asked:
                asked.report.cancel()

    def _next(self) -> Asked:
        if self._asked:
            return self._asked.popleft()
        self._rung = False
        return Asked(CycleRequest())

    async def _run_one(self, asked: Asked, stop: asyncio.Task[Literal[True]]) -> None:
        self.running = asked.progress
        with self._watched():
            await self._run_watched(asked, stop)

    async def _run_watched(self, asked: Asked, stop: asyncio.Task[Literal[True]]) -> None:
        task = asyncio.create_task(self._cycle.run(asked.request, asked.progress), name="cycle")
        try:
            waiting: set[asyncio.Task[CycleReport] | asyncio.Task[Literal[True]]] = {task, stop}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                asked.report.cancel()
                return
            self.last = task.result()
            if not asked.report.done():
                asked.report.set_result(self.last)
            self._finished(self.last)
        except BaseException:
            task.cancel()
            asked.report.cancel()
            raise
        finally:
            self.running = None
