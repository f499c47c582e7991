"""Sample items and the ledger's steps in short, each a function for ``Ledger.write`` or a bare connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from xmsyncd.ledger import claims, cycles, looks, pipelines, rows, staging
from xmsyncd.ledger.cycles import CycleKind
from xmsyncd.ledger.events import Finding, Looked, Settled
from xmsyncd.ledger.guard import UNGUARDED, GuardRules
from xmsyncd.ledger.meters import Meter
from xmsyncd.ledger.states import VisibleState
from xmsyncd.ledger.views import (
    Allowance,
    LaneView,
    Look,
    LookSettlement,
    Settlement,
    SettleReport,
    StageDecision,
    StageEntry,
    Stop,
)
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
    RecordId,
    Rejection,
    RejectionReason,
    SourceId,
)
from xmsyncd.transform.hashes import hash_of
from xmsyncd.transform.quality.standing import NO_RULES, QualityPlan

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
FORM = "APP/FORM"
METER = Meter("main", "2026-11")
CONTEXT = ContentHash("context")
EVERYTHING = Allowance(1000)


def open_pipeline(connection: sqlite3.Connection, name: str = "products", form: str = FORM) -> None:
    """A registered pipeline in the midst of cycle 1 (the first that is opened)."""
    pipelines.register(connection, name, form, "textField_key", target_connection=METER.connection)
    begin_cycle(connection, name)


def begin_cycle(connection: sqlite3.Connection, pipeline: str = "products") -> int:
    return cycles.begin(connection, pipeline, CycleKind.INCREMENTAL, NOW, NOW, NOW)


def item(source_id: str, at: datetime | None = NOW, **raw: Any) -> Item:
    return Item(SourceId(source_id), at, {"product_id": source_id, **raw}, hash_of(raw))


def draft_entry(
    source_id: str, key: str, text: str = "", at: datetime | None = NOW, **further: Any
) -> StageEntry:
    """``further`` components are mapped beside key and name."""
    return draft_of(source_id, key, {"textField_key": key, "textField_name": text, **further}, at)


def draft_of(source_id: str, key: str, content: Mapping[str, Any], at: datetime | None = NOW) -> StageEntry:
    draft = Draft(SourceId(source_id), at, KeyValue(key), content, hash_of(content))
    return StageEntry(item(source_id, at, **content), draft)


def rejected_entry(
    source_id: str, at: datetime | None = NOW, reason: RejectionReason = RejectionReason.EMPTY_KEY, **raw: Any
) -> StageEntry:
    return StageEntry(
        item(source_id, at, **raw),
        Rejection(SourceId(source_id), at, reason, "found nothing, expected a key"),
    )


def stage(
    connection: sqlite3.Connection,
    *entries: StageEntry,
    pipeline: str = "products",
    cycle_id: int = 1,
    now: datetime = NOW,
    ignore_changes: bool = False,
    form: str = FORM,
    guard: GuardRules = UNGUARDED,
    context: ContentHash = CONTEXT,
    plan: QualityPlan = NO_RULES,
) -> dict[StageDecision, int]:
    staged = staging.stage_page(
        connection,
        pipeline,
        form,
        cycle_id,
        context,
        entries,
        ignore_changes=ignore_changes,
        now=now,
        guard=guard,
        plan=plan,
    )
    return dict(staged.decisions)


def claim(
    connection: sqlite3.Connection,
    operation: Operation = Operation.CREATE,
    *,
    pipeline: str = "products",
    wanted: int = 100,
    allowance: Allowance = EVERYTHING,
    now: datetime = NOW,
) -> tuple[Claim, ...]:
    def decide(view: LaneView) -> Allowance:
        return allowance

    return claims.claim(connection, pipeline, operation, wanted, decide, METER, now).claims


def settle(
    connection: sqlite3.Connection,
    one: Claim,
    family: Family = Family.DELIVERED,
    instance_id: str | None = None,
    *,
    now: datetime = NOW,
    due_at: datetime | None = None,
    stop: Stop | None = None,
    calls: int = 1,
) -> SettleReport:
    if family is Family.DELIVERED and one.operation is Operation.CREATE and instance_id is None:
        instance_id = f"instance of {one.record_id}"
    outcome = Outcome(
        family, None if instance_id is None else InstanceId(instance_id), code="code", calls=calls
    )
    event = Settled(one.attempt_id, family, due_at or now, outcome.instance_id, "code")
    return claims.settle(connection, [Settlement(one, outcome, event, stop)], METER, now)


def deliver_all(connection: sqlite3.Connection, now: datetime = NOW, pipeline: str = "products") -> list[str]:
    """Claim and deliver whatever is due, creates first; returns the keys in the order they went out."""
    sent = []
    for operation in Operation:
        for one in claim(connection, operation, now=now, pipeline=pipeline):
            settle(connection, one, now=now)
            sent.append(str(one.key))
    return sent


def open_doubt(connection: sqlite3.Connection, source_id: str, now: datetime = NOW) -> Claim:
    """Claim everything due and leave this record undecided; the others are given back."""
    found = None
    for operation in Operation:
        for one in claim(connection, operation, now=now):
            if one.record_id == record_id(connection, source_id):
                found = one
                settle(connection, one, Family.UNDECIDED, now=now, due_at=now + timedelta(seconds=5))
            else:
                claims.give_back(connection, [one], METER, now)
    assert found is not None
    return found


def due_looks(connection: sqlite3.Connection, now: datetime, pipeline: str = "products") -> tuple[Look, ...]:
    return looks.due_looks(connection, pipeline, 100, now)


def settle_look(
    connection: sqlite3.Connection,
    look: Look,
    finding: Finding,
    *,
    instance_id: str | None = None,
    found_hash: str | None = None,
    doubles: Sequence[str] = (),
    now: datetime = NOW,
    due_at: datetime | None = None,
    calls: int = 1,
) -> None:
    event = Looked(
        look.attempt_id,
        finding,
        due_at or now,
        2,
        None if instance_id is None else InstanceId(instance_id),
        None if found_hash is None else ContentHash(found_hash),
    )
    others = tuple(InstanceId(double) for double in doubles)
    looks.settle_looks(connection, [LookSettlement(look, event, calls, others, "note")], now)


def record_id(connection: sqlite3.Connection, source_id: str, pipeline: str = "products") -> RecordId:
    row = rows.find(connection, pipeline, SourceId(source_id))
    assert row is not None
    return row.record_id


def states(connection: sqlite3.Connection) -> dict[str, str]:
    """The visible state of every record by its OKKI id."""
    found = connection.execute("SELECT source_id, state FROM records ORDER BY id")
    return {row["source_id"]: row["state"] for row in found}


def state_of(connection: sqlite3.Connection, source_id: str) -> VisibleState:
    return VisibleState(states(connection)[source_id])


def holders(connection: sqlite3.Connection) -> dict[str, str]:
    """Which OKKI id holds each key."""
    found = connection.execute(
        "SELECT k.key, r.source_id FROM keys k JOIN records r ON r.id = k.record_id ORDER BY k.key"
    )
    return {row["key"]: row["source_id"] for row in found}


def column(connection: sqlite3.Connection, source_id: str, name: str) -> Any:
    return connection.execute(
        f"SELECT r.*, c.* FROM records r JOIN contents c ON c.record_id = r.id WHERE source_id = ?",  # noqa: F541
        (source_id,),
    ).fetchone()[name]


def fill(look: Look, **more: Any) -> Look:
    return replace(look, **more)
