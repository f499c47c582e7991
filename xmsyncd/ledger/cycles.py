"""Step 7: cycles, their balance, the watermark and the gaps it has passed."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from xmsyncd.ledger import contexts, documents, history
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.times import from_ms, to_ms
from xmsyncd.ledger.views import StageDecision
from xmsyncd.records import ContentHash

_END_OF_TIME_MS: Final = 2**62


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


def add_decisions(connection: sqlite3.Connection, cycle_id: int, counts: Mapping[StageDecision, int]) -> None:
    """Count what a page came to, in the page's own transaction."""
    for decision, number in counts.items():
        connection.execute(
            """INSERT INTO cycle_decisions (cycle_id, decision, records) VALUES (?, ?, ?)
               ON CONFLICT (cycle_id, decision) DO UPDATE SET records = records + excluded.records""",
            (cycle_id, decision, number),
        )


def progress(connection: sqlite3.Connection, cycle_id: int, counts: CycleCounts) -> None:
    """Keep the running numbers, for whoever looks at the cycle while it runs."""
    connection.execute(
        "UPDATE cycles SET pages = ?, items_read = ?, repeats = ?, details = ?, filtered = ? WHERE id = ?",
        (counts.pages, counts.items_read, counts.repeats, counts.details, counts.filtered, cycle_id),
    )


def read_up_to(connection: sqlite3.Connection, pipeline: str) -> datetime | None:
    """Up to when OKKI was read; before the first read, when one was first begun. ``None``: never."""
    row = connection.execute(
        """SELECT COALESCE(p.watermark_ms, (SELECT min(started_ms) FROM cycles WHERE pipeline = p.name))
           FROM pipelines p WHERE p.name = ?""",
        (pipeline,),
    ).fetchone()
    return None if row is None else from_ms(row[0])


def move_watermark(connection: sqlite3.Connection, pipeline: str, to: datetime) -> None:
    """Forward only: a second reader of an older window must not bring it back."""
    connection.execute(
        "UPDATE pipelines SET watermark_ms = MAX(COALESCE(watermark_ms, ?), ?) WHERE name = ?",
        (to_ms(to), to_ms(to), pipeline),
    )


def pull_back_watermark(
    connection: sqlite3.Connection, pipeline: str, was: datetime, to: datetime, now: datetime
) -> None:
    """Take a watermark out of the future, owe a full read, and strike gaps that have not happened yet."""
    connection.execute("UPDATE pipelines SET watermark_ms = ? WHERE name = ?", (to_ms(to), pipeline))
    owe_full_read(connection, pipeline)
    _cut_out(connection, pipeline, to_ms(to), _END_OF_TIME_MS)
    history.note(
        connection,
        now,
        pipeline,
        HistoryEvent.WATERMARK_PULLED_BACK,
        was=was.isoformat(),
        to=to.isoformat(),
    )


def owe_full_read(connection: sqlite3.Connection, pipeline: str) -> None:
    """Have each cycle be a full one until one of them is through."""
    connection.execute("UPDATE pipelines SET last_full_ms = NULL WHERE name = ?", (pipeline,))


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
    is_fresh: bool = True,
    full_read: ContentHash | None = None,
    parts: Mapping[str, ContentHash] | None = None,
    proof: str = "",
    detail: str = "",
    cannot_work: str | None = None,
) -> int:
    """Close the window in one transaction: watermark, context, balance, result. Returns the balance.

    ``watermark`` is the end of the proven part (``None``: it stays); ``full_read`` is the context, with its
    ``parts`` by name, under which everything has now been read; ``is_fresh`` says whether the cycle read
    up to its own time, so that it counts as the last success. The balance is what was read minus
    what was decided; anything but 0 is a fault of ours.
    """
    if watermark is not None:
        move_watermark(connection, pipeline, watermark)
    if full_read is not None:
        remember_full_read(connection, pipeline, full_read, now)
        contexts.remember(connection, pipeline, full_read, parts or {})
    progress(connection, cycle_id, counts)
    balance = counts.items_read - counts.filtered - sum(decisions(connection, cycle_id).values())
    if result in (CycleResult.FAILED, CycleResult.INTERRUPTED):
        balance = 0  # it stopped between reading and staging: there is nothing to balance
    elif is_fresh:
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
) -> datetime | None:
    """Count a slice that stayed unproven once more; after ``limit`` cycles it holds the watermark no longer.

    Each stretch of it counts for itself: a slice of another cycle lies elsewhere, and what it shows for the
    first time is not passed because an older gap beside it was. Returns how far from ``start`` all has been
    passed; ``None``: nothing has. Touching stretches of one slice that have been passed are one gap.
    """
    start_ms, end_ms = to_ms(start), to_ms(end)
    pieces: list[_Piece] = []
    at = start_ms
    for row in _cut_out(connection, pipeline, start_ms, end_ms):
        low, high = max(row["start_ms"], start_ms), min(row["end_ms"], end_ms)
        if at < low:
            pieces.append(_Piece(at, low, 1, to_ms(now), limit <= 1))
        cycles = row["cycles"] + 1
        pieces.append(_Piece(low, high, cycles, row["first_ms"], bool(row["passed"]) or cycles >= limit))
        at = high
    if at < end_ms or not pieces:
        pieces.append(_Piece(at, end_ms, 1, to_ms(now), limit <= 1))
    passed_to: datetime | None = None
    joined: list[_Piece] = []
    for piece in pieces:
        if piece.passed and (piece.start == start_ms or passed_to == from_ms(piece.start)):
            passed_to = from_ms(piece.end)
        if joined and piece.passed and joined[-1].passed and joined[-1].end == piece.start:
            joined[-1] = joined[-1].joined_with(piece)
        else:
            joined.append(piece)
    for piece in joined:
        _insert_gap(
            connection, pipeline, piece.start, piece.end, piece.cycles, piece.first, int(piece.passed)
        )
    return passed_to


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of a slice, in milliseconds, and in how many cycles it has been unproven since when."""

    start: int
    end: int
    cycles: int
    first: int
    passed: bool

    def joined_with(self, later: _Piece) -> _Piece:
        cycles, first = max(self.cycles, later.cycles), min(self.first, later.first)
        return _Piece(self.start, later.end, cycles, first, passed=True)


def close_gaps(connection: sqlite3.Connection, pipeline: str, start: datetime | None, end: datetime) -> int:
    """Strike what a proven stretch covers of the gaps; returns how many it touched.

    What sticks out of it stays a gap, so that several stretches can prove one gap between them.
    """
    return len(_cut_out(connection, pipeline, 0 if start is None else to_ms(start), to_ms(end)))


def _cut_out(connection: sqlite3.Connection, pipeline: str, start_ms: int, end_ms: int) -> list[sqlite3.Row]:
    """Take a stretch out of the gaps; returns those it overlapped, as they were."""
    overlapping = connection.execute(
        """SELECT start_ms, end_ms, cycles, first_ms, passed FROM gaps WHERE pipeline = :pipeline
           AND ((start_ms < :end AND end_ms > :start) OR (start_ms >= :start AND end_ms <= :end))
           ORDER BY start_ms, end_ms""",
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
