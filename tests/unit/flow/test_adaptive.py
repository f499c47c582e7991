"""The decisions about the rate, without a loop."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmsyncd.flow.adaptive import (
    Bounds,
    RateReason,
    RateState,
    Refusal,
    after_refusal,
    after_use,
    start,
)

BOUNDS = Bounds(1.0, 60.0)


def steady(rate: float, seconds: float, *, until: float = 100.0) -> list[float]:
    return [until - index / rate for index in range(int(seconds * rate), 0, -1)]


def refused(state: RateState, *, at: float = 100.0, wait: float = 1.0, taken: list[float] | None = None):
    calls = steady(state.rate, 10) if taken is None else taken
    return after_refusal(state, BOUNDS, Refusal(at, wait, calls), now=at + 0.1)


def test_a_first_overshoot_is_answered_with_what_a_bucket_would_leak():
    """Thirty calls in half a second fill a bucket of 20 that leaks 20 a second."""
    change = refused(RateState(60.0), taken=steady(60, 0.5))
    assert change.reason is RateReason.LOWERED
    assert change.state.rate == pytest.approx(20 * 0.98, rel=0.02)
    assert change.state.limit == pytest.approx(30, rel=0.05)


def test_refused_after_creeping_up_the_limit_is_just_below():
    state = RateState(20.3, limit=20.0, lowered_at=0, settled_at=1, lowered_to=19.6)
    change = refused(state)
    assert change.state.limit == pytest.approx(20, abs=0.5)
    assert change.state.rate < 20


def test_many_refusals_of_one_overshoot_are_one():
    first = refused(RateState(60.0), taken=steady(60, 0.5))
    again = after_refusal(first.state, BOUNDS, Refusal(100.09, 1.0, steady(60, 0.5)), now=101.0)
    assert again.reason is RateReason.SAME_PUSH_BACK
    assert again.state is first.state


def test_few_calls_say_little_and_halve_the_rate():
    change = refused(RateState(20.0), taken=[99.9, 99.95])
    assert change.reason is RateReason.HALVED
    assert change.state.rate == 10
    assert change.state.limit is None


def test_a_blocked_address_says_nothing_about_the_limit():
    change = refused(RateState(20.0, limit=22.0), wait=300)
    assert change.reason is RateReason.BLOCKED
    assert (change.state.rate, change.state.limit) == (10, 22)


def test_a_limit_by_the_minute_is_counted_by_the_minute():
    """600 a minute, at 20 a second: refused after half a minute."""
    change = refused(RateState(20.0), wait=60.0, taken=steady(20, 30))
    assert change.state.rate <= 10


def test_a_limit_that_fell_is_found_within_a_few_push_backs():
    """From 60 to 20 a second, counted over the last second."""
    state, now, pushes = RateState(60.0, limit=61.0, limit_is_confirmed=True, settled_at=0.0), 100.0, 0
    taken = steady(60, 10, until=now)
    while state.rate > 20 and pushes < 6:
        state = after_refusal(state, BOUNDS, Refusal(now, 1.0, taken), now=now).state
        began = now + 1.05
        taken = [*taken, *(began + index / state.rate for index in range(20))]
        now = taken[-1] + 1 / state.rate
        pushes += 1
    assert state.rate >= 12
    assert pushes <= 3


def test_only_a_rate_that_was_reached_rises():
    state = RateState(10.0, stepped_at=99.0)
    change = after_use(state, BOUNDS, reached=False, now=100.0)
    assert (change.reason, change.state.rate) == (RateReason.NOT_REACHED, 10)
    assert after_use(state, BOUNDS, reached=True, now=100.0).state.rate > 10


def test_near_a_known_limit_it_holds_and_then_probes_slowly():
    state = RateState(19.6, limit=20.0, hold_until=120.0, stepped_at=99.0)
    assert after_use(state, BOUNDS, reached=True, now=100.0).reason is RateReason.HOLDING
    probed = after_use(state, BOUNDS, reached=True, now=121.0)
    assert probed.reason is RateReason.PROBED
    assert 19.6 < probed.state.rate < 20


def test_a_limit_that_is_confirmed_is_left_alone_longer_each_time():
    state = RateState(20.3, limit=20.0, hold_seconds=20.0, lowered_to=19.6, settled_at=0)
    holds = []
    for _ in range(4):
        state = refused(replace(state, rate=20.3, lowered_at=0, settled_at=0)).state
        holds.append(state.hold_seconds)
    assert holds == [60, 180, 300, 300]


def test_with_no_limit_known_it_climbs_ever_faster():
    state, now, rates = RateState(1.0, stepped_at=0.0), 0.0, []
    while state.rate < 60 and now < 60:
        now += 0.5
        state = after_use(state, BOUNDS, reached=True, now=now).state
        rates.append(state.rate)
    assert now < 20
    growths = [later / earlier for earlier, later in pairwise(rates[:-1])]
    assert growths == sorted(growths)


def test_a_fresh_memory_holds_and_an_old_one_is_only_a_start():
    fresh = start(BOUNDS, rate=19.6, limit=20.0, now=0.0)
    assert after_use(fresh, BOUNDS, reached=True, now=10.0).reason is RateReason.HOLDING
    old = start(BOUNDS, rate=19.6, now=0.0)
    assert after_use(old, BOUNDS, reached=True, now=10.0).reason is RateReason.CLIMBED
    assert start(BOUNDS, rate=500.0, now=0.0).rate == 60
    assert start(BOUNDS, rate=0.01, now=0.0).rate == 1
    assert start(BOUNDS, now=0.0).rate == 60


@pytest.mark.parametrize(("floor", "ceiling"), [(0, 1), (2, 1), (1, float("inf")), (1, float("nan"))])
def test_senseless_bounds_are_refused(floor, ceiling):
    with pytest.raises(ValueError, match="a rate between"):
        Bounds(floor, ceiling)


@settings(max_examples=150, deadline=None)
@given(
    events=st.lists(
        st.tuples(
            st.sampled_from(["use", "idle use", "refuse", "late"]),
            st.floats(min_value=0.0, max_value=400.0),
            st.sampled_from([0.2, 1.0, 60.0, 300.0]),
            st.integers(min_value=0, max_value=80),
        ),
        max_size=40,
    )
)
def test_whatever_happens_the_rate_stays_within_its_bounds_and_no_refusal_raises_it(events):
    state, now = start(BOUNDS, now=0.0), 0.0
    for what, seconds, wait, calls in events:
        before = state
        if "use" in what and what != "refuse":
            now += seconds
            change = after_use(state, BOUNDS, reached=what == "use", now=now)
            if what != "use":
                assert change.state.rate == before.rate
            assert change.state.rate >= before.rate
        else:
            sent_at = now if what == "refuse" else min(now, before.lowered_at)
            taken = steady(before.rate, calls / before.rate, until=sent_at)
            change = after_refusal(state, BOUNDS, Refusal(sent_at, wait, taken), now=now)
            assert change.state.rate <= before.rate
            if what == "late":
                assert change.state is before
            now += 0.001
        state = change.state
        assert BOUNDS.floor <= state.rate <= BOUNDS.ceiling
