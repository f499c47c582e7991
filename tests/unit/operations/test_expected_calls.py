"""What a backlog costs, by the quota and the questions that come before the first sending."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.flow.quota import MonthUse
from xmsyncd.ledger.views import Stop
from xmsyncd.operations.expected_calls import Waiting, assumed, expected_calls, sending_takes
from xmsyncd.operations.runtime import Pace
from xmsyncd.records import StopReason

NOW = datetime(2026, 11, 23, tzinfo=UTC)
KNOWN = Waiting(
    creates=3,
    updates=4,
    undecided=0,
    form_is_checked=True,
    may_create=True,
    search_is_proven=True,
    has_instances=True,
    stop=None,
    use=MonthUse(),
)
NEW = replace(KNOWN, form_is_checked=False, may_create=False, search_is_proven=False, has_instances=False)


def stopped(reason: StopReason) -> Stop:
    return Stop(reason, "", NOW, None)


def test_each_record_is_one_call():
    calls = expected_calls(KNOWN)
    assert (calls.sends_now, calls.put_off, calls.questions, calls.metered) == (7, 0, {}, 7)


def test_a_pipelines_first_day_asks_the_form_and_looks_twice():
    assert expected_calls(replace(NEW, updates=0)).questions == {"definitions": 1, "search": 2}
    assert expected_calls(replace(NEW, creates=0, updates=0)).questions == {}, (
        "nothing to send, nothing to ask"
    )


@pytest.mark.parametrize(
    ("used", "sends"), [(0, 90), (83, 7), (85, 5), (90, 0), (100, 0), (200, 0)], ids=lambda value: str(value)
)
def test_what_the_month_does_not_pay_for_is_put_off(used, sends):
    waiting = replace(KNOWN, creates=100, updates=100, use=MonthUse(limit=100, reserve=10, used=used))
    calls = expected_calls(waiting)
    assert (calls.sends_now, calls.put_off) == (sends, 200 - sends)


def test_what_goes_now_is_told_by_kind_as_far_as_it_is_known():
    assert expected_calls(KNOWN).sends_by_kind == {"create": 3, "update": 4}
    scarce = replace(KNOWN, use=MonthUse(limit=5))
    assert expected_calls(scarce).sends_by_kind == {"create or update": 5}
    assert expected_calls(replace(scarce, creates=0, updates=9)).sends_by_kind == {"create": 0, "update": 5}
    full = expected_calls(replace(KNOWN, stop=stopped(StopReason.FORM_NOT_EMPTY)))
    assert (full.sends_by_kind, full.put_off) == ({"create": 0, "update": 4}, 3)


def test_what_is_taken_for_granted_while_nobody_has_looked():
    assert assumed(NEW) == "form"
    assert assumed(replace(NEW, creates=0)) == "components"
    assert assumed(replace(NEW, has_instances=True)) == "components"
    assert assumed(replace(NEW, may_create=True, form_is_checked=True)) is None
    assert assumed(replace(NEW, creates=0, updates=0)) is None
    assert assumed(replace(NEW, form_is_checked=True, stop=stopped(StopReason.FORM_NOT_EMPTY))) is None
    assert assumed(replace(NEW, stop=stopped(StopReason.PAUSED))) is None
    assert assumed(KNOWN) is None


def test_questions_come_out_of_the_reserve():
    waiting = replace(NEW, creates=100, updates=0, use=MonthUse(limit=50, reserve=10))
    assert expected_calls(waiting).sends_now == 40
    assert expected_calls(waiting).metered == 43


def test_what_stands_still_sends_nothing():
    paused = expected_calls(replace(NEW, stop=stopped(StopReason.PAUSED)))
    assert (paused.sends_now, paused.put_off, paused.questions) == (0, 7, {})
    unsearchable = expected_calls(replace(KNOWN, stop=stopped(StopReason.NOT_SEARCHABLE)))
    assert (unsearchable.sends_now, unsearchable.put_off) == (4, 3)


@given(
    st.integers(0, 500),
    st.integers(0, 500),
    st.integers(0, 500),
    st.integers(0, 100),
    st.integers(0, 600),
    st.booleans(),
)
def test_nothing_is_lost_and_the_month_is_never_overdrawn(creates, updates, limit, reserve, used, first):
    use = MonthUse(limit=limit, reserve=min(reserve, max(0, limit - 1)), used=used)
    calls = expected_calls(replace(NEW if first else KNOWN, creates=creates, updates=updates, use=use))
    assert calls.sends_now + calls.put_off == creates + updates
    assert calls.sends_now >= 0
    if limit:
        assert calls.sends_now <= max(0, limit - used)


def test_creates_and_updates_go_side_by_side_each_at_its_own_pace():
    pace = {"create": Pace(1.0, timedelta(0)), "update": Pace(4.0, timedelta(seconds=5))}
    assert sending_takes(expected_calls(KNOWN), pace) == timedelta(seconds=6)
    assert sending_takes(expected_calls(replace(KNOWN, creates=30)), pace) == timedelta(seconds=30)
    assert sending_takes(expected_calls(KNOWN), {}) == timedelta(0)
