"""Two pipelines into one form, split by ``where``: what crosses over is in Yida once, or listed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.scenario import configuration
from tests.world import World, application
from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.operations.sync import sync
from xmsyncd.operations.table import result_of
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.server import Simulator

SOLD, STOPPED = "{product_remark} <> '停售'", "{product_remark} = '停售'"


def split(simulated: Simulator) -> dict[str, Any]:
    """The changes of a configuration with a second pipeline, for what the first leaves out."""
    settings = configuration(simulated.okki_url, simulated.yida_url)
    stopped = {**settings["pipelines"]["products"], "where": STOPPED}
    return {"pipeline": {"where": SOLD}, "pipelines": {"stopped": stopped}}


async def both(here: World) -> dict[str, dict[str, int]]:
    """One cycle of each and its deliveries; how many records are in which state."""
    backlogs = {}
    for name, pipeline in here.app.runtime.pipelines.items():
        steps = sync(here.app.runtime, pipeline, CycleRequest(), timedelta(seconds=60))
        backlogs[name] = [step async for step in steps][-1]["backlog"]
    return backlogs


async def test_what_crosses_over_stays_once_in_yida_and_is_listed_until_it_comes_back(tmp_path: Path) -> None:
    async with Simulator(SimulatorOptions(products=20)) as simulated:
        catalogue = simulated.catalogue
        ids = catalogue.ids()
        crossing = ids[0]
        number = catalogue.product(crossing)["product_no"]
        for product_id in ids:
            catalogue.edit(product_id, product_remark="停售" if product_id in ids[:6] else "在售")
        async with application(tmp_path, simulated, **split(simulated)) as here:
            assert await both(here) == {
                "products": {"delivered": 14, "discarded": 6},
                "stopped": {"delivered": 6, "discarded": 14},
            }
            assert here.verdict()["agrees"]

            catalogue.edit(crossing, product_remark="在售")
            for _ in range(2):
                assert (await both(here))["products"] == {"delivered": 14, "discarded": 5, "waiting": 1}
            listed = await result_of(here.app.runtime, "failures.list", {"pipeline": "products"})
            (one,) = listed["records"]
            assert one["reason"] == "key_conflict"
            assert one["detail"] == f"key '{number}' belongs to OKKI id {crossing} of pipeline stopped"
            assert here.verdict()["doubled"] == []
            assert len(simulated.form.store) == 20

            catalogue.edit(crossing, product_remark="停售", name="又回来了")
            assert (await both(here))["products"] == {"delivered": 14, "discarded": 6}
            assert here.verdict()["agrees"]
            for name in here.app.runtime.pipelines:
                compared = await result_of(here.app.runtime, "reconcile", {"pipeline": name})
                assert (compared["in_form"], compared["total"]) == (20, 0), "the other's are not extra"
