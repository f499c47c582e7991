"""A machine whose clock is wrong, and is set while the daemon runs: no edit lost, nothing doubled."""

from __future__ import annotations

import sqlite3
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.world import SteppedClock, World, application, until, world
from xmsyncd.operations.table import OPERATIONS
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.server import Simulator

FAST = timedelta(minutes=45)
SLOW = -FAST


async def the_second_is_over() -> None:
    second = int(time.time())
    await until(lambda: int(time.time()) > second, "the second is over")


def edit_some(here: World, text: str, count: int = 3) -> None:
    catalogue = here.simulated.catalogue
    for product in catalogue.ids()[:count]:
        catalogue.edit(product, product_remark=text)
    catalogue.create()


@pytest.mark.parametrize("tells_now", [True, False])
async def test_edits_arrive_at_once_and_once_whatever_the_clock_is_set_to(
    tmp_path: Path, tells_now: bool
) -> None:
    """A small overlap, so that nothing is found by luck; OKKI's time is in its answers or their header."""
    clock = SteppedClock(FAST)
    options = SimulatorOptions(products=30, okki_tells_now=tells_now)
    async with world(tmp_path, options, clock=clock, source={"overlap": "1s", "page_size": 10}) as here:
        await here.sync()
        for number, ahead in enumerate((FAST, SLOW, FAST, timedelta(0), -timedelta(hours=5), FAST, SLOW)):
            clock.ahead = ahead
            edit_some(here, f"版本 {number}")
            await the_second_is_over()
            result = await here.sync()
            assert result["cycle"]["result"] == "done", result
            assert here.verdict()["agrees"], (number, here.verdict())
            watermark = (await here.query("SELECT watermark_ms AS at FROM pipelines"))[0]["at"]
            assert abs(watermark / 1000 - time.time()) < 5
        assert here.simulated.counters.to_json()["calls"]["yida.start.ok"] == 37
        assert here.verdict()["instances"] == 37


async def test_what_was_put_off_by_a_fast_clock_is_sent_when_it_is_set_right(tmp_path: Path) -> None:
    """Also by the next process: a due time does not wait for the wrong time to come round."""
    async with Simulator(SimulatorOptions(products=8)) as simulated:
        async with application(tmp_path, simulated, clock=SteppedClock(timedelta(hours=6))) as here:
            simulated.faults.add("hang_before", operation="start")
            await here.read()
            await until(lambda: here.calls("start"), "calls are on their way")
        simulated.faults.clear()
        async with application(tmp_path, simulated) as here:
            result = await here.sync(wait=40)
            assert result["backlog"] == {"delivered": 8}
            assert here.verdict()["agrees"], here.verdict()
            assert here.verdict()["instances"] == 8
            assert await here.query("SELECT detail FROM history WHERE event = 'pulled_in'")


async def set_watermark(here: World, ahead: timedelta) -> int:
    at = int((time.time() + ahead.total_seconds()) * 1000)

    def write(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE pipelines SET watermark_ms = ?", (at,))

    await here.app.runtime.ledger.write(write)
    return at


async def test_a_watermark_in_the_future_is_pulled_back_loudly_and_everything_is_read(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=30), okki={"tries": 1}) as here:
        await here.sync()
        # An edit that a window from the wrong place had missed, long before any overlap.
        here.simulated.catalogue.bring_in(2, updated=int(time.time()) - 5 * 3600)
        was = await set_watermark(here, timedelta(minutes=50))
        fault = here.simulated.faults.add("okki_server_error", operation="list", after=1)
        result = await here.sync()
        assert (result["cycle"]["reason"], result["cycle"]["result"]) == ("watermark_ahead", "failed")
        here.simulated.faults.remove(fault)
        stood = (await here.query("SELECT watermark_ms AS at FROM pipelines"))[0]["at"]
        assert stood / 1000 <= time.time() + 1 < was / 1000
        result = await here.sync()
        assert (result["cycle"]["kind"], result["cycle"]["result"]) == ("full", "done")
        assert here.verdict()["agrees"], here.verdict()
        assert (await here.sync())["cycle"]["kind"] == "incremental"
        [told] = await here.query("SELECT detail FROM history WHERE event = 'watermark_pulled_back'")
        assert "was" in told["detail"]
        labels = {"pipeline": "products", "stage": "source", "reason": "clock"}
        assert here.registry.get_sample_value("xmsyncd_failures_total", labels) == 1


async def test_how_far_the_clocks_differ_is_a_metric_and_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = SteppedClock(FAST)
    async with world(tmp_path, SimulatorOptions(products=3), clock=clock) as here:
        for _ in range(3):
            await here.sync()

        def skew(api: str) -> float:
            labels: dict[str, Any] = {"connection": "main", "api": api}
            return here.registry.get_sample_value("xmsyncd_clock_skew_seconds", labels) or 0.0

        assert skew("okki") == pytest.approx(-2700, abs=3)
        assert skew("dingtalk") == pytest.approx(-2700, abs=3)
        assert capsys.readouterr().out.count("clock_differs") == 2
        clock.ahead = timedelta(0)
        here.simulated.catalogue.create()
        await here.sync()
        await here.sync()
        assert capsys.readouterr().out.count("clock_agrees") == 2


async def test_status_shows_how_far_the_clocks_differ(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=3), clock=SteppedClock(FAST)) as here:
        await here.sync()
        [told] = [one async for one in OPERATIONS["status"](here.app.runtime, {})]
        offsets = {one["api"]: one["offset_seconds"] for one in told.value["clocks"]}
        assert offsets == {"okki": pytest.approx(-2700, abs=3), "dingtalk": pytest.approx(-2700, abs=3)}
