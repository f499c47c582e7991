"""Runs one cell: the whole application against simulated vendors of its own, over sockets."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry

from tests.matrix.kinds import Cell, End, Op, Pattern
from tests.world import EVERYTHING, World, settings_of, until
from xmsyncd.app import open_app
from xmsyncd.clock import SystemClock
from xmsyncd.console.server import ConsoleServer, Health
from xmsyncd.ledger import people
from xmsyncd.ledger.states import FAILED_STATES
from xmsyncd.lifecycle import Tasks
from xmsyncd.records import Family, StopReason
from xmsyncd.simulator.faults import Fault, fault_from_mapping
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.server import Simulator

OUTAGE_SECONDS = 1.5
"""How long "everything for a while" is here: longer than a call's time-out and several back-offs."""

_NTH = 20
"""5 % of calls: the first, and every 20th after it."""

# Enough for the 21st call of the kind in question, or for one.
_MANY, _FEW = 24, 6

SETTINGS: dict[str, Mapping[str, Any]] = {
    "okki": {"timeout": "1500ms", "connect_timeout": "500ms", "tries": 2},
    "dingtalk": {"connect_timeout": "500ms", "address_block": "3s"},
    "delivery": {
        "in_flight": 16,
        "call_timeout": "1500ms",
        "read_back_after": ["100ms", "500ms", "900ms", "1500ms"],
        "drain": "2s",
        "retry_base": "50ms",
        "retry_cap": "400ms",
        "probe_every": "300ms",
    },
    "source": {"page_size": 5, "group_cache": "0s"},
}
"""Durations are settings and are scaled to tenths of seconds; everything else is as a user would have it."""


@dataclass(slots=True)
class Watch:
    """One console for all cells that run at this time: its ``/livez`` says whether any of them has died."""

    tasks: list[Tasks] = field(default_factory=list)
    url: str = ""

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Watch]:
        """Listen, inside the running loop."""
        health = Health(self._dead, list)
        console = ConsoleServer(
            host="127.0.0.1", port=0, registry=CollectorRegistry(), ask=_ask_nothing, health=health
        )
        await console.start()
        self.url = console.url
        try:
            yield self
        finally:
            await console.stop()

    def _dead(self) -> str | None:
        return next((str(tasks.death) for tasks in self.tasks if tasks.death is not None), None)


async def _ask_nothing(operation: str, params: Mapping[str, Any]) -> Any:
    return {}


@dataclass(slots=True)
class Running:
    """What a cell works with while it runs."""

    here: World
    tasks: Tasks
    watch: Watch
    parts: set[str]
    """The tasks that ran at the start; none of them may have ended."""
    products: int = 0

    def count(self, name: str, **labels: str) -> float:
        """The sum of a counter over all labels that are not given."""
        return sum(
            sample.value
            for metric in self.here.registry.restricted_registry([f"xmsyncd_{name}_total"]).collect()
            for sample in metric.samples
            if all(sample.labels.get(label) == value for label, value in labels.items())
        )

    async def all_is_well(self) -> bool:
        """Whether Yida holds everything once with its latest content, and the ledger knows it."""
        if await self.here.states() != {"delivered": self.products}:
            return False
        return bool(self.here.verdict()["agrees"])


async def run_cell(cell: Cell, folder: Path, watch: Watch) -> None:
    """Raises AssertionError for what does not hold. ``folder`` must exist and be empty."""
    async with _running(cell, folder, watch) as running:
        async with cycles_without_end(running.here):
            await _comes_right(running)
        before = _Counts.of(running, cell)
        fault = await _break(cell, running)
        _edit(cell, running)
        async with cycles_without_end(running.here):
            if cell.pattern is Pattern.OUTAGE:
                await _outage(cell, running, fault, before)
            elif fault is not None:
                await until(lambda: fault.struck > 0, "the fault strikes", 15)
            if cell.kind.end is End.PARKED:
                await _park_and_retry(cell, running)
            await _comes_right(running)
            await _until_moved(cell, running, before, fault)
        await _is_alive(running)
        unbalanced = await running.here.query("SELECT * FROM cycles WHERE balance <> 0")
        assert unbalanced == [], "what was read is decided, in every cycle"
        verdict = running.here.verdict()
        assert verdict["doubled"] == []
        assert verdict["instances"] == running.products


async def _until_moved(cell: Cell, running: Running, before: _Counts, fault: Fault | None) -> None:
    """A struck call may still hang when everything has arrived by another."""
    deadline = time.monotonic() + 10
    struck = 1 if fault is None else fault.struck
    while True:
        try:
            return _has_moved(cell, running, before, struck)
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.2)


async def _comes_right(running: Running) -> None:
    try:
        await until(running.all_is_well, "all is delivered", 45)
    except AssertionError as error:
        states, verdict = await running.here.states(), running.here.verdict()
        raise AssertionError(f"{error}: {states}, {verdict}") from error


@contextlib.asynccontextmanager
async def _running(cell: Cell, folder: Path, watch: Watch) -> AsyncIterator[Running]:
    products = _MANY if cell.pattern is Pattern.SOME and cell.op in (Op.UPDATE, Op.DETAIL, Op.GET) else _FEW
    options = SimulatorOptions(products=products, index_lag=timedelta(milliseconds=20))
    async with Simulator(options) as simulated:
        changes = dict(SETTINGS)
        if cell.kind.stop is StopReason.ALL_REFUSED:
            changes["delivery"] = {**changes["delivery"], "suspects_before_stop": 3}
        if cell.op in (Op.SEARCH, Op.GET):
            # Many in doubt are what these cells are about; one at a time they would take half a minute.
            changes["delivery"] = {**changes["delivery"], "undecided_streak": 1000}
        settings = settings_of(folder, simulated, **changes)
        registry = CollectorRegistry()
        opened = open_app(settings, clock=SystemClock(), rng=random.Random(1), registry=registry)
        async with opened as app, app.running() as tasks:
            watch.tasks.append(tasks)
            try:
                here = World(simulated, app, registry, folder / "xmsyncd.db")
                yield Running(here, tasks, watch, set(tasks.names), products)
            finally:
                watch.tasks.remove(tasks)


async def _break(cell: Cell, running: Running) -> Fault | None:
    """Switch the fault on, and what leads to the call in question; None: the vendor is off the network."""
    simulated, op = running.here.simulated, cell.op
    match op:
        case Op.SEARCH:
            simulated.faults.add("lost_reset", operation="start", times=_MANY)
        case Op.GET:
            simulated.faults.add("lost_reset", operation="update", times=_MANY)
        case Op.OKKI_TOKEN:
            simulated.okki.revoke_tokens()
        case Op.YIDA_TOKEN:
            simulated.yida.revoke_tokens()
    if cell.kind.fault is None:
        await simulated.unplug(op.vendor)
        return None
    properties = {"api": op.vendor.value, **cell.kind.fault, "operation": op.call.value}
    match cell.pattern:
        case Pattern.ONCE:
            properties["times"] = 1
        case Pattern.SOME:
            properties["nth"] = properties["every"] = _NTH
    fault = fault_from_mapping(properties)
    simulated.faults.append(fault)
    return fault


def _edit(cell: Cell, running: Running) -> None:
    """New products and changed ones, as many as the operation needs calls."""
    catalogue = running.here.simulated.catalogue
    is_some = cell.pattern is Pattern.SOME
    ids = catalogue.ids()
    for number, product_id in enumerate(ids[: _MANY if is_some else 3]):
        catalogue.edit(product_id, name=f"改过的 {number}")
    created = _MANY if is_some and cell.op in (Op.START, Op.SEARCH, Op.LIST) else 3
    for _ in range(created):
        catalogue.create()
    running.products += created


@contextlib.asynccontextmanager
async def cycles_without_end(here: World) -> AsyncIterator[None]:
    """Cycle after cycle, as the schedule would have them."""

    async def ring() -> None:
        while True:
            await here.read()
            await asyncio.sleep(0.1)

    task = asyncio.create_task(ring(), name="ring")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _outage(cell: Cell, running: Running, fault: Fault | None, before: _Counts) -> None:
    began = time.monotonic()
    endpoint = {"api": "okki" if cell.op in (Op.OKKI_TOKEN, Op.LIST) else "dingtalk"}
    if fault is None:
        await until(
            lambda: running.count("http_requests", **endpoint, result="not_sent"), "nothing gets out", 15
        )
    else:
        await until(lambda: fault.struck > 0, "the fault strikes", 15)
    if _fails(cell):
        await until(lambda: _Counts.of(running, cell).failures > before.failures, "it is said to fail", 15)
    if cell.kind.end is End.STOPPED:
        await until(lambda: _stops(cell, running) > 0, f"it stops: {cell.kind.stop}", 15)
    await asyncio.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - began)))
    await _is_alive(running)
    assert running.here.verdict()["doubled"] == []
    if fault is None:
        await running.here.simulated.plug_in(cell.op.vendor)
    else:
        running.here.simulated.faults.remove(fault)


async def _park_and_retry(cell: Cell, running: Running) -> None:
    """Those that were struck are listed, the others delivered; then a person has them tried again."""
    ledger, here = running.here.app.runtime.ledger, running.here

    async def parked() -> bool:
        states = await here.states()
        return states.get("parked", 0) >= 1 and set(states) <= {"parked", "delivered"}

    await until(parked, "the refused are parked, the others delivered", 15)
    here.simulated.faults.clear()
    reasons = await here.query("SELECT DISTINCT block_reason FROM records WHERE state = 'parked'")
    assert [row["block_reason"] for row in reasons] == ["invalidState.form.invalidFormData"]
    for record_id in await ledger.read(people.select, "products", EVERYTHING, FAILED_STATES):
        await ledger.write(people.retry, record_id, resend=False, now=here.app.runtime.clock.now())
    here.pipeline.bell.ring()


async def _is_alive(running: Running) -> None:
    assert running.tasks.death is None
    assert running.parts <= set(running.tasks.names), running.tasks.names
    assert not running.here.app.runtime.stopping.is_set()
    async with (
        aiohttp.ClientSession() as session,
        session.get(running.watch.url + "livez") as response,
    ):
        assert response.status == 200


@dataclass(frozen=True, slots=True)
class _Counts:
    answers: float
    requests: float
    late: float
    """Answers that came after our time-out: this machine was busy, and what they said is not known."""
    throttled: float
    failures: float
    undecided: float
    stops: float

    @classmethod
    def of(cls, running: Running, cell: Cell) -> _Counts:
        api = "okki" if cell.op.vendor == "okki" else "dingtalk"
        of_call = {"api": api} if cell.kind.fault is None else {"api": api, "endpoint": cell.op.endpoint}
        throttled = {"api": api, "endpoint": "all" if api == "okki" else cell.op.endpoint}
        return cls(
            running.count("answers", **of_call, family=cell.kind.family(cell.op)),
            running.count("http_requests", **of_call, result=cell.kind.result),
            0.0 if cell.kind.result == "lost" else running.count("http_requests", **of_call, result="lost"),
            running.count("throttled", **throttled),
            sum(running.count("failures", **labels) for labels in _failures(cell)),
            running.count("deliveries", outcome="undecided"),
            _stops(cell, running),
        )


def _failures(cell: Cell) -> tuple[dict[str, str], ...]:
    """Which of ``failures_total`` a failing call of this kind belongs to."""
    match cell.op:
        case Op.START | Op.UPDATE:
            family = cell.kind.family(cell.op)
            # A fresh token that is refused as well is the vendor's trouble, and may pass.
            family = Family.TRY_LATER if family is Family.REAUTHENTICATE else family
            return ({"stage": "delivery", "reason": family},)
        case Op.YIDA_TOKEN:
            return ({"stage": "delivery", "reason": "try_later"},)
        case Op.SEARCH | Op.GET:
            return ({"stage": "read_back"},)
        case Op.DETAIL:  # of one product, until three in a row are an outage of all
            return ({"stage": "transform", "reason": "detail_unavailable"}, {"stage": "source"})
        case _:
            return ({"stage": "source"},)


def _fails(cell: Cell) -> bool:
    """Whether an outage of this kind is a failure beyond the call itself: not so where a pause is enough."""
    family = cell.kind.family(cell.op)
    if cell.op.is_write and family is Family.THROTTLED:
        return False
    return cell.kind.seen and family is not Family.STOP


def _stops(cell: Cell, running: Running) -> float:
    reason = cell.kind.stop or ""
    stage, said = ("source", f"cannot_work:{reason}") if cell.op.vendor == "okki" else ("delivery", reason)
    return running.count("failures", stage=stage, reason=said)


def _has_moved(cell: Cell, running: Running, before: _Counts, struck: int) -> None:
    """The right counters moved: each struck call by its end, and what followed from it."""
    after = _Counts.of(running, cell)
    struck = max(1, struck - round(after.late - before.late))
    family, op = cell.kind.family(cell.op), cell.op
    if cell.kind.seen:
        assert after.answers - before.answers >= struck, f"answers_total: {after} {before} {struck}"
        assert after.requests - before.requests >= struck, f"http_requests_total: {after} {before} {struck}"
    if family is Family.THROTTLED:
        assert after.throttled - before.throttled >= struck, "throttled_total"
    if op.is_write and family is Family.UNDECIDED:
        assert after.undecided - before.undecided >= struck, "deliveries_total{undecided}"
    counted = family in (Family.NOT_SENT, Family.TRY_LATER, Family.UNDECIDED, Family.REFUSED, Family.STOP)
    if op.is_write and counted:
        assert after.failures - before.failures >= 1, f"failures_total: {_failures(cell)}"
    if cell.pattern is Pattern.OUTAGE and _fails(cell):
        assert after.failures - before.failures >= 1, f"failures_total: {_failures(cell)}"
    if cell.kind.end is End.STOPPED and cell.pattern is Pattern.OUTAGE:
        assert after.stops - before.stops >= 1, "failures_total by the reason of the stop"
