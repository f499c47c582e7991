"""Instances that are in the form before the first run are taken over, not created a second time."""

from __future__ import annotations

import contextlib
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.world import World, application, until, world
from xmsyncd.operations.adopt import adopt
from xmsyncd.operations.approve import Decision, decide, shown
from xmsyncd.operations.reconcile import reconcile
from xmsyncd.operations.sync import exit_status
from xmsyncd.simulator.catalogue import Dirt
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.oracle import NAME, NUMBER, REMARK
from xmsyncd.simulator.server import Simulator
from xmsyncd.yida.marks import new_mark


def plant(simulated: Simulator, product: int, **changes: str) -> str:
    """An instance that somebody typed for a product; returns its id."""
    content = {**simulated.oracle.expected(product), **changes}
    return simulated.form.store.create(content, user_id="somebody", status="RUNNING").id


async def adopted(here: World, *, yes: bool = False) -> dict[str, Any]:
    steps = adopt(here.app.runtime, here.pipeline, yes=yes)
    return [step async for step in steps][-1]


async def compared(here: World, *, apply: bool = False, yes: bool = False) -> dict[str, Any]:
    steps = reconcile(here.app.runtime, here.pipeline, apply=apply, yes=yes)
    return [step async for step in steps][-1]


@pytest.mark.timeout(180)
async def test_three_thousand_typed_instances_are_taken_over_and_only_what_differs_is_written(
    tmp_path: Path,
) -> None:
    """2,840 as OKKI has them, 150 with another remark, 10 with a blank too many; 40 of them twice."""
    guard = {"updates": 1000, "share": "20%"}  # as it is by default
    async with world(tmp_path, SimulatorOptions(products=3100), guard=guard) as here:
        simulated = here.simulated
        ids = simulated.catalogue.ids()
        for number, product in enumerate(ids[:3000]):
            changes = {}
            if number < 150:
                changes = {REMARK: f"手工填写 {number}"}
            elif number < 160:
                changes = {NUMBER: simulated.oracle.expected(product)[NUMBER] + " "}
            plant(simulated, product, **changes)
        for product in ids[200:240]:
            plant(simulated, product, **{NAME: "重复录入"})
        foreign = plant(simulated, ids[0], **{NUMBER: "别家-001"})

        refused = await here.sync(wait=5)
        assert refused["stop"]["reason"] == "form_not_empty"
        assert "xmsyncd adopt" in refused["stop"]["detail"]

        simulated.counters.reset()
        result = await adopted(here)
        assert result["adopted"] == 2990
        assert (result["doubles"], result["ambiguous"], result["unmatched"]) == (40, 10, 1)
        assert (result["updates"], result["creates"]) == (150, 100)
        assert [one["instance_id"] for one in result["rows"]["unmatched"]] == [foreign]
        assert here.calls("search") == 1 + 31
        assert here.calls("get", "start", "update") == 0

        simulated.counters.reset()
        await here.sync(wait=60)
        assert here.calls("update") == 150
        assert here.calls("start") == 100
        backlog = await here.states()
        assert backlog == {"delivered": 3090, "parked": 10}
        [ambiguous] = await here.query(
            "SELECT block_reason, count(*) AS n FROM records WHERE state = 'parked' GROUP BY 1"
        )
        assert ambiguous == {"block_reason": "ambiguous", "n": 10}
        verdict = here.verdict()
        assert verdict["different"] == []
        assert len(verdict["doubled"]) == 40
        assert len(verdict["missing"]) == 10
        assert verdict["instances"] == 3041 + 100

        simulated.counters.reset()
        again = await adopted(here)
        assert (again["adopted"], again["refreshed"], again["known"]) == (0, 0, 3090)
        await here.sync()
        assert here.calls("start", "update") == 0


async def test_a_wrong_mapping_is_met_by_the_guard_when_instances_are_taken_over(tmp_path: Path) -> None:
    """Every remark was typed otherwise: the share goes out, the rest waits for a person."""
    guard = {"updates": 1000, "share": "20%", "at_least": 5}
    async with world(tmp_path, SimulatorOptions(products=50), guard=guard) as here:
        for product in here.simulated.catalogue.ids():
            plant(here.simulated, product, **{REMARK: "手工"})
        result = await adopted(here)
        assert (result["adopted"], result["updates"], result["held"]) == (50, 10, 40)
        assert exit_status(await here.sync()) == 3
        assert here.calls("update") == 10
        assert await here.states() == {"delivered": 10, "held": 40}
        held = await shown(here.app.runtime, [here.pipeline])
        assert held["pipelines"][0]["reasons"] == {"adopted": 40}
        assert [one["label"] for one in held["pipelines"][0]["components"]] == ["产品备注"]
        assert (await adopted(here))["held"] == 0
        async for _ in decide(here.app.runtime, [here.pipeline], Decision(as_of=None)):
            pass
        await here.sync()
        assert here.calls("update") == 50
        assert here.verdict()["agrees"]


async def test_a_product_typed_in_after_a_backup_is_not_created_again(tmp_path: Path) -> None:
    """A copy of the ledger a day late: what was created, changed and deleted after it is found again."""
    async with Simulator(SimulatorOptions(products=40)) as simulated:
        async with application(tmp_path, simulated) as here:
            await here.sync()
        copy = tmp_path / "copy"
        copy.mkdir()
        shutil.copy(tmp_path / "xmsyncd.db", copy / "xmsyncd.db")
        catalogue = simulated.catalogue
        ids = catalogue.ids()
        async with application(tmp_path, simulated) as here:
            for product in ids[:5]:
                catalogue.edit(product, name="之后改的")
            for _ in range(7):
                catalogue.create()
            one, other = ids[10], ids[11]
            catalogue.swap_numbers(one, other)
            await here.sync()
            assert here.verdict()["agrees"]
        async with application(copy, simulated) as here:
            simulated.counters.reset()
            result = await adopted(here)
            assert result["adopted"] == 7
            assert result["refreshed"] == 5 + 2
            await here.sync()
            assert here.calls("start", "update") == 0
            assert here.verdict()["agrees"]
            assert (await compared(here))["total"] == 0


async def test_an_interrupted_adoption_leaves_delivery_paused_and_goes_on(tmp_path: Path) -> None:
    options = SimulatorOptions(products=260)
    async with Simulator(options) as simulated:
        for product in simulated.catalogue.ids()[:250]:
            plant(simulated, product)
        async with application(tmp_path, simulated) as here:
            steps = adopt(here.app.runtime, here.pipeline, yes=False)
            async with contextlib.aclosing(steps) as told:
                async for step in told:
                    if step["phase"] == "scan" and step["done"] >= 100:
                        break
        async with application(tmp_path, simulated) as here:
            stopped = await here.sync(wait=5)
            assert stopped["stop"]["reason"] == "adopting"
            assert exit_status(stopped) == 4
            assert here.calls("start", "update") == 0
            result = await adopted(here)
            assert result["adopted"] + result["known"] == 250
            await here.sync()
            assert here.calls("start") == 10
            assert here.calls("update") == 0
            assert here.verdict()["agrees"]


async def test_a_create_in_doubt_is_decided_by_its_own_looks(tmp_path: Path) -> None:
    delivery = {"read_back_after": ["4s", "6s", "8s", "10s"]}
    async with world(tmp_path, SimulatorOptions(products=10), delivery=delivery) as here:
        await here.sync()
        here.simulated.catalogue.create()
        here.simulated.faults.add("lost_reset", operation="start", times=1)
        await here.read()
        await until(lambda: _undecided(here), "the create is in doubt")
        result = await adopted(here)
        assert (result["undecided"], result["adopted"]) == (1, 0)
        await here.sync()
        assert here.verdict()["agrees"]
        assert here.verdict()["instances"] == 11
        [row] = await here.query("SELECT origin FROM instances ORDER BY created_ms DESC LIMIT 1")
        assert row["origin"] == "found"


async def _undecided(here: World) -> bool:
    return bool((await here.states()).get("undecided"))


async def test_what_ignores_changes_takes_what_is_there_for_what_is_wanted(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=20), target={"on_change": "ignore"}) as here:
        for product in here.simulated.catalogue.ids():
            plant(here.simulated, product, **{REMARK: "手工"})
        result = await adopted(here)
        assert (result["adopted"], result["updates"], result["creates"]) == (20, 0, 0)
        await here.sync(full=True)
        assert here.calls("start", "update") == 0


async def test_a_living_instance_goes_before_one_that_was_broken_off(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=3)) as here:
        store = here.simulated.form.store
        twice, once, other = here.simulated.catalogue.ids()
        broken_off, living = plant(here.simulated, twice), plant(here.simulated, twice)
        alone = plant(here.simulated, once)
        plant(here.simulated, other)
        for instance_id in (broken_off, alone):
            instance = store.get(instance_id)
            assert instance is not None
            instance.status = "TERMINATED"
        mark = plant(here.simulated, other, **{NUMBER: new_mark(random.Random(1))})
        result = await adopted(here)
        assert (result["adopted"], result["doubles"], result["unmatched"]) == (3, 1, 1)
        assert (await here.record(twice))["instance_id"] == living
        assert (await here.record(once))["instance_id"] == alone
        [left] = await here.query("SELECT instance_id, detail FROM differences WHERE kind = 'extra'")
        assert left == {"instance_id": mark, "detail": '{"why":"started_by_probe"}'}

        # A product that comes later with a key that somebody typed in is not created beside that instance.
        typed = plant(here.simulated, other, **{NUMBER: "后来的-1"})
        await compared(here)
        here.simulated.counters.reset()
        here.simulated.catalogue.create(product_no="后来的-1")
        assert exit_status(await here.sync()) == 3
        assert (await here.states())["parked"] == 1
        assert here.calls("start") == 0
        assert (await adopted(here))["adopted"] == 1
        await here.sync()
        assert here.calls("start") == 0
        assert (await here.query("SELECT instance_id FROM records WHERE key = '后来的-1'"))[0] == {
            "instance_id": typed
        }


async def test_five_thousand_is_no_limit(tmp_path: Path) -> None:
    """A form deeper than a search pages is read in slices of creation time."""
    options = SimulatorOptions(products=700, search_depth=200)
    async with world(tmp_path, options, target={"search_depth": 200}) as here:
        store, now = here.simulated.form.store, here.simulated.clock.wall()
        for number, product in enumerate(here.simulated.catalogue.ids()):
            instance_id = plant(here.simulated, product)
            instance = store.get(instance_id)
            assert instance is not None
            # Half of them over a year, half within ten minutes of one day.
            age = number * 90_000 if number < 350 else 86_400 * 3 + number
            _backdate(instance, now - age)
        result = await adopted(here)
        assert (result["adopted"], result["in_form"]) == (700, 700)
        await here.sync()
        assert here.calls("start", "update") == 0


def _backdate(instance: Any, moment: float) -> None:
    from dataclasses import replace

    instance.versions = tuple(replace(one, written_at=moment) for one in instance.versions)


async def test_a_product_that_could_not_be_mapped_when_it_was_adopted_is_not_created_later(
    tmp_path: Path,
) -> None:
    """Its group was unknown, so its instance seemed to be nobody's; then the group is there."""
    source = {"unknown_group": "reject"}
    async with world(tmp_path, SimulatorOptions(products=10), source=source) as here:
        simulated = here.simulated
        ids = simulated.catalogue.ids()
        for product in ids:
            plant(simulated, product)
        lost = ids[3]
        as_it_was = simulated.catalogue.product(lost)
        simulated.catalogue.spoil(Dirt.UNKNOWN_GROUP, only=lost)
        await adopted(here)
        assert await here.states() == {"delivered": 9, "rejected": 1}
        simulated.catalogue.edit(lost, group_id=as_it_was["group_id"], group_name=as_it_was["group_name"])
        await here.sync()
        assert here.calls("start") == 0
        assert here.verdict()["doubled"] == []
        assert await here.states() == {"delivered": 10}
        assert here.verdict()["agrees"]


async def test_a_product_with_the_number_of_an_instance_that_was_nobodys_waits_for_a_person(
    tmp_path: Path,
) -> None:
    """A person typed it first, and the product came to OKKI after the form had been read."""
    async with world(tmp_path, SimulatorOptions(products=10)) as here:
        simulated = here.simulated
        for product in simulated.catalogue.ids():
            plant(simulated, product)
        typed = plant(simulated, simulated.catalogue.ids()[0], **{NUMBER: "手工-001"})
        assert (await adopted(here))["unmatched"] == 1
        late = simulated.catalogue.create(product_no="手工-001")
        result = await here.sync()
        assert here.calls("start") == 0
        assert exit_status(result) == 3
        record = await here.record(late)
        assert (record["state"], record["block_reason"]) == ("parked", "ambiguous")
        assert typed in record["block_detail"]
        result = await adopted(here)
        assert (result["adopted"], result["unmatched"]) == (1, 0)
        await here.sync()
        assert here.calls("start") == 0
        assert here.verdict()["agrees"]
