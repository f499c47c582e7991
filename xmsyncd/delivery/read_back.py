"""Undecided attempts are looked for until they are decided: a loop of rounds, one round one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from xmsyncd.clock import Clock
from xmsyncd.delivery import look_policy
from xmsyncd.delivery.look_policy import CreateFinding, Sight, Witness
from xmsyncd.delivery.policy import SendingRules, next_month, next_probe_at
from xmsyncd.delivery.target import Target
from xmsyncd.delivery.waiting import Bell, Stoppable
from xmsyncd.errors import CannotWorkError, RefusedError, TryLaterError, XmsyncdError
from xmsyncd.ledger import Ledger, claims, instances, looks, meters, pipelines
from xmsyncd.ledger.claims import Meter
from xmsyncd.ledger.events import Finding, Looked
from xmsyncd.ledger.views import KnownInstance, Look, LookSettlement, Stop
from xmsyncd.records import Found, Operation, StopReason

# Calls for finding one witness: people may have deleted every instance that could be one.
_LARGEST_WITNESS_HUNT = 6

# A round is one transaction and one witness; more than this and its first looks would be stale at its end.
_LARGEST_ROUND = 32


class ReadBack:
    """Decides undecided attempts of one pipeline by looking at Yida, at growing delays after sending."""

    def __init__(
        self,
        pipeline: str,
        form: str,
        *,
        ledger: Ledger,
        target: Target,
        rules: SendingRules,
        resend_limit: int,
        meter: Callable[[], Meter],
        bell: Bell,
        waits: Stoppable,
        clock: Clock,
        decided: Callable[[Sequence[LookSettlement]], None],
        stopped: Callable[[Stop], None],
        resumed: Callable[[StopReason], None],
        put_off: Callable[[XmsyncdError], None],
        vanished: Callable[[KnownInstance], None],
    ) -> None:
        self._pipeline = pipeline
        self._form = form
        self._ledger = ledger
        self._target = target
        self._rules = rules
        self._resend_limit = resend_limit
        self._meter = meter
        self._bell = bell
        self._ring = bell.listen()
        self._waits = waits
        self._clock = clock
        self._decided = decided
        self._stopped = stopped
        self._resumed = resumed
        self._put_off = put_off
        self._vanished = vanished
        self._failures_in_a_row = 0
        self._not_before: datetime | None = None
        self._halted_for: StopReason | None = None

    async def run(self) -> None:
        """Make the rounds that are due until asked to stop."""
        while not self._waits.stopping.is_set():
            self._ring.clear()
            due_at = await self._due_at()
            if due_at is None or due_at > self._clock.now():
                if not await self._waits.until(due_at, self._ring):
                    return
                continue
            await self._round_or_put_off()

    async def _due_at(self) -> datetime | None:
        """When the next round may be made: when a look is due, and nothing stands in its way."""
        due_at = await self._ledger.read(looks.next_due, self._pipeline, "look")
        if due_at is None:
            return None
        now = self._clock.now()
        if self._not_before is not None:
            due_at = max(due_at, self._not_before)
        stop = (await self._ledger.read(pipelines.view, self._pipeline)).stop
        if stop is not None and stop.reason is StopReason.RESTORED:
            return None  # taking over what Yida holds decides them a hundred at a time, and rings
        if stop is not None and stop.reason is self._halted_for and stop.probe_at is not None:
            due_at = max(due_at, stop.probe_at)
        if self._rules.monthly_calls:
            # Looks may use the reserve that sending leaves them, and not a call more.
            meter = self._meter()
            if (
                await self._ledger.read(meters.used, meter.connection, meter.month)
                >= self._rules.monthly_calls
            ):
                due_at = max(due_at, next_month(now))
        return due_at

    async def _round_or_put_off(self) -> None:
        try:
            if not await self._waits.unless_stopped(self.round()):
                return
        except CannotWorkError as error:
            now = self._clock.now()
            self._halted_for = error.reason
            stop = Stop(error.reason, str(error), now, next_probe_at(error.reason, now, self._rules))
            if await self._ledger.write(pipelines.stop, self._pipeline, stop):
                self._stopped(stop)
            return
        except TryLaterError as error:
            self._failures_in_a_row += 1
            self._put_off(error)
            growing = self._rules.retry_base * 2 ** min(self._failures_in_a_row, 10)
            self._not_before = self._clock.now() + (error.wait or min(growing, self._rules.retry_cap))
            return
        self._failures_in_a_row, self._not_before = 0, None
        if self._halted_for is not None:
            await self._resume(self._halted_for)

    async def _resume(self, reason: StopReason) -> None:
        """The round went through, so what stopped it is mended, and nobody else may come to find out."""
        self._halted_for = None
        stop = (await self._ledger.read(pipelines.view, self._pipeline)).stop
        if stop is not None and stop.reason is reason:
            await self._ledger.write(pipelines.resume, self._pipeline, self._clock.now())
            self._resumed(reason)
            self._bell.ring()

    async def round(self) -> None:
        """Look once for every undecided attempt that is due, and commit what that came to.

        What was looked at before an error (``CannotWorkError``, ``TryLaterError``) or a stop is committed
        all the same; one that Yida refuses to show is put off and does not hold up the others.
        """
        settlements: list[LookSettlement] = []
        try:
            await self._look(settlements)
        finally:
            if settlements:
                await self._ledger.write(looks.settle_looks, settlements, self._meter(), self._clock.now())
                self._decided(settlements)
                self._bell.ring()

    async def _look(self, settlements: list[LookSettlement]) -> None:
        """The witness is searched for before the doubtful ones.

        Seen later, it could vouch for an index that was still behind when they were looked for.
        """
        now = self._clock.now()
        due = await self._ledger.read(looks.due_looks, self._pipeline, _LARGEST_ROUND, now)
        creates = [look for look in due if look.operation is Operation.CREATE]
        doubtful = [look for look in creates if look_policy.needs_witness(look, self._delays, now)]
        witness = Witness(Sight.NONE)
        witness_calls = 0
        if doubtful:
            witness, witness_calls = await self._witness(max(look.ended_at for look in doubtful))
        may_resend = self._rules.read_back and self._resend_limit > 0
        canaries = set(await self._ledger.read(looks.open_resends, self._pipeline))
        for look in due:
            try:
                if look.operation is Operation.UPDATE:
                    shown = await self._get(look)
                    finding = look_policy.decide_update(look, shown, self._delays, self._clock.now())
                else:
                    # One whose resend got lost as well is in nobody's way but its own.
                    canary_free = may_resend and canaries <= {look.record_id}
                    finding = await self._find(look, witness, canary_free=canary_free, now=now)
            except RefusedError as error:
                finding = CreateFinding(Finding.UNSEEN, f"refused: {error}")
            if finding.reason == "no_witness":
                canaries.add(look.record_id)
            settlements.append(self._settlement(look, finding, 1 + witness_calls))
            witness_calls = 0
            if self._waits.stopping.is_set():
                break

    @property
    def _delays(self) -> Sequence[timedelta]:
        return self._rules.read_back_after

    async def _find(self, look: Look, witness: Witness, *, canary_free: bool, now: datetime) -> CreateFinding:
        shown = await self._target.search(look.key)
        owners = await self._ledger.read(looks.owners, self._form, [row.instance_id for row in shown])
        found = look_policy.decide_rows(look, shown, owners)
        if found is not None:
            return found
        return look_policy.decide_empty(look, witness, self._delays, canary_free=canary_free, now=now)

    async def _get(self, look: Look) -> Found | None:
        if look.instance_id is None:
            raise ValueError(f"an update without an instance: record {look.record_id}")
        return await self._target.get(look.instance_id)

    async def _witness(self, after: datetime) -> tuple[Witness, int]:
        """Search for an instance known by id; one that is gone from Yida is struck and the next is tried."""
        calls = 0
        while True:
            known = await self._ledger.read(looks.witness_candidate, self._pipeline, after)
            if known is None:
                return Witness(Sight.NONE), calls
            if calls >= _LARGEST_WITNESS_HUNT:
                return Witness(Sight.HIDDEN, known), calls  # the next round goes on from here
            try:
                calls += 1
                shown = await self._target.search(known.key)
                if any(row.instance_id == known.instance_id for row in shown):
                    return Witness(Sight.VISIBLE, known), calls
                calls += 1
                found = await self._target.get(known.instance_id)
            except RefusedError:
                return Witness(Sight.HIDDEN, known), calls  # what is not shown vouches for nothing
            if found is None:
                # Its record says delivered and is not: that is told now, not when its product next changes.
                if await self._ledger.write(instances.lost, self._form, known.instance_id, self._clock.now()):
                    self._vanished(known)
            elif found.key and found.key != known.key:
                # Somebody changed the key in Yida: it can be found, under its new one.
                await self._ledger.write(claims.note_key, self._form, known.instance_id, found.key)
            else:
                return Witness(Sight.HIDDEN, known), calls

    def _settlement(self, look: Look, finding: CreateFinding, calls: int) -> LookSettlement:
        now = self._clock.now()
        match finding.finding:
            case Finding.UNSEEN:
                # Without reading back, a person's retry is one look and no more.
                again = look_policy.next_look_at(look.sent_at, now, self._delays)
                due_at = again if self._rules.read_back else None
            case Finding.OTHER if look.operation is Operation.UPDATE:
                # Not applied: sent again at once the first time, then at the delays of the looks.
                due_at = (
                    now + self._delays[min(look.resends - 1, len(self._delays) - 1)] if look.resends else now
                )
            case _:
                due_at = now
        event = Looked(
            attempt_id=look.attempt_id,
            finding=finding.finding,
            due_at=due_at,
            resend_limit=self._resend_limit,
            instance_id=finding.instance_id,
            found_hash=finding.found_hash,
        )
        return LookSettlement(look, event, calls, finding.doubles, finding.reason)
