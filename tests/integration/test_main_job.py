"""Products travel from OKKI to Yida: each once, every value right, and nothing is paid for twice."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.world import application, until, world
from xmsyncd.operations.sync import exit_status
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.server import Simulator


@pytest.mark.timeout(180)
async def test_two_thousand_products_arrive_once_and_cost_nothing_the_second_time(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=2000)) as here:
        first = await here.sync(wait=120)
        assert exit_status(first) == 0
        assert first["cycle"]["balance"] == 0
        assert here.verdict()["agrees"]
        assert here.verdict()["instances"] == 2000
        assert here.simulated.counters.to_json()["committed"] == {"yida.start": 2000}

        here.simulated.counters.reset()
        second = await here.sync()
        assert exit_status(second) == 0
        assert here.calls("start", "update", "search", "get", "detail") == 0

        edited = here.simulated.catalogue.ids()[100:110]
        for number, product in enumerate(edited):
            here.simulated.catalogue.edit(product, name=f"改名产品 {number} ✓")
        here.simulated.counters.reset()
        third = await here.sync()
        assert third["cycle"]["decisions"]["update"] == 10
        assert here.calls("update") == 10
        assert here.calls("start", "search", "get") == 0
        assert here.verdict()["agrees"]
        assert here.verdict()["instances"] == 2000


async def test_an_edit_that_changes_no_mapped_value_costs_no_call_to_yida(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=20)) as here:
        await here.sync()
        here.simulated.counters.reset()
        here.simulated.catalogue.edit(here.simulated.catalogue.ids()[3], hs_code="94054100")
        result = await here.sync()
        assert result["cycle"]["decisions"]["unchanged"] == 1
        assert here.calls("start", "update", "search", "get") == 0


async def test_a_clean_stop_and_a_new_start_go_on_where_they_were(tmp_path: Path) -> None:
    options = SimulatorOptions(products=300, latency=timedelta(milliseconds=20))
    async with Simulator(options) as simulated:
        async with application(tmp_path, simulated, dingtalk={"requests_per_second": 60}) as here:
            await here.read()
            await until(lambda: here.calls("start") > 40, "a part is on its way")
        # Leaving the block drains: nothing stays in doubt.
        async with application(tmp_path, simulated) as here:
            # A claim that the stop overtook went back unsent.
            left = "SELECT * FROM attempts WHERE outcome IS NULL OR outcome NOT IN ('delivered', 'returned')"
            assert await here.query(left) == []
            result = await here.sync()
            assert exit_status(result) == 0
            assert here.verdict()["agrees"]
            assert here.simulated.counters.to_json()["committed"] == {"yida.start": 300}


async def test_limit_and_only_stage_a_part_and_leave_the_watermark(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=120)) as here:
        first = await here.sync(limit=5)
        assert first["cycle"]["kind"] == "partial"
        assert here.calls("start") == 5
        assert first["cycle"]["watermark"] is None

        wanted = here.simulated.catalogue.product(here.simulated.catalogue.ids()[60])
        here.simulated.counters.reset()
        await here.sync(only=wanted["product_no"])
        assert here.calls("start") <= 1
        assert (await here.record(wanted["product_id"]))["state"] == "delivered"

        whole = await here.sync()
        assert whole["cycle"]["decisions"]["create"] + 5 + 1 >= 120
        assert here.verdict()["agrees"]


async def test_a_full_form_and_an_empty_ledger_are_refused_without_bootstrap(tmp_path: Path) -> None:
    options = SimulatorOptions(products=30)
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    (tmp_path / "third").mkdir()
    async with world(tmp_path / "first", options) as here:
        await here.sync()
        simulated = here.simulated
        async with application(tmp_path / "second", simulated) as second:
            result = await second.sync()
            assert result["stop"]["reason"] == "form_not_empty"
            assert exit_status(result) == 4
            assert here.verdict()["instances"] == 30
        async with application(tmp_path / "third", simulated, bootstrap=True) as third:
            await third.sync()
            assert here.verdict()["instances"] == 60
