"""What may be sent now and what an outcome means: each branch by its named reason."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.delivery.samples import MINUTE, NOW, RULES, SECOND, claim, lane_view, stop
from xmsyncd.delivery.policy import (
    LaneNow,
    decide_allowance,
    decide_settlement,
    first_look_at,
    next_month,
)
from xmsyncd.flow.quota import MonthUse
from xmsyncd.ledger.views import Allowance, Stop
from xmsyncd.records import Family, Operation, Outcome, StopReason, StopSource

METERED = MonthUse(5000, 250)
HOUR = timedelta(hours=1)
IDLE = LaneNow(accepted_in_a_row=10**9)


# Running


@pytest.mark.parametrize("operation", Operation)
def test_a_pipeline_in_order_may_send_what_it_can(operation: Operation):
    allowance = decide_allowance(lane_view(operation), IDLE, RULES)
    assert allowance == Allowance(1_000_000)


def used(calls: int, reserve_used: int = 0) -> MonthUse:
    return replace(METERED, used=calls, reserve_used=reserve_used)


def test_the_quota_bounds_what_may_go_and_then_sending_stops_until_the_next_month():
    allowance = decide_allowance(lane_view(use=used(4700)), IDLE, RULES)
    assert (allowance.limit, allowance.sends, allowance.resends, allowance.stop) == (300, 50, 250, None)
    for calls in (4750, 4751):
        allowance = decide_allowance(lane_view(use=used(calls)), IDLE, RULES)
        assert (allowance.sends, allowance.reason) == (0, "quota")
        assert allowance.limit == allowance.resends == 5000 - calls  # what was sent before goes on
        assert allowance.stop is not None
        assert (allowance.stop.reason, allowance.stop.source) == (StopReason.QUOTA, StopSource.OURSELVES)
        assert allowance.stop.probe_at == allowance.retry_at == datetime(2026, 11, 30, 16, tzinfo=UTC)
    spent = decide_allowance(lane_view(use=used(9999, 5000)), IDLE, RULES)
    assert (spent.limit, spent.reason, spent.sends, spent.resends) == (0, "quota", 0, 0)


def test_the_reserve_pays_for_resends_alone_and_is_kept_from_a_backlog():
    within = decide_allowance(lane_view(use=used(4800, 100)), IDLE, RULES)
    assert (within.sends, within.resends) == (50, 150)
    kept = decide_allowance(lane_view(use=used(1000, 250), waiting=4000), IDLE, RULES)
    assert (kept.sends, kept.resends) == (4000, 0)
    plenty = decide_allowance(lane_view(use=used(1000, 250), waiting=3990), IDLE, RULES)
    assert (plenty.sends, plenty.resends) == (4000, 10)


def test_a_stop_by_our_own_count_lets_resends_go_and_is_not_probed():
    halted = replace(stop(StopReason.QUOTA, NOW - MINUTE), source=StopSource.OURSELVES)
    allowance = decide_allowance(lane_view(stop=halted, use=used(4750)), IDLE, RULES)
    assert (allowance.sends, allowance.resends, allowance.include_suspects) == (0, 250, False)
    assert allowance.retry_at == next_month(NOW)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        # 23:59:59 and 00:00:00 in Beijing
        (datetime(2026, 11, 30, 15, 59, 59, tzinfo=UTC), datetime(2026, 11, 30, 16, tzinfo=UTC)),
        (datetime(2026, 11, 30, 16, 0, 0, tzinfo=UTC), datetime(2026, 12, 31, 16, tzinfo=UTC)),
        (datetime(2026, 12, 31, 16, 0, 0, tzinfo=UTC), datetime(2027, 1, 31, 16, tzinfo=UTC)),
        (datetime(2028, 1, 31, 10, 0, 0, tzinfo=UTC), datetime(2028, 1, 31, 16, tzinfo=UTC)),
        (datetime(2028, 2, 1, 10, 0, 0, tzinfo=UTC), datetime(2028, 2, 29, 16, tzinfo=UTC)),
    ],
)
def test_a_month_ends_at_midnight_in_beijing(moment: datetime, expected: datetime):
    assert next_month(moment) == expected


# First creates


def test_nothing_is_created_before_the_form_was_looked_at():
    assert decide_allowance(lane_view(bootstrap_at=None), IDLE, RULES) == Allowance(0, "bootstrap")
    assert decide_allowance(lane_view(Operation.UPDATE, bootstrap_at=None), IDLE, RULES).limit > 0


@pytest.mark.parametrize(("sent", "limit"), [(0, 5), (4, 1), (5, 0), (7, 0)])
def test_a_handful_of_creates_goes_out_until_a_search_shows_the_first(sent: int, limit: int):
    view = lane_view(creates_sent=sent, search_proven_at=None)
    assert decide_allowance(view, IDLE, RULES) == Allowance(limit, "first_creates")
    without = replace(RULES, read_back=False)
    assert decide_allowance(view, IDLE, without).limit > 5


# Suspects


def test_while_there_are_suspects_only_so_many_may_be_on_their_way():
    view = lane_view(suspects=7)
    assert decide_allowance(view, LaneNow(in_flight=3), RULES) == Allowance(7, "suspects")
    assert decide_allowance(view, LaneNow(3, accepted_in_a_row=50), RULES) == Allowance(10, "suspects")
    assert decide_allowance(view, LaneNow(in_flight=13), RULES) == Allowance(0, "suspects")
    assert not decide_allowance(lane_view(suspects=9), IDLE, RULES).shuffle
    assert decide_allowance(lane_view(suspects=10), IDLE, RULES).shuffle


def test_each_accepted_call_lets_one_more_go_out_at_once():
    assert decide_allowance(lane_view(), LaneNow(), RULES) == Allowance(10, "unanswered")
    assert decide_allowance(lane_view(), LaneNow(in_flight=10), RULES) == Allowance(0, "unanswered")
    assert decide_allowance(lane_view(), LaneNow(10, accepted_in_a_row=4), RULES) == Allowance(
        4, "unanswered"
    )


def test_answers_that_are_on_their_way_are_waited_for_before_the_form_is_blamed():
    allowance = decide_allowance(lane_view(suspects=20), LaneNow(in_flight=1), RULES)
    assert (allowance.limit, allowance.reason, allowance.stop) == (0, "suspects", None)


def test_refusals_in_a_row_without_a_success_stop_the_pipeline():
    allowance = decide_allowance(lane_view(suspects=20), IDLE, RULES)
    assert (allowance.limit, allowance.reason) == (0, "all_refused")
    assert allowance.stop is not None
    assert allowance.stop.reason is StopReason.ALL_REFUSED
    assert allowance.stop.probe_at == allowance.retry_at == NOW + HOUR
    assert "20 records" in allowance.stop.detail


def test_refusals_of_both_operations_count_together_while_neither_is_accepted():
    lane = LaneNow(other_is_accepted=False)
    view = lane_view(suspects=10, suspects_elsewhere=10)
    assert decide_allowance(replace(view, sending_elsewhere=1), lane, RULES).stop is None
    blamed = decide_allowance(view, lane, RULES)
    assert blamed.stop is not None
    assert blamed.stop.reason is StopReason.ALL_REFUSED
    # Something of its own goes through: then the others' trouble is the others'.
    accepted = replace(lane, accepted_in_a_row=1)
    assert decide_allowance(view, accepted, RULES).stop is None
    # And an operation that is known to be refused as a whole does not hold up one that was not.
    assert decide_allowance(lane_view(suspects_elsewhere=20), lane, RULES).limit == 10


def test_one_refusal_is_left_for_an_operation_that_was_not_tried_yet():
    """So that both together cost no more than what stops one of them."""
    lane = LaneNow(other_is_accepted=False)
    first = decide_allowance(lane_view(suspects=19), lane, RULES)
    assert first.stop is not None
    halted = stop(StopReason.ALL_REFUSED, NOW + MINUTE)
    other = lane_view(Operation.UPDATE, stop=halted, suspects_elsewhere=19)
    assert decide_allowance(other, lane, RULES).limit == 1
    assert decide_allowance(other, replace(lane, in_flight=1), RULES).limit == 0
    refused = replace(other, suspects=1)
    assert decide_allowance(refused, lane, RULES) == Allowance(0, "all_refused", retry_at=NOW + MINUTE)


def test_half_of_what_may_be_refused_goes_out_at_first_of_both_operations_together():
    busy = lane_view(sending_elsewhere=7)
    assert decide_allowance(busy, LaneNow(other_is_accepted=False), RULES).limit == 3
    assert decide_allowance(busy, LaneNow(other_is_accepted=True), RULES).limit == 10
    accepted = LaneNow(accepted_in_a_row=5, other_is_accepted=False)
    assert decide_allowance(busy, accepted, RULES).limit == 15


class Form:
    """A lane against a form, as the ledger would keep it: suspects, convicted, delivered."""

    def __init__(self, backlog: Sequence[bool], in_flight: int, rng: random.Random) -> None:
        self.backlog, self.in_flight, self.rng = list(backlog), in_flight, rng
        self.suspects = self.convicted = self.delivered = self.calls = 0
        self.on_their_way: list[bool] = []
        self.accepted_in_a_row = 0
        self.stopped: Stop | None = None

    def run(self) -> None:
        while self.stopped is None and (self.backlog or self.on_their_way):
            allowance = decide_allowance(
                lane_view(suspects=self.suspects),
                LaneNow(len(self.on_their_way), self.accepted_in_a_row),
                RULES,
            )
            self.stopped = allowance.stop
            free = self.in_flight - len(self.on_their_way)
            for _ in range(min(allowance.limit, free, len(self.backlog))):
                place = self.rng.randrange(len(self.backlog)) if allowance.shuffle else 0
                self.on_their_way.append(self.backlog.pop(place))
                self.calls += 1
            if self.on_their_way:
                self.answer(self.on_their_way.pop(self.rng.randrange(len(self.on_their_way))))
        while self.on_their_way:
            self.answer(self.on_their_way.pop())

    def answer(self, good: bool) -> None:
        self.accepted_in_a_row = self.accepted_in_a_row + 1 if good else 0
        if good:
            self.delivered += 1
            self.convicted, self.suspects = self.convicted + self.suspects, 0
        else:
            self.suspects += 1


@settings(max_examples=50)
@given(st.integers(1, 64), st.integers(21, 300), st.integers())
def test_a_form_that_refuses_everything_costs_twenty_calls(in_flight: int, records: int, seed: int):
    form = Form([False] * records, in_flight, random.Random(seed))
    form.run()
    assert form.stopped is not None
    assert form.calls == RULES.suspects_before_stop
    assert form.convicted == 0


@settings(max_examples=50)
@given(st.integers(0, 9), st.integers(1, 64), st.integers())
def test_twenty_bad_neighbours_among_good_ones_do_not_stop_it(before: int, in_flight: int, seed: int):
    backlog = [True] * before + [False] * 20 + [True] * 200
    form = Form(backlog, in_flight, random.Random(seed))
    form.run()
    assert form.stopped is None
    assert form.delivered == before + 200


# Undecided in a row


def test_after_undecided_outcomes_in_a_row_calls_go_one_at_a_time():
    def streak(**more: object) -> Allowance:
        lane = LaneNow(undecided_in_a_row=10)
        return decide_allowance(lane_view(), replace(lane, **more), RULES)  # type: ignore[arg-type]

    assert (
        decide_allowance(lane_view(), LaneNow(accepted_in_a_row=1000, undecided_in_a_row=9), RULES).limit > 1
    )
    assert streak(in_flight=1) == Allowance(0, "undecided_streak")
    assert streak(next_single_at=NOW + SECOND) == Allowance(0, "undecided_streak", retry_at=NOW + SECOND)
    assert streak(next_single_at=NOW) == Allowance(1, "undecided_streak")
    # Updates too: in an outage each would cost a call and a look again and again.
    updates = decide_allowance(lane_view(Operation.UPDATE), LaneNow(undecided_in_a_row=10), RULES)
    assert updates == Allowance(1, "undecided_streak")


# Standing still


@pytest.mark.parametrize("reason", [StopReason.NOT_SEARCHABLE, StopReason.FORM_NOT_EMPTY])
def test_a_stop_that_is_about_creates_lets_updates_go_on(reason: StopReason):
    for probe_at in (NOW - MINUTE, NOW + MINUTE):
        halted = stop(reason, probe_at)
        create = decide_allowance(lane_view(stop=halted), IDLE, RULES)
        # No time to ask again: whoever looks rings. A time in the past would be a busy loop.
        assert create == Allowance(0, reason, retry_at=None)
        assert decide_allowance(lane_view(Operation.UPDATE, stop=halted), IDLE, RULES).limit > 0


@pytest.mark.parametrize(
    "reason",
    [StopReason.CREDENTIALS, StopReason.PERMISSION, StopReason.QUOTA, StopReason.CONFIGURATION],
)
@pytest.mark.parametrize("operation", Operation)
def test_a_stopped_pipeline_sends_nothing_and_then_one_probe(reason: StopReason, operation: Operation):
    waiting = decide_allowance(lane_view(operation, stop=stop(reason)), IDLE, RULES)
    assert waiting == Allowance(0, reason, retry_at=NOW + MINUTE)
    due = decide_allowance(lane_view(operation, stop=stop(reason, NOW)), IDLE, RULES)
    assert (due.limit, due.reason, due.include_suspects) == (1, "probe", True)
    assert due.stop is not None
    assert (due.stop.reason, due.stop.probe_at) == (reason, NOW + HOUR)


def test_all_refused_stops_the_operation_that_is_refused():
    halted = stop(StopReason.ALL_REFUSED, NOW)
    assert decide_allowance(lane_view(stop=halted, suspects=20), IDLE, RULES).reason == "probe"
    assert decide_allowance(lane_view(Operation.UPDATE, stop=halted), IDLE, RULES).reason == ""
    waiting = decide_allowance(lane_view(stop=stop(StopReason.ALL_REFUSED), suspects=20), IDLE, RULES)
    assert waiting == Allowance(0, "all_refused", retry_at=NOW + MINUTE)


def test_a_probe_is_a_create_like_any_other():
    """Or a mended password would send the first create into a form that nobody has looked at."""
    halted = stop(StopReason.CREDENTIALS, NOW)
    assert decide_allowance(lane_view(stop=halted, bootstrap_at=None), IDLE, RULES).reason == "bootstrap"
    full = lane_view(stop=halted, search_proven_at=None, creates_sent=5)
    assert decide_allowance(full, IDLE, RULES) == Allowance(0, "first_creates")
    assert decide_allowance(replace(full, operation=Operation.UPDATE), IDLE, RULES).reason == "probe"


def test_where_the_vendor_says_spent_it_is_asked_again_unless_our_own_count_says_so_too():
    halted = lane_view(stop=stop(StopReason.QUOTA, NOW), use=used(100))
    allowance = decide_allowance(halted, IDLE, RULES)
    assert (allowance.limit, allowance.reason, allowance.retry_at) == (1, "probe", NOW + HOUR)
    allowance = decide_allowance(replace(halted, use=used(4750)), IDLE, RULES)
    assert (allowance.limit, allowance.reason, allowance.retry_at) == (0, "quota", next_month(NOW))
    assert allowance.stop is not None
    assert allowance.stop.source is StopSource.OURSELVES
    assert decide_allowance(replace(halted, use=MonthUse()), IDLE, RULES).reason == "probe"


def test_a_probe_is_a_call_like_any_other_to_the_quota():
    halted = lane_view(stop=stop(StopReason.PERMISSION, NOW), use=used(5000, 250))
    allowance = decide_allowance(halted, IDLE, RULES)
    assert (allowance.limit, allowance.stop, allowance.retry_at) == (0, None, next_month(NOW))


def test_after_a_stop_a_single_call_goes_until_one_is_accepted():
    """What ended the stop may have been a call of another kind, and ten more would be wasted."""
    lane = LaneNow(was_stopped=True)
    assert decide_allowance(lane_view(), lane, RULES) == Allowance(1, "unanswered")
    assert decide_allowance(lane_view(), replace(lane, in_flight=1), RULES).limit == 0


reasons = st.none() | st.builds(
    stop, st.sampled_from(StopReason), st.none() | st.integers(-60, 60).map(lambda n: NOW + SECOND * n)
)


@given(
    st.sampled_from(Operation),
    reasons,
    st.booleans(),
    st.booleans(),
    st.integers(0, 25),
    st.integers(0, 8),
    st.integers(0, 6000),
    st.integers(0, 70),
    st.integers(0, 12),
    st.none() | st.integers(-60, 60),
    st.sampled_from([MonthUse(), METERED]),
)
def test_whoever_may_not_send_is_told_a_time_to_come_or_none(
    operation, halted, bootstrap, proven, suspects, sent, calls, in_flight, streak, single, quota
):
    """A time that has passed would have the lane ask again without end."""
    rules_used = replace(quota, used=calls, reserve_used=calls // 17)
    view = lane_view(
        operation,
        suspects=suspects,
        creates_sent=sent,
        use=rules_used,
        stop=halted,
        bootstrap_at=NOW if bootstrap else None,
        search_proven_at=NOW if proven else None,
    )
    lane = LaneNow(in_flight, calls % 2 == 0, streak, None if single is None else NOW + SECOND * single)
    allowance = decide_allowance(view, lane, RULES)
    assert allowance.limit >= 0
    if allowance.limit == 0:
        assert allowance.reason
        assert allowance.retry_at is None or allowance.retry_at > NOW
    if operation is Operation.CREATE and not bootstrap:
        assert allowance.limit == 0


# Outcomes


@pytest.mark.parametrize("family", [Family.DELIVERED, Family.REFUSED, Family.GONE])
def test_a_plain_outcome_pauses_nothing(family: Family):
    decision = decide_settlement(
        claim(), Outcome(family, code="c"), tries=1, now=NOW, rules=RULES, rng=random.Random(1)
    )
    assert (decision.pause, decision.settlement.stop) == (None, None)
    assert decision.settlement.event.reason == "c"


def decided(outcome: Outcome, **more: object):
    options = {"tries": 1, "now": NOW, "rules": RULES, "rng": random.Random(1)} | more
    return decide_settlement(claim(), outcome, **options)  # type: ignore[arg-type]


def test_what_was_not_sent_is_due_at_once_and_the_way_there_pauses_ever_longer():
    pauses = []
    for tries in (1, 2, 5, 30):
        longest = max(
            decided(Outcome(Family.NOT_SENT), tries=tries, rng=random.Random(seed)).pause
            for seed in range(200)
        )
        pauses.append(longest.total_seconds())
    assert decided(Outcome(Family.NOT_SENT)).settlement.event.due_at == NOW
    assert pauses == pytest.approx([2, 4, 32, 600], rel=0.05)


def test_a_throttled_call_is_due_at_once_and_its_pause_is_kept_by_the_limiter():
    assert decided(Outcome(Family.THROTTLED, wait=5 * MINUTE)).pause is None
    assert decided(Outcome(Family.THROTTLED)).settlement.event.due_at == NOW


def test_try_later_comes_later_by_itself_and_not_before_it_was_told():
    decision = decided(Outcome(Family.TRY_LATER))
    assert NOW <= decision.settlement.event.due_at <= NOW + 2 * SECOND
    assert decision.pause is None
    told = decided(Outcome(Family.TRY_LATER, wait=MINUTE))
    assert told.settlement.event.due_at == NOW + MINUTE
    assert told.pause == MINUTE


def test_an_undecided_call_is_looked_for_after_the_first_delay_from_sending():
    assert decided(Outcome(Family.UNDECIDED)).settlement.event.due_at == NOW + 5 * SECOND
    late = decided(Outcome(Family.UNDECIDED), now=NOW + 30 * SECOND)
    assert late.settlement.event.due_at == NOW + 30 * SECOND
    without = replace(RULES, read_back=False)
    assert decided(Outcome(Family.UNDECIDED), rules=without).settlement.event.due_at is None
    assert first_look_at(Operation.CREATE, NOW, NOW, without) is None
    # An instance that is known by id needs no search.
    assert first_look_at(Operation.UPDATE, NOW, NOW, without) == NOW + 5 * SECOND


@pytest.mark.parametrize(
    ("outcome", "reason", "probe_at"),
    [
        (Outcome(Family.STOP, stop_reason=StopReason.PERMISSION), StopReason.PERMISSION, NOW + HOUR),
        (Outcome(Family.STOP), StopReason.CREDENTIALS, NOW + HOUR),
        (Outcome(Family.REAUTHENTICATE), StopReason.CREDENTIALS, NOW + HOUR),
        (Outcome(Family.STOP, stop_reason=StopReason.QUOTA), StopReason.QUOTA, NOW + HOUR),
        (Outcome(Family.STOP, stop_reason=StopReason.CAPACITY), StopReason.CAPACITY, NOW + HOUR),
    ],
)
def test_a_stop_says_why_and_when_to_probe(outcome: Outcome, reason: StopReason, probe_at: datetime):
    decision = decided(replace(outcome, code="c", message="m"))
    assert decision.settlement.stop == Stop(reason, "c m", NOW, probe_at)
    assert decision.settlement.event.due_at == NOW
