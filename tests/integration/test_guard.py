"""A burst of updates over sockets: the first go out, the rest waits for a person, whatever happens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.scenario import FIELDS, DaemonProcess, doubts, states, wait_until, write_configuration
from tests.simulator_process import SimulatorProcess
from tests.world import World, application
from xmsyncd.operations.sync import exit_status
from xmsyncd.operations.table import OPERATIONS, Result
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.server import Simulator

GUARD = {"updates": 1000, "share": "20%", "at_least": 20, "within": "1h"}


def another_mapping(suffix: str) -> dict[str, Any]:
    """Every product's name becomes another one."""
    name = {**FIELDS[0], "value": "{name}" + suffix}
    return {"replace": [name, *FIELDS[1:]]}


async def ask(here: World, name: str, **params: Any) -> Any:
    async for told in OPERATIONS[name](here.app.runtime, params):
        if isinstance(told, Result):
            return json.loads(json.dumps(told.value))
    raise AssertionError("no result")


@pytest.mark.timeout(180)
async def test_a_changed_mapping_of_a_thousand_products_is_let_out_in_parts(tmp_path: Path) -> None:
    options = SimulatorOptions(products=1000)
    fast: dict[str, Any] = {"requests_per_second": 2000}
    async with Simulator(options) as simulated:
        async with application(tmp_path, simulated, guard=GUARD, dingtalk=fast) as here:
            first = await here.sync()
            assert first["backlog"] == {"delivered": 1000}, "a first read is not an explosion"
        simulated.counters.reset()
        changed: dict[str, Any] = {"guard": GUARD, "dingtalk": fast, "fields": another_mapping("（新）")}
        async with application(tmp_path, simulated, **changed) as here:
            result = await here.sync()
            assert result["backlog"] == {"delivered": 200, "held": 800}
            assert result["cycle"]["balance"] == 0
            assert result["cycle"]["decisions"]["update"] == 200
            assert result["cycle"]["decisions"]["held"] == 800
            assert exit_status(result) == 3
            assert here.calls("update") == 200

        async with application(tmp_path, simulated, **changed) as here:
            again = await here.sync(full=True)
            assert again["cycle"]["decisions"]["held"] == 800
            assert again["cycle"]["balance"] == 0
            assert here.calls("update") == 200, "neither a second read nor another process begins anew"
            product = here.simulated.catalogue.ids()[-1]
            await _edits_and_retries_let_nothing_go(here, product)
            await _approved_in_parts(here)
            assert here.calls("start") == 0


async def _edits_and_retries_let_nothing_go(here: World, product: int) -> None:
    assert (await here.record(product))["state"] == "held"
    here.simulated.catalogue.edit(product, name="改过的名字")
    await here.sync()
    assert (await here.record(product))["state"] == "held"
    refused = await ask(here, "failures.retry", key=str(product))
    assert refused["counts"] == {"held": 1}
    assert "xmsyncd approve" in refused["records"][0]["note"]
    await ask(here, "failures.retry", all=True)
    assert here.calls("update") == 200


async def _approved_in_parts(here: World) -> None:
    shown = await ask(here, "approve.show")
    (of_pipeline,) = shown["pipelines"]
    assert (of_pipeline["held"], of_pipeline["limit"], of_pipeline["known"]) == (800, 200, 1000)
    assert of_pipeline["components"][0] == {
        "component": "textField_lq0sj9h9",
        "label": "产品名称",
        "count": 800,
    }
    (change,) = of_pipeline["sample"][0]["changes"]
    assert change["new"] == f"{change['old']}（新）"
    part = await ask(here, "approve.decide", limit=50)
    assert (part["total"], part["left"]) == (50, 750)
    given_up = await ask(here, "approve.decide", limit=30, discard=True)
    assert given_up["counts"] == {"discarded": 30}
    rest = await ask(here, "approve.decide", all=True, as_of=shown["as_of"])
    assert rest["left"] == 0
    assert (await ask(here, "approve.decide", all=True))["total"] == 0
    result = await here.sync()
    assert result["backlog"] == {"delivered": 970, "discarded": 30}
    assert here.calls("update") == 970
    assert exit_status(result) == 0
    history = await here.query("SELECT count(*) AS n FROM history WHERE event = 'approved'")
    assert history == [{"n": 770}]


@pytest.mark.timeout(120)
def test_a_kill_in_the_middle_of_the_burst_begins_no_new_count(tmp_path: Path) -> None:
    with SimulatorProcess(products=600) as simulated:
        config = write_configuration(tmp_path, simulated, guard=GUARD)
        ledger = tmp_path / "xmsyncd.db"
        with DaemonProcess(config) as daemon:
            wait_until(lambda: bool(simulated.oracle()["agrees"]), 60, "all is delivered")
            daemon.terminate()
        simulated.control("POST", "/counters/reset", {})
        config = write_configuration(tmp_path, simulated, guard=GUARD, fields=another_mapping("（新）"))
        for page in (2, 4):
            with DaemonProcess(config, die_at=("staged", page)) as daemon:
                assert daemon.wait(30) < 0, "killed after that page"
        with DaemonProcess(config) as daemon:
            wait_until(lambda: "updates_held" in daemon.log.read_text(), 30, "the held updates are told")
            wait_until(lambda: simulated.count("update") >= 120, 30, "those let go are delivered")
            daemon.terminate()
        assert states(ledger) == {"delivered": 120, "held": 480}
        assert 120 <= simulated.count("update") <= 120 + doubts(ledger)
        told = [json.loads(line) for line in daemon.log.read_text().splitlines() if "updates_held" in line]
        assert [(one["held"], one["updates"], one["level"]) for one in told] == [(480, 600, "error")]
        assert simulated.count("start") == 0


async def test_a_mapping_that_is_turned_back_needs_nobody(tmp_path: Path) -> None:
    async with Simulator(SimulatorOptions(products=100)) as simulated:
        async with application(tmp_path, simulated, guard=GUARD) as here:
            await here.sync()
        async with application(tmp_path, simulated, guard=GUARD, fields=another_mapping("?")) as here:
            assert (await here.sync())["backlog"] == {"delivered": 20, "held": 80}
        async with application(tmp_path, simulated, guard=GUARD) as here:
            result = await here.sync()
            assert result["backlog"] == {"delivered": 100}
            assert here.verdict()["agrees"]
            assert here.calls("update") == 40


async def test_a_few_edits_of_a_small_catalogue_are_nobodys_business(tmp_path: Path) -> None:
    async with (
        Simulator(SimulatorOptions(products=10)) as simulated,
        application(tmp_path, simulated, guard=GUARD) as here,
    ):
        await here.sync()
        for product in simulated.catalogue.ids()[:3]:
            simulated.catalogue.edit(product, name="改")
        result = await here.sync()
        assert result["backlog"] == {"delivered": 10}
        assert here.verdict()["agrees"]
