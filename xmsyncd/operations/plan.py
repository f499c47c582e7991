"""What the next cycle would do: read, mapped and compared for real, and written nowhere."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from xmsyncd.cycle.plan import CONTEXT_CHANGED, CycleRequest
from xmsyncd.cycle.progress import CycleProgress, CycleReport
from xmsyncd.ledger import Ledger, contexts, cycles, meters, queries
from xmsyncd.ledger.cycles import CycleResult
from xmsyncd.ledger.meters import Meter
from xmsyncd.ledger.queries import iso
from xmsyncd.ledger.states import VisibleState
from xmsyncd.ledger.times import to_ms
from xmsyncd.ledger.views import StageDecision
from xmsyncd.operations.approve import guard_rules
from xmsyncd.operations.changes import changes_of, labels_of
from xmsyncd.operations.exit_status import ExitStatus, worst
from xmsyncd.operations.expected_calls import ExpectedCalls, Waiting, assumed, expected_calls, sending_takes
from xmsyncd.operations.plan_report import (
    changing,
    in_parts,
    standing_of_guard,
    turned_away,
    waiting_of,
    window_of,
)
from xmsyncd.operations.rehearsal import Rehearsal, read_progress, rehearsed_on
from xmsyncd.operations.runtime import PipelineRuntime, Runtime
from xmsyncd.records import ContentHash
from xmsyncd.settings import ReadBack
from xmsyncd.transform.context import changed_parts

DEFAULT_SAMPLE: Final = 20
"""Records whose changes are shown one by one, unless a person wants others."""

# Records in one message: with their values they stay far below what the socket takes in one line.
_AT_ONCE: Final = 50
# Records whose changes are counted by component, where not all are shown.
_COMPARED: Final = 2_000

# What a sync leaves over that a person would want to know of (its exit status 3).
_LEFT: Final = (
    VisibleState.PARKED,
    VisibleState.UNDECIDED,
    VisibleState.HELD,
    VisibleState.PENDING,
    VisibleState.SENDING,
)


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """``sample``: how many records are shown one by one; ``None``: all."""

    cycle: CycleRequest
    sample: int | None = DEFAULT_SAMPLE


async def plan(
    runtime: Runtime, pipelines: Sequence[PipelineRuntime], request: PlanRequest
) -> AsyncGenerator[dict[str, Any]]:
    """For each pipeline ``{"phase": "read", …}`` while it reads, then ``{"phase": "changes", "pipeline",
    "changes": […]}`` (in parts, as :func:`changes_of` has them); at last ``{"phase": "done", "pipelines",
    "exit"}``.

    All of it happens on a snapshot of the ledger, one pipeline after the other, as they would follow each
    other in a sync. ``exit`` is the status that sync would end with. Raises the errors of a read, and
    ``UnknownProductError``.
    """
    planned: list[dict[str, Any]] = []
    async with rehearsed_on(runtime.ledger) as snapshot:
        for pipeline in pipelines:
            rehearsal = pipeline.rehearse(snapshot)
            context = await snapshot.read(contexts.recall, pipeline.name)
            began = runtime.clock.now()
            report: CycleReport | None = None
            async with contextlib.aclosing(rehearsal.run(request.cycle, runtime.stopping)) as steps:
                async for step in steps:
                    match step:
                        case CycleProgress():
                            yield read_progress(pipeline.name, step)
                        case CycleReport():
                            report = step
            if report is None:
                raise RuntimeError("a rehearsal without a report")
            told = _Told(runtime, pipeline, snapshot, rehearsal, report, began, context)
            components: Counter[str] = Counter()
            async with contextlib.aclosing(told.changes(request.sample, components)) as parts:
                async for part in parts:
                    yield {"phase": "changes", "pipeline": pipeline.name, "changes": part}
            planned.append(await told.result(request, components))
    yield {"phase": "done", "pipelines": planned, "exit": worst(one["exit"] for one in planned)}


class _Told:
    """Tells what one pipeline's rehearsal came to."""

    def __init__(
        self,
        runtime: Runtime,
        pipeline: PipelineRuntime,
        snapshot: Ledger,
        rehearsal: Rehearsal,
        report: CycleReport,
        began: datetime,
        context: Mapping[str, ContentHash] | None,
    ) -> None:
        """``context``: its parts before the rehearsal, as far as the ledger remembers them."""
        self._runtime = runtime
        self._pipeline = pipeline
        self._ledger = snapshot
        self._rehearsal = rehearsal
        self._report = report
        self._cycle_id = report.cycle_id or 0
        self._began = began
        self._context = context
        self._labels = labels_of(pipeline)
        self._changing = 0
        self._compared = 0

    async def changes(
        self, sample: int | None, components: Counter[str]
    ) -> AsyncGenerator[list[dict[str, Any]]]:
        """The records of the sample; ``components`` counts what would change in more of them."""
        ids = await self._ledger.read(changing, self._pipeline.name, self._cycle_id, self._began)
        self._changing = len(ids)
        most = len(ids) if sample is None else max(sample, _COMPARED)
        shown = 0
        for part in in_parts(ids[:most], _AT_ONCE):
            found = await self._ledger.read(changes_of, part, self._labels)
            self._compared += len(found)
            for one in found:
                components.update(change["component"] for change in one["changes"])
            wanted = found if sample is None else found[: max(0, sample - shown)]
            shown += len(wanted)
            if wanted:
                yield wanted

    async def result(self, request: PlanRequest, components: Mapping[str, int]) -> dict[str, Any]:
        """The plan of the pipeline, as plain JSON."""
        ledger, name, report = self._ledger, self._pipeline.name, self._report
        now = self._runtime.clock.now()
        waiting, states, view = await ledger.read(
            waiting_of,
            name,
            self._pipeline.form,
            mapping_hash=self._pipeline.mapping_hash,
            reads_back=self._pipeline.settings.target.read_back is ReadBack.ALWAYS,
            meter=self._meter(now),
        )
        calls = expected_calls(waiting)
        after = _after(states, calls)
        gaps = len(await ledger.read(cycles.gaps, name))
        away = {
            decision.value: await ledger.read(turned_away, self._cycle_id, decision, request.sample)
            for decision in (StageDecision.REJECTED, StageDecision.WAITING)
        }
        for one in away["rejected"]["records"]:
            one["label"] = self._labels.get(one["component"] or "", "")
        progress = report.progress
        return {
            "pipeline": name,
            "as_of": iso(to_ms(now)),
            "cycle": {
                "kind": report.kind,
                "reason": progress.reason,
                "context": self._context_changes(progress.reason),
                **await ledger.read(window_of, self._cycle_id),
                "result": report.result,
                "pages": progress.pages,
                "read": progress.read,
                "repeats": progress.repeats,
                "decisions": {decision: progress.decisions.get(decision, 0) for decision in StageDecision},
                "deleted": self._rehearsal.overheard.deleted,
                "absences_doubted": self._rehearsal.overheard.doubted,
            },
            "gaps": gaps,
            "changing": self._changing,
            "compared": self._compared,
            "components": [
                {"component": one, "label": self._labels.get(one, ""), "count": number}
                for one, number in sorted(components.items(), key=lambda pair: (-pair[1], pair[0]))
            ],
            **away,
            "guard": await ledger.read(
                standing_of_guard, name, guard_rules(self._pipeline.settings.guard), now
            ),
            "calls": self._calls(calls, waiting),
            "assumed": assumed(waiting),
            "time": self._time(calls),
            "backlog": after,
            "set_aside": await ledger.read(queries.set_aside, name),
            "stop": None if view.stop is None else {"reason": view.stop.reason, "detail": view.stop.detail},
            "exit": _exit_status(report, calls, waiting, after, gaps),
        }

    def _context_changes(self, reason: str) -> list[dict[str, str]] | None:
        """What of the context has changed; ``None`` where that is unknown or no reason to read everything."""
        if reason != CONTEXT_CHANGED or self._context is None:
            return None
        changes = changed_parts(self._context, self._rehearsal.shaper.context_parts)
        return [
            {"part": name, "change": change, "label": self._labels.get(name.rpartition(".")[2], "")}
            for name, change in changes.items()
        ]

    def _meter(self, now: datetime) -> Meter:
        name, chosen = self._runtime.settings.dingtalk_of(self._pipeline.settings)
        return Meter(name, meters.month_of(now), chosen.monthly_calls, chosen.reserve_calls)

    def _calls(self, calls: ExpectedCalls, waiting: Waiting) -> dict[str, Any]:
        return {
            **asdict(calls),
            "metered": calls.metered,
            "quota": {**asdict(waiting.use), "left": waiting.use.left},
            "okki": dict(self._rehearsal.requests),
        }

    def _time(self, calls: ExpectedCalls) -> dict[str, Any]:
        okki, _ = self._runtime.settings.okki_of(self._pipeline.settings)
        rate = next(
            (one.per_second for one in self._runtime.limits() if (one.api, one.connection) == ("okki", okki)),
            0.0,
        )
        pace = self._pipeline.pace()
        requests = self._rehearsal.requests.total()
        return {
            "read_seconds": round(requests / rate, 1) if rate > 0 else None,
            "send_seconds": round(sending_takes(calls, pace).total_seconds(), 1),
            "per_second": {
                "okki": round(rate, 3),
                **{str(operation): round(one.per_second, 3) for operation, one in pace.items()},
            },
        }


def _after(states: Mapping[str, int], calls: ExpectedCalls) -> dict[str, int]:
    """The records by state once what goes now has gone through."""
    pending = states[VisibleState.PENDING]
    sent = min(pending, calls.sends_now)
    return {
        **states,
        VisibleState.PENDING: pending - sent,
        VisibleState.DELIVERED: states[VisibleState.DELIVERED] + sent,
    }


def _exit_status(
    report: CycleReport, calls: ExpectedCalls, waiting: Waiting, after: Mapping[str, int], gaps: int
) -> int:
    """What sync would end with: see :func:`xmsyncd.operations.sync.exit_status`."""
    if calls.put_off or (waiting.stop is not None and not waiting.stop.is_own_quota):
        return ExitStatus.CANNOT_WORK
    is_unproven = report.result is not CycleResult.DONE or gaps
    return ExitStatus.UNFINISHED if is_unproven or any(after[state] for state in _LEFT) else ExitStatus.WELL
