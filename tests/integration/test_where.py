"""``where`` over sockets: what is left out, what Yida holds of it, and what a change of it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.world import World, application, world
from xmsyncd.operations.explain import explain
from xmsyncd.operations.table import result_of
from xmsyncd.simulator.options import EXAMPLE_COMPONENTS, Component, SimulatorOptions
from xmsyncd.simulator.server import Simulator

KEY = "textField_lq23ags2"
MARK = "selectField_gone"
MARKED = {"on_delete": "mark", "deleted_mark": {"field": MARK, "value": "停用", "otherwise": "在用"}}
OPTIONS = SimulatorOptions(
    products=20,
    components=(*EXAMPLE_COMPONENTS, Component(MARK, "SelectField", "状态", options=("在用", "停用"))),
)
CONDITIONS = [[{"field": "product_remark", "logic": "notlike", "value": "停售"}]]
EXPRESSION = "IFNULL({product_remark}, '') NOT LIKE '%停售%'"


def only(where: Any) -> dict[str, Any]:
    return {"pipeline": {"where": where}}


def held(here: World) -> dict[str, dict[str, Any]]:
    """What Yida holds, by business key."""
    latest = [one.latest.data() for one in here.simulated.form.store if not one.deleted]
    return {data[KEY]: data for data in latest}


def filtered(here: World) -> float:
    labels = {"pipeline": "products", "decision": "filtered"}
    return here.registry.get_sample_value("xmsyncd_staged_records_total", labels) or 0.0


async def cycle(here: World, **request: Any) -> dict[str, Any]:
    """One cycle and its deliveries; the calls that wrote."""
    here.simulated.counters.reset()
    result = await here.sync(**request)
    assert result["cycle"]["balance"] == 0
    decisions = {name: number for name, number in result["cycle"]["decisions"].items() if number}
    return {**result["cycle"], "decisions": decisions, "writes": here.calls("start", "update")}


@pytest.mark.parametrize("where", [CONDITIONS, EXPRESSION])
async def test_what_does_not_match_is_counted_explained_and_comes_by_itself(
    tmp_path: Path, where: Any
) -> None:
    async with Simulator(SimulatorOptions(products=20)) as simulated:
        catalogue = simulated.catalogue
        out = catalogue.ids()[:5]
        for product_id in out:
            catalogue.edit(product_id, product_remark="已停售")
        async with application(tmp_path, simulated, **only(where)) as here:
            first = await cycle(here)
            assert first["decisions"] == {"create": 15, "filtered": 5}
            assert len(held(here)) == 15
            assert await here.states() == {"delivered": 15, "discarded": 5}
            assert filtered(here) == 5
            (one,) = (await result_of(here.app.runtime, "status", {}))["pipelines"]
            assert (one["filtered"], one["set_aside"]) == (5, 5)
            told = await explain(here.app.runtime, [here.pipeline], str(out[0]))
            assert "已停售" in told["records"][0]["record"]["filtered_by"]
            again = await cycle(here, full=True)
            assert again["decisions"] == {"unchanged": 15, "filtered": 5}
            assert (again["writes"], here.calls("info")) == (0, 0)
            catalogue.edit(out[0], product_remark="")
            back = await cycle(here)
            assert (back["decisions"]["create"], back["writes"]) == (1, 1)
            assert catalogue.product(out[0])["product_no"] in held(here)
            assert (await here.record(out[0]))["filtered_by"] is None


async def test_what_yida_holds_stays_as_it_is_and_is_brought_up_to_date_when_it_matches_again(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, SimulatorOptions(products=20), **only(CONDITIONS)) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        one = catalogue.ids()[3]
        number = catalogue.product(one)["product_no"]
        before = held(here)[number]
        catalogue.edit(one, product_remark="停售", name="停售后的名字")
        left = await cycle(here)
        assert left["decisions"]["filtered"] == 1
        assert (left["writes"], held(here)[number]) == (0, before)
        assert await here.states() == {"delivered": 20}
        catalogue.edit(one, product_remark="又在售")
        assert (await cycle(here))["writes"] == 1
        assert held(here)[number]["textField_lq0sj9h9"] == "停售后的名字"
        assert here.verdict()["agrees"]


async def test_with_a_mark_it_is_marked_by_one_update_and_unmarked_by_one(tmp_path: Path) -> None:
    async with world(tmp_path, OPTIONS, target=MARKED, **only(EXPRESSION)) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        one = catalogue.ids()[3]
        number = catalogue.product(one)["product_no"]
        catalogue.edit(one, product_remark="停售")
        assert (await cycle(here))["writes"] == 1
        assert held(here)[number][MARK] == "停用"
        assert (await cycle(here, full=True))["writes"] == 0
        catalogue.edit(one, product_remark="")
        assert (await cycle(here))["writes"] == 1
        assert held(here)[number][MARK] == "在用"


async def test_another_filter_brings_a_full_read_and_writes_what_is_new_alone(tmp_path: Path) -> None:
    async with Simulator(SimulatorOptions(products=20)) as simulated:
        async with application(tmp_path, simulated, **only("{product_type} = 1")) as here:
            first = await cycle(here)
            types = [simulated.catalogue.product(one)["product_type"] for one in simulated.catalogue.ids()]
            assert len(held(here)) == types.count(1) == first["writes"]
            assert first["decisions"]["filtered"] == 20 - types.count(1)
        async with application(tmp_path, simulated, **only("{product_type} IN (1, 2)")) as here:
            wider = await cycle(here)
            assert wider["reason"] == "context_changed"
            assert wider["writes"] == types.count(2)
            assert here.calls("info") == 0  # what the detail told before is still known
        async with application(tmp_path, simulated) as here:
            assert (await cycle(here))["writes"] == 20 - types.count(1) - types.count(2)
            assert here.verdict()["agrees"]


async def test_what_the_list_alone_decides_costs_no_detail(tmp_path: Path) -> None:
    where = "{product_no} = 'NONE' AND {name} <> ''"
    async with world(tmp_path, SimulatorOptions(products=20), **only(where)) as here:
        first = await cycle(here)
        assert first["decisions"] == {"filtered": 20}
        assert here.calls("info") == 0
        assert held(here) == {}


async def test_a_filter_that_time_moves_is_judged_at_every_sight(tmp_path: Path) -> None:
    where = "{update_time} < '2099-01-01' AND UNIX_TIMESTAMP() < 99999999999"
    async with world(tmp_path, SimulatorOptions(products=5), **only(where)) as here:
        assert (await cycle(here))["decisions"] == {"create": 5}
        again = await cycle(here, full=True)
        assert (again["decisions"], again["writes"]) == ({"unchanged": 5}, 0)


async def test_a_number_is_free_once_its_product_is_left_out(tmp_path: Path) -> None:
    async with Simulator(SimulatorOptions(products=5)) as simulated:
        one, other = simulated.catalogue.ids()[:2]
        number = simulated.catalogue.product(one)["product_no"]
        simulated.catalogue.edit(other, product_no=number)
        async with application(tmp_path, simulated, **only(CONDITIONS)) as here:
            await here.sync()
            states = {source: (await here.record(source))["state"] for source in (one, other)}
            assert sorted(states.values()) == ["delivered", "waiting"]
            waits = next(source for source, state in states.items() if state == "waiting")
            simulated.catalogue.edit(waits, product_remark="停售")
            assert (await cycle(here))["writes"] == 0
            assert (await here.record(waits))["state"] == "discarded"
            assert await here.states() == {"delivered": 4, "discarded": 1}
