"""How things stand: one JSON for the command, the console and whoever scripts against either."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from xmsyncd import __version__
from xmsyncd.clock import LARGEST_SKEW
from xmsyncd.cycle.progress import CycleProgress
from xmsyncd.ledger import Ledger, differences, pipelines, queries
from xmsyncd.ledger.cycles import CycleResult
from xmsyncd.ledger.queries import Json
from xmsyncd.ledger.states import FAILED_STATES, VisibleState
from xmsyncd.ledger.views import PipelineView
from xmsyncd.observe.outages import VendorAway
from xmsyncd.observe.quota import Quota, read_quota
from xmsyncd.operations.runtime import ClockOffset, LimitNow, Pace

_CYCLES_SHOWN = 10
# A rate this near its ceiling is the ceiling: nobody holds us up.
_FULL_SPEED: Final = 0.99

# What a running delivery still has to do by itself.
_WORK = (VisibleState.PENDING, VisibleState.SENDING, VisibleState.UNDECIDED)

_FAILED = (*FAILED_STATES, VisibleState.WAITING, VisibleState.HELD)


def _never() -> datetime | None:
    return None


def _nothing_runs() -> CycleProgress | None:
    return None


@dataclass(frozen=True, slots=True)
class PipelineInfo:
    """What the ledger does not know of a pipeline. ``quota`` is that of the connection it writes through."""

    name: str
    form: str
    quota: Quota | None = None
    next_run: Callable[[], datetime | None] = _never
    progress: Callable[[], CycleProgress | None] = _nothing_runs
    """Of the cycle that runs at this moment."""
    pace: Callable[[], Mapping[str, Pace]] = dict
    """By operation."""
    connections: Mapping[str, str] = field(default_factory=dict)
    """The names of those it reads from and writes through, by ``okki`` and ``dingtalk``."""


async def status(
    ledger: Ledger,
    pipelines: Sequence[PipelineInfo],
    now: datetime,
    *,
    live: bool = True,
    clocks: Sequence[ClockOffset] = (),
    limits: Sequence[LimitNow] = (),
    away: Sequence[VendorAway] = (),
) -> dict[str, Any]:
    """The state of every pipeline and quota, from one consistent view. Plain JSON.

    Times are ISO 8601 in UTC, ages in seconds, what is unknown ``null``. A pipeline's ``state`` is
    ``stopped`` (``stop`` says why), ``running`` (a cycle or deliveries have something to do) or ``idle``.
    ``live`` says whether a daemon runs; without one nothing is ``running``, and a cycle that has no end was
    cut off. ``filtered`` is how many ``where`` leaves out, ``set_aside`` how many of those are among the
    discarded of ``backlog``. ``reading`` is the progress of a cycle that runs (``kind, reason, pages, read,
    total``; ``total`` is what OKKI says there is, where it says it), ``pace`` by operation how fast may be
    sent (``per_second, paused_seconds``), ``connections`` those it reads from and writes through by vendor.
    ``gaps`` are the listed ones; ``failures`` are groups of parked, undecided, rejected, waiting and held
    records; ``clocks`` the vendors' clocks minus ours; ``limits`` how fast each of their interfaces is
    called; ``away``, of all and of each pipeline's connections, the vendors with whom calls fail (``since``
    when, for how many ``seconds`` up to the latest of the ``failed`` calls, and how often for which of the
    ``causes``). Raises ``KeyError`` for a pipeline the ledger does not know.
    """
    infos = tuple(pipelines)
    shown = await ledger.read(_status, infos, now, live)
    shown["clocks"] = [
        {"connection": one.connection, "api": str(one.api), "offset_seconds": _seconds(one.offset)}
        for one in clocks
    ]
    shown["limits"] = [
        {
            "connection": one.connection,
            "api": one.api,
            "endpoint": one.endpoint,
            "per_second": round(one.per_second, 3),
            "ceiling": one.ceiling,
            "paused_seconds": _seconds(one.paused),
            "pause_code": one.pause_code,
        }
        for one in limits
    ]
    shown["away"] = [_away(one, now) for one in away]
    for pipeline, info in zip(shown["pipelines"], infos, strict=True):
        pipeline["away"] = [
            one for one in shown["away"] if info.connections.get(one["api"]) == one["connection"]
        ]
    return shown


def _away(one: VendorAway, now: datetime) -> Json:
    return {
        "connection": one.connection,
        "api": one.api,
        "since": _iso(now - timedelta(seconds=one.began)),
        "seconds": round(one.seconds, 3),
        "failed": one.failed,
        "causes": dict(one.causes),
    }


def wanted(one: Mapping[str, Any]) -> dict[str, int]:
    """A pipeline's backlog without what ``where`` sets aside: the records that the pipeline is about."""
    backlog = dict(one["backlog"])
    if one.get("set_aside"):
        backlog[VisibleState.DISCARDED] = max(0, backlog[VisibleState.DISCARDED] - one["set_aside"])
    return backlog


def is_slowed(limit: Mapping[str, Any]) -> bool:
    """Whether one of a status's ``limits`` rests, or is slower than it may be."""
    return bool(limit["paused_seconds"] or limit["per_second"] < _FULL_SPEED * limit["ceiling"])


def wrong_clocks(shown: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those of a status's ``clocks`` by which this machine's is wrong."""
    bound = LARGEST_SKEW.total_seconds()
    return [one for one in shown["clocks"] if abs(one["offset_seconds"] or 0) > bound]


def _status(
    connection: sqlite3.Connection, infos: tuple[PipelineInfo, ...], now: datetime, live: bool
) -> dict[str, Any]:
    quotas = {info.quota.connection: info.quota for info in infos if info.quota is not None}
    return {
        "version": __version__,
        "now": _iso(now),
        "pipelines": [_pipeline(connection, info, now, live) for info in infos],
        "quota": [_quota(connection, quota, now) for quota in quotas.values()],
    }


def _pipeline(connection: sqlite3.Connection, info: PipelineInfo, now: datetime, live: bool) -> Json:
    view = pipelines.view(connection, info.name)
    backlog = queries.backlog(connection, info.name)
    ages = queries.oldest_ages(connection, info.name, now)
    cycles = queries.recent_cycles(connection, info.name, _CYCLES_SHOWN)
    if not live:
        for cycle in cycles:
            cycle["result"] = cycle["result"] or CycleResult.INTERRUPTED.value
    reading = live and bool(cycles) and cycles[0]["finished"] is None
    return {
        "name": info.name,
        "form": info.form,
        "connections": dict(info.connections),
        "state": _state(view, backlog, live=live, reading=reading),
        "stop": None
        if view.stop is None
        else {
            "reason": view.stop.reason.value,
            "detail": view.stop.detail,
            "since": _iso(view.stop.stopped_at),
            "probe_at": _iso(view.stop.probe_at),
        },
        "watermark": _iso(view.watermark),
        "last_success": _iso(view.last_success_at),
        "next_run": _iso(info.next_run()) if live else None,
        "search": {
            "proven": view.search_proven_at is not None,
            "lag_seconds": _seconds(view.search_lag),
        },
        "backlog": backlog,
        "oldest_pending_age_seconds": _seconds(ages.pending),
        "oldest_undecided_age_seconds": _seconds(ages.undecided),
        "reading": _reading(info.progress()) if live else None,
        "pace": {
            str(operation): {"per_second": pace.per_second, "paused_seconds": _seconds(pace.paused)}
            for operation, pace in info.pace().items()
        },
        "cycle": cycles[0] if cycles else None,
        "cycles": cycles,
        "gaps": queries.gaps(connection, info.name),
        "deleted": queries.deleted(connection, info.name),
        **queries.left_out(connection, info.name),
        "reconcile": {
            "at": _iso(view.reconciled_at),
            "differences": differences.counts(connection, info.name),
        },
        "failures": queries.failure_groups(connection, info.name, _FAILED),
    }


def _reading(progress: CycleProgress | None) -> Json | None:
    if progress is None:
        return None
    return {
        "kind": progress.kind,
        "reason": progress.reason,
        "pages": progress.pages,
        "read": progress.read,
        "total": progress.total,
    }


def _state(view: PipelineView, backlog: dict[str, int], *, live: bool, reading: bool) -> str:
    if view.stop is not None:
        return "stopped"
    working = reading or any(backlog[state] for state in _WORK)
    return "running" if live and working else "idle"


def _quota(connection: sqlite3.Connection, quota: Quota, now: datetime) -> Json:
    reading = read_quota(connection, quota, now)
    return {
        "connection": quota.connection,
        "month": reading.month,
        "used": reading.used,
        "limit": quota.limit,
        "reserve": quota.reserve,
        "reserve_used": reading.reserve_used,
        "kinds": dict(reading.kinds),
        "told_spent": reading.told_spent,
        "exhausted_at": _iso(reading.exhausted_at),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds(), 3)
