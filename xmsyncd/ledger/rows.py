"""Between a record's row and its state: the only place where :func:`transition`'s result is written.

Keys are settled here too, in the same transaction: a record that lets a key go wakes the one that waits
for it, and a record that wants a taken key waits.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime

from xmsyncd.ledger import history
from xmsyncd.ledger.events import Blocked, Event, Unblocked
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.states import (
    KEY_CONFLICT,
    Attempt,
    Block,
    Desired,
    DesiredDraft,
    DesiredRejection,
    Phase,
    RecordState,
    is_delivered,
    keeps_its_keys,
    wanted_keys,
)
from xmsyncd.ledger.times import from_ms, to_ms
from xmsyncd.ledger.transitions import transition
from xmsyncd.records import (
    AttemptId,
    ContentHash,
    InstanceId,
    KeyValue,
    Operation,
    RecordId,
    RejectionReason,
    SourceId,
)

_COLUMNS = """id, pipeline, form, source_id, desired, key, content_hash, rejection, attempt, attempt_id,
    operation, sent_key, sent_hash, sent_ms, looks, instance_id, delivered_hash, block, block_reason, due_ms,
    tries, resends"""


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record's identity and its state."""

    record_id: RecordId
    pipeline: str
    form: str
    source_id: SourceId
    state: RecordState


def load(connection: sqlite3.Connection, record_id: RecordId) -> RecordRow:
    """The record with this number; raises ``KeyError`` when there is none."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM records WHERE id = ?", (record_id,)).fetchone()  # noqa: S608 - constant columns
    if row is None:
        raise KeyError(record_id)
    return _row(row)


def find(connection: sqlite3.Connection, pipeline: str, source_id: SourceId) -> RecordRow | None:
    """The record of this OKKI item, if it was ever staged."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM records WHERE pipeline = ? AND source_id = ?",  # noqa: S608 - constant columns
        (pipeline, source_id),
    ).fetchone()
    return None if row is None else _row(row)


def _row(row: sqlite3.Row) -> RecordRow:
    return RecordRow(
        RecordId(row["id"]), row["pipeline"], row["form"], SourceId(row["source_id"]), state_of(row)
    )


def scan(connection: sqlite3.Connection, after: RecordId, limit: int) -> list[sqlite3.Row]:
    """The raw rows of the next records in the order of their numbers, with what the schema derives."""
    return connection.execute(
        f"SELECT {_COLUMNS}, state, lane FROM records WHERE id > ? ORDER BY id LIMIT ?",  # noqa: S608 - constant columns
        (after, limit),
    ).fetchall()


def state_of(row: sqlite3.Row) -> RecordState:
    """The state that a raw row says. Raises ``ValueError`` for a word that is in no closed set."""
    desired: Desired
    if row["desired"] == "draft":
        desired = DesiredDraft(KeyValue(row["key"]), ContentHash(row["content_hash"]))
    else:
        desired = DesiredRejection(RejectionReason(row["rejection"]))
    attempt = None
    if row["attempt_id"] is not None:
        attempt = Attempt(
            attempt_id=AttemptId(row["attempt_id"]),
            phase=Phase(row["attempt"]),
            operation=Operation(row["operation"]),
            key=KeyValue(row["sent_key"]),
            content_hash=ContentHash(row["sent_hash"]),
            sent_at=from_ms(row["sent_ms"]),
            looks=row["looks"],
        )
    return RecordState(
        desired=desired,
        attempt=attempt,
        instance_id=None if row["instance_id"] is None else InstanceId(row["instance_id"]),
        delivered_hash=None if row["delivered_hash"] is None else ContentHash(row["delivered_hash"]),
        block=None if row["block"] is None else Block(row["block"]),
        block_reason=row["block_reason"],
        due_at=from_ms(row["due_ms"]),
        tries=row["tries"],
        resends=row["resends"],
    )


def insert(
    connection: sqlite3.Connection,
    *,
    pipeline: str,
    form: str,
    source_id: SourceId,
    desired: Desired,
    listed_hash: ContentHash,
    context_hash: ContentHash,
    key: KeyValue | None,
    now: datetime,
) -> RecordRow:
    """A new record, due at once if it is a draft; its key is settled, its contents row is empty."""
    state = RecordState(desired=desired, due_at=now)
    draft = isinstance(desired, DesiredDraft)
    cursor = connection.execute(
        """INSERT INTO records (pipeline, form, source_id, listed_hash, context_hash, first_seen_ms,
               desired_ms, desired, key, content_hash, rejection, due_ms)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            pipeline,
            form,
            source_id,
            listed_hash,
            context_hash,
            to_ms(now),
            to_ms(now),
            "draft" if draft else "rejection",
            desired.key if isinstance(desired, DesiredDraft) else key,
            desired.content_hash if isinstance(desired, DesiredDraft) else None,
            None if isinstance(desired, DesiredDraft) else desired.reason,
            to_ms(now),
        ),
    )
    record_id = RecordId(int(cursor.lastrowid or 0))
    connection.execute("INSERT INTO contents (record_id) VALUES (?)", (record_id,))
    return settle_keys(connection, RecordRow(record_id, pipeline, form, source_id, state), now)


def apply(connection: sqlite3.Connection, row: RecordRow, event: Event, now: datetime) -> RecordRow:
    """Carry out ``event`` on the record and write what it changed; returns the row as it is then."""
    after = transition(row.state, event)
    if after == row.state:
        return row
    _save(connection, row, after, now)
    return settle_keys(connection, replace(row, state=after), now)


def _save(connection: sqlite3.Connection, row: RecordRow, after: RecordState, now: datetime) -> None:
    desired, attempt = after.desired, after.attempt
    draft = isinstance(desired, DesiredDraft)
    newly_delivered = is_delivered(after) and not is_delivered(row.state)
    connection.execute(
        """UPDATE records SET
               desired = :desired,
               key = CASE WHEN :key IS NULL THEN key ELSE :key END,
               content_hash = :content_hash, rejection = :rejection,
               attempt = :attempt, attempt_id = :attempt_id, operation = :operation, sent_key = :sent_key,
               sent_hash = :sent_hash, sent_ms = :sent_ms, looks = :looks,
               instance_id = :instance_id, delivered_hash = :delivered_hash,
               delivered_ms = CASE WHEN :newly_delivered THEN :now_ms ELSE delivered_ms END,
               block = :block, block_reason = :block_reason,
               block_detail = CASE WHEN :block IS NULL OR :block_reason <> block_reason THEN ''
                   ELSE block_detail END,
               due_ms = :due_ms, tries = :tries, resends = :resends
           WHERE id = :id""",
        {
            "id": row.record_id,
            "desired": "draft" if draft else "rejection",
            "key": desired.key if isinstance(desired, DesiredDraft) else None,
            "content_hash": desired.content_hash if isinstance(desired, DesiredDraft) else None,
            "rejection": desired.reason if isinstance(desired, DesiredRejection) else None,
            "attempt": Phase.IDLE if attempt is None else attempt.phase,
            "attempt_id": None if attempt is None else attempt.attempt_id,
            "operation": None if attempt is None else attempt.operation,
            "sent_key": None if attempt is None else attempt.key,
            "sent_hash": None if attempt is None else attempt.content_hash,
            "sent_ms": None if attempt is None else to_ms(attempt.sent_at),
            "looks": 0 if attempt is None else attempt.looks,
            "instance_id": after.instance_id,
            "delivered_hash": after.delivered_hash,
            "newly_delivered": newly_delivered,
            "now_ms": to_ms(now),
            "block": after.block,
            "block_reason": after.block_reason,
            "due_ms": to_ms(after.due_at),
            "tries": after.tries,
            "resends": after.resends,
        },
    )


def settle_keys(connection: sqlite3.Connection, row: RecordRow, now: datetime) -> RecordRow:
    """Make the keys table say what the record now wants, waking whoever waited for what it lets go."""
    wanted = wanted_keys(row.state)
    held = {
        KeyValue(held_row["key"])
        for held_row in connection.execute("SELECT key FROM keys WHERE record_id = ?", (row.record_id,))
    }
    let_go = frozenset[KeyValue]() if keeps_its_keys(row.state) else held - wanted
    for key in let_go:
        connection.execute("DELETE FROM keys WHERE form = ? AND key = ?", (row.form, key))
    desired = row.state.desired
    if isinstance(desired, DesiredDraft) and desired.key in wanted and desired.key not in held:
        row = _take_key(connection, row, desired.key, now)
    for key in let_go:
        _wake(connection, row.form, key, now)
    return row


def _take_key(connection: sqlite3.Connection, row: RecordRow, key: KeyValue, now: datetime) -> RecordRow:
    taken = connection.execute(
        "INSERT INTO keys (form, key, record_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (row.form, key, row.record_id),
    ).rowcount
    if taken:
        return apply(connection, row, Unblocked(now), now)
    if row.state.block is Block.WAITING:
        return row
    holder = connection.execute(
        """SELECT r.id, r.source_id, r.pipeline FROM keys k JOIN records r ON r.id = k.record_id
           WHERE k.form = ? AND k.key = ?""",
        (row.form, key),
    ).fetchone()
    after = transition(row.state, Blocked(KEY_CONFLICT))
    if after == row.state:
        return row
    _save(connection, row, after, now)
    detail = f"key {key!r} belongs to OKKI id {holder['source_id']} of pipeline {holder['pipeline']}"
    connection.execute("UPDATE records SET block_detail = ? WHERE id = ?", (detail, row.record_id))
    history.note(
        connection,
        now,
        row.pipeline,
        HistoryEvent.WAITING,
        row.record_id,
        key=key,
        holder=holder["source_id"],
        holder_pipeline=holder["pipeline"],
    )
    return replace(row, state=after)


def _wake(connection: sqlite3.Connection, form: str, key: KeyValue, now: datetime) -> None:
    """Give a free key to the record that has waited longest for it."""
    waiter = connection.execute(
        """SELECT id FROM records WHERE form = ? AND key = ? AND block = 'waiting' AND desired = 'draft'
           ORDER BY desired_ms, id LIMIT 1""",
        (form, key),
    ).fetchone()
    if waiter is None:
        return
    row = load(connection, RecordId(waiter["id"]))
    woken = _take_key(connection, row, key, now)
    if woken.state.block is None:
        history.note(connection, now, row.pipeline, HistoryEvent.WOKEN, row.record_id, key=key)
