"""Views, claims and looks for tests of the pure decisions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from xmsyncd.delivery.policy import SendingRules
from xmsyncd.flow.quota import MonthUse
from xmsyncd.ledger.views import KnownInstance, LaneView, Look, PipelineView, Stop
from xmsyncd.records import (
    AttemptId,
    Claim,
    ContentHash,
    Found,
    InstanceId,
    KeyValue,
    Operation,
    RecordId,
    StopReason,
)

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
UNMETERED = MonthUse()
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DELAYS = (5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE)

RULES = SendingRules(
    read_back=True,
    read_back_after=DELAYS,
    first_creates=5,
    suspects_before_stop=20,
    undecided_streak=10,
    retry_base=2 * SECOND,
    retry_cap=10 * MINUTE,
    probe_every=timedelta(hours=1),
)

PIPELINE = PipelineView(
    name="products",
    form="APP/FORM",
    watermark=None,
    context_hash=None,
    last_full_at=None,
    last_success_at=None,
    bootstrap_at=NOW,
    search_proven_at=NOW,
    search_lag=SECOND,
    stop=None,
)


def lane_view(
    operation: Operation = Operation.CREATE,
    *,
    suspects: int = 0,
    creates_sent: int = 0,
    suspects_elsewhere: int = 0,
    sending_elsewhere: int = 0,
    use: MonthUse = UNMETERED,
    waiting: int = 0,
    now: datetime = NOW,
    **pipeline: Any,
) -> LaneView:
    return LaneView(
        pipeline=replace(PIPELINE, **pipeline),
        operation=operation,
        now=now,
        suspects=suspects,
        creates_sent=creates_sent,
        suspects_elsewhere=suspects_elsewhere,
        sending_elsewhere=sending_elsewhere,
        use=use,
        waiting=waiting,
    )


def stop(reason: StopReason, probe_at: datetime | None = NOW + MINUTE) -> Stop:
    return Stop(reason, "detail", NOW - MINUTE, probe_at)


def claim(number: int = 1, *, at: datetime = NOW, operation: Operation = Operation.CREATE) -> Claim:
    return Claim(
        attempt_id=AttemptId(number),
        record_id=RecordId(number),
        pipeline="products",
        operation=operation,
        key=KeyValue(f"K{number}"),
        content={"textField_key": f"K{number}"},
        content_hash=ContentHash(f"h{number}"),
        instance_id=None if operation is Operation.CREATE else InstanceId(f"i{number}"),
        claimed_at=at,
    )


def look(**more: Any) -> Look:
    plain = Look(
        record_id=RecordId(1),
        attempt_id=AttemptId(1),
        operation=Operation.CREATE,
        key=KeyValue("K1"),
        content_hash=ContentHash("h1"),
        sent_at=NOW,
        instance_id=None,
        looks=0,
        resends=0,
        settled_after=AttemptId(5),
    )
    return replace(plain, **more)


def found(
    instance_id: str, key: str = "K1", content_hash: str = "h1", *, age: timedelta | None = None
) -> Found:
    return Found(
        InstanceId(instance_id),
        key,
        {"textField_key": key},
        ContentHash(content_hash),
        None if age is None else NOW - age,
    )


def known(attempt_id: int | None = 6, created_at: datetime = NOW) -> KnownInstance:
    made_by = None if attempt_id is None else AttemptId(attempt_id)
    return KnownInstance(InstanceId("witness"), KeyValue("W"), created_at, made_by)
