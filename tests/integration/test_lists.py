"""OKKI's other lists travel as products do: read, proven, mapped, delivered, edited, deleted, killed."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_plan import predicted_is_what_happens
from tests.scenario import (
    KEY,
    REMARK,
    DaemonProcess,
    reading,
    states,
    violations,
    wait_until,
    write_configuration,
)
from tests.simulator_process import SimulatorProcess
from tests.world import World, settings_of, world
from xmsyncd.clock import SystemClock
from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.errors import LedgerUnusableError
from xmsyncd.operations.check import check
from xmsyncd.operations.explain import explain
from xmsyncd.operations.probe.answers import AnswerState
from xmsyncd.operations.probe.probing import edits_of, open_probing
from xmsyncd.operations.reconcile import reconcile
from xmsyncd.operations.sync import sync
from xmsyncd.operations.vendors import open_vendors
from xmsyncd.settings import RESOURCES
from xmsyncd.simulator.counters import Operation, Vendor
from xmsyncd.simulator.lists import LISTS
from xmsyncd.simulator.options import (
    EXAMPLE_COMPONENTS,
    Component,
    Envelope,
    FormKind,
    IdType,
    ListName,
    ListOrder,
    SimulatorOptions,
)
from xmsyncd.simulator.oracle import Oracle
from xmsyncd.simulator.server import Simulator
from xmsyncd.steps import Step

SUPPLIER = ListName.SUPPLIER
MARK = "selectField_gone"
WITH_MARK = (*EXAMPLE_COMPONENTS, Component(MARK, "SelectField", "状态", options=("在用", "已删除")))
MARKED = {"on_delete": "mark", "deleted_mark": {"field": MARK, "value": "已删除", "otherwise": "在用"}}
SECOND_FORM = "FORM-DEMO0000000000000000000000000002"


def held(here: World, number: str) -> list[dict[str, Any]]:
    """What Yida holds under a number."""
    instances = [one.latest.data() for one in here.simulated.form.store if not one.deleted]
    return [one for one in instances if one.get(KEY) == number]


def supplier_number(here: World, supplier: int) -> str:
    return str(here.simulated.catalogue.product(supplier)["supplier_no"])


@pytest.mark.parametrize("name", [name for name in ListName if name is not ListName.PRODUCT])
async def test_every_list_arrives_once_and_its_edits_update_it(tmp_path: Path, name: ListName) -> None:
    """By the names that the table has for each; the simulation refuses any parameter it does not know."""
    options = SimulatorOptions(resource=name, products=60, id_type=IdType.MIXED)
    async with world(tmp_path, options, **reading(name)) as here:
        first = await here.sync()
        assert (first["cycle"]["result"], first["cycle"]["balance"]) == ("done", 0)
        assert here.verdict()["agrees"], here.verdict()
        assert here.simulated.counters.to_json()["committed"] == {"yida.start": 60}
        here.simulated.counters.reset()
        edited = here.simulated.catalogue.edit_random(6)
        second = await here.sync()
        assert second["cycle"]["kind"] == "incremental"
        assert second["cycle"]["decisions"]["update"] == 6
        assert here.verdict()["agrees"], here.verdict()
        assert here.simulated.counters.to_json()["committed"] == {"yida.update": 6}
        assert here.calls("detail", "groups", "remove") == 0
        assert (await here.record(edited[0]))["state"] == "delivered"
        shown = await explain(here.app.runtime, [here.pipeline], str(edited[0]))
        assert shown["records"][0]["record"]["source_id"] == str(edited[0])
        assert here.simulated.okki.removed == []


async def test_dirty_suppliers_are_listed_and_the_others_arrive(tmp_path: Path) -> None:
    """Without a number or a name they are rejected; with another one's number they wait."""
    options = SimulatorOptions(
        resource=SUPPLIER, products=80, dirty_products=12, envelope=Envelope.TWO_HUNDRED
    )
    async with world(tmp_path, options, **reading(SUPPLIER)) as here:
        await here.sync()
        assert here.verdict()["agrees"], here.verdict()
        assert await here.states() == {"delivered": 71, "rejected": 6, "waiting": 3}
        found = await here.query("SELECT DISTINCT rejection FROM records WHERE state = 'rejected'")
        assert {row["rejection"] for row in found} == {"empty_key", "required"}


@pytest.mark.parametrize("order", ListOrder)
async def test_no_supplier_is_lost_while_pages_drift(tmp_path: Path, order: ListOrder) -> None:
    options = SimulatorOptions(resource=SUPPLIER, products=300, okki_order=order)
    changes = reading(SUPPLIER)
    changes["source"]["page_size"] = 10
    async with world(tmp_path, options, **changes) as here:
        drift = here.simulated.faults.add("page_drift", operation="list", every=4)
        for _ in range(2):
            result = await here.sync()
            assert result["cycle"]["balance"] == 0
        assert drift.struck > 5
        here.simulated.faults.remove(drift)
        for _ in range(3):
            result = await here.sync()
        assert (result["cycle"]["result"], result["cycle"]["balance"]) == ("done", 0)
        assert here.verdict()["agrees"], here.verdict()
        assert await here.states() == {"delivered": 300}


async def test_a_deleted_supplier_is_marked_after_two_full_reads_and_comes_back(tmp_path: Path) -> None:
    """The list has no flag: OKKI keeps what is deleted in a list apart, and a deletion shows by absence."""
    options = SimulatorOptions(resource=SUPPLIER, products=20, components=WITH_MARK)
    async with world(tmp_path, options, target=MARKED, **reading(SUPPLIER)) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        gone = catalogue.ids()[3]
        number = supplier_number(here, gone)
        assert held(here, number)[0][MARK] == "在用"
        here.simulated.counters.reset()
        catalogue.delete(gone)
        await here.sync(full=True)
        assert here.calls("update") == 0
        await here.sync(full=True)
        assert [one[MARK] for one in held(here, number)] == ["已删除"]
        assert (here.calls("update"), here.calls("start")) == (1, 0)
        catalogue.restore(gone)
        result = await here.sync()
        assert result["cycle"]["balance"] == 0
        assert [one[MARK] for one in held(here, number)] == ["在用"]
        assert (here.calls("update"), here.calls("start")) == (2, 0)


async def test_a_quotation_listed_as_deleted_is_marked_at_once(tmp_path: Path) -> None:
    """The one list beside products whose entries carry a flag."""
    name = ListName.QUOTATION
    options = SimulatorOptions(resource=name, products=20, components=WITH_MARK)
    async with world(tmp_path, options, target=MARKED, **reading(name)) as here:
        await here.sync()
        gone = here.simulated.catalogue.ids()[3]
        here.simulated.catalogue.delete(gone)
        await here.sync()
        number = str(here.simulated.catalogue.product(gone)["quotation_no"])
        assert [one[MARK] for one in held(here, number)] == ["已删除"]


async def test_one_supplier_is_tried_by_its_number_or_its_id(tmp_path: Path) -> None:
    """Its detail cannot be asked for by number, so the list is read until it shows; by id it can."""
    options = SimulatorOptions(resource=SUPPLIER, products=150)
    async with world(tmp_path, options, **reading(SUPPLIER)) as here:
        one, other = here.simulated.catalogue.ids()[10], here.simulated.catalogue.ids()[90]
        done = await here.sync(only=supplier_number(here, one))
        assert [each["source_id"] for each in done["chosen"]] == [str(one)]
        assert here.calls("detail") == 0
        here.simulated.counters.reset()
        done = await here.sync(only=str(other))
        assert [each["source_id"] for each in done["chosen"]] == [str(other)]
        assert here.calls("detail") == 1
        assert here.calls("list") <= 2
        assert await here.states() == {"delivered": 2}
        missing = await here.sync(only="SU99999")
        assert "OKKI shows no supplier with the key or id 'SU99999'" in str(missing["cycle"])


async def test_what_the_list_of_suppliers_lacks_comes_from_the_detail(tmp_path: Path) -> None:
    changes = reading(SUPPLIER)
    changes["source"] |= {"detail_fields": ["partner_account"], "fetch_detail": "always"}
    async with world(tmp_path, SimulatorOptions(resource=SUPPLIER, products=10), **changes) as here:
        await here.sync()
        assert here.calls("detail") == 10
        assert here.verdict()["agrees"]


async def test_a_custom_field_of_suppliers_arrives_by_its_name(tmp_path: Path) -> None:
    """By the dictionary of this list: that of products is another one, also in what the ledger remembers."""
    changes = reading(SUPPLIER)
    changes["fields"]["replace"][-1]["value"] = "{结算}"
    derive = {"结算": {"custom": "结算方式"}}
    async with world(
        tmp_path, SimulatorOptions(resource=SUPPLIER, products=15), derive=derive, **changes
    ) as here:
        await here.sync()
        assert await here.states() == {"delivered": 15}
        catalogue = here.simulated.catalogue
        wanted = {
            one["supplier_no"]: one["external_field_data"][0]["value"]
            for one in map(catalogue.product, catalogue.ids())
        }
        store = here.simulated.form.store
        assert {one.latest.data()[KEY]: one.latest.data()[REMARK] for one in store} == wanted
        assert len(set(wanted.values())) == 2
        assert here.calls("fields") == 1
        kept = await here.query("SELECT name FROM lookups")
        assert [row["name"] for row in kept] == ["supplier_fields"]


async def test_reconcile_finds_what_somebody_did_to_suppliers_by_hand(tmp_path: Path) -> None:
    options = SimulatorOptions(resource=SUPPLIER, products=40)
    async with world(tmp_path, options, **reading(SUPPLIER)) as here:
        await here.sync()
        store, ids = here.simulated.form.store, here.simulated.catalogue.ids()
        record = await here.record(ids[5])
        instance = store.get(record["instance_id"])
        assert instance is not None
        store.update(instance, {REMARK: "有人改过"})
        steps = reconcile(here.app.runtime, here.pipeline, apply=True, yes=True)
        report = [step async for step in steps][-1]
        assert report["repaired"] == {"updates": 1}
        await here.sync()
        assert here.verdict()["agrees"], here.verdict()


@pytest.mark.parametrize("name", [ListName.SUPPLIER, ListName.COMPANY, ListName.RECEIPT])
async def test_check_and_probe_ask_what_fits_the_list(tmp_path: Path, name: ListName) -> None:
    """No groups, no number of a detail that has none, and the words of the list."""
    async with Simulator(SimulatorOptions(resource=name, products=120)) as simulated:
        settings = settings_of(tmp_path, simulated, **reading(name))
        rng = random.Random(1)
        async with open_vendors(settings, clock=SystemClock(), rng=rng) as vendors:
            told = await check(settings, vendors, {}, datetime.now(UTC))
        assert (told["failed"], told["warnings"]) == (0, 0), told["findings"]
        found = {one["what"]: one["found"] for one in told["findings"]}
        assert found["pipelines.products.source list"] == f"OKKI lists 120 {RESOURCES[name.value].noun.many}"
        assert not any("groups" in what for what in found)
        async with open_probing(settings, clock=SystemClock(), rng=rng) as probing:
            answers = {one.question: one for one in await probing.ask_okki("products")}
        assert "product groups" not in answers
        assert edits_of(list(answers.values()), datetime.now(UTC)) == [], "the defaults of the list fit it"
        by_time = answers["filter by update time"]
        assert by_time.state in (AnswerState.FITS, AnswerState.TOLD)
        assert simulated.counters.count(Vendor.OKKI, Operation.GROUPS) == 0


async def test_a_plan_for_suppliers_is_what_then_happens(tmp_path: Path) -> None:
    async with Simulator(SimulatorOptions(resource=SUPPLIER, products=70)) as simulated:
        for _ in range(2):
            await predicted_is_what_happens(tmp_path, simulated, **reading(SUPPLIER))
            simulated.catalogue.edit_random(9)


@pytest.mark.timeout(180)
def test_suppliers_survive_a_daemon_that_is_killed(tmp_path: Path) -> None:
    """SIGKILL while pages are staged, while claims are out and while results are settled."""
    rng = random.Random(3)
    options = {"resource": "supplier", "products": 400, "latency": 0.02, "index_lag": 0.5}
    with SimulatorProcess(**options) as simulated:
        config = write_configuration(
            tmp_path, simulated, dingtalk={"requests_per_second": 150}, **reading(SUPPLIER)
        )
        for step in rng.sample([*Step], k=4):
            with DaemonProcess(config, die_at=(step, rng.randint(1, 30))) as daemon:
                deadline = time.monotonic() + 12
                while daemon.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.02)
            simulated.control("POST", "/edit", {"random": 5})
        with DaemonProcess(config) as daemon:
            wait_until(lambda: bool(simulated.oracle()["agrees"]), 90, "Yida agrees with OKKI", every=0.5)
            wait_until(lambda: bool(simulated.oracle()["agrees"]), 10, "and still does")
            assert daemon.terminate() == 143
        assert violations(config) == []
        assert states(tmp_path / "xmsyncd.db") == {"delivered": 400}
        assert simulated.oracle()["instances"] == 400


def second_pipeline(name: ListName, form: str = SECOND_FORM) -> dict[str, Any]:
    """A further pipeline of the same daemon, into another form."""
    changes = reading(name)
    return {
        "schedule": {"every": "1s"},
        "source": changes["source"],
        "target": {
            "app_type": "APP_DEMO0000000000000000",
            "system_token": "demo-system-token",
            "user_id": "demo-user",
            "form_uuid": form,
            "process_code": "TPROC--DEMO0000000000000000000000002",
            "key": KEY,
        },
        "guard": {"updates": 0, "share": "0"},
        "fields": changes["fields"]["replace"],
        "quality": changes["quality"]["replace"],
    }


async def synced(here: World, pipeline: str) -> dict[str, Any]:
    runtime = here.app.runtime
    steps = sync(runtime, runtime.pipeline(pipeline), CycleRequest(), timedelta(seconds=60))
    return [step async for step in steps][-1]


async def test_products_and_suppliers_go_into_two_forms_with_one_token(tmp_path: Path) -> None:
    """Ids and even numbers may be the same in both lists: keys are unique for each form."""
    more = {"suppliers": second_pipeline(SUPPLIER)}
    async with world(tmp_path, SimulatorOptions(products=50, records=40), pipelines=more) as here:
        form = here.simulated.yida.app.add_form(
            SECOND_FORM,
            kind=FormKind.PROCESS,
            components=EXAMPLE_COMPONENTS,
            process_code="TPROC--DEMO0000000000000000000000002",
        )
        suppliers = here.simulated.catalogues[SUPPLIER]
        product, supplier = here.simulated.catalogue.ids()[0], suppliers.ids()[0]
        assert product == supplier
        suppliers.rename_number(supplier, here.simulated.catalogue.product(product)["product_no"])
        for _ in range(2):
            for pipeline in ("products", "suppliers"):
                result = await synced(here, pipeline)
                assert result["cycle"]["result"] == "done"
                assert result["cycle"]["balance"] == 0
            here.simulated.catalogue.edit_random(5)
            suppliers.edit_random(5)
        for pipeline in ("products", "suppliers"):
            await synced(here, pipeline)
        judged = Oracle(suppliers, form).judge()
        assert judged.agrees, judged.to_json()
        assert judged.instances == 40
        assert here.verdict()["agrees"], here.verdict()
        assert here.verdict()["instances"] == 50
        assert here.simulated.counters.count(Vendor.OKKI, Operation.TOKEN) == 1


async def test_two_lists_into_one_form_wait_for_each_others_keys(tmp_path: Path) -> None:
    form = SimulatorOptions().form_uuid
    more = {"suppliers": second_pipeline(SUPPLIER, form)}
    more["suppliers"]["target"]["process_code"] = SimulatorOptions().process_code
    async with world(tmp_path, SimulatorOptions(products=5, records=5), pipelines=more) as here:
        suppliers = here.simulated.catalogues[SUPPLIER]
        number = here.simulated.catalogue.product(here.simulated.catalogue.ids()[0])["product_no"]
        suppliers.rename_number(suppliers.ids()[0], number)
        await synced(here, "products")
        await synced(here, "suppliers")
        assert len(held(here, number)) == 1
        waiting = await here.query("SELECT pipeline FROM records WHERE state = 'waiting'")
        assert [row["pipeline"] for row in waiting] == ["suppliers"]
        assert len(list(here.simulated.form.store)) == 9


async def test_a_scope_that_the_token_lacks_stops_the_read_with_its_name(tmp_path: Path) -> None:
    options = SimulatorOptions(resource=ListName.ORDER, products=5)
    async with world(tmp_path, options, okki={"scope": "product"}, **reading(ListName.ORDER)) as here:
        result = await here.read()
        assert result["result"] == "failed"
        (cycle,) = await here.query("SELECT detail, cannot_work FROM cycles ORDER BY id DESC LIMIT 1")
        assert cycle["cannot_work"] == "permission"
        assert "invoices" in cycle["detail"]


async def test_a_pipeline_keeps_its_list(tmp_path: Path) -> None:
    """What a ledger remembers of products would be taken for suppliers, and be marked as deleted."""
    async with world(tmp_path, SimulatorOptions(products=3)) as here:
        await here.sync()
    with pytest.raises(LedgerUnusableError, match=r"OKKI's list product, the configuration says supplier"):
        async with world(tmp_path, SimulatorOptions(products=3), **reading(SUPPLIER)):
            pass


async def test_the_names_of_fields_can_be_told_otherwise(tmp_path: Path) -> None:
    """A tenant whose suppliers are told apart by another field than the documented one."""
    changes = reading(SUPPLIER)
    changes["source"] |= {"id_field": "supplier_no", "number_field": "homepage"}
    async with world(tmp_path, SimulatorOptions(resource=SUPPLIER, products=5), **changes) as here:
        await here.sync()
        assert here.verdict()["agrees"]
        found = await here.query("SELECT source_id FROM records ORDER BY source_id")
        assert found[0]["source_id"] == "SU00001"


def test_the_simulation_and_the_table_are_about_the_same_lists() -> None:
    """Written twice, as the simulation knows nothing of the rest; neither may go its own way."""
    for name, kind in LISTS.items():
        row = RESOURCES[name.value]
        assert (row.path, row.detail_path, row.scope) == (kind.path, kind.detail_path, kind.scope)
        assert (row.id_field, row.number_field, row.name_field) == (
            kind.id_field,
            kind.number_field,
            kind.name_field,
        )
        assert row.time_types == kind.time_types
        assert row.total_keys[0] == kind.total_keys[0]
        assert bool(row.deleted_field) == kind.has_flag
        assert row.page(1, 1).keys() <= kind.parameters
