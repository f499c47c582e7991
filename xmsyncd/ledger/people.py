"""What a person may ask for records that did not go through: retry, resend, discard."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from xmsyncd.ledger import documents, guard, history, queries, rows
from xmsyncd.ledger.events import Discarded, ResendOrdered, Retried
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.states import Block, DesiredDraft, VisibleState, lies_beside_another, visible_state
from xmsyncd.ledger.times import from_ms
from xmsyncd.ledger.wording import reason_of
from xmsyncd.records import ContentHash, Item, RecordId, RejectionReason, SourceId


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records are meant: exactly one of a key (or OKKI id), a reason (or a group of it), or all."""

    key: str | None = None
    reason: str | None = None
    everything: bool = False


def select(
    connection: sqlite3.Connection, pipeline: str, selection: Selection, states: Sequence[VisibleState]
) -> tuple[RecordId, ...]:
    """The records in these states that the selection names."""
    marks = ",".join("?" for _ in states)
    condition = "1"
    values: tuple[str, ...] = ()
    if selection.key is not None:
        condition, values = "(key = ? OR source_id = ? OR sent_key = ?)", (selection.key,) * 3
    elif selection.reason is not None:
        reason, is_group = reason_of(selection.reason)
        if is_group:
            return _of_group(connection, pipeline, selection.reason, states)
        condition, values = "COALESCE(NULLIF(block_reason, ''), rejection, state) = ?", (reason,)
    elif not selection.everything:
        return ()
    found = connection.execute(
        f"SELECT id FROM records WHERE pipeline = ? AND state IN ({marks}) AND {condition} ORDER BY id",  # noqa: S608 - constant conditions
        (pipeline, *states, *values),
    )
    return tuple(RecordId(row["id"]) for row in found)


def _of_group(
    connection: sqlite3.Connection, pipeline: str, group: str, states: Sequence[VisibleState]
) -> tuple[RecordId, ...]:
    found = queries.failed_after(connection, pipeline, states, 0, -1)
    return tuple(RecordId(one.record_id) for one in found if one.group == group)


def accept(
    connection: sqlite3.Connection, record_id: RecordId, *, now: datetime, by: str, reason: str
) -> None:
    """Remember that a person let this very content through, after it was staged in spite of ``reason``."""
    row = rows.load(connection, record_id)
    if not isinstance(row.state.desired, DesiredDraft):
        raise ValueError(f"record {record_id} has nothing to send")
    content_hash = row.state.desired.content_hash
    connection.execute("UPDATE records SET accepted_hash = ? WHERE id = ?", (content_hash, record_id))
    history.note(
        connection,
        now,
        row.pipeline,
        HistoryEvent.ACCEPTED,
        record_id,
        by=by,
        reason=reason,
        content_hash=content_hash,
    )


def accepted_hash(connection: sqlite3.Connection, record_id: RecordId) -> ContentHash | None:
    """The content of this record that a person let through in spite of a rule, if there is one."""
    row = connection.execute("SELECT accepted_hash FROM records WHERE id = ?", (record_id,)).fetchone()
    return None if row is None or row["accepted_hash"] is None else ContentHash(row["accepted_hash"])


def retry(
    connection: sqlite3.Connection, record_id: RecordId, *, resend: bool, now: datetime, by: str = ""
) -> VisibleState:
    """Another try: of a parked record a send, of an undecided one a look, or with ``resend`` a send.

    One that is parked because an instance that is there may be its own is sent with ``resend`` only.

    A rejected record is mapped again by the caller (see :func:`raw_item`); here it stays as it is.
    """
    row = rows.load(connection, record_id)
    may_double = row.state.attempt is not None or lies_beside_another(row.state)
    event = ResendOrdered(now) if resend and may_double else Retried(now)
    after = rows.apply(connection, row, event, now)
    if after.state != row.state:
        what = HistoryEvent.RESEND_ORDERED if isinstance(event, ResendOrdered) else HistoryEvent.RETRIED
        history.note(connection, now, row.pipeline, what, record_id, by=by)
    return visible_state(after.state)


def discard(
    connection: sqlite3.Connection, record_id: RecordId, *, now: datetime, by: str = ""
) -> VisibleState:
    """Let this content go; the record comes back by itself when OKKI shows something new.

    One that OKKI has deleted may be let go although it is delivered: its key is free then.
    """
    row = rows.load(connection, record_id)
    deleted = connection.execute("SELECT deleted_ms FROM records WHERE id = ?", (record_id,)).fetchone()[0]
    after = rows.apply(connection, row, Discarded(is_deleted=deleted is not None), now)
    if after.state != row.state:
        history.note(connection, now, row.pipeline, HistoryEvent.DISCARDED, record_id, by=by)
        if row.state.block is Block.HELD:
            guard.decided(connection, row, now)
    return visible_state(after.state)


def raw_item(connection: sqlite3.Connection, record_id: RecordId) -> tuple[Item, Any] | None:
    """A rejected record's item and detail as they were kept, to be mapped again."""
    row = connection.execute(
        f"{_RAW_ITEMS} WHERE r.id = ? AND r.desired = 'rejection' AND c.raw IS NOT NULL",
        (record_id,),
    ).fetchone()
    return None if row is None else _raw_item(row)


def rejected_items(
    connection: sqlite3.Connection,
    pipeline: str,
    reasons: Sequence[RejectionReason],
    limit: int,
    *,
    not_in: int | None = None,
) -> tuple[tuple[Item, Any], ...]:
    """The items (and details) rejected for one of these reasons, those tried longest ago first.

    Those that the cycle ``not_in`` has tried are left out.
    """
    marks = ",".join("?" for _ in reasons)
    found = connection.execute(
        f"""{_RAW_ITEMS} WHERE r.pipeline = ? AND r.state = 'rejected' AND r.rejection IN ({marks})
            AND c.raw IS NOT NULL AND r.cycle_id IS NOT ? ORDER BY r.cycle_id, r.id LIMIT ?""",
        (pipeline, *reasons, not_in, limit),
    )
    return tuple(_raw_item(row) for row in found)


_RAW_ITEMS = """SELECT r.source_id, r.updated_ms, r.listed_hash, c.raw, c.detail
    FROM records r JOIN contents c ON c.record_id = r.id"""


def _raw_item(row: sqlite3.Row) -> tuple[Item, Any]:
    item = Item(
        SourceId(row["source_id"]),
        from_ms(row["updated_ms"]),
        documents.load(row["raw"]),
        ContentHash(row["listed_hash"]),
    )
    return item, None if row["detail"] is None else documents.load(row["detail"])
