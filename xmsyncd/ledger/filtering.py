"""Step 3 for what ``where`` leaves out: a product that the pipeline is not about (any more).

What was never in Yida is set aside, and its key is free; what is on its way is decided first, and then set
aside or treated like the others. What Yida holds is treated as OKKI's deletions are: it stays as it is, or
gets the mark. A product that ``where`` lets in again is staged like any other, and so comes back by itself.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

from xmsyncd.ledger import documents, history, rows
from xmsyncd.ledger.events import Discarded, Staged
from xmsyncd.ledger.guard import Guard
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.rows import RecordRow
from xmsyncd.ledger.states import (
    Block,
    DesiredDraft,
    DesiredRejection,
    RecordState,
    is_delivered,
    is_gone,
)
from xmsyncd.ledger.times import to_ms
from xmsyncd.ledger.tombstones import Mark, stage_mark
from xmsyncd.records import ContentHash, Filtered, Item, KeyValue, RejectionReason

LEFT_OUT = DesiredRejection(RejectionReason.FILTERED)
"""What is desired of a product that is not in Yida and that the pipeline is not about."""


def keep_out(
    connection: sqlite3.Connection,
    row: RecordRow,
    context_hash: ContentHash,
    item: Item,
    filtered: Filtered,
    mark: Mark | None,
    guard: Guard,
    now: datetime,
) -> RecordRow:
    """Nothing more is sent for this product, but the mark. Safe to repeat."""
    before = row.state
    if _is_in_yida(before):
        if mark is not None:
            stage_mark(connection, row, mark, guard, now)
        else:
            _leave_as_it_is(connection, row, guard, now)
    else:
        row = rows.apply(connection, row, Staged(LEFT_OUT, now), now)
        if row.state.attempt is None and row.state.block is not Block.PARKED:
            # What is parked may be in Yida without our knowing: that outlives the filter.
            row = rows.apply(connection, row, Discarded(by_where=True), now)
        _keep_item(connection, row, item)
    row = rows.load(connection, row.record_id)
    first = connection.execute(
        "SELECT filtered_by IS NULL FROM records WHERE id = ?", (row.record_id,)
    ).fetchone()[0]
    connection.execute(
        """UPDATE records SET updated_ms = ?, listed_hash = ?, context_hash = ?, filtered_by = ?,
               rejection_detail = '', rejection_component = NULL, key = COALESCE(key, ?) WHERE id = ?""",
        (
            to_ms(item.updated_at),
            item.listed_hash,
            context_hash,
            documents.printable(filtered.detail),
            None if filtered.key is None else documents.printable(filtered.key),
            row.record_id,
        ),
    )
    if first:
        detail = documents.printable(filtered.detail)
        history.note(connection, now, row.pipeline, HistoryEvent.FILTERED, row.record_id, detail=detail)
    if before.desired != row.state.desired:
        connection.execute("UPDATE records SET desired_ms = ? WHERE id = ?", (to_ms(now), row.record_id))
    return row


def is_set_aside(state: RecordState) -> bool:
    """Whether a product that is left out has come to rest; if not, it is looked at again in each cycle."""
    return state.desired == LEFT_OUT and state.block is Block.DISCARDED


def _is_in_yida(state: RecordState) -> bool:
    """An instance that somebody has deleted there is made anew only by a person, and then not for this."""
    return state.instance_id is not None and not is_gone(state)


def _leave_as_it_is(connection: sqlite3.Connection, row: RecordRow, guard: Guard, now: datetime) -> None:
    """What Yida has, or is being given at this moment, is desired; what waits to be sent is not any more."""
    before = row.state
    kept = _kept(connection, row)
    if kept is None:
        if isinstance(before.desired, DesiredRejection) and before.attempt is None:
            # What Yida holds is not known; that nothing more is sent for it is enough.
            row = rows.apply(connection, row, Staged(LEFT_OUT, now), now)
            rows.apply(connection, row, Discarded(by_where=True), now)
        return
    desired, text = kept
    row = rows.apply(connection, row, Staged(desired, now), now)
    if row.state.desired == before.desired:
        return
    guard.judge(row, before, context_changed=False)
    connection.execute(
        "UPDATE contents SET content = ?, raw = NULL WHERE record_id = ?", (text, row.record_id)
    )


def _kept(connection: sqlite3.Connection, row: RecordRow) -> tuple[DesiredDraft, str] | None:
    """The draft to stay with, and its content; ``None``: the one there is."""
    state = row.state
    stored = connection.execute(
        """SELECT c.sent, c.delivered, p.key_component FROM contents c
           JOIN pipelines p ON p.name = ? WHERE c.record_id = ?""",
        (row.pipeline, row.record_id),
    ).fetchone()
    if stored is None or is_delivered(state):
        return None
    if state.attempt is not None:
        if stored["sent"] is None:
            return None
        return DesiredDraft(state.attempt.key, state.attempt.content_hash), stored["sent"]
    if stored["delivered"] is None or state.delivered_hash is None:
        return None
    key = str(documents.load(stored["delivered"]).get(stored["key_component"]) or "")
    if not key:
        return None
    return DesiredDraft(KeyValue(key), state.delivered_hash), stored["delivered"]


def _keep_item(connection: sqlite3.Connection, row: RecordRow, item: Item) -> None:
    """Kept while it will be looked at again; a catalogue of which little is wanted needs no copy here."""
    raw = None if is_set_aside(row.state) else documents.dump(item.raw)
    connection.execute("UPDATE contents SET raw = ? WHERE record_id = ?", (raw, row.record_id))
