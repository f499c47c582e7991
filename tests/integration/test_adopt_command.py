"""``adopt`` and ``reconcile`` as commands: killed in the middle and run again, alone and beside a daemon."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.scenario import ROOT, DaemonProcess, wait_until, write_configuration
from tests.simulator_process import SimulatorProcess

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.fspath(ROOT), "LC_ALL": "C.UTF-8"}
PRODUCTS = 260


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "xmsyncd", *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *arguments: str, expected: int = 0) -> Any:
    with start(folder, *arguments, "--json") as process:
        out, err = process.communicate(timeout=50)
    assert process.returncode == expected, err
    return json.loads(out)


def writes(simulated: SimulatorProcess) -> int:
    calls = simulated.counters()["calls"]
    return sum(number for name, number in calls.items() if name.split(".")[1] in ("start", "update"))


@pytest.mark.timeout(150)
def test_an_adoption_that_is_killed_leaves_delivery_paused_and_is_run_again(tmp_path: Path) -> None:
    with SimulatorProcess(products=PRODUCTS) as simulated:
        before, after = tmp_path / "before", tmp_path / "after"
        before.mkdir()
        after.mkdir()
        write_configuration(before, simulated)
        run(before, "sync")
        # The ledger is lost. Slow enough to be met in the middle of the form.
        write_configuration(after, simulated, dingtalk={"requests_per_second": 1})
        sent = writes(simulated)
        with start(after, "adopt") as process:
            assert process.stderr is not None
            for line in process.stderr:
                if "reading the form" in line:
                    break
            process.kill()
        stopped = run(after, "sync", expected=4)
        assert stopped["pipelines"][0]["stop"]["reason"] == "adopting"
        write_configuration(after, simulated)
        (adopted,) = run(after, "adopt")["pipelines"]
        assert adopted["adopted"] + adopted["known"] == PRODUCTS
        assert (adopted["updates"], adopted["creates"]) == (0, 0)
        run(after, "sync")
        assert writes(simulated) == sent
        assert simulated.oracle()["agrees"]

        # And beside a daemon, over its socket.
        with DaemonProcess(after / "xmsyncd.yaml"):
            wait_until(lambda: (after / "xmsyncd.db.sock").exists(), 20, "the daemon listens")
            (again,) = run(after, "adopt")["pipelines"]
            assert (again["known"], again["adopted"], again["refreshed"]) == (PRODUCTS, 0, 0)
            (compared,) = run(after, "reconcile", "--apply")["pipelines"]
            assert (compared["total"], compared["complete"]) == (0, True)
            assert run(after, "status")["pipelines"][0]["reconcile"]["at"] is not None
        assert writes(simulated) == sent


def test_a_report_is_a_table_with_labels_and_an_exit_status(tmp_path: Path) -> None:
    with SimulatorProcess(products=20) as simulated:
        write_configuration(tmp_path, simulated)
        run(tmp_path, "sync")
        instances = simulated.control("GET", "/instances")
        simulated.control("DELETE", f"/instances?id={instances[0]['id']}")
        with start(tmp_path, "reconcile") as process:
            out, err = process.communicate(timeout=50)
        assert process.returncode == 3, err
        assert "gone" in out
        assert instances[0]["id"] in out
        assert "about 1 call\n" in err
