"""The daemon as a process tells people in DingTalk: by Alertmanager's hook, and by itself."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenario import DaemonProcess, wait_until, write_configuration
from tests.simulator_process import SimulatorProcess

TOKEN = "hook-token-of-the-process"
ROBOT = {"robot_token": "robot-token-of-the-process", "robot_secret": "SECrobot-of-the-process"}


@pytest.fixture
def simulated() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(products=3, **ROBOT) as running:
        yield running


def configured(folder: Path, simulated: SimulatorProcess, **changes: Any) -> Path:
    webhook = f"{simulated.yida_url}/robot/send?access_token={ROBOT['robot_token']}"
    robots = {"ops": {"webhook": webhook, "secret": ROBOT["robot_secret"]}}
    section = {"robots": robots, "every": "100ms", "recovered_for": "0s", **changes}
    return write_configuration(folder, simulated, notify=section)


def titles(simulated: SimulatorProcess) -> list[str]:
    return [one["title"] for one in simulated.control("GET", "/robot")["messages"]]


def console(folder: Path) -> str:
    """Where the daemon listens, as soon as it does."""
    found: list[str] = []

    def told() -> bool:
        log = folder / "daemon.log"
        found[:] = re.findall(r'"console":"(http[^"]+)"', log.read_text() if log.exists() else "")
        return bool(found)

    wait_until(told, 30, "the daemon runs")
    return found[-1]


def post(url: str, body: Any, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - loopback
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def webhook() -> dict[str, Any]:
    alert = {
        "status": "firing",
        "labels": {"alertname": "XmsyncdPipelineStopped", "severity": "critical"},
        "annotations": {"summary_zh": "产品停止"},
        "startsAt": "2026-11-23T06:00:00Z",
        "fingerprint": "f1",
    }
    return {"version": "4", "groupKey": "g", "receiver": "dingtalk", "status": "firing", "alerts": [alert]}


@pytest.mark.slow
def test_a_webhook_of_alertmanager_reaches_the_group_once_also_over_a_kill(tmp_path: Path, simulated: Any):
    config = configured(tmp_path, simulated, hook_token=TOKEN)
    with DaemonProcess(config) as daemon:
        hook = f"{console(tmp_path)}hooks/alertmanager"
        assert post(hook, webhook(), "another") == 401
        assert post(hook, webhook(), TOKEN) == 200
        wait_until(lambda: len(titles(simulated)) == 1, 30, "the group reads it")
        daemon.kill()
        (tmp_path / "daemon.log").unlink()
        daemon.start()
        hook = f"{console(tmp_path)}hooks/alertmanager"
        assert post(hook, webhook(), TOKEN) == 200  # Alertmanager repeats what it was not told is done
        second = webhook()
        second["alerts"][0] |= {"fingerprint": "f2", "annotations": {"summary_zh": "另一个"}}
        assert post(hook, second, TOKEN) == 200
        wait_until(lambda: len(titles(simulated)) == 2, 30, "the second alert")
        assert daemon.terminate() == 143
    assert titles(simulated)[0].count("产品停止") == 1
    assert "另一个" in titles(simulated)[1]


@pytest.mark.slow
def test_without_alertmanager_a_stop_and_its_end_are_told_once_each(tmp_path: Path, simulated: Any):
    with DaemonProcess(configured(tmp_path, simulated)) as daemon:
        wait_until(lambda: bool(simulated.oracle()["agrees"]), 30, "everything is delivered")
        simulated.fault("permission", operation="start")
        simulated.control("POST", "/create", {"count": 1})
        wait_until(lambda: len(titles(simulated)) == 1, 30, "the stop is told")
        simulated.clear_faults()
        wait_until(lambda: bool(simulated.oracle()["agrees"]), 30, "it goes on")
        wait_until(lambda: len(titles(simulated)) == 2, 30, "that it goes on is told")
        assert daemon.terminate() == 143
    assert len(titles(simulated)) == 2
