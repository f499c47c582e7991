"""The blast-radius guard (part of step 3): a burst of updates goes out up to a limit, the rest is held.

What counts is how many *products* were let go within a sliding stretch of time, read from the ledger: so
neither pages, nor cycles in a row, nor a crash in the middle begin a new count, and a product that is read
or edited again counts once. While anything is held the stretch does not slide on: until a person has decided,
no further product gets its turn. Creates are not counted: what Yida does not hold cannot be spoilt there.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from xmsyncd.ledger import history, rows
from xmsyncd.ledger.events import Held, Released
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.rows import RecordRow
from xmsyncd.ledger.states import (
    Block,
    DesiredDraft,
    HoldReason,
    RecordState,
    VisibleState,
    is_delivered,
    visible_state,
)
from xmsyncd.ledger.times import from_ms, to_ms
from xmsyncd.records import RecordId


@dataclass(frozen=True, slots=True)
class GuardRules:
    """How many products already in Yida may be updated within ``within`` before a person is asked.

    ``updates`` and ``share`` (0…1 of the products known in Yida) may each be ``None``: no such limit.
    ``at_least`` is the smallest number that a share may come to.
    """

    updates: int | None = None
    share: float | None = None
    at_least: int = 0
    within: timedelta = timedelta(hours=1)


UNGUARDED = GuardRules()
"""No limit."""


def limit_of(rules: GuardRules, known: int) -> int | None:
    """How many products may be updated; ``None``: any number. Pure.

    The smaller of both limits: a share alone lets a fifth of a large catalogue out, a number alone all of
    a small one. But a share of next to nothing says nothing, so it never comes to less than ``at_least``.
    """
    limits = []
    if rules.updates is not None:
        limits.append(rules.updates)
    if rules.share is not None:
        limits.append(max(rules.at_least, math.ceil(rules.share * known)))
    return min(limits, default=None)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a pipeline stands with the guard: products known in Yida, those let go that count, those held."""

    known: int
    limit: int | None
    released: int
    held: int
    since: datetime
    """From when on releases count."""


def standing(connection: sqlite3.Connection, pipeline: str, rules: GuardRules, now: datetime) -> Standing:
    """The count so far, from the ledger alone."""
    known = connection.execute(
        "SELECT count(*) FROM instances WHERE pipeline = ? AND role = 'bound'", (pipeline,)
    ).fetchone()[0]
    burst_ms, held = connection.execute(
        "SELECT min(guard_ms), count(*) FROM records WHERE pipeline = ? AND block = 'held'", (pipeline,)
    ).fetchone()
    since_ms = (to_ms(now) if burst_ms is None else min(burst_ms, to_ms(now))) - to_ms_span(rules.within)
    decided_ms = connection.execute(
        "SELECT guard_from_ms FROM pipelines WHERE name = ?", (pipeline,)
    ).fetchone()[0]
    since_ms = max(since_ms, decided_ms or 0)
    counted = connection.execute(
        """SELECT (SELECT count(*) FROM records WHERE pipeline = :pipeline AND guard_ms > :since)
                - (SELECT count(*) FROM records WHERE pipeline = :pipeline AND block = 'held'
                       AND guard_ms > :since)""",
        {"pipeline": pipeline, "since": since_ms},
    ).fetchone()[0]
    return Standing(known, limit_of(rules, known), counted, held, from_ms(since_ms))


def to_ms_span(span: timedelta) -> int:
    """A span as the ledger counts time."""
    return span // timedelta(milliseconds=1)


def is_guarded(state: RecordState) -> bool:
    """Whether this state would, by itself, change something that Yida holds."""
    return (
        isinstance(state.desired, DesiredDraft)
        and state.instance_id is not None
        and not is_delivered(state)
        and state.block in (None, Block.WAITING)
    )


class Guard:
    """Judges the updates of one page, inside the transaction that stages it.

    ``cycle_id`` is ``None`` for updates that no cycle has brought.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        pipeline: str,
        cycle_id: int | None,
        rules: GuardRules,
        now: datetime,
    ) -> None:
        self._connection = connection
        self._pipeline = pipeline
        self._cycle_id = cycle_id
        self._rules = rules
        self._now = now
        self._standing: Standing | None = None
        self._released = 0

    def judge(self, row: RecordRow, before: RecordState, *, context_changed: bool) -> RecordRow:
        """Let the update go or hold it, after staging has made ``before`` what the row is now.

        What staging did not change is not judged again, and what it found delivered or rejected is forgotten.
        """
        if before.desired == row.state.desired:
            return row
        if before.block is Block.HELD and row.state.block is not Block.HELD:
            self._remember(row.record_id, None)
        return self._judge(row, HoldReason.CONTEXT_CHANGED if context_changed else HoldReason.MANY_CHANGES)

    def judge_adopted(self, row: RecordRow) -> RecordRow:
        """The same for an update that the taking over of its instance has brought."""
        return self._judge(row, HoldReason.ADOPTED)

    def _judge(self, row: RecordRow, reason: HoldReason) -> RecordRow:
        if not is_guarded(row.state):
            return row
        if self._standing is None:
            self._standing = standing(self._connection, self._pipeline, self._rules, self._now)
        limit = self._standing.limit
        if limit is None or self._is_counted(row.record_id, self._standing.since):
            return row
        if self._standing.released + self._released < limit:
            self._released += 1
            self._remember(row.record_id, self._now)
            return row
        return self._hold(row, limit, self._standing, reason)

    def _is_counted(self, record_id: RecordId, since: datetime) -> bool:
        counted = self._connection.execute(
            "SELECT guard_ms FROM records WHERE id = ?", (record_id,)
        ).fetchone()[0]
        return counted is not None and counted > to_ms(since)

    def _remember(self, record_id: RecordId, at: datetime | None) -> None:
        self._connection.execute("UPDATE records SET guard_ms = ? WHERE id = ?", (to_ms(at), record_id))

    def _hold(self, row: RecordRow, limit: int, found: Standing, reason: HoldReason) -> RecordRow:
        row = rows.apply(self._connection, row, Held(reason), self._now)
        detail = (
            f"{'adopt' if self._cycle_id is None else f'cycle {self._cycle_id}'}: {limit} of {found.known} "
            "records in Yida may be updated before a person has looked"
        )
        self._connection.execute(
            "UPDATE records SET guard_ms = ?, block_detail = ? WHERE id = ?",
            (to_ms(self._now), detail, row.record_id),
        )
        history.note(
            self._connection,
            self._now,
            row.pipeline,
            HistoryEvent.HELD,
            row.record_id,
            reason=reason,
            cycle=self._cycle_id,
            limit=limit,
            known=found.known,
        )
        return row


@dataclass(frozen=True, slots=True)
class HeldReport:
    """What is to be said aloud: ``held`` of ``updates`` wait, by reason; ``limit`` as it stands now."""

    held: int
    updates: int
    limit: int | None
    reasons: Mapping[str, int]


def report(
    connection: sqlite3.Connection, pipeline: str, rules: GuardRules, now: datetime
) -> HeldReport | None:
    """What is to be said at the end of a cycle; ``None`` where nothing was held since it was last said."""
    held_ms, told_ms = connection.execute(
        """SELECT (SELECT max(guard_ms) FROM records WHERE pipeline = :pipeline AND block = 'held'),
               guard_told_ms FROM pipelines WHERE name = :pipeline""",
        {"pipeline": pipeline},
    ).fetchone()
    if held_ms is None or (told_ms is not None and held_ms <= told_ms):
        return None
    connection.execute("UPDATE pipelines SET guard_told_ms = ? WHERE name = ?", (to_ms(now), pipeline))
    found = standing(connection, pipeline, rules, now)
    reasons = {
        row["block_reason"]: row["number"]
        for row in connection.execute(
            """SELECT block_reason, count(*) AS number FROM records WHERE pipeline = ? AND block = 'held'
               GROUP BY block_reason""",
            (pipeline,),
        )
    }
    return HeldReport(found.held, found.held + found.released, found.limit, reasons)


def select(
    connection: sqlite3.Connection,
    pipeline: str,
    *,
    name: str | None = None,
    limit: int | None = None,
    as_of: datetime | None = None,
) -> tuple[RecordId, ...]:
    """The held records, longest held first; one by its key or OKKI id with ``name``.

    ``as_of`` leaves out what changed after somebody looked: they have not seen it.
    """
    found = connection.execute(
        """SELECT id FROM records WHERE pipeline = :pipeline AND block = 'held'
               AND (:name IS NULL OR key = :name OR source_id = :name)
               AND (:as_of IS NULL OR (guard_ms <= :as_of AND desired_ms <= :as_of))
           ORDER BY guard_ms, id LIMIT :limit""",
        {"pipeline": pipeline, "name": name, "as_of": to_ms(as_of), "limit": -1 if limit is None else limit},
    )
    return tuple(RecordId(row["id"]) for row in found)


def release(
    connection: sqlite3.Connection, record_id: RecordId, *, by: str, now: datetime
) -> tuple[VisibleState, VisibleState]:
    """Let a held update go; returns the visible state before and after. Of any other record: nothing."""
    row = rows.load(connection, record_id)
    before = visible_state(row.state)
    if row.state.block is not Block.HELD:
        return before, before
    after = rows.apply(connection, row, Released(now), now)
    history.note(connection, now, row.pipeline, HistoryEvent.APPROVED, record_id, by=by)
    decided(connection, row, now)
    return before, visible_state(after.state)


def decided(connection: sqlite3.Connection, row: RecordRow, now: datetime) -> None:
    """A person has decided about a held record: it counts no more, and after the last one nothing does."""
    connection.execute("UPDATE records SET guard_ms = NULL WHERE id = ?", (row.record_id,))
    connection.execute(
        """UPDATE pipelines SET guard_from_ms = :now WHERE name = :pipeline AND NOT EXISTS
               (SELECT 1 FROM records WHERE pipeline = :pipeline AND block = 'held')""",
        {"now": to_ms(now), "pipeline": row.pipeline},
    )
