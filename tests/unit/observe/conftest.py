"""A ledger with a life behind it, and the parts that watch one."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from xmsyncd.ledger import Ledger, claims, cycles, pipelines, staging
from xmsyncd.ledger.events import Settled
from xmsyncd.ledger.meters import Meter
from xmsyncd.ledger.views import Allowance, Settlement, StageEntry
from xmsyncd.observe.events import Events
from xmsyncd.observe.metrics import Metrics
from xmsyncd.records import (
    Claim,
    ContentHash,
    Draft,
    Family,
    InstanceId,
    Item,
    KeyValue,
    Operation,
    Outcome,
    Rejection,
    RejectionReason,
    SourceId,
)

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
METER = Meter("main", "2026-11")
FORM = "APP_X/FORM-1"


@dataclass
class Hand:
    """A clock that stands until it is moved."""

    moment: datetime = NOW
    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def metrics() -> Metrics:
    made = Metrics(CollectorRegistry())
    made.declare_pipeline("products", "main")
    made.declare_connection("okki", "main")
    made.declare_connection("dingtalk", "main")
    return made


@pytest.fixture
def events(metrics: Metrics, clock: Hand) -> Events:
    return Events(metrics, monotonic=clock.monotonic)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with Ledger(tmp_path / "ledger.db") as opened:
        await opened.write(pipelines.register, "products", FORM, "key")
        yield opened


def entry(number: int, *, key: str | None = None, rejected: RejectionReason | None = None) -> StageEntry:
    source_id = SourceId(f"1000{number}")
    raw = {"product_id": source_id, "name": f"产品{number}", "odd": "\ud800", "huge": 10**22}
    item = Item(source_id, NOW, raw, ContentHash(f"listed{number}"))
    if rejected is not None:
        return StageEntry(item, Rejection(source_id, NOW, rejected, "产品名称 is empty", "textField_a"))
    key = key or f"P-{number}"
    content = {"key": key, "name": f"产品{number}"}
    return StageEntry(item, Draft(source_id, NOW, KeyValue(key), content, ContentHash(f"hash{number}")))


def stage(connection: sqlite3.Connection, *entries: StageEntry, now: datetime = NOW) -> int:
    """A cycle that stages these and is done; returns its number."""
    cycle_id = cycles.begin(connection, "products", cycles.CycleKind.FIRST, None, now, now)
    staging.stage_page(
        connection,
        "products",
        FORM,
        cycle_id,
        ContentHash("context"),
        entries,
        ignore_changes=False,
        now=now,
    )
    cycles.finish(
        connection,
        cycle_id,
        "products",
        cycles.CycleResult.DONE,
        cycles.CycleCounts(pages=1, items_read=len(entries)),
        now=now + timedelta(seconds=3),
        watermark=now,
    )
    return cycle_id


def claim(connection: sqlite3.Connection, now: datetime = NOW, number: int = 1) -> tuple[Claim, ...]:
    """Mark the next due creates as being sent."""
    return claims.claim(
        connection, "products", Operation.CREATE, number, lambda view: Allowance(number), METER, now
    ).claims


def settle(connection: sqlite3.Connection, one: Claim, family: Family, now: datetime = NOW) -> Settlement:
    """Let the call of a claim end like this."""
    outcome = Outcome(
        family, instance_id=InstanceId(f"proc-{one.attempt_id}") if family is Family.DELIVERED else None
    )
    event = Settled(one.attempt_id, family, now + timedelta(seconds=5), outcome.instance_id, "vendor.code")
    settlement = Settlement(one, outcome, event)
    claims.settle(connection, [settlement], METER, now)
    return settlement
