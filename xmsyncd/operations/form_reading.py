"""Reading a whole form for an operation: what it will cost, page by page, patient with the vendor."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import ceil
from typing import TypeVar
from zoneinfo import ZoneInfo

from xmsyncd.delivery.waiting import Stoppable
from xmsyncd.errors import StoppedError, TryLaterError
from xmsyncd.ledger import meters
from xmsyncd.ledger.meters import Meter
from xmsyncd.operations.exit_status import ScarceQuotaError
from xmsyncd.operations.runtime import PipelineRuntime, Runtime
from xmsyncd.records import Found, InstanceId
from xmsyncd.yida.scan import FormPage, FormScan
from xmsyncd.yida.wire import PAGE_SIZE

_T = TypeVar("_T")

# How often one read is tried before the operation gives up; the waits between grow to retry_cap.
_TRIES = 7


@dataclass(frozen=True, slots=True)
class Room:
    """Calls of this month: what is left in all, and what of it waiting deliveries and doubts will need."""

    left: int
    needed: int
    reserve: int

    @property
    def spare(self) -> int:
        """What an operation may spend without asking."""
        return max(0, self.left - self.needed - self.reserve)


def _room(
    connection: sqlite3.Connection,
    name: str,
    month: str,
    limit: int,
    reserve: int,
    pipelines: tuple[str, ...],
) -> Room:
    marks = ",".join("?" for _ in pipelines)
    needed = connection.execute(
        f"SELECT count(*) FROM records WHERE pipeline IN ({marks}) AND lane IN ('create', 'update', 'look')",  # noqa: S608 - marks only
        pipelines,
    ).fetchone()[0]
    use = meters.use(connection, Meter(name, month, limit, reserve))
    return Room(use.left, int(needed), use.kept)


class FormReading:
    """One operation's reads of one pipeline's form. ``calls`` counts them.

    Unless it ``may_use_all`` it ends before it would use what is kept for looks: what seemed to be to spare
    when it began may have been sent since.
    """

    def __init__(self, runtime: Runtime, pipeline: PipelineRuntime, *, may_use_all: bool) -> None:
        self._runtime = runtime
        self._pipeline = pipeline
        self._may_use_all = may_use_all
        self._connection, self._dingtalk = runtime.settings.dingtalk_of(pipeline.settings)
        self._waits = Stoppable(runtime.stopping, runtime.clock)
        self.calls = 0

    async def room(self) -> Room | None:
        """What may be spent; ``None`` where calls are not metered."""
        if not self._dingtalk.monthly_calls:
            return None
        settings = self._runtime.settings
        sharing = tuple(
            name
            for name, pipeline in settings.pipelines.items()
            if settings.dingtalk_of(pipeline)[0] == self._connection
        )
        return await self._runtime.ledger.read(
            _room,
            self._connection,
            meters.month_of(self._runtime.clock.now()),
            self._dingtalk.monthly_calls,
            self._dingtalk.reserve_calls,
            sharing,
        )

    async def afford(self, calls: int, what: str, *, yes: bool) -> Room | None:
        """Raise ``ScarceQuotaError`` unless so many calls are to spare, or ``yes`` and are left at all."""
        room = await self.room()
        if room is None or calls <= (room.left if yes else room.spare):
            return room
        if calls > room.left:
            way = "wait for the next month, or raise dingtalk.monthly_calls if your edition allows more"
        else:
            way = "--yes spends them all the same"
        cost = "1 call" if calls == 1 else f"{calls:,} calls"
        raise ScarceQuotaError(
            f"{what} needs about {cost}; {room.left:,} of this month are left, of which waiting "
            f"deliveries need {room.needed:,} and {room.reserve:,} are kept in reserve: {way}"
        )

    def scan(self, *, settled: bool) -> FormScan:
        """A reading of the whole form; see :class:`FormScan`."""
        target = self._pipeline.settings.target
        now = self._runtime.clock.now().astimezone(ZoneInfo(target.instance_timezone)).replace(tzinfo=None)
        return FormScan(self._page, depth=target.search_depth, now=now, settled=settled)

    async def get(self, instance_id: InstanceId) -> Found | None:
        """The instance as its own store shows it; ``None`` when it is gone."""
        return await self._patiently(lambda: self._pipeline.target.get(instance_id))

    async def _page(self, bounds: tuple[str | None, str | None], number: int) -> FormPage:
        return await self._patiently(lambda: self._pipeline.target.form_page(bounds, number))

    async def _patiently(self, read: Callable[[], Awaitable[_T]]) -> _T:
        """The read, again after what passes; what does not pass is raised."""
        delivery = self._runtime.settings.delivery
        pause = delivery.retry_base
        for tried in range(1, _TRIES + 1):
            if self._runtime.stopping.is_set():
                raise StoppedError("stopped while the form was read; nothing of it is lost, ask again")
            try:
                await self._leave_the_reserve()
                self.calls += 1
                return await read()  # which counts itself in the ledger before it goes
            except TryLaterError as error:
                if tried == _TRIES:
                    raise
                wait = (error.wait or pause).total_seconds()  # minutes, where the form is being rebuilt
                await self._waits.unless_stopped(self._runtime.clock.sleep(wait))
                pause = min(2 * pause, delivery.retry_cap)
        raise AssertionError("unreachable")

    async def _leave_the_reserve(self) -> None:
        room = None if self._may_use_all else await self.room()
        if room is not None and room.left <= room.reserve:
            raise ScarceQuotaError(
                f"the form of {self._pipeline.name} was not read to its end: the {room.left:,} calls that "
                "are left of this month are kept for what is in doubt; wait for the next month"
            )


def calls_for(instances: int) -> int:
    """About how many calls a scan of so many instances costs."""
    return max(1, ceil(instances / PAGE_SIZE))
