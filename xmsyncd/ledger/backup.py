"""A whole, consistent copy of a ledger that may be in use, marked as one, in place only when it is good."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from xmsyncd.errors import LedgerStorageError, LedgerUnusableError
from xmsyncd.ledger import identity
from xmsyncd.ledger.faults import fault_of, file_fault
from xmsyncd.ledger.lock import beside

_PAGES_PER_STEP: Final = 1000

# Of the ledger itself: never a place for a copy.
_OWN_SUFFIXES: Final = ("", "-wal", "-shm", "-journal", ".lock", ".sock", ".generation")


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that is on the disk and was read back."""

    path: Path
    size_bytes: int
    records: int
    generation: int


def nobody_watches(copied: int, total: int) -> None:
    """Pages copied so far, of how many."""


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can only read, for a process that holds the ledger's lock.

    Beside the connection that writes it is harmless: it neither commits nor checkpoints, and only two that do
    can meet the fault for which there is otherwise exactly one (see :mod:`.connection`).
    """
    uri = f"file:{quote(os.fspath(path.resolve()))}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        yield connection
    finally:
        connection.close()


def back_up(
    ledger: Path,
    target: Path,
    *,
    now: datetime,
    force: bool = False,
    watched: Callable[[int, int], None] = nobody_watches,
) -> Backup:
    """Copy the ledger as it is at this moment to ``target``; blocking. The caller holds the ledger's lock.

    Whoever writes meanwhile is not held up. The copy is written under another name, read back, put on the
    disk
    and only then renamed, so ``target`` is whole or as it was; its mode is 0600. ``watched`` may raise to
    give up.
    Raises ``LedgerUnusableError`` for a target that must not be replaced (without ``force``: any file) or
    cannot be written, and for a ledger that cannot be read.
    """
    _check_target(ledger, target, force=force)
    new = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        try:
            os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            mark, records = _copy(ledger, new, now, watched)
            _to_disk(new)
            size = new.stat().st_size
            if force:
                new.replace(target)
            else:
                os.link(new, target)  # unlike a rename, this never replaces what somebody put there meanwhile
            _to_disk(target.parent)
        except FileExistsError as error:
            raise _there_already(target) from error
        except OSError as error:
            raise LedgerStorageError(
                f"cannot write the backup {target}: {error.strerror or error}"
            ) from error
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            new.with_name(new.name + suffix).unlink(missing_ok=True)
    return Backup(target, size, records, mark.generation)


def _check_target(ledger: Path, target: Path, *, force: bool) -> None:
    own = {beside(ledger, suffix) for suffix in _OWN_SUFFIXES}
    if target.resolve() in own:
        raise LedgerUnusableError(f"{target} is the ledger itself or belongs to it: name another file")
    if target.is_dir():
        raise LedgerUnusableError(f"{target} is a folder: name a file in it")
    if not target.parent.is_dir():
        raise LedgerUnusableError(f"the folder {target.parent} does not exist")
    if target.exists() and not force:
        raise _there_already(target)


def _there_already(target: Path) -> LedgerUnusableError:
    return LedgerUnusableError(f"{target} is there already: name another file, or replace it with --force")


def _copy(
    ledger: Path, new: Path, now: datetime, watched: Callable[[int, int], None]
) -> tuple[identity.CopyMark, int]:
    with _named(ledger), reading(ledger) as source, contextlib.closing(_connect(new)) as copy:
        # An open read transaction: the copy is of this moment, however long it takes and whatever is written.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()

        def progress(_status: int, remaining: int, total: int) -> None:
            watched(total - remaining, total)

        with _named(new):
            source.backup(copy, pages=_PAGES_PER_STEP, progress=progress)
            # One file without companions, that can be read from anywhere.
            copy.execute("PRAGMA journal_mode = DELETE")
            copy.execute("PRAGMA synchronous = FULL")
            copy.execute("BEGIN IMMEDIATE")
            mark = identity.mark_copy(copy, now)
            copy.execute("COMMIT")
            found = [row[0] for row in copy.execute("PRAGMA quick_check(5)")]
            records = int(copy.execute("SELECT count(*) FROM records").fetchone()[0])
        if found != ["ok"]:
            raise LedgerStorageError(
                f"the backup of {ledger} is damaged and was not kept ({'; '.join(found)}): see "
                f"`xmsyncd ledger "
                "check` whether the ledger itself is"
            )
        return mark, records


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """What SQLite says is told of the file that it is about."""
    try:
        yield
    except sqlite3.Error as error:
        raise fault_of(path, error) or error from error


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def set_aside_left_over(ledger: Path) -> None:
    """Before the ledger is opened: put away the log of another file that stood in its place.

    A backup of ours is one whole file that keeps no write-ahead log (its header says so, bytes 18 and 19 of
    the file format). A log found beside it is that of the ledger it replaced, and SQLite would play it back
    into the
    backup: a damaged file. It is renamed, not removed. Blocking; the caller holds the lock and has no
    connection.
    """
    log = beside(ledger, "-wal")
    try:
        if not log.exists() or log.stat().st_size == 0:
            return
        with ledger.open("rb") as file:
            header = file.read(20)
        if len(header) == 20 and header[:16] == b"SQLite format 3\0" and header[18:20] == b"\x01\x01":
            log.replace(beside(ledger, "-wal.left-over"))
            beside(ledger, "-shm").unlink(missing_ok=True)
    except OSError as error:
        raise file_fault(ledger, error, f"put {log} away, which belongs to another ledger") from error
