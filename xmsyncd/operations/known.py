"""What the ledger knows of each pipeline's form, asked for without holding it longer than the question."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from xmsyncd.errors import LedgerHeldError, LedgerUnusableError
from xmsyncd.ledger.lock import LedgerLock


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger remembers of one pipeline."""

    form: str
    key_component: str
    may_create: bool
    """The question whether the form was empty at first is answered."""
    knows_instances: bool


def load_known(path: Path) -> Mapping[str, Known] | None:
    """By pipeline; empty for a ledger that does not exist yet. ``None``: held by another process.

    Writes nothing. Blocking. Raises ``LedgerUnusableError`` for a file that is no ledger.
    """
    if not path.exists():
        return {}
    lock = LedgerLock(path)
    try:
        lock.acquire()
    except LedgerHeldError:
        return None
    try:
        # Under the lock: a second connection beside a writing one can damage the file (see Ledger).
        uri = f"file:{quote(str(path))}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return _known(connection)
    except sqlite3.DatabaseError as error:
        raise LedgerUnusableError(f"the ledger {path} cannot be read: {error}") from error
    finally:
        lock.release()


def _known(connection: sqlite3.Connection) -> Mapping[str, Known]:
    tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'pipelines'").fetchone()
    if tables is None:
        return {}
    return {
        row["name"]: Known(
            row["form"],
            row["key_component"],
            row["bootstrap_ms"] is not None,
            connection.execute("SELECT 1 FROM instances WHERE form = ? LIMIT 1", (row["form"],)).fetchone()
            is not None,
        )
        for row in connection.execute("SELECT name, form, key_component, bootstrap_ms FROM pipelines")
    }
