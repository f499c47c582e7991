"""A pipeline's first day: does the form fit, may it create, does a search show what it creates?"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from xmsyncd.clock import Clock
from xmsyncd.delivery.look_policy import visibility_delays
from xmsyncd.delivery.policy import SendingRules, next_probe_at
from xmsyncd.delivery.target import Target
from xmsyncd.delivery.waiting import Bell, Stoppable
from xmsyncd.errors import CannotWorkError, RefusedError, TryLaterError, XmsyncdError
from xmsyncd.ledger import Ledger, instances, looks, meters, pipelines
from xmsyncd.ledger.claims import Meter
from xmsyncd.ledger.views import KnownInstance, PipelineView, Stop
from xmsyncd.records import Operation, StopReason

_log = structlog.get_logger(__name__)

FormCheck = Callable[[], Awaitable[str]]
"""What of the mapping does not fit the form, in words; empty where all does. Raises as a read does."""

# Stops that a read which went through disproves.
_DISPROVED_BY_A_READ = (StopReason.CREDENTIALS, StopReason.PERMISSION)


class FirstCreate:
    """Three questions that are asked once in the life of a pipeline (the first again for each new mapping).

    Before anything is sent: what Yida does with an unknown component is not documented, and dropping its
    value in silence is quite possible, so the form is asked for its components; a mapping that does not fit
    stops the pipeline (``configuration``). Before the first create: an empty ledger in front of a form that
    already has instances would double each of them, so it stops (``form_not_empty``) unless ``bootstrap``
    says otherwise. After it: the instance is looked for until a search shows it, which also measures the
    lag; if it never shows, the pipeline stops (``not_searchable``), because undecided records could never
    be decided.
    """

    def __init__(
        self,
        pipeline: str,
        form: str,
        *,
        ledger: Ledger,
        target: Target,
        rules: SendingRules,
        bootstrap: bool,
        check_form: FormCheck,
        meter: Callable[[], Meter],
        bell: Bell,
        waits: Stoppable,
        clock: Clock,
        stopped: Callable[[Stop], None],
        resumed: Callable[[StopReason], None],
        proven: Callable[[timedelta], None],
        put_off: Callable[[XmsyncdError], None],
        vanished: Callable[[KnownInstance], None],
    ) -> None:
        self._pipeline = pipeline
        self._form = form
        self._ledger = ledger
        self._target = target
        self._rules = rules
        self._bootstrap = bootstrap
        self._check_form = check_form
        self._meter = meter
        self._bell = bell
        self._ring = bell.listen()
        self._waits = waits
        self._clock = clock
        self._stopped = stopped
        self._resumed = resumed
        self._put_off = put_off
        self._proven = proven
        self._vanished = vanished
        self._looked_at: datetime | None = None
        self._not_before: datetime | None = None
        self._failures_in_a_row = 0

    async def run(self) -> None:
        """Returns once both questions are answered, or when asked to stop."""
        is_news = False
        while not self._waits.stopping.is_set():
            self._ring.clear()
            view = await self._ledger.read(pipelines.view, self._pipeline)
            if view.search_proven_at is None:
                is_news = True
            elif is_news and view.search_lag is not None:
                is_news = False
                self._proven(view.search_lag)
            is_adopted_first = view.stop is not None and view.stop.reason.waits_for_a_person
            if self._is_answered(view) and not is_adopted_first:
                # Answered, perhaps elsewhere: by a look that found a create, by --bootstrap, by a setting.
                await self._resume(view, StopReason.FORM_NOT_EMPTY, StopReason.NOT_SEARCHABLE)
                return
            if not await self._waits.until(await self._step(view), self._ring):
                return

    async def _step(self, view: PipelineView) -> datetime | None:
        """Answer what can be answered now; returns when to ask again (``None``: when there is news)."""
        if view.stop is not None and view.stop.reason.waits_for_a_person:
            return None  # what Yida holds is to be taken over first: until then no call tells anything
        if self._not_before is not None and self._clock.now() < self._not_before:
            return self._not_before
        try:
            if not self._rules.form_is_checked(view.checked_hash):
                again = await self._fits(view)
            elif view.bootstrap_at is None:
                again = await self._may_create(view)
            else:
                again = await self._is_visible(view)
        except CannotWorkError as error:
            self._not_before = None
            return await self._stop(error.reason, str(error))
        except (TryLaterError, RefusedError) as error:
            self._failures_in_a_row += 1
            self._put_off(error)
            told = error.wait if isinstance(error, TryLaterError) else None
            growing = min(
                self._rules.retry_base * 2 ** min(self._failures_in_a_row, 10), self._rules.retry_cap
            )
            self._not_before = self._clock.now() + (told or growing)
            return self._not_before
        self._failures_in_a_row, self._not_before = 0, None
        return again

    def _is_answered(self, view: PipelineView) -> bool:
        return (
            self._rules.form_is_checked(view.checked_hash)
            and view.bootstrap_at is not None
            and (view.search_proven_at is not None or not self._rules.read_back)
        )

    async def _fits(self, view: PipelineView) -> datetime | None:
        due = [await self._ledger.read(looks.next_due, self._pipeline, lane) for lane in Operation]
        if due == [None, None]:
            return None  # nothing to send yet: the question costs a metered call
        probe_at = None if view.stop is None else view.stop.probe_at
        if probe_at is not None and probe_at > self._clock.now():
            return probe_at
        try:
            misfit = await self._check_form()
            await self._ledger.write(_count_call, self._meter())
        except CannotWorkError as error:
            if error.reason is not StopReason.PERMISSION:
                raise
            # Reading the form's definition is a permission of its own; sending may be allowed without it.
            _log.warning("form_not_checked", pipeline=self._pipeline, reason=str(error))
            misfit = ""
        except RefusedError as error:
            _log.warning("form_not_checked", pipeline=self._pipeline, reason=str(error))
            misfit = ""
        if misfit:
            return await self._stop(StopReason.CONFIGURATION, misfit)
        await self._ledger.write(pipelines.remember_form_checked, self._pipeline, self._rules.mapping_hash)
        await self._resume(view, StopReason.CONFIGURATION, *_DISPROVED_BY_A_READ)
        self._bell.ring()
        return self._clock.now()

    async def _may_create(self, view: PipelineView) -> datetime | None:
        if await self._ledger.read(looks.next_due, self._pipeline, "create") is None:
            return None  # nothing to create yet: the question costs a metered call
        already = 0
        disproved = [StopReason.FORM_NOT_EMPTY]
        if not self._bootstrap and not await self._ledger.read(looks.knows_instances, self._form):
            probe_at = None if view.stop is None else view.stop.probe_at
            if probe_at is not None and probe_at > self._clock.now():
                return probe_at
            already = await self._target.count_instances()
            await self._ledger.write(_count_call, self._meter())
            disproved += _DISPROVED_BY_A_READ
        if already:
            return await self._stop(
                StopReason.FORM_NOT_EMPTY,
                f"the form already has {already} instances and this ledger knows none of them: creating now "
                "could double every product. If they are products of this pipeline (moved from another "
                "platform, typed by hand, or the ledger was lost), run `xmsyncd adopt`, which takes them "
                "over by their key; if they are not, run once with --bootstrap",
            )
        await self._ledger.write(pipelines.bootstrap, self._pipeline, self._clock.now(), already)
        await self._resume(view, *disproved)
        self._bell.ring()
        return self._clock.now()

    async def _is_visible(self, view: PipelineView) -> datetime | None:
        first = await self._ledger.read(looks.oldest_instance, self._pipeline)
        if first is None:
            return None
        now = self._clock.now()
        delays = visibility_delays(self._rules.read_back_after)
        due_at = _next_look(first, self._looked_at, delays, view.stop, now, self._rules.probe_every)
        if due_at > now:
            return due_at
        self._looked_at = now
        shown = await self._target.search(first.key)
        await self._ledger.write(_count_call, self._meter())
        now = self._clock.now()
        if any(row.instance_id == first.instance_id for row in shown):
            lag = now - first.created_at
            await self._ledger.write(pipelines.prove_search, self._pipeline, now, lag)
            await self._resume(view, StopReason.NOT_SEARCHABLE, *_DISPROVED_BY_A_READ)
            self._bell.ring()
            return now
        if now - first.created_at >= delays[-1]:
            still_there = await self._target.get(first.instance_id) is not None
            await self._ledger.write(_count_call, self._meter())
            if not still_there:
                if await self._ledger.write(instances.lost, self._form, first.instance_id, now):
                    self._vanished(first)
                return now
            return await self._stop(
                StopReason.NOT_SEARCHABLE,
                f"instance {first.instance_id} was created {now - first.created_at} ago and no search for "
                f"its key {first.key!r} shows it: make the key component a searchable field of the form, "
                "give the acting user permission to see all data, or set target.read_back: never",
            )
        return _next_look(first, self._looked_at, delays, view.stop, now, self._rules.probe_every)

    async def _stop(self, reason: StopReason, detail: str) -> datetime | None:
        now = self._clock.now()
        stop = Stop(reason, detail, now, next_probe_at(reason, now, self._rules))
        if await self._ledger.write(pipelines.stop, self._pipeline, stop):
            self._stopped(stop)
        return stop.probe_at

    async def _resume(self, view: PipelineView, *reasons: StopReason) -> None:
        if view.stop is not None and view.stop.reason in reasons:
            await self._ledger.write(pipelines.resume, self._pipeline, self._clock.now())
            self._resumed(view.stop.reason)
            self._bell.ring()


def _next_look(
    first: KnownInstance,
    looked_at: datetime | None,
    delays: tuple[timedelta, ...],
    stop: Stop | None,
    now: datetime,
    probe_every: timedelta,
) -> datetime:
    # A stop for want of a search that a person has made due (its probe lies in the past) is looked into now.
    probe_at = None if stop is None else stop.probe_at
    if stop is not None and probe_at is not None:
        is_due = probe_at <= now and stop.reason is StopReason.NOT_SEARCHABLE
        if is_due or probe_at > now:
            return probe_at
    for delay in delays:
        at = first.created_at + delay
        if looked_at is None or at > looked_at:
            return at
    return now if looked_at is None else looked_at + probe_every


def _count_call(connection: sqlite3.Connection, meter: Meter) -> None:
    meters.add(connection, meter.connection, meter.month, 1)
