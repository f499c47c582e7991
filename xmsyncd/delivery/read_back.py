"""Undecided attempts are looked for until they are decided: a loop of rounds, one round one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from xmsyncd.about import about
from xmsyncd.delivery import look_policy
from xmsyncd.delivery.asking import Asking, told_wait
from xmsyncd.delivery.look_policy import CreateFinding, Sight, Waited, Witness
from xmsyncd.delivery.policy import next_month
from xmsyncd.delivery.stopwatch import Stopwatch
from xmsyncd.errors import CannotWorkError, RefusedError, ReserveSpentError, TryLaterError
from xmsyncd.flow.quota import RoomReason
from xmsyncd.ledger import claims, looks, meters, pipelines
from xmsyncd.ledger.events import Finding, Looked
from xmsyncd.ledger.views import Look, LookSettlement
from xmsyncd.records import AttemptId, Found, Operation, StopReason, StopSource

# Calls for finding one witness: people may have deleted every instance that could be one.
_LARGEST_WITNESS_HUNT = 6

# After any of these the attempt is open no longer.
_DECIDED = (Finding.EQUAL, Finding.OTHER, Finding.ABSENT, Finding.GONE)

# A round is one transaction and one witness; more than this and its first looks would be stale at its end.
_LARGEST_ROUND = 32


class ReadBack:
    """Decides undecided attempts of one pipeline by looking at Yida, at growing delays after sending."""

    def __init__(self, asking: Asking, stopwatch: Stopwatch) -> None:
        self._asking = asking
        self._parts = asking.parts
        self._stopwatch = stopwatch
        self._ring = asking.parts.bell.listen()
        self._failures_in_a_row = 0
        self._not_before: datetime | None = None
        self._rests_for = timedelta(0)

    async def run(self) -> None:
        """Make the rounds that are due until asked to stop."""
        asking = self._asking
        while not asking.waits.stopping.is_set():
            self._ring.clear()
            due_at = await self._due_at()
            if due_at is None or due_at > self._parts.clock.now():
                if not await asking.waits.until(due_at, self._ring):
                    return
                continue
            await self._round_or_put_off()

    async def _due_at(self) -> datetime | None:
        """When the next round may be made: when a look is due, and nothing stands in its way."""
        asking = self._asking
        now, meter = self._parts.clock.now(), self._parts.meter()
        view = await asking.view()
        if view.stop is not None and view.stop.is_own_quota:
            # Here too, or a pipeline that has nothing to send would stand still for ever.
            ended = await self._parts.ledger.write(pipelines.end_quota_stop, self._parts.pipeline, meter, now)
            if ended is not None:
                self._parts.events.pipeline_resumed(self._parts.pipeline, ended)
                self._parts.bell.ring()
        due_at = await self._parts.ledger.read(looks.next_due, self._parts.pipeline, "look")
        if due_at is None:
            return None
        if self._not_before is not None:
            # A clock that was set back must not stretch the rest.
            self._not_before = min(self._not_before, now + self._rests_for)
            due_at = max(due_at, self._not_before)
        if view.stop is not None and view.stop.reason is StopReason.RESTORED:
            return None  # taking over what Yida holds decides them a hundred at a time, and rings
        if view.stop is not None and view.stop.halts_reads:
            if view.stop.probe_at is None:
                return None
            due_at = max(due_at, view.stop.probe_at)
        room = await self._parts.ledger.read(meters.reserve_room, meter)
        if room.calls <= 0:
            due_at = max(due_at, next_month(now))  # or earlier: what is sent meanwhile rings
            if room.reason is RoomReason.MONTH_SPENT and view.stop is None:
                detail = f"all {meter.limit} calls of this month are used, and records are undecided"
                await asking.stop(StopReason.QUOTA, detail, StopSource.OURSELVES)
        return due_at

    async def _round_or_put_off(self) -> None:
        asking = self._asking
        stop = (await asking.view()).stop
        halted_for = stop.reason if stop is not None and stop.halts_reads else None
        if halted_for is not None and not await asking.may_probe():
            return  # somebody else tries for all
        try:
            if not await asking.waits.unless_stopped(self.round()):
                return
        except ReserveSpentError:
            return  # nothing was sent; when there is room again is known
        except CannotWorkError as error:
            await asking.stop_for(error)
            return
        except TryLaterError as error:
            self._failures_in_a_row += 1
            asking.put_off(error)
            self._rests_for = asking.pause_after(self._failures_in_a_row, told_wait(error))
            self._not_before = self._parts.clock.now() + self._rests_for
            return
        self._failures_in_a_row, self._not_before = 0, None
        if halted_for is not None:
            await asking.resume(halted_for)  # what stopped it is mended, and nobody else may come to find out

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
                await self._parts.ledger.write(looks.settle_looks, settlements, self._parts.clock.now())
                closed = [one.look.attempt_id for one in settlements if one.event.finding in _DECIDED]
                self._stopwatch.forget(closed)
                for settlement in settlements:
                    self._parts.events.look_settled(self._parts.pipeline, settlement)
                self._parts.bell.ring()

    async def _look(self, settlements: list[LookSettlement]) -> None:
        """The witness is searched for before the doubtful ones.

        Seen later, it could vouch for an index that was still behind when they were looked for.
        """
        asking = self._asking
        now = self._parts.clock.now()
        due = await self._parts.ledger.read(looks.due_looks, self._parts.pipeline, _LARGEST_ROUND, now)
        creates = [look for look in due if look.operation is Operation.CREATE]
        # A create is decided by what had passed when its witness was searched for.
        waited = {look.attempt_id: self._waited(look) for look in due}
        doubtful = [
            look for look in creates if look_policy.needs_witness(waited[look.attempt_id], self._delays)
        ]
        witness = Witness(Sight.NONE)
        told = asking.target.reads
        if doubtful:
            # Where one of them has no number the newest instance known is looked for: it proves less.
            numbers = [look.settled_after for look in doubtful if look.settled_after is not None]
            witness = await self._witness(max(numbers, default=None))
        may_resend = self._parts.rules.read_back and self._parts.options.resend_limit > 0
        canaries = set(await self._parts.ledger.read(looks.open_resends, self._parts.pipeline))
        for look in due:
            try:
                with about(key=look.key, attempt_id=look.attempt_id):
                    if look.operation is Operation.UPDATE:
                        shown = await self._get(look)
                        by_now = self._waited(look)
                        finding = look_policy.decide_update(look, shown, self._delays, by_now)
                    else:
                        # One whose resend got lost as well is in nobody's way but its own.
                        canary_free = may_resend and canaries <= {look.record_id}
                        finding = await self._find(
                            look, witness, canary_free=canary_free, waited=waited[look.attempt_id]
                        )
                    if finding.finding is Finding.ABSENT and look.renamed_to is not None:
                        # An older copy of the ledger may not know that it was found, and renamed, since.
                        renamed = replace(look, key=look.renamed_to)
                        under_new_key = await self._shown(renamed)
                        if under_new_key is not None:
                            look, finding = renamed, under_new_key
            except RefusedError as error:
                finding = CreateFinding(Finding.UNSEEN, f"refused: {error}")
            except (CannotWorkError, TryLaterError):
                cost = asking.target.reads - told
                await self._parts.ledger.write(looks.note_cost, look.record_id, cost)
                raise
            if finding.reason == "no_witness":
                canaries.add(look.record_id)
            # The first also bears what its witness cost.
            made = asking.target.reads
            settlements.append(self._settlement(look, finding, made - told))
            told = made
            if asking.waits.stopping.is_set():
                break

    @property
    def _delays(self) -> Sequence[timedelta]:
        return self._parts.rules.read_back_after

    def _waited(self, look: Look) -> Waited:
        return self._stopwatch.waited(look.attempt_id, look.waited)

    async def _find(
        self, look: Look, witness: Witness, *, canary_free: bool, waited: Waited
    ) -> CreateFinding:
        found = await self._shown(look)
        if found is not None:
            return found
        empty = look_policy.decide_empty(look, witness, self._delays, canary_free=canary_free, waited=waited)
        if empty.finding is not Finding.ABSENT:
            return empty
        # Asked once more before anything is sent again: one search may be answered wrongly, or by a part of
        # the vendor's index that is further behind than the one that showed the witness.
        return await self._shown(look) or empty

    async def _shown(self, look: Look) -> CreateFinding | None:
        """What a search for its key shows of it."""
        asking = self._asking
        shown = await asking.target.search(look.key)
        owners = await self._parts.ledger.read(
            looks.owners, self._parts.form, [row.instance_id for row in shown]
        )
        return look_policy.decide_rows(look, shown, owners)

    async def _get(self, look: Look) -> Found | None:
        if look.instance_id is None:
            raise ValueError(f"an update without an instance: record {look.record_id}")
        return await self._asking.target.get(look.instance_id)

    async def _witness(self, after: AttemptId | None) -> Witness:
        """Search for an instance known by id; one that is gone from Yida is struck and the next is tried."""
        asking, calls = self._asking, 0
        while True:
            known = await self._parts.ledger.read(looks.witness_candidate, self._parts.pipeline, after)
            if known is None:
                return Witness(Sight.NONE)
            if calls >= _LARGEST_WITNESS_HUNT:
                return Witness(Sight.HIDDEN, known)  # the next round goes on from here
            try:
                calls += 1
                shown = await asking.target.search(known.key)
                if any(row.instance_id == known.instance_id for row in shown):
                    return Witness(Sight.VISIBLE, known)
                calls += 1
                found = await asking.target.get(known.instance_id)
            except RefusedError:
                return Witness(Sight.HIDDEN, known)  # what is not shown vouches for nothing
            if found is None:
                await asking.lose(known)
            elif found.key and found.key != known.key:
                # Somebody changed the key in Yida: it can be found, under its new one.
                await self._parts.ledger.write(
                    claims.note_key, self._parts.form, known.instance_id, found.key
                )
            else:
                return Witness(Sight.HIDDEN, known)

    def _settlement(self, look: Look, finding: CreateFinding, calls: int) -> LookSettlement:
        now, waited = self._parts.clock.now(), self._waited(look).since_sent
        match finding.finding:
            case Finding.UNSEEN:
                # Without reading back, a person's retry is one look and no more.
                again = look_policy.next_look_at(waited, now, self._delays)
                due_at = again if self._parts.rules.read_back else None
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
            resend_limit=self._parts.options.resend_limit,
            instance_id=finding.instance_id,
            found_hash=finding.found_hash,
        )
        return LookSettlement(look, event, calls, finding.doubles, finding.reason, waited)
