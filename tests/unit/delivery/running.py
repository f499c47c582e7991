"""A delivery that runs against a real ledger file and a Yida in memory, with tiny durations."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.unit.ledger import sample
from xmsyncd.clock import Clock, SystemClock
from xmsyncd.delivery.delivery import Delivery
from xmsyncd.delivery.parts import DeliveryOptions, DeliveryParts, nothing_to_authorise
from xmsyncd.delivery.policy import SendingRules
from xmsyncd.delivery.read_meter import ReadMeter
from xmsyncd.delivery.waiting import Bell
from xmsyncd.errors import XmsyncdError
from xmsyncd.flow.adaptive import Bounds
from xmsyncd.flow.limiter import Limiter, LimitName
from xmsyncd.heartbeat import Heartbeats
from xmsyncd.ledger import Ledger, meters, pipelines
from xmsyncd.ledger.meters import Meter
from xmsyncd.ledger.views import LookSettlement, PipelineView, Settlement, StageEntry, Stop
from xmsyncd.records import (
    Claim,
    Content,
    Family,
    Found,
    InstanceId,
    KeyValue,
    Operation,
    Outcome,
    StopReason,
)
from xmsyncd.steps import Step
from xmsyncd.transform.hashes import hash_of

MS = timedelta(milliseconds=1)

RULES = SendingRules(
    read_back=True,
    read_back_after=(20 * MS, 60 * MS, 150 * MS),
    first_creates=5,
    suspects_before_stop=8,
    undecided_streak=10,
    retry_base=2 * MS,
    retry_cap=20 * MS,
    probe_every=60 * MS,
)
OPTIONS = DeliveryOptions(rules=RULES, in_flight=8, resend_limit=2, drain=timedelta(seconds=5))

Write = Callable[[InstanceId | None, Content], Awaitable[Outcome]]


class FakeYida:
    """A form. ``script`` holds what the next writes come to; afterwards they succeed."""

    def __init__(self) -> None:
        self.instances: dict[InstanceId, Content] = {}
        self.script: deque[Write] = deque()
        self.always: Write | None = None
        self.hidden: set[InstanceId] = set()
        self.is_frozen = False
        self.read_error: Callable[[str], Exception | None] = lambda key: None
        self.calls: list[str] = []
        self.reads = 0
        self.metered: Callable[[str], Awaitable[None]] | None = None
        self.created = 0
        self.on_their_way = 0
        self.most_on_their_way = 0

    # Writes, as delivery asks for them

    async def create(self, content: Content) -> Outcome:
        self.calls.append("create")
        return await self._write(None, content)

    async def update(self, instance_id: InstanceId, content: Content) -> Outcome:
        self.calls.append("update")
        return await self._write(instance_id, content)

    async def _write(self, instance_id: InstanceId | None, content: Content) -> Outcome:
        self.on_their_way += 1
        self.most_on_their_way = max(self.most_on_their_way, self.on_their_way)
        try:
            await asyncio.sleep(0)
            behave = self.script.popleft() if self.script else self.always or self.succeed
            return await behave(instance_id, content)
        finally:
            self.on_their_way -= 1

    # What a write can come to

    def carry_out(self, instance_id: InstanceId | None, content: Content) -> InstanceId | None:
        if instance_id is None:
            self.created += 1
            instance_id = InstanceId(f"i{self.created}")
            if self.is_frozen:
                self.hidden.add(instance_id)
        elif instance_id not in self.instances:
            return None
        self.instances[instance_id] = content
        return instance_id

    async def succeed(self, instance_id: InstanceId | None, content: Content) -> Outcome:
        done = self.carry_out(instance_id, content)
        return Outcome(Family.GONE) if done is None else Outcome(Family.DELIVERED, done)

    async def lose_the_answer(self, instance_id: InstanceId | None, content: Content) -> Outcome:
        self.carry_out(instance_id, content)
        return Outcome(Family.UNDECIDED, code="lost")

    async def lose_the_call(self, instance_id: InstanceId | None, content: Content) -> Outcome:
        return Outcome(Family.UNDECIDED, code="lost")

    async def hang(self, instance_id: InstanceId | None, content: Content) -> Outcome:
        self.carry_out(instance_id, content)
        await asyncio.Event().wait()
        raise AssertionError

    @staticmethod
    def answer(family: Family, **more: Any) -> Write:
        async def behave(instance_id: InstanceId | None, content: Content) -> Outcome:
            return Outcome(family, code="code", **more)

        return behave

    # Reads

    async def search(self, key: KeyValue) -> tuple[Found, ...]:
        await self._read(f"search {key}")
        self._maybe_raise(key)
        shown = [self._found(one) for one in self.instances if one not in self.hidden]
        return tuple(one for one in shown if one.key == key)

    async def get(self, instance_id: InstanceId) -> Found | None:
        await self._read(f"get {instance_id}")
        self._maybe_raise(instance_id)
        return self._found(instance_id) if instance_id in self.instances else None

    async def count_instances(self) -> int:
        await self._read("count")
        self._maybe_raise("count")
        return len(self.instances)

    async def _read(self, call: str) -> None:
        if self.metered is not None:
            await self.metered(call.split()[0])
        self.reads += 1
        self.calls.append(call)

    def _maybe_raise(self, what: str) -> None:
        error = self.read_error(what)
        if error is not None:
            raise error

    def _found(self, instance_id: InstanceId) -> Found:
        content = self.instances[instance_id]
        return Found(instance_id, content["textField_key"], content, hash_of(content))

    # What a test asks

    @property
    def contents(self) -> dict[str, str]:
        """The text by key; fails on a double."""
        by_key = {one["textField_key"]: one["textField_name"] for one in self.instances.values()}
        assert len(by_key) == len(self.instances), f"doubles: {self.instances}"
        return by_key


@dataclass
class Told:
    """Implements ``DeliveryEvents``: what was told, in order."""

    settled: list[Settlement] = field(default_factory=list)
    looked: list[LookSettlement] = field(default_factory=list)
    stops: list[StopReason] = field(default_factory=list)
    resumed: list[StopReason] = field(default_factory=list)
    judged: list[tuple[int, int]] = field(default_factory=list)
    proven: list[timedelta] = field(default_factory=list)
    put_off: list[tuple[str, str]] = field(default_factory=list)
    without_token: list[XmsyncdError] = field(default_factory=list)
    orphans: int = 0
    pulled_in: int = 0
    vanished: list[tuple[InstanceId, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    doubles: list[tuple[str, InstanceId]] = field(default_factory=list)

    def attempt_settled(self, settlement: Settlement) -> None:
        self.settled.append(settlement)

    def suspects_judged(self, pipeline: str, *, convicted: int, acquitted: int) -> None:
        self.judged.append((convicted, acquitted))

    def look_settled(self, pipeline: str, settlement: LookSettlement) -> None:
        self.looked.append(settlement)

    def pipeline_stopped(self, pipeline: str, stop: Stop) -> None:
        self.stops.append(stop.reason)

    def pipeline_resumed(self, pipeline: str, reason: StopReason) -> None:
        self.resumed.append(reason)

    def search_proven(self, pipeline: str, lag: timedelta) -> None:
        self.proven.append(lag)

    def authorisation_failed(self, pipeline: str, error: XmsyncdError) -> None:
        self.without_token.append(error)

    def read_put_off(self, pipeline: str, what: str, error: XmsyncdError) -> None:
        self.put_off.append((what, str(error)))

    def orphans_found(self, pipeline: str, number: int) -> None:
        self.orphans += number

    def times_pulled_in(self, pipeline: str, number: int) -> None:
        self.pulled_in += number

    def send_failed(self, claim: Claim, error: Exception) -> None:
        self.failed.append((claim.key, repr(error)))

    def form_not_checked(self, pipeline: str, error: XmsyncdError) -> None:
        self.unchecked.append(str(error))

    def instance_vanished(self, pipeline: str, instance_id: InstanceId, key: str) -> None:
        self.vanished.append((instance_id, key))

    def doubles_found(self, pipeline: str, doubles: Sequence[tuple[str, InstanceId]]) -> None:
        self.doubles.extend(doubles)


class Running:
    """One pipeline's delivery in this loop; a test stages, waits for conditions, and asks."""

    def __init__(
        self,
        ledger: Ledger,
        yida: FakeYida,
        options: DeliveryOptions,
        quota: tuple[int, int],
        clock: Clock,
    ) -> None:
        self.ledger = ledger
        self.clock = clock
        self.meter = Meter("main", meters.month_of(clock.now()), *quota)
        yida.metered = ReadMeter(ledger, lambda: self.meter).take
        self.yida = yida
        self.told = Told()
        self.heartbeats = Heartbeats(clock.monotonic)
        self.bell = Bell()
        self.stopping = asyncio.Event()
        self.steps: list[Step] = []
        self.limiters = {
            operation: Limiter(LimitName("dingtalk", "main", operation), Bounds(1, 2000), clock=clock)
            for operation in Operation
        }
        self.on_step: Callable[[Step], None] = self.steps.append
        self.authorise: Callable[[], Awaitable[None]] = nothing_to_authorise
        parts = DeliveryParts(
            pipeline="products",
            form=sample.FORM,
            ledger=ledger,
            target=yida,
            looks=yida,
            limiters=self.limiters,
            authorise=lambda: self.authorise(),
            options=options,
            meter=lambda: self.meter,
            bell=self.bell,
            heartbeats=self.heartbeats,
            stopping=self.stopping,
            clock=clock,
            rng=random.Random(1),
            events=self.told,
            step=lambda step: self.on_step(step),
        )
        self.delivery = Delivery(parts)
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.delivery.prepare()
        self.task = asyncio.create_task(self.delivery.run())

    async def stop(self) -> None:
        self.stopping.set()
        assert self.task is not None
        await asyncio.wait_for(self.task, 10)

    async def stage(self, *entries: StageEntry) -> None:
        await self.ledger.write(sample.stage, *entries, now=self.clock.now())
        self.bell.ring()

    async def products(self, first: int, last: int, text: str = "") -> None:
        await self.stage(
            *(sample.draft_entry(str(n), f"K{n}", text, self.clock.now()) for n in range(first, last + 1))
        )

    async def states(self) -> dict[str, str]:
        return await self.ledger.read(sample.states)

    async def view(self) -> PipelineView:
        return await self.ledger.read(pipelines.view, "products")

    async def until(self, condition: Callable[[], Awaitable[bool]], what: str = "") -> None:
        async with asyncio.timeout(10):
            while not await condition():
                if self.task is not None and self.task.done():
                    self.task.result()
                    raise AssertionError("the delivery has ended")
                await asyncio.sleep(0.004)

    async def until_states(self, **expected: str) -> None:
        """``K1="delivered"`` or ``every="delivered"``."""

        async def reached() -> bool:
            states = await self.states()
            every = expected.get("every")
            if every is not None:
                return set(states.values()) == {every}
            return all(states[name[1:]] == state for name, state in expected.items())

        try:
            await self.until(reached)
        except TimeoutError:
            raise AssertionError(f"expected {expected}, found {await self.states()}, {self.told}") from None

    async def column(self, source_id: str, name: str) -> Any:
        return await self.ledger.read(sample.column, source_id, name)


def _prove(connection: sqlite3.Connection) -> None:
    now = SystemClock().now()
    pipelines.bootstrap(connection, "products", now, 0)
    pipelines.prove_search(connection, "products", now, timedelta(0))


@contextlib.asynccontextmanager
async def running(
    folder: Path,
    yida: FakeYida | None = None,
    *,
    options: DeliveryOptions = OPTIONS,
    proven: bool = True,
    start: bool = True,
    quota: tuple[int, int] = (0, 0),
    clock: Clock | None = None,
    **rules: Any,
) -> AsyncIterator[Running]:
    """Open, prepare and run; stop and close. ``proven``: the pipeline's first day is over.

    ``quota`` is the month's limit and its reserve.
    """
    options = replace(options, rules=replace(options.rules, **rules))
    async with Ledger(folder / "xmsyncd.db") as ledger:
        await ledger.write(sample.open_pipeline)
        if proven:
            await ledger.write(_prove)
        one = Running(ledger, yida or FakeYida(), options, quota, clock or SystemClock())
        if start:
            await one.start()
        try:
            yield one
        finally:
            if one.task is not None and not one.task.done():
                await one.stop()
