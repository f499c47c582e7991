"""Kill the daemon, over and over: nothing is lost, nothing doubled, and doubts are settled cheaply."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.scenario import DaemonProcess, doubts, states, violations, wait_until, write_configuration
from tests.simulator_process import SimulatorProcess
from xmsyncd.steps import Step

# `make crash` runs ten seeds; the whole suite a few, to stay within its time.
SEEDS = range(1, 1 + int(os.environ.get("XMSYNCD_TEST_CRASH_SEEDS", "2")))
PRODUCTS = 3000
KILLS = 20

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_or_doubled_by_twenty_kills(tmp_path: Path, seed: int) -> None:
    """3,000 products at 30 ms a call, an index 2 s behind, SIGKILL at named points and at random moments."""
    rng = random.Random(seed)
    with SimulatorProcess(products=PRODUCTS, seed=seed, latency=0.03, index_lag=2.0) as simulated:
        config = write_configuration(
            tmp_path,
            simulated,
            dingtalk={"requests_per_second": 150},
            delivery={"in_flight": 16, "read_back_after": ["2500ms", "5s", "7s", "9s"], "drain": "4s"},
        )
        ledger = tmp_path / "xmsyncd.db"
        named = [*Step] * 2
        rng.shuffle(named)
        for number in range(KILLS):
            if number < len(named):
                _killed_at(config, named[number], rng)
            else:
                _killed_at_random(config, rng)
            if number % 5 == 4:
                assert violations(config) == [], "after a kill every rule of the ledger holds"
        with DaemonProcess(config) as daemon:
            wait_until(lambda: bool(simulated.oracle()["agrees"]), 240, "Yida agrees with OKKI", every=1)
            _wait_until_idle(simulated)
            assert daemon.terminate() == 143

        assert violations(config) == []
        verdict = simulated.oracle()
        assert verdict["missing"] == []
        assert verdict["doubled"] == []
        assert verdict["different"] == []
        assert verdict["instances"] == PRODUCTS
        assert states(ledger) == {"delivered": PRODUCTS}
        calls = simulated.counters()["calls"]
        writes_and_looks = sum(
            number
            for name, number in calls.items()
            if name.split(".")[1] in ("start", "update", "search", "get")
        )
        assert writes_and_looks <= PRODUCTS + 6 * doubts(ledger) + _FIRST_CREATE_LOOKS, calls


# The looks by which a pipeline's first create measures the index's lag: once in its life, at most one a step.
_FIRST_CREATE_LOOKS = 12


def _killed_at(config: Path, step: Step, rng: random.Random) -> None:
    """Run until the process has killed itself at this step; one that it no longer reaches is no failure."""
    times = rng.randint(1, 4 if step in (Step.STAGED, Step.CLOSING) else 60)
    with DaemonProcess(config, die_at=(step, times)) as daemon:
        deadline = time.monotonic() + 12
        while daemon.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)


def _killed_at_random(config: Path, rng: random.Random) -> None:
    with DaemonProcess(config) as daemon:
        time.sleep(rng.uniform(0.8, 3.0))
        daemon.kill()


def _wait_until_idle(simulated: SimulatorProcess) -> None:
    """Until Yida has had no call for longer than any delay between looks: every doubt is decided."""

    def yida_calls() -> int:
        calls = simulated.counters()["calls"]
        return sum(number for name, number in calls.items() if name.startswith("yida."))

    before, since = yida_calls(), time.monotonic()
    deadline = since + 120
    while time.monotonic() - since < 12:
        assert time.monotonic() < deadline, "Yida is called on and on"
        time.sleep(0.3)
        now = yida_calls()
        if now != before:
            before, since = now, time.monotonic()
