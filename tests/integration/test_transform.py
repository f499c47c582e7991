"""A function of the user over sockets: what it changes arrives, what it does wrong concerns one product."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scenario import FIELDS, KEY
from tests.world import EVERYTHING, World, until, world
from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.errors import ConfigurationError
from xmsyncd.operations import failures
from xmsyncd.simulator.options import EXAMPLE_COMPONENTS, Component, SimulatorOptions

EXTRA = "textField_extra"
OPTIONS = SimulatorOptions(
    products=20, components=(*EXAMPLE_COMPONENTS, Component(EXTRA, "TextField", "附加"))
)
WITH_EXTRA = {"replace": [*FIELDS, {"field": EXTRA, "value": "{{附加}}"}]}
FUNCTION = """
def transform(product):
    product["附加"] = f"{product['product_type']}/{product['name']}"
    return product
"""


def write(folder: Path, text: str) -> None:
    (folder / "hooks").mkdir(exist_ok=True)
    (folder / "hooks" / "mine.py").write_text(text, encoding="utf-8")


def transforming(**pipeline: Any) -> dict[str, Any]:
    return {"pipeline": {"transform": "mine:transform", **pipeline}, "fields": WITH_EXTRA}


def extras(here: World) -> dict[str, Any]:
    """What Yida holds in the further component, by business key."""
    held = [one.latest.data() for one in here.simulated.form.store if not one.deleted]
    return {data[KEY]: data.get(EXTRA) for data in held}


async def rejections(here: World) -> list[dict[str, Any]]:
    return await here.query(
        "SELECT source_id, rejection, rejection_detail FROM records WHERE state = 'rejected' ORDER BY id"
    )


async def cycle(here: World) -> dict[str, Any]:
    here.simulated.counters.reset()
    result = await here.sync()
    return {**result["cycle"], "writes": here.calls("start", "update")}


async def test_what_the_function_returns_is_mapped_the_detail_included(tmp_path: Path) -> None:
    write(tmp_path, FUNCTION)
    async with world(tmp_path, OPTIONS, **transforming()) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        products = [catalogue.product(product_id) for product_id in catalogue.ids()]
        assert extras(here) == {one["product_no"]: f"{one['product_type']}/{one['name']}" for one in products}
        again = await cycle(here)
        assert (again["reason"], again["writes"]) == ("due", 0)


async def test_a_changed_file_is_a_full_read_and_updates_what_comes_out_otherwise(tmp_path: Path) -> None:
    write(tmp_path, FUNCTION)
    async with world(tmp_path, OPTIONS, **transforming()) as here:
        await here.sync()
        write(tmp_path, FUNCTION + "# a remark changes no output\n")
        same = await cycle(here)
        assert (same["reason"], same["writes"]) == ("context_changed", 0)
        write(tmp_path, FUNCTION.replace("return product", "return product | {'附加': '其他'}"))
        other = await cycle(here)
        assert (other["reason"], other["writes"]) == ("context_changed", 20)
        assert set(extras(here).values()) == {"其他"}


async def test_a_broken_file_fails_the_cycle_with_its_line_until_it_is_mended(tmp_path: Path) -> None:
    write(tmp_path, FUNCTION)
    async with world(tmp_path, OPTIONS, **transforming()) as here:
        await here.sync()
        before = extras(here)
        write(tmp_path, "def transform(product)\n    return product\n")
        here.simulated.catalogue.edit_random(3)
        report = await here.pipeline.loop.ask(CycleRequest()).report
        assert report.result == "failed"
        assert "pipelines.products.transform" in str(report.error)
        assert "mine.py, line 1" in str(report.error)
        assert extras(here) == before
        write(tmp_path, FUNCTION)
        assert (await cycle(here))["result"] == "done"


async def test_products_that_the_function_fails_on_are_rejected_with_its_words_alone(tmp_path: Path) -> None:
    write(
        tmp_path,
        """
def transform(product):
    match product["product_no"][-1]:
        case "1":
            raise ValueError(f"no price for {product['product_no']}")
        case "2":
            return [product]
    product["附加"] = "好"
    return product
""",
    )
    async with world(tmp_path, OPTIONS, **transforming()) as here:
        result = await here.sync()
        assert result["cycle"]["balance"] == 0
        rejected = await rejections(here)
        assert len(rejected) == 4
        assert {one["rejection"] for one in rejected} == {"hook"}
        details = [one["rejection_detail"] for one in rejected]
        assert sum("found ValueError: no price for " in one for one in details) == 2
        assert sum("returned a list" in one for one in details) == 2
        assert not [one for one in details if "Traceback" in one or "mine.py" in one]
        assert len(extras(here)) == 16
        # Mended, they are mapped again in the next cycle by themselves.
        write(tmp_path, FUNCTION)
        assert (await cycle(here))["writes"] == 20
        assert await here.states() == {"delivered": 20}


async def test_a_function_that_hangs_costs_three_products_a_cycle_not_the_others(
    tmp_path: Path,
) -> None:
    write(
        tmp_path,
        """
import re

def transform(product):
    if product["product_no"][-1] in "12345":
        re.match("(a+)+$", "a" * 60 + "b")
    product["附加"] = "好"
    return product
""",
    )
    async with world(tmp_path, OPTIONS, **transforming(transform_timeout="200ms")) as here:
        seen: list[str] = []
        for _ in range(6):
            report = await here.pipeline.loop.ask(CycleRequest()).report
            seen.append(report.result)
            if report.result == "done":
                break
            assert "did not come back for 3 products in a row" in str(report.error)
        assert seen[-1] == "done"
        await here.sync()
        rejected = await rejections(here)
        assert len(rejected) == 10
        assert all("no answer within 0.2 s" in one["rejection_detail"] for one in rejected)
        assert await here.states() == {"delivered": 10, "rejected": 10}


async def test_a_rejected_product_that_was_mended_is_tried_again_by_a_person(tmp_path: Path) -> None:
    write(
        tmp_path,
        "def transform(product):\n    product['附加'] = product['model'].lower()\n    return product\n",
    )
    async with world(tmp_path, OPTIONS, schedule={"every": "1h"}, **transforming()) as here:
        broken = here.simulated.catalogue.ids()[3]
        here.simulated.catalogue.edit(broken, model=None)
        await here.sync()
        (rejected,) = await rejections(here)
        assert "AttributeError: 'NoneType' object has no attribute 'lower'" in rejected["rejection_detail"]
        assert len(extras(here)) == 19
        here.simulated.catalogue.edit(broken, model="M7")
        done = await cycle(here)
        assert done["writes"] == 1
        assert extras(here)[here.simulated.catalogue.product(broken)["product_no"]] == "m7"


async def test_a_mended_function_is_used_by_a_retry_before_the_next_cycle(tmp_path: Path) -> None:
    write(tmp_path, "def transform(product):\n    raise ValueError('not yet')\n")
    async with world(tmp_path, OPTIONS, schedule={"every": "1h"}, **transforming()) as here:
        await here.sync()
        assert await here.states() == {"rejected": 20}
        write(tmp_path, FUNCTION)
        await failures.retry(here.app.runtime, [here.pipeline], EVERYTHING)
        await until(lambda: len(extras(here)) == 20, "all are sent")


async def test_a_function_that_cannot_be_had_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        async with world(tmp_path, OPTIONS, **transforming()):
            pass
    (fault,) = raised.value.faults
    assert fault.where == "pipelines.products.transform"
    assert "no such folder" in fault.found


async def test_a_product_that_the_function_leaves_out_is_filtered(tmp_path: Path) -> None:
    write(
        tmp_path,
        """
def transform(product):
    if product["product_type"] != 1:
        return None
    product["附加"] = "好"
    return product
""",
    )
    async with world(tmp_path, OPTIONS, **transforming()) as here:
        result = await here.sync()
        catalogue = here.simulated.catalogue
        kinds = {one: catalogue.product(one)["product_type"] for one in catalogue.ids()}
        wanted = {catalogue.product(one)["product_no"] for one, kind in kinds.items() if kind == 1}
        assert extras(here).keys() == wanted
        assert 0 < len(wanted) < 20
        assert result["cycle"]["decisions"]["filtered"] == 20 - len(wanted)
        assert result["cycle"]["balance"] == 0
