"""The ledger's one connection, in one thread that both writes and checkpoints.

SQLite before 3.51.3 can damage a database when one connection commits while another resets the
write-ahead log (Debian 12 ships 3.40), so there is exactly one. Whole transactions are functions sent
to its thread; what has been sent is carried out even if the caller is cancelled, because a claim that
commits behind the caller's back must be settled, not forgotten.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, TypeVar

from xmsyncd.errors import LedgerUnusableError
from xmsyncd.ledger.lock import LedgerLock
from xmsyncd.ledger.migrate import migrate

P = ParamSpec("P")
T = TypeVar("T")

_URL_PREFIX = "sqlite:///"


def path_of(url: str) -> Path:
    """The file behind ``sqlite:///relative`` or ``sqlite:////absolute``."""
    return Path(url.removeprefix(_URL_PREFIX))


class Ledger:
    """The durable memory of one daemon. Open it with ``async with Ledger(path) as ledger``.

    :meth:`write` runs ``function(connection, …)`` as one ``BEGIN IMMEDIATE`` transaction: all of it is
    committed and on the disk (``synchronous=FULL``) when the call returns, or nothing of it is there.
    :meth:`read` gives ``function`` one consistent view. Transactions run in the order in which they
    were asked for. Raises :class:`LedgerUnusableError` for what the disk or the file does, and
    :class:`LedgerHeldError` on opening a ledger that another process holds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = LedgerLock(path)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._connection: sqlite3.Connection | None = None

    async def __aenter__(self) -> Ledger:
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

    async def _run(self, work: Callable[[], T]) -> T:
        if self._connection is None:
            raise LedgerUnusableError("the ledger is closed")
        future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        return await asyncio.shield(future)

    def _open(self) -> None:
        with _disk_errors(self.path):
            connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=True)
            try:
                connection.row_factory = sqlite3.Row
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA busy_timeout = 5000")
                migrate(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

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
        with _disk_errors(self.path):
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


@contextlib.contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """What the disk or the file does becomes one error that says which ledger and what to do."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise  # a rule of the schema was broken: a fault of ours, to be seen as it is
    except sqlite3.DatabaseError as error:
        raise LedgerUnusableError(f"the ledger {path} cannot be used: {error}") from error
