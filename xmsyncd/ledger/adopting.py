"""Instances that exist in Yida are bound to their records by key, a page at a time, delivery paused."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from xmsyncd.ledger import documents, history, holdings, instances, pipelines, rows
from xmsyncd.ledger.events import Adopted, Resembled
from xmsyncd.ledger.guard import Guard, GuardRules
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.rows import RecordRow
from xmsyncd.ledger.states import Block, DesiredDraft, ParkReason, Phase
from xmsyncd.ledger.times import to_ms
from xmsyncd.ledger.views import Stop
from xmsyncd.records import Found, InstanceId, RecordId, StopReason


@dataclass(frozen=True, slots=True)
class Stray:
    """An instance that no record is delivered to; ``record_id``: whose key it holds all the same."""

    instance_id: InstanceId
    key: str
    record_id: RecordId | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one page came to. ``doubles`` and ``undecided`` have a record, ``unmatched`` have none."""

    adopted: int = 0
    known: int = 0
    refreshed: int = 0
    """Known, and holding something else than the ledger thought."""
    doubles: tuple[Stray, ...] = ()
    undecided: tuple[Stray, ...] = ()
    """Their record has an open call, which its own looks decide."""
    unmatched: tuple[Stray, ...] = ()


def begin(connection: sqlite3.Connection, pipeline: str, now: datetime) -> bool:
    """Pause delivery until :func:`finish`, also through a crash; returns whether it was not paused for this.

    Whatever the pipeline stood still for before is forgotten: if it is not mended, it is found out again.
    """
    before = pipelines.view(connection, pipeline).stop
    is_paused = before is not None and before.reason is StopReason.PAUSED
    if before is not None and before.reason.waits_for_a_person and not is_paused:
        return False  # paused for this, or as a restored copy, which says the same
    detail = (
        "instances of the form are being taken over (`xmsyncd adopt`); nothing is sent before that is done. "
        "If it was interrupted, run `xmsyncd adopt` again: it goes on"
    )
    if before is not None:
        pipelines.resume(connection, pipeline, now, by_person=is_paused)
    return pipelines.stop(connection, pipeline, Stop(StopReason.ADOPTING, detail, now, None))


def is_sending(connection: sqlite3.Connection, pipeline: str) -> bool:
    """Whether a call is on its way: its answer may bring an instance that no record has yet."""
    found = connection.execute(
        "SELECT 1 FROM records WHERE pipeline = ? AND attempt = ? LIMIT 1", (pipeline, Phase.SENDING)
    )
    return found.fetchone() is not None


def take(
    connection: sqlite3.Connection,
    pipeline: str,
    form: str,
    page: Sequence[Found],
    *,
    keeps: bool,
    now: datetime,
) -> Taken:
    """Bind the instances of a page, oldest first, each to the record whose key it shows exactly.

    An instance that has a record already stays with it, and what it holds is taken over. ``keeps``: also as
    what is desired. Only for a pipeline that is paused by :func:`begin`. Safe to repeat.
    """
    adopted = known = refreshed = 0
    doubles: list[Stray] = []
    undecided: list[Stray] = []
    unmatched: list[Stray] = []
    held = instances.held(connection, form, [found.instance_id for found in page])
    for found in page:
        holder = held.get(found.instance_id)
        if holder is not None:
            if holder.pipeline != pipeline:
                continue
            if holder.role == "double":
                doubles.append(Stray(found.instance_id, found.key, holder.record_id))
            elif holder.is_current:
                known += 1
                row = rows.load(connection, holder.record_id)
                refreshed += _bind(connection, row, found, keeps=keeps, now=now)
            continue
        row_of_key = _record_of_key(connection, pipeline, form, found.key)
        if row_of_key is None:
            unmatched.append(Stray(found.instance_id, found.key))
        elif row_of_key.pipeline != pipeline:
            continue
        elif row_of_key.state.attempt is not None:
            undecided.append(Stray(found.instance_id, found.key, row_of_key.record_id))
        elif _bind(connection, row_of_key, found, keeps=keeps, now=now):
            adopted += 1
        else:
            _enter(connection, row_of_key, found, "double", now)
            doubles.append(Stray(found.instance_id, found.key, row_of_key.record_id))
            history.note(
                connection,
                now,
                pipeline,
                HistoryEvent.DOUBLE,
                row_of_key.record_id,
                instance_id=found.instance_id,
                key=found.key,
            )
    return Taken(adopted, known, refreshed, tuple(doubles), tuple(undecided), tuple(unmatched))


def _record_of_key(connection: sqlite3.Connection, pipeline: str, form: str, key: str) -> RecordRow | None:
    """The record that holds the key; where none does, one that would if it were not rejected or discarded."""
    found = connection.execute(
        "SELECT record_id FROM keys WHERE form = ? AND key = ?", (form, key)
    ).fetchone()
    if found is None:
        found = connection.execute(
            """SELECT id AS record_id FROM records WHERE form = ? AND key = ? AND pipeline = ?
                   AND (desired = 'rejection' OR block = 'discarded') ORDER BY id LIMIT 1""",
            (form, key, pipeline),
        ).fetchone()
    return None if found is None else rows.load(connection, RecordId(found["record_id"]))


def _bind(
    connection: sqlite3.Connection, row: RecordRow, found: Found, *, keeps: bool, now: datetime
) -> bool:
    """Whether the record is now known to hold what was found, and was not before."""
    event = Adopted(found.instance_id, found.content_hash, now, keeps)
    after = rows.apply(connection, row, event, now)
    if after.state.instance_id != found.instance_id or after.state == row.state:
        return False
    _enter(connection, row, found, "bound", now)
    is_its_own = row.state.instance_id == found.instance_id
    holdings.found(connection, row.record_id, found.content, is_its_own=is_its_own)
    if keeps:
        connection.execute(
            "UPDATE contents SET content = delivered WHERE record_id = ? AND content IS NOT NULL",
            (row.record_id,),
        )
    history.note(
        connection,
        now,
        row.pipeline,
        HistoryEvent.ADOPTED,
        row.record_id,
        instance_id=found.instance_id,
        key=found.key,
        content_hash=found.content_hash,
    )
    return True


def _enter(connection: sqlite3.Connection, row: RecordRow, found: Found, role: str, now: datetime) -> None:
    connection.execute(
        """INSERT INTO instances (form, instance_id, record_id, pipeline, key, origin, role, created_ms)
           VALUES (?, ?, ?, ?, ?, 'adopted', ?, ?)
           ON CONFLICT (form, instance_id) DO UPDATE SET role = excluded.role, key = excluded.key
               WHERE record_id = excluded.record_id""",
        (
            row.form,
            found.instance_id,
            row.record_id,
            row.pipeline,
            found.key,
            role,
            to_ms(found.created_at or now),
        ),
    )


def without_instance(connection: sqlite3.Connection, pipeline: str) -> tuple[tuple[RecordId, str], ...]:
    """The records of the pipeline that a create is due for, or would be, with their keys."""
    found = connection.execute(
        """SELECT id, key FROM records WHERE pipeline = ? AND desired = 'draft' AND instance_id IS NULL
               AND attempt = 'idle' AND COALESCE(block, '') NOT IN ('waiting', 'discarded') ORDER BY id""",
        (pipeline,),
    )
    return tuple((RecordId(row["id"]), row["key"]) for row in found)


def nobodys(connection: sqlite3.Connection, form: str, keys: Iterable[str]) -> Mapping[str, list[Stray]]:
    """Instances that were no record's when the form was last read, by key, as far as they still are nobody's.

    For products that turn up later: a create of one of these keys would be a second instance for it.
    """
    found: dict[str, list[Stray]] = {}
    for row in connection.execute(
        """SELECT d.instance_id, d.key FROM differences d JOIN pipelines p ON p.name = d.pipeline
           WHERE p.form = ? AND d.kind = 'extra' AND d.key IN (SELECT value FROM json_each(?))
               AND NOT EXISTS (SELECT 1 FROM instances i
                   WHERE i.form = p.form AND i.instance_id = d.instance_id)
           ORDER BY d.id""",
        (form, documents.dump(list(keys))),
    ):
        stray = Stray(InstanceId(row["instance_id"]), row["key"])
        if stray not in found.setdefault(stray.key, []):
            found[stray.key].append(stray)
    return found


def set_aside(
    connection: sqlite3.Connection, record_id: RecordId, similar: Sequence[Stray], now: datetime
) -> bool:
    """Park a record whose key is almost that of an instance; returns whether it is parked for that now."""
    row = rows.load(connection, record_id)
    after = rows.apply(connection, row, Resembled(), now)
    if after.state.block is not Block.PARKED or after.state.block_reason != ParkReason.AMBIGUOUS:
        return False
    shown = ", ".join(f"{stray.instance_id} has key {stray.key!r}" for stray in similar[:3])
    desired = row.state.desired
    is_equal = isinstance(desired, DesiredDraft) and any(stray.key == desired.key for stray in similar)
    way = "adopt again to take it over" if is_equal else "make the keys equal and adopt again"
    detail = f"instance {shown}: {way}; only a retry with --resend creates the product beside"
    connection.execute("UPDATE records SET block_detail = ? WHERE id = ?", (detail, record_id))
    if after.state != row.state:
        history.note(
            connection,
            now,
            row.pipeline,
            HistoryEvent.PARKED,
            record_id,
            code=ParkReason.AMBIGUOUS,
            message=detail,
        )
    return True


def rebind(
    connection: sqlite3.Connection, form: str, gone: InstanceId, found: Found, *, keeps: bool, now: datetime
) -> bool:
    """The record's instance is gone, and another one holds its key: that one is its own now."""
    held = instances.held(connection, form, [gone])
    if gone not in held:
        return False
    return _bind(connection, rows.load(connection, held[gone].record_id), found, keeps=keeps, now=now)


def due_updates(connection: sqlite3.Connection, pipeline: str) -> tuple[RecordId, ...]:
    """The updates that would go out once delivery goes on, in the order in which they would."""
    found = connection.execute(
        "SELECT id FROM records WHERE pipeline = ? AND lane = 'update' ORDER BY due_ms, id", (pipeline,)
    )
    return tuple(RecordId(row["id"]) for row in found)


def guard_updates(
    connection: sqlite3.Connection,
    pipeline: str,
    record_ids: Sequence[RecordId],
    rules: GuardRules,
    now: datetime,
) -> int:
    """Hold those of the updates that are too many to go out before a person has looked; returns how many.

    A wrong mapping makes every instance that was taken over differ. Only when all are bound is it known how
    many that is of how many.
    """
    guarding = Guard(connection, pipeline, None, rules, now)
    judged = [guarding.judge_adopted(rows.load(connection, record_id)) for record_id in record_ids]
    return sum(row.state.block is Block.HELD for row in judged)


def finish(
    connection: sqlite3.Connection, pipeline: str, now: datetime, *, in_form: int, counts: dict[str, int]
) -> None:
    """Everything that was there is taken over: creates are allowed, delivery goes on."""
    connection.execute("UPDATE pipelines SET adopted_ms = ? WHERE name = ?", (to_ms(now), pipeline))
    pipelines.bootstrap(connection, pipeline, now, in_form)
    history.note(connection, now, pipeline, HistoryEvent.ADOPTED, in_form=in_form, counts=counts)
    if not pipelines.lift_restored(connection, pipeline, now):
        pipelines.resume(connection, pipeline, now, by_person=True)
