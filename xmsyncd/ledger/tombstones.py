"""Step 3 for what OKKI has let go: products listed as deleted, or absent from full reads.

A deletion is remembered beside the record and takes nothing away: what Yida holds stays as it is, or gets a
mark in one component, as an ordinary update. A product that was never delivered is not created any more.
Until a person discards the record its key stays taken: the instance in Yida still answers to it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from xmsyncd.ledger import documents, history, holdings, rows
from xmsyncd.ledger.events import Discarded, Restored, Staged
from xmsyncd.ledger.guard import Guard
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.rows import RecordRow
from xmsyncd.ledger.states import Block, DesiredDraft
from xmsyncd.ledger.times import to_ms
from xmsyncd.ledger.views import StageDecision
from xmsyncd.records import Item, KeyValue, RecordId, SourceId
from xmsyncd.transform.hashes import content_hash, volatile_in

ABSENT_READS: Final = 2
"""Proven full reads in a row that must lack a product before it counts as deleted."""

# More of them at once are the work of the next full read: a transaction must stay short.
_MOST_AT_ONCE: Final = 2000
# So many products do not vanish between two full reads unless what is shown to us has changed.
_LARGEST_SHARE: Final = 0.5
_ALWAYS_BELIEVED: Final = 10


class Sign(StrEnum):
    """How OKKI showed that a product is gone."""

    LISTED = "listed_as_deleted"
    ABSENT = "absent_from_full_reads"


@dataclass(frozen=True, slots=True)
class Mark:
    """The component that says in Yida that a product is deleted, and what it then holds."""

    component: str
    value: Any
    key_component: str


class AbsenceDecision(StrEnum):
    """What a proven full read says by what it lacks."""

    COUNTED = "counted"
    """It is one of the reads in a row that must lack a product."""
    ACCEPTED = "accepted"
    """A person has said that what it lacks is gone: it is enough by itself, and no share is too large."""
    DOUBTED = "doubted"
    """So much is lacking that the reader was probably shown less: nothing is believed."""


def judge_absences(missing: int, living: int, *, accepted: bool) -> AbsenceDecision:
    """Whether to believe that ``missing`` of the ``living`` products are gone."""
    if accepted:
        return AbsenceDecision.ACCEPTED
    if missing > max(_ALWAYS_BELIEVED, _LARGEST_SHARE * living):
        return AbsenceDecision.DOUBTED
    return AbsenceDecision.COUNTED


@dataclass(frozen=True, slots=True)
class Absences:
    """What a full read did not show: ``deleted`` just now, or (``doubted``) so many that nothing was done.

    ``left`` have been lacking long enough as well, and are the work of another transaction.
    """

    deleted: int = 0
    doubted: int = 0
    left: int = 0


def note_living(connection: sqlite3.Connection, pipeline: str, items: Sequence[Item], now: datetime) -> int:
    """What OKKI lists as living is neither absent nor deleted; returns how many had been taken for deleted.

    Those are mapped again, whatever they were listed as before. An older reading changes nothing.
    """
    restored = 0
    for item in items:
        row = connection.execute(
            """SELECT id, updated_ms, deleted_ms FROM records WHERE pipeline = ? AND source_id = ?
               AND (absent_reads > 0 OR deleted_ms IS NOT NULL)""",
            (pipeline, item.source_id),
        ).fetchone()
        if row is None or _is_older(item, row["updated_ms"]):
            continue
        connection.execute("UPDATE records SET absent_reads = 0 WHERE id = ?", (row["id"],))
        if row["deleted_ms"] is None:
            continue
        connection.execute(
            "UPDATE records SET deleted_ms = NULL, listed_hash = '', context_hash = '' WHERE id = ?",
            (row["id"],),
        )
        record = rows.load(connection, RecordId(row["id"]))
        rows.apply(connection, record, Restored(now), now)
        history.note(connection, now, pipeline, HistoryEvent.RESTORED, record.record_id)
        restored += 1
    return restored


def bury_listed(
    connection: sqlite3.Connection,
    pipeline: str,
    cycle_id: int,
    items: Sequence[Item],
    mark: Mark | None,
    guard: Guard,
    now: datetime,
) -> tuple[Mapping[SourceId, StageDecision], frozenset[SourceId]]:
    """What OKKI lists as deleted: the decision about each, and which of them have no record and get none."""
    decisions: dict[SourceId, StageDecision] = {}
    unknown: set[SourceId] = set()
    for item in items:
        known = connection.execute(
            "SELECT id, updated_ms, cycle_id FROM records WHERE pipeline = ? AND source_id = ?",
            (pipeline, item.source_id),
        ).fetchone()
        if known is None:
            unknown.add(item.source_id)
            decisions[item.source_id] = StageDecision.FILTERED
            continue
        is_repeat = known["cycle_id"] == cycle_id
        if not _is_older(item, known["updated_ms"]):
            _bury(connection, RecordId(known["id"]), Sign.LISTED, mark, guard, now)
            connection.execute(
                "UPDATE records SET updated_ms = ?, listed_hash = ?, absent_reads = 0 WHERE id = ?",
                (to_ms(item.updated_at), item.listed_hash, known["id"]),
            )
        connection.execute(
            "UPDATE records SET cycle_id = ?, decision = ? WHERE id = ?",
            (cycle_id, StageDecision.FILTERED, known["id"]),
        )
        decisions[item.source_id] = StageDecision.REPEAT if is_repeat else StageDecision.FILTERED
    return decisions, frozenset(unknown)


def count_absent(
    connection: sqlite3.Connection,
    pipeline: str,
    cycle_id: int,
    unseen: Sequence[SourceId],
    mark: Mark | None,
    guard: Guard,
    now: datetime,
    *,
    accepted: bool = False,
) -> Absences:
    """After a full read without a time filter that was proven complete: what it did not show.

    ``unseen`` are products that the cycle touched although the read did not show them. Where more than half
    of what is known would be gone, nothing is: an account that sees less looks just like that. Unless a
    person has ``accepted`` it: then this read is enough, and the call is repeated while any are ``left``.
    """
    lacking = """pipeline = :pipeline AND (cycle_id IS NULL OR cycle_id <> :cycle
        OR source_id IN (SELECT value FROM json_each(:unseen)))"""
    values = {"pipeline": pipeline, "cycle": cycle_id, "unseen": documents.dump(list(unseen))}
    missing, living = connection.execute(
        f"""SELECT (SELECT count(*) FROM records WHERE {lacking} AND deleted_ms IS NULL),
                   (SELECT count(*) FROM records WHERE pipeline = :pipeline AND deleted_ms IS NULL)""",  # noqa: S608 - constant condition
        values,
    ).fetchone()
    decision = judge_absences(missing, living, accepted=accepted)
    if decision is AbsenceDecision.DOUBTED:
        return Absences(doubted=missing)
    reads = ABSENT_READS if decision is AbsenceDecision.ACCEPTED else 1
    connection.execute(
        f"UPDATE records SET absent_reads = absent_reads + :reads WHERE {lacking}",  # noqa: S608 - constant condition
        {**values, "reads": reads},
    )
    gone = connection.execute(
        f"""SELECT id, deleted_ms FROM records WHERE {lacking} AND absent_reads >= :enough
            ORDER BY deleted_ms IS NOT NULL, id LIMIT :most""",  # noqa: S608 - constant condition
        {**values, "enough": ABSENT_READS, "most": _MOST_AT_ONCE},
    ).fetchall()
    for row in gone:
        _bury(connection, RecordId(row["id"]), Sign.ABSENT, mark, guard, now)
    left = connection.execute(
        f"SELECT count(*) FROM records WHERE {lacking} AND absent_reads >= :enough AND deleted_ms IS NULL",  # noqa: S608 - constant condition
        {**values, "enough": ABSENT_READS},
    ).fetchone()[0]
    return Absences(deleted=sum(row["deleted_ms"] is None for row in gone), left=left)


def _bury(
    connection: sqlite3.Connection,
    record_id: RecordId,
    sign: Sign,
    mark: Mark | None,
    guard: Guard,
    now: datetime,
) -> None:
    """Remember the deletion, and do what follows from it. Safe to repeat."""
    row = rows.load(connection, record_id)
    first = connection.execute(
        "UPDATE records SET deleted_ms = ? WHERE id = ? AND deleted_ms IS NULL", (to_ms(now), record_id)
    ).rowcount
    if first:
        history.note(connection, now, row.pipeline, HistoryEvent.DELETED, record_id, sign=sign)
    state = row.state
    if state.attempt is None and state.instance_id is None:
        # A person is asked about what is parked: a create of it may have made an instance after all.
        if state.block is not Block.PARKED:
            rows.apply(connection, row, Discarded(by_okki=True), now)
    elif mark is not None:
        stage_mark(connection, row, mark, guard, now)


def stage_mark(
    connection: sqlite3.Connection, row: RecordRow, mark: Mark, guard: Guard, now: datetime
) -> None:
    """Desire what was desired, with the mark; of a rejected or waiting product, what Yida was given last."""
    before = row.state
    held = connection.execute(
        "SELECT content, delivered FROM contents WHERE record_id = ?", (row.record_id,)
    ).fetchone()
    is_wanted = isinstance(before.desired, DesiredDraft) and before.block is not Block.WAITING
    text = held["content"] if is_wanted else held["delivered"] or held["content"]
    if text is None:
        return
    content = {**documents.load(text), mark.component: mark.value}
    key = before.desired.key if is_wanted and isinstance(before.desired, DesiredDraft) else None
    if key is None:
        key = KeyValue(str(content.get(mark.key_component) or ""))
    if not key:
        return
    of = before.desired.content_hash if isinstance(before.desired, DesiredDraft) else before.delivered_hash
    volatile = () if of is None else volatile_in(of)
    desired = DesiredDraft(key, content_hash(content, volatile))
    row = rows.apply(connection, row, Staged(desired, now), now)
    row = holdings.agree(connection, row, now, content)
    if row.state.desired == before.desired:
        return
    row = guard.judge(row, before, context_changed=False)
    connection.execute("UPDATE records SET desired_ms = ? WHERE id = ?", (to_ms(now), row.record_id))
    connection.execute(
        "UPDATE contents SET content = ?, raw = NULL WHERE record_id = ?",
        (documents.dump(content), row.record_id),
    )


def _is_older(item: Item, known_ms: int | None) -> bool:
    return item.updated_at is not None and known_ms is not None and to_ms(item.updated_at) < known_ms
