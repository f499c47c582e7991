"""The whole daemon under a service manager: fed while it works, and not while a part of it stands still."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.scenario import configuration
from tests.world import until
from xmsyncd import daemon
from xmsyncd.cycle.cycle import Cycle
from xmsyncd.delivery import waiting
from xmsyncd.settings import load_settings
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.server import Simulator


async def test_a_cycle_that_never_ends_is_named_and_the_watchdog_starves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A tick of half a minute is shrunk to 0.1 s here, and the ten minutes of a standstill to 3 s."""
    monkeypatch.setattr(waiting, "LONGEST_WAIT", timedelta(seconds=0.1))
    monkeypatch.setattr(daemon, "longest_standstill", lambda timeouts: timedelta(seconds=3))
    run, hangs = Cycle.run, False

    async def run_or_hang(self: Cycle, *arguments: Any) -> Any:
        if hangs:
            await asyncio.Event().wait()
        return await run(self, *arguments)

    monkeypatch.setattr(Cycle, "run", run_or_hang)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", systemd.getsockname())
        monkeypatch.setenv("WATCHDOG_USEC", "200000")

        def told() -> list[str]:
            found: list[str] = []
            with contextlib.suppress(BlockingIOError):
                while True:
                    found.append(systemd.recv(100).decode())
            return found

        async with Simulator(SimulatorOptions(products=3)) as simulated:
            changes = {"schedule": {"every": "1s"}}
            settings_file = tmp_path / "xmsyncd.yaml"
            settings_file.write_text(
                json.dumps(configuration(simulated.okki_url, simulated.yida_url, **changes)), encoding="utf-8"
            )
            ready = asyncio.Event()
            with capture_logs() as lines:
                running = asyncio.create_task(
                    daemon.run_daemon(load_settings(settings_file, {}), ready=lambda url: ready.set())
                )
                await ready.wait()
                await until(lambda: "WATCHDOG=1" in told(), "it is fed")
                hangs = True
                await until(
                    lambda: any(
                        "cycle of products" in line["standing_seconds"]
                        for line in lines
                        if line["event"] == "watchdog_starved"
                    ),
                    "the cycle is named",
                )
                told()
                await asyncio.sleep(1)
                assert told() == []
                os.kill(os.getpid(), signal.SIGTERM)
                assert await running == 143
