"""A whole catalogue through the daemon in a process of its own, as fast as it will go, and what that took.

For Linux: memory and CPU time are read from ``/proc``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.scenario import DaemonProcess, states, wait_until, write_configuration
from tests.simulator_process import SimulatorProcess

# Permits a second, for either vendor: more than daemon and simulation can use.
UNLIMITED = 2000
IN_FLIGHT = 64
_PRODUCTS_PER_SECOND_AT_LEAST = 40


@dataclass(frozen=True, slots=True)
class WholeJob:
    """``seconds`` from the daemon's start to the last create that Yida answered."""

    products: int
    seconds: float
    peak_kib: int
    cpu_seconds: float


def open_simulation(products: int, **further: Any) -> SimulatorProcess:
    """Both vendors without latency or limit; the list has all fields, so there are no detail calls."""
    return SimulatorProcess(products=products, product_type_in_list=True, **further)


def deliver_all(folder: Path, simulated: SimulatorProcess, products: int) -> WholeJob:
    """Run the daemon until every product is delivered, and end it cleanly.

    Raises AssertionError when that takes too long or the ledger shows anything else than ``delivered``.
    """
    config = write_configuration(
        folder,
        simulated,
        okki={"requests_per_second": UNLIMITED},
        dingtalk={"requests_per_second": UNLIMITED},
        delivery={"in_flight": IN_FLIGHT, "call_timeout": "30s", "drain": "35s"},
        schedule={"every": "1m"},
        source={"page_size": 100},
    )
    began = time.monotonic()
    with DaemonProcess(config) as daemon:
        wait_until(
            _all_created(simulated, daemon, products),
            60 + products / _PRODUCTS_PER_SECOND_AT_LEAST,
            f"{products} products in Yida",
            every=0.5,
        )
        seconds = time.monotonic() - began
        peak_kib, cpu_seconds = _kib(daemon.pid, "VmHWM"), _cpu_seconds(daemon.pid)
        ended = daemon.terminate(60)  # what is not settled yet is settled while it drains
    assert ended == 143, f"the daemon ended with {ended}: see {daemon.log}"
    shown = states(folder / "xmsyncd.db")
    assert shown == {"delivered": products}, shown
    return WholeJob(products, seconds, peak_kib, cpu_seconds)


def _all_created(simulated: SimulatorProcess, daemon: DaemonProcess, products: int) -> Callable[[], bool]:
    def all_created() -> bool:
        assert daemon.poll() is None, f"the daemon ended: see {daemon.log}"
        return simulated.count("start", "ok") >= products

    return all_created


def _kib(pid: int, name: str) -> int:
    """A line of ``/proc/PID/status``, in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(name)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
