"""A vendor that wants silence, and a clock that is wrong, on the page of a running application."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry

from tests.world import SteppedClock, World, until, world
from xmsyncd.console.server import ConsoleServer, Health
from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.operations.table import result_of
from xmsyncd.simulator.options import SimulatorOptions


@contextlib.asynccontextmanager
async def console(here: World) -> AsyncIterator[aiohttp.ClientSession]:
    async def ask(operation: str, params: Mapping[str, Any]) -> Any:
        return await result_of(here.app.runtime, operation, params)

    health = Health(lambda: None, list)
    server = ConsoleServer(host="127.0.0.1", port=0, registry=CollectorRegistry(), ask=ask, health=health)
    await server.start()
    try:
        async with aiohttp.ClientSession(server.url) as session:
            yield session
    finally:
        await server.stop()


async def page(web: aiohttp.ClientSession, language: str = "en") -> str:
    async with web.get("/", headers={"Accept-Language": language}) as answer:
        assert answer.status == 200
        return " ".join((await answer.text()).split())


async def test_silence_that_okki_wants_and_a_wrong_clock_are_told_and_nothing_is_in_step(
    tmp_path: Path,
) -> None:
    clock = SteppedClock()
    async with (
        world(tmp_path, SimulatorOptions(products=5), clock=clock, okki={"requests_per_second": 40}) as here,
        console(here) as web,
    ):
        await here.sync()
        calm = await page(web)
        assert "Yida is in step with OKKI" in calm
        assert "At full speed: OKKI main up to 40 a second · DingTalk main up to" in calm
        for words in ("clock is wrong", "paused for", "slowed down"):
            assert words not in calm

        clock.ahead = timedelta(minutes=45)
        here.simulated.faults.add("okki_429", seconds=100)
        here.pipeline.loop.ask(CycleRequest())
        await until(lambda: here.app.runtime.limits()[0].paused, "OKKI is left alone")
        told: list[str] = []

        async def is_told() -> bool:
            told[:] = [await page(web)]  # the status is kept for a moment
            return "Calls to OKKI are paused" in told[0]

        await until(is_told, "the page tells it")
        for words in (
            "Calls to OKKI are paused for another 1 min ",
            "(HTTP 429)</p>",
            '<td class="lead">OKKI main</td><td>all calls</td>',
            " of 40 a second</td>",
            '<span class="warn">paused for 1 min ',
            "At full speed: DingTalk main up to",
            "This machine&#39;s clock is wrong",
            "fast by the clock of OKKI main",
            "<title>needs a look",
        ):
            assert words in told[0], words
        assert "in step" not in told[0]
        chinese = await page(web, "zh-CN")
        for words in (
            "OKKI 调用已暂停，还剩 1分",
            "（HTTP 429）",
            "本机时钟不准",
            "比 OKKI main 的时钟快 4",
            "全速：钉钉 main 每秒最多",
        ):
            assert words in chinese, words


async def test_what_waits_for_a_blocked_address_is_told_with_its_code(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=5)) as here, console(here) as web:
        await here.sync()
        here.simulated.faults.add("ip_block", seconds=300)
        catalogue = here.simulated.catalogue
        catalogue.edit(catalogue.ids()[0], product_remark="新")
        await here.read()
        told: list[str] = []

        async def is_told() -> bool:
            told[:] = [await page(web)]
            return "Calls to Yida are paused for another" in told[0]

        await until(is_told, "the page tells it")
        assert "(1111)</p>" in told[0]
        for endpoint in ("access tokens", "new records", "changes", "searches"):
            assert f'<td class="lead">DingTalk main</td><td>{endpoint}</td>' in told[0]
        assert "At full speed: OKKI main up to" in told[0]
