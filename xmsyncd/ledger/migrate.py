"""Numbered SQL migrations, each in one transaction; ``PRAGMA user_version`` says how far the file is."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from xmsyncd.errors import LedgerUnusableError, NewerSchemaError


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema."""

    number: int
    name: str
    sql: str


def migrations() -> Sequence[Migration]:
    """All steps this version knows, in order, numbered from 1 without a hole."""
    folder = resources.files("xmsyncd.ledger") / "migrations"
    found = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [
        Migration(int(name.split("_", 1)[0]), name, (folder / name).read_text(encoding="utf-8"))
        for name in found
    ]


def schema_version(connection: sqlite3.Connection) -> int:
    """How many migrations the file has seen; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def pending(connection: sqlite3.Connection) -> Sequence[Migration]:
    """The steps that the file has not seen yet. Raises :class:`NewerSchemaError` for a later file."""
    steps = migrations()
    before = schema_version(connection)
    if before > len(steps):
        raise NewerSchemaError(
            f"the ledger has schema {before}, this version of xmsyncd knows {len(steps)}: run the "
            f"version that "
            "wrote it, or a later one; a copy from before that migration, if you must go back, stands beside "
            f"the ledger (….schema-{len(steps)}.backup) and needs `xmsyncd adopt` after it is put "
            f"in its place"
        )
    return steps[before:]


def recognise(connection: sqlite3.Connection, path: Path) -> None:
    """Raise ``LedgerUnusableError``, before anything is written, for a database of some other program."""
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if tables and not {"pipelines", "records", "notes"} <= tables:
        some = ", ".join(sorted(tables)[:3])
        raise LedgerUnusableError(
            f"{path} is a database, but no ledger of xmsyncd (it has tables like {some}): see that "
            f"ledger.url "
            "names the right file"
        )


def migrate(
    connection: sqlite3.Connection, keep_a_copy: Callable[[sqlite3.Connection], Path] | None = None
) -> tuple[int, int]:
    """Bring the file to this version's schema; returns (version before, version after). Safe to repeat.

    Each step and its number are committed together, so a crash between two steps loses nothing, and a step
    that fails leaves the schema before it. ``keep_a_copy`` is called first where there is something to lose.
    Raises :class:`NewerSchemaError`, before anything is written, for a file of a later version.
    """
    steps = pending(connection)
    before = schema_version(connection)
    kept = keep_a_copy(connection) if before and steps and keep_a_copy is not None else None
    for step in steps:
        try:
            # executescript() would commit an open transaction first, so the script carries its own.
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{step.sql}\nPRAGMA user_version = {step.number};\nCOMMIT;"
            )
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF not in _OF_THE_STEP:
                raise
            where = "" if kept is None else f"; a copy of it is {kept}"
            raise LedgerUnusableError(
                f"the ledger could not be brought to schema {step.number} ({step.name}: {error}): "
                f"it is as it "
                f"was, with schema {schema_version(connection)}{where}. Go on with the version that "
                f"wrote it, and "
                "report this"
            ) from error
    return before, before + len(steps)


# What a step itself may do wrong on a ledger it did not expect; the rest is the disk's or the file's.
_OF_THE_STEP = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH)
