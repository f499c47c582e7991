"""The simulation's own control, in a process of its own that dies with its parent."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.simulator_process import ControlError, SimulatorProcess

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def simulated() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(products=30, seed=3) as simulated:
        yield simulated


def test_control_shows_what_there_is(simulated: SimulatorProcess) -> None:
    """Paths, faults, and where both vendors listen."""
    shown = simulated.control("GET", "/")
    assert shown["okki_url"] == simulated.okki_url
    assert shown["products"] == 30
    assert "POST /faults" in shown["paths"]
    assert shown["faults"]["refuse"]["operations"] == ["save", "start", "update"]


def test_faults_by_control(simulated: SimulatorProcess) -> None:
    """One, several, none; a wrong one is refused with its sentence."""
    simulated.fault("lost_reset", operation="start", rate=0.04)
    simulated.control("POST", "/faults", {"faults": [{"name": "slow"}, {"name": "page_drift"}]})
    active = simulated.control("GET", "/faults")
    assert [(each["name"], each["api"], each["operation"]) for each in active] == [
        ("lost_reset", "yida", "start"),
        ("slow", "yida", "*"),
        ("page_drift", "okki", "*"),
    ]
    with pytest.raises(ControlError, match="no such fault"):
        simulated.fault("nonsense")
    simulated.clear_faults()
    assert simulated.control("GET", "/faults") == []


async def test_edits_by_control(simulated: SimulatorProcess) -> None:
    """Edits, creates, swaps, deletes, dirt: each answers with the ids."""
    first, second = simulated.control("GET", "/products?limit=2")
    product_id = first["fields"]["product_id"]
    other_id = second["fields"]["product_id"]
    await simulated.control_async(
        "POST", "/edit", {"id": product_id, "fields": {"name": "甲"}, "absent": ["product_remark"]}
    )
    simulated.control("POST", "/swap", {"ids": [product_id, other_id]})
    (shown,) = simulated.control("GET", f"/products?id={product_id}")
    assert shown["fields"]["name"] == "甲"
    assert "product_remark" not in shown["fields"]
    assert shown["fields"]["product_no"] == second["fields"]["product_no"]
    assert shown["expected"]["textField_lq0sj9h9"] == "甲"
    assert len(simulated.control("POST", "/edit", {"random": 4})["ids"]) == 4
    (created,) = simulated.control("POST", "/create", {"fields": {"product_no": "NEU-1"}})["ids"]
    (found,) = simulated.control("GET", "/products?product_no=NEU-1")
    assert found["fields"]["product_id"] == created
    simulated.control("POST", "/delete", {"id": created, "vanish": True})
    assert len(simulated.control("POST", "/dirt", {"kind": "empty_number", "count": 2})["ids"]) == 2
    with pytest.raises(ControlError, match="no such product field"):
        simulated.control("POST", "/edit", {"id": product_id, "fields": {"nome": "x"}})
    with pytest.raises(ControlError, match="missing or unknown"):
        simulated.control("POST", "/edit", {"id": 1, "fields": {"name": "x"}})


def test_settings_by_control(simulated: SimulatorProcess) -> None:
    """Index, limits, groups, clock, components, tokens."""
    shown = simulated.control("POST", "/index", {"frozen": True, "lag_seconds": 2})
    assert shown == {"frozen": True, "lag_seconds": 2.0}
    assert simulated.control("POST", "/index", {"frozen": False})["frozen"] is False
    assert simulated.control("POST", "/limits", {"qps": 20, "monthly_calls": 100})["qps"] == 20
    assert simulated.control("POST", "/limits", {"qps": None})["qps"] is None
    groups = simulated.control("POST", "/groups", {"shape": "flat"})
    renamed = simulated.control("POST", "/groups", {"rename": {"id": groups[0]["id"], "name": "新灯具"}})
    assert renamed[0]["name"] == "新灯具"
    assert simulated.control("POST", "/clock", {"offset_seconds": 3600})["okki_now"]
    assert simulated.control("POST", "/okki", {"total": "missing"})["removed"] == []
    assert simulated.control("POST", "/revoke_tokens", {}) == {}
    components = [{"field_id": "textField_x", "component_name": "TextField", "label": "X"}]
    assert simulated.control("POST", "/components", {"components": components})[0]["fieldId"] == "textField_x"


def test_counts_and_verdict_by_control(simulated: SimulatorProcess) -> None:
    """An empty form lacks everything; counts can be reset."""
    verdict = simulated.oracle()
    assert len(verdict["missing"]) + len(verdict["rejected"]) >= 28
    assert verdict["instances"] == 0
    assert simulated.control("GET", "/instances") == []
    simulated.control("POST", "/counters/reset", {})
    assert simulated.count("start") == 0
    assert simulated.counters()["metered"] == 0


def test_wrong_options_stop_the_start() -> None:
    """Instead of a simulation that is not what was asked for."""
    ended = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "simulator_process.py"), '{"produkts": 1}'],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert ended.returncode == 1
    assert "produkts: no such option" in ended.stderr


def test_simulation_dies_with_its_parent() -> None:
    """A killed test leaves no process behind."""
    script = (
        "import sys, time\n"
        "from tests.simulator_process import SimulatorProcess\n"
        "simulated = SimulatorProcess(products=1)\n"
        "simulated.start()\n"
        "sys.stdout.write(simulated.control_url + '\\n')\n"
        "sys.stdout.flush()\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        url = urlsplit(parent.stdout.readline().strip())
        assert listens(url.hostname, url.port)
        parent.kill()
    give_up = time.monotonic() + 10
    while listens(url.hostname, url.port):
        assert time.monotonic() < give_up
        time.sleep(0.05)


def listens(host: str | None, port: int | None) -> bool:
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection((host or "", port or 0), timeout=1).close()
    except OSError:
        return False
    return True
