"""Undecided attempts: which are due to be looked for, and what each look came to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from xmsyncd.ledger import history, holdings, pipelines, rows
from xmsyncd.ledger.claims import mark_gone
from xmsyncd.ledger.events import Finding
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.rows import RecordRow
from xmsyncd.ledger.states import Block, visible_state
from xmsyncd.ledger.times import from_ms, to_ms
from xmsyncd.ledger.views import KnownInstance, Look, LookSettlement
from xmsyncd.records import (
    AttemptId,
    ContentHash,
    InstanceId,
    KeyValue,
    Operation,
    RecordId,
)


def due_looks(connection: sqlite3.Connection, pipeline: str, limit: int, now: datetime) -> tuple[Look, ...]:
    """The undecided attempts whose next look is due, longest due first."""
    found = connection.execute(
        """SELECT r.id, r.attempt_id, r.operation, r.sent_key, r.sent_hash, r.sent_ms, r.instance_id, r.looks,
               r.resends, a.settled_after, a.waited_ms,
               (SELECT k.key FROM keys k WHERE k.record_id = r.id AND k.key = r.key AND k.key <> r.sent_key)
                   AS renamed_to
           FROM records r JOIN attempts a ON a.id = r.attempt_id
           WHERE r.pipeline = ? AND r.lane = 'look' AND r.due_ms <= ? ORDER BY r.due_ms, r.id LIMIT ?""",
        (pipeline, to_ms(now), limit),
    )
    return tuple(
        Look(
            record_id=RecordId(row["id"]),
            attempt_id=AttemptId(row["attempt_id"]),
            operation=Operation(row["operation"]),
            key=KeyValue(row["sent_key"]),
            content_hash=ContentHash(row["sent_hash"]),
            sent_at=from_ms(row["sent_ms"]),
            instance_id=None if row["instance_id"] is None else InstanceId(row["instance_id"]),
            looks=row["looks"],
            resends=row["resends"],
            settled_after=None if row["settled_after"] is None else AttemptId(row["settled_after"]),
            waited=timedelta(milliseconds=row["waited_ms"]),
            renamed_to=None if row["renamed_to"] is None else KeyValue(row["renamed_to"]),
        )
        for row in found
    )


def open_resends(connection: sqlite3.Connection, pipeline: str) -> frozenset[RecordId]:
    """Creates that were sent again and are not decided yet, or wait to be sent again."""
    rows = connection.execute(
        """SELECT id FROM records WHERE pipeline = ? AND resends > 0 AND instance_id IS NULL
               AND state IN ('sending', 'undecided', 'pending')""",
        (pipeline,),
    )
    return frozenset(RecordId(row["id"]) for row in rows)


def witness_candidate(
    connection: sqlite3.Connection, pipeline: str, after: AttemptId | None
) -> KnownInstance | None:
    """The instance to look for beside a doubtful one: the first that was created after the attempt ``after``.

    Where there is none, the newest known: it can still show that the index is behind. Only instances
    whose own create answered count, because only of those do we know when they were made. Attempts are
    numbered in the order in which they were begun, whatever the clock was set to meanwhile.
    """
    known = "pipeline = ? AND role = 'bound' AND origin = 'created'"
    row = None
    if after is not None:
        row = connection.execute(
            f"""SELECT instance_id, key, created_ms, attempt_id FROM instances WHERE {known}
                AND attempt_id > ? ORDER BY attempt_id LIMIT 1""",  # noqa: S608 - constant condition
            (pipeline, after),
        ).fetchone()
    if row is None:
        row = connection.execute(
            f"""SELECT instance_id, key, created_ms, attempt_id FROM instances WHERE {known}
                ORDER BY attempt_id DESC, created_ms DESC LIMIT 1""",  # noqa: S608 - constant condition
            (pipeline,),
        ).fetchone()
    return None if row is None else _known(row)


def next_due(connection: sqlite3.Connection, pipeline: str, lane: str) -> datetime | None:
    """When the next record of a lane (create, update, look) is due; ``None``: none is, by itself."""
    row = connection.execute(
        "SELECT MIN(due_ms) AS due_ms FROM records WHERE pipeline = ? AND lane = ?", (pipeline, lane)
    ).fetchone()
    due_ms: int | None = row["due_ms"]
    return from_ms(due_ms)


def oldest_instance(connection: sqlite3.Connection, pipeline: str) -> KnownInstance | None:
    """The first instance whose create answered: the one that shows whether a search sees what we write."""
    row = connection.execute(
        """SELECT instance_id, key, created_ms, attempt_id FROM instances
           WHERE pipeline = ? AND role = 'bound' AND origin = 'created' ORDER BY created_ms LIMIT 1""",
        (pipeline,),
    ).fetchone()
    return None if row is None else _known(row)


def _known(row: sqlite3.Row) -> KnownInstance:
    return KnownInstance(
        InstanceId(row["instance_id"]),
        KeyValue(row["key"]),
        from_ms(row["created_ms"]),
        None if row["attempt_id"] is None else AttemptId(row["attempt_id"]),
    )


def owners(
    connection: sqlite3.Connection, form: str, instance_ids: Iterable[InstanceId]
) -> Mapping[InstanceId, RecordId | None]:
    """Which of these instances are known, and to which record they belong; ``None``: they are gone."""
    found: dict[InstanceId, RecordId | None] = {}
    for instance_id in instance_ids:
        row = connection.execute(
            "SELECT record_id, role FROM instances WHERE form = ? AND instance_id = ?", (form, instance_id)
        ).fetchone()
        if row is not None:
            found[instance_id] = None if row["role"] == "gone" else RecordId(row["record_id"])
    return found


def settle_looks(
    connection: sqlite3.Connection, settlements: Sequence[LookSettlement], now: datetime
) -> Mapping[RecordId, str]:
    """Commit what a round of looks came to; returns the visible state of each record.

    What it cost is put down to the records here; to the month it was counted call by call.
    """
    visible: dict[RecordId, str] = {}
    for settlement in settlements:
        row = _settle_one(connection, settlement, now)
        visible[row.record_id] = visible_state(row.state)
    return visible


def open_attempts(connection: sqlite3.Connection, pipeline: str) -> Mapping[AttemptId, timedelta]:
    """The undecided attempts, and how long each is known to have been waited for."""
    found = connection.execute(
        """SELECT a.id, a.waited_ms FROM records r JOIN attempts a ON a.id = r.attempt_id
           WHERE r.pipeline = ? AND r.attempt = 'undecided'""",
        (pipeline,),
    )
    return {AttemptId(row["id"]): timedelta(milliseconds=row["waited_ms"]) for row in found}


def note_waited(connection: sqlite3.Connection, waited: Mapping[AttemptId, timedelta]) -> None:
    """Remember how long attempts have been waited for; what is known already is never made shorter."""
    connection.executemany(
        "UPDATE attempts SET waited_ms = max(waited_ms, ?) WHERE id = ?",
        [(time // timedelta(milliseconds=1), attempt_id) for attempt_id, time in waited.items()],
    )


def note_cost(connection: sqlite3.Connection, record_id: RecordId, calls: int) -> None:
    """Put calls down to a record whose look ended in an error, and so came to nothing."""
    connection.execute("UPDATE records SET calls = calls + ? WHERE id = ?", (calls, record_id))


def _settle_one(connection: sqlite3.Connection, settlement: LookSettlement, now: datetime) -> RecordRow:
    look, event = settlement.look, settlement.event
    row = rows.load(connection, look.record_id)
    connection.execute(
        "UPDATE records SET calls = calls + ? WHERE id = ?", (settlement.calls, look.record_id)
    )
    before = row.state
    if before.attempt is None or before.attempt.attempt_id != look.attempt_id:
        return row
    note_waited(connection, {look.attempt_id: settlement.waited})
    found = event.finding in (Finding.EQUAL, Finding.OTHER)
    if found and look.operation is Operation.CREATE and event.instance_id is not None:
        known = owners(connection, row.form, [event.instance_id])
        if known.get(event.instance_id, row.record_id) != row.record_id:
            return row  # bound elsewhere in the meantime: this look decided nothing, the next one will
        if look.key != before.attempt.key and not _holds(connection, row, look.key):
            return row  # found under a key that has become another record's in the meantime
        # What a search has shown, a search can show: also where no create ever answered.
        pipelines.prove_search(connection, row.pipeline, now, now - look.sent_at)
        _bind_found(connection, row, settlement, event.instance_id, now)
    if event.finding is Finding.EQUAL:
        holdings.sent(connection, row.record_id, look.operation, is_answered=False)
        connection.execute(
            "UPDATE instances SET key = ? WHERE form = ? AND instance_id = ? AND record_id = ?",
            (look.key, row.form, event.instance_id or look.instance_id, row.record_id),
        )
    elif event.finding is Finding.OTHER:
        holdings.unknown(connection, row.record_id)
    if event.finding is Finding.GONE and look.instance_id is not None:
        mark_gone(connection, row.form, look.instance_id)
    row = holdings.agree(connection, rows.apply(connection, row, event, now), now)
    _note(connection, row, settlement, now)
    return row


def _holds(connection: sqlite3.Connection, row: RecordRow, key: KeyValue) -> bool:
    found = connection.execute(
        "SELECT 1 FROM keys WHERE form = ? AND key = ? AND record_id = ?", (row.form, key, row.record_id)
    )
    return found.fetchone() is not None


def _bind_found(
    connection: sqlite3.Connection,
    row: RecordRow,
    settlement: LookSettlement,
    instance_id: InstanceId,
    now: datetime,
) -> None:
    look = settlement.look
    for role, one in (("bound", instance_id), *(("double", double) for double in settlement.doubles)):
        connection.execute(
            """INSERT INTO instances (form, instance_id, record_id, pipeline, key, origin, role, created_ms)
               VALUES (?, ?, ?, ?, ?, 'found', ?, ?)
               ON CONFLICT (form, instance_id) DO UPDATE SET role = excluded.role
                   WHERE record_id = excluded.record_id""",
            (row.form, one, row.record_id, row.pipeline, look.key, role, to_ms(now)),
        )
        if role == "double":
            history.note(
                connection,
                now,
                row.pipeline,
                HistoryEvent.DOUBLE,
                row.record_id,
                instance_id=one,
                key=look.key,
            )


def _note(connection: sqlite3.Connection, row: RecordRow, settlement: LookSettlement, now: datetime) -> None:
    finding = settlement.event.finding
    match finding:
        case Finding.EQUAL | Finding.OTHER:
            event = HistoryEvent.FOUND
        case Finding.ABSENT:
            event = HistoryEvent.PARKED if row.state.block is Block.PARKED else HistoryEvent.RESENT
        case Finding.AMBIGUOUS | Finding.GONE:
            event = HistoryEvent.PARKED
        case Finding.UNSEEN:
            event = HistoryEvent.LOOKED
    history.note(
        connection,
        now,
        row.pipeline,
        event,
        row.record_id,
        finding=finding,
        operation=settlement.look.operation,
        instance_id=settlement.event.instance_id,
        note=settlement.note,
    )
    if settlement.note and row.state.block is Block.PARKED:
        connection.execute(
            "UPDATE records SET block_detail = ? WHERE id = ?", (settlement.note, row.record_id)
        )


def knows_instances(connection: sqlite3.Connection, form: str) -> bool:
    """Whether any instance of the form is bound: then the ledger belongs to what is in it."""
    return (
        connection.execute("SELECT 1 FROM instances WHERE form = ? LIMIT 1", (form,)).fetchone() is not None
    )
