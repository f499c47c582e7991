"""A ledger to rehearse upon: what the real one holds at this moment, in a place that nobody else sees.

Staging is a matter of whole transactions (keys that wait for each other, the guard's count, repeats). What it
would come to is therefore not computed a second time somewhere: it is done, by the same functions, here.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

from xmsyncd.clock import Clock
from xmsyncd.ledger import faults, identity
from xmsyncd.ledger.connection import Ledger
from xmsyncd.ledger.lock import beside
from xmsyncd.ledger.migrate import migrate, recognise

# SQLite keeps a database without a name in memory as far as its cache goes, and beyond that in a file that
# has no name either: nothing of it is left behind, however this process ends.
_NAMELESS: Final = ""


class Snapshot(Ledger):
    """``async with Snapshot(path) as ledger``: a :class:`Ledger` whose writes end with it.

    Whoever writes to the real one is not held up, and not one byte of it changes. A ledger of an earlier
    version is brought to this one's schema in the copy alone; where there is none the copy is an empty one.
    ``is_quiet``: the caller holds the lock, so nobody writes while it is copied. ``is_empty``: a new one,
    whatever the real one holds.
    """

    def __init__(
        self, path: Path, *, is_quiet: bool = False, is_empty: bool = False, clock: Clock | None = None
    ) -> None:
        super().__init__(path, clock=clock)
        self._is_quiet = is_quiet
        self._is_empty = is_empty

    async def __aenter__(self) -> Self:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._open)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=True)

    async def mark_generation(self) -> None:
        """Nothing: no file stands beside it."""

    def _open(self) -> None:
        with faults.told(self.path):
            # Before the copy: whoever writes raises the ledger first and then this file.
            seen = None if self._is_empty else identity.seen_beside(self.path)
            connection = sqlite3.connect(_NAMELESS, isolation_level=None, check_same_thread=True)
            try:
                connection.row_factory = sqlite3.Row
                if self.path.exists() and not self._is_empty:
                    with self._source() as source:
                        recognise(source, self.path)
                        source.backup(connection)
                connection.execute("PRAGMA journal_mode = MEMORY")
                connection.execute("PRAGMA synchronous = OFF")
                connection.execute("PRAGMA foreign_keys = ON")
                migrate(connection)
                self.identity = identity.judge(connection, seen, self._clock.now())
            except BaseException:
                connection.close()
                raise
            self._connection = connection

    @contextlib.contextmanager
    def _source(self) -> Iterator[sqlite3.Connection]:
        """Opened so that no file appears beside the ledger: a log that lacks is made, unless told not to."""
        log = beside(self.path, "-wal")
        is_whole = self._is_quiet and not (log.exists() and log.stat().st_size)
        uri = f"file:{quote(str(self.path.resolve()))}?mode=ro" + ("&immutable=1" if is_whole else "")
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        try:
            connection.execute("PRAGMA busy_timeout = 5000")
            yield connection
        finally:
            connection.close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
