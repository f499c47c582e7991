"""Pages that drift while they are read, and keys that move between products."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.world import World, application, until, world
from xmsyncd.cycle import page_stager
from xmsyncd.operations.sync import exit_status
from xmsyncd.simulator.options import GroupsShape, SimulatorOptions
from xmsyncd.simulator.server import Simulator


def _list_pages(here: World) -> int:
    return here.calls("list")


@pytest.mark.parametrize("total", ["count", "missing", "lie"])
async def test_nothing_is_lost_from_pages_that_drift_while_they_are_read(tmp_path: Path, total: str) -> None:
    """An edit after every fifth page: the watermark has moved within three passes where totals are told."""
    options = SimulatorOptions(products=600, okki_total=total)  # type: ignore[arg-type]
    async with world(tmp_path, options, source={"page_size": 10}) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        for product in catalogue.ids()[:400]:
            catalogue.edit(product, name=f"新名字 {product}")
        edited_in = int(time.time())
        await until(lambda: int(time.time()) > edited_in, "OKKI's second of these edits is over")
        before = (await here.query("SELECT watermark_ms AS at FROM pipelines"))[0]["at"]
        drift = here.simulated.faults.add("page_drift", operation="list", every=5)
        here.simulated.counters.reset()
        result = await here.sync()
        if total == "count":
            assert result["cycle"]["result"] == "done"
            assert (await here.query("SELECT watermark_ms AS at FROM pipelines"))[0]["at"] > before
            assert _list_pages(here) <= 3 * (400 // 10 + 2)
        here.simulated.faults.remove(drift)
        for _ in range(4):
            result = await here.sync()
        assert result["cycle"]["result"] == "done"
        assert result["cycle"]["balance"] == 0
        assert here.verdict()["agrees"], here.verdict()


async def test_two_products_that_swap_their_numbers_end_once_each(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=10)) as here:
        await here.sync()
        one, other = here.simulated.catalogue.ids()[2:4]
        here.simulated.catalogue.swap_numbers(one, other)
        result = await here.sync()
        assert exit_status(result) == 0
        assert here.verdict()["agrees"], here.verdict()
        assert here.verdict()["instances"] == 10
        assert await here.states() == {"delivered": 10}


async def test_a_number_freed_by_a_rename_wakes_the_product_that_waits_for_it(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=10)) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        holder = catalogue.ids()[5]
        number = catalogue.product(holder)["product_no"]
        newcomer = catalogue.create(product_no=number)
        result = await here.sync()
        assert result["backlog"] == {"delivered": 10, "waiting": 1}
        [waiting] = await here.query(
            "SELECT source_id, block_reason, block_detail FROM records WHERE state = 'waiting'"
        )
        assert waiting["source_id"] == str(newcomer)
        assert waiting["block_reason"] == "key_conflict"
        assert str(holder) in waiting["block_detail"]

        catalogue.rename_number(holder, number + "-旧")
        result = await here.sync()
        assert result["backlog"] == {"delivered": 11}
        assert here.verdict()["agrees"], here.verdict()


async def test_an_empty_number_is_rejected_with_its_reason_and_the_others_go_on(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=10)) as here:
        catalogue = here.simulated.catalogue
        bare = catalogue.create(product_no="")
        nameless = catalogue.create(name="")
        result = await here.sync()
        assert result["backlog"] == {"delivered": 10, "rejected": 2}
        assert result["cycle"]["balance"] == 0
        rows = await here.query(
            "SELECT source_id, rejection, rejection_detail FROM records WHERE state = 'rejected'"
        )
        assert {(row["source_id"], row["rejection"]) for row in rows} == {
            (str(bare), "empty_key"),
            (str(nameless), "required"),
        }
        assert all(row["rejection_detail"] for row in rows)

        catalogue.edit(bare, product_no="NEW-0001")
        result = await here.sync()
        assert result["backlog"] == {"delivered": 11, "rejected": 1}


async def test_the_number_of_a_product_that_was_rejected_meanwhile_can_be_reused(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=5)) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        old = catalogue.ids()[1]
        number = catalogue.product(old)["product_no"]
        catalogue.edit(old, product_no="")
        new = catalogue.create(product_no=number)
        result = await here.sync()
        assert result["backlog"] == {"delivered": 5, "rejected": 1}
        row = await here.record(new)
        assert row["state"] == "delivered"
        kept = await here.record(old)
        assert kept["instance_id"] != row["instance_id"]


async def test_a_product_whose_detail_fails_is_listed_and_tried_again_each_cycle(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=10), okki={"tries": 1}) as here:
        fault = here.simulated.faults.add("okki_server_error", operation="detail", times=1)
        result = await here.sync()
        assert result["cycle"]["result"] == "done"
        assert result["backlog"] == {"delivered": 9, "rejected": 1}
        [row] = await here.query("SELECT rejection, rejection_detail FROM records WHERE state = 'rejected'")
        assert row["rejection"] == "detail_unavailable"
        assert row["rejection_detail"]
        here.simulated.faults.remove(fault)
        result = await here.sync()
        assert result["backlog"] == {"delivered": 10}
        assert result["cycle"]["balance"] == 0
        assert here.verdict()["agrees"]


async def test_an_outage_of_the_details_ends_the_cycle_and_the_next_one_goes_on(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=30), okki={"tries": 1}) as here:
        fault = here.simulated.faults.add("okki_server_error", operation="detail", after=5)
        result = await here.sync()
        assert result["cycle"]["result"] == "failed"
        assert result["cycle"]["watermark"] is None
        here.simulated.faults.remove(fault)
        result = await here.sync()
        assert result["cycle"]["result"] == "done"
        assert here.verdict()["agrees"]


async def test_what_an_outage_of_the_details_left_comes_right_in_one_cycle_past_what_never_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_stager, "ALWAYS_TRIED", 10)
    async with world(tmp_path, SimulatorOptions(products=60), okki={"tries": 1}) as here:
        faults, ids = here.simulated.faults, here.simulated.catalogue.ids()
        away = faults.add("error_in_200", api="okki", operation="detail", code="404")
        result = await here.sync()
        assert result["backlog"] == {"rejected": 60}
        faults.remove(away)
        # The first 7 never come right; those behind them are not held up, and do not wait for other cycles.
        for product_id in ids[:7]:
            faults.add("error_in_200", api="okki", operation="detail", code="404", match=str(product_id))
        result = await here.sync()
        assert result["backlog"] == {"delivered": 53, "rejected": 7}
        assert result["cycle"]["balance"] == 0
        asked = result["cycle"]["detail_calls"]
        assert 60 <= asked <= 67
        # From now on they cost each cycle one try.
        result = await here.sync()
        assert (result["backlog"], result["cycle"]["detail_calls"]) == ({"delivered": 53, "rejected": 7}, 7)
        faults.clear()
        await here.sync()
        assert await here.states() == {"delivered": 60}
        assert here.verdict()["agrees"]


async def test_an_empty_group_tree_fails_the_cycle_and_blanks_are_never_written(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=10), source={"group_cache": "0s"}) as here:
        await here.sync()
        here.simulated.catalogue.groups.shape = GroupsShape.EMPTY
        product = here.simulated.catalogue.ids()[0]
        here.simulated.catalogue.edit(product, name="别写空白")
        result = await here.sync()
        assert result["cycle"]["result"] == "failed"
        assert "no product groups" in result["cycle"]["error"]
        here.simulated.catalogue.groups.shape = GroupsShape.FLAT
        await here.sync()
        assert here.verdict()["agrees"]


async def test_dirty_products_are_listed_the_others_arrive_and_the_balance_holds(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=30, dirty_products=6)) as here:
        result = await here.sync()
        assert result["cycle"]["balance"] == 0
        verdict = here.verdict()
        assert verdict["agrees"], verdict
        assert result["backlog"]["rejected"] > 0
        assert result["backlog"]["waiting"] == len(verdict["conflicts"])
        assert sum(result["backlog"].values()) == result["cycle"]["read"]


async def test_the_detail_of_an_earlier_listing_is_never_taken_for_that_of_a_later_one(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, SimulatorOptions(products=10), okki={"tries": 1}) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        product = catalogue.ids()[3]
        kind = 1 + catalogue.product(product)["product_type"] % 3
        catalogue.edit(product, product_type=kind)
        here.simulated.faults.add("okki_server_error", operation="detail", times=1)
        await here.sync()
        assert (await here.record(product))["state"] == "rejected"
        await here.sync()
        assert here.verdict()["agrees"], here.verdict()


async def test_products_whose_details_stay_away_do_not_stop_the_others(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=10), okki={"tries": 1}) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        bad = [catalogue.create() for _ in range(5)]
        faults = [
            here.simulated.faults.add("okki_server_error", operation="detail", match=str(one)) for one in bad
        ]
        good = [catalogue.create() for _ in range(3)]
        for _ in range(5):
            result = await here.sync()
        assert result["cycle"]["result"] == "done"
        assert result["backlog"] == {"delivered": 13, "rejected": 5}
        assert [(await here.record(one))["state"] for one in good] == ["delivered"] * 3
        for fault in faults:
            here.simulated.faults.remove(fault)
        await here.sync()
        assert await here.states() == {"delivered": 18}
        assert here.verdict()["agrees"]


async def test_what_a_pipeline_ignored_is_delivered_once_it_no_longer_ignores_changes(tmp_path: Path) -> None:
    async with Simulator(SimulatorOptions(products=6)) as simulated:
        async with application(tmp_path, simulated, target={"on_change": "ignore"}) as here:
            await here.sync()
            simulated.catalogue.edit(simulated.catalogue.ids()[2], name="被忽略的修改")
            await here.sync()
            assert here.calls("update") == 0
        async with application(tmp_path, simulated) as here:
            await here.sync()
            assert here.calls("update") == 1
            assert here.verdict()["agrees"]
