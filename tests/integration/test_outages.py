"""An outage of either vendor: a line now and then, nothing lost, and full speed again when it is over.

A minute is scaled to a second here (``log.repeat_every``), so six seconds stand for six minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.world import World, until, world
from xmsyncd.observe.logs import configure_logging
from xmsyncd.simulator.counters import Operation, Vendor
from xmsyncd.simulator.options import SimulatorOptions

OUTAGE_SECONDS = 6.0
PACE = 25.0
ABOUT = ("vendor_away", "vendor_still_away", "calls_failed", "cycle_failed", "read_put_off", "api_paused")
SETTINGS: dict[str, dict[str, Any]] = {
    "log": {"repeat_every": "1s"},
    "okki": {"timeout": "1s", "connect_timeout": "1s", "tries": 2},
    "dingtalk": {"requests_per_second": PACE, "connect_timeout": "1s"},
    "delivery": {
        "in_flight": 64,
        "call_timeout": "1s",
        "read_back_after": ["200ms", "1s", "2s", "3s"],
        "drain": "2s",
        "retry_base": "100ms",
        "retry_cap": "1s",
    },
}
# How the vendor is away: off the network, or with a fault on every call.
WAYS = {
    "refused": None,
    "502": {"name": "html_502"},
    "hang": {"name": "hang_before", "seconds": 30},
}


@pytest.fixture
def log() -> io.StringIO:
    stream = io.StringIO()
    configure_logging("info", "json", stream, ())
    return stream


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


@contextlib.asynccontextmanager
async def cycles(here: World) -> AsyncIterator[None]:
    """Cycle after cycle, and the gauges' tick beside them, as in the daemon."""

    async def ring() -> None:
        while True:
            await here.read()
            await asyncio.sleep(0.1)

    async def tick() -> None:
        while True:
            here.app.events.summarise()
            await asyncio.sleep(0.2)

    tasks = [asyncio.create_task(ring()), asyncio.create_task(tick())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def away(here: World, vendor: Vendor, way: str) -> None:
    """One outage from begin to end."""
    properties = WAYS[way]
    if properties is None:
        await here.simulated.unplug(vendor)
        await asyncio.sleep(OUTAGE_SECONDS)
        await here.simulated.plug_in(vendor)
        return
    for operation in ("*", "token"):
        here.simulated.faults.add(**properties, api=vendor.value, operation=operation)
    await asyncio.sleep(OUTAGE_SECONDS)
    here.simulated.faults.clear()


def told_once_in_a_while(told: list[dict[str, Any]], api: str, seconds: float) -> None:
    """At most one line a (scaled) minute about it, and one when it is over."""
    about = [line for line in told if line["event"] in ABOUT]
    assert 1 <= len(about) <= seconds + 1, about
    assert [line["event"] for line in told].count("unknown_answer") == 0
    [back] = [line for line in told if line["event"] == "vendor_back"]
    assert (back["api"], back["level"]) == (api, "info")
    assert back["failed"] >= 2
    assert OUTAGE_SECONDS / 3 <= back["seconds"] <= seconds + 2  # it counts from the end of a call
    assert [line for line in about if line["level"] in ("warning", "error")]


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(180)
@pytest.mark.parametrize("way", WAYS)
async def test_of_dingtalk(tmp_path: Path, log: io.StringIO, way: str) -> None:
    options = SimulatorOptions(products=260, latency=timedelta(milliseconds=200))
    async with world(
        tmp_path,
        options,
        log=SETTINGS["log"],
        okki=SETTINGS["okki"],
        dingtalk=SETTINGS["dingtalk"],
        delivery=SETTINGS["delivery"],
    ) as here:
        await here.sync(limit=5)
        await here.read()
        await until(lambda: len(here.simulated.form.store) >= 80, "it is under way", 30)
        before = fullest_stretch(here)
        log.truncate(0)
        log.seek(0)
        began = time.monotonic()
        async with cycles(here):
            await away(here, Vendor.YIDA, way)
            assert here.verdict()["doubled"] == []
            here.simulated.counters.reset()
            await until(lambda: _delivered(here, 260), "all is delivered", 90)
            lasted = time.monotonic() - began
            told_once_in_a_while(lines(log), "dingtalk", lasted)
            assert fullest_stretch(here) >= 0.7 * before
            assert here.verdict()["agrees"], here.verdict()
            assert here.verdict()["instances"] == 260


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(180)
@pytest.mark.parametrize("way", WAYS)
async def test_of_okki(tmp_path: Path, log: io.StringIO, way: str) -> None:
    async with world(
        tmp_path,
        SimulatorOptions(products=60),
        log=SETTINGS["log"],
        okki=SETTINGS["okki"],
        dingtalk=SETTINGS["dingtalk"],
        delivery=SETTINGS["delivery"],
    ) as here:
        await here.sync()
        log.truncate(0)
        log.seek(0)
        began = time.monotonic()
        async with cycles(here):
            edits = asyncio.create_task(_edit_all_along(here))
            await away(here, Vendor.OKKI, way)
            edits.cancel()
            await until(lambda: any(line["event"] == "vendor_back" for line in lines(log)), "it is back", 30)
            told_once_in_a_while(lines(log), "okki", time.monotonic() - began)
            await until(lambda: _delivered(here, 60), "all edits are delivered", 60)
            assert here.verdict()["agrees"], here.verdict()
        finished = [line for line in lines(log) if line.get("after_failed_cycles")]
        assert len(finished) == 1


async def _edit_all_along(here: World) -> None:
    while True:
        here.simulated.catalogue.edit_random()
        await asyncio.sleep(0.1)


async def _delivered(here: World, products: int) -> bool:
    return await here.states() == {"delivered": products} and bool(here.verdict()["agrees"])


def fullest_stretch(here: World) -> float:
    """Starts a second, as the vendor counted them, over the two best seconds in a row."""
    rows = here.simulated.counters.seconds(Vendor.YIDA, Operation.START)
    counts = [calls for calls, _ in rows]
    return max((sum(counts[at : at + 2]) / 2 for at in range(max(1, len(counts) - 1))), default=0.0)


@pytest.mark.timeout(90)
async def test_details_whose_answer_nobody_knows_do_not_hold_up_the_others(
    tmp_path: Path, log: io.StringIO
) -> None:
    """Five in a row, for ever: three in a row look like an outage, but what is known of them is not lost."""
    okki = {**SETTINGS["okki"], "tries": 1}
    async with world(tmp_path, SimulatorOptions(products=30), okki=okki) as here:
        ids = here.simulated.catalogue.ids()
        for product_id in ids[10:15]:
            here.simulated.faults.add(
                "error_in_200", api="okki", operation="detail", code="777", match=str(product_id)
            )

        async def through() -> bool:
            await here.read()
            return await here.states() == {"delivered": 25, "rejected": 5}

        await until(through, "the others are delivered", 60)
        rows = await here.query("SELECT DISTINCT rejection FROM records WHERE state = 'rejected'")
        assert [row["rejection"] for row in rows] == ["detail_unavailable"]
        unknown = [line for line in lines(log) if line["event"] == "unknown_answer"]
        assert [(line["endpoint"], line["code"]) for line in unknown] == [("info", "777")]

        here.simulated.faults.clear()
        await until(lambda: _after_a_cycle(here, 30), "they come right by themselves", 30)
        assert here.verdict()["agrees"]


async def _after_a_cycle(here: World, products: int) -> bool:
    await here.read()
    return await _delivered(here, products)
