"""Step 3: one page of OKKI becomes the desired state of its records, in one transaction."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from xmsyncd.ledger import adopting, cycles, documents, filtering, history, holdings, rows
from xmsyncd.ledger.adopting import Stray
from xmsyncd.ledger.events import Staged
from xmsyncd.ledger.guard import UNGUARDED, Guard, GuardRules
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.quality import Checks, Judge, findings_json, findings_told
from xmsyncd.ledger.rows import RecordRow
from xmsyncd.ledger.states import (
    Block,
    Desired,
    DesiredDraft,
    DesiredRejection,
    RecordState,
    VisibleState,
    visible_state,
)
from xmsyncd.ledger.times import from_ms, to_ms
from xmsyncd.ledger.tombstones import Mark
from xmsyncd.ledger.views import Listed, StageDecision, StageEntry
from xmsyncd.records import (
    ContentHash,
    Draft,
    Filtered,
    Item,
    KeyValue,
    RecordId,
    Rejection,
    RejectionReason,
    RuleResult,
    SourceId,
)
from xmsyncd.transform.quality.standing import NO_RULES, QualityPlan

Result = Draft | Filtered | Rejection


_SET_ASIDE = (StageDecision.REJECTED, StageDecision.WAITING, StageDecision.HELD)


@dataclass(frozen=True, slots=True)
class SetAside:
    """One record of a page that is not sent for now; ``reason`` is that of a rejection, else blank."""

    decision: StageDecision
    source_id: SourceId
    key: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StagedPage:
    """What staging a page came to: decisions, checks of rules, and what only the ledger could turn down."""

    decisions: Mapping[StageDecision, int]
    checks: Checks
    turned_down: Mapping[RejectionReason, int]
    set_aside: Sequence[SetAside] = ()


def listed(
    connection: sqlite3.Connection, pipeline: str, source_ids: Iterable[SourceId]
) -> Mapping[SourceId, Listed]:
    """What is remembered of these items; those never seen are absent.

    One that was taken for deleted is listed as new: it comes back, and is mapped again at once. So is one
    that was filtered while it was on its way.
    """
    found: dict[SourceId, Listed] = {}
    for source_id in source_ids:
        row = connection.execute(
            """SELECT r.listed_hash, r.context_hash, r.updated_ms, r.rejection, r.accepted_hash, c.detail,
                   r.deleted_ms IS NOT NULL
                   OR (r.rejection = 'filtered' AND r.block IS NOT 'discarded') AS is_looked_at_again
               FROM records r JOIN contents c ON c.record_id = r.id
               WHERE r.pipeline = ? AND r.source_id = ?""",
            (pipeline, source_id),
        ).fetchone()
        if row is not None:
            found[source_id] = Listed(
                ContentHash("" if row["is_looked_at_again"] else row["listed_hash"]),
                ContentHash(row["context_hash"]),
                from_ms(row["updated_ms"]),
                row["rejection"],
                None if row["detail"] is None else documents.load(row["detail"]),
                None if row["accepted_hash"] is None else ContentHash(row["accepted_hash"]),
            )
    return found


def stage_page(
    connection: sqlite3.Connection,
    pipeline: str,
    form: str,
    cycle_id: int,
    context_hash: ContentHash,
    entries: Sequence[StageEntry],
    *,
    ignore_changes: bool,
    now: datetime,
    guard: GuardRules = UNGUARDED,
    mark: Mark | None = None,
    plan: QualityPlan = NO_RULES,
) -> StagedPage:
    """Write the desired state of a page's items and what the cycle decided about each.

    A reading that is older than the one known changes nothing; one of the same second, read later,
    wins. Updates beyond what ``guard`` allows are held, and what is to be created although an instance that
    is nobody's has its key is parked. What a rule of ``plan`` that compares records turns down is
    a rejection. Safe to repeat.
    """
    counts: Counter[StageDecision] = Counter()
    guarding = Guard(connection, pipeline, cycle_id, guard, now)
    judge = Judge(connection, pipeline, plan, entries, now)
    turned_down: Counter[RejectionReason] = Counter()
    set_aside: list[SetAside] = []
    drafts = [entry.result for entry in entries if isinstance(entry.result, Draft)]
    nobodys = adopting.nobodys(connection, form, [documents.printable(draft.key) for draft in drafts])
    for entry in entries:
        result = _storable(entry.result)
        if result is not None and not isinstance(result, Filtered):
            result = _judged(connection, pipeline, judge, entry, result)
            if isinstance(result, Rejection) and not isinstance(entry.result, Rejection):
                turned_down[result.reason] += 1
        decision = _stage(
            connection,
            pipeline,
            form,
            cycle_id,
            context_hash,
            entry,
            result,
            ignore_changes,
            guarding,
            mark,
            judge,
            nobodys,
            now,
        )
        counts[decision] += 1
        if decision in _SET_ASIDE:
            set_aside.append(_set_aside(connection, pipeline, entry.item.source_id, decision))
    cycles.add_decisions(connection, cycle_id, counts)
    return StagedPage(counts, judge.finish(), turned_down, set_aside)


def _set_aside(
    connection: sqlite3.Connection, pipeline: str, source_id: SourceId, decision: StageDecision
) -> SetAside:
    row = connection.execute(
        "SELECT key, rejection FROM records WHERE pipeline = ? AND source_id = ?", (pipeline, source_id)
    ).fetchone()
    return SetAside(decision, source_id, row["key"] or "", row["rejection"] or "")


def _judged(
    connection: sqlite3.Connection,
    pipeline: str,
    judge: Judge,
    entry: StageEntry,
    result: Draft | Rejection,
) -> Draft | Rejection:
    if not judge.compares:
        return judge.judged(entry, result, None, None)
    known = connection.execute(
        "SELECT id, accepted_hash, updated_ms FROM records WHERE pipeline = ? AND source_id = ?",
        (pipeline, entry.item.source_id),
    ).fetchone()
    if known is None:
        return judge.judged(entry, result, None, None)
    if _is_older(entry.item, known["updated_ms"]):
        return result  # it changes nothing
    return judge.judged(entry, result, RecordId(known["id"]), known["accepted_hash"])


def _stage(
    connection: sqlite3.Connection,
    pipeline: str,
    form: str,
    cycle_id: int,
    context_hash: ContentHash,
    entry: StageEntry,
    result: Result | None,
    ignore_changes: bool,
    guard: Guard,
    mark: Mark | None,
    judge: Judge,
    nobodys: Mapping[str, Sequence[Stray]],
    now: datetime,
) -> StageDecision:
    item = entry.item
    context_hash = entry.context_hash or context_hash
    before: RecordState | None = None
    is_news = result is not None
    known = connection.execute(
        """SELECT id, updated_ms, cycle_id, decision, context_hash, filtered_by FROM records
           WHERE pipeline = ? AND source_id = ?""",
        (pipeline, item.source_id),
    ).fetchone()
    if known is None:
        if result is None:
            raise ValueError(f"item {item.source_id} is said to be known and is not")
        row = _insert(connection, pipeline, form, context_hash, item, result, now)
        if isinstance(result, Filtered):
            row = filtering.keep_out(connection, row, context_hash, item, result, mark, guard, now)
        row = _beside_nobodys(connection, row, before, nobodys, now)
        decision = decide_staged(None, row.state)
        is_filtered = isinstance(result, Filtered)
    else:
        row = rows.load(connection, known["id"])
        before = row.state
        is_news = is_news and not _is_older(item, known["updated_ms"])
        is_filtered = isinstance(result, Filtered) if is_news else known["filtered_by"] is not None
        if isinstance(result, Filtered) and is_news:
            row = filtering.keep_out(connection, row, context_hash, item, result, mark, guard, now)
        elif result is not None and not isinstance(result, Filtered) and is_news:
            # What comes back from a deletion (its context is blank) or filter may not be as Yida was given
            # it first.
            keeps = ignore_changes and known["context_hash"] != "" and known["filtered_by"] is None
            row = _restage(connection, row, context_hash, item, result, keeps, now)
            row = guard.judge(row, before, context_changed=known["context_hash"] != context_hash)
            row = _beside_nobodys(connection, row, before, nobodys, now)
        decision = decide_staged(before, row.state)
    if is_filtered:
        decision = StageDecision.FILTERED
    if result is not None and is_news:
        _write_contents(connection, row, entry, result, before)
        if not isinstance(result, Draft) or row.state.desired == _desired(result):
            judge.hold(row.record_id, result, may_be_in_yida=_is_or_may_be_in_yida(row.state))
    repeat = known is not None and known["cycle_id"] == cycle_id
    # A repeat keeps what the first meeting decided, unless this one changed what is desired.
    changed = before is None or before.desired != row.state.desired
    if changed or not repeat:
        connection.execute(
            "UPDATE records SET cycle_id = ?, decision = ? WHERE id = ?", (cycle_id, decision, row.record_id)
        )
    return StageDecision.REPEAT if repeat else decision


def _beside_nobodys(
    connection: sqlite3.Connection,
    row: RecordRow,
    before: RecordState | None,
    nobodys: Mapping[str, Sequence[Stray]],
    now: datetime,
) -> RecordRow:
    """A new product whose key an instance has that is nobody's: a person says whether it is this one's."""
    state = row.state
    if not isinstance(state.desired, DesiredDraft) or (
        before is not None and before.desired == state.desired
    ):
        return row
    similar = nobodys.get(state.desired.key)
    if similar is None or state.instance_id is not None or state.block is not None:
        return row
    adopting.set_aside(connection, row.record_id, similar, now)
    return rows.load(connection, row.record_id)


def _storable(result: Result | None) -> Result | None:
    """A draft whose key no database can hold is a rejection like any other; it must not fail its page."""
    if not isinstance(result, Draft):
        return result
    key = documents.printable(result.key)
    if key == result.key:
        return result
    detail = f"found the key {key!r} with half a surrogate pair in it, expected text"
    return Rejection(result.source_id, result.updated_at, RejectionReason.TYPE, detail, key=KeyValue(key))


def decide_staged(before: RecordState | None, after: RecordState) -> StageDecision:
    """What staging an item came to, from the states around it. Pure."""
    visible = visible_state(after)
    if isinstance(after.desired, DesiredRejection):
        return StageDecision.REJECTED
    if after.block is Block.WAITING:
        return StageDecision.WAITING
    if after.block is Block.HELD:
        return StageDecision.HELD
    if visible in (VisibleState.DELIVERED, VisibleState.DISCARDED):
        return StageDecision.UNCHANGED
    if before is not None and before.desired == after.desired:
        return StageDecision.PENDING
    return StageDecision.CREATE if after.instance_id is None else StageDecision.UPDATE


def _is_older(item: Item, known_ms: int | None) -> bool:
    return item.updated_at is not None and known_ms is not None and to_ms(item.updated_at) < known_ms


def _desired(result: Result) -> Desired:
    if isinstance(result, Draft):
        return DesiredDraft(result.key, result.content_hash)
    if isinstance(result, Filtered):
        return filtering.LEFT_OUT
    return DesiredRejection(result.reason)


def _insert(
    connection: sqlite3.Connection,
    pipeline: str,
    form: str,
    context_hash: ContentHash,
    item: Item,
    result: Result,
    now: datetime,
) -> RecordRow:
    row = rows.insert(
        connection,
        pipeline=pipeline,
        form=form,
        source_id=item.source_id,
        desired=_desired(result),
        listed_hash=item.listed_hash,
        context_hash=context_hash,
        key=result.key,
        now=now,
    )
    if not isinstance(result, Filtered):
        _write_listing(connection, row, context_hash, item, result)
        _note(connection, row, result, now)
    return row


def _restage(
    connection: sqlite3.Connection,
    row: RecordRow,
    context_hash: ContentHash,
    item: Item,
    result: Draft | Rejection,
    ignore_changes: bool,
    now: datetime,
) -> RecordRow:
    desired = _desired(result)
    state = row.state
    if ignore_changes and isinstance(state.desired, DesiredDraft) and _is_or_may_be_in_yida(state):
        # on_change: ignore – what Yida was given first stays what is desired.
        desired = state.desired
    else:
        _write_listing(connection, row, context_hash, item, result)
    changed = desired != state.desired
    row = rows.apply(connection, row, Staged(desired, now), now)
    content = result.content if isinstance(result, Draft) and desired == _desired(result) else None
    row = holdings.agree(connection, row, now, content)
    if changed:
        connection.execute("UPDATE records SET desired_ms = ? WHERE id = ?", (to_ms(now), row.record_id))
        _note(connection, row, result, now)
    connection.execute(
        """UPDATE records SET updated_ms = ?, listed_hash = ?, context_hash = ?, filtered_by = NULL
           WHERE id = ?""",
        (to_ms(item.updated_at), item.listed_hash, context_hash, row.record_id),
    )
    return row


def _is_or_may_be_in_yida(state: RecordState) -> bool:
    return state.instance_id is not None or state.attempt is not None


def _write_listing(
    connection: sqlite3.Connection,
    row: RecordRow,
    context_hash: ContentHash,
    item: Item,
    result: Draft | Rejection,
) -> None:
    rejection = result if isinstance(result, Rejection) else None
    connection.execute(
        """UPDATE records SET updated_ms = ?, listed_hash = ?, context_hash = ?,
               rejection_detail = ?, rejection_component = ?, filtered_by = NULL, key = COALESCE(?, key)
           WHERE id = ?""",
        (
            to_ms(item.updated_at),
            item.listed_hash,
            context_hash,
            "" if rejection is None else documents.printable(rejection.detail),
            None if rejection is None else rejection.component,
            None if rejection is None else rejection.key or None,
            row.record_id,
        ),
    )


def _write_contents(
    connection: sqlite3.Connection,
    row: RecordRow,
    entry: StageEntry,
    result: Result,
    before: RecordState | None,
) -> None:
    """The wide half: written only when it differs, because a re-read of the overlap changes nothing."""
    if isinstance(result, Draft):
        is_ignored = row.state.desired != _desired(result)  # what Yida was given first stays
        if not is_ignored and (before is None or before.desired != row.state.desired):
            connection.execute(
                "UPDATE contents SET content = ?, raw = NULL WHERE record_id = ?",
                (documents.dump(result.content), row.record_id),
            )
    elif isinstance(result, Rejection) and isinstance(row.state.desired, DesiredRejection):
        connection.execute(
            "UPDATE contents SET raw = ? WHERE record_id = ?", (documents.dump(entry.item.raw), row.record_id)
        )
    findings = None if isinstance(result, Filtered) else findings_json(result.findings)
    connection.execute(
        "UPDATE contents SET findings = ? WHERE record_id = ? AND findings IS NOT ?",
        (findings, row.record_id, findings),
    )
    # Without a detail of this very listing none is kept: that of an earlier one must not be taken for it.
    detail = None if entry.detail is None else documents.dump(entry.detail)
    connection.execute(
        "UPDATE contents SET detail = ? WHERE record_id = ? AND detail IS NOT ?",
        (detail, row.record_id, detail),
    )


def _note(connection: sqlite3.Connection, row: RecordRow, result: Draft | Rejection, now: datetime) -> None:
    if isinstance(result, Draft):
        history.note(
            connection,
            now,
            row.pipeline,
            HistoryEvent.STAGED,
            row.record_id,
            key=result.key,
            content_hash=result.content_hash,
            **findings_told(result.findings),
        )
    else:
        history.note(
            connection,
            now,
            row.pipeline,
            HistoryEvent.REJECTED,
            row.record_id,
            reason=result.reason,
            component=result.component,
            detail=result.detail,
            **findings_told(one for one in result.findings if one.result is not RuleResult.REJECTED),
        )
