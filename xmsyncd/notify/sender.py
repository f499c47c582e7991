"""Says what stands in a robot's outbox, as fast as the robot may be talked to and no faster."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Final, Protocol, TypeVar

from xmsyncd.clock import Clock
from xmsyncd.ledger import Ledger
from xmsyncd.notify import outbox
from xmsyncd.notify.outbox import Outbox
from xmsyncd.notify.robot import Message, Robot
from xmsyncd.transport.classify import Verdict

_T = TypeVar("_T")

# While the ledger cannot be read or written there is no hurry: whoever cannot do without it stops the daemon.
_AFTER_TROUBLE: Final = timedelta(seconds=30)
_LONGEST_SLEEP: Final = timedelta(minutes=5)


class SenderEvents(Protocol):
    """Who is told what became of messages."""

    def waiting(self, robot: str, notices: int) -> None: ...
    def message_answered(
        self, robot: str, notices: int, verdict: Verdict, *, again: float | None
    ) -> None: ...
    def troubled(self, what: str, error: BaseException) -> None: ...


class Sender:
    """One robot with its outbox. Whatever fails here is told to ``events`` and tried again."""

    def __init__(
        self, robot: Robot, ledger: Ledger, *, a_minute: int, clock: Clock, events: SenderEvents
    ) -> None:
        self.robot = robot
        self._ledger = ledger
        self._a_minute = a_minute
        self._clock = clock
        self._events = events
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Something was put into the outbox."""
        self._news.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Until asked to stop, at once; a message that is on its way is sent again at the next start."""
        stopped = asyncio.create_task(stopping.wait(), name="stopping")
        try:
            while not stopping.is_set():
                self._news.clear()
                try:
                    wait = await _unless(stopped, self.say())
                except Exception as error:  # noqa: BLE001 - the edge: nobody's work may stop for a message
                    self._events.troubled(f"robot {self.robot.name}", error)
                    wait = _AFTER_TROUBLE
                if wait is None or wait > timedelta(0):
                    sleep = _LONGEST_SLEEP if wait is None else min(wait, _LONGEST_SLEEP)
                    await _unless(stopped, self._news_or(sleep))
        finally:
            stopped.cancel()

    async def say(self) -> timedelta | None:
        """Send the next message if it is due; returns how long until the next, ``None``: nothing waits."""
        robot = self.robot.name
        box = await self._ledger.read(outbox.load, robot)
        self._events.waiting(robot, len(box.waiting))
        at = outbox.due_at(box, self._a_minute, self._clock.now())
        if at is None or at > self._clock.now():
            return None if at is None else at - self._clock.now()
        _, begun = await self._ledger.write(outbox.change, robot, self._begin)
        verdict = await self.robot.send(outbox.message(begun))
        _, after = await self._ledger.write(
            outbox.change, robot, lambda now: outbox.settle(now, verdict, self._clock.now())
        )
        self._events.waiting(robot, len(after.waiting))
        next_at = outbox.due_at(after, self._a_minute, self._clock.now())
        wait = None if next_at is None else max(next_at - self._clock.now(), timedelta(0))
        sent = 0 if begun.batch is None else len(begun.batch.ids)
        again = None if after.batch is None or wait is None else wait.total_seconds()
        self._events.message_answered(robot, sent, verdict, again=again)
        return wait

    def _begin(self, box: Outbox) -> Outbox:
        return outbox.begin(box, self._clock.now())

    async def _news_or(self, wait: timedelta) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait.total_seconds()):
                await self._news.wait()


async def say_at_once(robots: Sequence[Robot], message: Message, bound: timedelta) -> list[Verdict | None]:
    """Past outbox and ledger, within ``bound``; ``None`` for a robot that did not answer. Never raises."""

    async def one(robot: Robot) -> Verdict | None:
        try:
            async with asyncio.timeout(bound.total_seconds()):
                return await robot.send(message)
        except Exception:  # noqa: BLE001 - the edge: the process is about to end for another reason
            return None

    return await asyncio.gather(*(one(robot) for robot in robots))


async def _unless(stopped: asyncio.Task[bool], work: Awaitable[_T]) -> _T | None:
    """What ``work`` returns; ``None``, with the work cancelled, as soon as ``stopped`` is done."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
