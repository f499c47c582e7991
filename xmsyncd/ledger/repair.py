"""The one repair that is provably safe: the keys table, which says nothing that the records do not say."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from xmsyncd.errors import LedgerUnusableError
from xmsyncd.ledger import rows
from xmsyncd.ledger.states import keeps_its_keys
from xmsyncd.records import RecordId


def rebuild_keys(connection: sqlite3.Connection, now: datetime) -> int:
    """Derive the keys from the records anew; returns how many there are. One transaction, safe to repeat.

    An open create keeps the key it was sent with; then those that hold one or are in Yida already; a record
    whose key is taken waits, as it would have. Raises ``LedgerUnusableError``, with nothing changed, where
    two open creates were sent with one key: one of them may be a double, and a person must look.
    """
    connection.execute("DELETE FROM keys")
    try:
        connection.execute(
            """INSERT INTO keys (form, key, record_id)
               SELECT form, sent_key, id FROM records WHERE attempt <> 'idle' AND operation = 'create'"""
        )
    except sqlite3.IntegrityError as error:
        raise LedgerUnusableError(
            "two records have an open create with one key, so the keys cannot be derived: find both with "
            "`xmsyncd failures list --state undecided`, and look in Yida which of them is there"
        ) from error
    in_order = connection.execute(
        """SELECT id, form, key, desired = 'rejection' AS is_rejected FROM records
           WHERE desired = 'draft' OR instance_id IS NOT NULL
           ORDER BY COALESCE(block, '') = 'waiting', instance_id IS NULL, is_rejected, desired_ms, id"""
    ).fetchall()
    for row in in_order:
        record = rows.load(connection, RecordId(row["id"]))
        if row["is_rejected"] and row["key"] and keeps_its_keys(record.state):
            connection.execute(
                "INSERT INTO keys (form, key, record_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (row["form"], row["key"], row["id"]),
            )
        elif not row["is_rejected"]:
            rows.settle_keys(connection, record, now)
    return int(connection.execute("SELECT count(*) FROM keys").fetchone()[0])
