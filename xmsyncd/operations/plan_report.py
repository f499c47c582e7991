"""What a rehearsal has left in its snapshot of the ledger, read for ``plan``: counts, reasons, records."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from xmsyncd.ledger import guard, looks, meters, pipelines, queries
from xmsyncd.ledger.guard import GuardRules
from xmsyncd.ledger.meters import Meter
from xmsyncd.ledger.queries import iso
from xmsyncd.ledger.states import VisibleState
from xmsyncd.ledger.times import to_ms
from xmsyncd.ledger.views import PipelineView, StageDecision
from xmsyncd.operations.expected_calls import Waiting
from xmsyncd.records import RecordId

# What is sent, or would be but for the guard; in the order in which a person wants to see it.
_CHANGING: Final = (
    StageDecision.UPDATE,
    StageDecision.HELD,
    StageDecision.CREATE,
    StageDecision.PENDING,
)


def changing(
    connection: sqlite3.Connection, pipeline: str, cycle_id: int, began: datetime
) -> tuple[RecordId, ...]:
    """The records whose content in Yida would change: updates first, then held ones, then creates.

    Also those that are marked in Yida because OKKI has let them go or the filter leaves them out.
    """
    order = {decision: place for place, decision in enumerate(_CHANGING)}
    found = [
        (order.get(row["decision"], 0), RecordId(row["id"]))
        for row in connection.execute(
            """SELECT id, decision FROM records WHERE pipeline = :pipeline AND (
                   (cycle_id = :cycle AND decision IN ('update', 'held', 'create', 'pending'))
                   OR (desired_ms >= :began AND state IN ('pending', 'held')))
               ORDER BY id""",
            {"pipeline": pipeline, "cycle": cycle_id, "began": to_ms(began)},
        )
    ]
    return tuple(record_id for _, record_id in sorted(found))


def turned_away(
    connection: sqlite3.Connection, cycle_id: int, decision: StageDecision, limit: int | None
) -> dict[str, Any]:
    """``{"total", "reasons", "records": [{"key", "source_id", "reason", "component", "detail"}]}``.

    What of a cycle is not sent: ``rejected`` or ``waiting``.
    """
    reason = "CASE WHEN decision = 'rejected' THEN rejection ELSE block_reason END"
    reasons = {
        row["reason"]: row["number"]
        for row in connection.execute(
            f"""SELECT {reason} AS reason, count(*) AS number FROM records
                WHERE cycle_id = ? AND decision = ? GROUP BY 1 ORDER BY 2 DESC, 1""",  # noqa: S608 - constant columns
            (cycle_id, decision),
        )
    }
    shown = connection.execute(
        f"""SELECT key, source_id, {reason} AS reason, rejection_component, rejection_detail, block_detail
            FROM records WHERE cycle_id = ? AND decision = ? ORDER BY id LIMIT ?""",  # noqa: S608 - constant columns
        (cycle_id, decision, -1 if limit is None else limit),
    )
    return {
        "total": sum(reasons.values()),
        "reasons": reasons,
        "records": [
            {
                "key": row["key"],
                "source_id": row["source_id"],
                "reason": row["reason"],
                "component": row["rejection_component"] if row["rejection_detail"] else None,
                "detail": row["rejection_detail"] or row["block_detail"],
            }
            for row in shown
        ],
    }


def standing_of_guard(
    connection: sqlite3.Connection, pipeline: str, rules: GuardRules, now: datetime
) -> dict[str, Any]:
    """How the guard would stand after the cycle."""
    found = guard.standing(connection, pipeline, rules, now)
    return {"held": found.held, "released": found.released, "limit": found.limit, "known": found.known}


def window_of(connection: sqlite3.Connection, cycle_id: int) -> dict[str, Any]:
    """What the cycle has read: ISO times; no start means everything."""
    row = connection.execute("SELECT start_ms, end_ms FROM cycles WHERE id = ?", (cycle_id,)).fetchone()
    return {"start": iso(row["start_ms"]), "end": iso(row["end_ms"])}


def waiting_of(
    connection: sqlite3.Connection,
    pipeline: str,
    form: str,
    *,
    mapping_hash: str,
    reads_back: bool,
    meter: Meter,
) -> tuple[Waiting, dict[str, int], PipelineView]:
    """What is to be sent, the records by state, and the pipeline itself."""
    view = pipelines.view(connection, pipeline)
    lanes = {
        row["lane"]: row["number"]
        for row in connection.execute(
            """SELECT lane, count(*) AS number FROM records
               WHERE pipeline = ? AND lane IS NOT NULL GROUP BY lane""",
            (pipeline,),
        )
    }
    states = queries.backlog(connection, pipeline)
    waiting = Waiting.of(
        view,
        creates=lanes.get("create", 0),
        updates=lanes.get("update", 0),
        undecided=states[VisibleState.UNDECIDED],
        mapping_hash=mapping_hash,
        reads_back=reads_back,
        has_instances=looks.knows_instances(connection, form),
        use=meters.use(connection, meter),
    )
    return waiting, states, view


def in_parts(ids: tuple[RecordId, ...], size: int) -> Iterator[tuple[RecordId, ...]]:
    """So many at once that nobody waits long for the ledger."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
