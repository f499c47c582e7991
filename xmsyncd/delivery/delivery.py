"""One pipeline's delivery: its lanes, its settler, its looks, and how they stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

from xmsyncd.about import about
from xmsyncd.delivery.asking import Asking
from xmsyncd.delivery.first_create import FirstCreate
from xmsyncd.delivery.lane import Lane
from xmsyncd.delivery.look_policy import longest_interval
from xmsyncd.delivery.parts import DeliveryParts
from xmsyncd.delivery.policy import SendingRules
from xmsyncd.delivery.read_back import ReadBack
from xmsyncd.delivery.settler import Settler
from xmsyncd.delivery.stopwatch import Stopwatch
from xmsyncd.delivery.waiting import Stoppable
from xmsyncd.ledger import clocks, looks, order, pipelines
from xmsyncd.ledger.clocks import LongestWaits
from xmsyncd.records import Claim, Operation, Outcome

# A vendor that tells how long to wait tells minutes; where calls are metered a probe waits an hour.
_LONGEST_TOLD = timedelta(hours=1)


class Delivery:
    """Closes the difference between desired and delivered for one pipeline.

    :meth:`prepare` must run before :meth:`run`, and before anything is staged. ``run`` returns after
    ``stopping`` is set and the calls on their way have ended, at the latest ``drain`` later; a call
    still on its way at that bound is undecided in the ledger, not lost. What an undecided record
    costs is told from the calls of ``looks``, which nobody else uses.
    """

    def __init__(self, parts: DeliveryParts) -> None:
        self._parts = parts
        self._waits = waits = Stoppable(parts.stopping, parts.clock)
        self._longest = longest_waits(parts.rules)
        self._settler = Settler(parts)
        self._stopwatch = Stopwatch(parts.clock)
        slots = asyncio.Semaphore(parts.options.in_flight)
        senders = {Operation.CREATE: self._create, Operation.UPDATE: self._update}
        self.lanes = tuple(
            Lane(
                parts,
                operation,
                send=send,
                settler=self._settler,
                stopwatch=self._stopwatch,
                slots=slots,
                waits=waits,
            )
            for operation, send in senders.items()
        )
        creates, updates = self.lanes
        creates.beside(lambda: updates.is_accepted)
        updates.beside(lambda: creates.is_accepted)
        self._read_back = ReadBack(Asking(parts, parts.looks, waits, "look"), self._stopwatch)
        self._first_create = FirstCreate(Asking(parts, parts.target, waits, "first_create"))

    async def prepare(self) -> None:
        """What a dead process left on its way becomes undecided. Safe to repeat, before :meth:`run`.

        A pipeline that stands still may probe at once, unless it has just done so: whoever starts the daemon
        may have mended the cause, and whatever starts it again and again has not.
        """
        rules = self._parts.rules
        now = self._parts.clock.now()
        self._stopwatch.open(await self._parts.ledger.read(order.newest_attempt))
        if (
            await self._parts.ledger.write(
                pipelines.end_quota_stop, self._parts.pipeline, self._parts.meter(), now
            )
            is None
        ):
            await self._parts.ledger.write(
                pipelines.probe_at_start, self._parts.pipeline, now, rules.probe_every
            )
        orphans = await self._parts.ledger.write(
            pipelines.recover,
            self._parts.pipeline,
            rules.read_back_after[0],
            self._parts.clock.now(),
            creates=rules.read_back,
        )
        if orphans:
            self._parts.events.orphans_found(self._parts.pipeline, orphans)
        await self._pull_in()

    async def _pull_in(self) -> None:
        """No time in the ledger may hold up what a clock that was ahead has put off."""
        now = self._parts.clock.now()
        if not await self._parts.ledger.read(clocks.has_future, self._parts.pipeline, self._longest, now):
            return
        pulled = 0
        while found := await self._parts.ledger.write(
            clocks.pull_in, self._parts.pipeline, self._longest, now
        ):
            pulled += found
        self._parts.events.times_pulled_in(self._parts.pipeline, pulled)
        self._parts.bell.ring()

    async def _watch_the_clock(self) -> None:
        """Half a minute after a clock was set back, nothing waits for the time that it had shown."""
        never = asyncio.Event()
        while await self._waits.until(None, never):
            await self._pull_in()

    async def run(self) -> None:
        """Deliver until asked to stop, then drain within the bound."""
        with about(pipeline=self._parts.pipeline):  # the tasks that are started here inherit it
            await self._run()

    async def _run(self) -> None:
        settling = asyncio.create_task(self._settler.run(), name=f"settle {self._parts.pipeline}")
        loops = [
            asyncio.create_task(self._watched(name, work), name=f"{name} {self._parts.pipeline}")
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

    async def _watched(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """A loop that comes round at least each half minute, unless it waits for a vendor on purpose."""
        with self._parts.heartbeats.watched(f"{name} of {self._parts.pipeline}"):
            await work()

    async def _drain(self) -> None:
        draining = asyncio.gather(*(lane.drain() for lane in self.lanes))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(draining, self._parts.options.drain.total_seconds())
            return
        for lane in self.lanes:
            await lane.drain()  # nothing is on its way any more; a failure is not passed over

    async def _note_waited(self) -> None:
        """Also runs that are shorter than the delays of the looks add up."""
        known = await self._parts.ledger.read(looks.open_attempts, self._parts.pipeline)
        waited = {one: self._stopwatch.waited(one, before).since_sent for one, before in known.items()}
        if waited:
            await self._parts.ledger.write(looks.note_waited, waited)

    async def _create(self, claim: Claim) -> Outcome:
        return await self._parts.target.create(claim.content)

    async def _update(self, claim: Claim) -> Outcome:
        if claim.instance_id is None:
            raise ValueError(f"an update without an instance: attempt {claim.attempt_id}")
        return await self._parts.target.update(claim.instance_id, claim.content)


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
