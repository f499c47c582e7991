"""One cycle now, and then deliver until nothing is due or undecided."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.cycle.progress import CycleReport
from xmsyncd.errors import CannotWorkError, StoppedError
from xmsyncd.ledger import cycles, pipelines, queries
from xmsyncd.ledger.cycles import CycleResult
from xmsyncd.ledger.states import VisibleState
from xmsyncd.ledger.views import PipelineView, StageDecision
from xmsyncd.operations.lines import json_of
from xmsyncd.operations.runtime import PipelineRuntime, Runtime

# How often progress is told; people see no more, and each look at the ledger is a query.
_TICK = timedelta(milliseconds=200)

# Of a first try, the products that are shown one by one.
_CHOSEN_SHOWN = 50

# States in which a record still has something to do by itself.
_BUSY = (VisibleState.SENDING, VisibleState.UNDECIDED)


@dataclass(frozen=True, slots=True)
class Backlog:
    """The states of a pipeline's records, and how many of the pending ones a worker may still take."""

    states: Mapping[str, int]
    sendable: int

    @property
    def is_settled(self) -> bool:
        """Whether nothing is due, on its way or undecided any more."""
        return not self.sendable and not any(self.states.get(state, 0) for state in _BUSY)


def backlog(connection: sqlite3.Connection, pipeline: str) -> Backlog:
    """Count a pipeline's records by state."""
    states = {
        row["state"]: row["number"]
        for row in connection.execute(
            "SELECT state, count(*) AS number FROM records WHERE pipeline = ? GROUP BY state", (pipeline,)
        )
    }
    sendable = connection.execute(
        "SELECT count(*) FROM records WHERE pipeline = ? AND lane IN ('create', 'update')", (pipeline,)
    ).fetchone()[0]
    return Backlog(states, sendable)


async def sync(
    runtime: Runtime, pipeline: PipelineRuntime, request: CycleRequest, wait: timedelta
) -> AsyncIterator[dict[str, Any]]:
    """Yields progress as ``{"phase": "read" | "deliver", …}`` and at last ``{"phase": "done", …}``.

    The deliveries must be running. Safe to abandon: what is staged is delivered all the same. The last
    value holds what :func:`exit_status` needs.
    """
    asked = pipeline.loop.ask(request)
    deadline = runtime.clock.monotonic() + wait.total_seconds()
    start = await runtime.ledger.read(backlog, pipeline.name)
    while not asked.report.done():
        _go_on(runtime)
        await asyncio.wait({asked.report}, timeout=_TICK.total_seconds())
        yield _progress(
            "read", pipeline, asked.progress, await runtime.ledger.read(backlog, pipeline.name), start
        )
    _go_on(runtime)
    if asked.report.cancelled():
        raise StoppedError("the cycle was cut short; what was staged is delivered next time")
    report = await asked.report
    while True:
        now = await runtime.ledger.read(backlog, pipeline.name)
        view = await runtime.ledger.read(pipelines.view, pipeline.name)
        yield _progress("deliver", pipeline, asked.progress, now, start)
        if now.is_settled or view.stop is not None or runtime.clock.monotonic() >= deadline:
            break
        _go_on(runtime)
        await runtime.clock.sleep(_TICK.total_seconds())
    yield await _result(runtime, pipeline, report, now, view)


def _go_on(runtime: Runtime) -> None:
    if runtime.stopping.is_set():
        raise StoppedError("stopped before the sync was through; what was staged is delivered next time")


def _progress(
    phase: str, pipeline: PipelineRuntime, cycle: Any, now: Backlog, start: Backlog
) -> dict[str, Any]:
    return {
        "phase": phase,
        "pipeline": pipeline.name,
        "kind": cycle.kind,
        "reason": cycle.reason,
        "pages": cycle.pages,
        "read": cycle.read,
        "total": cycle.total,
        "decisions": dict(cycle.decisions),
        "backlog": dict(now.states),
        "delivered_before": start.states.get(VisibleState.DELIVERED, 0),
        "sendable": now.sendable,
    }


def chosen_records(
    connection: sqlite3.Connection, pipeline: str, source_ids: Sequence[str]
) -> list[dict[str, Any]]:
    """What has become of these products, in their order; those that are not staged are left out."""
    rows = {
        row["source_id"]: dict(row)
        for row in connection.execute(
            """SELECT source_id, key, state, instance_id,
                      CASE WHEN desired = 'rejection' THEN rejection ELSE block_reason END AS reason
               FROM records
               WHERE pipeline = ? AND source_id IN (SELECT value FROM json_each(?))""",
            (pipeline, json_of(list(source_ids)).decode()),
        )
    }
    return [rows[source_id] for source_id in source_ids if source_id in rows]


def instance_link(app_type: str, instance_id: str) -> str:
    """Where people see a process instance (vendor doc); an organisation may have a host of its own."""
    return f"https://www.aliwork.com/{quote(app_type)}/processDetail?procInsId={quote(instance_id)}"


async def _result(
    runtime: Runtime, pipeline: PipelineRuntime, report: CycleReport, now: Backlog, view: PipelineView
) -> dict[str, Any]:
    gaps = await runtime.ledger.read(cycles.gaps, pipeline.name)
    progress = report.progress
    chosen = await runtime.ledger.read(chosen_records, pipeline.name, progress.chosen[:_CHOSEN_SHOWN])
    app_type = pipeline.settings.target.app_type
    for one in chosen:
        one["link"] = None if one["instance_id"] is None else instance_link(app_type, one["instance_id"])
    return {
        "phase": "done",
        "pipeline": pipeline.name,
        "cycle": {
            "id": report.cycle_id,
            "kind": report.kind,
            "reason": progress.reason,
            "result": report.result,
            "pages": progress.pages,
            "read": progress.read,
            "repeats": progress.repeats,
            "detail_calls": report.details,
            "decisions": {decision: progress.decisions.get(decision, 0) for decision in StageDecision},
            "balance": report.balance,
            "deleted": progress.absent,
            "absences_doubted": progress.doubted,
            "watermark": _iso(report.watermark or view.watermark),
            "error": None if report.error is None else str(report.error),
            "cannot_work": report.error.reason if isinstance(report.error, CannotWorkError) else None,
        },
        "chosen": chosen,
        "backlog": dict(now.states),
        "set_aside": await runtime.ledger.read(queries.set_aside, pipeline.name),
        "gaps": len(gaps),
        "stop": None if view.stop is None else {"reason": view.stop.reason, "detail": view.stop.detail},
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def exit_status(result: Mapping[str, Any]) -> int:
    """The contract's exit status: 4 cannot work, 3 something is left over, 0 all is well."""
    if result["stop"] is not None or result["cycle"]["cannot_work"] is not None:
        return 4
    left = ("parked", "undecided", "held", "pending", "sending")
    unproven = result["cycle"]["result"] != CycleResult.DONE or result["gaps"]
    return 3 if unproven or any(result["backlog"].get(state, 0) for state in left) else 0
