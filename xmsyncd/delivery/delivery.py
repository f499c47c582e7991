"""One pipeline's delivery: its lanes, its settler, its looks, and how they stop."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from xmsyncd.about import about
from xmsyncd.clock import Clock
from xmsyncd.delivery.asking import Asking
from xmsyncd.delivery.first_create import FirstCreate, FormCheck
from xmsyncd.delivery.lane import Lane
from xmsyncd.delivery.look_policy import longest_interval
from xmsyncd.delivery.policy import SendingRules
from xmsyncd.delivery.read_back import ReadBack
from xmsyncd.delivery.settler import Settler
from xmsyncd.delivery.stopwatch import Stopwatch
from xmsyncd.delivery.target import Target
from xmsyncd.delivery.waiting import Bell, Stoppable
from xmsyncd.errors import XmsyncdError
from xmsyncd.flow.limiter import Limiter
from xmsyncd.ledger import Ledger, clocks, looks, order, pipelines
from xmsyncd.ledger.clocks import LongestWaits
from xmsyncd.ledger.meters import Meter
from xmsyncd.ledger.views import Claimed, KnownInstance, LookSettlement, Settlement, SettleReport, Stop
from xmsyncd.records import Claim, InstanceId, Operation, Outcome, StopReason
from xmsyncd.steps import StepListener

# A vendor that tells how long to wait tells minutes; where calls are metered a probe waits an hour.
_LONGEST_TOLD = timedelta(hours=1)


class DeliveryEvents(Protocol):
    """Who is told what happens; each call becomes a log line and a metric at once."""

    def attempt_settled(self, settlement: Settlement) -> None: ...
    def suspects_judged(self, pipeline: str, *, convicted: int, acquitted: int) -> None: ...
    def look_settled(self, pipeline: str, settlement: LookSettlement) -> None: ...
    def pipeline_stopped(self, pipeline: str, stop: Stop) -> None: ...
    def pipeline_resumed(self, pipeline: str, reason: StopReason) -> None: ...
    def search_proven(self, pipeline: str, lag: timedelta) -> None: ...
    def orphans_found(self, pipeline: str, number: int) -> None: ...
    def times_pulled_in(self, pipeline: str, number: int) -> None: ...
    def send_failed(self, claim: Claim, error: Exception) -> None: ...
    def form_not_checked(self, pipeline: str, error: XmsyncdError) -> None: ...
    def read_put_off(self, pipeline: str, what: str, error: XmsyncdError) -> None: ...
    def instance_vanished(self, pipeline: str, instance_id: InstanceId, key: str) -> None: ...


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """The settings of one pipeline's delivery."""

    rules: SendingRules
    in_flight: int
    resend_limit: int
    drain: timedelta
    bootstrap: bool = False


async def _nothing_to_check() -> str:
    return ""


async def _nothing_to_authorise() -> None:
    return None


class Delivery:
    """Closes the difference between desired and delivered for one pipeline.

    :meth:`prepare` must run before :meth:`run`, and before anything is staged. ``run`` returns after
    ``stopping`` is set and the calls on their way have ended, at the latest ``drain`` later; a call
    still on its way at that bound is undecided in the ledger, not lost. What an undecided record
    costs is told from the calls of ``looks``, which nobody else uses.
    """

    def __init__(
        self,
        pipeline: str,
        form: str,
        *,
        ledger: Ledger,
        target: Target,
        looks: Target,
        limiters: Mapping[Operation, Limiter],
        authorise: Callable[[], Awaitable[None]] = _nothing_to_authorise,
        options: DeliveryOptions,
        meter: Callable[[], Meter],
        check_form: FormCheck = _nothing_to_check,
        bell: Bell,
        stopping: asyncio.Event,
        clock: Clock,
        rng: random.Random,
        events: DeliveryEvents,
        step: StepListener,
    ) -> None:
        self._pipeline = pipeline
        self._ledger = ledger
        self._target = target
        self._options = options
        self._clock = clock
        self._events = events
        self._stopping = stopping
        rules = options.rules
        self._bell = bell
        self._waits = waits = Stoppable(stopping, clock)
        self._longest = longest_waits(rules)
        self._settler = Settler(
            ledger, rules, meter=meter, settled=self._settled, clock=clock, rng=rng, step=step
        )
        self._stopwatch = Stopwatch(clock)
        slots = asyncio.Semaphore(options.in_flight)
        senders = {Operation.CREATE: self._create, Operation.UPDATE: self._update}
        self.lanes = tuple(
            Lane(
                pipeline,
                operation,
                ledger=ledger,
                send=send,
                limiter=limiters[operation],
                authorise=authorise,
                settler=self._settler,
                stopwatch=self._stopwatch,
                slots=slots,
                rules=rules,
                meter=meter,
                bell=bell,
                waits=waits,
                clock=clock,
                step=step,
                asked=self._asked,
                failed=events.send_failed,
            )
            for operation, send in senders.items()
        )
        creates, updates = self.lanes
        creates.beside(lambda: updates.is_accepted)
        updates.beside(lambda: creates.is_accepted)

        def asking(whom: Target, what: str) -> Asking:
            return Asking(
                pipeline=pipeline,
                form=form,
                ledger=ledger,
                target=whom,
                rules=rules,
                meter=meter,
                bell=bell,
                waits=waits,
                clock=clock,
                stopped=self._stopped,
                resumed=self._resumed,
                put_off=lambda error: events.read_put_off(pipeline, what, error),
                vanished=self._vanished,
            )

        self._meter = meter
        self._read_back = ReadBack(
            asking(looks, "look"),
            resend_limit=options.resend_limit,
            decided=self._looked,
            stopwatch=self._stopwatch,
        )
        self._first_create = FirstCreate(
            asking(target, "first_create"),
            bootstrap=options.bootstrap,
            check_form=check_form,
            proven=lambda lag: events.search_proven(pipeline, lag),
            unchecked=lambda error: events.form_not_checked(pipeline, error),
        )

    async def prepare(self) -> None:
        """What a dead process left on its way becomes undecided. Safe to repeat, before :meth:`run`.

        A pipeline that stands still may probe at once, unless it has just done so: whoever starts the daemon
        may have mended the cause, and whatever starts it again and again has not.
        """
        rules = self._options.rules
        now = self._clock.now()
        self._stopwatch.open(await self._ledger.read(order.newest_attempt))
        if await self._ledger.write(pipelines.end_quota_stop, self._pipeline, self._meter(), now) is None:
            await self._ledger.write(pipelines.probe_at_start, self._pipeline, now, rules.probe_every)
        orphans = await self._ledger.write(
            pipelines.recover,
            self._pipeline,
            rules.read_back_after[0],
            self._clock.now(),
            creates=rules.read_back,
        )
        if orphans:
            self._events.orphans_found(self._pipeline, orphans)
        await self._pull_in()

    async def _pull_in(self) -> None:
        """No time in the ledger may hold up what a clock that was ahead has put off."""
        now = self._clock.now()
        if not await self._ledger.read(clocks.has_future, self._pipeline, self._longest, now):
            return
        pulled = 0
        while found := await self._ledger.write(clocks.pull_in, self._pipeline, self._longest, now):
            pulled += found
        self._events.times_pulled_in(self._pipeline, pulled)
        self._bell.ring()

    async def _watch_the_clock(self) -> None:
        """Half a minute after a clock was set back, nothing waits for the time that it had shown."""
        never = asyncio.Event()
        while await self._waits.until(None, never):
            await self._pull_in()

    async def run(self) -> None:
        """Deliver until asked to stop, then drain within the bound."""
        with about(pipeline=self._pipeline):  # the tasks that are started here inherit it
            await self._run()

    async def _run(self) -> None:
        settling = asyncio.create_task(self._settler.run(), name=f"settle {self._pipeline}")
        loops = [
            asyncio.create_task(work(), name=f"{name} {self._pipeline}")
            for name, work in (
                *(
                    (f"send {Operation(operation)}", lane.run)
                    for operation, lane in zip(Operation, self.lanes, strict=True)
                ),
                ("read back", self._read_back.run),
                ("first create", self._first_create.run),
                ("watch the clock", self._watch_the_clock),
            )
        ]
        try:
            await _all_or_first_error(loops, settling)
            await self._drain()
            await self._note_waited()
        finally:
            for task in loops:
                task.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            for lane in self.lanes:
                await lane.cut_short()
            settling.cancel()
            await asyncio.gather(settling, return_exceptions=True)

    async def _drain(self) -> None:
        draining = asyncio.gather(*(lane.drain() for lane in self.lanes))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(draining, self._options.drain.total_seconds())
            return
        for lane in self.lanes:
            await lane.drain()  # nothing is on its way any more; a failure is not passed over

    async def _note_waited(self) -> None:
        """Also runs that are shorter than the delays of the looks add up."""
        known = await self._ledger.read(looks.open_attempts, self._pipeline)
        waited = {one: self._stopwatch.waited(one, before).since_sent for one, before in known.items()}
        if waited:
            await self._ledger.write(looks.note_waited, waited)

    async def _create(self, claim: Claim) -> Outcome:
        return await self._target.create(claim.content)

    async def _update(self, claim: Claim) -> Outcome:
        if claim.instance_id is None:
            raise ValueError(f"an update without an instance: attempt {claim.attempt_id}")
        return await self._target.update(claim.instance_id, claim.content)

    def _settled(self, settlements: list[Settlement], report: SettleReport) -> None:
        for settlement in settlements:
            self._events.attempt_settled(settlement)
        if report.convicted or report.acquitted:
            self._events.suspects_judged(
                self._pipeline, convicted=report.convicted, acquitted=report.acquitted
            )
        for stop in report.stopped:
            self._events.pipeline_stopped(self._pipeline, stop)
        for reason in report.cleared:
            self._events.pipeline_resumed(self._pipeline, reason)

    def _looked(self, settlements: Sequence[LookSettlement]) -> None:
        for settlement in settlements:
            self._events.look_settled(self._pipeline, settlement)

    def _stopped(self, stop: Stop) -> None:
        self._events.pipeline_stopped(self._pipeline, stop)

    def _resumed(self, reason: StopReason) -> None:
        self._events.pipeline_resumed(self._pipeline, reason)

    def _vanished(self, known: KnownInstance) -> None:
        self._events.instance_vanished(self._pipeline, known.instance_id, known.key)

    def _asked(self, claimed: Claimed) -> None:
        if claimed.resumed is not None:
            self._events.pipeline_resumed(self._pipeline, claimed.resumed)
        if claimed.allowance.stop is not None and not claimed.allowance.is_probe:
            self._events.pipeline_stopped(self._pipeline, claimed.allowance.stop)


def longest_waits(rules: SendingRules) -> LongestWaits:
    """How far ahead anything is ever put off by these rules, or by a vendor's own word."""
    return LongestWaits(
        retry=max(rules.retry_cap, rules.read_back_after[-1], _LONGEST_TOLD),
        look=longest_interval(rules.read_back_after),
        probe=max(rules.probe_every, _LONGEST_TOLD),
    )


async def _all_or_first_error(loops: list[asyncio.Task[None]], settling: asyncio.Task[None]) -> None:
    """Until every loop has returned; the first that fails (or a settler that ends) fails the delivery."""
    waiting = set(loops)
    while waiting:
        done, _ = await asyncio.wait({*waiting, settling}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        if settling in done:
            raise RuntimeError("the settler ended before the lanes")
        waiting -= done
