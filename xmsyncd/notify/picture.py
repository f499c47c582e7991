"""What stands in the ledger that people should know of: conditions, and the numbers of a day."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from xmsyncd.ledger import pipelines, queries
from xmsyncd.ledger.cycles import CycleResult
from xmsyncd.ledger.states import VisibleState
from xmsyncd.ledger.times import from_ms, to_ms
from xmsyncd.observe.outages import VendorAway
from xmsyncd.observe.quota import Quota, QuotaReading, read_quota
from xmsyncd.records import Family

_MOST_REASONS: Final = 3

# As in deploy/prometheus/xmsyncd.rules.yml, the time for which an alert must hold included: there is nothing
# to choose about them that the schedule would not have to be chosen with.
_AWAY_SECONDS: Final = 300.0
_OLD_PENDING: Final = timedelta(minutes=40)
_OLD_UNDECIDED: Final = timedelta(minutes=35)
_DOUBLES_OF: Final = timedelta(hours=1)


class Kind(StrEnum):
    """What may be wrong."""

    STOPPED = "stopped"
    FAILING = "failing"
    GAP = "gap"
    PARKED = "parked"
    HELD = "held"
    QUOTA = "quota"
    DIED = "died"
    AWAY = "away"
    SILENT = "silent"
    BACKLOG = "backlog"
    UNDECIDED = "undecided"
    DOUBLE = "double"
    BALANCE = "balance"

    @property
    def is_critical(self) -> bool:
        """Whether nothing gets through while it lasts, or the promise itself is broken."""
        return self in (Kind.STOPPED, Kind.FAILING, Kind.DIED, Kind.SILENT, Kind.DOUBLE, Kind.BALANCE)


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong now. ``subject`` is a pipeline, or a connection to a vendor.

    Another ``what`` of the same kind and subject is news again, and so is ten times the ``number``.
    """

    kind: Kind
    subject: str
    what: str = ""
    number: int = 0
    since: datetime | None = None
    detail: str = ""
    reasons: tuple[tuple[str, int], ...] = ()
    until: datetime | None = None

    @property
    def key(self) -> str:
        """What it is remembered by."""
        return f"{self.kind}:{self.subject}"


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on something counts as wrong."""

    failing_for: timedelta
    quota_ahead: timedelta


def conditions(
    connection: sqlite3.Connection,
    names: Sequence[str],
    quotas: Sequence[Quota],
    limits: Limits,
    now: datetime,
    known: Collection[str] = (),
) -> list[Condition]:
    """All that is wrong now, from one view of the ledger; ``known`` are the keys of what people were told.

    What only follows from a stop is left out, unless it was told before the pipeline stopped.
    """
    found: list[Condition] = []
    for name in names:
        found += _of_pipeline(connection, name, limits, now)
        is_stopped = any(one.kind is Kind.STOPPED and one.subject == name for one in found)
        late = _late(connection, name, now)
        found += [one for one in late if not is_stopped or one.key in known]
    for quota in quotas:
        reading = read_quota(connection, quota, now)
        at = reading.exhausted_at
        if at is not None and at - now <= limits.quota_ahead:
            found.append(
                Condition(
                    Kind.QUOTA, quota.connection, number=reading.used, until=at, detail=str(quota.limit)
                )
            )
    return found


def _of_pipeline(connection: sqlite3.Connection, name: str, limits: Limits, now: datetime) -> list[Condition]:
    found: list[Condition] = []
    stop = pipelines.view(connection, name).stop
    if stop is not None:
        found.append(
            Condition(Kind.STOPPED, name, stop.reason.value, since=stop.stopped_at, detail=stop.detail)
        )
    failing = _failing(connection, name)
    if failing is not None and failing.since is not None and now - failing.since >= limits.failing_for:
        found.append(failing)
    gaps = queries.gaps(connection, name)
    if gaps:
        found.append(Condition(Kind.GAP, name, number=len(gaps)))
    backlog = queries.backlog(connection, name)
    for kind, state in ((Kind.PARKED, VisibleState.PARKED), (Kind.HELD, VisibleState.HELD)):
        if backlog[state]:
            groups = queries.failure_groups(connection, name, (state,))
            reasons = tuple((str(one["reason"]), int(one["count"])) for one in groups[:_MOST_REASONS])
            found.append(Condition(kind, name, number=backlog[state], reasons=reasons))
    balance = queries.last_balance(connection, name)
    if balance:
        found.append(Condition(Kind.BALANCE, name, detail=f"{balance:+,}"))
    doubles = connection.execute(
        """SELECT count(*) AS number FROM instances
           WHERE pipeline = ? AND role <> 'bound' AND role = 'double' AND origin = 'found'
             AND created_ms > ?""",
        (name, to_ms(now - _DOUBLES_OF)),
    ).fetchone()["number"]
    if doubles:
        found.append(Condition(Kind.DOUBLE, name, number=doubles))
    return found


def _late(connection: sqlite3.Connection, name: str, now: datetime) -> list[Condition]:
    """What has waited for too long: to be sent, or to be decided."""
    ages = queries.oldest_ages(connection, name, now)
    found: list[Condition] = []
    if ages.pending is not None and ages.pending > _OLD_PENDING:
        found.append(Condition(Kind.BACKLOG, name, since=now - ages.pending))
    if ages.undecided is not None and ages.undecided > _OLD_UNDECIDED:
        found.append(Condition(Kind.UNDECIDED, name, since=now - ages.undecided))
    return found


def subject_of(api: str, connection: str) -> str:
    """What a connection to a vendor is called: both vendors' may have the same name."""
    return f"{api} {connection}"


def away_conditions(away: Sequence[VendorAway], known: Collection[str], now: datetime) -> list[Condition]:
    """The vendors that have been away for long; one that people were told of, until it is back."""
    found: list[Condition] = []
    for one in away:
        causes = ", ".join(f"{cause} {number:,}×" for cause, number in one.causes.items())
        since = now - timedelta(seconds=one.began)
        condition = Condition(Kind.AWAY, subject_of(one.api, one.connection), since=since, detail=causes)
        if one.seconds > _AWAY_SECONDS or condition.key in known:
            found.append(condition)
    return found


def _failing(connection: sqlite3.Connection, name: str) -> Condition | None:
    """The cycles since one last ended well, if any of them failed; an interrupted one says nothing."""
    well = connection.execute(
        "SELECT max(id) AS id FROM cycles WHERE pipeline = ? AND result IN (?, ?)",
        (name, CycleResult.DONE, CycleResult.UNPROVEN),
    ).fetchone()["id"]
    row = connection.execute(
        """SELECT count(*) AS number, min(started_ms) AS since_ms, max(id) AS last_id FROM cycles
           WHERE pipeline = ? AND id > ? AND result = ?""",
        (name, well or 0, CycleResult.FAILED),
    ).fetchone()
    if not row["number"]:
        return None
    last = connection.execute("SELECT detail FROM cycles WHERE id = ?", (row["last_id"],)).fetchone()
    return Condition(
        Kind.FAILING,
        name,
        number=0,
        since=from_ms(row["since_ms"]),
        detail=last["detail"],
    )


@dataclass(frozen=True, slots=True)
class PipelineDay:
    """What one pipeline did in a day, and how it stands."""

    name: str
    stop: str | None
    watermark: datetime | None
    cycles: Mapping[str, int]
    delivered: Mapping[str, int]
    backlog: Mapping[str, int]
    gaps: int
    failures: Sequence[Mapping[str, object]] = field(default=())


@dataclass(frozen=True, slots=True)
class Day:
    """What the daily digest tells."""

    pipelines: Sequence[PipelineDay]
    quotas: Sequence[QuotaReading]


def day(
    connection: sqlite3.Connection,
    names: Sequence[str],
    quotas: Sequence[Quota],
    since: datetime,
    now: datetime,
) -> Day:
    """The time from ``since`` to ``now``, from one view of the ledger."""
    return Day(
        [_pipeline_day(connection, name, since) for name in names],
        [read_quota(connection, quota, now) for quota in quotas],
    )


def _pipeline_day(connection: sqlite3.Connection, name: str, since: datetime) -> PipelineDay:
    view = pipelines.view(connection, name)
    since_ms = to_ms(since)
    cycles = connection.execute(
        """SELECT result, count(*) AS number FROM cycles
           WHERE pipeline = ? AND finished_ms >= ? GROUP BY result""",
        (name, since_ms),
    )
    delivered = connection.execute(
        """SELECT operation, count(*) AS number FROM attempts
           WHERE pipeline = ? AND settled_ms >= ? AND outcome = ? GROUP BY operation""",
        (name, since_ms, Family.DELIVERED),
    )
    failed = (VisibleState.PARKED, VisibleState.UNDECIDED, VisibleState.REJECTED, VisibleState.HELD)
    return PipelineDay(
        name=name,
        stop=None if view.stop is None else view.stop.reason.value,
        watermark=view.watermark,
        cycles={str(row["result"]): row["number"] for row in cycles},
        delivered={str(row["operation"]): row["number"] for row in delivered},
        backlog=queries.backlog(connection, name),
        gaps=len(queries.gaps(connection, name)),
        failures=queries.failure_groups(connection, name, failed)[:_MOST_REASONS],
    )
