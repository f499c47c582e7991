"""A probe finds out what this tenant does, and with what it writes into the configuration a sync works."""

from __future__ import annotations

import json
import os
import pty
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_commands import ENVIRONMENT, Commands
from tests.scenario import KEY, configuration, wait_until
from tests.simulator_process import SimulatorProcess
from tests.world import application
from xmsyncd.clock import SystemClock
from xmsyncd.operations.check import check
from xmsyncd.operations.known import load_known
from xmsyncd.operations.probe.answers import AnswerState
from xmsyncd.operations.probe.form import FormProbe
from xmsyncd.operations.probe.probing import Probing, edits_of, open_probing
from xmsyncd.operations.vendors import open_vendors
from xmsyncd.settings import Settings, load_settings
from xmsyncd.settings.editing import write_settings
from xmsyncd.simulator.counters import Operation, Vendor
from xmsyncd.simulator.faults import FaultName
from xmsyncd.simulator.options import (
    BlankText,
    Component,
    EqMeaning,
    InstanceTimes,
    ListOrder,
    OkkiTotal,
    Searchable,
    SimulatorOptions,
    TokenBody,
)
from xmsyncd.simulator.server import Simulator

WAIT = timedelta(seconds=2)


@dataclass
class Day:
    """A first day: a tenant, a configuration, and what the probe has found so far."""

    folder: Path
    simulated: Simulator
    changes: dict[str, Any]
    answers: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.folder / "xmsyncd.yaml"

    @property
    def settings(self) -> Settings:
        return load_settings(self.path, {}, [])

    def instances(self) -> list[dict[str, Any]]:
        """What the form holds now."""
        store = self.simulated.yida.app.form.store
        return [each.latest.data() for each in store if not each.deleted]

    @asynccontextmanager
    async def probing(self) -> AsyncIterator[Probing]:
        async with open_probing(self.settings, clock=SystemClock(), rng=random.Random(7)) as probing:
            yield probing

    async def probe(self, *, delete: bool = True) -> FormProbe:
        """As ``probe --write --apply`` does; what is not deleted stays."""
        async with self.probing() as probing:
            answers = await probing.ask_okki("products")
            form = probing.form("products", WAIT)
            assert await form.look_round(), form.answers
            started = await form.run()
            answers += form.answers
            if delete and started:
                assert form.instance_id is not None
                assert await form.delete([form.instance_id]) == {form.instance_id: ""}
        self.answers = {answer.question: answer for answer in answers}
        assert len(self.answers) == len(answers), "each question is answered once"
        if edits := edits_of(answers, datetime.now(UTC)):
            write_settings(self.path, edits, {}, now=datetime.now(UTC), secrets_dirs=[])
        return form

    async def check(self) -> dict[str, Any]:
        known = load_known(self.settings.ledger.path)
        async with open_vendors(self.settings, clock=SystemClock(), rng=random.Random(1)) as vendors:
            return await check(self.settings, vendors, known, datetime.now(UTC))


@asynccontextmanager
async def day(folder: Path, options: SimulatorOptions, **changes: Any) -> AsyncIterator[Day]:
    async with Simulator(options) as simulated:
        opened = Day(folder, simulated, changes)
        values = configuration(simulated.okki_url, simulated.yida_url, **changes)
        opened.path.write_text(json.dumps(values, ensure_ascii=False, indent=1), encoding="utf-8")
        yield opened


TENANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "as documented": ({}, {}),
    "only days count": ({"okki_date_only": True}, {"source.time_format": "date"}),
    "no time filter": ({"okki_honours_time": False}, {}),
    "pages of 30": ({"okki_page_clamp": 30}, {"source.page_size": 30}),
    "token by form": ({"okki_token_body": TokenBody.FORM_ONLY}, {"okki.token_body": "form"}),
    "token by JSON": ({"okki_token_body": TokenBody.JSON_ONLY}, {}),
    "bare token": ({"okki_bare_token": True}, {"okki.auth_prefix": ""}),
    "no total, no order": ({"okki_total": OkkiTotal.MISSING, "okki_order": ListOrder.UNORDERED}, {}),
    "pages that repeat": ({"okki_last_page_repeats": True, "okki_total": OkkiTotal.TOTAL_ITEM}, {}),
    "start by v2.0": ({"start_v1_refused": True}, {"target.api_version": "v2.0"}),
    "update as a form": ({"process_update_refused": True}, {"target.update_path": "v2.0/forms"}),
    "update that does nothing": ({"process_update_lost": True}, {"target.update_path": "v2.0/forms"}),
    "eq ignores case": ({"eq_meaning": EqMeaning.IGNORE_CASE}, {}),
    "eq trims": ({"eq_meaning": EqMeaning.TRIMMED}, {}),
    "eq is fuzzy": ({"eq_meaning": EqMeaning.SUBSTRING}, {}),
    "never searchable": ({"searchable": Searchable.NEVER_FOUND}, {"target.read_back": "never"}),
    "search refused": ({"searchable": Searchable.REFUSED}, {"target.read_back": "never"}),
    "slow index": (
        {"index_lag": timedelta(milliseconds=700)},
        {},
    ),
    "blank is absent": ({"blank_text": BlankText.ABSENT}, {}),
    "blank is null": ({"blank_text": BlankText.NULL}, {}),
    "times of instances in Beijing": ({"instance_times": InstanceTimes.LOCAL}, {}),
    "times of instances in UTC": (
        {"instance_times": InstanceTimes.UNMARKED_UTC},
        {"target.instance_timezone": "UTC"},
    ),
    "no preview": ({"preview_refused": True, "product_type_in_list": True}, {}),
}

FOUND = {
    "only days count": ("filter by update time", "only days"),
    "no time filter": ("filter by update time", "ignores"),
    "as documented": ("filter by update time", "to the second"),
    "pages that repeat": ("a page beyond the end", "the first page"),
    "eq ignores case": ("meaning of eq", "in other case"),
    "eq trims": ("meaning of eq", "with a blank behind"),
    "eq is fuzzy": ("meaning of eq", "by a part"),
    "blank is absent": ("blank text", "not at all"),
    "blank is null": ("blank text", "as null"),
    "slow index": ("delay of the search", "0.8 s"),
    "no total, no order": ("key of the total", "no total"),
    "no preview": ("approvers", "does not preview"),
    "update that does nothing": ("update of an instance", "shows no change"),
}


@pytest.mark.parametrize("tenant", TENANTS)
async def test_what_is_written_makes_a_sync_go_through(tmp_path: Path, tenant: str):
    options, expected = TENANTS[tenant]
    async with day(tmp_path, SimulatorOptions(products=90, **options)) as first:
        before = json.loads(first.path.read_text(encoding="utf-8"))
        await first.probe()
        after = json.loads(first.path.read_text(encoding="utf-8"))
        assert changes_between(before, after) == expected
        if tenant in FOUND:
            question, words = FOUND[tenant]
            assert words in first.answers[question].found
        assert not any(one.state is AnswerState.FAILED for one in first.answers.values())
        assert first.instances() == [], "the instance is gone, and nothing else was made"

        counters = first.simulated.counters
        assert counters.count(Vendor.YIDA, Operation.DELETE) == 1
        assert counters.committed[Vendor.YIDA, Operation.START] == 1
        assert (await first.check())["failed"] == 0
        again = load_settings(first.path, {}, [])
        assert again.pipelines["products"].target.key == KEY
        changed = sections_of(after)
        async with application(tmp_path, first.simulated, **changed) as world:
            done = await world.sync()
            assert done["backlog"] == {"delivered": done["cycle"]["read"]}, done
            assert done["stop"] is None
            assert world.verdict()["missing"] == world.verdict()["doubled"] == []


def changes_between(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    was, now = sections_of(before), sections_of(after)
    return {
        f"{section}.{name}": value
        for section, values in now.items()
        for name, value in values.items()
        if was.get(section, {}).get(name) != value
    }


def sections_of(values: dict[str, Any]) -> dict[str, Any]:
    pipeline = values["pipelines"]["products"]
    return {
        "okki": values["okki"]["main"],
        "dingtalk": values["dingtalk"]["main"],
        "delivery": values["delivery"],
        "source": pipeline["source"],
        "target": pipeline["target"],
    }


async def test_every_mapped_kind_gets_a_value_that_the_form_takes(tmp_path: Path):
    components = (
        Component(KEY, "TextField", "产品编码"),
        Component("textField_a", "TextField", "名称"),
        Component("numberField_b", "NumberField", "数量"),
        Component("dateField_c", "DateField", "日期"),
        Component("radioField_d", "RadioField", "选项", options=("甲", "乙")),
        Component("employeeField_e", "EmployeeField", "人员"),
    )
    async with day(tmp_path, SimulatorOptions(products=3, components=components)) as first:
        values = json.loads(first.path.read_text(encoding="utf-8"))
        pipeline = values["pipelines"]["products"]
        pipeline["quality"] = []
        pipeline["fields"] = [
            {
                "field": one.field_id,
                "type": "int" if "number" in one.field_id else "string",
                "value": "{name}",
            }
            for one in components
        ]
        first.path.write_text(json.dumps(values), encoding="utf-8")
        form = await first.probe(delete=False)
        (shown,) = first.instances()
        assert shown.keys() == {KEY, "textField_a", "numberField_b", "dateField_c"}
        assert shown[KEY] == form.mark
        assert shown["textField_a"] == ""


@pytest.mark.parametrize("fault", [FaultName.LOST_502, FaultName.LOST_RESET, FaultName.EMPTY_BODY])
@pytest.mark.parametrize("lag", [0.0, 0.4])
async def test_a_lost_answer_to_the_start_never_starts_a_second(tmp_path: Path, fault, lag):
    options = SimulatorOptions(products=3, index_lag=timedelta(seconds=lag))
    async with day(tmp_path, options) as first:
        first.simulated.faults.add(fault, operation=Operation.START, times=1)
        await first.probe()
        assert first.simulated.counters.count(Vendor.YIDA, Operation.START) == 1
        assert first.answers["start of an instance"].state is AnswerState.FITS
        assert first.instances() == []


async def test_a_start_of_unknown_outcome_is_not_repeated_though_it_was_never_executed(tmp_path: Path):
    async with day(tmp_path, SimulatorOptions(products=3)) as first:
        first.simulated.faults.add(FaultName.AMBIGUOUS_500, operation=Operation.START)
        form = await first.probe()
        assert first.simulated.counters.count(Vendor.YIDA, Operation.START) == 1
        assert first.answers["start of an instance"].state is AnswerState.FAILED
        assert form.may_exist
        assert first.instances() == []


async def test_a_lost_answer_that_no_search_shows_is_told_with_its_key(tmp_path: Path):
    options = SimulatorOptions(products=3, index_frozen=True)
    async with day(tmp_path, options) as first:
        first.simulated.faults.add(FaultName.LOST_502, operation=Operation.START, times=1)
        async with first.probing() as probing:
            form = probing.form("products", WAIT)
            assert await form.look_round()
            assert await form.run() is False
        (answer,) = [one for one in form.answers if one.question == "start of an instance"]
        assert answer.state is AnswerState.FAILED
        assert form.mark in answer.found
        assert form.may_exist
        assert len(first.instances()) == first.simulated.counters.count(Vendor.YIDA, Operation.START) == 1

        first.simulated.yida.app.index.thaw()
        async with first.probing() as probing:
            later = probing.form("products", WAIT)
            assert await later.look_round()
            assert [one.key for one in later.leftovers] == [form.mark]
            assert await later.delete([one.instance_id for one in later.leftovers])
        assert first.instances() == []


@pytest.mark.parametrize("fault", [FaultName.LOST_502, FaultName.LOST_RESET])
@pytest.mark.parametrize("operation", [Operation.UPDATE, Operation.DELETE, Operation.GET, Operation.SEARCH])
async def test_other_lost_answers_change_nothing(tmp_path: Path, fault, operation):
    async with day(tmp_path, SimulatorOptions(products=3)) as first:
        first.simulated.faults.add(fault, operation=operation, times=1)
        await first.probe(delete=operation is not Operation.GET)
        assert first.simulated.counters.count(Vendor.YIDA, Operation.START) == 1
        assert len(first.instances()) == (operation is Operation.GET)


async def test_throttles_are_waited_for(tmp_path: Path):
    async with day(tmp_path, SimulatorOptions(products=3)) as first:
        for operation in (Operation.START, Operation.UPDATE, Operation.DELETE):
            first.simulated.faults.add(FaultName.THROTTLE_APP, operation=operation, times=1)
        await first.probe()
        assert first.instances() == []


async def test_nothing_but_marks_is_touched_and_a_kept_one_does_not_block_the_first_sync(tmp_path: Path):
    async with day(tmp_path, SimulatorOptions(products=8)) as first:
        form = await first.probe(delete=False)
        (kept,) = first.instances()
        async with application(tmp_path, first.simulated) as world:
            done = await world.sync(limit=5)
            assert done["stop"] is None
            assert done["backlog"] == {"delivered": 5}
        before = first.instances()
        async with first.probing() as probing:
            later = probing.form("products", WAIT)
            assert await later.look_round()
            assert [one.key for one in later.leftovers] == [form.mark]
            await later.delete([one.instance_id for one in later.leftovers])
        assert [one for one in before if one != kept] == first.instances()


async def test_a_delete_that_is_refused_is_told(tmp_path: Path):
    async with day(tmp_path, SimulatorOptions(products=3, delete_refused=True)) as first:
        form = await first.probe(delete=False)
        assert form.instance_id is not None
        async with first.probing() as probing:
            later = probing.form("products", WAIT)
            assert await later.look_round()
            (wrong,) = (await later.delete([one.instance_id for one in later.leftovers])).values()
        assert "AccessTokenPermissionDenied" in wrong


async def test_a_form_that_does_not_fit_is_not_written_to(tmp_path: Path):
    async with day(tmp_path, SimulatorOptions(products=3), target={"key": "textField_x"}) as first:
        values = json.loads(first.path.read_text(encoding="utf-8"))
        values["pipelines"]["products"]["fields"][1]["field"] = "textField_x"
        values["pipelines"]["products"]["quality"] = []
        first.path.write_text(json.dumps(values), encoding="utf-8")
        async with first.probing() as probing:
            form = probing.form("products", WAIT)
            assert await form.look_round() is False
        assert first.simulated.counters.count(Vendor.YIDA, Operation.START) == 0


@pytest.fixture
def quick(tmp_path: Path) -> Any:
    with SimulatorProcess(products=20, okki_page_clamp=10) as simulated:
        commands = Commands(tmp_path, simulated)
        commands.configure()
        yield commands


def test_as_a_script_runs_it(quick: Commands):
    refused = quick.run("probe", "--write")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert quick.simulated.count("start") == 0

    result = quick.json("probe", "--write", "--yes", "--wait", "2s", "--apply")
    (one,) = result["pipelines"]
    assert one["deleted"] == [one["mark"]]
    assert result["applied"]["settings"] == {"pipelines.products.source.page_size": 10}
    assert result["metered_calls"] > 10
    assert result["okki_requests"] <= 20
    assert not quick.ledger.exists(), "a probe needs no ledger"
    assert result["not_counted_because"]

    assert quick.run("sync").returncode == 0
    used = quick.json("status")["quota"][0]["used"]
    again = quick.json("probe", "--write", "--yes", "--wait", "2s")
    assert again["not_counted_because"] == ""
    assert quick.json("status")["quota"][0]["used"] == used + again["metered_calls"]
    assert again["applied"] is None


def test_interrupted_it_says_which_key_to_look_for(quick: Commands):
    quick.simulated.control("POST", "/index", {"frozen": True})
    with quick.start("probe", "--write", "--yes", "--wait", "60s") as process:
        wait_until(lambda: quick.simulated.count("search") > 2, 20, "it looks for its instance")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "XMSYNCD-PROBE-" in err.split("stopping")[1]


def test_a_person_is_asked_before_it_starts_and_before_it_deletes(quick: Commands):
    shown = at_a_terminal(quick, "probe", "--write", "--wait", "2s", answers=["n"])
    assert "metered calls" in shown
    assert quick.simulated.count("start") == 0
    shown = at_a_terminal(quick, "probe", "--write", "--wait", "2s", answers=["y", "n"])
    assert "In the form" in shown
    assert (quick.simulated.count("start"), quick.simulated.count("delete")) == (1, 0)
    at_a_terminal(quick, "probe", "--write", "--wait", "2s", answers=["n", "y"])
    assert (quick.simulated.count("start"), quick.simulated.count("delete")) == (1, 1)


def at_a_terminal(commands: Commands, *arguments: str, answers: list[str]) -> str:
    """Run a command on a pseudo terminal, answering each question in turn; what it showed."""
    controller, terminal = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "xmsyncd", *arguments],
            cwd=commands.folder,
            env={**ENVIRONMENT, "TERM": "dumb", "COLUMNS": "200"},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)
        shown = ""
        waiting = list(answers)
        while True:
            try:
                piece = os.read(controller, 4096)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            shown += piece.decode(errors="replace")
            if waiting and shown.count("[y/N]") > len(answers) - len(waiting):
                os.write(controller, f"{waiting.pop(0)}\n".encode())
        process.wait(20)
        assert not waiting, shown
        return shown
    finally:
        os.close(controller)


def test_the_first_five_are_shown_with_their_links_and_what_comes_next(quick: Commands):
    shown = quick.run("sync", "--limit", "5")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert (
        shown.stdout.count("https://www.aliwork.com/APP_DEMO0000000000000000/processDetail?procInsId=") == 5
    )
    assert "sync --only KEY" in shown.stdout
    assert quick.simulated.count("start") == 5
    (again,) = quick.json("sync", "--limit", "5")["pipelines"]
    assert [one["state"] for one in again["chosen"]] == ["delivered"] * 5
    assert quick.simulated.count("start") == 5
    everything = quick.run("sync")
    assert "processDetail" not in everything.stdout
    assert "A first try" not in everything.stdout


@pytest.mark.parametrize("by", ["product_no", "product_id"])
async def test_one_product_is_asked_for_and_not_looked_for(tmp_path: Path, by: str):
    async with day(tmp_path, SimulatorOptions(products=3000)) as first:
        catalogue = first.simulated.catalogue
        wanted = catalogue.product(catalogue.ids()[1500])
        async with application(tmp_path, first.simulated) as world:
            done = await world.sync(only=str(wanted[by]))
            assert [one["source_id"] for one in done["chosen"]] == [str(wanted["product_id"])]
            assert done["backlog"] == {"delivered": 1}
            assert done["cycle"]["reason"] == "only"
            assert first.simulated.counters.count(Vendor.OKKI, Operation.LIST) <= 2
            (instance,) = first.instances()
            assert instance[KEY] == wanted["product_no"]


@pytest.mark.parametrize(
    "options", [{"okki_date_only": True}, {"okki_honours_time": False}], ids=["days", "no filter"]
)
async def test_one_product_is_found_on_a_tenant_that_filters_otherwise(tmp_path: Path, options):
    async with day(tmp_path, SimulatorOptions(products=400, **options)) as first:
        catalogue = first.simulated.catalogue
        wanted = catalogue.product(catalogue.ids()[7])
        async with application(tmp_path, first.simulated) as world:
            done = await world.sync(only=str(wanted["product_no"]))
            assert done["backlog"] == {"delivered": 1}


async def test_a_key_that_okki_does_not_know_is_looked_for_in_the_whole_list(tmp_path: Path):
    async with (
        day(tmp_path, SimulatorOptions(products=120)) as first,
        application(tmp_path, first.simulated) as world,
    ):
        done = await world.sync(only="NO-SUCH-KEY")
        assert "no product with the key or id 'NO-SUCH-KEY'" in done["cycle"]["error"]
        assert done["cycle"]["reason"] == "only_by_the_whole_list"
        assert done["chosen"] == []
