"""What has become old is let go of in small steps: history, attempts and cycles, each never to the last."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from xmsyncd.ledger.times import to_ms

# Rows that one transaction looks at, and so the most that it deletes: some milliseconds of the writer's time.
ROWS_PER_STEP: Final = 500

# Whatever its age, this much stays: of each record for `explain`, of each pipeline for `status`. The newest
# of all is always among it, so no number is ever given twice.
EVENTS_KEPT: Final = 20
ATTEMPTS_KEPT: Final = 10
CYCLES_KEPT: Final = 50


class Thinned(StrEnum):
    """What is thinned out."""

    HISTORY = "history"
    ATTEMPTS = "attempts"
    CYCLES = "cycles"
    QUALITY = "quality"
    """The counts of quality rules by the hour; as old as the cycles they were counted in."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step came to, and where the next one goes on (``None``: it is through)."""

    deleted: int
    next_after: int | None


def thin(connection: sqlite3.Connection, what: Thinned, after: int, before: datetime) -> Step:
    """Look at the next rows after a number and delete those from before ``before`` that need not stay.

    One short transaction; safe to repeat, and to leave off after any step.
    """
    return _THINNERS[what](connection, after, to_ms(before))


def _history(connection: sqlite3.Connection, after: int, before_ms: int) -> Step:
    """Of each record the latest events stay, and the last that says since when it is in its state."""
    last = _last_of(
        connection, "SELECT id, at_ms AS ms FROM history WHERE id > ? ORDER BY id LIMIT ?", after, before_ms
    )
    if last is None:
        return Step(0, None)
    deleted = connection.execute(
        """DELETE FROM history WHERE id > :after AND id <= :last AND at_ms < :before AND (
               record_id IS NULL
               OR ((SELECT count(*) FROM (SELECT 1 FROM history n WHERE n.record_id = history.record_id
                        AND n.id > history.id LIMIT :kept)) >= :kept
                   AND (event NOT IN ('parked', 'waiting', 'discarded')
                        OR EXISTS (SELECT 1 FROM history n WHERE n.record_id = history.record_id
                            AND n.id > history.id AND n.event IN ('parked', 'waiting', 'discarded')))))""",
        {"after": after, "last": last, "before": before_ms, "kept": EVENTS_KEPT},
    ).rowcount
    return Step(deleted, last)


def _attempts(connection: sqlite3.Connection, after: int, before_ms: int) -> Step:
    """Never one that is open or that a record still names."""
    last = _last_of(
        connection,
        "SELECT id, claimed_ms AS ms FROM attempts WHERE id > ? ORDER BY id LIMIT ?",
        after,
        before_ms,
    )
    if last is None:
        return Step(0, None)
    deleted = connection.execute(
        """DELETE FROM attempts WHERE id > :after AND id <= :last AND outcome IS NOT NULL
               AND settled_ms < :before
               AND NOT EXISTS (SELECT 1 FROM records r WHERE r.attempt_id = attempts.id)
               AND NOT EXISTS (SELECT 1 FROM attempt_records s WHERE s.attempt_id = attempts.id
                   AND (SELECT count(*) FROM (SELECT 1 FROM attempt_records n WHERE n.record_id = s.record_id
                        AND n.attempt_id > s.attempt_id LIMIT :kept)) < :kept)""",
        {"after": after, "last": last, "before": before_ms, "kept": ATTEMPTS_KEPT},
    ).rowcount
    return Step(deleted, last)


def _cycles(connection: sqlite3.Connection, after: int, before_ms: int) -> Step:
    """Of each pipeline the latest stay; with a cycle go its decisions."""
    last = _last_of(
        connection,
        "SELECT id, started_ms AS ms FROM cycles WHERE id > ? ORDER BY id LIMIT ?",
        after,
        before_ms,
    )
    if last is None:
        return Step(0, None)
    deleted = connection.execute(
        """DELETE FROM cycles WHERE id > :after AND id <= :last AND finished_ms < :before
               AND (SELECT count(*) FROM (SELECT 1 FROM cycles n WHERE n.pipeline = cycles.pipeline
                    AND n.id > cycles.id LIMIT :kept)) >= :kept""",
        {"after": after, "last": last, "before": before_ms, "kept": CYCLES_KEPT},
    ).rowcount
    return Step(deleted, last)


def _quality(connection: sqlite3.Connection, after: int, before_ms: int) -> Step:
    deleted = connection.execute(
        """DELETE FROM quality_counts WHERE (pipeline, component, rule, demand_hash, hour_ms) IN (
               SELECT pipeline, component, rule, demand_hash, hour_ms FROM quality_counts
               WHERE hour_ms < ? LIMIT ?)""",
        (before_ms, ROWS_PER_STEP),
    ).rowcount
    return Step(deleted, after + 1 if deleted == ROWS_PER_STEP else None)


def _last_of(connection: sqlite3.Connection, sql: str, after: int, before_ms: int) -> int | None:
    """The last of the next rows; ``None`` once none of them is old: numbers follow time."""
    found = connection.execute(sql, (after, ROWS_PER_STEP)).fetchall()
    if all(row["ms"] >= before_ms for row in found):
        return None
    return int(found[-1]["id"])


_THINNERS: Final[dict[Thinned, Callable[[sqlite3.Connection, int, int], Step]]] = {
    Thinned.HISTORY: _history,
    Thinned.ATTEMPTS: _attempts,
    Thinned.CYCLES: _cycles,
    Thinned.QUALITY: _quality,
}
