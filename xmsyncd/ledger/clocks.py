"""Times in the ledger further ahead than anything is ever put off: a clock was ahead when they were set.

Left as they are they would hold up records, probes and the guard until that time comes round.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from xmsyncd.ledger import history, rows
from xmsyncd.ledger.events import PulledIn
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.times import to_ms
from xmsyncd.records import RecordId, StopReason

# What is written and what is read here are not of the very same instant.
_SLACK: Final = timedelta(seconds=5)
_LONGEST_MONTH: Final = timedelta(days=32)
_MOST_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class LongestWaits:
    """How far ahead a time may lie: of a record that is to be sent again, of a look, of a probe."""

    retry: timedelta
    look: timedelta
    probe: timedelta


def has_future(connection: sqlite3.Connection, pipeline: str, waits: LongestWaits, now: datetime) -> bool:
    """Whether there is anything to pull in."""
    return bool(_records(connection, pipeline, waits, now, 1)) or any(
        connection.execute(
            f"SELECT 1 FROM {table} WHERE {name} = ? AND {column} > ? LIMIT 1",  # noqa: S608 - constant names
            (pipeline, to_ms(limit)),
        ).fetchone()
        for table, name, column, limit in _columns(connection, pipeline, waits, now)
    )


def pull_in(connection: sqlite3.Connection, pipeline: str, waits: LongestWaits, now: datetime) -> int:
    """Bring such times to ``now``, at most a few hundred records a call; returns how many. Safe to repeat.

    What was never put off is due when it is staged, so nothing of it may lie ahead at all.
    """
    found = _records(connection, pipeline, waits, now, _MOST_AT_ONCE)
    for row in found:
        rows.apply(connection, rows.load(connection, RecordId(row["id"])), PulledIn(now), now)
        connection.execute(
            "UPDATE attempts SET settled_ms = min(settled_ms, ?) WHERE id = ?",
            (to_ms(now), row["attempt_id"]),
        )
    others = 0
    for table, name, column, limit in _columns(connection, pipeline, waits, now):
        others += connection.execute(
            f"UPDATE {table} SET {column} = ? WHERE {name} = ? AND {column} > ?",  # noqa: S608 - constant names
            (to_ms(now), pipeline, to_ms(limit)),
        ).rowcount
    if found or others:
        history.note(connection, now, pipeline, HistoryEvent.PULLED_IN, records=len(found), others=others)
    return len(found) + others


def _records(
    connection: sqlite3.Connection, pipeline: str, waits: LongestWaits, now: datetime, limit: int
) -> list[sqlite3.Row]:
    return connection.execute(
        """SELECT id, attempt_id FROM records WHERE pipeline = :pipeline AND lane = 'look'
               AND (due_ms > :look OR sent_ms > :now)
           UNION ALL
           SELECT id, attempt_id FROM records WHERE pipeline = :pipeline
               AND lane IN ('create', 'update', 'suspect')
               AND due_ms > CASE WHEN tries = 0 AND resends = 0 THEN :now ELSE :retry END
           LIMIT :limit""",
        {
            "pipeline": pipeline,
            "now": to_ms(now + _SLACK),
            "look": to_ms(now + waits.look + _SLACK),
            "retry": to_ms(now + waits.retry + _SLACK),
            "limit": limit,
        },
    ).fetchall()


def _columns(
    connection: sqlite3.Connection, pipeline: str, waits: LongestWaits, now: datetime
) -> list[tuple[str, str, str, datetime]]:
    """Table, the column with the pipeline's name, the column with the time, and how far ahead it may lie."""
    stop = connection.execute("SELECT stop_reason FROM pipelines WHERE name = ?", (pipeline,)).fetchone()
    is_quota = stop is not None and stop["stop_reason"] == StopReason.QUOTA
    probe = now + (_LONGEST_MONTH if is_quota else waits.probe) + _SLACK
    return [
        ("pipelines", "name", "probe_ms", probe),
        ("instances", "pipeline", "created_ms", now + _SLACK),
        ("records", "pipeline", "guard_ms", now + _SLACK),
    ]
