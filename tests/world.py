"""The whole application in-process, against the simulated vendors over sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from tests.scenario import configuration
from xmsyncd.app import App, open_app
from xmsyncd.clock import Clock, SystemClock
from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.ledger.people import Selection
from xmsyncd.operations.runtime import PipelineRuntime
from xmsyncd.operations.sync import backlog, sync
from xmsyncd.settings import Settings, load_settings
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.server import Simulator


@dataclass(frozen=True, slots=True)
class World:
    """The simulated vendors and the running application."""

    simulated: Simulator
    app: App
    registry: CollectorRegistry
    ledger: Path

    @property
    def pipeline(self) -> PipelineRuntime:
        """The only pipeline."""
        return self.app.runtime.pipeline(None)

    async def sync(self, wait: float = 60, **request: Any) -> dict[str, Any]:
        """One cycle, then deliver until nothing is due or undecided; the sync's own result."""
        steps = sync(self.app.runtime, self.pipeline, CycleRequest(**request), timedelta(seconds=wait))
        return [step async for step in steps][-1]

    async def read(self, **request: Any) -> dict[str, Any]:
        """One cycle, without waiting for the deliveries."""
        report = await self.pipeline.loop.ask(CycleRequest(**request)).report
        return {
            "result": report.result,
            "decisions": report.progress.decisions,
            "watermark": report.watermark,
        }

    async def states(self) -> dict[str, int]:
        """How many records are in which state."""
        return dict((await self.app.runtime.ledger.read(backlog, self.pipeline.name)).states)

    async def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the ledger."""
        return await self.app.runtime.ledger.read(
            lambda connection: [dict(row) for row in connection.execute(sql)]
        )

    async def record(self, product_id: int | str) -> dict[str, Any]:
        """The ledger's row of one OKKI product."""

        def find(connection: sqlite3.Connection) -> dict[str, Any]:
            sql = "SELECT * FROM records WHERE source_id = ?"
            return dict(connection.execute(sql, (str(product_id),)).fetchone())

        return await self.app.runtime.ledger.read(find)

    def calls(self, *operations: str) -> int:
        """Calls of these operations since the last reset, whatever they were answered."""
        shown: Mapping[str, int] = self.simulated.counters.to_json()["calls"]
        return sum(number for name, number in shown.items() if name.split(".")[1] in operations)

    def value(self, name: str, **labels: str) -> float | None:
        """What a metric of ours shows at this moment; ``None``: there is no such series."""
        return self.registry.get_sample_value(f"xmsyncd_{name}", labels)

    def verdict(self) -> dict[str, Any]:
        """What the simulation's own judge says of Yida's store."""
        return self.simulated.oracle.judge().to_json()


class SteppedClock(SystemClock):
    """The machine's clock as somebody has set it: ``ahead`` of the real one, and set again at any moment."""

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        return super().now() + self.ahead


@contextlib.asynccontextmanager
async def world(
    folder: Path,
    options: SimulatorOptions | None = None,
    *,
    clock: Clock | None = None,
    seed: int = 1,
    bootstrap: bool = False,
    **changes: Any,
) -> AsyncIterator[World]:
    """Start the vendors and the application; ``changes`` as for ``scenario.configuration``."""
    async with (
        Simulator(options) as simulated,
        application(folder, simulated, clock=clock, seed=seed, bootstrap=bootstrap, **changes) as opened,
    ):
        yield opened


@contextlib.asynccontextmanager
async def application(
    folder: Path,
    simulated: Simulator,
    *,
    clock: Clock | None = None,
    seed: int = 1,
    bootstrap: bool = False,
    **changes: Any,
) -> AsyncIterator[World]:
    """The application against vendors that are there already; a second one goes on with the same ledger."""
    settings = settings_of(folder, simulated, **changes)
    registry = CollectorRegistry()
    async with (
        open_app(
            settings,
            clock=clock or SystemClock(),
            rng=random.Random(seed),
            registry=registry,
            bootstrap=bootstrap,
        ) as app,
        app.running(),
    ):
        yield World(simulated, app, registry, folder / "xmsyncd.db")


def settings_of(folder: Path, simulated: Simulator, **changes: Any) -> Settings:
    """The settings, by way of a file as a user has it."""
    path = folder / "xmsyncd.yaml"
    values = configuration(simulated.okki_url, simulated.yida_url, **changes)
    path.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
    return load_settings(path, {})


async def until(condition: Callable[[], Any], what: str, seconds: float = 30) -> None:
    """Wait for a condition (plain or awaitable); fails with ``what`` when it does not come true."""
    deadline = time.monotonic() + seconds
    while True:
        met = condition()
        if asyncio.iscoroutine(met):
            met = await met
        if met:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        await asyncio.sleep(0.05)


EVERYTHING = Selection(everything=True)
