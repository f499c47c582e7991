"""The month's calls as the vendor counts them: sends, the reserve, forecasts, months, and what is over."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tests.world import World, settings_of, until, world
from xmsyncd.app import open_app
from xmsyncd.operations.status import status
from xmsyncd.operations.table import pipeline_infos
from xmsyncd.simulator.options import Component, SimulatorOptions
from xmsyncd.simulator.server import Simulator

FAST = {
    "read_back_after": ["200ms", "600ms", "1s", "1500ms"],
    "call_timeout": "2s",
    "drain": "3s",
    "probe_every": "1h",
}
READS = ("search", "get", "definitions", "ids", "get_many", "preview")


class MovedClock:
    """The machine's clock, moved on by a test: for both sides at once."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def wall(self) -> float:
        return time.time() + self.offset.total_seconds()


@asynccontextmanager
async def moved_world(
    folder: Path, options: SimulatorOptions, clock: MovedClock, **changes: Any
) -> AsyncIterator[World]:
    registry = CollectorRegistry()
    async with Simulator(options, wall=clock.wall) as simulated:
        settings = settings_of(folder, simulated, **changes)
        async with (
            open_app(settings, clock=clock, rng=random.Random(1), registry=registry) as app,
            app.running(),
        ):
            yield World(simulated, app, registry, folder / "xmsyncd.db")


def metered(here: World) -> int:
    return here.simulated.yida.gateway.metered


async def counted(here: World) -> dict[str, int]:
    rows = await here.query("SELECT sum(calls) AS calls, sum(reserve_calls) AS reserve FROM meters")
    return {name: rows[0][name] or 0 for name in ("calls", "reserve")}


async def stop_reason(here: World) -> str | None:
    rows = await here.query("SELECT stop_reason FROM pipelines")
    reason: str | None = rows[0]["stop_reason"]
    return reason


async def shown(here: World) -> dict[str, Any]:
    runtime = here.app.runtime
    return await status(runtime.ledger, pipeline_infos(runtime), runtime.clock.now())


def stopped_for(here: World, reason: str | None) -> Any:
    async def stopped() -> bool:
        return await stop_reason(here) == reason

    return stopped


def quiet(here: World) -> Any:
    """Nothing is on its way or undecided."""

    async def settled() -> bool:
        states = await here.states()
        return not states.get("sending", 0) and not states.get("undecided", 0)

    return settled


@pytest.mark.timeout(180)
async def test_500_calls_left_of_the_month_are_475_creates_and_the_reserve_pays_for_doubts(
    tmp_path: Path,
) -> None:
    clock = MovedClock()
    options = SimulatorOptions(products=2000, monthly_calls=500)
    quota = {"monthly_calls": 500, "reserve_calls": 25, "requests_per_second": 500}
    async with moved_world(tmp_path, options, clock, delivery=FAST, dingtalk=quota) as here:
        here.simulated.faults.add("lost_reset", operation="start", times=2, after=60)
        here.simulated.faults.add("dropped_before", operation="start", times=1, after=150)
        here.simulated.faults.add("throttle_app", operation="start", times=10, after=90)
        await here.read()
        await until(stopped_for(here, "quota"), "the month's share of sending is spent", 60)
        await until(quiet(here), "the reserve decides what was doubtful", 60)

        calls = await counted(here)
        assert calls["calls"] <= 500
        assert calls["calls"] - calls["reserve"] == 475
        # What the simulated month counted is what we counted, but for the call that never reached it.
        assert calls["calls"] == metered(here) + 1
        assert metered(here) <= 500
        creates = here.simulated.counters.to_json()["committed"]["yida.start"]
        resent = (await here.query("SELECT count(*) AS n FROM history WHERE event = 'resent'"))[0]["n"]
        assert creates == 475 - 1 + resent
        assert (await here.states()) == {"delivered": creates, "pending": 2000 - creates}
        assert here.verdict()["doubled"] == []

        [quota_now] = (await shown(here))["quota"]
        assert (quota_now["limit"], quota_now["reserve"]) == (500, 25)
        assert (
            quota_now["exhausted_at"] == (await shown(here))["now"] or quota_now["exhausted_at"] is not None
        )
        assert quota_now["kinds"]["create"] == 475 + resent
        [pipeline] = (await shown(here))["pipelines"]
        assert pipeline["state"] == "stopped"
        probe = datetime.fromisoformat(pipeline["stop"]["probe_at"])
        assert probe > clock.now()

        # Nothing more goes out, whoever rings.
        before = metered(here)
        here.pipeline.bell.ring()
        await asyncio.sleep(0.5)
        assert metered(here) == before

        clock.offset = probe - datetime.now(UTC) + timedelta(seconds=1)
        here.pipeline.bell.ring()
        await until(lambda: metered(here) == 475, "the next month goes on by itself", 60)
        await until(stopped_for(here, "quota"), "and is spent in its turn", 30)
        assert here.verdict()["doubled"] == []


@pytest.mark.timeout(120)
async def test_where_the_vendor_says_spent_everything_waits_and_one_call_an_hour_asks(tmp_path: Path) -> None:
    clock = MovedClock()
    options = SimulatorOptions(products=200)
    async with moved_world(tmp_path, options, clock, delivery={**FAST, "in_flight": 4}) as here:
        await here.sync(limit=20)
        here.simulated.yida.gateway.monthly_calls = metered(here) + 10  # other apps have used the rest
        await here.read()
        await until(stopped_for(here, "quota"), "the vendor says that the month is spent")
        await until(quiet(here), "what was on its way has ended")
        [stop] = await here.query("SELECT stop_source, probe_ms, stopped_ms FROM pipelines")
        assert stop["stop_source"] == "write"
        assert (await shown(here))["quota"][0]["told_spent"]

        here.simulated.counters.reset()
        for hour in range(1, 4):
            clock.offset += timedelta(minutes=61)
            for _ in range(5):
                here.pipeline.bell.ring()
                await asyncio.sleep(0.1)
            assert here.calls("start", "update", *READS) == hour

        here.simulated.yida.gateway.monthly_calls = None  # somebody has bought calls
        clock.offset += timedelta(minutes=61)
        here.pipeline.bell.ring()
        await until(lambda: here.verdict()["agrees"], "it goes on by itself", 60)
        assert await stop_reason(here) is None
        assert not (await shown(here))["quota"][0]["told_spent"]


@pytest.mark.timeout(120)
async def test_restarts_of_a_stopped_pipeline_cost_one_call_an_hour(tmp_path: Path) -> None:
    clock = MovedClock()
    async with Simulator(SimulatorOptions(products=30), wall=clock.wall) as simulated:
        settings = settings_of(tmp_path, simulated, delivery=FAST)

        @asynccontextmanager
        async def started() -> AsyncIterator[World]:
            registry = CollectorRegistry()
            async with (
                open_app(settings, clock=clock, rng=random.Random(1), registry=registry) as app,
                app.running(),
            ):
                yield World(simulated, app, registry, tmp_path / "xmsyncd.db")

        async with started() as here:
            await here.sync(limit=10)
            simulated.faults.add("permission", operation="start")
            await here.read()
            await until(stopped_for(here, "permission"), "it stops")
            await until(quiet(here), "what was on its way has ended")
        simulated.counters.reset()
        for _ in range(4):
            async with started() as here:
                await asyncio.sleep(0.4)
        assert here.calls("start", "update", *READS) == 1, "whoever starts it may have mended the cause, once"
        clock.offset += timedelta(minutes=61)
        for _ in range(3):
            async with started() as here:
                await asyncio.sleep(0.4)
        assert here.calls("start", "update", *READS) == 2
        simulated.faults.clear()
        clock.offset += timedelta(minutes=61)
        async with started() as here:
            await until(lambda: here.verdict()["agrees"], "mended, it goes on")


@pytest.mark.timeout(120)
async def test_undecided_records_do_not_probe_a_stopped_connection_beside_the_lanes(tmp_path: Path) -> None:
    """Lanes, looks and the first day's questions share the one call an hour."""
    clock = MovedClock()
    async with moved_world(tmp_path, SimulatorOptions(products=40), clock, delivery=FAST) as here:
        await here.sync(limit=10)
        here.simulated.faults.add("lost_reset", operation="start", times=3)
        spent = here.simulated.faults.add("quota_spent", after=8)
        await here.read()
        await until(stopped_for(here, "quota"), "it stops")
        await until(
            lambda: here.simulated.counters.to_json()["calls"].get("yida.start.lost") == 3,
            "three are in doubt",
        )
        await asyncio.sleep(2)  # every look has become due
        here.simulated.counters.reset()
        for hour in range(1, 4):
            clock.offset += timedelta(minutes=61)
            for _ in range(5):
                here.pipeline.bell.ring()
                await asyncio.sleep(0.1)
            assert here.calls("start", "update", *READS) == hour
        here.simulated.faults.remove(spent)
        clock.offset += timedelta(minutes=61)
        here.pipeline.bell.ring()
        await until(lambda: here.verdict()["agrees"], "it goes on by itself", 60)


def _renamed(options: SimulatorOptions) -> list[Component]:
    first, *rest = options.components
    return [Component("textField_renamed", first.component_name, first.label), *rest]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("edited", [0, 60])
async def test_a_renamed_component_stops_it_after_twenty_calls_and_parks_no_innocent(
    tmp_path: Path, edited: int
) -> None:
    """Creates alone, and creates beside updates: of both together at most twenty."""
    clock = MovedClock()
    options = SimulatorOptions(products=300)
    async with moved_world(tmp_path, options, clock, delivery=FAST) as here:
        await here.sync(limit=100)
        assert here.verdict()["instances"] == 100
        here.simulated.form.set_components(_renamed(options))
        delivered = await here.query("SELECT source_id FROM records WHERE state = 'delivered'")
        for row in delivered[:edited]:
            here.simulated.catalogue.edit(int(row["source_id"]), product_remark="改了")
        here.simulated.counters.reset()
        await here.read()
        await until(stopped_for(here, "all_refused"), "it stops")
        await until(quiet(here), "what was on its way has ended")
        await asyncio.sleep(0.5)
        assert here.calls("start", "update", *READS) <= 20
        states = await here.states()
        assert await here.query("SELECT 1 FROM records WHERE block = 'parked'") == []
        assert states["pending"] >= 180
        [stop] = await here.query("SELECT stop_detail FROM pipelines")
        assert "invalidState.form.invalidComponentID" in stop["stop_detail"]

        here.simulated.form.set_components(options.components)  # the person names it as it was
        clock.offset += timedelta(minutes=61)
        here.pipeline.bell.ring()
        await until(lambda: here.verdict()["agrees"], "everything goes through", 60)
        assert set(await here.states()) == {"delivered"}
        stops = await here.query("SELECT 1 FROM history WHERE event = 'stopped'")
        assert len(stops) == 1


@pytest.mark.timeout(120)
async def test_twenty_dirty_records_in_a_row_among_good_ones_do_not_stop_it(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=200), delivery=FAST) as here:
        await here.sync(limit=20)
        catalogue = here.simulated.catalogue
        numbers = [catalogue.product(one)["product_no"] for one in catalogue.ids()]
        ordered = await here.query("SELECT key FROM records ORDER BY id")
        known = {row["key"] for row in ordered}
        for number in [one for one in numbers if one not in known][:20]:
            here.simulated.faults.add("refuse", operation="start", match=number)
        result = await here.sync(wait=60)
        assert result["stop"] is None, result
        assert result["backlog"] == {"delivered": 180, "parked": 20}
        assert await here.query("SELECT 1 FROM history WHERE event = 'stopped'") == []
        assert await stop_reason(here) is None
