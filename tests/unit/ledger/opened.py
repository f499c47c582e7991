"""A ledger file without its thread, for tests that call the ledger's functions one by one."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from xmsyncd.ledger.migrate import migrate


@contextlib.contextmanager
def opened(path: Path | str) -> Iterator[sqlite3.Connection]:
    """As ``Ledger`` opens it, but for the wait for the disk."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = OFF")
        migrate(connection)
        yield connection
    finally:
        connection.close()
