"""What the disk or the file did to the ledger, in words: which file, what was found, what to do."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from xmsyncd.errors import LedgerStorageError, LedgerUnusableError

_NOTHING_LOST: Final = (
    "nothing that was committed is lost, and calls that were on their way are looked for then"
)


@dataclass(frozen=True, slots=True)
class _Trouble:
    """One kind of failure: what it means and what a person does about it."""

    found: str
    advice: str
    error: type[LedgerUnusableError] = LedgerStorageError


# By SQLite's primary result code (sqlite.org/rescode.html).
_TROUBLES: Final[Mapping[int, _Trouble]] = {
    sqlite3.SQLITE_FULL: _Trouble(
        "its disk is full", f"free some space there and start again; {_NOTHING_LOST}"
    ),
    sqlite3.SQLITE_READONLY: _Trouble(
        "it cannot be written to",
        "see that the file, its folder and its file system are writable for this user, and start again; "
        f"{_NOTHING_LOST}",
    ),
    sqlite3.SQLITE_IOERR: _Trouble(
        "its disk cannot be read or written",
        "look at the disk, its quota and the system's log, and start again; if the disk is failing, "
        "restore a "
        "backup on another one",
    ),
    sqlite3.SQLITE_CORRUPT: _Trouble(
        "the file is damaged",
        "do not go on with it: keep it, see `xmsyncd ledger check`, put the latest backup in its "
        "place and run "
        "`xmsyncd adopt`",
    ),
    sqlite3.SQLITE_NOTADB: _Trouble(
        "the file is no SQLite database",
        "see that ledger.url names the right file; if it was a ledger, restore a backup in its place",
        LedgerUnusableError,
    ),
    sqlite3.SQLITE_CANTOPEN: _Trouble(
        "it cannot be opened",
        "see that the path is right and that this user may read and write the file and its folder",
        LedgerUnusableError,
    ),
    sqlite3.SQLITE_PERM: _Trouble(
        "this user may not use it", "give the user who runs xmsyncd the file", LedgerUnusableError
    ),
    sqlite3.SQLITE_AUTH: _Trouble(
        "this user may not use it", "give the user who runs xmsyncd the file", LedgerUnusableError
    ),
    sqlite3.SQLITE_BUSY: _Trouble(
        "another program writes to it",
        "only xmsyncd may have it open: end the other program (a database browser, a copy in progress)",
        LedgerUnusableError,
    ),
    sqlite3.SQLITE_LOCKED: _Trouble(
        "another program writes to it",
        "only xmsyncd may have it open: end the other program (a database browser, a copy in progress)",
        LedgerUnusableError,
    ),
    sqlite3.SQLITE_PROTOCOL: _Trouble(
        "its file system does not lock as it should",
        "put the ledger on a disk of this machine: network file systems are not safe for it",
        LedgerUnusableError,
    ),
    sqlite3.SQLITE_NOLFS: _Trouble(
        "its file system cannot hold so large a file", "move it to another disk", LedgerStorageError
    ),
    sqlite3.SQLITE_TOOBIG: _Trouble("a value is too large for it", "report this with `xmsyncd ledger check`"),
    sqlite3.SQLITE_ERROR: _Trouble(
        "it does not have the tables that this version expects",
        "run `xmsyncd ledger check`; if somebody changed it by hand, restore a backup in its place",
        LedgerUnusableError,
    ),
}


def fault_of(path: Path, error: sqlite3.Error) -> LedgerUnusableError | None:
    """The error to tell a person; ``None`` where it is a fault of ours, to be seen as it is."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None or isinstance(error, sqlite3.IntegrityError):
        return None
    trouble = _TROUBLES.get(code & 0xFF)
    if trouble is None:
        return LedgerUnusableError(f"the ledger {path} cannot be used: {error}")
    found, advice = trouble.found, trouble.advice
    if code & 0xFF == sqlite3.SQLITE_CANTOPEN:
        found = _why_not_opened(path) or found
    return trouble.error(f"the ledger {path} cannot be used: {found} ({error}); {advice}")


def _why_not_opened(path: Path) -> str:
    if path.is_dir():
        return "it is a folder"
    if not path.parent.is_dir():
        return f"its folder {path.parent} does not exist"
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        return "this user may not read and write the file"
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return f"this user may not write in its folder {path.parent}"
    return ""


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Inside, what SQLite says of the disk or the file becomes one error that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        fault = fault_of(path, error)
        if fault is None:
            raise
        raise fault from error


def file_fault(path: Path, error: OSError, what: str) -> LedgerUnusableError:
    """The same for a file beside the ledger; ``what`` completes "cannot …"."""
    return LedgerStorageError(
        f"cannot {what}: {error.strerror or error}; the folder of the ledger {path} must exist, be "
        f"writable for "
        "this user and have space left"
    )
