"""Numbered SQL migrations, each in one transaction; ``PRAGMA user_version`` says how far the file is."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from xmsyncd.errors import NewerSchemaError


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


def migrate(connection: sqlite3.Connection) -> tuple[int, int]:
    """Bring the file to this version's schema; returns (version before, version after). Safe to repeat.

    Each step and its number are committed together, so a crash between two steps loses nothing.
    Raises :class:`NewerSchemaError`, before anything is written, for a file of a later version.
    """
    steps = migrations()
    before = schema_version(connection)
    if before > len(steps):
        raise NewerSchemaError(
            f"the ledger has schema {before}, this version of xmsyncd knows {len(steps)}: "
            "run the version that wrote it, or a later one"
        )
    for step in steps[before:]:
        # executescript() would commit an open transaction first, so the script carries its own.
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{step.sql}\nPRAGMA user_version = {step.number};\nCOMMIT;"
        )
    return before, len(steps)
