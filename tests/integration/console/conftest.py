"""The console over a real socket, with a daemon in the hands of a test behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from tests.console_status import example
from xmsyncd.console.server import ConsoleServer, Health

GROUP = {
    "pipeline": "products",
    "state": "parked",
    "reason": "vendor.code",
    "group": "vendor.code:ab12",
    "message": "number … is <taken>",
    "component": None,
    "label": "",
    "acceptable": False,
    "count": 1200,
    "first": "2026-11-21T04:00:00.000+00:00",
    "last": "2026-11-21T04:00:00.000+00:00",
    "sample": {"key": "A&B", "source_id": "77", "name": "灯", "detail": "number A&B is <taken>"},
}
FAILED = {
    "pipeline": "products",
    "key": "A&B",
    "source_id": "77",
    "state": "parked",
    "acceptable": False,
    "detail": "<taken>",
}


def sent(slots: dict[int, dict[str, int]], latest: int = 0) -> dict[str, Any]:
    """Six hours in slots of five minutes."""
    return {
        "start": "2026-11-21T22:05:00.000+00:00",
        "slot_seconds": 300.0,
        "slots": [slots.get(place, {}) for place in range(72)],
        "last_minute": latest,
    }


class Daemon:
    """What the server asks, in the hands of a test."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] | Exception = example()
        self.asked: Counter[str] = Counter()
        self.activity: dict[str, Any] = {"<script>alert(1)</script>": sent({})}
        self.told: dict[str, Any] = {"quality.report": {"since": None, "pipelines": []}}
        self.params: list[tuple[str, dict[str, Any]]] = []
        self.token: str | None = None
        self.dead: str | None = None
        self.unready: list[str] = []
        self.registry = CollectorRegistry()

    async def ask(self, operation: str, params: Mapping[str, Any]) -> Any:
        self.asked[operation] += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        self.params.append((operation, dict(params)))
        if operation in self.told:
            told = self.told[operation]
            if isinstance(told, Exception):
                raise told
            return told
        return self.answer if operation == "status" else self.activity

    def server(self, port: int = 0) -> ConsoleServer:
        health = Health(dead=lambda: self.dead, unready=lambda: self.unready)
        return ConsoleServer(
            host="127.0.0.1", port=port, registry=self.registry, ask=self.ask, health=health, token=self.token
        )


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
async def web(daemon: Daemon) -> AsyncIterator[aiohttp.ClientSession]:
    server = daemon.server()
    await server.start()
    async with aiohttp.ClientSession(server.url) as session:
        yield session
    await server.stop()


@pytest.fixture
async def acting(daemon: Daemon) -> AsyncIterator[aiohttp.ClientSession]:
    daemon.token = "secret-token"
    server = daemon.server()
    await server.start()
    async with aiohttp.ClientSession(server.url) as session:
        yield session
    await server.stop()
