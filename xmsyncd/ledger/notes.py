"""Short texts that the ledger keeps by name: who it is, and what the last process left for the next."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping


def read(connection: sqlite3.Connection, name: str) -> str | None:
    """The note of this name, if there is one."""
    row = connection.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def write(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Keep a note, in place of the one before."""
    connection.execute(
        "INSERT INTO notes (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = "
        "excluded.value",
        (name, value),
    )


def read_all(connection: sqlite3.Connection, prefix: str) -> dict[str, str]:
    """The notes whose names begin with ``prefix``, by their whole names."""
    found = connection.execute(
        "SELECT name, value FROM notes WHERE substr(name, 1, ?) = ?", (len(prefix), prefix)
    )
    return {str(row["name"]): str(row["value"]) for row in found}


def write_all(connection: sqlite3.Connection, values: Mapping[str, str]) -> None:
    """Keep several notes."""
    for name, value in values.items():
        write(connection, name, value)


def strike(connection: sqlite3.Connection, name: str) -> None:
    """Forget a note; safe to repeat."""
    connection.execute("DELETE FROM notes WHERE name = ?", (name,))
