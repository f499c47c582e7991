"""A ledger that is only looked at: nothing in it changes, not even its generation."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, Self, TypeVar

from xmsyncd.errors import LedgerUnusableError
from xmsyncd.ledger import faults
from xmsyncd.ledger.backup import reading
from xmsyncd.ledger.lock import LedgerLock
from xmsyncd.ledger.migrate import recognise, schema_version

P = ParamSpec("P")
T = TypeVar("T")


class ReadingLedger:
    """As ``Ledger`` for reading, where no daemon runs: ``async with ReadingLedger(path) as ledger``.

    It holds the lock, so nobody writes meanwhile. A ledger that this version would have to migrate, or that
    belongs to another configuration, can be read all the same. Raises ``LedgerHeldError`` where another
    process holds the ledger, ``LedgerUnusableError`` where there is none or it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.schema = 0
        self._lock = LedgerLock(path)
        self._exits = contextlib.ExitStack()
        self._connection: sqlite3.Connection | None = None

    async def __aenter__(self) -> Self:
        if not self.path.exists():
            raise LedgerUnusableError(f"there is no ledger at {self.path} (yet)")
        self._lock.acquire()
        self._exits.callback(self._lock.release)
        try:
            with faults.told(self.path):
                connection = self._exits.enter_context(reading(self.path))
                connection.execute("PRAGMA busy_timeout = 5000")
                recognise(connection, self.path)
                self.schema = schema_version(connection)
        except BaseException:
            self._exits.close()
            raise
        self._connection = connection
        return self

    async def __aexit__(self, *_: object) -> None:
        self._connection = None
        self._exits.close()

    async def read(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """One consistent view."""
        connection = self._connection
        if connection is None:
            raise LedgerUnusableError("the ledger is closed")

        def work() -> T:
            with faults.told(self.path):
                connection.execute("BEGIN")
                try:
                    return function(connection, *args, **kwargs)
                finally:
                    with contextlib.suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")

        return await asyncio.shield(asyncio.to_thread(work))
