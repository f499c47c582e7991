"""The pace as the vendor sees it: a minute of creates against a limit that is counted in whole seconds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.scenario import DaemonProcess, wait_until, write_configuration
from tests.simulator_process import SimulatorProcess

_LIMIT = 20
_SECONDS = 60
# Creates before the minute begins: the first few wait until a search shows them, the rest warm up.
_WARM_UP = 60


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_a_minute_of_creates_uses_the_vendors_limit_and_is_hardly_ever_refused(tmp_path: Path) -> None:
    """The server counts: at least 0.95 of its allowance is used, at most 1 % of the calls are refused."""
    products = _WARM_UP + (_SECONDS + 10) * _LIMIT
    # Counted for each API by itself and a second at a time (vendor doc); that it is whole seconds is assumed.
    with SimulatorProcess(
        products=products, product_type_in_list=True, qps=_LIMIT, window="fixed", latency_seconds=0.15
    ) as simulated:
        config = write_configuration(tmp_path, simulated, dingtalk={"requests_per_second": _LIMIT})
        with DaemonProcess(config):
            wait_until(lambda: simulated.count("start", "ok") >= _WARM_UP, 40, "the first creates")
            simulated.control("POST", "/counters/reset")
            began = time.monotonic()
            time.sleep(_SECONDS)
            shown = simulated.counters()
            allowance = _LIMIT * (time.monotonic() - began)
    calls = {
        name.rpartition(".")[2]: number
        for name, number in shown["calls"].items()
        if name.startswith("yida.start.")
    }
    seconds = shown["seconds"]["yida.start"]
    assert calls.get("throttled", 0) <= 0.01 * sum(calls.values()), (calls, seconds)
    assert calls["ok"] >= 0.95 * allowance, (calls, allowance, seconds)
    assert calls.keys() <= {"ok", "throttled"}, calls
