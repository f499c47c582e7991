"""What the ledger knows of single Yida instances, and learns when one is met outside of an attempt."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from xmsyncd.ledger import claims, documents, history, holdings, rows
from xmsyncd.ledger.events import Drifted, Vanished
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.states import DesiredDraft, ParkReason, RecordState
from xmsyncd.ledger.times import from_ms
from xmsyncd.records import Content, Found, InstanceId, RecordId, SourceId


@dataclass(frozen=True, slots=True)
class Held:
    """One instance as the ledger has it, with the state its record is in at this moment."""

    instance_id: InstanceId
    pipeline: str
    role: str
    """``bound``, ``double`` or ``gone``."""
    record_id: RecordId
    source_id: SourceId
    state: RecordState
    delivered: Content | None
    newest_at: datetime
    """When it was last written by us, or created."""

    @property
    def is_current(self) -> bool:
        """Whether this is the instance that its record is delivered to."""
        return self.role == "bound" and self.state.instance_id == self.instance_id

    @property
    def key(self) -> str:
        """The desired key; "" for a record that is rejected."""
        return self.state.desired.key if isinstance(self.state.desired, DesiredDraft) else ""

    @property
    def is_comparable(self) -> bool:
        """Whether the ledger says for certain what this instance holds: no call to it is open."""
        return (
            self.is_current
            and self.state.attempt is None
            and self.state.delivered_hash is not None
            and self.state.block_reason != ParkReason.INSTANCE_GONE
        )


def held(
    connection: sqlite3.Connection, form: str, instance_ids: Iterable[InstanceId]
) -> Mapping[InstanceId, Held]:
    """What is known of these instances; those that no record has are absent."""
    found: dict[InstanceId, Held] = {}
    for instance_id in instance_ids:
        row = connection.execute(
            """SELECT i.role, i.record_id, i.created_ms, r.delivered_ms, c.delivered
               FROM instances i JOIN records r ON r.id = i.record_id JOIN contents c ON c.record_id = r.id
               WHERE i.form = ? AND i.instance_id = ?""",
            (form, instance_id),
        ).fetchone()
        if row is None:
            continue
        record = rows.load(connection, RecordId(row["record_id"]))
        found[instance_id] = Held(
            instance_id=instance_id,
            pipeline=record.pipeline,
            role=row["role"],
            record_id=record.record_id,
            source_id=record.source_id,
            state=record.state,
            delivered=None if row["delivered"] is None else documents.load(row["delivered"]),
            newest_at=from_ms(max(row["created_ms"], row["delivered_ms"] or 0)),
        )
    return found


def holders(connection: sqlite3.Connection, form: str, keys: Iterable[str]) -> Mapping[str, rows.RecordRow]:
    """The records that hold these keys of the form; a key that nobody holds is absent."""
    found: dict[str, rows.RecordRow] = {}
    for key in keys:
        row = connection.execute(
            "SELECT record_id FROM keys WHERE form = ? AND key = ?", (form, key)
        ).fetchone()
        if row is not None:
            found[key] = rows.load(connection, RecordId(row["record_id"]))
    return found


def current_ids(connection: sqlite3.Connection, pipeline: str) -> frozenset[InstanceId]:
    """The instances that records of this pipeline are delivered to."""
    return frozenset(
        InstanceId(row["instance_id"])
        for row in connection.execute(
            "SELECT instance_id FROM records WHERE pipeline = ? AND instance_id IS NOT NULL", (pipeline,)
        )
    )


def lost(connection: sqlite3.Connection, form: str, instance_id: InstanceId, now: datetime) -> bool:
    """An instance was found to be gone from Yida: it is no witness and no match any more.

    Its record, if nothing is open for it, is parked at once; returns whether it was. Safe to repeat.
    """
    claims.mark_gone(connection, form, instance_id)
    known = connection.execute(
        "SELECT record_id FROM instances WHERE form = ? AND instance_id = ?", (form, instance_id)
    ).fetchone()
    if known is None:
        return False
    row = rows.load(connection, RecordId(known["record_id"]))
    after = rows.apply(connection, row, Vanished(instance_id), now)
    if after.state == row.state:
        return False
    history.note(
        connection,
        now,
        row.pipeline,
        HistoryEvent.PARKED,
        row.record_id,
        code=ParkReason.INSTANCE_GONE,
        instance_id=instance_id,
    )
    return True


def drifted(connection: sqlite3.Connection, seen: Held, found: Found, now: datetime) -> bool:
    """Take over what Yida was found to hold as what is delivered, so that the difference is due as an update.

    Only if the record is as it was when it was compared; returns whether it was. Safe to repeat.
    """
    row = rows.load(connection, seen.record_id)
    if row.state != seen.state:
        return False
    after = rows.apply(connection, row, Drifted(found.instance_id, found.content_hash, now), now)
    if after.state == row.state:
        return False
    holdings.found(connection, after.record_id, found.content, is_its_own=True)
    history.note(
        connection,
        now,
        row.pipeline,
        HistoryEvent.DRIFTED,
        row.record_id,
        instance_id=found.instance_id,
        content_hash=found.content_hash,
    )
    return True
