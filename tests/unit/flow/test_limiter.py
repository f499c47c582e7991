"""One limit: what a vendor that counts sees of it, its pauses, and what is told; on virtual time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.unit.flow.vendor import Kind, greedy
from tests.virtual_time import VirtualClock, VirtualLoop, run_virtual
from xmsyncd.flow.adaptive import Bounds
from xmsyncd.flow.limiter import Address, Learnt, Limiter, LimitName

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
NAME = LimitName("dingtalk", "main", "start")


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("latency", [0.05, 0.15, 0.5])
def test_an_unknown_limit_is_found_used_and_hardly_ever_passed(kind: Kind, latency: float):
    """Ceiling 60, the vendor's limit 20, a minute; at any phase of the vendor's seconds."""
    shares = []
    for phase in range(7):
        seen = greedy(kind, lambda _: 20, latency=latency, phase=phase / 7, seed=phase)
        shares.append(len(seen.taken) / (20 * 60))
        assert seen.share_refused(after=10) < 0.02, (phase, seen.share_refused(after=10))
    assert min(shares) >= 0.85, shares
    assert sum(shares) / len(shares) >= 0.9, shares


@pytest.mark.parametrize("kind", list(Kind))
def test_what_was_learnt_makes_the_next_start_a_good_one(kind: Kind):
    seen = greedy(kind, lambda _: 20, learnt=Learnt(19.6, 20.0))
    assert len(seen.taken) >= 0.93 * 20 * 60
    assert sum(at < 15 for at in seen.refused) <= 1


@pytest.mark.parametrize("kind", list(Kind))
def test_a_limit_that_changes_during_the_day_is_followed(kind: Kind):
    seen = greedy(kind, lambda at: 20 if at < 100 else 8 if at < 200 else 40, seconds=700)
    low = sum(120 < at < 200 for at in seen.taken)
    assert low >= 0.8 * 8 * 80, low
    assert sum(120 < at < 200 for at in seen.refused) <= 0.03 * low
    high = sum(600 < at < 700 for at in seen.taken)
    assert high >= 0.8 * 40 * 100, high


def test_a_slow_vendor_is_kept_busy_by_64_calls():
    seen = greedy(Kind.SLIDING, lambda _: 1000, ceiling=20, latency=3.0)
    assert len(seen.taken) >= 0.99 * 20 * 60 - 1
    assert seen.refused == []


def test_an_overshoot_of_many_calls_is_told_once():
    seen = greedy(Kind.FIXED, lambda _: 20, seconds=1.2, latency=0.5)
    assert len(seen.refused) > 10
    assert seen.pauses == 1


def test_refusals_that_have_nothing_to_do_with_the_pace_are_recovered_from():
    """One call in the first second, refused for everybody's load: not an hour at one call a second."""
    seen = greedy(Kind.SLIDING, lambda at: 0 if at < 0.2 else 100, ceiling=20)
    assert len(seen.taken) >= 0.8 * 20 * 60


def test_a_pause_stops_those_who_wait_already():
    async def main(loop: VirtualLoop, clock: VirtualClock) -> list[float]:
        limiter = Limiter(NAME, Bounds(1, 20), clock=clock)
        began, times = loop.time(), []

        async def take() -> None:
            await limiter.acquire()
            times.append(loop.time() - began)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(64):
                tasks.create_task(take())
            await clock.sleep(0.52)
            limiter.refused(limiter.sent(), wait=5 * MINUTE, code="1111")
        return times

    times = run_virtual(main)
    assert not [at for at in times if 0.52 < at < 300]
    assert len(times) == 64


def test_a_blocked_address_pauses_every_api_of_every_connection():
    async def main(loop: VirtualLoop, clock: VirtualClock) -> list[timedelta]:
        address, told = Address(), []
        limiters = [
            Limiter(
                LimitName("dingtalk", connection, api),
                Bounds(1, 20),
                clock=clock,
                address=address,
                told=lambda *pause: told.append(pause),
            )
            for connection in ("main", "other")
            for api in ("token", "start")
        ]
        sent = [limiters[1].sent() for _ in range(64)]
        for one in sent:
            limiters[1].refused(one, wait=5 * MINUTE, code="1111", blocks_address=True)
            await clock.sleep(0.1)
        assert told == [("main", "dingtalk", 300.0, "1111", "start")]
        assert {one.pause_code for one in limiters} == {"1111"}
        return [one.paused_for for one in limiters]

    left = run_virtual(main)
    assert left == pytest.approx([5 * MINUTE - 6.4 * SECOND] * 4, abs=SECOND / 100)


def test_a_longer_pause_of_the_same_push_back_holds():
    async def main(loop: VirtualLoop, clock: VirtualClock) -> tuple[timedelta, float]:
        limiter = Limiter(NAME, Bounds(1, 20), clock=clock)
        first, second = limiter.sent(), limiter.sent()
        limiter.refused(first, wait=SECOND, code="qps")
        rate = limiter.rate
        limiter.refused(second, wait=MINUTE, code="qpm")
        assert limiter.rate == rate
        return limiter.paused_for, rate

    assert run_virtual(main)[0] == MINUTE


def test_a_pause_that_is_made_longer_without_a_word_keeps_its_code_and_the_next_one_has_none():
    async def main(loop: VirtualLoop, clock: VirtualClock) -> list[str]:
        limiter = Limiter(NAME, Bounds(1, 20), clock=clock)
        limiter.pause(SECOND, "qps")
        limiter.pause(MINUTE)
        codes = [limiter.pause_code]
        await clock.sleep(61)
        limiter.pause(MINUTE)
        return [*codes, limiter.pause_code]

    assert run_virtual(main) == ["qps", ""]


def test_a_call_that_never_left_is_not_counted():
    async def main(loop: VirtualLoop, clock: VirtualClock) -> float:
        limiter = Limiter(NAME, Bounds(1, 60), clock=clock)
        for _ in range(40):
            limiter.unsent(limiter.sent())
            await clock.sleep(0.01)
        limiter.refused(limiter.sent(), wait=SECOND, code="qps")
        return limiter.rate

    assert run_virtual(main) == 30  # nothing was taken, so there is nothing to estimate from
