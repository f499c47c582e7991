"""The bell rings when it should, never twice at once, and ends without a cancelled task or an error line."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from xmsyncd import schedule as schedule_module
from xmsyncd.schedule import RingTrouble, Schedule

SHANGHAI = ZoneInfo("Asia/Shanghai")
FAST = timedelta(milliseconds=50)


class Bell:
    """Counts its rings and lets a test wait for one."""

    def __init__(self) -> None:
        self.rings = 0
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self.rings += 1
        self._rung.set()

    async def wait_for(self, rings: int) -> None:
        while self.rings < rings:
            self._rung.clear()
            await asyncio.wait_for(self._rung.wait(), 10)


@pytest.fixture
async def schedule() -> AsyncIterator[Schedule]:
    made = Schedule(SHANGHAI)
    yield made
    await made.shutdown()


async def test_a_fast_interval_rings_again_and_again_in_the_loops_own_thread(schedule):
    bell = Bell()
    schedule.add("products", every=FAST, cron=None, ring=bell.ring)
    schedule.start()
    await bell.wait_for(3)
    assert not schedule.troubles


async def test_the_first_ring_comes_when_asked_for(schedule):
    soon, later = Bell(), Bell()
    schedule.add("soon", every=timedelta(hours=1), cron=None, ring=soon.ring, first_after=timedelta(0))
    schedule.add("later", every=timedelta(hours=1), cron=None, ring=later.ring)
    schedule.start()
    await soon.wait_for(1)
    assert later.rings == 0


async def test_the_next_ring_is_known_after_the_start(schedule):
    schedule.add("products", every=timedelta(hours=1), cron=None, ring=lambda: None)
    schedule.add("nightly", every=None, cron="10,40 2 * * mon-fri", ring=lambda: None)
    assert schedule.next_ring("products") is None
    schedule.start()
    due = schedule.next_ring("products")
    assert due is not None
    assert timedelta(minutes=59) < due - datetime.now(UTC) <= timedelta(hours=1)
    night = schedule.next_ring("nightly")
    assert night is not None
    # Between ten past and twenty to, the later one is next.
    assert night.astimezone(SHANGHAI).strftime("%H:%M") in ("02:10", "02:40")
    assert night.astimezone(SHANGHAI).weekday() < 5
    assert schedule.next_ring("nobody") is None


async def test_a_blocked_loop_makes_rings_late_and_one_but_loses_none(schedule):
    bell = Bell()
    schedule.add("products", every=FAST, cron=None, ring=bell.ring)
    schedule.start()
    await bell.wait_for(1)
    time.sleep(1.3)  # noqa: ASYNC251 - blocking the loop is the point
    before = bell.rings
    await asyncio.sleep(0.01)
    assert bell.rings - before <= 2
    await bell.wait_for(before + 1)
    assert not schedule.troubles


async def test_a_pause_keeps_silence(schedule):
    bell = Bell()
    schedule.add("products", every=FAST, cron=None, ring=bell.ring)
    schedule.start()
    await bell.wait_for(1)
    schedule.pause()
    before = bell.rings
    await asyncio.sleep(0.2)
    assert bell.rings <= before + 1


async def test_a_shutdown_while_ringing_cancels_nothing_and_logs_no_error(caplog):
    caplog.set_level(logging.DEBUG)
    for _ in range(20):
        schedule = Schedule(SHANGHAI)
        bell = Bell()
        for number in range(5):
            schedule.add(
                f"p{number}",
                every=timedelta(milliseconds=10),
                cron=None,
                ring=bell.ring,
                first_after=timedelta(0),
            )
        schedule.start()
        await asyncio.sleep(0)
        await schedule.shutdown()
        assert not schedule.troubles
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert len(asyncio.all_tasks()) == 1


async def test_a_shutdown_is_safe_before_the_start_and_twice():
    schedule = Schedule(SHANGHAI)
    await schedule.shutdown()
    schedule.add("products", every=FAST, cron=None, ring=lambda: None)
    schedule.start()
    await schedule.shutdown()
    await schedule.shutdown()


async def test_a_ring_that_raises_is_counted_and_the_next_one_comes():
    heard: list[tuple[str, RingTrouble]] = []
    schedule = Schedule(SHANGHAI, trouble=lambda name, trouble, detail: heard.append((name, trouble)))
    bell = Bell()

    def ring() -> None:
        bell.ring()
        raise RuntimeError("a fault of ours")

    schedule.add("products", every=FAST, cron=None, ring=ring)
    schedule.start()
    await bell.wait_for(2)
    await schedule.shutdown()
    assert schedule.troubles["products", RingTrouble.FAILED] >= 2
    assert heard[0] == ("products", RingTrouble.FAILED)


async def test_a_coroutine_function_is_refused_and_a_hidden_one_is_a_failure(schedule):
    async def work() -> None:
        raise AssertionError("nobody may run this")

    with pytest.raises(TypeError, match="plain function"):
        schedule.add("products", every=FAST, cron=None, ring=work)
    heard: asyncio.Queue[RingTrouble] = asyncio.Queue()
    listening = Schedule(SHANGHAI, trouble=lambda name, trouble, detail: heard.put_nowait(trouble))
    listening.add("products", every=FAST, cron=None, ring=lambda: work())  # type: ignore[arg-type]
    listening.start()
    assert await asyncio.wait_for(heard.get(), 10) is RingTrouble.FAILED
    await listening.shutdown()


@pytest.mark.parametrize(
    ("every", "cron", "words"),
    [
        (None, None, "either"),
        (FAST, "* * * * *", "either"),
        (None, "* * * *", "five fields"),
        (None, "0 0 * * 0", "by name"),
    ],
)
async def test_a_rule_that_cannot_be_kept_is_refused(schedule, every, cron, words):
    with pytest.raises(ValueError, match=words):
        schedule.add("products", every=every, cron=cron, ring=lambda: None)


async def test_a_name_is_scheduled_once(schedule):
    schedule.add("products", every=FAST, cron=None, ring=lambda: None)
    with pytest.raises(ValueError, match="already"):
        schedule.add("products", every=FAST, cron=None, ring=lambda: None)


async def test_a_clock_set_back_does_not_silence_an_interval(schedule, monkeypatch):
    monkeypatch.setattr(schedule_module, "_LONGEST_SLEEP_SECONDS", 0.05)
    bell = Bell()
    schedule.add("products", every=timedelta(seconds=2), cron=None, ring=bell.ring)
    schedule.start()
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=5), tick=True):
        async with asyncio.timeout(10):
            while True:
                due = schedule.next_ring("products")
                if due is not None and due - datetime.now(UTC) <= timedelta(seconds=2):
                    break
                await asyncio.sleep(0.01)


async def test_a_first_ring_planned_for_later_than_the_interval_is_no_clock_that_was_set_back(monkeypatch):
    monkeypatch.setattr("xmsyncd.schedule._LONGEST_SLEEP_SECONDS", 0.01)
    schedule = Schedule(SHANGHAI)
    schedule.add(
        "compare", every=timedelta(hours=1), cron=None, ring=lambda: None, first_after=timedelta(hours=3)
    )
    schedule.start()
    planned = schedule.next_ring("compare")
    await asyncio.sleep(0.1)
    assert schedule.next_ring("compare") == planned
    assert not schedule.troubles
    await schedule.shutdown()
