"""Derived fields over sockets: custom fields by name, look-up files that change, and what a change costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scenario import FIELDS, KEY
from tests.world import World, application, world
from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.okki.client import OkkiClient
from xmsyncd.simulator.custom_fields import CustomShape
from xmsyncd.simulator.options import EXAMPLE_COMPONENTS, Component, SimulatorOptions
from xmsyncd.simulator.server import Simulator
from xmsyncd.transform.custom_fields import CustomField, FieldDictionary

EXTRA = "textField_extra"
OPTIONS = SimulatorOptions(
    products=20, components=(*EXAMPLE_COMPONENTS, Component(EXTRA, "TextField", "附加"))
)
WARRANTY: dict[str, Any] = {"derive": {"保修": {"custom": "保修期"}}}


def with_extra(value: str) -> dict[str, Any]:
    """The six fields of the article and one more."""
    return {"replace": [*FIELDS, {"field": EXTRA, "value": value}]}


def extras(here: World) -> dict[str, Any]:
    """What Yida holds in the further component, by business key."""
    held = [one.latest.data() for one in here.simulated.form.store if not one.deleted]
    return {data[KEY]: data.get(EXTRA) for data in held}


def expected(here: World, value_of: Any) -> dict[str, Any]:
    """The same as OKKI's products would have it."""
    catalogue = here.simulated.catalogue
    products = [catalogue.product(product_id) for product_id in catalogue.ids()]
    return {product["product_no"]: value_of(product) for product in products}


async def cycle(here: World) -> dict[str, Any]:
    """One cycle and its deliveries; the calls that wrote, and why it read what it read."""
    here.simulated.counters.reset()
    result = await here.sync()
    return {**result["cycle"], "writes": here.calls("start", "update")}


@pytest.mark.parametrize("shape", CustomShape)
async def test_a_custom_field_arrives_by_its_name_in_every_shape(tmp_path: Path, shape: CustomShape) -> None:
    async with world(tmp_path, OPTIONS, **WARRANTY, fields=with_extra("{保修}")) as here:
        here.simulated.catalogue.custom_fields.shape = shape
        await here.sync()
        wanted = expected(here, lambda product: product["external_field_data"][0]["value"])
        assert extras(here) == wanted
        assert len(set(wanted.values())) > 1
        assert here.calls("fields") == 1


async def test_half_a_character_in_the_name_of_some_field_fails_no_cycle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No orjson can write it; the dictionary is remembered all the same."""
    dictionary = FieldDictionary([CustomField("30001", "保修期"), CustomField("30009", "\ud800")])

    async def told(*_: object) -> FieldDictionary:
        return dictionary

    monkeypatch.setattr(OkkiClient, "fetch_fields", told)
    async with world(tmp_path, OPTIONS, **WARRANTY, fields=with_extra("{保修}")) as here:
        assert (await cycle(here))["result"] == "done"
        assert len(set(extras(here).values())) > 1
        assert (await here.pipeline.shaper.recall({})).fields
        remembered = here.pipeline.shaper._current.fields
        assert remembered is not None
        assert remembered.hash == dictionary.hash


async def test_a_custom_field_that_okki_does_not_have_is_no_blank_but_a_failed_cycle(tmp_path: Path) -> None:
    changes: dict[str, Any] = {**WARRANTY, "fields": with_extra("{保修}"), "source": {"group_cache": "0s"}}
    async with world(tmp_path, OPTIONS, **changes) as here:
        await here.sync()
        before = extras(here)
        here.simulated.catalogue.custom_fields.names = {"30001": "质保"}
        here.simulated.catalogue.edit_random(5)
        report = await here.pipeline.loop.ask(CycleRequest()).report
        assert report.result == "failed"
        assert "保修期" in str(report.error)
        assert "质保" in str(report.error)
        assert extras(here) == before
        # Named again under another id: the products show nothing of it, and that is what Yida gets.
        here.simulated.catalogue.custom_fields.names = {"30002": "保修期"}
        done = await cycle(here)
        assert (done["result"], done["reason"], done["writes"]) == ("done", "context_changed", 20)
        assert set(extras(here).values()) == {""}


async def test_a_changed_look_up_file_updates_exactly_the_products_it_concerns(tmp_path: Path) -> None:
    table = tmp_path / "types.csv"
    table.write_text("\ufeff代码,名称\n1,一\n2,二\n3,三\n", encoding="utf-8")
    changes: dict[str, Any] = {
        "lookups": {"types": {"file": "types.csv", "missing": "reject"}},
        "derive": {"类型": {"lookup": "types", "of": "{product_type}"}},
        "fields": with_extra("{类型}"),
    }
    words = {1: "一", 2: "二", 3: "三"}
    async with world(tmp_path, OPTIONS, **changes) as here:
        await here.sync()
        assert extras(here) == expected(here, lambda product: words[product["product_type"]])
        unchanged = await cycle(here)
        assert (unchanged["reason"], unchanged["writes"]) == ("due", 0)

        table.write_text("代码,名称\n1,一\n2,两个\n3,三\n", encoding="utf-8")
        concerned = [one for one in expected(here, lambda each: each["product_type"]).values() if one == 2]
        assert 0 < len(concerned) < 20
        changed = await cycle(here)
        assert (changed["reason"], changed["writes"]) == ("context_changed", len(concerned))
        words[2] = "两个"
        assert extras(here) == expected(here, lambda product: words[product["product_type"]])

        # The same table written in another way is the same table.
        table.write_text("代码,名称,备注\n3,三,x\n2,两个,y\n1,一,z\n", encoding="utf-8")
        same = await cycle(here)
        assert (same["reason"], same["writes"]) == ("due", 0)


async def test_a_broken_look_up_file_fails_the_cycle_with_its_line_and_blanks_nothing(tmp_path: Path) -> None:
    table = tmp_path / "types.csv"
    good = "代码,名称\n1,一\n2,二\n3,三\n"
    table.write_text(good, encoding="utf-8")
    changes: dict[str, Any] = {
        "lookups": {"types": {"file": "types.csv"}},
        "fields": with_extra("{{product_type|lookup(types)}}"),
    }
    async with world(tmp_path, OPTIONS, **changes) as here:
        await here.sync()
        before = extras(here)
        table.write_text("代码,名称\n1,一\n2\n", encoding="utf-8")
        here.simulated.catalogue.edit_random(3)
        report = await here.pipeline.loop.ask(CycleRequest()).report
        assert report.result == "failed"
        assert "types.csv, line 3" in str(report.error)
        table.unlink()
        report = await here.pipeline.loop.ask(CycleRequest()).report
        assert "no such file" in str(report.error)
        assert extras(here) == before
        table.write_text(good, encoding="utf-8")
        done = await cycle(here)
        assert (done["result"], done["reason"]) == ("done", "due")
        assert 0 < done["writes"] <= 3


async def test_a_value_without_an_entry_is_rejected_with_the_table_named(tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "lookups": {"types": {"entries": {"1": "一", "3": "三"}}},
        "derive": {"类型": {"lookup": "types", "of": "{product_type}"}},
        "fields": with_extra("{类型}"),
    }
    async with world(tmp_path, OPTIONS, **changes) as here:
        await here.sync()
        words = {1: "一", 3: "三"}
        every = expected(here, lambda each: words.get(each["product_type"]))
        wanted = {number: word for number, word in every.items() if word}
        assert extras(here) == wanted
        rejected = await here.query(
            "SELECT rejection, rejection_detail FROM records WHERE desired = 'rejection'"
        )
        assert len(rejected) == 20 - len(wanted)
        assert {one["rejection"] for one in rejected} == {"lookup"}
        assert all("look-up table types" in one["rejection_detail"] for one in rejected)


async def test_group_levels_path_and_enumeration_arrive(tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "derive": {
            "三级": {"group": 3},
            "路径": {"group": "path", "separator": " > "},
            "编号": {"group": "leaf", "show": "id"},
            "类型": {"enum": "product_type"},
        },
        "fields": with_extra("{{三级}}|{{路径}}|{{编号}}|{{类型}}"),
    }
    kinds = {1: "无规格", 2: "多规格", 3: "组合"}

    async with world(tmp_path, OPTIONS, **changes) as here:

        def wanted(product: dict[str, Any]) -> str:
            path = here.simulated.catalogue.groups.path(product["group_id"])
            third = path[2].name if len(path) > 2 else ""
            names = " > ".join(group.name for group in path)
            return f"{third}|{names}|{path[-1].id}|{kinds[product['product_type']]}"

        await here.sync()
        assert extras(here) == expected(here, wanted)


async def test_a_changed_derived_field_reads_everything_and_sends_what_is_other(tmp_path: Path) -> None:
    async with Simulator(OPTIONS) as simulated:
        first: dict[str, Any] = {"derive": {"名": "{{name}}"}, "fields": with_extra("{{名}}")}
        async with application(tmp_path, simulated, **first) as here:
            await here.sync()
        # Another definition with the same output: everything is read, nothing is sent.
        same: dict[str, Any] = {"derive": {"名": "{name}"}, "fields": with_extra("{{名}}")}
        async with application(tmp_path, simulated, **same) as here:
            done = await cycle(here)
            assert (done["reason"], done["writes"]) == ("context_changed", 0)
        other: dict[str, Any] = {"derive": {"名": "{{name}}!"}, "fields": with_extra("{{名}}")}
        async with application(tmp_path, simulated, **other) as here:
            done = await cycle(here)
            assert (done["reason"], done["writes"]) == ("context_changed", 20)
