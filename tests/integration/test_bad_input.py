"""Wrong credentials, no permission, an unknown component, dirty products: said, and nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.world import World, until, world
from xmsyncd.operations.failure_list import listed
from xmsyncd.operations.status import status
from xmsyncd.operations.sync import exit_status
from xmsyncd.operations.table import pipeline_infos
from xmsyncd.simulator.options import Component, SimulatorOptions


async def _stopped(here: World) -> dict[str, str] | None:
    [row] = await here.query("SELECT stop_reason AS reason, stop_detail AS detail FROM pipelines")
    return row if row["reason"] else None


async def test_an_unknown_component_is_named_with_the_nearest_before_anything_is_sent(tmp_path: Path) -> None:
    renamed = tuple(
        Component("textField_renamed01", one.component_name, one.label) if one.label == "产品规格" else one
        for one in SimulatorOptions().components
    )
    async with world(tmp_path, SimulatorOptions(products=10, components=renamed)) as here:
        result = await here.sync(wait=20)
        assert exit_status(result) == 4
        assert result["stop"]["reason"] == "configuration"
        assert "textField_lstsv908" in result["stop"]["detail"]
        assert "textField_renamed01" in result["stop"]["detail"]
        assert here.calls("start", "update") == 0
        assert result["backlog"] == {"pending": 10}


@pytest.mark.parametrize(
    ("section", "reads"), [("okki", {"client_secret": "wrong"}), ("dingtalk", {"app_secret": "wrong"})]
)
async def test_wrong_credentials_end_a_sync_with_4_and_status_says_so(
    tmp_path: Path, section: str, reads: dict[str, Any]
) -> None:
    changes: dict[str, Any] = {section: reads}
    async with world(tmp_path, SimulatorOptions(products=10), **changes) as here:
        result = await here.sync(wait=10)
        assert exit_status(result) == 4
        shown = await status(
            here.app.runtime.ledger, pipeline_infos(here.app.runtime), here.app.runtime.clock.now()
        )
        [pipeline] = shown["pipelines"]
        if section == "okki":
            assert pipeline["cycle"]["cannot_work"] == "credentials"
            assert here.calls("token") < 8  # OKKI is not hammered with what cannot succeed
        else:
            assert pipeline["stop"]["reason"] == "credentials"
        assert "wrong" not in str(shown)


async def test_a_missing_permission_stops_delivery_reading_goes_on_and_a_probe_ends_it(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, SimulatorOptions(products=20), delivery={"probe_every": "1s"}) as here:
        await here.sync(limit=5)
        fault = here.simulated.faults.add("permission", operation="start")
        result = await here.sync(wait=10)
        assert result["stop"]["reason"] == "permission"
        assert exit_status(result) == 4
        assert result["cycle"]["result"] == "done"
        assert result["cycle"]["read"] == 20
        here.simulated.faults.remove(fault)

        async def all_is_in() -> bool:
            return await here.states() == {"delivered": 20}

        await until(all_is_in, "a probe found that it may go on")
        assert await _stopped(here) is None
        assert here.verdict()["agrees"]


async def test_when_yida_refuses_everything_the_pipeline_stops_soon_and_the_innocent_are_not_blamed(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, SimulatorOptions(products=80), delivery={"probe_every": "1s"}) as here:
        await here.sync(limit=5)
        here.simulated.counters.reset()
        refusing = here.simulated.faults.add("refuse", operation="start")
        result = await here.sync(wait=20)
        assert result["stop"]["reason"] == "all_refused"
        assert here.calls("start") <= 21
        here.simulated.faults.remove(refusing)

        async def all_is_in() -> bool:
            return await here.states() == {"delivered": 80}

        await until(all_is_in, "what was refused is tried again")
        assert here.verdict()["agrees"]


async def test_twenty_dirty_products_in_a_row_among_good_ones_do_not_stop_the_others(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=30)) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        for number in range(80):
            catalogue.create(product_no=f"{'BAD' if 30 <= number < 50 else 'GOOD'}-{number:03}")
        here.simulated.faults.add("refuse", operation="start", match="BAD-")
        result = await here.sync(wait=60)
        assert result["stop"] is None
        assert result["backlog"] == {"delivered": 90, "parked": 20}
        shown = await listed(here.app.runtime, [here.pipeline])
        assert shown["total"] == 20
        assert all(one["key"].startswith("BAD-") and one["reason"] for one in shown["records"])


async def test_a_waiting_product_stands_in_the_list(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=6)) as here:
        catalogue = here.simulated.catalogue
        catalogue.create(product_no=catalogue.product(catalogue.ids()[0])["product_no"])
        await here.sync()
        shown = await listed(here.app.runtime, [here.pipeline])
        assert [one["state"] for one in shown["records"]] == ["waiting"]


async def test_a_first_try_asks_for_the_details_of_its_own_products_only(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=120)) as here:
        await here.sync(limit=5)
        assert here.calls("detail") == 5
        wanted = here.simulated.catalogue.product(here.simulated.catalogue.ids()[70])["product_no"]
        here.simulated.counters.reset()
        await here.sync(only=wanted)
        assert here.calls("detail") <= 2  # it is found by its number, which is such a call, and then its own
        nothing = await here.sync(only="NO-SUCH-NUMBER")
        assert exit_status(nothing) == 3
        assert "NO-SUCH-NUMBER" in nothing["cycle"]["error"]
