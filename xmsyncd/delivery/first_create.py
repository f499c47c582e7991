"""A pipeline's first day: does the form fit, may it create, does a search show what it creates?"""

from __future__ import annotations

from datetime import datetime, timedelta

from xmsyncd.delivery.asking import Asking, told_wait
from xmsyncd.delivery.look_policy import visibility_delays
from xmsyncd.errors import CannotWorkError, RefusedError, TryLaterError
from xmsyncd.ledger import looks, pipelines
from xmsyncd.ledger.views import KnownInstance, PipelineView, Stop
from xmsyncd.records import Operation, StopReason, StopSource


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

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._parts = asking.parts
        self._ring = asking.parts.bell.listen()
        self._looked_at: datetime | None = None
        self._not_before: datetime | None = None
        self._rests_for = timedelta(0)
        self._failures_in_a_row = 0
        self._asks_whether_it_is_there = False

    async def run(self) -> None:
        """Returns once both questions are answered, or when asked to stop."""
        asking = self._asking
        is_news = False
        while not asking.waits.stopping.is_set():
            self._ring.clear()
            view = await asking.view()
            if view.search_proven_at is None:
                is_news = True
            elif is_news and view.search_lag is not None:
                is_news = False
                self._parts.events.search_proven(self._parts.pipeline, view.search_lag)
            is_adopted_first = view.stop is not None and view.stop.reason.waits_for_a_person
            if self._is_answered(view) and not is_adopted_first:
                # Answered, perhaps elsewhere: by a look that found a create, by --bootstrap, by a setting.
                await asking.resume(StopReason.FORM_NOT_EMPTY, StopReason.NOT_SEARCHABLE)
                return
            again: datetime | None = None

            async def step(view: PipelineView = view) -> None:
                nonlocal again
                again = await self._step(view)

            # A read may wait for its permit, through a pause as well.
            if not await asking.waits.unless_stopped(step()):
                return
            if not await asking.waits.until(again, self._ring):
                return

    async def _step(self, view: PipelineView) -> datetime | None:
        """Answer what can be answered now; returns when to ask again (``None``: when there is news)."""
        asking = self._asking
        if view.stop is not None and view.stop.reason.waits_for_a_person:
            return None  # what Yida holds is to be taken over first: until then no call tells anything
        if self._not_before is not None:
            # A clock that was set back must not stretch the rest.
            self._not_before = min(self._not_before, self._parts.clock.now() + self._rests_for)
            if self._parts.clock.now() < self._not_before:
                return self._not_before
        try:
            if not self._parts.rules.form_is_checked(view.checked_hash):
                again = await self._fits(view)
            elif view.bootstrap_at is None:
                again = await self._may_create(view)
            else:
                again = await self._is_visible(view)
        except CannotWorkError as error:
            self._not_before = None
            return (await asking.stop_for(error)).probe_at
        except (TryLaterError, RefusedError) as error:
            self._failures_in_a_row += 1
            asking.put_off(error)
            self._rests_for = asking.pause_after(self._failures_in_a_row, told_wait(error))
            self._not_before = self._parts.clock.now() + self._rests_for
            return self._not_before
        self._failures_in_a_row, self._not_before = 0, None
        return again

    def _is_answered(self, view: PipelineView) -> bool:
        rules = self._parts.rules
        return (
            rules.form_is_checked(view.checked_hash)
            and view.bootstrap_at is not None
            and (view.search_proven_at is not None or not rules.read_back)
        )

    async def _may_ask(self, stop: Stop | None, *own: StopReason) -> bool:
        """Whether a call may go: as the probe, where the stop halts reads or is about this question."""
        if stop is None or not (stop.halts_reads or stop.reason in own):
            return True
        return await self._asking.may_probe()

    async def _fits(self, view: PipelineView) -> datetime | None:
        asking = self._asking
        due = [
            await self._parts.ledger.read(looks.next_due, self._parts.pipeline, lane) for lane in Operation
        ]
        if due == [None, None]:
            return None  # nothing to send yet: the question costs a metered call
        if not await self._may_ask(view.stop, StopReason.CONFIGURATION):
            return _probe_at(view)
        try:
            misfit = await self._parts.check_form()
        except CannotWorkError as error:
            if error.reason is not StopReason.PERMISSION:
                raise
            # Reading the form's definition is a permission of its own; sending may be allowed without it.
            self._parts.events.form_not_checked(self._parts.pipeline, error)
            misfit = ""
        except RefusedError as error:
            self._parts.events.form_not_checked(self._parts.pipeline, error)
            misfit = ""
        if misfit:
            return (await asking.stop(StopReason.CONFIGURATION, misfit, StopSource.OURSELVES)).probe_at
        await self._parts.ledger.write(
            pipelines.remember_form_checked, self._parts.pipeline, self._parts.rules.mapping_hash
        )
        await asking.resume(StopReason.CONFIGURATION, *_disproved(view.stop))
        self._parts.bell.ring()
        return self._parts.clock.now()

    async def _may_create(self, view: PipelineView) -> datetime | None:
        asking = self._asking
        if await self._parts.ledger.read(looks.next_due, self._parts.pipeline, "create") is None:
            return None  # nothing to create yet: the question costs a metered call
        already = 0
        disproved = [StopReason.FORM_NOT_EMPTY]
        if not self._parts.options.bootstrap and not await self._parts.ledger.read(
            looks.knows_instances, self._parts.form
        ):
            if not await self._may_ask(view.stop, StopReason.FORM_NOT_EMPTY):
                return _probe_at(view)
            already = await asking.target.count_instances()
            disproved += _disproved(view.stop)
        if already:
            detail = (
                f"the form already has {already} instances and this ledger knows none of them: creating now "
                "could double every record. If they are records of this pipeline (moved from another "
                "platform, typed by hand, or the ledger was lost), run `xmsyncd adopt`, which takes them "
                "over by their key; if they are not, run once with --bootstrap"
            )
            return (await asking.stop(StopReason.FORM_NOT_EMPTY, detail, StopSource.OURSELVES)).probe_at
        await self._parts.ledger.write(
            pipelines.bootstrap, self._parts.pipeline, self._parts.clock.now(), already
        )
        await asking.resume(*disproved)
        self._parts.bell.ring()
        return self._parts.clock.now()

    async def _is_visible(self, view: PipelineView) -> datetime | None:
        asking = self._asking
        first = await self._parts.ledger.read(looks.oldest_instance, self._parts.pipeline)
        if first is None:
            return None
        now = self._parts.clock.now()
        if self._looked_at is not None and self._looked_at > now:
            self._looked_at = None  # the clock was set back
        delays = visibility_delays(self._parts.rules.read_back_after)
        every = self._parts.rules.probe_every
        due_at = _next_look(first, self._looked_at, delays, view.stop, now, every)
        if due_at > now:
            return due_at
        if not await self._may_ask(view.stop, StopReason.NOT_SEARCHABLE):
            return _probe_at(view)
        self._looked_at = now
        if self._asks_whether_it_is_there:
            # A probe is one call: now and then it asks whether somebody has deleted what it looks for.
            self._asks_whether_it_is_there = False
            return await self._is_there(first)
        shown = await asking.target.search(first.key)
        now = self._parts.clock.now()
        if any(row.instance_id == first.instance_id for row in shown):
            lag = now - first.created_at
            await self._parts.ledger.write(pipelines.prove_search, self._parts.pipeline, now, lag)
            await asking.resume(StopReason.NOT_SEARCHABLE, *_disproved(view.stop))
            self._parts.bell.ring()
            return now
        if now - first.created_at < delays[-1]:
            return _next_look(first, self._looked_at, delays, view.stop, now, every)
        if view.stop is None or view.stop.reason is not StopReason.NOT_SEARCHABLE:
            return await self._is_there(first)
        self._asks_whether_it_is_there = True
        return await self._not_searchable(first)

    async def _is_there(self, first: KnownInstance) -> datetime | None:
        """What no search shows may have been deleted; if it is there, the pipeline stands still."""
        asking = self._asking
        if await asking.target.get(first.instance_id) is None:
            await asking.lose(first)
            return self._parts.clock.now()
        return await self._not_searchable(first)

    async def _not_searchable(self, first: KnownInstance) -> datetime | None:
        age = self._parts.clock.now() - first.created_at
        detail = (
            f"instance {first.instance_id} was created {age} ago and no search for "
            f"its key {first.key!r} shows it: make the key component a searchable field of the form, "
            "give the acting user permission to see all data, or set target.read_back: never"
        )
        return (await self._asking.stop(StopReason.NOT_SEARCHABLE, detail, StopSource.OURSELVES)).probe_at


def _probe_at(view: PipelineView) -> datetime | None:
    return None if view.stop is None else view.stop.probe_at


def _disproved(stop: Stop | None) -> tuple[StopReason, ...]:
    """What a read that went through says of a stop: that reads are refused, or everybody is, is over."""
    is_disproved = stop is not None and stop.halts_reads and stop.reason is not StopReason.NOT_SEARCHABLE
    return (stop.reason,) if stop is not None and is_disproved else ()


def _next_look(
    first: KnownInstance,
    looked_at: datetime | None,
    delays: tuple[timedelta, ...],
    stop: Stop | None,
    now: datetime,
    probe_every: timedelta,
) -> datetime:
    # A stop for want of a search that a person has made due (its probe lies in the past) is looked into now.
    if stop is not None and stop.probe_at is not None:
        waits = stop.halts_reads and stop.probe_at > now
        if waits or stop.reason is StopReason.NOT_SEARCHABLE:
            return stop.probe_at
    for delay in delays:
        at = first.created_at + delay
        if looked_at is None or at > looked_at:
            return at
    return now if looked_at is None else looked_at + probe_every
