"""What no ordinary window shows: imports, re-reads beside a daemon, full reads that are owed."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.scenario import FIELDS
from tests.world import World, application, until, world
from xmsyncd.errors import ConfigurationError
from xmsyncd.operations.table import OPERATIONS, Progress, Result
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.server import Simulator


async def ordered(here: World, name: str, **params: Any) -> Any:
    """As the command line asks it of the running holder."""
    told = [one async for one in OPERATIONS[name](here.app.runtime, params)]
    assert all(isinstance(one, Progress) for one in told[:-1])
    assert isinstance(told[-1], Result)
    return told[-1].value


async def watermark(here: World) -> int:
    return int((await here.query("SELECT watermark_ms AS at FROM pipelines"))[0]["at"])


async def the_second_is_over() -> None:
    """OKKI's times are whole seconds: an edit of this one is in windows that end with it, too."""
    second = int(time.time())
    await until(lambda: int(time.time()) > second, "the second is over")


def local(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("drift", [False, True])
async def test_five_thousand_products_of_one_and_the_same_second_all_arrive(
    tmp_path: Path, drift: bool
) -> None:
    """No window can be cut below a second, so all of them are of one slice."""
    async with world(tmp_path, SimulatorOptions(products=20), source={"page_size": 100}) as here:
        await here.sync()
        await the_second_is_over()
        here.simulated.catalogue.bring_in(5000)
        await the_second_is_over()
        if drift:
            here.simulated.faults.add("page_drift", operation="list", every=10, times=20)
        result = await here.sync()
        for _ in range(3):
            if here.verdict()["agrees"] and result["cycle"]["result"] == "done":
                break
            result = await here.sync()
        assert result["cycle"]["result"] == "done"
        assert result["cycle"]["balance"] == 0
        assert here.verdict()["agrees"], here.verdict()
        assert await here.states() == {"delivered": 5020}


async def test_an_import_with_old_update_times_arrives_by_the_next_full_read(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=20), source={"full_every": "3s"}) as here:
        await here.sync()
        here.simulated.catalogue.bring_in(30, updated=int(time.time()) - 200 * 86_400)
        await here.sync()
        deadline = time.monotonic() + 20
        kinds = set()
        while not here.verdict()["agrees"] and time.monotonic() < deadline:
            result = await here.sync()
            kinds.add(result["cycle"]["kind"])
        assert here.verdict()["agrees"], here.verdict()
        assert "full" in kinds
        assert await here.states() == {"delivered": 50}


async def test_a_window_read_again_finds_an_old_import_and_leaves_the_watermark_alone(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=20)) as here:
        await here.sync()
        before = await watermark(here)
        success = (await here.query("SELECT last_success_ms AS at FROM pipelines"))[0]["at"]
        long_ago = time.time() - 200 * 86_400
        here.simulated.catalogue.bring_in(30, updated=int(long_ago))
        result = await ordered(
            here, "sync", since=local(long_ago - 60), until=local(long_ago + 60), wait_seconds=30
        )
        assert result["cycle"]["reason"] == "asked_for"
        assert result["cycle"]["result"] == "done"
        assert result["cycle"]["balance"] == 0
        assert result["cycle"]["read"] >= 30
        assert await watermark(here) == before
        assert (await here.query("SELECT last_success_ms AS at FROM pipelines"))[0]["at"] == success
        assert here.verdict()["agrees"], here.verdict()


async def test_a_window_without_sense_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=5)) as here:
        with pytest.raises(ConfigurationError, match="before --since"):
            await ordered(here, "sync", since="2026-11-20", until="2026-11-19")
        assert here.calls("list") == 0


async def test_rereads_beside_a_running_daemon_never_put_an_older_version_over_a_newer_one(
    tmp_path: Path,
) -> None:
    """Edits all along, cycles rung all along, and a person who reads old windows again and again."""
    rng = random.Random(5)
    async with world(tmp_path, SimulatorOptions(products=120), source={"page_size": 20}) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        began = time.time() - 3600
        rounds = 0

        async def edits() -> None:
            for number in range(3000):
                if number >= 150 and rounds >= 2:
                    return
                for product in rng.sample(catalogue.ids(), 3):
                    catalogue.edit(product, product_remark=f"版本 {number:04}")
                here.pipeline.loop.ring()
                await asyncio.sleep(0.02)

        editing = asyncio.create_task(edits())
        while not editing.done():
            await ordered(here, "sync", since=local(began), wait_seconds=0)
            await ordered(here, "sync", since=local(began - 300 * 86_400), until=local(began), wait_seconds=0)
            rounds += 1
        await editing
        assert rounds >= 2
        await the_second_is_over()
        await here.sync()
        assert here.verdict()["agrees"], here.verdict()
        assert here.verdict()["instances"] == 120
        for instance in here.simulated.form.store:
            numbers = [remark_of(version) for version in instance.versions]
            assert numbers == sorted(numbers), (instance.id, numbers)


def remark_of(version: Any) -> int:
    remark = str(version.data().get("textareaField_lq23ags6", ""))
    return int(remark.removeprefix("版本 ")) if remark.startswith("版本 ") else -1


async def test_a_full_read_that_is_cut_short_is_taken_up_by_the_next_cycle(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=200), okki={"tries": 1}) as here:
        await here.sync()
        here.simulated.catalogue.bring_in(10, updated=int(time.time()) - 200 * 86_400)
        fault = here.simulated.faults.add("okki_server_error", operation="list", after=2)
        result = await here.sync(full=True)
        assert result["cycle"]["result"] == "failed"
        here.simulated.faults.remove(fault)
        result = await here.sync()
        assert (result["cycle"]["kind"], result["cycle"]["result"]) == ("full", "done")
        assert here.verdict()["agrees"]
        assert (await here.sync())["cycle"]["kind"] == "incremental"


async def test_another_mapping_brings_a_full_read_also_after_one_that_was_cut_short(tmp_path: Path) -> None:
    async with Simulator(SimulatorOptions(products=60)) as simulated:
        async with application(tmp_path, simulated) as here:
            await here.sync()
        changed = [{**field, "value": field["value"]} for field in FIELDS]
        changed[5]["value"] = "{product_remark}!"
        async with application(tmp_path, simulated, okki={"tries": 1}, fields={"replace": changed}) as here:
            fault = simulated.faults.add("okki_server_error", operation="list", after=1)
            result = await here.sync()
            assert (result["cycle"]["reason"], result["cycle"]["result"]) == ("context_changed", "failed")
            simulated.faults.remove(fault)
            result = await here.sync()
            assert (result["cycle"]["kind"], result["cycle"]["reason"]) == ("full", "context_changed")
            assert result["cycle"]["read"] == 60
            assert (await here.sync())["cycle"]["kind"] == "incremental"
            assert all(
                instance.latest.data()["textareaField_lq23ags6"].endswith("!")
                for instance in simulated.form.store
            )


async def test_other_parameters_of_the_list_bring_a_full_read_for_what_is_shown_from_now_on(
    tmp_path: Path,
) -> None:
    """What they let in has no change of late that a window would show."""
    async with Simulator(SimulatorOptions(products=30)) as simulated:
        of_one = [
            one for one in simulated.catalogue.ids() if simulated.catalogue.product(one)["product_type"] == 1
        ]
        async with application(tmp_path, simulated, source={"params": {"product_type": "1"}}) as here:
            assert (await here.sync())["backlog"] == {"delivered": len(of_one)}
            assert (await here.sync())["cycle"]["kind"] == "incremental"
        async with application(tmp_path, simulated) as here:
            result = await here.sync()
            assert (result["cycle"]["kind"], result["cycle"]["reason"]) == ("full", "context_changed")
            assert result["backlog"] == {"delivered": 30}
            assert here.verdict()["agrees"]


async def test_another_group_tree_is_told_and_brings_a_full_read(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=40), source={"group_cache": "0s"}) as here:
        await here.sync()
        groups = here.simulated.catalogue.groups
        first_level = min(groups.groups.values(), key=lambda one: one.layer)
        groups.rename(first_level.id, "改名的一级分组")
        result = await here.sync()
        assert (result["cycle"]["kind"], result["cycle"]["reason"]) == ("full", "context_changed")
        told = here.registry.get_sample_value("xmsyncd_group_tree_changes_total", {"pipeline": "products"})
        assert told == 1
        assert here.verdict()["agrees"], here.verdict()
        assert (await here.sync())["cycle"]["kind"] == "incremental"


async def test_a_product_nested_a_thousand_deep_is_rejected_and_the_others_arrive(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=30)) as here:
        catalogue = here.simulated.catalogue
        deep = catalogue.create(info_json=orjson.Fragment(b"[" * 1000 + b"1" + b"]" * 1000))
        deeper = catalogue.create(description=orjson.Fragment(b'{"a":' * 30_000 + b"1" + b"}" * 30_000))
        result = await here.sync()
        assert result["cycle"]["result"] == "done"
        assert result["cycle"]["balance"] == 0
        assert result["backlog"] == {"delivered": 30, "rejected": 2}
        for product in (deep, deeper):
            assert (await here.record(product))["rejection"] == "unreadable"
        catalogue.edit(deep, info_json=[])
        catalogue.edit(deeper, description="")
        result = await here.sync()
        assert result["backlog"] == {"delivered": 32}
        assert here.verdict()["agrees"]


async def test_a_context_that_is_as_it_was_costs_no_full_read(tmp_path: Path) -> None:
    async with Simulator(SimulatorOptions(products=10)) as simulated:
        for kind in ("first", "incremental"):
            async with application(tmp_path, simulated) as here:
                assert (await here.sync())["cycle"]["kind"] == kind
