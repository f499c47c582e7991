"""What may be sent now, and what an outcome means: pure decisions with a named reason."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never
from zoneinfo import ZoneInfo

from xmsyncd.flow.backoff import jittered_delay
from xmsyncd.flow.quota import UNLIMITED, MonthUse, Room, room_for_reserve, room_for_sends
from xmsyncd.ledger.events import Settled
from xmsyncd.ledger.views import Allowance, LaneView, Settlement, Stop
from xmsyncd.records import Claim, Family, Operation, Outcome, StopReason, StopSource

_BEIJING = ZoneInfo("Asia/Shanghai")

# Stops that say something about creates only; updates of known instances go on.
_CREATE_STOPS = (StopReason.NOT_SEARCHABLE, StopReason.FORM_NOT_EMPTY)


@dataclass(frozen=True, slots=True)
class SendingRules:
    """The settings that decide about sending."""

    read_back: bool
    read_back_after: tuple[timedelta, ...]
    first_creates: int
    """Creates that may go out before a search has shown the first of them."""
    suspects_before_stop: int
    undecided_streak: int
    retry_base: timedelta
    retry_cap: timedelta
    probe_every: timedelta
    mapping_hash: str = ""
    """What the form must have been checked for before anything is sent; empty: nothing."""

    def form_is_checked(self, checked_hash: str | None) -> bool:
        """Whether every mapped component is known to be on the form."""
        return not self.mapping_hash or checked_hash == self.mapping_hash


@dataclass(frozen=True, slots=True)
class LaneNow:
    """What only the running process knows of a lane."""

    in_flight: int = 0
    accepted_in_a_row: int = 0
    """Calls accepted since one was refused or the lane was idle; each lets one more go out at once."""
    undecided_in_a_row: int = 0
    next_single_at: datetime | None = None
    """While outcomes are undecided in a row: when the next single create may go."""
    was_stopped: bool = False
    """The last answers stopped the pipeline and none was accepted since."""
    other_is_accepted: bool = True
    """Calls of the other operation were accepted of late: what it has on its way will not all be refused."""


def next_month(moment: datetime) -> datetime:
    """The start of the next calendar month in Beijing, when the vendor's quota begins anew."""
    local = moment.astimezone(_BEIJING)
    first = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1).astimezone(moment.tzinfo)


def next_probe_at(reason: StopReason, source: StopSource, now: datetime, rules: SendingRules) -> datetime:
    """When a pipeline that stops now for this reason may try one call.

    What we counted ourselves needs no call to find out; that the vendor counts otherwise is tried now and
    then, because somebody may buy calls, and in any case when the month is new.
    """
    if reason is StopReason.QUOTA:
        begins = next_month(now)
        return begins if source is StopSource.OURSELVES else min(begins, now + rules.probe_every)
    return now + rules.probe_every


def decide_allowance(view: LaneView, lane: LaneNow, rules: SendingRules) -> Allowance:
    """How many records of this operation may be claimed at this moment, and why not more."""
    is_adopted_first = view.pipeline.stop is not None and view.pipeline.stop.reason.waits_for_a_person
    if not is_adopted_first and not rules.form_is_checked(view.pipeline.checked_hash):
        return Allowance(0, "form_unchecked")
    sends, resends = room_for_sends(view.use), room_for_reserve(view.use, view.waiting)
    stopped = _while_stopped(view, lane, rules, sends, resends)
    if stopped is not None:
        return stopped
    spent = None
    if sends <= 0:
        stop = view.pipeline.stop
        # Whoever stands still for something else has that said first.
        spent = quota_stop(view.use, view.now) if stop is None or stop.is_own_quota else None
        if resends.calls <= 0:
            return Allowance(0, "quota", stop=spent, retry_at=next_month(view.now), sends=0, resends=0)
    refused = _suspects(view, lane, rules)
    if refused is not None:
        return refused
    limit, reason = min(sends + resends.calls, UNLIMITED), "" if sends else "quota"
    retry_at = None if sends else next_month(view.now)
    # Half of what may be refused goes out at once, so that there is a half left to take from elsewhere.
    on_their_way = lane.in_flight + _unanswered_elsewhere(view, lane)
    room = max(1, rules.suspects_before_stop // 2) + lane.accepted_in_a_row - on_their_way
    suspects = _counted_suspects(view, lane, rules)
    if suspects:
        room = min(room, _most_suspects(view, lane, rules) - suspects - on_their_way)
    if lane.was_stopped or (view.pipeline.stop is not None and not lane.accepted_in_a_row):
        room = min(room, 1 - lane.in_flight)
    if room < limit:
        limit, reason = room, "suspects" if suspects else "unanswered"
    gate = _gate(view, lane, rules)
    if gate is not None and gate.limit < limit:
        limit, reason, retry_at = gate.limit, gate.reason, gate.retry_at or retry_at
    return Allowance(
        max(0, limit),
        reason,
        shuffle=2 * suspects >= rules.suspects_before_stop,
        stop=spent,
        retry_at=retry_at,
        sends=sends,
        resends=resends.calls,
    )


def quota_stop(use: MonthUse, now: datetime) -> Stop:
    """By our own count the month has no call left for sending."""
    if use.used >= use.limit:
        spent = f"all {use.limit} calls of this month are used"
    else:
        spent = (
            f"{use.used} of {use.limit} calls of this month are used, and what is left of them is kept in "
            "reserve for looks and resends"
        )
    detail = f"{spent}: sending goes on next month, or with a higher monthly_calls"
    return Stop(StopReason.QUOTA, detail, now, next_month(now), StopSource.OURSELVES)


def _unanswered_elsewhere(view: LaneView, lane: LaneNow) -> int:
    """Calls of the other operation that may all be refused, where nothing speaks for the form."""
    return 0 if lane.accepted_in_a_row or lane.other_is_accepted else view.sending_elsewhere


def _most_suspects(view: LaneView, lane: LaneNow, rules: SendingRules) -> int:
    """How many refusals speak for the form's fault: one is left for an operation that was not tried yet."""
    untried = not view.suspects_elsewhere and not lane.other_is_accepted
    return max(1, rules.suspects_before_stop - (1 if untried else 0))


def _counted_suspects(view: LaneView, lane: LaneNow, rules: SendingRules) -> int:
    """The suspects that speak against the form: also the other operation's, where nothing speaks for it.

    Not those of an operation that is known to be refused as a whole: this one may fare better.
    """
    elsewhere = view.suspects_elsewhere
    is_known = view.pipeline.stop is not None or elsewhere >= rules.suspects_before_stop
    return view.suspects + (0 if lane.accepted_in_a_row or is_known else elsewhere)


def _suspects(view: LaneView, lane: LaneNow, rules: SendingRules) -> Allowance | None:
    suspects = _counted_suspects(view, lane, rules)
    if suspects < _most_suspects(view, lane, rules):
        return None
    if lane.in_flight + _unanswered_elsewhere(view, lane):
        return Allowance(0, "suspects")  # an answer on its way may still clear the form and blame the records
    detail = (
        f"Yida refused {suspects} records in a row and accepted none: "
        f"the form or the mapping must have changed. The last time it said: {view.refusal or 'nothing'}"
    )
    stop = Stop(StopReason.ALL_REFUSED, detail, view.now, view.now + rules.probe_every, StopSource.OURSELVES)
    return Allowance(0, "all_refused", stop=stop, retry_at=stop.probe_at)


def _while_stopped(
    view: LaneView, lane: LaneNow, rules: SendingRules, sends: int, resends: Room
) -> Allowance | None:
    stop = view.pipeline.stop
    if stop is None or stop.is_own_quota:
        return None
    if stop.reason in _CREATE_STOPS and view.operation is Operation.UPDATE:
        return None
    if stop.reason.waits_for_a_person:
        return Allowance(0, stop.reason)  # adopt ends it, and rings
    if stop.reason is StopReason.ALL_REFUSED and not view.suspects:
        return None  # it is the other operation that is refused
    if stop.reason in _CREATE_STOPS:
        return Allowance(0, stop.reason)  # the first create's own looks end it, and ring
    if stop.probe_at is None or view.now < stop.probe_at:
        return Allowance(0, stop.reason, retry_at=stop.probe_at)
    if sends <= 0 and stop.reason is StopReason.QUOTA:
        own = quota_stop(view.use, view.now)
        return Allowance(0, stop.reason, stop=own, retry_at=own.probe_at, sends=0, resends=0)
    if sends <= 0 and resends.calls <= 0:
        return Allowance(0, "quota", retry_at=next_month(view.now), sends=0, resends=0)
    gate = _gate(view, lane, rules)
    if gate is not None and gate.limit <= 0:
        return gate  # a probe is a call like any other
    probe = replace(stop, probe_at=view.now + rules.probe_every)
    return Allowance(
        1,
        "probe",
        include_suspects=True,
        stop=probe,
        retry_at=probe.probe_at,
        sends=sends,
        resends=resends.calls,
    )


def _gate(view: LaneView, lane: LaneNow, rules: SendingRules) -> Allowance | None:
    if view.operation is Operation.CREATE and view.pipeline.bootstrap_at is None:
        return Allowance(0, "bootstrap")
    if view.operation is Operation.CREATE and rules.read_back and view.pipeline.search_proven_at is None:
        return Allowance(max(0, rules.first_creates - view.creates_sent), "first_creates")
    # Updates too: in an outage each would cost a call and a look again and again.
    if lane.undecided_in_a_row >= rules.undecided_streak:
        if lane.in_flight:
            return Allowance(0, "undecided_streak")
        if lane.next_single_at is not None and view.now < lane.next_single_at:
            return Allowance(0, "undecided_streak", retry_at=lane.next_single_at)
        return Allowance(1, "undecided_streak")
    return None


@dataclass(frozen=True, slots=True)
class SettlementDecision:
    """What an outcome means: for the record, and (``pause``) for what else this lane would send."""

    settlement: Settlement
    pause: timedelta | None = None


def decide_settlement(
    claim: Claim,
    outcome: Outcome,
    *,
    tries: int,
    now: datetime,
    rules: SendingRules,
    rng: random.Random,
) -> SettlementDecision:
    """The event an outcome means for its record, and whether the API or the pipeline must pause."""
    due_at: datetime | None = now
    pause: timedelta | None = None
    stop: Stop | None = None
    match outcome.family:
        case Family.DELIVERED | Family.REFUSED | Family.GONE | Family.THROTTLED:
            pass  # the limiter has paused that API as the refusal came in
        case Family.NOT_SENT:
            # Nothing left this machine, so the record is due at once; the way to the vendor is what waits.
            pause = jittered_delay(tries, rules.retry_base, rules.retry_cap, rng)
        case Family.TRY_LATER:
            delay = jittered_delay(tries, rules.retry_base, rules.retry_cap, rng)
            due_at = now + max(delay, outcome.wait or timedelta(0))
            pause = outcome.wait
        case Family.UNDECIDED:
            due_at = first_look_at(claim.operation, claim.claimed_at, now, rules)
        case Family.STOP | Family.REAUTHENTICATE:
            reason = outcome.stop_reason or StopReason.CREDENTIALS
            # Where no call went out it was the token that was not to be had.
            source = StopSource.WRITE if outcome.calls else StopSource.TOKEN
            stop = Stop(reason, _words(outcome), now, next_probe_at(reason, source, now, rules), source)
        case _:
            assert_never(outcome.family)
    event = Settled(
        attempt_id=claim.attempt_id,
        family=outcome.family,
        due_at=due_at,
        instance_id=outcome.instance_id,
        reason=outcome.code or outcome.family,
    )
    return SettlementDecision(Settlement(claim, outcome, event, stop), pause)


def _words(outcome: Outcome) -> str:
    return " ".join(part for part in (outcome.code, outcome.message) if part)


def first_look_at(
    operation: Operation, sent_at: datetime, now: datetime, rules: SendingRules
) -> datetime | None:
    """When an undecided attempt is first looked for; ``None`` where only a person looks.

    An update is looked for in any case: its instance is known by id, so no search is needed.
    """
    if operation is Operation.CREATE and not rules.read_back:
        return None
    return max(now, sent_at + rules.read_back_after[0])
