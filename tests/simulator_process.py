"""The simulated vendors in a process of their own, which dies with the test that started it.

Run as a script, this is that process: it takes its options as one JSON argument, prints one line of JSON with
its URLs when it is ready, and ends when its standard input does. So a killed test leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

_START_SECONDS = 60.0
_STOP_SECONDS = 5.0
_ROOT = Path(__file__).resolve().parent.parent


class ControlError(Exception):
    """The simulation refused a request to its control."""


class SimulatorProcess:
    """A simulation with SimulatorOptions as JSON: `with SimulatorProcess(products=9) as simulated:`."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.okki_url = ""
        self.yida_url = ""
        self.control_url = ""
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """Its process id, to measure it."""
        assert self._process is not None, "not started"
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it listens. Raises RuntimeError when it does not."""
        self._process = subprocess.Popen(
            [sys.executable, __file__, json.dumps(self.options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )
        assert self._process.stdout is not None
        watchdog = threading.Timer(_START_SECONDS, self._process.kill)
        watchdog.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watchdog.cancel()
        if not line:
            self.stop()
            raise RuntimeError("the simulation did not start; its standard error says why")
        urls = json.loads(line)
        self.okki_url, self.yida_url, self.control_url = (
            urls["okki_url"],
            urls["yida_url"],
            urls["control_url"],
        )

    def stop(self) -> None:
        """End it; safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One request to its control; the parsed answer. Raises ControlError with the reason it gives."""
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            self.control_url + path,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                raise ControlError(error.read().decode(errors="replace")) from None

    async def control_async(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """As control, from an event loop."""
        return await asyncio.to_thread(self.control, method, path, body)

    # What nearly every test asks

    def fault(self, name: str, **properties: Any) -> Any:
        return self.control("POST", "/faults", {"name": name, **properties})

    def clear_faults(self) -> None:
        self.control("DELETE", "/faults")

    def counters(self) -> dict[str, Any]:
        shown: dict[str, Any] = self.control("GET", "/counters")
        return shown

    def count(self, operation: str, result: str | None = None, *, api: str = "yida") -> int:
        """Calls of an operation since the last reset, with one result or with any."""
        prefix = f"{api}.{operation}." + (result or "")
        calls: dict[str, int] = self.counters()["calls"]
        return sum(count for name, count in calls.items() if name.startswith(prefix))

    def oracle(self) -> dict[str, Any]:
        verdict: dict[str, Any] = self.control("GET", "/oracle")
        return verdict


async def _serve(options: Mapping[str, Any]) -> None:
    from xmsyncd.simulator.serve import options_from_mapping, serve
    from xmsyncd.simulator.server import Simulator

    def ready(simulator: Simulator) -> None:
        urls = {
            "okki_url": simulator.okki_url,
            "yida_url": simulator.yida_url,
            "control_url": simulator.control_url,
        }
        sys.stdout.write(json.dumps(urls) + "\n")
        sys.stdout.flush()

    def watch_parent() -> None:
        # Ends when the parent closes its end, or dies. Unbuffered: a thread that holds the buffer's lock
        # makes the interpreter abort when it ends for another reason.
        while os.read(0, 4096):
            pass
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stop.set)

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.Thread(target=watch_parent, daemon=True).start()
    await serve(options_from_mapping(options), ready=ready, stop=stop)


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}))
