"""``plan``, then ``sync`` on a still source: what was predicted is what happened, call for call."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.scenario import FIELDS, KEY
from tests.world import World, application, settings_of, until
from xmsyncd.cli.access import operator
from xmsyncd.cli.context_parts import part_name
from xmsyncd.cli.words import words_for
from xmsyncd.errors import CannotWorkError, TryLaterError, UnknownProductError
from xmsyncd.ledger import notes
from xmsyncd.operations.sync import exit_status
from xmsyncd.operations.table import OPERATIONS, Result
from xmsyncd.simulator.counters import Vendor
from xmsyncd.simulator.options import EXAMPLE_COMPONENTS, Component, SimulatorOptions
from xmsyncd.simulator.server import Simulator

OKKI_CALLS = {"list": "list", "info": "detail", "groups": "groups"}
"""What plan calls an endpoint of OKKI, and what the simulator does."""

ANOTHER_NAME = {"replace": [{**FIELDS[0], "value": "{name}（新）"}, *FIELDS[1:]]}


@dataclass
class Planned:
    """A plan, and what of it each vendor has seen."""

    plan: dict[str, Any]
    changes: list[dict[str, Any]]


@asynccontextmanager
async def vendors(**options: Any) -> AsyncIterator[Simulator]:
    async with Simulator(SimulatorOptions(**options)) as simulated:
        yield simulated


def calls_of(simulated: Simulator, vendor: Vendor) -> dict[str, int]:
    """Calls by operation, but for tokens."""
    shown: dict[str, int] = {}
    for name, number in simulated.counters.to_json()["calls"].items():
        whose, operation, _ = name.split(".")
        if whose == vendor and operation != "token":
            shown[operation] = shown.get(operation, 0) + number
    return shown


def shown_in(simulated: Simulator) -> list[dict[str, Any]]:
    """What each instance holds, in the order in which they were made."""
    return [one.latest.data() for one in simulated.form.store]


def rows_of(ledger: Path) -> str:
    """Everything that the ledger holds; nobody may have it open."""
    connection = sqlite3.connect(f"file:{ledger}?mode=ro&immutable=1", uri=True)
    try:
        return hashlib.sha256("\n".join(connection.iterdump()).encode()).hexdigest()
    finally:
        connection.close()


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.name.startswith("xmsyncd.db")}


async def plan_alone(folder: Path, simulated: Simulator, changes: dict[str, Any], **params: Any) -> Planned:
    """As the command does where no daemon runs."""
    settings = settings_of(folder, simulated, **changes)
    before = bytes_of(folder)
    found: list[dict[str, Any]] = []
    async with operator(settings, needs_delivery=False, on_snapshot=True) as asked:
        async for told in asked.stream("plan", params):
            if isinstance(told, Result):
                (plan,) = told.value["pipelines"]
            elif told.value["phase"] == "changes":
                found += told.value["changes"]
    after = bytes_of(folder)
    after.pop("xmsyncd.db.lock", None)
    before.pop("xmsyncd.db.lock", None)
    assert after == before, "the ledger is as it was, to the byte"
    return Planned(plan, found)


async def predicted_is_what_happens(
    folder: Path, simulated: Simulator, *, sync: dict[str, Any] | None = None, **changes: Any
) -> tuple[Planned, dict[str, Any]]:
    """Plan, then sync, and compare: decisions, states, exit status, and each call to both vendors."""
    simulated.counters.reset()
    asked = dict(sync or {})
    planned = await plan_alone(folder, simulated, changes, **asked)
    assert calls_of(simulated, Vendor.YIDA) == {}, "a plan does not call Yida"
    simulated.counters.reset()
    plan = planned.plan
    async with application(folder, simulated, **changes) as here:
        result = await here.sync(**asked)
        await until(lambda: _is_quiet(here, plan), "what was asked before the first create is answered")
    cycle, calls = plan["cycle"], plan["calls"]
    happened = result["cycle"]
    for name in ("kind", "reason", "result", "pages", "read", "repeats", "decisions"):
        assert cycle[name] == happened[name], name
    assert {name: number for name, number in plan["backlog"].items() if number} == result["backlog"]
    assert plan["set_aside"] == result["set_aside"]
    assert plan["exit"] == exit_status(result)
    assert {OKKI_CALLS[name]: number for name, number in calls["okki"].items()} == calls_of(
        simulated, Vendor.OKKI
    )
    written = {"start": 0, "update": 0, **calls_of(simulated, Vendor.YIDA)}
    assert written.pop("start") + written.pop("update") == calls["sends_now"]
    assert written == calls["questions"]
    assert sum(calls_of(simulated, Vendor.YIDA).values()) == calls["metered"]
    return planned, result


async def _is_quiet(here: World, plan: dict[str, Any]) -> bool:
    """Whether the questions of the first day have been asked."""
    return all(here.calls(name) >= number for name, number in plan["calls"]["questions"].items())


async def test_a_first_sync(tmp_path: Path):
    async with vendors(products=120) as simulated:
        planned, _ = await predicted_is_what_happens(tmp_path, simulated)
    plan = planned.plan
    assert plan["cycle"]["kind"] == "first"
    assert plan["calls"]["creates"] == 120
    assert plan["calls"]["questions"] == {"definitions": 1, "search": 2}
    assert len(planned.changes) == 20
    assert planned.changes[0]["decision"] == "create"
    first = planned.changes[0]["changes"][0]
    assert (first["label"], first["old"]) == ("产品名称", None)


async def test_a_form_that_is_not_empty_is_assumed_to_be_until_somebody_has_looked(tmp_path: Path):
    async with vendors(products=40) as simulated:
        form = simulated.form
        for number in range(41):
            form.store.create({KEY: f"older {number}"}, user_id="somebody", status="RUNNING")
        planned = await plan_alone(tmp_path, simulated, {})
        assert (planned.plan["assumed"], planned.plan["exit"]) == ("form", 0)
        async with application(tmp_path, simulated) as here:
            result = await here.sync()
            assert exit_status(result) == 4
        # A stopped pipeline asks now and then whether it still has to be; of the sending nothing goes.
        planned = await plan_alone(tmp_path, simulated, {})
    plan = planned.plan
    assert (plan["stop"]["reason"], plan["assumed"], plan["exit"]) == ("form_not_empty", None, 4)
    assert (plan["calls"]["put_off"], plan["calls"]["metered"]) == (40, 0)
    assert plan["calls"]["sends_by_kind"] == {"create": 0, "update": 0}


async def test_an_incremental_sync_with_edits_and_a_new_product(tmp_path: Path):
    async with vendors(products=60) as simulated:
        async with application(tmp_path, simulated) as here:
            await here.sync()
        some = simulated.catalogue.ids()[:7]
        for product in some:
            simulated.catalogue.edit(product, name=f"改名 {product}")
        simulated.catalogue.create(name="新品", product_no="NEW-1")
        planned, _ = await predicted_is_what_happens(tmp_path, simulated)
    plan = planned.plan
    assert plan["cycle"]["kind"] == "incremental"
    assert (plan["calls"]["creates"], plan["calls"]["updates"]) == (1, 7)
    assert plan["calls"]["questions"] == {}
    assert plan["components"][0] == {"component": FIELDS[0]["field"], "label": "产品名称", "count": 8}
    assert [one["decision"] for one in planned.changes] == ["update"] * 7 + ["create"]
    (change,) = planned.changes[0]["changes"]
    assert change["new"].startswith("改名 ")
    assert not change["old"].startswith("改名 ")


async def test_a_second_plan_of_a_still_source_has_nothing_to_do(tmp_path: Path):
    async with vendors(products=30) as simulated:
        async with application(tmp_path, simulated) as here:
            await here.sync()
        planned, _ = await predicted_is_what_happens(tmp_path, simulated)
    assert planned.plan["calls"]["metered"] == 0
    assert planned.plan["exit"] == 0
    assert planned.changes == []


async def test_a_changed_mapping_within_the_guard(tmp_path: Path):
    guard = {"updates": 1000, "share": "20%", "at_least": 5, "within": "1h"}
    async with vendors(products=100) as simulated:
        async with application(tmp_path, simulated, guard=guard) as here:
            await here.sync()
        planned, _ = await predicted_is_what_happens(
            tmp_path, simulated, guard=guard, fields=ANOTHER_NAME, sync={"full": False}
        )
    plan = planned.plan
    assert (plan["cycle"]["kind"], plan["cycle"]["reason"]) == ("full", "context_changed")
    assert plan["cycle"]["context"] == [
        {"part": f"mapping.fields.{FIELDS[0]['field']}", "change": "changed", "label": "产品名称"}
    ]
    assert plan["cycle"]["decisions"]["update"] == 20
    assert plan["cycle"]["decisions"]["held"] == 80
    assert plan["guard"] == {"held": 80, "released": 20, "limit": 20, "known": 100}
    assert plan["components"] == [{"component": FIELDS[0]["field"], "label": "产品名称", "count": 100}]
    assert plan["exit"] == 3


async def test_a_component_that_is_mapped_no_more_costs_no_call(tmp_path: Path):
    """Yida merges what an update names: what it does not name stays, so there is nothing to send."""
    level = FIELDS[2]["field"]
    fewer = {"replace": [one for one in FIELDS if one["field"] != level]}
    async with vendors(products=40) as simulated:
        async with application(tmp_path, simulated) as here:
            await here.sync()
        before = shown_in(simulated)
        planned, _ = await predicted_is_what_happens(tmp_path, simulated, fields=fewer)
        assert planned.plan["cycle"]["reason"] == "context_changed"
        assert {"part": f"mapping.fields.{level}", "change": "removed", "label": ""} in planned.plan["cycle"][
            "context"
        ]
        assert planned.plan["cycle"]["decisions"]["unchanged"] == 40
        assert (planned.plan["calls"]["metered"], planned.plan["exit"]) == (0, 0)
        assert planned.changes == []
        assert shown_in(simulated) == before
        # What really changes is sent, and shown without what stays as it is.
        product = simulated.catalogue.ids()[0]
        simulated.catalogue.edit(product, name="改名")
        planned, _ = await predicted_is_what_happens(tmp_path, simulated, fields=fewer)
        assert planned.plan["calls"]["updates"] == 1
        (record,) = planned.changes
        assert [change["component"] for change in record["changes"]] == [FIELDS[0]["field"]]
        # Mapped again it is still there; without a value it is emptied.
        planned, _ = await predicted_is_what_happens(tmp_path, simulated)
        assert planned.plan["calls"]["updates"] == 0
        planned, _ = await predicted_is_what_happens(tmp_path, simulated, fields=fewer)
        emptied = {"replace": [one if one["field"] != level else {**one, "value": ""} for one in FIELDS]}
        planned, _ = await predicted_is_what_happens(tmp_path, simulated, fields=emptied)
        assert {change["new"] for one in planned.changes for change in one["changes"]} == {""}
        assert {one.get(level, "") for one in shown_in(simulated)} == {""}


async def test_a_new_component_without_a_value_and_the_mark_without_one_cost_no_call(tmp_path: Path):
    mark, further = "selectField_gone", "textField_further"
    components = (
        *EXAMPLE_COMPONENTS,
        Component(mark, "SelectField", "状态", options=("停用",)),
        Component(further, "TextField", "其他"),
    )
    async with vendors(products=20, components=components) as simulated:
        async with application(tmp_path, simulated) as here:
            await here.sync()
        more: dict[str, Any] = {
            "target": {"on_delete": "mark", "deleted_mark": {"field": mark, "value": "停用"}},
            "fields": {"replace": [*FIELDS, {"field": further, "value": ""}]},
            "source": {"detail_fields": ["product_type"], "unknown_group": "blank"},
            "quality": {"replace": [{"rule": "expression", "expect": "{name} IS NOT NULL"}]},
        }
        planned, _ = await predicted_is_what_happens(tmp_path, simulated, **more)
        assert planned.plan["cycle"]["reason"] == "context_changed"
        assert planned.plan["cycle"]["decisions"]["unchanged"] == 20
        assert planned.plan["calls"]["updates"] == 0
        assert planned.changes == []
        parts = {one["part"]: part_name(one, words_for({})) for one in planned.plan["cycle"]["context"]}
        assert {part for part, name in parts.items() if part == name} == set(), "each has a name of its own"
        assert "the mark of deleted records (selectField_gone)" in parts.values()
        assert "the rules about the record as a whole" in parts.values()


async def test_a_changed_group_tree_and_a_ledger_that_does_not_remember(tmp_path: Path):
    async with vendors(products=20) as simulated:
        async with application(tmp_path, simulated) as here:
            await here.sync()
        for group in simulated.catalogue.groups.groups.values():
            simulated.catalogue.groups.rename(group.id, f"{group.name}（新）")
        planned, _ = await predicted_is_what_happens(tmp_path, simulated, sync={})
        assert planned.plan["cycle"]["context"] == [{"part": "groups.tree", "change": "changed", "label": ""}]
        async with application(tmp_path, simulated) as here:
            await here.app.runtime.ledger.write(notes.strike, "context of products")
        planned, _ = await predicted_is_what_happens(tmp_path, simulated, fields=ANOTHER_NAME)
        assert planned.plan["cycle"]["reason"] == "context_changed"
        assert planned.plan["cycle"]["context"] is None


async def test_rejected_and_waiting_records(tmp_path: Path):
    required = {"replace": [{"field": FIELDS[0]["field"], "rule": "required"}]}
    async with vendors(products=40) as simulated:
        one, two, three, four = simulated.catalogue.ids()[:4]
        simulated.catalogue.edit(one, name="")
        simulated.catalogue.edit(two, product_no="")
        number = simulated.catalogue.product(three)["product_no"]
        simulated.catalogue.edit(four, product_no=number)
        planned, result = await predicted_is_what_happens(tmp_path, simulated, quality=required)
        plan = planned.plan
        assert result["backlog"] == {"delivered": 37, "rejected": 2, "waiting": 1}
        assert plan["rejected"]["reasons"] == {"empty_key": 1, "required": 1}
        by_id = {one["source_id"]: one for one in plan["rejected"]["records"]}
        assert by_id[str(one)]["label"] == "产品名称"
        assert by_id[str(two)]["component"] == KEY
        (waits,) = plan["waiting"]["records"]
        assert number in waits["detail"]


async def test_what_stops_matching_a_filter_is_marked(tmp_path: Path):
    mark = "selectField_gone"
    component = Component(mark, "SelectField", "状态", options=("在用", "停用"))
    changes: dict[str, Any] = {
        "target": {
            "on_delete": "mark",
            "deleted_mark": {"field": mark, "value": "停用", "otherwise": "在用"},
        },
        "pipeline": {"where": "IFNULL({product_remark}, '') NOT LIKE '%停售%'"},
    }
    async with vendors(products=30, components=(*EXAMPLE_COMPONENTS, component)) as simulated:
        ids = simulated.catalogue.ids()
        simulated.catalogue.edit(ids[0], product_remark="已停售")
        planned, _ = await predicted_is_what_happens(tmp_path, simulated, **changes)
        assert planned.plan["cycle"]["decisions"]["filtered"] == planned.plan["set_aside"] == 1
        assert planned.plan["calls"]["creates"] == 29
        for product in ids[1:4]:
            simulated.catalogue.edit(product, product_remark="已停售")
        planned, _ = await predicted_is_what_happens(tmp_path, simulated, **changes)
    plan = planned.plan
    assert plan["cycle"]["decisions"]["filtered"] >= 3
    assert plan["calls"]["updates"] == 3
    assert len(planned.changes) == 3
    assert {change["new"] for one in planned.changes for change in one["changes"]} == {"停用"}
    (told,) = plan["components"]
    assert (told["component"], told["count"]) == (mark, 3)


async def test_a_changed_look_up_table_is_named(tmp_path: Path):
    def tables(one: str) -> dict[str, Any]:
        kind = {**FIELDS[4], "value": "{product_type|lookup(kinds)}"}
        return {
            "lookups": {"kinds": {"entries": {"1": one, "2": "多规格", "3": "组合"}, "missing": "keep"}},
            "fields": {"replace": [*FIELDS[:4], kind, FIELDS[5]]},
        }

    async with vendors(products=20) as simulated:
        await predicted_is_what_happens(tmp_path, simulated, **tables("无规格"))
        planned, _ = await predicted_is_what_happens(tmp_path, simulated, **tables("单规格"))
    assert planned.plan["cycle"]["context"] == [
        {"part": "mapping.tables.kinds", "change": "changed", "label": ""}
    ]
    shown = [(change["old"], change["new"]) for one in planned.changes for change in one["changes"]]
    assert shown
    assert set(shown) == {("无规格", "单规格")}


async def test_rules_that_compare_with_what_the_ledger_holds(tmp_path: Path):
    remark = FIELDS[5]["field"]
    quality = {
        "replace": [
            {"field": FIELDS[0]["field"], "rule": "unique"},
            {"field": remark, "rule": "length", "max": 5, "on_fail": "fix"},
        ]
    }
    async with vendors(products=30) as simulated:
        one, two, three, *_ = simulated.catalogue.ids()
        simulated.catalogue.edit(one, name="同名")
        simulated.catalogue.edit(two, name="同名")
        planned, _ = await predicted_is_what_happens(tmp_path, simulated, quality=quality)
        assert planned.plan["rejected"]["reasons"] == {"unique": 1}
        simulated.catalogue.edit(three, name="同名", product_remark="一二三四五六七")
        planned, _ = await predicted_is_what_happens(tmp_path, simulated, quality=quality)
        assert str(three) in [record["source_id"] for record in planned.plan["rejected"]["records"]]
        (told,) = await previewed(tmp_path, simulated, str(three), quality=quality)
        assert told["record"]["reason"] == "unique"
        assert [one["result"] for one in told["steps"][5]["rules"]] == ["fixed"]


async def test_a_changed_function_is_named(tmp_path: Path):
    (tmp_path / "hooks").mkdir()
    file = tmp_path / "hooks" / "mine.py"
    text = "def transform(product):\n    product['name'] += '{}'\n    return product\n"
    changes: dict[str, Any] = {"pipeline": {"transform": "mine:transform"}}
    async with vendors(products=15) as simulated:
        file.write_text(text.format("一"), encoding="utf-8")
        await predicted_is_what_happens(tmp_path, simulated, **changes)
        file.write_text(text.format("二"), encoding="utf-8")
        planned, _ = await predicted_is_what_happens(tmp_path, simulated, **changes)
    assert planned.plan["cycle"]["context"] == [
        {"part": "further.transform", "change": "changed", "label": ""}
    ]
    assert planned.plan["calls"]["updates"] == 15
    (change,) = planned.changes[0]["changes"]
    assert (change["old"][-1], change["new"][-1]) == ("一", "二")


async def test_a_month_that_does_not_pay_for_all(tmp_path: Path):
    quota = {"monthly_calls": 50, "reserve_calls": 10}
    async with vendors(products=80, monthly_calls=50) as simulated:
        planned, _ = await predicted_is_what_happens(tmp_path, simulated, dingtalk=quota)
    calls = planned.plan["calls"]
    assert calls["sends_now"] == 40
    assert calls["put_off"] == 40
    assert planned.plan["exit"] == 4


async def test_one_product_and_a_window_of_ones_own(tmp_path: Path):
    async with vendors(products=60) as simulated:
        async with application(tmp_path, simulated) as here:
            await here.sync()
        product = simulated.catalogue.ids()[5]
        simulated.catalogue.edit(product, name="改名")
        planned, _ = await predicted_is_what_happens(tmp_path, simulated, sync={"only": str(product)})
        assert planned.plan["cycle"]["kind"] == "partial"
        assert [one["source_id"] for one in planned.changes] == [str(product)]
        await predicted_is_what_happens(tmp_path, simulated, sync={"full": True})


async def test_beside_a_running_daemon_nothing_of_it_is_disturbed(tmp_path: Path):
    async with vendors(products=50) as simulated, application(tmp_path, simulated) as here:
        await here.sync()
        for product in simulated.catalogue.ids()[:3]:
            simulated.catalogue.edit(product, name="改名")
        simulated.counters.reset()
        ledger = here.app.runtime.ledger
        before = await ledger.read(
            lambda connection: hashlib.sha256("\n".join(connection.iterdump()).encode())
        )
        told = [one async for one in OPERATIONS["plan"](here.app.runtime, {"sample": "all"})]
        after = await ledger.read(
            lambda connection: hashlib.sha256("\n".join(connection.iterdump()).encode())
        )
        assert before.digest() == after.digest()
        assert isinstance(told[-1], Result)
        (plan,) = told[-1].value["pipelines"]
        assert plan["calls"]["updates"] == 3
        assert here.calls("update", "start") == 0
        result = await here.sync()
        assert result["cycle"]["decisions"]["update"] == 3
        assert here.calls("update") == 3


async def test_okki_is_down(tmp_path: Path):
    async with vendors(products=5) as simulated:
        changes = {"okki": {"base_url": "http://127.0.0.1:9", "tries": 1}}
        with pytest.raises(TryLaterError):
            await plan_alone(tmp_path, simulated, changes)


async def test_wrong_credentials(tmp_path: Path):
    async with vendors(products=5) as simulated:
        with pytest.raises(CannotWorkError):
            await plan_alone(tmp_path, simulated, {"okki": {"client_secret": "wrong"}})


async def test_a_key_that_okki_does_not_know(tmp_path: Path):
    async with vendors(products=5) as simulated:
        with pytest.raises(UnknownProductError, match="NOPE"):
            await plan_alone(tmp_path, simulated, {}, only="NOPE")


async def test_a_preview_tells_each_step_and_what_would_be_sent(tmp_path: Path):
    async with vendors(products=30) as simulated:
        async with application(tmp_path, simulated) as here:
            await here.sync()
        product = simulated.catalogue.ids()[3]
        simulated.catalogue.edit(product, name="改名")
        number = simulated.catalogue.product(product)["product_no"]
        for name in (number, str(product)):
            (told,) = await previewed(tmp_path, simulated, name)
            (change,) = told["changes"]
            assert (change["label"], change["new"]) == ("产品名称", "改名")
            assert told["decision"] == "update"
            assert told["record"]["delivered"]["textField_lq0sj9h9"] == change["old"]
            steps = {one["label"]: one for one in told["steps"]}
            assert steps["产品名称"]["inputs"] == {"{name}": "改名"}
            assert told["beside"]["一级分组"] == steps["一级分类"]["output"]
            assert told["detail"]["product_type"] is not None
        async with application(tmp_path, simulated) as here:
            await here.sync()
            record = await here.record(product)
            assert record["state"] == "delivered"
        (told,) = await previewed(tmp_path, simulated, number)
        assert (told["decision"], told["changes"]) == ("unchanged", [])


async def test_a_preview_of_a_deleted_and_of_an_unknown_product(tmp_path: Path):
    async with vendors(products=10) as simulated:
        product = simulated.catalogue.ids()[3]
        simulated.catalogue.delete(product)
        (told,) = await previewed(tmp_path, simulated, str(product))
        assert told["is_deleted"]
        with pytest.raises(UnknownProductError):
            await previewed(tmp_path, simulated, "NOPE")


async def previewed(folder: Path, simulated: Simulator, key: str, **changes: Any) -> list[dict[str, Any]]:
    simulated.counters.reset()
    before = bytes_of(folder)
    settings = settings_of(folder, simulated, **changes)
    async with operator(settings, needs_delivery=False, on_snapshot=True) as asked:
        async for told in asked.stream("preview", {"key": key}):
            if isinstance(told, Result):
                products: list[dict[str, Any]] = told.value["products"]
    after = bytes_of(folder)
    for files in (before, after):
        files.pop("xmsyncd.db.lock", None)
    assert after == before
    assert calls_of(simulated, Vendor.YIDA) == {}
    return products


async def test_a_changed_look_up_file_and_a_changed_function(tmp_path: Path):
    """Both are told as what changed; each costs just the products whose outcome is other."""
    table, hooks = tmp_path / "types.csv", tmp_path / "hooks"
    hooks.mkdir()
    function = "def clean(product):\n    product['name'] = product['name'].strip()\n    return product\n"
    table.write_text("代码,名称\n1,无规格\n2,多规格\n3,组合\n", encoding="utf-8")
    (hooks / "mine.py").write_text(function, encoding="utf-8")
    fields = [{**one, "value": "{{类型}}"} if one["label"] == "产品规格" else one for one in FIELDS]
    changes: dict[str, Any] = {
        "lookups": {"types": {"file": "types.csv"}},
        "derive": {"类型": {"lookup": "types", "of": "{product_type}"}},
        "pipeline": {"transform": "mine:clean"},
        "fields": {"replace": fields},
    }
    async with vendors(products=60) as simulated:
        async with application(tmp_path, simulated, **changes) as here:
            await here.sync()
        table.write_text("代码,名称\n1,无规格\n2,多规格\n3,组合产品\n", encoding="utf-8")
        planned, _ = await predicted_is_what_happens(tmp_path, simulated, **changes)
        products = [simulated.catalogue.product(one) for one in simulated.catalogue.ids()]
        concerned = sum(one["product_type"] == 3 for one in products)
        assert 0 < concerned < 60
        assert planned.plan["cycle"]["reason"] == "context_changed"
        assert planned.plan["cycle"]["decisions"].get("update") == concerned, planned.plan["cycle"]
        assert planned.plan["calls"]["updates"] == concerned
        assert [one["part"] for one in planned.plan["cycle"]["context"]] == ["mapping.tables.types"]
        assert {one["changes"][0]["new"] for one in planned.changes} == {"组合产品"}

        (hooks / "mine.py").write_text(function + "# tidied\n", encoding="utf-8")
        planned, _ = await predicted_is_what_happens(tmp_path, simulated, **changes)
        assert planned.plan["calls"]["updates"] == 0
        assert [one["part"] for one in planned.plan["cycle"]["context"]] == ["further.transform"]
