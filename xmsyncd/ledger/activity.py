"""What was sent to Yida in the last hours and what came of it, counted from the attempts."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from xmsyncd.ledger.times import from_ms, to_ms
from xmsyncd.records import Family

# A call that began before the stretch may have ended in it: far longer than any time-out of a call.
_LONGEST_CALL: Final = timedelta(minutes=10)

_MINUTE: Final = timedelta(minutes=1)

# Claims of which nothing was sent.
_NOT_MADE: Final = "returned"


@dataclass(frozen=True, slots=True)
class Activity:
    """Calls to Yida by the time at which they ended, in slots of equal length, the oldest first.

    A slot counts by what came of the call: ``create`` or ``update`` for what was delivered, else the family
    of the answer (or ``orphaned``: cut off by the death of the process). The last slot is not over yet.
    """

    start: datetime
    slot: timedelta
    slots: tuple[Mapping[str, int], ...]
    last_minute: int
    """Calls that were delivered within the last minute."""


def activity(
    connection: sqlite3.Connection, pipeline: str, now: datetime, *, slot: timedelta, slots: int
) -> Activity:
    """Count the calls of the last ``slots`` slots, the present one included."""
    size = slot // timedelta(milliseconds=1)
    start_ms = (to_ms(now) // size + 1 - slots) * size
    counted: list[dict[str, int]] = [{} for _ in range(slots)]
    last_minute = 0
    for row in connection.execute(
        """SELECT (settled_ms - :start) / :size AS slot, operation, outcome, count(*) AS number,
                  sum(settled_ms > :minute) AS latest
           FROM attempts
           WHERE pipeline = :pipeline AND operation IN ('create', 'update') AND id >= :first
               AND settled_ms >= :start AND outcome IS NOT NULL AND outcome <> :not_made
           GROUP BY 1, 2, 3""",
        {
            "pipeline": pipeline,
            "first": _first_since(connection, start_ms - _LONGEST_CALL // timedelta(milliseconds=1)),
            "start": start_ms,
            "size": size,
            "minute": to_ms(now - _MINUTE),
            "not_made": _NOT_MADE,
        },
    ):
        is_delivered = row["outcome"] == Family.DELIVERED
        name = row["operation"] if is_delivered else row["outcome"]
        # A clock that was set back leaves calls in the future; they belong to the present.
        place = counted[min(row["slot"], slots - 1)]
        place[name] = place.get(name, 0) + row["number"]
        last_minute += row["latest"] if is_delivered else 0
    return Activity(from_ms(start_ms), slot, tuple(counted), last_minute)


def _first_since(connection: sqlite3.Connection, since_ms: int) -> int:
    """The first attempt claimed since then, found by halving: numbers follow time, and no index knows it."""
    low, high = 0, connection.execute("SELECT coalesce(max(id), 0) + 1 FROM attempts").fetchone()[0]
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            "SELECT id, claimed_ms FROM attempts WHERE id >= ? ORDER BY id LIMIT 1", (middle,)
        ).fetchone()
        if row is None or row["claimed_ms"] >= since_ms:
            high = middle
        else:
            low = int(row["id"]) + 1
    return int(low)
