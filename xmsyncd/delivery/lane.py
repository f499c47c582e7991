"""Steps 4 and 5: one lane sends one kind of call (create or update): permit, claim, send, settle."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from xmsyncd.clock import Clock
from xmsyncd.delivery.policy import LaneNow, SendingRules, decide_allowance
from xmsyncd.delivery.settler import Settler
from xmsyncd.delivery.waiting import Bell, Stoppable
from xmsyncd.flow.pace import Pacer
from xmsyncd.ledger import Ledger, claims, looks
from xmsyncd.ledger.claims import Meter
from xmsyncd.ledger.views import Allowance, LaneView
from xmsyncd.records import Claim, Family, Operation, Outcome
from xmsyncd.steps import Step, StepListener

_log = structlog.get_logger(__name__)

# At a high rate several permits fall due in one turn of the loop; claiming them together saves commits.
_LARGEST_CLAIM = 16


class Lane:
    """Keeps up to ``slots`` calls of one operation on their way until asked to stop.

    A permit comes first, because waiting for it takes long; then the claim, which is durable; then at
    once the call. So a crash leaves only what was truly on its way in doubt.
    """

    def __init__(
        self,
        pipeline: str,
        operation: Operation,
        *,
        ledger: Ledger,
        send: Callable[[Claim], Awaitable[Outcome]],
        pacer: Pacer,
        settler: Settler,
        slots: asyncio.Semaphore,
        rules: SendingRules,
        meter: Callable[[], Meter],
        bell: Bell,
        waits: Stoppable,
        clock: Clock,
        step: StepListener,
        refused_allowance: Callable[[Allowance], None],
    ) -> None:
        self._pipeline = pipeline
        self._operation = operation
        self._ledger = ledger
        self._send = send
        self._pacer = pacer
        self._settler = settler
        self._slots = slots
        self._rules = rules
        self._meter = meter
        self._bell = bell
        self._ring = bell.listen()
        self._waits = waits
        self._clock = clock
        self._step = step
        self._refused_allowance = refused_allowance
        self._sending: set[asyncio.Task[None]] = set()
        self._undecided_in_a_row = 0
        self._not_sent_in_a_row = 0
        self._next_single_at: datetime | None = None

    @property
    def in_flight(self) -> int:
        """Calls on their way at this moment."""
        return len(self._sending)

    async def run(self) -> None:
        """Send what is due until asked to stop; then returns, with calls possibly still on their way."""
        while not self._waits.stopping.is_set():
            self._ring.clear()
            due_at = await self._ledger.read(looks.next_due, self._pipeline, self._operation)
            if due_at is None or due_at > self._clock.now():
                if due_at is None and await self._has_probe_to_make():
                    pass
                elif not await self._waits.until(due_at, self._ring):
                    return
                else:
                    continue
            permits = await self._permits()
            if not permits:
                return
            allowance = await self._claim_and_send(permits)
            blocked = allowance is not None and allowance.limit <= 0
            if (
                allowance is not None
                and blocked
                and not await self._waits.until(allowance.retry_at, self._ring)
            ):
                return

    async def _has_probe_to_make(self) -> bool:
        """A stopped pipeline whose records are all suspects has nothing due, yet must try one of them."""
        stop, suspects = await self._ledger.read(claims.probe_due, self._pipeline, self._operation)
        return (
            suspects and stop is not None and stop.probe_at is not None and stop.probe_at <= self._clock.now()
        )

    async def _permits(self) -> int:
        """Slots and permits for as many claims as may go this instant; 0 when stopped."""
        if not await self._waits.unless_stopped(self._slots.acquire()):
            return 0
        if not await self._waits.unless_stopped(self._pacer.acquire()):
            self._slots.release()
            return 0
        permits = 1
        while permits < _LARGEST_CLAIM and not self._slots.locked() and self._pacer.ready():
            await self._slots.acquire()
            await self._pacer.acquire()
            permits += 1
        self._step(Step.PERMITTED)
        return permits

    async def _claim_and_send(self, permits: int) -> Allowance | None:
        """Claim and send; returns the allowance when nothing could be claimed."""
        lane = LaneNow(self.in_flight, self._undecided_in_a_row, self._next_single_at)

        def decide(view: LaneView) -> Allowance:
            return decide_allowance(view, lane, self._rules)

        claimed = await self._ledger.write(
            claims.claim, self._pipeline, self._operation, permits, decide, self._meter(), self._clock.now()
        )
        for _ in range(permits - len(claimed.claims)):
            self._slots.release()
        if claimed.claims:
            self._step(Step.CLAIMED)
            for claim in claimed.claims:
                task = asyncio.create_task(self._deliver(claim), name=f"send {claim.attempt_id}")
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)
            return None
        self._refused_allowance(claimed.allowance)
        return claimed.allowance

    async def _deliver(self, claim: Claim) -> None:
        try:
            outcome = await self._outcome(claim)
            self._step(Step.SENT)
            self._count(outcome)
            tries = self._not_sent_in_a_row if outcome.family is Family.NOT_SENT else claim.tries
            pause = await self._settler.settle(claim, outcome, tries=tries)
            if pause is not None and pause > timedelta(0):
                self._pacer.pause(pause)
        finally:
            self._slots.release()
            self._bell.ring()

    async def _outcome(self, claim: Claim) -> Outcome:
        try:
            return await self._send(claim)
        except asyncio.CancelledError:
            # The bound of a clean stop: the call may or may not be carried out, and says so in the ledger.
            return Outcome(
                Family.UNDECIDED, code="interrupted", message="stopped while the call was on its way"
            )
        except Exception as error:  # the worker's edge: a fault of ours must not lose the record
            _log.exception("send_failed", pipeline=self._pipeline, key=claim.key)
            return Outcome(Family.UNDECIDED, code="unforeseen", message=type(error).__name__)

    def _count(self, outcome: Outcome) -> None:
        if outcome.family is Family.UNDECIDED:
            self._undecided_in_a_row += 1
            pause = self._rules.read_back_after[0] * min(
                self._undecided_in_a_row, 2 * self._rules.undecided_streak
            )
            self._next_single_at = self._clock.now() + pause
        elif outcome.family is Family.DELIVERED:
            self._undecided_in_a_row = 0
            self._next_single_at = None
        self._not_sent_in_a_row = self._not_sent_in_a_row + 1 if outcome.family is Family.NOT_SENT else 0

    async def drain(self) -> None:
        """Wait for the calls on their way; cancelling this wait makes them undecided, and still settles them."""
        try:
            while self._sending:
                await asyncio.wait(set(self._sending))
        except asyncio.CancelledError:
            for task in self._sending:
                task.cancel()
            while self._sending:
                await asyncio.wait(set(self._sending))
            raise
