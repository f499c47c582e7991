"""What did not go through, as a list: by group first, then one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.ledger import queries
from xmsyncd.ledger.queries import Failed, iso
from xmsyncd.ledger.states import FAILED_STATES, VisibleState
from xmsyncd.ledger.wording import reason_of
from xmsyncd.operations.quality import labels_of
from xmsyncd.operations.runtime import PipelineRuntime, Runtime

ROWS: Final = 1000
"""Records that are shown one by one; the groups and counts are of all."""

# Records read in one transaction: normalising a message costs tens of microseconds.
_AT_ONCE: Final = 1000

_SHOWN_STATES: Final = (*FAILED_STATES, VisibleState.WAITING, VisibleState.HELD)
"""What a list shows: everything of which OKKI's latest content is not in Yida and will not be by itself."""

LISTED_STATES: Final = (*_SHOWN_STATES, VisibleState.DISCARDED)
"""What a list may be asked for by ``--state``."""


@dataclass(slots=True)
class _Group:
    first: Failed
    count: int = 0
    first_ms: int = 0
    last_ms: int = 0


@dataclass(slots=True)
class _Found:
    groups: dict[tuple[str, str], _Group] = field(default_factory=dict)
    states: Counter[str] = field(default_factory=Counter)
    shown: list[int] = field(default_factory=list)


async def listed(
    runtime: Runtime,
    pipelines: Sequence[PipelineRuntime],
    *,
    reason: str | None = None,
    state: str | None = None,
    component: str | None = None,
    limit: int = ROWS,
) -> dict[str, Any]:
    """``{"total", "states": {state: number}, "groups": […], "records": […]}``.

    A group is what failed in one state for one reason with the same message, values in it aside: ``pipeline,
    state, reason, group`` (its name, as ``reason`` here and for retry, accept and discard takes it),
    ``message, component, count, first, last, sample`` (``key, source_id, name, detail``) and ``acceptable``
    (whether a rule alone rejected the first of them); most frequent first. ``records`` are the first
    ``limit``, shaped as in :func:`queries.failures` with ``pipeline`` and ``group``. ``reason`` is a reason
    or a group's name; ``component`` leaves those that were rejected for it, "" those rejected as a whole.
    Raises ``ConfigurationError`` for a state that no failure can be in.
    """
    states: Sequence[str] = _SHOWN_STATES if state is None else (_state(state),)
    groups: list[dict[str, Any]] = []
    records: list[dict[str, Any]] = []
    counted: Counter[str] = Counter()
    for pipeline in pipelines:
        found = await _look(runtime, pipeline, states, reason, component, limit - len(records))
        counted.update(found.states)
        called = name_component(pipeline)
        labels = labels_of(pipeline.settings)
        for group in found.groups.values():
            first = group.first
            name = await runtime.ledger.read(queries.name_of, first.record_id, called)
            acceptable = await runtime.ledger.read(queries.is_acceptable, first.record_id)
            label = labels.get(first.component or "", "")
            told = {**_told(group, name), "label": label, "acceptable": acceptable}
            groups.append({"pipeline": pipeline.name, **told})
        records += await _records(runtime, pipeline, found.shown)
    groups.sort(key=lambda one: -one["count"])
    return {"total": counted.total(), "states": dict(counted), "groups": groups, "records": records}


async def _look(
    runtime: Runtime,
    pipeline: PipelineRuntime,
    states: Sequence[str],
    reason: str | None,
    component: str | None,
    limit: int,
) -> _Found:
    found = _Found()
    after = 0
    wanted, is_group = (None, False) if reason is None else reason_of(reason)
    while True:
        some = await runtime.ledger.read(queries.failed_after, pipeline.name, states, after, _AT_ONCE)
        for one in some:
            if wanted is not None and (one.group != reason if is_group else one.reason != wanted):
                continue
            if component is not None and (one.component or "") != component:
                continue
            group = found.groups.setdefault(
                (one.state, one.group), _Group(one, first_ms=one.since_ms, last_ms=one.since_ms)
            )
            group.count += 1
            group.first_ms = min(group.first_ms, one.since_ms)
            group.last_ms = max(group.last_ms, one.since_ms)
            found.states[one.state] += 1
            if len(found.shown) < limit:
                found.shown.append(one.record_id)
        if len(some) < _AT_ONCE:
            return found
        after = some[-1].record_id


def _told(group: _Group, name: str) -> dict[str, Any]:
    first = group.first
    return {
        "state": first.state,
        "reason": first.reason,
        "group": first.group,
        "message": first.message,
        "component": first.component,
        "count": group.count,
        "first": iso(group.first_ms),
        "last": iso(group.last_ms),
        "sample": {"key": first.key, "source_id": first.source_id, "name": name, "detail": first.detail},
    }


async def _records(runtime: Runtime, pipeline: PipelineRuntime, ids: Sequence[int]) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for start in range(0, len(ids), _AT_ONCE):
        some = await runtime.ledger.read(
            queries.failures,
            pipeline.name,
            states=tuple(VisibleState),
            record_ids=ids[start : start + _AT_ONCE],
        )
        records += [{"pipeline": pipeline.name, **one} for one in some]
    return records


def name_component(pipeline: PipelineRuntime) -> str | None:
    """The component that holds OKKI's name of the product, by the mapping."""
    names = ("{name}", "{{name}}")
    return next((one.field for one in pipeline.settings.fields if one.value.strip() in names), None)


def _state(name: str) -> VisibleState:
    if name not in LISTED_STATES:
        raise ConfigurationError([Fault("--state", repr(name), "one of " + ", ".join(LISTED_STATES))])
    return VisibleState(name)
