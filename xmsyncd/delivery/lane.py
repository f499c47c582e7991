"""Steps 4 and 5: one lane sends one kind of call (create or update): permit, claim, send, settle."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from xmsyncd.about import about
from xmsyncd.delivery.parts import DeliveryParts
from xmsyncd.delivery.policy import LaneNow, decide_allowance
from xmsyncd.delivery.settler import Settler
from xmsyncd.delivery.stopwatch import Stopwatch
from xmsyncd.delivery.waiting import Stoppable
from xmsyncd.errors import CannotWorkError, RefusedError, TryLaterError
from xmsyncd.heartbeat import waiting
from xmsyncd.ledger import claims, looks
from xmsyncd.ledger.views import Allowance, Claimed, LaneView
from xmsyncd.records import VOID_PERMIT, Claim, Family, Operation, Outcome
from xmsyncd.steps import Step

# At a high rate several permits fall due in one turn of the loop; claiming them together saves commits.
_LARGEST_CLAIM = 16

# Between claim and call lies one turn of the loop. A claim that is older by the wall clock was made before
# the machine was suspended (the monotonic clock stands still then), and the world may have moved on.
_OLDEST_CLAIM = timedelta(seconds=10)


class Lane:
    """Keeps up to ``slots`` calls of one operation on their way until asked to stop.

    A permit comes first, because waiting for it takes long; then the claim, which is durable; then at
    once the call. So a crash leaves only what was truly on its way in doubt.
    """

    def __init__(
        self,
        parts: DeliveryParts,
        operation: Operation,
        *,
        send: Callable[[Claim], Awaitable[Outcome]],
        settler: Settler,
        stopwatch: Stopwatch,
        slots: asyncio.Semaphore,
        waits: Stoppable,
    ) -> None:
        self._parts = parts
        self._operation = operation
        self._send = send
        self._limiter = parts.limiters[operation]
        self._settler = settler
        self._stopwatch = stopwatch
        self._slots = slots
        self._ring = parts.bell.listen()
        self._waits = waits
        self._sending: set[asyncio.Task[None]] = set()
        self._on_the_way: set[asyncio.Task[None]] = set()
        self._is_cut_short = False
        self._failure: BaseException | None = None
        self._accepted_in_a_row = 0
        self._was_stopped = False
        self._other_is_accepted: Callable[[], bool] = lambda: True
        self._undecided_in_a_row = 0
        self._not_sent_in_a_row = 0
        self._not_sent_at: datetime | None = None
        # By the monotonic clock: a wall clock that is set back must not prolong a wait.
        self._next_single_at: float | None = None
        self._rests_until: float | None = None
        self._unauthorised_until: float | None = None
        self._unauthorised_in_a_row = 0

    @property
    def in_flight(self) -> int:
        """Calls on their way at this moment."""
        return len(self._sending)

    @property
    def is_accepted(self) -> bool:
        """Whether calls were accepted of late, and none refused since."""
        return self._accepted_in_a_row > 0

    def beside(self, other: Callable[[], bool]) -> None:
        """Know whether the other operation :attr:`is_accepted`."""
        self._other_is_accepted = other

    async def run(self) -> None:
        """Send what is due until asked to stop; then returns, with calls possibly still on their way."""
        while not self._waits.stopping.is_set():
            if self._failure is not None:
                raise self._failure
            self._ring.clear()
            due_at = await self._parts.ledger.read(looks.next_due, self._parts.pipeline, self._operation)
            is_probe = False
            if due_at is None:
                due_at = await self._probe_at()
                is_probe = due_at is not None
            if due_at is None or due_at > self._parts.clock.now():
                if not self._sending:
                    self._accepted_in_a_row = 0
                if not await self._waits.until(due_at, self._ring):
                    return
                continue
            rested_at = self._by_the_wall(self._rests_until)
            if rested_at is not None:
                if not await self._waits.until(rested_at, self._ring):
                    return
                continue
            if not await self._authorised():
                continue
            permits = await self._permits()
            if not permits:
                return
            allowance = await self._claim_and_send(permits)
            if allowance is None or not (allowance.limit <= 0 or is_probe):
                continue
            if not await self._waits.until(allowance.retry_at, self._ring):
                return

    async def _probe_at(self) -> datetime | None:
        """Where all that is left are suspects nothing is due, yet one must be tried, or the stop be said."""
        stop, suspects = await self._parts.ledger.read(
            claims.probe_due, self._parts.pipeline, self._operation
        )
        if stop is not None:
            return stop.probe_at if suspects else None
        return self._parts.clock.now() if suspects >= self._parts.rules.suspects_before_stop else None

    async def _authorised(self) -> bool:
        """Whether there is a token, before anything is claimed: a claim waits for nothing.

        Without a token the lane rests, and no record is put off. Where a person has to act, the next call
        says so once more, as its durable outcome, and nothing is asked again before the next probe.
        """
        if self._by_the_wall(self._unauthorised_until) is not None:
            return True
        try:
            if not await self._waits.unless_stopped(self._parts.authorise()):
                return False
        except CannotWorkError:
            self._unauthorised_until = self._after(self._parts.rules.probe_every)
            return True
        except (TryLaterError, RefusedError) as error:
            self._parts.events.authorisation_failed(self._parts.pipeline, error)
            self._unauthorised_in_a_row += 1
            told = error.wait if isinstance(error, TryLaterError) else None
            growing = self._parts.rules.retry_base * 2 ** min(self._unauthorised_in_a_row, 10)
            self._rests_until = self._after(told or min(growing, self._parts.rules.retry_cap))
            return False
        self._unauthorised_in_a_row, self._unauthorised_until = 0, None
        return True

    def _after(self, pause: timedelta) -> float:
        return self._parts.clock.monotonic() + pause.total_seconds()

    def _by_the_wall(self, moment: float | None) -> datetime | None:
        """When a moment of the monotonic clock will be, as the wall clock goes now; None: it has passed."""
        left = 0.0 if moment is None else moment - self._parts.clock.monotonic()
        return self._parts.clock.now() + timedelta(seconds=left) if left > 0 else None

    async def _permits(self) -> int:
        """Slots and permits for as many claims as may go this instant; 0 when stopped."""
        with waiting():  # for a call on its way, which is watched by itself
            if not await self._waits.unless_stopped(self._slots.acquire()):
                return 0
        if not await self._waits.unless_stopped(self._limiter.acquire()):
            self._slots.release()
            return 0
        permits = 1
        while permits < _LARGEST_CLAIM and not self._slots.locked() and self._limiter.ready():
            await self._slots.acquire()
            await self._limiter.acquire()
            permits += 1
        self._parts.step(Step.PERMITTED)
        return permits

    async def _claim_and_send(self, permits: int) -> Allowance | None:
        """Claim and send; returns the allowance when nothing was claimed."""
        lane = LaneNow(
            self.in_flight,
            self._accepted_in_a_row,
            self._undecided_in_a_row,
            self._by_the_wall(self._next_single_at),
            was_stopped=self._was_stopped,
            other_is_accepted=self._other_is_accepted(),
        )

        def decide(view: LaneView) -> Allowance:
            return decide_allowance(view, lane, self._parts.rules)

        claimed = await self._parts.ledger.write(
            claims.claim,
            self._parts.pipeline,
            self._operation,
            permits,
            decide,
            self._parts.meter(),
            self._parts.clock.now(),
        )
        for _ in range(permits - len(claimed.claims)):
            self._slots.release()
        self._tell(claimed)
        if not claimed.claims:
            return claimed.allowance
        self._parts.step(Step.CLAIMED)
        if self._waits.stopping.is_set() or any(self._is_void(claim) for claim in claimed.claims):
            await self._parts.ledger.write(
                claims.give_back, claimed.claims, self._parts.meter(), self._parts.clock.now()
            )
            for _ in claimed.claims:
                self._slots.release()
            return None
        for claim in claimed.claims:
            with about(key=claim.key, attempt_id=claim.attempt_id):
                task = asyncio.create_task(self._deliver(claim), name=f"send {claim.attempt_id}")
            self._sending.add(task)
            task.add_done_callback(self._ended)
        return None

    def _tell(self, claimed: Claimed) -> None:
        events, pipeline = self._parts.events, self._parts.pipeline
        if claimed.resumed is not None:
            events.pipeline_resumed(pipeline, claimed.resumed)
        if claimed.allowance.stop is not None and not claimed.allowance.is_probe:
            events.pipeline_stopped(pipeline, claimed.allowance.stop)

    def _is_void(self, claim: Claim) -> bool:
        """Whether a claim may not be sent any more: a pause began after its permit, or time was lost."""
        return (
            self._limiter.paused_for > timedelta(0)
            or abs(self._parts.clock.now() - claim.claimed_at) > _OLDEST_CLAIM
        )

    async def _deliver(self, claim: Claim) -> None:
        with self._parts.heartbeats.watched(f"{claim.operation} call of {self._parts.pipeline}"):
            await self._send_and_settle(claim)

    async def _send_and_settle(self, claim: Claim) -> None:
        sent_at = self._parts.clock.monotonic()
        outcome = None if self._is_void(claim) else await self._outcome(claim)
        if outcome is None or (outcome.code == VOID_PERMIT and not outcome.calls):
            await self._parts.ledger.write(
                claims.give_back, (claim,), self._parts.meter(), self._parts.clock.now()
            )
            return
        self._parts.step(Step.SENT)
        self._count(claim, outcome)
        is_nameless = outcome.family is Family.DELIVERED and not (outcome.instance_id or claim.instance_id)
        if outcome.family is Family.UNDECIDED or is_nameless:
            self._stopwatch.ended(claim.attempt_id, sent_at)
        tries = self._not_sent_in_a_row if outcome.family is Family.NOT_SENT else claim.tries + 1
        pause = await self._settler.settle(claim, outcome, tries=tries)
        if pause is None or pause <= timedelta(0):
            return
        if outcome.family is Family.NOT_SENT:
            self._limiter.pause(pause, outcome.code)  # the way there is what waits, for everybody
        else:
            self._rests_until = max(self._rests_until or 0.0, self._after(pause))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # A fault of ours, or the ledger's: the record stays "sending", and the lane says so.
            self._failure = self._failure or task.exception()
        self._slots.release()
        self._parts.bell.ring()

    async def _outcome(self, claim: Claim) -> Outcome:
        task = asyncio.current_task()
        if task is None or self._is_cut_short:
            return Outcome(Family.NOT_SENT, code="interrupted", message="stopped before it was sent", calls=0)
        self._on_the_way.add(task)
        try:
            return await self._send(claim)
        except asyncio.CancelledError:
            # The bound of a clean stop: the call may or may not be carried out, and says so in the ledger.
            return Outcome(
                Family.UNDECIDED, code="interrupted", message="stopped while the call was on its way"
            )
        except Exception as error:  # noqa: BLE001 - the worker's edge: a fault of ours must not lose the record
            self._parts.events.send_failed(claim, error)
            return Outcome(Family.UNDECIDED, code="unforeseen", message=type(error).__name__)
        finally:
            self._on_the_way.discard(task)

    def _count(self, claim: Claim, outcome: Outcome) -> None:
        if outcome.family is Family.UNDECIDED:
            self._undecided_in_a_row += 1
            in_a_row = min(self._undecided_in_a_row, 2 * self._parts.rules.undecided_streak)
            pause = self._parts.rules.read_back_after[0] * in_a_row
            self._next_single_at = self._after(pause)
        elif outcome.family is Family.DELIVERED:
            self._undecided_in_a_row = 0
            self._next_single_at = None
        if outcome.family is Family.DELIVERED:
            self._accepted_in_a_row += 1
            self._was_stopped = False
        elif outcome.family in (Family.REFUSED, Family.STOP):
            self._accepted_in_a_row = 0
            self._was_stopped = self._was_stopped or outcome.family is Family.STOP
        if outcome.family is not Family.NOT_SENT:
            self._not_sent_in_a_row, self._not_sent_at = 0, None
        elif self._not_sent_at is None or claim.claimed_at > self._not_sent_at:
            # Calls that were on their way together fail together: that is one failure, not sixty-four.
            self._not_sent_in_a_row, self._not_sent_at = self._not_sent_in_a_row + 1, self._parts.clock.now()

    async def drain(self) -> None:
        """Wait for the calls on their way; cancelling this wait cuts them short.

        Raises what a delivery failed with, if one did.
        """
        try:
            while self._sending:
                await asyncio.wait(set(self._sending))
        except asyncio.CancelledError:
            await self.cut_short()
            raise
        if self._failure is not None:
            raise self._failure

    async def cut_short(self) -> None:
        """Make the calls on their way undecided, and wait until that is settled. Safe to repeat."""
        self._is_cut_short = True
        for task in self._on_the_way:
            task.cancel()
        while self._sending:
            await asyncio.wait(set(self._sending))
