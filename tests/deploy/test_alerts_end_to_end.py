"""From a fault at the vendor to the message of an alert: daemon, Prometheus and Alertmanager, all real."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.deploy.programs import alertmanager, fetch, free_port, prometheus, webhook
from tests.deploy.tools import run, tool
from tests.scenario import DaemonProcess, wait_until, write_configuration
from tests.simulator_process import SimulatorProcess

pytestmark = [pytest.mark.deploy, pytest.mark.alone, pytest.mark.timeout(240)]

REFUSED = "XmsyncdCredentialsRefused"
DOWN = "XmsyncdDown"


def test_a_fault_is_told_and_that_it_is_over(tmp_path):
    promtool, port = tool("promtool"), free_port()
    metrics, alerts_at = f"http://127.0.0.1:{port}/metrics", free_port()
    with SimulatorProcess(products=20) as simulated, webhook() as hook:
        config = write_configuration(tmp_path, simulated, http={"port": port})
        with (
            DaemonProcess(config) as daemon,
            alertmanager(tmp_path, port=alerts_at, hooks=hook.url),
            prometheus(tmp_path, daemon=port, alertmanager=alerts_at) as address,
        ):
            wait_until(lambda: bool(simulated.oracle()["agrees"]), 60, "everything is delivered")

            exposed = fetch(metrics)
            assert exposed is not None
            found = run(promtool, "check", "metrics", stdin=exposed)
            assert (found.returncode, found.stdout) == (0, "")

            # All is well: Prometheus has evaluated the rules over what it scraped, and nobody was told.
            seen = "xmsyncd_cycles_total and on() xmsyncd:freshness_objective_seconds"
            query = f"{address}/api/v1/query?query={quote(seen)}"
            wait_until(
                lambda: b'"pipeline":"products"' in (fetch(query) or b""), 60, "the rules are evaluated"
            )
            assert hook.alerts == []

            simulated.fault("permission", operation="start")
            simulated.fault("permission", operation="update")
            simulated.control("POST", "/edit", {"random": 4})
            wait_until(lambda: bool(hook.told(REFUSED, "firing")), 60, "the alert is told")
            path, who, alert = hook.told(REFUSED, "firing")[0]
            assert (path, who) == ("/hooks/alertmanager", "Bearer hook-token")
            assert (
                alert["labels"].items()
                >= {
                    "severity": "critical",
                    "pipeline": "products",
                    "reason": "permission",
                }.items()
            )
            assert alert["annotations"]["summary"] == "products: access refused (permission)"
            assert alert["annotations"]["summary_zh"] == "products：访问被拒（permission）"
            assert hook.told(REFUSED, "resolved") == []

            simulated.clear_faults()
            wait_until(lambda: bool(hook.told(REFUSED, "resolved")), 60, "it is told that it is over")
            wait_until(lambda: bool(simulated.oracle()["agrees"]), 60, "what waited is delivered")

            # The daemon cannot tell that it is down: that goes another way.
            daemon.kill()
            wait_until(lambda: bool(hook.told(DOWN, "firing")), 60, "the daemon's absence is told")
            assert {one[0] for one in hook.told(DOWN, "firing")} == {"/hooks/beside"}
            assert hook.told(DOWN, "resolved") == []
