"""Step 7: cycles, their balance, the watermark and the gaps it has passed."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from xmsyncd.ledger import documents
from xmsyncd.ledger.times import from_ms, to_ms
from xmsyncd.ledger.views import StageDecision
from xmsyncd.records import ContentHash


class CycleKind(StrEnum):
    """What a cycle reads: everything for the first time, what changed, everything again, or a chosen part."""

    FIRST = "first"
    INCREMENTAL = "incremental"
    FULL = "full"
    PARTIAL = "partial"


class CycleResult(StrEnum):
    """How a cycle ended. ``unproven``: everything was read, but not all of it is proven complete."""

    DONE = "done"
    UNPROVEN = "unproven"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class CycleCounts:
    """What a cycle did, in numbers."""

    pages: int = 0
    items_read: int = 0
    """Distinct ids (and entries without an id)."""
    repeats: int = 0
    details: int = 0
    filtered: int = 0
    """Items left out on purpose: they have no record."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time that could not be proven complete; ``passed``: it no longer holds the watermark."""

    start: datetime
    end: datetime
    cycles: int
    passed: bool


def begin(
    connection: sqlite3.Connection,
    pipeline: str,
    kind: CycleKind,
    start: datetime | None,
    end: datetime,
    now: datetime,
) -> int:
    """Open a cycle; returns its number. One that a crash left open is closed as interrupted."""
    connection.execute(
        """UPDATE cycles SET finished_ms = ?, result = 'interrupted', detail = 'the process ended'
           WHERE pipeline = ? AND finished_ms IS NULL""",
        (to_ms(now), pipeline),
    )
    cursor = connection.execute(
        "INSERT INTO cycles (pipeline, kind, started_ms, start_ms, end_ms) VALUES (?, ?, ?, ?, ?)",
        (pipeline, kind, to_ms(now), to_ms(start), to_ms(end)),
    )
    return int(cursor.lastrowid or 0)


def decisions(connection: sqlite3.Connection, cycle_id: int) -> Mapping[StageDecision, int]:
    """What became of each record that this cycle showed: one decision a record, from the records."""
    return {
        StageDecision(row["decision"]): row["number"]
        for row in connection.execute(
            "SELECT decision, count(*) AS number FROM records WHERE cycle_id = ? GROUP BY decision",
            (cycle_id,),
        )
    }


def progress(connection: sqlite3.Connection, cycle_id: int, counts: CycleCounts) -> None:
    """Keep the running numbers, for whoever looks at the cycle while it runs."""
    connection.execute(
        "UPDATE cycles SET pages = ?, items_read = ?, repeats = ?, details = ?, filtered = ? WHERE id = ?",
        (counts.pages, counts.items_read, counts.repeats, counts.details, counts.filtered, cycle_id),
    )


def move_watermark(connection: sqlite3.Connection, pipeline: str, to: datetime) -> None:
    """Forward only: a second reader of an older window must not bring it back."""
    connection.execute(
        "UPDATE pipelines SET watermark_ms = MAX(COALESCE(watermark_ms, ?), ?) WHERE name = ?",
        (to_ms(to), to_ms(to), pipeline),
    )


def remember_full_read(
    connection: sqlite3.Connection, pipeline: str, context_hash: ContentHash, at: datetime
) -> None:
    """The context under which everything has been read, and when."""
    connection.execute(
        "UPDATE pipelines SET context_hash = ?, last_full_ms = ? WHERE name = ?",
        (context_hash, to_ms(at), pipeline),
    )


def finish(
    connection: sqlite3.Connection,
    cycle_id: int,
    pipeline: str,
    result: CycleResult,
    counts: CycleCounts,
    *,
    now: datetime,
    watermark: datetime | None = None,
    full_read: ContentHash | None = None,
    proof: str = "",
    detail: str = "",
    cannot_work: str | None = None,
) -> int:
    """Close the window in one transaction: watermark, context, balance, result. Returns the balance.

    ``watermark`` is the end of the proven part (``None``: it stays). The balance is what was read minus
    what was decided; anything but 0 is a fault of ours.
    """
    if watermark is not None:
        move_watermark(connection, pipeline, watermark)
    if full_read is not None:
        remember_full_read(connection, pipeline, full_read, now)
    progress(connection, cycle_id, counts)
    balance = counts.items_read - counts.filtered - sum(decisions(connection, cycle_id).values())
    if result in (CycleResult.FAILED, CycleResult.INTERRUPTED):
        balance = 0  # it stopped between reading and staging: there is nothing to balance
    else:
        connection.execute(
            """UPDATE pipelines SET last_success_ms = ?
               WHERE name = ? AND (SELECT kind FROM cycles WHERE id = ?) <> 'partial'""",
            (to_ms(now), pipeline, cycle_id),
        )
    connection.execute(
        """UPDATE cycles SET finished_ms = ?, result = ?, detail = ?, cannot_work = ?, proof = ?, balance = ?,
               watermark_ms = (SELECT watermark_ms FROM pipelines WHERE name = ?) WHERE id = ?""",
        (to_ms(now), result, documents.printable(detail), cannot_work, proof, balance, pipeline, cycle_id),
    )
    return balance


def fail_to_begin(
    connection: sqlite3.Connection, pipeline: str, detail: str, cannot_work: str | None, now: datetime
) -> int:
    """Write down a cycle that failed before its window was known; returns its number."""
    cycle_id = begin(connection, pipeline, CycleKind.INCREMENTAL, None, now, now)
    finish(
        connection,
        cycle_id,
        pipeline,
        CycleResult.FAILED,
        CycleCounts(),
        now=now,
        detail=detail,
        cannot_work=cannot_work,
    )
    return cycle_id


def note_unproven(
    connection: sqlite3.Connection, pipeline: str, start: datetime, end: datetime, limit: int, now: datetime
) -> Gap:
    """Count a slice that stayed unproven once more; after ``limit`` cycles it holds the watermark no longer.

    Slices of different cycles are the same gap where they overlap: the boundaries move with every halving.
    The neighbours of one cycle only touch, and are gaps of their own.
    """
    overlapping = _cut_out(connection, pipeline, to_ms(start), to_ms(end))
    cycles = 1 + max((row["cycles"] for row in overlapping), default=0)
    first = min((row["first_ms"] for row in overlapping), default=to_ms(now))
    passed = cycles >= limit or any(row["passed"] for row in overlapping)
    _insert_gap(connection, pipeline, to_ms(start), to_ms(end), cycles, first, int(passed))
    return Gap(start, end, cycles, passed)


def close_gaps(connection: sqlite3.Connection, pipeline: str, start: datetime | None, end: datetime) -> int:
    """Strike what a proven stretch covers of the gaps; returns how many it touched.

    What sticks out of it stays a gap, so that several stretches can prove one gap between them.
    """
    return len(_cut_out(connection, pipeline, 0 if start is None else to_ms(start), to_ms(end)))


def _cut_out(connection: sqlite3.Connection, pipeline: str, start_ms: int, end_ms: int) -> list[sqlite3.Row]:
    """Take a stretch out of the gaps; returns those it overlapped, as they were."""
    overlapping = connection.execute(
        """SELECT start_ms, end_ms, cycles, first_ms, passed FROM gaps WHERE pipeline = :pipeline
           AND ((start_ms < :end AND end_ms > :start) OR (start_ms >= :start AND end_ms <= :end))""",
        {"pipeline": pipeline, "start": start_ms, "end": end_ms},
    ).fetchall()
    for row in overlapping:
        connection.execute(
            "DELETE FROM gaps WHERE pipeline = ? AND start_ms = ? AND end_ms = ?",
            (pipeline, row["start_ms"], row["end_ms"]),
        )
        for left, right in ((row["start_ms"], start_ms), (end_ms, row["end_ms"])):
            if left < right:
                _insert_gap(connection, pipeline, left, right, row["cycles"], row["first_ms"], row["passed"])
    return overlapping


def _insert_gap(
    connection: sqlite3.Connection,
    pipeline: str,
    start_ms: int,
    end_ms: int,
    cycles: int,
    first_ms: int,
    passed: int,
) -> None:
    connection.execute(
        """INSERT INTO gaps (pipeline, start_ms, end_ms, cycles, first_ms, passed)
           VALUES (?, ?, ?, ?, ?, ?)""",
        (pipeline, start_ms, end_ms, cycles, first_ms, passed),
    )


def gaps(connection: sqlite3.Connection, pipeline: str, *, passed_only: bool = True) -> tuple[Gap, ...]:
    """The listed gaps, oldest first."""
    return tuple(
        Gap(from_ms(row["start_ms"]), from_ms(row["end_ms"]), row["cycles"], bool(row["passed"]))
        for row in connection.execute(
            "SELECT * FROM gaps WHERE pipeline = ? AND passed >= ? ORDER BY start_ms",
            (pipeline, int(passed_only)),
        )
    )
