"""Calls that the vendor meters: counted in the transaction that allows them, given back when not metered."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from zoneinfo import ZoneInfo

_BEIJING = ZoneInfo("Asia/Shanghai")


def month_of(moment: datetime) -> str:
    """The calendar month in Beijing, as ``2026-11``: the vendor's accounting period (vendor doc)."""
    return moment.astimezone(_BEIJING).strftime("%Y-%m")


def add(connection: sqlite3.Connection, name: str, month: str, calls: int) -> None:
    """Count ``calls`` more (or, negative, fewer) for a connection in a month."""
    if calls:
        connection.execute(
            """INSERT INTO meters (connection, month, calls) VALUES (?, ?, MAX(0, ?))
               ON CONFLICT (connection, month) DO UPDATE SET calls = MAX(0, calls + ?)""",
            (name, month, calls, calls),
        )


def used(connection: sqlite3.Connection, name: str, month: str) -> int:
    """Calls counted so far."""
    row = connection.execute(
        "SELECT calls FROM meters WHERE connection = ? AND month = ?", (name, month)
    ).fetchone()
    return 0 if row is None else int(row["calls"])
