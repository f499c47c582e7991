"""What did not go through: tried again, accepted or let go, as a person says."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from xmsyncd.cycle.shape import UNREADABLE
from xmsyncd.errors import CannotWorkError, CycleError, RefusedError, TryLaterError
from xmsyncd.ledger import history, people, rows, staging
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.people import Selection
from xmsyncd.ledger.states import (
    FAILED_STATES,
    FILTERED_OUT,
    ParkReason,
    VisibleState,
    is_gone,
    lies_beside_another,
    visible_state,
)
from xmsyncd.ledger.views import Listed, StageEntry
from xmsyncd.operations.exit_status import exit_status_of
from xmsyncd.operations.explain import unknown_record
from xmsyncd.operations.failure_list import ROWS
from xmsyncd.operations.resume import make_due
from xmsyncd.operations.runtime import PipelineRuntime, Runtime
from xmsyncd.operations.vendors import mark_of
from xmsyncd.records import ContentHash, Filtered, RecordId, Rejection

# Records changed in one transaction: few enough that a running delivery does not notice.
_AT_ONCE: Final = 50

# A person who names one record may mean it in any state that something can be done about.
_NAMED_STATES: Final = tuple(VisibleState)


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one record; ``note`` says why nothing did, or what a person should know."""

    pipeline: str
    source_id: str
    key: str | None
    before: str
    after: str
    note: str = ""


class Action(StrEnum):
    """What a person may ask for records that did not go through."""

    RETRY = "retry"
    RESEND = "resend"
    ACCEPT = "accept"
    DISCARD = "discard"


async def act(
    runtime: Runtime,
    pipelines: Sequence[PipelineRuntime],
    selection: Selection,
    action: Action,
    *,
    by: str = "cli",
) -> AsyncGenerator[dict[str, Any]]:
    """Yields ``{"done", "total"}`` and at last what :class:`_Tally` says. Raises ``UnknownRecordError``.

    **Retry**: parked ones are sent again, undecided ones are looked for again, rejected ones are mapped again
    from the item that was kept, which may ask OKKI for its detail; a pipeline that stands still may probe at
    once. **Resend**: the same, but what may be in Yida already (undecided, ``ambiguous``) is sent although
    that may double it. **Accept**: what a rule of ``quality`` rejected is sent with exactly this content.
    **Discard**: let go until OKKI shows something new. Each part of the records is changed in one transaction
    with its history; what was changed stays when this is left early. Safe to repeat.
    """
    tally = _Tally()
    chosen = [(pipeline, await _selected(runtime, pipeline, selection)) for pipeline in pipelines]
    total = sum(len(ids) for _, ids in chosen)
    for pipeline, ids in chosen:
        for some in _in_parts(ids):
            if action is Action.DISCARD:
                tally.add(
                    await runtime.ledger.write(_discard_some, pipeline.name, some, by, runtime.clock.now())
                )
            else:
                await _try_some(runtime, pipeline, some, tally, action, by)
            yield {"done": tally.counts.total(), "total": total}
        if ids and action is Action.DISCARD:
            pipeline.bell.ring()  # a key may have come free
        elif ids:
            await make_due(runtime, pipeline)
    yield tally.result(selection, pipelines)


async def retry(
    runtime: Runtime, pipelines: Sequence[PipelineRuntime], selection: Selection, *, resend: bool = False
) -> dict[str, Any]:
    """The result of :data:`Action.RETRY` (or ``RESEND``)."""
    return await _last(act(runtime, pipelines, selection, Action.RESEND if resend else Action.RETRY))


async def accept(
    runtime: Runtime, pipelines: Sequence[PipelineRuntime], selection: Selection
) -> dict[str, Any]:
    """The result of :data:`Action.ACCEPT`."""
    return await _last(act(runtime, pipelines, selection, Action.ACCEPT))


async def discard(
    runtime: Runtime, pipelines: Sequence[PipelineRuntime], selection: Selection
) -> dict[str, Any]:
    """The result of :data:`Action.DISCARD`."""
    return await _last(act(runtime, pipelines, selection, Action.DISCARD))


async def _last(told: AsyncGenerator[dict[str, Any]]) -> dict[str, Any]:
    return [value async for value in told][-1]


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


async def _try_some(
    runtime: Runtime,
    pipeline: PipelineRuntime,
    ids: Sequence[RecordId],
    tally: _Tally,
    action: Action,
    by: str,
) -> None:
    mapped: dict[RecordId, StageEntry] = {}
    for record_id in ids:
        if tally.error is not None:
            break  # OKKI is asked once, not once for each of ten thousand records
        try:
            entry = await _mapped_again(
                runtime, pipeline, record_id, ruled=action is not Action.ACCEPT, is_first=not mapped
            )
        except (TryLaterError, CannotWorkError, RefusedError, CycleError) as error:
            tally.error = error
        else:
            if entry is not None:
                mapped[record_id] = entry
    changes, unmapped = await runtime.ledger.write(
        _write_tries, pipeline, ids, mapped, action, by=by, now=runtime.clock.now()
    )
    tally.add(changes)
    tally.unmapped += unmapped


async def _mapped_again(
    runtime: Runtime, pipeline: PipelineRuntime, record_id: RecordId, *, ruled: bool, is_first: bool
) -> StageEntry | None:
    """A rejected record's item, mapped as it would be today; ``None`` for one that is not to be mapped."""
    kept = await runtime.ledger.read(people.raw_item, record_id)
    if kept is None or kept[0].source_id.startswith(UNREADABLE):
        return None
    item, detail = kept
    if is_first:
        await pipeline.shaper.refresh()  # a file may have been mended since the last cycle
    accepted = await runtime.ledger.read(people.accepted_hash, record_id)
    # As if it were listed unchanged under another mapping: a detail that was kept is not fetched again.
    known = Listed(item.listed_hash, ContentHash(""), item.updated_at, None, detail, accepted)
    (entry,) = (await pipeline.shaper.shape([item], {item.source_id: known}, ruled=ruled)).entries
    if entry.context_hash is not None and entry.context_hash != pipeline.shaper.context:
        # A group tree was fetched for it, or a cycle has begun with other files.
        (entry,) = (await pipeline.shaper.shape([item], {item.source_id: known}, ruled=ruled)).entries
    return entry


def _write_tries(
    connection: sqlite3.Connection,
    pipeline: PipelineRuntime,
    ids: Sequence[RecordId],
    mapped: dict[RecordId, StageEntry],
    action: Action,
    *,
    by: str,
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
                note = _stage_again(connection, pipeline, row, entry, action, by, now)
        elif row.state.block_reason == FILTERED_OUT:
            note = "the pipeline is not about it; it comes back by itself once where lets it in"
        elif is_gone(row.state) and (unwanted := _why_unwanted(connection, record_id)):
            note = f"{unwanted}, so that its instance, which is gone from Yida, is not made anew; discard it"
        elif action is Action.ACCEPT:
            note = _why_not_accepted(row)
        elif lies_beside_another(row.state) and action is not Action.RESEND:
            note = "an instance that is there may be it: adopt takes it over; only --resend creates it beside"
        elif before not in _NOTHING_TO_DO:
            people.retry(connection, record_id, resend=action is Action.RESEND, now=now, by=by)
        after = visible_state(rows.load(connection, record_id).state)
        note = note or _note_of(before, resend=action is Action.RESEND)
        changes.append(_change(connection, record_id, pipeline.name, before, after, note))
    return changes, unmapped


_NOTHING_TO_DO = (VisibleState.DELIVERED, VisibleState.SENDING, VisibleState.WAITING, VisibleState.HELD)


def _stage_again(
    connection: sqlite3.Connection,
    pipeline: PipelineRuntime,
    row: rows.RecordRow,
    entry: StageEntry,
    action: Action,
    by: str,
    now: datetime,
) -> str:
    """Stage it as a further sight in the cycle that last showed it, so that no balance is disturbed."""
    found = connection.execute(
        "SELECT cycle_id, rejection, listed_hash FROM records WHERE id = ?", (row.record_id,)
    ).fetchone()
    if found["listed_hash"] != entry.item.listed_hash:
        return "OKKI has shown something new of it in the meantime"
    if entry.context_hash is not None and entry.context_hash != pipeline.shaper.context:
        return "the mapping has changed in the meantime, and the next cycle maps it again"
    staging.stage_page(
        connection,
        pipeline.name,
        pipeline.form,
        found["cycle_id"],
        pipeline.shaper.context,
        [entry],
        ignore_changes=False,
        now=now,
        mark=mark_of(pipeline.settings),
        plan=pipeline.shaper.quality,
    )
    if action is not Action.ACCEPT:
        history.note(connection, now, pipeline.name, HistoryEvent.RETRIED, row.record_id, by=by)
        if isinstance(entry.result, Filtered):
            return entry.result.detail
        return _rejected_by(connection, row.record_id)
    if isinstance(entry.result, Filtered):
        return f"cannot be accepted, because the pipeline is not about it: {entry.result.detail}"
    if isinstance(entry.result, Rejection):
        return f"cannot be accepted, because it cannot be sent: {entry.result.detail}"
    people.accept(connection, row.record_id, now=now, by=by, reason=found["rejection"])
    return "accepted with exactly this content"


def _why_unwanted(connection: sqlite3.Connection, record_id: RecordId) -> str:
    """Why nobody wants an instance of it any more; "" where it is wanted."""
    found = connection.execute(
        "SELECT deleted_ms, filtered_by FROM records WHERE id = ?", (record_id,)
    ).fetchone()
    if found["deleted_ms"] is not None:
        return "OKKI has deleted it"
    return "the pipeline is not about it" if found["filtered_by"] is not None else ""


def _rejected_by(connection: sqlite3.Connection, record_id: RecordId) -> str:
    """What rejects it now, by the mapping or by a rule that compares it with others; "" for nothing."""
    found = connection.execute(
        "SELECT rejection_detail FROM records WHERE id = ? AND desired = 'rejection'", (record_id,)
    ).fetchone()
    return "" if found is None else str(found["rejection_detail"])


def _why_not_accepted(row: rows.RecordRow) -> str:
    match visible_state(row.state):
        case VisibleState.PARKED if row.state.block_reason == ParkReason.AMBIGUOUS:
            return (
                "not accepted: only its key can say which instance it is; give the instance in Yida exactly "
                "this key, then retry and adopt, or discard the record"
            )
        case VisibleState.PARKED:
            return "not accepted: Yida refused it, so accepting changes nothing; retry or discard it"
        case VisibleState.HELD:
            return _note_of(VisibleState.HELD, resend=False)
        case VisibleState.UNDECIDED:
            return "not accepted: it is decided by looking; retry looks again"
        case state:
            return _note_of(state, resend=False) or "nothing rejected it"


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
            return "another record has its key; it goes on by itself once that key is free"
        case VisibleState.HELD:
            return "the guard holds it; `xmsyncd approve` shows what it would change and lets it go"
        case VisibleState.UNDECIDED:
            return "sent again, which may double it" if resend else "looked for again before anything is sent"
        case _:
            return ""


def _discard_some(
    connection: sqlite3.Connection, pipeline: str, ids: Sequence[RecordId], by: str, now: datetime
) -> list[Change]:
    changes = []
    for record_id in ids:
        before = visible_state(rows.load(connection, record_id).state)
        after = people.discard(connection, record_id, now=now, by=by)
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
