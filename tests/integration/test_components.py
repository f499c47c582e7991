"""Every example of docs/components.md, run against the simulated Yida and read back equal.

All of them in one form: a create, an update whose reply is lost, an update that empties every component. What
is read back is equal where the comparison of ledger and form needs no second look at any instance.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.component_guide import ENGLISH, Example, examples, together
from tests.scenario import FIELDS
from tests.world import World, settings_of, world
from xmsyncd.clock import SystemClock
from xmsyncd.operations.check import check
from xmsyncd.operations.reconcile import reconcile
from xmsyncd.operations.vendors import open_vendors
from xmsyncd.simulator.options import EXAMPLE_COMPONENTS, BlankText, Component, SimulatorOptions
from xmsyncd.simulator.server import Simulator

EXAMPLES = examples(ENGLISH)
FURTHER: dict[str, Any] = together(EXAMPLES)
OTHERS: dict[str, Any] = {
    "model": "M-1",
    "price_min": "1.25",
    "stars": None,
    "unit": "台",
    "marks": [],
    "tags": "新品",
    "category": "五金",
    "owner_ids": "",
    "origin": "US",
    "listed_at": "1970-01-05",
    "sale_from": "",
    "street": "只有街道",
    "city": "",
    "images": ["https://img.example/2.png", "https://img.example/a%20b.png"],
    "from_url": "https://shop.example/2",
    "supplier_no": "",
    "supplier_name": "",
    "sku_items": [{"sku_code": "B-1", "cost": "", "image": ""}, {}, {"sku_code": "B-2", "cost": 0}],
}
"""The second content of the product: other values, fewer rows, some components emptied."""


def options(**changes: Any) -> SimulatorOptions:
    components = (*EXAMPLE_COMPONENTS, *(one for example in EXAMPLES for one in example.components))
    return SimulatorOptions(products=2, components=components, **changes)


def entries() -> dict[str, Any]:
    return {"replace": [*FIELDS, *(example.entry for example in EXAMPLES)]}


async def held(here: World, product: int) -> dict[str, Any]:
    """What Yida's store holds for the product."""
    found = here.simulated.form.store.get((await here.record(product))["instance_id"])
    assert found is not None
    return found.latest.data()


async def assert_equal_without_a_second_look(here: World) -> None:
    before = here.calls("get")
    steps = reconcile(here.app.runtime, here.pipeline, apply=False, yes=False)
    report = [step async for step in steps][-1]
    assert (report["total"], report["complete"]) == (0, True), report
    assert here.calls("get") == before


def plain(value: Any) -> Any:
    """JSON texts as what they hold: their keys may stand in any order."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, str) and value.startswith(("[", "{")):
        return json.loads(value)
    return value


@pytest.mark.parametrize("as_text", [False, True])
async def test_every_documented_example_is_written_and_read_back_equal(tmp_path: Path, as_text: bool) -> None:
    chosen = options(composed_as_text=as_text, blank_text=BlankText.NULL if as_text else BlankText.SHOWN)
    async with world(tmp_path, chosen, fields=entries(), **FURTHER) as here:
        product = here.simulated.catalogue.ids()[0]
        for example in EXAMPLES:
            here.simulated.catalogue.edit(product, unnamed=example.item)
        await here.sync()
        assert await here.states() == {"delivered": 2}
        stored = await held(here, product)
        for example in EXAMPLES:
            assert stored[example.component] == example.written, example.name
        if not as_text:
            shown = plain(here.simulated.form.shown(stored))
            for example in EXAMPLES:
                assert plain(example.shown).items() <= shown.items(), example.name
        await assert_equal_without_a_second_look(here)

        here.simulated.faults.add("lost_reset", operation="update", times=1)
        here.simulated.catalogue.edit(product, unnamed=OTHERS)
        await here.sync()
        assert await here.states() == {"delivered": 2}
        assert here.calls("update") == 1, "what the get shows is what was sent: nothing is sent again"
        stored = await held(here, product)
        assert stored["dateField_since"] == 345_600_000 - 8 * 3_600_000
        assert stored["linkField_page"] == [{"link": "https://shop.example/2", "text": "M-1"}]
        assert stored["addressField_place"]["address"] == "只有街道"
        assert stored["associationFormField_supplier"] == []
        assert stored["tableField_skus"] == [
            {"textField_sku": "B-1"},
            {"textField_sku": "B-2", "numberField_cost": 0},
        ]
        await assert_equal_without_a_second_look(here)

        here.simulated.catalogue.edit(product, unnamed={name: None for one in EXAMPLES for name in one.item})
        await here.sync()
        assert await here.states() == {"delivered": 2}
        stored = await held(here, product)
        assert {json.dumps(stored[one.component]) for one in EXAMPLES} == {'""', "[]", "null"}
        await assert_equal_without_a_second_look(here)
        before = here.calls("start", "update")
        await here.sync(full=True)
        assert here.calls("start", "update") == before


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.name)
async def test_a_create_whose_reply_was_lost_is_found_with_equal_content(
    tmp_path: Path, example: Example
) -> None:
    """Each type alone: the instance is found by its key, its content proves that nothing is to be sent."""
    chosen = SimulatorOptions(products=1, components=(*EXAMPLE_COMPONENTS, *example.components))
    async with world(
        tmp_path, chosen, fields={"replace": [*FIELDS, example.entry]}, **example.further
    ) as here:
        product = here.simulated.catalogue.ids()[0]
        here.simulated.catalogue.edit(product, unnamed=example.item)
        here.simulated.faults.add("lost_reset", operation="start", times=1)
        await here.sync()
        assert await here.states() == {"delivered": 1}
        assert (await held(here, product))[example.component] == example.written
        assert here.calls("start", "update") == 1
        assert here.verdict()["agrees"]


async def test_types_said_by_name_and_columns_as_a_flat_list(tmp_path: Path) -> None:
    """Where the ids tell nothing, as with aliases; and a table as documents of the platform write it."""
    components = (
        Component("unit_price", "NumberField", "单价"),
        Component("photos", "ImageField", "图片"),
        Component("lines", "TableField", "明细"),
        Component("line_since", "DateField", "日期", parent_id="lines"),
    )
    flat = [
        {"field": "unit_price", "component_name": "NumberField", "value": "{price_min}"},
        {"field": "photos", "component_name": "ImageField", "value": "{images}"},
        {"field": "line_since", "component_name": "DateField", "value": "{since}", "parent": "t1"},
        {"field": "lines", "id": "t1", "component_name": "TableField", "type": "array", "value": "rows"},
    ]
    chosen = SimulatorOptions(products=1, components=(*EXAMPLE_COMPONENTS, *components))
    async with world(tmp_path, chosen, fields={"replace": [*FIELDS, *flat]}) as here:
        product = here.simulated.catalogue.ids()[0]
        rows = [{"since": "2026-01-02 08:30:00"}, {"since": "0000-00-00"}]
        here.simulated.catalogue.edit(
            product, unnamed={"price_min": "1.50", "images": "https://img.example/1.png", "rows": rows}
        )
        await here.sync()
        assert await here.states() == {"delivered": 1}
        stored = await held(here, product)
        assert stored["unit_price"] == 1.5
        assert stored["photos"][0]["name"] == "1.png"
        assert stored["lines"] == [{"line_since": 1767313800000}]
        await assert_equal_without_a_second_look(here)


async def test_options_written_by_their_values_are_compared_by_them(tmp_path: Path) -> None:
    chosen = options(options_by_value=True)
    target = {"options_by": "value"}
    async with world(tmp_path, chosen, fields=entries(), **FURTHER, target=target) as here:
        product = here.simulated.catalogue.ids()[0]
        for example in EXAMPLES:
            here.simulated.catalogue.edit(product, unnamed=example.item)
        await here.sync()
        assert await here.states() == {"delivered": 2}
        await assert_equal_without_a_second_look(here)


async def test_a_search_that_shows_no_tables_doubles_and_changes_nothing(tmp_path: Path) -> None:
    """Unknown of processes: what the search lacks is asked by id, or written once more."""
    table = next(one for one in EXAMPLES if one.name == "TableField")
    chosen = SimulatorOptions(
        products=1, components=(*EXAMPLE_COMPONENTS, *table.components), search_shows_tables=False
    )
    async with world(tmp_path, chosen, fields={"replace": [*FIELDS, table.entry]}) as here:
        product = here.simulated.catalogue.ids()[0]
        here.simulated.catalogue.edit(product, unnamed=table.item)
        here.simulated.faults.add("lost_reset", operation="start", times=1)
        await here.sync()
        assert await here.states() == {"delivered": 1}
        assert (await held(here, product))[table.component] == table.written
        assert here.calls("start") == 1
        assert here.calls("update") <= 1
        before = here.calls("update")
        steps = reconcile(here.app.runtime, here.pipeline, apply=True, yes=False)
        report = [step async for step in steps][-1]
        assert (report["total"], report["complete"], report["repaired"]) == (0, True, {}), report
        assert here.calls("update") == before
        assert here.verdict()["agrees"]


async def checked(folder: Path, *entry: dict[str, Any]) -> list[dict[str, Any]]:
    async with Simulator(options()) as simulated:
        settings = settings_of(folder, simulated, fields={"replace": [*FIELDS, *entry]})
        async with open_vendors(settings, clock=SystemClock(), rng=random.Random(1)) as vendors:
            result = await check(settings, vendors, {}, SystemClock().now())
        assert simulated.counters.to_json()["calls"].get("yida.start", 0) == 0
        return [one for one in result["findings"] if one["state"] == "failed"]


async def test_check_finds_nothing_wrong_with_the_documented_examples(tmp_path: Path) -> None:
    assert await checked(tmp_path, *(example.entry for example in EXAMPLES)) == []


async def test_check_tells_the_real_type_with_the_label_and_what_to_write(tmp_path: Path) -> None:
    table = next(one for one in EXAMPLES if one.name == "TableField")
    wrong_column = {"field": "textField_sku", "value": "{x}", "component_name": "DateField"}
    found = await checked(
        tmp_path,
        {"field": "numberField_price", "component_name": "DateField", "value": "{price_min}"},
        {"field": "numberField_cost", "value": "{cost}"},
        {**table.entry, "children": [wrong_column]},
    )
    assert [(one["what"].split(".fields ")[1], one["advice"]) for one in found] == [
        (
            "numberField_price (单价)",
            "write component_name: NumberField into the entry, or map another component",
        ),
        ("numberField_cost", "put the entry under children of tableField_skus"),
        (
            "tableField_skus column textField_sku",
            "write component_name: TextField into the entry, or map another component",
        ),
    ]
    assert "NumberField (数值)" in found[0]["found"]


async def test_a_bad_value_of_each_kind_is_rejected_and_the_rest_arrives(tmp_path: Path) -> None:
    bad: dict[str, Any] = {
        "price_min": "1,000",
        "stars": 4.5,
        "unit": "x" * 256,
        "kind": ["配件", "整机"],
        "marks": [{"a": 1}],
        "category": "五金//螺丝",
        "owner_ids": [{"userId": "a"}],
        "origin": ["CN", "US"],
        "listed_at": "明天",
        "sale_to": "",
        "street": {"zh": "1"},
        "images": ["picture.png"],
        "manual_url": "ftp://files.example/1",
        "from_url": "shop.example",
        "supplier_no": "",
        "sku_items": [{"cost": "1.5"}, {"cost": "n/a"}],
    }
    chosen = SimulatorOptions(products=len(bad) + 1, components=options().components)
    async with world(tmp_path, chosen, fields=entries(), **FURTHER) as here:
        products = here.simulated.catalogue.ids()
        good = {name: value for example in EXAMPLES for name, value in example.item.items()}
        for product, (name, value) in zip(products, bad.items(), strict=False):
            here.simulated.catalogue.edit(product, unnamed={**good, name: value})
        await here.sync()
        assert await here.states() == {"delivered": 1, "rejected": len(bad)}
        for product, name in zip(products, bad, strict=False):
            row = await here.record(product)
            assert row["rejection"] == "type", (name, row)
            assert "found" in row["rejection_detail"], name
            assert "expected" in row["rejection_detail"], name
        last = await here.record(products[len(bad) - 1])
        assert "row 2, numberField_cost (成本)" in last["rejection_detail"]
