"""What one page of a cycle writes, and what a complete read ends with: each in one transaction (step 3)."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import replace
from datetime import datetime

from xmsyncd.ledger import cycles, staging, tombstones
from xmsyncd.ledger.cycles import CycleCounts
from xmsyncd.ledger.guard import Guard, GuardRules
from xmsyncd.ledger.staging import StagedPage
from xmsyncd.ledger.tombstones import Mark
from xmsyncd.ledger.views import StageDecision, StageEntry
from xmsyncd.records import ContentHash, Item, SourceId
from xmsyncd.transform.quality.standing import NO_RULES, QualityPlan


def write_page(
    connection: sqlite3.Connection,
    pipeline: str,
    form: str,
    cycle_id: int,
    context: ContentHash,
    entries: tuple[StageEntry, ...],
    *,
    living: tuple[Item, ...],
    deleted: tuple[Item, ...],
    filtered: frozenset[SourceId],
    mark: Mark | None,
    ignore_changes: bool,
    guard: GuardRules,
    now: datetime,
    counts: CycleCounts,
    plan: QualityPlan = NO_RULES,
) -> tuple[StagedPage, frozenset[SourceId]]:
    """One page and the cycle's running numbers, in one transaction.

    ``filtered`` are the deleted products without a record that the cycle has met before; those of this page
    are the second result.
    """
    cycles.progress(connection, cycle_id, counts)
    tombstones.note_living(connection, pipeline, living, now)
    staged = staging.stage_page(
        connection,
        pipeline,
        form,
        cycle_id,
        context,
        entries,
        ignore_changes=ignore_changes,
        guard=guard,
        now=now,
        plan=plan,
        mark=mark,
    )
    if not deleted:
        return staged, frozenset()
    guarding = Guard(connection, pipeline, cycle_id, guard, now)
    buried, unknown = tombstones.bury_listed(connection, pipeline, cycle_id, deleted, mark, guarding, now)
    found = Counter(StageDecision.REPEAT if one in filtered else decision for one, decision in buried.items())
    cycles.add_decisions(connection, cycle_id, found)
    return replace(staged, decisions=Counter(staged.decisions) + found), unknown


def count_absent(
    connection: sqlite3.Connection,
    pipeline: str,
    cycle_id: int,
    unseen: tuple[SourceId, ...],
    mark: Mark | None,
    guard: GuardRules,
    now: datetime,
    *,
    accepted: bool = False,
) -> tombstones.Absences:
    """After a complete read of everything: judge what it did not show (see :mod:`.tombstones`)."""
    guarding = Guard(connection, pipeline, cycle_id, guard, now)
    return tombstones.count_absent(
        connection, pipeline, cycle_id, unseen, mark, guarding, now, accepted=accepted
    )
