"""The pace of permits, on a virtual clock."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from math import ceil, inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.virtual_time import VirtualClock, VirtualLoop, run_virtual
from xmsyncd.flow.pace import Pacer


def most_in_a_second(times: Sequence[float]) -> int:
    """The most permits in any half-open window of one second."""
    return max(bisect_left(times, moment + 1.0) - index for index, moment in enumerate(times))


async def take(pacer: Pacer, loop: VirtualLoop, times: list[float], count: int) -> None:
    for _ in range(count):
        await pacer.acquire()
        times.append(loop.time())


async def take_for(pacer: Pacer, loop: VirtualLoop, seconds: float, workers: int = 8) -> list[float]:
    """Permits that greedy workers get within some seconds."""
    times: list[float] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(take(pacer, loop, times, 10**9) for _ in range(workers)))
    return times


@pytest.mark.parametrize("rate", [0.5, 1, 2, 7, 20, 33.3, 100, 101, 150, 1000])
def test_never_more_than_the_rate_in_any_second_and_nearly_all_of_it_used(rate):
    async def main(loop: VirtualLoop, clock: VirtualClock) -> list[float]:
        return await take_for(Pacer(rate, clock=clock), loop, 60.0 if rate < 1000 else 10.0)

    times = run_virtual(main)
    seconds = 60.0 if rate < 1000 else 10.0
    assert most_in_a_second(times) <= ceil(rate)
    assert len(times) >= 0.99 * rate * seconds


@pytest.mark.parametrize("idle_seconds", [0.2, 1.0, 10.0])
def test_idling_saves_up_no_burst(idle_seconds):
    async def main(loop: VirtualLoop, clock: VirtualClock) -> list[float]:
        pacer = Pacer(20, clock=clock)
        times = await take_for(pacer, loop, 2.0)
        await clock.sleep(idle_seconds)
        return times + await take_for(pacer, loop, 2.0)

    assert most_in_a_second(run_virtual(main)) <= 20


@pytest.mark.parametrize("rate", [20, 150])
def test_a_stalled_loop_saves_up_no_burst(rate):
    async def main(loop: VirtualLoop, clock: VirtualClock) -> list[float]:
        pacer = Pacer(rate, clock=clock)
        loop.call_later(1.513, loop.stall, 3.0)
        loop.call_later(6.0, loop.stall, 0.49)
        return await take_for(pacer, loop, 8.0)

    times = run_virtual(main)
    assert most_in_a_second(times) <= rate
    assert len(times) >= 0.99 * rate * (8.0 - 3.49) - 1


@settings(max_examples=25, deadline=None)
@given(
    rate=st.floats(min_value=0.5, max_value=300.0),
    events=st.lists(
        st.tuples(st.sampled_from(["stall", "idle"]), st.floats(min_value=0.001, max_value=3.0)), max_size=4
    ),
)
def test_no_sequence_of_stalls_and_idling_breaks_the_bound(rate, events):
    async def main(loop: VirtualLoop, clock: VirtualClock) -> list[float]:
        pacer = Pacer(rate, clock=clock)
        times: list[float] = []
        for what, seconds in events:
            if what == "stall":
                loop.call_later(0.317, loop.stall, seconds)
            times += await take_for(pacer, loop, 1.1, workers=3)
            if what == "idle":
                await clock.sleep(seconds)
        return times + await take_for(pacer, loop, 1.5, workers=3)

    times = run_virtual(main)
    assert times
    assert most_in_a_second(times) <= ceil(rate)


def test_permits_come_in_the_order_they_were_asked_for():
    async def main(loop: VirtualLoop, clock: VirtualClock) -> list[int]:
        pacer = Pacer(20, clock=clock)
        order: list[int] = []

        async def wait(number: int) -> None:
            await pacer.acquire()
            order.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(64):
                group.create_task(wait(number))
                if number % 16 == 15:
                    await clock.sleep(0.07)  # newcomers, while others wait
        return order

    assert run_virtual(main) == list(range(64))


def test_a_cancelled_waiter_takes_nothing_from_the_others():
    async def main(loop: VirtualLoop, clock: VirtualClock) -> tuple[list[float], float]:
        pacer = Pacer(10, clock=clock)
        started = loop.time()
        times: list[float] = []
        tasks = [asyncio.create_task(take(pacer, loop, times, 1)) for _ in range(20)]
        await clock.sleep(0.05)
        for task in tasks[1:20:2]:  # the one that waits for the bucket, and others that queue
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return times, started

    times, started = run_virtual(main)
    assert len(times) == 10
    assert times[-1] - started == pytest.approx(0.9, abs=0.001)


def test_a_higher_rate_counts_at_once_even_for_who_already_waits():
    async def main(loop: VirtualLoop, clock: VirtualClock) -> list[float]:
        pacer = Pacer(0.1, clock=clock)
        await pacer.acquire()
        started = loop.time()
        times: list[float] = []
        waiting = asyncio.create_task(take(pacer, loop, times, 21))
        await clock.sleep(1.0)
        pacer.rate = 20
        await waiting
        assert pacer.rate == 20
        return [moment - started for moment in times]

    times = run_virtual(main)
    assert times[0] == pytest.approx(1.0, abs=0.001)
    assert times[-1] == pytest.approx(2.0, abs=0.001)
    assert most_in_a_second(times) <= 20


def test_a_lower_rate_counts_at_once():
    async def main(loop: VirtualLoop, clock: VirtualClock) -> list[float]:
        pacer = Pacer(20, clock=clock)
        await take_for(pacer, loop, 1.0)
        pacer.rate = 2
        return await take_for(pacer, loop, 5.0)

    times = run_virtual(main)
    assert most_in_a_second(times) <= 2
    assert len(times) == 10


def test_changing_the_rate_again_and_again_gives_no_permits_away():
    """AIMD changes it every few seconds; a fresh bucket each time would be a burst each time."""

    async def main(loop: VirtualLoop, clock: VirtualClock) -> list[float]:
        pacer = Pacer(20, clock=clock)

        async def change() -> None:
            for number in range(400):
                await clock.sleep(0.02)
                pacer.rate = 19 + number % 2

        changing = asyncio.create_task(change())
        times = await take_for(pacer, loop, 8.0)
        await changing
        return times

    times = run_virtual(main)
    assert most_in_a_second(times) <= 20
    assert len(times) >= 0.99 * 19 * 8


def test_nobody_gets_a_permit_during_a_pause_and_the_longer_of_two_holds():
    async def main(loop: VirtualLoop, clock: VirtualClock) -> list[float]:
        pacer = Pacer(20, clock=clock)
        started = loop.time()
        times: list[float] = []
        taking = asyncio.create_task(take(pacer, loop, times, 100))
        await clock.sleep(1.02)  # the first in line waits for the bucket, the pause must catch it too
        pacer.pause(timedelta(seconds=5))
        pacer.pause(timedelta(seconds=1))
        assert not pacer.ready()
        assert pacer.paused_for == timedelta(seconds=5)
        await taking
        assert pacer.paused_for == timedelta()
        return [moment - started for moment in times]

    times = run_virtual(main)
    assert not [moment for moment in times if 1.02 <= moment < 6.02]
    assert len([moment for moment in times if moment < 1.02]) == 21
    assert most_in_a_second(times) <= 20


def test_ready_tells_whether_a_permit_is_free_this_instant():
    async def main(loop: VirtualLoop, clock: VirtualClock) -> list[bool]:
        pacer = Pacer(20, clock=clock)
        seen = [pacer.ready()]
        await pacer.acquire()
        seen.append(pacer.ready())
        await clock.sleep(0.051)
        seen.append(pacer.ready())
        pacer.rate = 10
        seen.append(pacer.ready())
        await clock.sleep(0.05)
        seen.append(pacer.ready())
        return seen

    assert run_virtual(main) == [True, False, True, False, True]


@pytest.mark.parametrize("rate", [0, -1, inf, nan])
def test_a_senseless_rate_is_refused(rate):
    async def main(loop: VirtualLoop, clock: VirtualClock) -> None:
        pacer = Pacer(1, clock=clock)
        with pytest.raises(ValueError, match="above 0"):
            pacer.rate = rate
        with pytest.raises(ValueError, match="above 0"):
            Pacer(rate, clock=clock)

    run_virtual(main)
