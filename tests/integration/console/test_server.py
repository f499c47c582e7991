"""A daemon's HTTP side over a real socket: JSON, metrics, health, and what it does not do."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import time
from collections.abc import Iterator
from typing import ClassVar

import orjson
import pytest
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from tests.world import world
from xmsyncd.errors import ConfigurationError
from xmsyncd.observe.metrics import Metrics
from xmsyncd.operations.table import OPERATIONS
from xmsyncd.simulator.options import SimulatorOptions


async def test_metrics_come_with_the_type_that_was_asked_for(web, daemon):
    Metrics(daemon.registry).declare_pipeline("products")
    async with web.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = await answer.text()
    assert 'xmsyncd_source_records_total{pipeline="products"} 0.0' in text
    accept = "application/openmetrics-text; version=1.0.0,text/plain;q=0.5"
    async with web.get("/metrics", headers={"Accept": accept}) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        assert (await answer.text()).endswith("# EOF\n")
    async with web.get("/metrics", params={"name[]": "xmsyncd_gaps"}) as answer:
        assert len((await answer.text()).splitlines()) == 3


async def test_metrics_are_rendered_off_the_event_loop(web, daemon):
    """30,000 lines take 0.4 s, during which nothing would be sent, settled or answered."""

    class Watched(Collector):
        threads: ClassVar[list[int]] = []

        def collect(self) -> Iterator[Metric]:
            self.threads.append(threading.get_ident())
            yield GaugeMetricFamily("watched", "A metric that knows where it was rendered.", value=1)

    daemon.registry.register(Watched())
    Watched.threads.clear()  # registering collects once
    async with web.get("/metrics") as answer:
        assert "watched 1.0" in await answer.text()
    assert Watched.threads
    assert threading.get_ident() not in Watched.threads


async def test_liveness_fails_once_a_task_has_died(web, daemon):
    async with web.get("/livez") as answer:
        assert (answer.status, await answer.json()) == (200, {"alive": True, "reason": None})
    daemon.dead = "delivery products died: RuntimeError"
    async with web.get("/livez") as answer:
        assert (answer.status, await answer.json()) == (503, {"alive": False, "reason": daemon.dead})


async def test_readiness_names_every_reason(web, daemon):
    async with web.get("/readyz") as answer:
        assert (answer.status, await answer.json()) == (200, {"ready": True, "reasons": []})
    daemon.unready = ["the ledger is not open"]
    daemon.dead = "a task died"
    async with web.get("/readyz") as answer:
        assert answer.status == 503
        assert (await answer.json())["reasons"] == ["the ledger is not open", "a task died"]


async def test_the_status_is_the_operations_own_json_and_asked_for_once_a_second(web, daemon):
    for _ in range(5):
        async with web.get("/api/status") as answer:
            assert answer.status == 200
            assert await answer.json() == daemon.answer
    assert daemon.asked["status"] == 1


async def test_the_status_of_a_running_application_is_served_as_it_is(web, daemon, tmp_path):
    """By its own keys and values: an enum among them is text for Python and none for a strict encoder."""
    async with world(tmp_path, SimulatorOptions(products=3)) as here:
        await here.sync()
        async with contextlib.aclosing(OPERATIONS["status"](here.app.runtime, {})) as told:
            daemon.answer = [one.value async for one in told][-1]
    async with web.get("/api/status") as answer:
        assert answer.status == 200
        assert (await answer.json())["pipelines"][0]["backlog"]["delivered"] == 3
    async with web.get("/") as answer:
        assert answer.status == 200
    orjson.dumps(daemon.answer)


async def test_style_and_script_are_served_for_good_and_nothing_else(web):
    async with web.get("/") as answer:
        text = await answer.text()
    for kind in ("css", "javascript"):
        (path,) = re.findall(r'"(static/console\.' + ("css" if kind == "css" else "js") + r'\?\w+)"', text)
        async with web.get(f"/{path}") as answer:
            assert answer.status == 200
            assert answer.content_type == f"text/{kind}"
            assert "immutable" in answer.headers["Cache-Control"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "://" not in await answer.text()
    for path in ("/static/page.py", "/static/..%2Fpage.py", "/static/"):
        async with web.get(path) as answer:
            assert answer.status == 404


@pytest.mark.parametrize("method", ["post", "put", "delete"])
async def test_nothing_can_be_changed_here(web, method):
    async with web.request(method, "/api/status") as answer:
        assert answer.status == 405
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_an_open_connection_does_not_hold_up_the_stop(daemon):
    server = daemon.server()
    await server.start()
    port = int(re.findall(r":(\d+)/", server.url)[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readline()
    began = time.monotonic()
    await server.stop()
    assert time.monotonic() - began < 4
    writer.close()
    await server.stop()


async def test_a_port_in_use_is_a_fault_of_the_configuration(daemon):
    first = daemon.server()
    await first.start()
    port = int(re.findall(r":(\d+)/", first.url)[0])
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}"):
        await daemon.server(port).start()
    await first.stop()
