"""The commands as processes, against the simulated vendors: alone, beside one another, told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.scenario import ROOT, configuration, wait_until
from tests.simulator_process import SimulatorProcess
from xmsyncd.daemon import run_daemon
from xmsyncd.ledger.lock import LedgerLock
from xmsyncd.settings import load_settings

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.fspath(ROOT), "LC_ALL": "C.UTF-8"}


class Commands:
    """``run("sync", "--json")`` in a folder with a configuration for this simulation."""

    def __init__(self, folder: Path, simulated: SimulatorProcess) -> None:
        self.folder = folder
        self.simulated = simulated
        self.ledger = folder / "xmsyncd.db"

    def configure(self, **changes: dict[str, Any]) -> None:
        settings = configuration(self.simulated.okki_url, self.simulated.yida_url, **changes)
        fields = changes.get("fields", {}).get("replace")
        if fields is not None:
            settings["pipelines"]["products"]["fields"] = fields
        (self.folder / "xmsyncd.yaml").write_text(json.dumps(settings), encoding="utf-8")

    @contextmanager
    def start(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A running command; one that a failed test leaves behind is killed."""
        with subprocess.Popen(
            [sys.executable, "-m", "xmsyncd", *arguments],
            cwd=self.folder,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            except BaseException:
                process.kill()
                with contextlib.suppress(ValueError):  # read already
                    sys.stderr.write(f"{arguments} said:\n{process.communicate()[1][-4000:]}\n")
                raise
            finally:
                process.kill()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=50)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def json(self, *arguments: str, expected: int = 0) -> Any:
        ended = self.run(*arguments, "--json")
        assert ended.returncode == expected, ended.stderr
        return json.loads(ended.stdout)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Commands]:
    """A hundred products at 20 calls a second: five seconds of work."""
    with SimulatorProcess(products=100) as simulated:
        commands = Commands(tmp_path, simulated)
        commands.configure(dingtalk={"requests_per_second": 20})
        yield commands


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Commands]:
    """Twenty products, of which three are dirty."""
    with SimulatorProcess(products=20, dirty_products=3) as simulated:
        commands = Commands(tmp_path, simulated)
        commands.configure()
        yield commands


def test_a_first_day(quick: Commands):
    checked = quick.json("check")
    assert checked["failed"] == 0
    assert checked["metered_calls"] == 3
    assert not quick.ledger.exists(), "a check needs no ledger"

    first = quick.json("sync")["pipelines"][0]
    assert first["cycle"]["decisions"]["create"] == first["backlog"]["delivered"] > 10
    quick.simulated.control("POST", "/counters/reset", {})
    second = quick.run("sync")
    assert second.returncode == 0
    assert f"delivered {first['backlog']['delivered']}" in second.stdout
    assert quick.simulated.count("start") == 0

    listed = quick.json("failures", "list")
    backlog = first["backlog"]
    assert listed["total"] == backlog["rejected"] + backlog["waiting"] > backlog["rejected"] > 0
    retried = quick.json("failures", "retry", "--all")
    assert retried["counts"] == {"rejected": backlog["rejected"]}, "what is still dirty stays rejected"
    rejected = next(one["source_id"] for one in listed["records"] if one["state"] == "rejected")
    life = quick.json("explain", rejected)["records"][0]
    assert life["record"]["state"] == "rejected"
    assert "retried" in [one["event"] for one in life["history"]]
    assert quick.json("status")["pipelines"][0]["backlog"]["delivered"] == first["backlog"]["delivered"]


def test_commands_beside_a_sync_are_answered_by_it(slow: Commands):
    slow.configure(dingtalk={"requests_per_second": 4})  # it must last until the others have started
    with slow.start("sync") as holder:
        wait_until(lambda: slow.simulated.count("start") > 5, 20, "deliveries begin")
        shown = slow.json("status", expected=3)
        assert shown["pipelines"][0]["backlog"]["delivered"] > 0
        assert slow.json("failures", "list")["total"] == 0
        assert slow.json("check")["failed"] == 0, "a check works beside a holder"
        beside = slow.run("sync")
        assert holder.wait(50) == 0
        assert holder.stderr is not None
        assert re.search(r"products: reading 100 of 100", holder.stderr.read())
    assert beside.returncode == 0, beside.stderr
    assert "delivered 100" in beside.stdout
    assert slow.simulated.count("start") == 100


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_drains_a_sync_and_nothing_stays_in_doubt(slow: Commands, number, status):
    with slow.start("sync", "--json") as process:
        wait_until(lambda: slow.simulated.count("start") > 5, 20, "deliveries begin")
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == status, err
    assert out == ""
    assert "stopping" in err
    left = slow.json("status", expected=3)["pipelines"][0]["backlog"]
    assert left["sending"] == left["undecided"] == 0
    assert left["pending"] > 0
    assert left["delivered"] == slow.simulated.count("start")


def test_a_second_signal_ends_it_at_once(slow: Commands):
    slow.configure(delivery={"call_timeout": "20s", "drain": "25s"})
    slow.simulated.fault("slow", api="yida", operation="start", seconds=15)
    with slow.start("sync") as process:
        wait_until(lambda: slow.simulated.count("start") > 0 or slow.ledger.exists(), 20, "it runs")
        wait_until(lambda: "sending" in states_of(slow), 20, "a call is on its way")
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 143


def test_a_signal_that_is_passed_on_twice_is_one_and_drains(slow: Commands):
    """As `timeout` does it: the whole group is told, and the command once more by itself."""
    with slow.start("sync", "--json") as process:
        wait_until(lambda: slow.simulated.count("start") > 5, 20, "deliveries begin")
        for _ in range(3):
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 143, err
    left = slow.json("status", expected=3)["pipelines"][0]["backlog"]
    assert left["sending"] == left["undecided"] == 0
    assert left["delivered"] == slow.simulated.count("start")


def states_of(commands: Commands) -> set[str]:
    shown = json.loads(commands.run("status", "--json").stdout)
    return {state for state, number in shown["pipelines"][0]["backlog"].items() if number}


def has_read(commands: Commands) -> bool:
    """Whether a window was read to its proven end."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{commands.ledger}?mode=ro", uri=True)) as ledger:
            found = ledger.execute("SELECT count(*) FROM pipelines WHERE watermark_ms IS NOT NULL").fetchone()
    except sqlite3.Error:
        return False  # not there yet
    return bool(found[0])


def test_leaving_a_sync_in_another_process_leaves_that_process_alone(slow: Commands):
    slow.configure(
        dingtalk={"requests_per_second": 5}
    )  # it must last for as long as the other takes to start
    with slow.start("sync") as holder:
        wait_until(lambda: has_read(slow), 20, "its own reading is over: what is listed now is not for it")
        listed = slow.simulated.count("list", api="okki")
        with slow.start("sync") as beside:
            wait_until(lambda: slow.simulated.count("list", api="okki") > listed, 20, "it has its own cycle")
            beside.send_signal(signal.SIGINT)
            _, err = beside.communicate(timeout=10)
            assert beside.returncode == 130
            assert "goes on" in err
        assert holder.wait(50) == 0
    assert slow.simulated.count("start") == 100


def test_the_wait_is_the_bound_of_a_sync(slow: Commands):
    result = slow.json("sync", "--wait", "1s", expected=3)["pipelines"][0]
    assert result["backlog"]["pending"] > 0


def test_one_product_for_a_first_try(quick: Commands):
    shown = quick.simulated.control("GET", "/products?offset=10&limit=1")[0]["fields"]
    result = quick.json("sync", "--only", shown["product_no"])["pipelines"][0]
    assert result["backlog"] == {"delivered": 1}
    assert result["cycle"]["kind"] == "partial"


@pytest.mark.parametrize(
    ("changes", "what", "found"),
    [
        ({"okki": {"client_secret": "wrong"}}, "okki.main token", "credentials"),
        ({"dingtalk": {"app_secret": "wrong"}}, "dingtalk.main token", "credentials"),
        ({"target": {"system_token": "wrong"}}, "target form", ""),
        ({"target": {"form_uuid": "FORM-OTHER"}}, "target form", ""),
    ],
)
def test_what_cannot_work_is_4_from_check(quick: Commands, changes, what, found):
    quick.configure(**changes)
    checked = quick.json("check", expected=4)
    (wrong,) = [one for one in checked["findings"] if one["what"].endswith(what)]
    assert wrong["state"] == "failed"
    assert found in wrong["found"]
    assert wrong["advice"]


@pytest.mark.parametrize(
    "changes", [{"okki": {"client_secret": "wrong"}}, {"dingtalk": {"app_secret": "wrong"}}]
)
def test_wrong_credentials_are_4_from_sync_and_mended_they_are_forgotten(quick: Commands, changes):
    quick.configure(**changes)
    ended = quick.run("sync")
    assert ended.returncode == 4, ended.stderr
    assert "Cannot work" in ended.stdout
    quick.configure()
    assert quick.run("sync").returncode == 0, "a person's sync tries again at once, not at the next probe"


def test_an_unknown_component_is_named_by_check_with_the_nearest(quick: Commands):
    settings = json.loads((quick.folder / "xmsyncd.yaml").read_text())
    fields = settings["pipelines"]["products"]["fields"]
    fields[0]["field"] = "textField_lq0sj9h8"
    fields[0]["label"] = ""
    settings["pipelines"]["products"]["quality"] = []
    (quick.folder / "xmsyncd.yaml").write_text(json.dumps(settings), encoding="utf-8")
    ended = quick.run("check")
    assert ended.returncode == 4
    assert "the form has no component textField_lq0sj9h8" in ended.stdout
    assert "textField_lq0sj9h9 (产品名称, TextField)" in ended.stdout


def test_a_paused_pipeline_sends_nothing_until_a_person_lets_it_go_on(quick: Commands):
    assert quick.json("pause")["paused"]
    assert quick.json("pause")["paused"], "pressed twice"
    held_up = quick.json("sync", expected=4)["pipelines"][0]
    assert held_up["stop"]["reason"] == "paused"
    assert held_up["backlog"].get("delivered", 0) == 0
    assert quick.json("resume") == {"pipeline": "products", "paused": False, "stop": None}
    quick.json("resume")
    assert quick.json("sync")["pipelines"][0]["backlog"]["delivered"] > 0


def test_a_form_that_is_not_empty_is_refused_until_a_person_says_bootstrap(quick: Commands):
    assert quick.run("sync").returncode == 0
    for path in quick.folder.glob("xmsyncd.db*"):
        path.unlink()
    warned = quick.json("check")
    assert warned["warnings"] == 1
    assert "--bootstrap" in json.dumps(warned)
    refused = quick.json("sync", expected=4)["pipelines"][0]
    assert refused["stop"]["reason"] == "form_not_empty"
    assert refused["backlog"].get("delivered", 0) == 0
    allowed = quick.json("sync", "--bootstrap")["pipelines"][0]
    assert allowed["backlog"]["delivered"] > 0


def test_the_commands_work_beside_a_running_daemon(quick: Commands):
    quick.configure(schedule={"every": "1h"})
    settled = {"delivered", "rejected", "waiting"}
    with quick.start("run") as daemon:
        wait_until(lambda: states_of(quick) == settled, 60, "the first cycle is delivered")
        quick.simulated.control("POST", "/edit", {"random": 3})
        result = quick.json("sync")["pipelines"][0]
        assert result["cycle"]["read"] > 0
        assert quick.json("failures", "retry", "--all")["counts"]["rejected"] > 0
        assert quick.json("status")["pipelines"][0]["next_run"] is not None
        second = quick.run("run")
        assert second.returncode == 5
        assert f"held by process {daemon.pid}" in second.stderr
        daemon.send_signal(signal.SIGTERM)
        out, err = daemon.communicate(timeout=20)
    assert daemon.returncode == 143
    assert out == ""
    assert all(json.loads(line)["event"] for line in err.splitlines())


async def test_a_daemon_that_starts_while_a_command_has_the_ledger_waits_for_it(quick: Commands):
    settings = load_settings(quick.folder / "xmsyncd.yaml", {})
    ready = asyncio.Event()
    with LedgerLock(quick.ledger) as command:
        daemon = asyncio.create_task(run_daemon(settings, ready=lambda url: ready.set()))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not daemon.done(), "it has found the ledger held by then"
        command.release()
        await asyncio.wait({daemon, asyncio.ensure_future(ready.wait())}, return_when="FIRST_COMPLETED")
        assert ready.is_set()
    os.kill(os.getpid(), signal.SIGTERM)
    assert await daemon == 143


def test_a_stopped_daemon_that_is_frozen_is_given_up_with_5(quick: Commands):
    with quick.start("run") as daemon:
        wait_until(lambda: quick.simulated.count("start") > 0, 30, "the daemon works")
        daemon.send_signal(signal.SIGSTOP)
        try:
            ended = quick.run("status")
        finally:
            daemon.send_signal(signal.SIGCONT)
            daemon.send_signal(signal.SIGTERM)
        assert ended.returncode == 5
        assert f"held by process {daemon.pid}, which does not answer" in ended.stderr
        daemon.communicate(timeout=20)
