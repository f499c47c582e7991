"""What the guard holds: shown with what it would change, let go or given up, as a person says."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from xmsyncd.ledger import guard, people, rows
from xmsyncd.ledger.guard import GuardRules, Standing
from xmsyncd.ledger.queries import iso
from xmsyncd.ledger.states import Block
from xmsyncd.ledger.times import to_ms
from xmsyncd.operations.changes import changes_of, labels_of
from xmsyncd.operations.exit_status import UnknownRecordError
from xmsyncd.operations.runtime import PipelineRuntime, Runtime
from xmsyncd.records import RecordId
from xmsyncd.settings import GuardSettings

# Records decided about in one transaction: few enough that a running delivery does not notice.
_AT_ONCE: Final = 50
# Records whose changes are compared for the overview; the counts of held records are of all.
_COMPARED: Final = 2_000
_SAMPLE: Final = 5


def guard_rules(settings: GuardSettings) -> GuardRules:
    """The settings as the ledger takes them; a 0 means no such limit."""
    return GuardRules(
        updates=settings.updates or None,
        share=settings.share or None,
        at_least=settings.at_least,
        within=settings.within,
    )


async def shown(
    runtime: Runtime, pipelines: Sequence[PipelineRuntime], keys: Sequence[str] = ()
) -> dict[str, Any]:
    """``{"as_of", "total", "pipelines": [{"pipeline", "held", "released", "limit", "known", …}]}``.

    Of each pipeline also ``since``, ``reasons`` (held records by reason), ``compared``, ``components``
    (``{"component", "label", "count"}``: how many of the compared records would change there) and
    ``sample`` (``{"key", "source_id", "reason", "changes": [{"component", "label", "old", "new"}]}``).
    ``as_of`` handed to :func:`decide` leaves out what changed after this look. Raises
    ``UnknownRecordError`` where keys were named and nothing that is held has one of them.
    """
    now = runtime.clock.now()
    told = [await _of_pipeline(runtime, pipeline, keys, now) for pipeline in pipelines]
    total = sum(one["held"] for one in told)
    if keys and not total:
        raise nothing_held(keys)
    return {"as_of": iso(to_ms(now)), "total": total, "pipelines": told}


async def _of_pipeline(
    runtime: Runtime, pipeline: PipelineRuntime, keys: Sequence[str], now: datetime
) -> dict[str, Any]:
    rules = guard_rules(pipeline.settings.guard)
    found: Standing = await runtime.ledger.read(guard.standing, pipeline.name, rules, now)
    ids = await _selected(runtime, pipeline, keys, None, None)
    labels = labels_of(pipeline)
    components: Counter[str] = Counter()
    reasons: Counter[str] = Counter(await runtime.ledger.read(_reasons, ids))
    sample: list[dict[str, Any]] = []
    compared = ids[:_COMPARED]
    for start in range(0, len(compared), _AT_ONCE):
        for one in await runtime.ledger.read(changes_of, compared[start : start + _AT_ONCE], labels):
            components.update(change["component"] for change in one["changes"])
            if len(sample) < _SAMPLE:
                sample.append(one)
    return {
        "pipeline": pipeline.name,
        "held": len(ids),
        "released": found.released,
        "limit": found.limit,
        "known": found.known,
        "since": iso(to_ms(found.since)),
        "reasons": dict(reasons),
        "compared": len(compared),
        "components": [
            {"component": name, "label": labels.get(name, ""), "count": number}
            for name, number in components.most_common()
        ],
        "sample": sample,
    }


def _reasons(connection: sqlite3.Connection, ids: Sequence[RecordId]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for record_id in ids:
        row = connection.execute("SELECT block_reason FROM records WHERE id = ?", (record_id,)).fetchone()
        counted[row["block_reason"]] += 1
    return dict(counted)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided: which held records, and whether they are let go or given up."""

    keys: tuple[str, ...] = ()
    """These only; none: all."""
    limit: int | None = None
    discard: bool = False
    as_of: datetime | None = None
    by: str = "cli"


async def decide(
    runtime: Runtime, pipelines: Sequence[PipelineRuntime], decision: Decision
) -> AsyncGenerator[dict[str, Any]]:
    """Yields ``{"done", "total"}`` and at last ``{"total", "counts": {state: number}, "left"}``.

    Each record is decided about in one transaction with its history, those held longest first; what was
    decided stays when this is left early. Safe to repeat: what is not held any more is passed over.
    """
    chosen: list[tuple[PipelineRuntime, tuple[RecordId, ...]]] = []
    left = decision.limit
    for pipeline in pipelines:
        ids = await _selected(runtime, pipeline, decision.keys, left, decision.as_of)
        chosen.append((pipeline, ids))
        left = None if left is None else left - len(ids)
    total = sum(len(ids) for _, ids in chosen)
    counts: Counter[str] = Counter()
    for pipeline, ids in chosen:
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            counts.update(await runtime.ledger.write(_decide_some, some, decision, runtime.clock.now()))
            pipeline.bell.ring()
            yield {"done": counts.total(), "total": total}
    remain = 0
    for pipeline in pipelines:
        remain += len(await runtime.ledger.read(guard.select, pipeline.name))
    yield {"total": counts.total(), "counts": dict(counts), "left": remain}


def _decide_some(
    connection: sqlite3.Connection, ids: Sequence[RecordId], decision: Decision, now: datetime
) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for record_id in ids:
        if rows.load(connection, record_id).state.block is not Block.HELD:
            continue  # somebody else was quicker
        if decision.discard:
            after = people.discard(connection, record_id, now=now, by=decision.by)
        else:
            after = guard.release(connection, record_id, by=decision.by, now=now)[1]
        counts[after] += 1
    return dict(counts)


async def _selected(
    runtime: Runtime,
    pipeline: PipelineRuntime,
    keys: Sequence[str],
    limit: int | None,
    as_of: datetime | None,
) -> tuple[RecordId, ...]:
    if not keys:
        return await runtime.ledger.read(guard.select, pipeline.name, limit=limit, as_of=as_of)
    found: dict[RecordId, None] = {}
    for key in keys:
        found.update(
            dict.fromkeys(await runtime.ledger.read(guard.select, pipeline.name, name=key, as_of=as_of))
        )
    return tuple(found)[:limit]


def nothing_held(keys: Sequence[str]) -> UnknownRecordError:
    """The sentence for names that nothing held answers to."""
    names = ", ".join(repr(key) for key in keys)
    return UnknownRecordError(f"nothing that is held has {names} as its key or OKKI id")
