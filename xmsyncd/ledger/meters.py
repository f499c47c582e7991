"""Calls that the vendor meters: the one place that counts them, durably and before they are sent.

Starts and updates are counted in the transaction that claims them, reads in one of their own just before they
go; what was proven not to be metered is given back. So a crash may count a call too many, never one too few.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from xmsyncd.flow.quota import Account, MonthUse, Room, room_for_questions, room_for_reserve

_BEIJING = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Meter:
    """Whose calls are counted, in which month, and what that month allows (``limit`` 0: not metered)."""

    connection: str
    month: str
    limit: int = 0
    reserve: int = 0


def month_of(moment: datetime) -> str:
    """The calendar month in Beijing, as ``2026-11``: the vendor's accounting period (vendor doc)."""
    return moment.astimezone(_BEIJING).strftime("%Y-%m")


def count(
    connection: sqlite3.Connection,
    name: str,
    month: str,
    kind: str,
    calls: int,
    *,
    from_reserve: bool,
) -> None:
    """Count ``calls`` more (or, negative, fewer) of a kind for a connection in a month."""
    if not calls:
        return
    reserve = calls if from_reserve else 0
    connection.execute(
        """INSERT INTO meters (connection, month, calls, reserve_calls)
           VALUES (:name, :month, MAX(0, :calls), MAX(0, :reserve))
           ON CONFLICT (connection, month) DO UPDATE SET
               calls = MAX(0, calls + :calls), reserve_calls = MAX(0, reserve_calls + :reserve)""",
        {"name": name, "month": month, "calls": calls, "reserve": reserve},
    )
    connection.execute(
        """INSERT INTO meter_kinds (connection, month, kind, calls)
           VALUES (:name, :month, :kind, MAX(0, :calls))
           ON CONFLICT (connection, month, kind) DO UPDATE SET calls = MAX(0, calls + :calls)""",
        {"name": name, "month": month, "kind": kind, "calls": calls},
    )


def take_call(
    connection: sqlite3.Connection, meter: Meter, kind: str, account: Account = Account.LOOKS
) -> Room:
    """Count one read that is about to go, if there is room for it; returns the room it found."""
    is_look = account is Account.LOOKS
    room = reserve_room(connection, meter) if is_look else room_for_questions(use(connection, meter))
    if room.calls > 0:
        from_reserve = account is not Account.COMPARISONS
        count(connection, meter.connection, meter.month, kind, 1, from_reserve=from_reserve)
    return room


def enter(connection: sqlite3.Connection, made: Mapping[str, Mapping[str, int]], now: datetime) -> None:
    """Count calls that a person's command has made beside the ledger, by connection and kind."""
    for name, by_kind in made.items():
        for kind, calls in by_kind.items():
            count(connection, name, month_of(now), kind, calls, from_reserve=False)


def reserve_room(connection: sqlite3.Connection, meter: Meter) -> Room:
    """How many looks, resends and questions may go now."""
    used = use(connection, meter)
    return room_for_reserve(used, waiting(connection, used, meter.connection))


def use(connection: sqlite3.Connection, meter: Meter) -> MonthUse:
    """What the month allows and has used."""
    row = connection.execute(
        "SELECT calls, reserve_calls FROM meters WHERE connection = ? AND month = ?",
        (meter.connection, meter.month),
    ).fetchone()
    used, reserve_used = (0, 0) if row is None else (int(row["calls"]), int(row["reserve_calls"]))
    return MonthUse(meter.limit, meter.reserve, used, reserve_used)


def used(connection: sqlite3.Connection, name: str, month: str) -> int:
    """Calls counted so far."""
    return use(connection, Meter(name, month)).used


def kinds(connection: sqlite3.Connection, name: str, month: str) -> Mapping[str, int]:
    """Calls counted so far by what they were, the most frequent first."""
    found = connection.execute(
        """SELECT kind, calls FROM meter_kinds WHERE connection = ? AND month = ? AND calls > 0
           ORDER BY calls DESC, kind""",
        (name, month),
    )
    return {row["kind"]: row["calls"] for row in found}


def waiting(connection: sqlite3.Connection, use: MonthUse, name: str) -> int:
    """Records of this connection that wait to be sent for the first time.

    Counted only where the answer matters, and no further than it does: the reserve is used up, and the
    month is not.
    """
    if not use.limit or not use.left or use.reserve_used < use.reserve:
        return 0
    return int(
        connection.execute(
            """SELECT count(*) FROM (SELECT 1 FROM pipelines p JOIN records r ON r.pipeline = p.name
                   WHERE p.connection = ? AND r.lane IN ('create', 'update') AND r.tries = 0 AND r.resends = 0
                   LIMIT ?)""",
            (name, use.left),
        ).fetchone()[0]
    )
