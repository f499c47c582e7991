"""When a cycle is due. APScheduler only rings the bell: what a ring starts runs, and drains, elsewhere.

It may not own the work itself. Its shutdown cancels what runs and logs that as an error, it swallows every
exception, and by default it drops a run that is more than a second late (measured with 3.11.3).
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

# Due times are wall clock, the timer is not: this bounds how long a stepped clock goes unnoticed.
_LONGEST_SLEEP_SECONDS = 30.0


class RingTrouble(StrEnum):
    """How a ring can fail to be one."""

    MISSED = "missed"
    """It came so late that the scheduler dropped it."""
    MAX_INSTANCES = "max_instances"
    """The one before had not returned."""
    FAILED = "failed"
    """The callback raised."""
    CLOCK_SET_BACK = "clock_set_back"
    """The machine's clock was set back: it would have come long after its time, and now comes in time."""


class Schedule:
    """Rings callbacks by interval or cron expression. To be used inside one running loop.

    A ring must return at once: it sets an event or asks a loop for a cycle. Rings that fall due while the
    loop is blocked, or while the machine sleeps, come late and as one; none is dropped. ``trouble`` is told
    of rings that failed all the same, with what is known of it; :attr:`troubles` counts them.
    """

    def __init__(
        self, timezone: tzinfo, *, trouble: Callable[[str, RingTrouble, str], None] | None = None
    ) -> None:
        self._timezone = timezone
        self._trouble = trouble
        self.troubles: Counter[tuple[str, RingTrouble]] = Counter()
        self._scheduler = AsyncIOScheduler(
            timezone=timezone,
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._scheduler.add_listener(
            self._heard, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_ERROR
        )
        self._rings: dict[str, Callable[[], None]] = {}
        # The interval, and the longest time that a ring may be ahead: the first may be planned for later.
        self._intervals: dict[str, tuple[timedelta, timedelta]] = {}
        self._tick: asyncio.TimerHandle | None = None

    def add(
        self,
        name: str,
        *,
        every: timedelta | None,
        cron: str | None,
        ring: Callable[[], None],
        first_after: timedelta | None = None,
    ) -> None:
        """Ring ``ring`` every so often, or by a cron expression of five fields with weekdays by name.

        ``first_after`` is when the first ring comes, counted from now; ``None``: when the rule says so.
        Raises ``TypeError`` for a coroutine function (APScheduler would never run one that it does not
        recognise, and call that a success) and ``ValueError`` for a rule it cannot read.
        """
        if inspect.iscoroutinefunction(ring):
            raise TypeError(f"the ring of {name!r} must be a plain function: it only rings")
        if (every is None) == (cron is None):
            raise ValueError(f"{name!r} needs either an interval or a cron expression")
        if name in self._rings:
            raise ValueError(f"{name!r} is scheduled already")
        trigger = _cron(cron, self._timezone) if every is None else self._interval(every)
        first = {} if first_after is None else {"next_run_time": datetime.now(self._timezone) + first_after}
        self._scheduler.add_job(self._ring, trigger, args=[name], id=name, **first)
        self._rings[name] = ring
        if every is not None:
            self._intervals[name] = every, max(every, first_after or timedelta(0))

    def _interval(self, every: timedelta) -> IntervalTrigger:
        return IntervalTrigger(seconds=every.total_seconds(), timezone=self._timezone)

    def start(self) -> None:
        """Begin to ring."""
        self._scheduler.start()
        self._arm()

    def pause(self) -> None:
        """Ring no more; what a ring started goes on. Safe to repeat, and before :meth:`start`."""
        self._disarm()
        if self._scheduler.running:
            self._scheduler.pause()

    async def shutdown(self) -> None:
        """End for good. Rings that are just being made are let through, so nothing is cancelled."""
        self.pause()
        if not self._scheduler.running:
            return
        # A ring takes a turn of the loop, its bookkeeping another; cancelled, they are logged as errors.
        for _ in range(3):
            await asyncio.sleep(0)
        self._scheduler.shutdown(wait=False)
        await asyncio.sleep(0)  # it does its work a turn later

    def next_ring(self, name: str) -> datetime | None:
        """When it rings next, aware UTC or in the schedule's zone; ``None``: unknown, or never again."""
        job = self._scheduler.get_job(name)
        # Before the start a job has no time yet, not even an attribute for it.
        return None if job is None else getattr(job, "next_run_time", None)

    async def _ring(self, name: str) -> None:
        """A coroutine, because APScheduler runs plain functions in a thread; no await, so never half done."""
        returned: object = self._rings[name]()
        if inspect.iscoroutine(returned):
            returned.close()
            raise TypeError(f"the ring of {name!r} returned a coroutine, which nobody runs")

    def _heard(self, event: JobEvent) -> None:
        if event.code == EVENT_JOB_MISSED:
            trouble = RingTrouble.MISSED
        elif event.code == EVENT_JOB_MAX_INSTANCES:
            trouble = RingTrouble.MAX_INSTANCES
        else:
            trouble = RingTrouble.FAILED
        error = getattr(event, "exception", None)
        self._tell(str(event.job_id), trouble, "" if error is None else repr(error))

    def _tell(self, name: str, trouble: RingTrouble, detail: str) -> None:
        self.troubles[name, trouble] += 1
        if self._trouble is not None:
            self._trouble(name, trouble, detail)

    def _arm(self) -> None:
        self._tick = asyncio.get_running_loop().call_later(_LONGEST_SLEEP_SECONDS, self._look_at_the_clock)

    def _disarm(self) -> None:
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None

    def _look_at_the_clock(self) -> None:
        """A clock set forward makes rings due now; one set back must not silence an interval meanwhile."""
        now = datetime.now(self._timezone)
        for name, (every, longest) in self._intervals.items():
            due = self.next_ring(name)
            if due is not None and due - now > longest + timedelta(seconds=1):
                self._tell(name, RingTrouble.CLOCK_SET_BACK, f"it would have come at {due.isoformat()}")
                self._scheduler.modify_job(name, next_run_time=now + every)
        self._scheduler.wakeup()
        self._arm()


def _cron(expression: str | None, timezone: tzinfo) -> CronTrigger:
    fields = (expression or "").split()
    if len(fields) != 5:
        raise ValueError(f"{expression!r} does not have the five fields of a cron expression")
    if re.search(r"\d", fields[4]):
        # 0 is Sunday for cron and Monday for APScheduler.
        raise ValueError(f"{expression!r} gives weekdays by number; give them by name")
    return CronTrigger.from_crontab(expression, timezone=timezone)


def due_after(
    moment: datetime, *, every: timedelta | None, cron: str | None, timezone: tzinfo
) -> datetime | None:
    """When something is due that was done at this moment, by the rules of :meth:`Schedule.add`."""
    if every is not None:
        return moment + every
    due: datetime | None = _cron(cron, timezone).get_next_fire_time(None, moment.astimezone(timezone))
    return due
