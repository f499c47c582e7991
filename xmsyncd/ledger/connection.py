"""The ledger's one connection, in one thread that both writes and checkpoints.

SQLite before 3.51.3 can damage a database when one connection commits while another resets the
write-ahead log (Debian 12 ships 3.40), so there is exactly one that writes. Whole transactions are functions
sent to its thread; what has been sent is carried out even if the caller is cancelled, because a claim that
commits behind the caller's back must be settled, not forgotten.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from xmsyncd.clock import Clock, SystemClock
from xmsyncd.errors import LedgerStorageError, LedgerUnusableError
from xmsyncd.heartbeat import beat
from xmsyncd.ledger import faults, identity
from xmsyncd.ledger.backup import back_up, set_aside_left_over
from xmsyncd.ledger.identity import Identity
from xmsyncd.ledger.lock import LedgerLock, beside
from xmsyncd.ledger.migrate import migrate, recognise, schema_version

P = ParamSpec("P")
T = TypeVar("T")

_URL_PREFIX = "sqlite:///"


def path_of(url: str) -> Path:
    """The file behind ``sqlite:///relative`` or ``sqlite:////absolute``."""
    return Path(url.removeprefix(_URL_PREFIX))


def _nobody_waits(future: asyncio.Future[T]) -> None:
    """How the work of a cancelled caller ended.

    A disk that failed meets whoever asks next, and is told there in one sentence. Anything else is a fault of
    the program, which the loop tells with its traceback.
    """
    error = None if future.cancelled() else future.exception()
    if error is not None and not isinstance(error, LedgerUnusableError):
        told = {"message": "a transaction of a cancelled caller failed", "exception": error, "future": future}
        future.get_loop().call_exception_handler(told)


class Ledger:
    """The durable memory of one daemon. Open it with ``async with Ledger(path) as ledger``.

    :meth:`write` runs ``function(connection, …)`` as one ``BEGIN IMMEDIATE`` transaction: all of it is
    committed and on the disk (``synchronous=FULL``) when the call returns, or nothing of it is there.
    :meth:`read` gives ``function`` one consistent view. Transactions run in the order in which they
    were asked for. Raises :class:`LedgerUnusableError` for what the disk or the file does, and
    :class:`LedgerHeldError` on opening a ledger that another process holds.
    """

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        self.path = path
        self.identity: Identity
        """Who it is, and whether this opening found it to be an older copy; known once it is open."""
        self.migrated: Path | None = None
        """The copy that was made because this opening migrated the file."""
        self._clock = clock or SystemClock()
        self._lock = LedgerLock(path)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._connection: sqlite3.Connection | None = None
        self._changes_seen = 0

    async def __aenter__(self) -> Self:
        self._lock.acquire()
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._open)
        except BaseException:
            self._lock.release()
            self._thread.shutdown(wait=False)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=True)
        self._lock.release()

    async def write(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """One durable transaction; see the class. Not safe to cancel into: the work is done all the same."""
        return await self._run(lambda: self._transact("BEGIN IMMEDIATE", function, *args, **kwargs))

    async def read(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """One consistent view, without a write."""
        return await self._run(lambda: self._transact("BEGIN", function, *args, **kwargs))

    async def mark_generation(self) -> None:
        """Let the file beside the ledger see what it holds now, if it changed since; see :mod:`.identity`."""
        await self._run(self._mark_generation)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._connection is None:
            raise LedgerUnusableError("the ledger is closed")
        future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            result = await asyncio.shield(future)
        except asyncio.CancelledError:
            future.add_done_callback(_nobody_waits)
            raise
        beat()
        return result

    def _open(self) -> None:
        set_aside_left_over(self.path)
        with faults.told(self.path):
            # A new ledger is for its owner's eyes, and SQLite gives -wal and -shm the same mode. What stands
            # in the way is said by SQLite, which meets it next.
            with contextlib.suppress(OSError):
                os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=True)
            try:
                connection.row_factory = sqlite3.Row
                connection.execute("PRAGMA busy_timeout = 5000")
                recognise(connection, self.path)
                self._to_write_ahead(connection)
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA foreign_keys = ON")
                migrate(connection, self._keep_a_copy)
                self.identity = identity.establish(connection, self.path, self._clock.now())
            except BaseException:
                connection.close()
                raise
            self._changes_seen = connection.total_changes
            self._connection = connection

    def _to_write_ahead(self, connection: sqlite3.Connection) -> None:
        mode = str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        if mode != "wal":
            raise LedgerUnusableError(
                f"the ledger {self.path} cannot be used: its file system has no shared memory for "
                f"it (journal "
                f"mode {mode}); put the ledger on a disk of this machine"
            )

    def _keep_a_copy(self, connection: sqlite3.Connection) -> Path:
        """Before a migration: beside the ledger, with the number of the schema that it still has."""
        target = beside(self.path, f".schema-{schema_version(connection)}.backup")
        self.migrated = back_up(self.path, target, now=self._clock.now(), force=True).path
        return self.migrated

    def _close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error, LedgerStorageError):
                self._mark_generation()
            self._connection.close()
            self._connection = None

    def _mark_generation(self) -> None:
        connection = self._connection
        if connection is None or connection.total_changes == self._changes_seen:
            return
        with faults.told(self.path):
            identity.raise_generation(connection, self.path)
        self._changes_seen = connection.total_changes

    def _transact(
        self,
        begin: str,
        function: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        connection = self._connection
        if connection is None:
            raise LedgerUnusableError("the ledger is closed")
        with faults.told(self.path):
            connection.execute(begin)
            try:
                result = function(connection, *args, **kwargs)
                connection.execute("COMMIT")
            except BaseException:
                # SQLite rolls back by itself on a full disk; a second ROLLBACK is then an error of its own.
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
            return result
