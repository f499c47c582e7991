"""What shapes the output beside the mapping, as last seen with something in it (today: the group tree)."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from xmsyncd.ledger.times import to_ms


@dataclass(frozen=True, slots=True)
class Lookup:
    """A remembered look-up: its hash and its JSON body."""

    hash: str
    body: str


def remember(
    connection: sqlite3.Connection, name: str, lookup: str, hash_: str, body: str, now: datetime
) -> None:
    """Replace what is remembered of ``lookup`` of the connection ``name``."""
    connection.execute(
        """INSERT INTO lookups (connection, name, hash, body, fetched_ms) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (connection, name) DO UPDATE
           SET hash = excluded.hash, body = excluded.body, fetched_ms = excluded.fetched_ms""",
        (name, lookup, hash_, body, to_ms(now)),
    )


def recall(connection: sqlite3.Connection, name: str, lookup: str) -> Lookup | None:
    """What is remembered, if anything ever was."""
    row = connection.execute(
        "SELECT hash, body FROM lookups WHERE connection = ? AND name = ?", (name, lookup)
    ).fetchone()
    return None if row is None else Lookup(row["hash"], row["body"])
