"""What each record's instance holds, as the ledger has it: written when learnt, compared when it counts."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from xmsyncd.ledger import documents, rows
from xmsyncd.ledger.events import Agreed
from xmsyncd.ledger.rows import RecordRow
from xmsyncd.ledger.sameness import Holding, left_beside, need_of_update, told_by
from xmsyncd.ledger.states import Block, DesiredDraft, is_delivered
from xmsyncd.records import Content, Operation, RecordId


def holding_of(stored: sqlite3.Row) -> Holding | None:
    """Of a row with ``delivered`` and ``left_in_yida``; ``None``: not known, or nothing delivered yet."""
    if stored["delivered"] is None:
        return None
    left = stored["left_in_yida"]
    return Holding(documents.load(stored["delivered"]), None if left is None else documents.load(left))


def sent(
    connection: sqlite3.Connection, record_id: RecordId, operation: Operation, *, is_answered: bool
) -> None:
    """What was sent is in Yida: a create holds nothing else, an update left alone what it did not name.

    ``is_answered``: the call itself said so. What a search has shown may be older than our create.
    """
    left: str | None = "{}" if is_answered else None
    if operation is Operation.UPDATE:
        stored = _stored(connection, record_id)
        before = holding_of(stored)
        beside = None if before is None else left_beside(documents.load(stored["sent"] or "{}"), before)
        left = None if beside is None else documents.dump(dict(beside))
    connection.execute(
        "UPDATE contents SET delivered = sent, sent = NULL, left_in_yida = ? WHERE record_id = ?",
        (left, record_id),
    )


def found(connection: sqlite3.Connection, record_id: RecordId, content: Content, *, is_its_own: bool) -> None:
    """Yida was found to hold this; ``is_its_own``: in the instance that was known before."""
    before = holding_of(_stored(connection, record_id)) if is_its_own else None
    left = None if before is None else left_beside(content, before)
    _write(connection, record_id, Holding(content, left))


def unknown(connection: sqlite3.Connection, record_id: RecordId) -> None:
    """Its hash is known, what exactly it holds is not: nothing older may pass for it."""
    connection.execute(
        "UPDATE contents SET delivered = NULL, left_in_yida = NULL WHERE record_id = ?", (record_id,)
    )


def agree(
    connection: sqlite3.Connection, row: RecordRow, now: datetime, content: Content | None = None
) -> RecordRow:
    """Where no update is needed for what is desired, it is what was delivered. Safe to repeat.

    ``content`` is what is desired, where it is not written down yet.
    """
    state = row.state
    if state.attempt is not None or is_delivered(state) or state.delivered_hash is None:
        return row
    if not isinstance(state.desired, DesiredDraft) or state.instance_id is None:
        return row
    stored = _stored(connection, row.record_id)
    holding = holding_of(stored)
    if holding is None:
        return row
    desired = documents.load(stored["content"]) if content is None else content
    wanted = state.desired.content_hash
    if need_of_update(desired, wanted, holding, state.delivered_hash) is not None:
        return row
    after = rows.apply(connection, row, Agreed(), now)
    if after.state == state:
        return row
    _write(connection, row.record_id, told_by(desired, wanted, holding))
    connection.execute(
        """UPDATE records SET delivered_ms = ?, guard_ms = CASE WHEN ? THEN NULL ELSE guard_ms END
           WHERE id = ?""",
        (stored["delivered_ms"], state.block is Block.HELD, row.record_id),
    )
    connection.execute(
        "UPDATE instances SET key = ? WHERE form = ? AND instance_id = ? AND record_id = ?",
        (state.desired.key, row.form, state.instance_id, row.record_id),
    )
    return after


def _stored(connection: sqlite3.Connection, record_id: RecordId) -> sqlite3.Row:
    row: sqlite3.Row = connection.execute(
        """SELECT c.content, c.sent, c.delivered, c.left_in_yida, r.delivered_ms
           FROM contents c JOIN records r ON r.id = c.record_id WHERE c.record_id = ?""",
        (record_id,),
    ).fetchone()
    return row


def _write(connection: sqlite3.Connection, record_id: RecordId, holding: Holding) -> None:
    left = None if holding.left is None else documents.dump(dict(holding.left))
    connection.execute(
        "UPDATE contents SET delivered = ?, left_in_yida = ? WHERE record_id = ?",
        (documents.dump(dict(holding.delivered)), left, record_id),
    )
