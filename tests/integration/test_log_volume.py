"""A day's log of a healthy daemon stays short enough to be read, and each line says what it is about."""

from __future__ import annotations

import asyncio
import io
import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry

from tests.world import settings_of, until, world
from xmsyncd.app import open_app
from xmsyncd.clock import SystemClock
from xmsyncd.observe.logs import configure_logging
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.oracle import NUMBER
from xmsyncd.simulator.server import Simulator

_CYCLES_OF_A_DAY = 144
_CYCLES_RUN = 12
_MOST_LINES_OF_A_DAY = 2000


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    yield stream
    structlog.reset_defaults()


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


async def test_a_healthy_day_is_below_two_thousand_lines(tmp_path: Path, log: io.StringIO):
    """Cycles of ten minutes in which something changes each time, which is the most a healthy day says.

    A cycle says the same however long it waited for its turn, so a dozen stand for the 144 of a day. What is
    said by time (deliveries are summed up every five minutes) is counted twice for each cycle instead.
    """
    configure_logging("info", "json", log, ())
    async with world(tmp_path, SimulatorOptions(products=120)) as here:
        await here.sync()
        here.app.events.summarise(at_once=True)
        log.truncate(0)
        log.seek(0)
        for number in range(_CYCLES_RUN):
            here.simulated.catalogue.edit_random(5)
            here.simulated.catalogue.create()
            await here.sync()
            here.app.events.summarise(at_once=True)
            assert here.verdict()["agrees"], number
    told = lines(log)
    counts = Counter(line["event"] for line in told)
    assert counts["cycle_finished"] == _CYCLES_RUN
    assert {line["level"] for line in told} == {"info"}, counts
    a_day = (len(told) + counts["deliveries"]) / _CYCLES_RUN * _CYCLES_OF_A_DAY
    assert a_day < _MOST_LINES_OF_A_DAY, counts


async def test_at_debug_each_line_says_what_it_is_about(tmp_path: Path, log: io.StringIO):
    configure_logging("debug", "json", log, ())
    async with world(tmp_path, SimulatorOptions(products=8)) as here:
        here.simulated.faults.add("lost_reset", operation="start", times=1, after=2)
        here.simulated.faults.add("coded", operation="start", times=1, after=5)
        await here.sync()
        await until(lambda: "look_settled" in log.getvalue(), "what got lost was looked for")
        await asyncio.sleep(0)
    told = lines(log)
    calls = [line for line in told if line["event"] == "answer_judged" and line["endpoint"] != "token"]
    assert {line["endpoint"] for line in calls} >= {"list", "start"}
    assert {line.get("pipeline") for line in calls} == {"products"}
    assert all("cycle_id" in line for line in calls if line["endpoint"] == "list")
    writes = [line for line in calls if line["endpoint"] == "start"]
    assert all(line["key"] and line["attempt_id"] for line in writes)
    settled = {line["attempt_id"]: line for line in told if line["event"] == "attempt_settled"}
    assert settled
    for line in writes:
        assert settled[line["attempt_id"]]["key"] == line["key"], "a line is about the record it says"
    unknown = [line for line in told if line["event"] == "unknown_answer"]
    assert [line["request_id"] != "" and line["key"] != "" for line in unknown] == [True]
    assert all(line["cycle_id"] for line in told if line["event"] in ("page_staged", "window_proved"))


async def test_each_record_that_is_set_aside_is_named_at_debug(tmp_path: Path, log: io.StringIO):
    configure_logging("debug", "json", log, ())
    guard = {"updates": 1, "share": "1%", "at_least": 1, "within": "1h"}
    async with world(tmp_path, SimulatorOptions(products=6), guard=guard) as here:
        await here.sync()
        log.truncate(0)
        log.seek(0)
        catalogue = here.simulated.catalogue
        nameless, *edited = catalogue.ids()[:4]
        number = here.simulated.oracle.expected(catalogue.ids()[5])[NUMBER]
        namesake = catalogue.create(product_no=number)
        catalogue.edit(nameless, name="")
        for one in edited:
            catalogue.edit(one, product_remark="改过")
        await here.read()
    told = lines(log)
    aside = {line["source_id"]: line for line in told if line["event"].startswith("record_")}
    cycle_id = max(line["cycle_id"] for line in told if "cycle_id" in line)
    assert {line["pipeline"] for line in aside.values()} == {"products"}
    assert {(line["level"], line["cycle_id"]) for line in aside.values()} == {("debug", cycle_id)}
    rejected, waiting = aside.pop(str(nameless)), aside.pop(str(namesake))
    assert (rejected["event"], rejected["reason"]) == ("record_rejected", "required")
    assert rejected["key"] == here.simulated.oracle.expected(nameless)[NUMBER]
    assert (waiting["event"], waiting["key"]) == ("record_waiting", number)
    assert {line["event"] for line in aside.values()} == {"record_held"}
    assert {int(one) for one in aside} < set(edited)
    assert {line["key"] for line in aside.values()} == {
        here.simulated.oracle.expected(int(one))[NUMBER] for one in aside
    }
    [held] = [line for line in told if line["event"] == "updates_held"]
    assert (held["held"], held["cycle_id"]) == (len(aside), cycle_id)


async def test_what_a_stop_has_to_cut_off_is_named(
    tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
):
    configure_logging("info", "json", log, ())
    monkeypatch.setattr("xmsyncd.app._SETTLING", timedelta(0))
    short = {"call_timeout": "1s", "drain": "1100ms"}
    async with Simulator(SimulatorOptions(products=1)) as simulated:
        settings = settings_of(tmp_path, simulated, delivery=short, dingtalk={"connect_timeout": "500ms"})
        async with (
            open_app(
                settings, clock=SystemClock(), rng=random.Random(1), registry=CollectorRegistry()
            ) as app,
            app.running(delivers=False) as tasks,
        ):
            tasks.start("what will not end", asyncio.sleep(3600))
    [told] = [line for line in lines(log) if line["event"] == "tasks_cut_off"]
    assert (told["level"], told["tasks"]) == ("warning", ["what will not end"])
