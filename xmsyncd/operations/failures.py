"""What did not go through: listed with its reason, tried again, or let go, as a person says."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from xmsyncd.cycle.shape import UNREADABLE
from xmsyncd.errors import (
    CannotWorkError,
    ConfigurationError,
    CycleError,
    Fault,
    RefusedError,
    TryLaterError,
)
from xmsyncd.ledger import history, people, queries, rows, staging
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.people import FAILED_STATES, Selection
from xmsyncd.ledger.states import VisibleState, visible_state
from xmsyncd.ledger.views import Listed, StageEntry
from xmsyncd.operations.exit_status import exit_status_of
from xmsyncd.operations.explain import unknown_record
from xmsyncd.operations.resume import make_due
from xmsyncd.operations.runtime import PipelineRuntime, Runtime
from xmsyncd.records import ContentHash, RecordId, Rejection

ROWS: Final = 1000
"""Records that are shown one by one; the groups and counts are of all."""

# Records changed in one transaction: few enough that a running delivery does not notice.
_AT_ONCE: Final = 50

_SHOWN_STATES: Final = (*FAILED_STATES, VisibleState.WAITING, VisibleState.HELD)
"""What a list shows: everything of which OKKI's latest content is not in Yida and will not be by itself."""

LISTED_STATES: Final = (*FAILED_STATES, VisibleState.WAITING, VisibleState.HELD, VisibleState.DISCARDED)
"""What a list may be asked for by ``--state``."""

# A person who names one record may mean it in any state that something can be done about.
_NAMED_STATES: Final = tuple(VisibleState)


async def listed(
    runtime: Runtime,
    pipelines: Sequence[PipelineRuntime],
    *,
    reason: str | None = None,
    state: str | None = None,
    limit: int = ROWS,
) -> dict[str, Any]:
    """``{"total", "groups": […], "records": […]}``, each entry with its ``pipeline``.

    ``total`` counts all that fit; ``records`` are the first ``limit`` of them. Shapes as in
    :func:`queries.failure_groups` and :func:`queries.failures`. Raises ``ConfigurationError`` for a state
    that no failure can be in.
    """
    states: Sequence[str] = _SHOWN_STATES if state is None else (_state(state),)
    groups: list[dict[str, Any]] = []
    records: list[dict[str, Any]] = []
    for pipeline in pipelines:
        found = await runtime.ledger.read(queries.failure_groups, pipeline.name, states)
        groups += [
            {"pipeline": pipeline.name, **one} for one in found if reason is None or one["reason"] == reason
        ]
        left = limit - len(records)
        if left > 0:
            shown = await runtime.ledger.read(
                queries.failures, pipeline.name, states=states, reason=reason, limit=left
            )
            records += [{"pipeline": pipeline.name, **one} for one in shown]
    return {"total": sum(one["count"] for one in groups), "groups": groups, "records": records}


def _state(name: str) -> VisibleState:
    if name not in LISTED_STATES:
        raise ConfigurationError([Fault("--state", repr(name), "one of " + ", ".join(LISTED_STATES))])
    return VisibleState(name)


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one record; ``note`` says why nothing did, or what a person should know."""

    pipeline: str
    source_id: str
    key: str | None
    before: str
    after: str
    note: str = ""


async def retry(
    runtime: Runtime, pipelines: Sequence[PipelineRuntime], selection: Selection, *, resend: bool = False
) -> dict[str, Any]:
    """Another try for the selected records; :class:`_Tally` says what is returned.

    Parked ones are sent again, undecided ones are looked for again (or, with ``resend``, sent again although
    that may double them), rejected ones are mapped again from the item that was kept, which may ask OKKI for
    its detail. A pipeline that stands still may probe at once. Each record is changed in one transaction
    with its history. Raises ``UnknownRecordError``.
    """
    tally = _Tally()
    for pipeline in pipelines:
        ids = await _selected(runtime, pipeline, selection)
        for some in _in_parts(ids):
            await _retry_some(runtime, pipeline, some, tally, resend=resend)
        if ids:
            await make_due(runtime, pipeline)
    return tally.result(selection, pipelines)


async def discard(
    runtime: Runtime, pipelines: Sequence[PipelineRuntime], selection: Selection
) -> dict[str, Any]:
    """Let the selected records' content go until OKKI shows something new; returns as :func:`retry` does."""
    tally = _Tally()
    for pipeline in pipelines:
        ids = await _selected(runtime, pipeline, selection)
        for some in _in_parts(ids):
            tally.add(await runtime.ledger.write(_discard_some, pipeline.name, some, runtime.clock.now()))
        if ids:
            pipeline.bell.ring()  # a key may have come free
    return tally.result(selection, pipelines)


class _Tally:
    """``{"records": [:class:`Change` …], "counts": {state: number}, "total", "unmapped", "error"}``.

    ``counts`` is by the state afterwards, of all; ``records`` are the first :data:`ROWS`. ``error`` is
    ``{"message", "exit"}`` where OKKI had to be asked and could not be: ``unmapped`` rejected records are
    then as they were.
    """

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.counts: Counter[str] = Counter()
        self.unmapped = 0
        self.error: Exception | None = None

    def add(self, changes: Sequence[Change]) -> None:
        self.counts.update(change.after for change in changes)
        self.changes += changes[: max(0, ROWS - len(self.changes))]

    def result(self, selection: Selection, pipelines: Sequence[PipelineRuntime]) -> dict[str, Any]:
        if not self.counts and selection.key is not None:
            raise unknown_record(selection.key, pipelines)
        error = self.error
        return {
            "records": [asdict(change) for change in self.changes],
            "counts": dict(self.counts),
            "total": self.counts.total(),
            "unmapped": self.unmapped,
            "error": None if error is None else {"message": str(error), "exit": exit_status_of(error)},
        }


async def _selected(
    runtime: Runtime, pipeline: PipelineRuntime, selection: Selection
) -> tuple[RecordId, ...]:
    states = FAILED_STATES if selection.key is None else _NAMED_STATES
    return await runtime.ledger.read(people.select, pipeline.name, selection, states)


def _in_parts(ids: Sequence[RecordId]) -> Iterator[Sequence[RecordId]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]


async def _retry_some(
    runtime: Runtime, pipeline: PipelineRuntime, ids: Sequence[RecordId], tally: _Tally, *, resend: bool
) -> None:
    mapped: dict[RecordId, StageEntry] = {}
    for record_id in ids:
        if tally.error is not None:
            break  # OKKI is asked once, not once for each of ten thousand records
        try:
            entry = await _mapped_again(runtime, pipeline, record_id)
        except (TryLaterError, CannotWorkError, RefusedError, CycleError) as error:
            tally.error = error
        else:
            if entry is not None:
                mapped[record_id] = entry
    changes, unmapped = await runtime.ledger.write(
        _write_retries, pipeline, ids, mapped, resend=resend, now=runtime.clock.now()
    )
    tally.add(changes)
    tally.unmapped += unmapped


async def _mapped_again(
    runtime: Runtime, pipeline: PipelineRuntime, record_id: RecordId
) -> StageEntry | None:
    """A rejected record's item, mapped as it would be today; ``None`` for one that is not to be mapped."""
    kept = await runtime.ledger.read(people.raw_item, record_id)
    if kept is None or kept[0].source_id.startswith(UNREADABLE):
        return None
    item, detail = kept
    # As if it were listed unchanged under another mapping: a detail that was kept is not fetched again.
    known = Listed(item.listed_hash, ContentHash(""), item.updated_at, None, detail)
    entries = await pipeline.shaper.shape([item], {item.source_id: known})
    return entries[0]


def _write_retries(
    connection: sqlite3.Connection,
    pipeline: PipelineRuntime,
    ids: Sequence[RecordId],
    mapped: dict[RecordId, StageEntry],
    *,
    resend: bool,
    now: datetime,
) -> tuple[list[Change], int]:
    changes = []
    unmapped = 0
    for record_id in ids:
        row = rows.load(connection, record_id)
        before = visible_state(row.state)
        note = ""
        if before is VisibleState.REJECTED:
            entry = mapped.get(record_id)
            if entry is None:
                unmapped += 1
                note = _why_unmapped(row)
            else:
                note = _stage_again(connection, pipeline, record_id, entry, now)
        elif before not in _NOTHING_TO_DO:
            people.retry(connection, record_id, resend=resend, now=now)
        after = visible_state(rows.load(connection, record_id).state)
        note = note or _note_of(before, resend=resend)
        changes.append(_change(connection, record_id, pipeline.name, before, after, note))
    return changes, unmapped


_NOTHING_TO_DO = (VisibleState.DELIVERED, VisibleState.SENDING, VisibleState.WAITING)


def _stage_again(
    connection: sqlite3.Connection,
    pipeline: PipelineRuntime,
    record_id: RecordId,
    entry: StageEntry,
    now: datetime,
) -> str:
    """Stage it as a further sight in the cycle that last showed it, so that no balance is disturbed."""
    shown_by = connection.execute("SELECT cycle_id FROM records WHERE id = ?", (record_id,)).fetchone()
    context = pipeline.shaper.context
    staging.stage_page(
        connection,
        pipeline.name,
        pipeline.form,
        shown_by["cycle_id"],
        context,
        [entry],
        ignore_changes=False,
        now=now,
    )
    history.note(connection, now, pipeline.name, HistoryEvent.RETRIED, record_id)
    return entry.result.detail if isinstance(entry.result, Rejection) else ""


def _why_unmapped(row: rows.RecordRow) -> str:
    if row.source_id.startswith(UNREADABLE):
        return "an entry of OKKI's list without an id cannot be sent; mend it in OKKI"
    return "not mapped again, because OKKI could not be asked"


def _note_of(before: VisibleState, *, resend: bool) -> str:
    match before:
        case VisibleState.DELIVERED:
            return "Yida holds it already"
        case VisibleState.SENDING:
            return "it is on its way at this moment"
        case VisibleState.WAITING:
            return "another product has its key; it goes on by itself once that key is free"
        case VisibleState.HELD:
            return "the guard holds it; `xmsyncd approve` shows what it would change and lets it go"
        case VisibleState.UNDECIDED:
            return "sent again, which may double it" if resend else "looked for again before anything is sent"
        case _:
            return ""


def _discard_some(
    connection: sqlite3.Connection, pipeline: str, ids: Sequence[RecordId], now: datetime
) -> list[Change]:
    changes = []
    for record_id in ids:
        before = visible_state(rows.load(connection, record_id).state)
        after = people.discard(connection, record_id, now=now)
        note = _note_of(before, resend=False) if after is before else ""
        changes.append(_change(connection, record_id, pipeline, before, after, note))
    return changes


def _change(
    connection: sqlite3.Connection,
    record_id: RecordId,
    pipeline: str,
    before: VisibleState,
    after: VisibleState,
    note: str,
) -> Change:
    row = connection.execute("SELECT source_id, key FROM records WHERE id = ?", (record_id,)).fetchone()
    return Change(pipeline, row["source_id"], row["key"], before, after, note)
