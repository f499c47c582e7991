"""What OKKI lets go: left alone in Yida or marked there, never created for it, and back again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.world import World, world
from xmsyncd.ledger.people import Selection
from xmsyncd.operations import failures
from xmsyncd.operations.approve import Decision, decide
from xmsyncd.operations.table import result_of
from xmsyncd.simulator.options import EXAMPLE_COMPONENTS, Component, SimulatorOptions

MARK = "selectField_gone"
MARKED = {"on_delete": "mark", "deleted_mark": {"field": MARK, "value": "已删除", "otherwise": "在售"}}
OPTIONS = SimulatorOptions(
    products=20,
    components=(*EXAMPLE_COMPONENTS, Component(MARK, "SelectField", "状态", options=("在售", "已删除"))),
)
KEY = "textField_lq23ags2"


def held(here: World, number: str) -> list[dict[str, Any]]:
    """What Yida holds under a product number."""
    return [
        one.latest.data()
        for one in here.simulated.form.store
        if not one.deleted and one.latest.data().get(KEY) == number
    ]


def metric(here: World, name: str, **labels: str) -> float:
    return here.registry.get_sample_value(name, {"pipeline": "products", **labels}) or 0.0


async def full_reads(here: World, number: int) -> None:
    for _ in range(number):
        result = await here.sync(full=True)
        assert result["cycle"]["result"] == "done"
        assert result["cycle"]["balance"] == 0


async def test_a_product_listed_as_deleted_stays_as_it_is_and_is_told(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=20)) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        gone, never = catalogue.ids()[3], catalogue.create()
        number = catalogue.product(gone)["product_no"]
        catalogue.edit(gone, name="删除前的新名字", enable_flag=0)
        catalogue.delete(never)
        before = held(here, number)
        here.simulated.counters.reset()
        for _ in range(3):
            result = await here.sync()
            assert result["cycle"]["balance"] == 0
            assert result["cycle"]["decisions"]["filtered"] == 2
        assert here.calls("start", "update") == 0
        assert held(here, number) == before
        assert metric(here, "xmsyncd_staged_records_total", decision="filtered") == 6
        record = await here.record(gone)
        assert record["state"] == "delivered"
        assert record["deleted_ms"] is not None
        assert await here.states() == {"delivered": 20}
        catalogue.edit(gone, enable_flag=1)
        await here.sync()
        assert (await here.record(gone))["deleted_ms"] is None
        assert here.verdict()["agrees"]


@pytest.mark.parametrize("vanish", [False, True])
async def test_a_deleted_product_is_marked_by_one_update_and_unmarked_when_it_comes_back(
    tmp_path: Path, vanish: bool
) -> None:
    async with world(tmp_path, OPTIONS, target=MARKED) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        gone = catalogue.ids()[3]
        number = catalogue.product(gone)["product_no"]
        assert held(here, number)[0][MARK] == "在售"
        here.simulated.counters.reset()
        if vanish:
            position = catalogue.position_of(gone)
            catalogue.delete(gone, vanish=True)
            await full_reads(here, 1)
            assert (await here.record(gone))["deleted_ms"] is None
            await here.sync()
            await full_reads(here, 1)
        else:
            catalogue.delete(gone)
            await here.sync()
        [marked] = held(here, number)
        assert marked[MARK] == "已删除"
        assert here.calls("update") == 1
        assert here.calls("start") == 0
        await full_reads(here, 2)
        assert here.calls("update") == 1
        assert (await here.record(gone))["state"] == "delivered"
        if vanish:
            catalogue._removed.discard(position)
            catalogue._stamp(position, listed=True)
        else:
            catalogue.edit(gone, enable_flag=1)
        result = await here.sync()
        assert result["cycle"]["balance"] == 0
        [living] = held(here, number)
        assert living[MARK] == "在售"
        assert here.calls("update") == 2
        assert here.calls("start") == 0
        assert here.verdict()["agrees"]


async def test_what_was_never_delivered_is_not_created_to_be_marked_and_comes_back(tmp_path: Path) -> None:
    async with world(tmp_path, OPTIONS, target=MARKED) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        number = catalogue.product(catalogue.ids()[0])["product_no"]
        newcomer = catalogue.create(product_no=number)
        await here.sync()
        assert (await here.record(newcomer))["state"] == "waiting"
        catalogue.delete(newcomer)
        here.simulated.counters.reset()
        await here.sync()
        assert (await here.record(newcomer))["state"] == "discarded"
        assert here.calls("start", "update") == 0
        catalogue.edit(newcomer, enable_flag=1, product_no="NEW-0001")
        await here.sync()
        assert (await here.record(newcomer))["state"] == "delivered"
        assert held(here, "NEW-0001")[0][MARK] == "在售"


async def test_the_number_of_a_deleted_product_stays_taken_until_a_person_lets_it_go(tmp_path: Path) -> None:
    async with world(tmp_path, OPTIONS, target=MARKED) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        gone = catalogue.ids()[3]
        number = catalogue.product(gone)["product_no"]
        catalogue.delete(gone)
        heir = catalogue.create(product_no=number)
        await here.sync()
        waiting = await here.record(heir)
        assert (waiting["state"], waiting["block_reason"]) == ("waiting", "key_conflict")
        assert len(held(here, number)) == 1
        await failures.discard(here.app.runtime, [here.pipeline], Selection(key=str(gone)))
        await here.sync()
        assert (await here.record(heir))["state"] == "delivered"
        assert sorted(one[MARK] for one in held(here, number)) == ["在售", "已删除"]
        await full_reads(here, 2)
        assert (await here.record(gone))["state"] == "discarded"
        assert len(held(here, number)) == 2


async def test_an_absence_counts_only_in_proven_full_reads_that_show_what_is_known(tmp_path: Path) -> None:
    async with world(tmp_path, OPTIONS, target=MARKED, okki={"tries": 1}) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        gone = catalogue.ids()[3]
        catalogue.delete(gone, vanish=True)
        fault = here.simulated.faults.add("okki_server_error", operation="list", after=1)
        for _ in range(3):
            assert (await here.sync(full=True))["cycle"]["result"] == "failed"
        here.simulated.faults.remove(fault)
        for _ in range(3):
            await here.sync(limit=2)
        assert (await here.record(gone))["absent_reads"] == 0
        for product in catalogue.ids()[:11]:
            catalogue.delete(product, vanish=True)
        await full_reads(here, 3)
        assert (
            await here.query("SELECT 1 FROM records WHERE deleted_ms IS NOT NULL OR absent_reads > 0") == []
        )
        assert metric(here, "xmsyncd_failures_total", stage="source", reason="absences") == 3
        assert not any(one.latest.data()[MARK] == "已删除" for one in here.simulated.form.store)


async def test_the_mark_is_a_component_like_the_others_to_the_check_of_the_form(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=3), target=MARKED) as here:
        result = await here.sync(wait=3)
        assert result["stop"]["reason"] == "configuration"
        assert MARK in result["stop"]["detail"]
        assert here.calls("start") == 0


async def test_marks_are_updates_and_a_burst_of_them_waits_for_a_person(tmp_path: Path) -> None:
    guard = {"updates": 5}
    async with world(tmp_path, OPTIONS, target=MARKED, guard=guard) as here:
        await here.sync()
        here.simulated.counters.reset()
        for product in here.simulated.catalogue.ids()[:9]:
            here.simulated.catalogue.edit(product, enable_flag=0)
        result = await here.sync()
        assert result["backlog"] == {"delivered": 16, "held": 4}
        assert result["cycle"]["balance"] == 0
        assert here.calls("update") == 5
        runtime = here.app.runtime
        async for _ in decide(runtime, [here.pipeline], Decision()):
            pass
        assert (await here.sync())["backlog"] == {"delivered": 20}
        assert here.calls("update") == 9


async def test_a_person_may_say_that_most_products_are_really_gone(tmp_path: Path) -> None:
    async with world(tmp_path, OPTIONS, target=MARKED) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        gone = catalogue.ids()[:14]
        numbers = [catalogue.product(product)["product_no"] for product in gone]
        for product in gone:
            catalogue.delete(product, vanish=True)
        for _ in range(2):
            doubted = await here.sync(full=True)
            assert (doubted["cycle"]["absences_doubted"], doubted["cycle"]["deleted"]) == (14, 0)
        here.simulated.counters.reset()
        params = {"pipeline": "products", "full": True, "accept_absences": True, "wait_seconds": 60}
        accepted = await result_of(here.app.runtime, "sync", params)
        assert (accepted["cycle"]["absences_doubted"], accepted["cycle"]["deleted"]) == (0, 14)
        assert accepted["cycle"]["balance"] == 0
        assert here.calls("update") == 14
        assert [held(here, number)[0][MARK] for number in numbers] == ["已删除"] * 14
        assert sum(one.latest.data()[MARK] == "已删除" for one in here.simulated.form.store) == 14
        after = await here.sync(full=True)
        assert (after["cycle"]["absences_doubted"], after["cycle"]["deleted"]) == (0, 0)
        assert here.calls("update") == 14


async def test_a_persons_yes_counts_for_nothing_in_a_read_that_was_not_complete(tmp_path: Path) -> None:
    async with world(tmp_path, OPTIONS, target=MARKED, okki={"tries": 1}) as here:
        await here.sync()
        for product in here.simulated.catalogue.ids()[:14]:
            here.simulated.catalogue.delete(product, vanish=True)
        here.simulated.faults.add("okki_server_error", operation="list")
        assert (await here.sync(full=True, accept_absences=True))["cycle"]["result"] == "failed"
        assert await here.query("SELECT 1 FROM records WHERE deleted_ms IS NOT NULL") == []
