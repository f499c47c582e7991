"""Failures as work, over sockets: hundreds of rejected products in groups, accepted, tried again, let go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.scenario import FIELDS, KEY
from tests.world import World, application
from xmsyncd.operations.table import OPERATIONS, Progress, Result
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.server import Simulator

REMARK = "textareaField_lq23ags6"
NAME = "textField_lq0sj9h9"
STRICT = [{"field": REMARK, "rule": "required"}, {"field": KEY, "rule": "required"}]


async def ask(here: World, name: str, **params: Any) -> tuple[Any, list[Any]]:
    progress: list[Any] = []
    async for told in OPERATIONS[name](here.app.runtime, params):
        if isinstance(told, Result):
            return json.loads(json.dumps(told.value)), progress
        assert isinstance(told, Progress)
        progress.append(told.value)
    raise AssertionError("no result")


def without_a_remark(simulated: Simulator, number: int) -> list[int]:
    chosen = simulated.catalogue.ids()[:number]
    for product in chosen:
        simulated.catalogue.edit(product, product_remark="")
    for product in simulated.catalogue.ids()[number:]:
        simulated.catalogue.edit(product, product_remark="有")
    return chosen


@pytest.mark.timeout(180)
async def test_three_hundred_rejected_products_are_one_group_and_a_person_decides(tmp_path: Path) -> None:
    async with (
        Simulator(SimulatorOptions(products=320)) as simulated,
        application(tmp_path, simulated, quality={"replace": STRICT}) as here,
    ):
        bare = without_a_remark(simulated, 300)
        result = await here.sync()
        assert result["backlog"] == {"delivered": 20, "rejected": 300}
        listed, _ = await ask(here, "failures.list", limit=5)
        (group,) = listed["groups"]
        assert (group["reason"], group["count"], group["component"]) == ("required", 300, REMARK)
        sample = group["sample"]
        assert sample["name"] == simulated.catalogue.product(int(sample["source_id"]))["name"]
        assert len(listed["records"]) == 5

        again, _ = await ask(here, "failures.retry", reason=group["group"])
        assert again["counts"] == {"rejected": 300}, "the rule is as it was"
        one, _ = await ask(here, "failures.accept", key=str(bare[0]))
        assert one["counts"] == {"pending": 1}
        gone, _ = await ask(here, "failures.discard", key=str(bare[1]))
        assert gone["counts"] == {"discarded": 1}
        accepted, progress = await ask(here, "failures.accept", reason=group["group"], by="console")
        assert accepted["counts"] == {"pending": 298}
        assert [told["done"] for told in progress] == [50, 100, 150, 200, 250, 298]
        repeated, _ = await ask(here, "failures.accept", reason=group["group"])
        assert repeated["total"] == 0, "there is nothing left to accept"
        result = await here.sync(full=True)
        assert result["backlog"] == {"delivered": 319, "discarded": 1}
        assert here.calls("start") == 319, "each of them once"
        by = await here.query(
            """SELECT json_extract(detail, '$.by') AS who, count(*) AS n FROM history
               WHERE event = 'accepted' GROUP BY who ORDER BY n"""
        )
        assert by == [{"who": "cli", "n": 1}, {"who": "console", "n": 298}]
        await _accepted_once(here, bare[2])


async def _accepted_once(here: World, product: int) -> None:
    """The same content again stays accepted; other content is judged anew; and then nothing is remembered."""
    catalogue = here.simulated.catalogue
    name = catalogue.product(product)["name"]
    starts, updates = here.calls("start"), here.calls("update")
    catalogue.edit(product, name=name)  # another update_time, the same content
    await here.sync()
    assert (await here.record(product))["state"] == "delivered"
    catalogue.edit(product, name="另一个名字")
    await here.sync()
    assert (await here.record(product))["state"] == "rejected"
    told, _ = await ask(here, "explain", key=str(product))
    events = [one["event"] for one in told["records"][0]["history"]]
    assert events[0] == "rejected"
    assert "accepted" in events
    catalogue.edit(product, name=name)
    await here.sync()
    assert (await here.record(product))["state"] == "delivered", "it is the accepted content again"
    assert (here.calls("start"), here.calls("update")) == (starts, updates)


async def test_what_cannot_be_sent_is_not_accepted(tmp_path: Path) -> None:
    quality = [{"field": KEY, "rule": "required"}, {"field": NAME, "rule": "required"}]
    async with (
        Simulator(SimulatorOptions(products=12)) as simulated,
        application(tmp_path, simulated, quality={"replace": quality}) as here,
    ):
        product = simulated.catalogue.ids()[0]
        simulated.catalogue.edit(product, product_no="", name="")
        await here.sync()
        refused, _ = await ask(here, "failures.accept", all=True)
        assert refused["counts"] == {"rejected": 1}
        assert "cannot be sent" in refused["records"][0]["note"]
        assert here.calls("start") == 11
        delivered, _ = await ask(here, "failures.accept", key=str(simulated.catalogue.ids()[1]))
        assert delivered["counts"] == {"delivered": 1}


async def test_two_faults_are_two_groups_and_each_is_decided_by_itself(tmp_path: Path) -> None:
    quality = [{"field": REMARK, "rule": "required"}, {"field": NAME, "rule": "required"}]
    async with (
        Simulator(SimulatorOptions(products=40)) as simulated,
        application(tmp_path, simulated, quality={"replace": quality}) as here,
    ):
        products = without_a_remark(simulated, 10)
        for product in simulated.catalogue.ids()[10:15]:
            simulated.catalogue.edit(product, name="")
        await here.sync()
        listed, _ = await ask(here, "failures.list")
        groups = {one["component"]: one for one in listed["groups"]}
        assert {name: one["count"] for name, one in groups.items()} == {REMARK: 10, NAME: 5}
        assert len(FIELDS) == 6
        only, _ = await ask(here, "failures.list", reason=groups[NAME]["group"])
        assert only["total"] == 5
        let_go, _ = await ask(here, "failures.discard", reason=groups[NAME]["group"])
        assert let_go["counts"] == {"discarded": 5}
        for product in products:
            simulated.catalogue.edit(product, product_remark="补上")
        result = await here.sync()
        assert result["backlog"] == {"delivered": 35, "discarded": 5}, "new content frees by itself"
