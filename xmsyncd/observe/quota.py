"""How much of a month's metered calls is used, and when they will be spent at this pace."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from xmsyncd.flow.quota import MonthUse
from xmsyncd.ledger import meters, pipelines
from xmsyncd.ledger.meters import Meter

_BEIJING = ZoneInfo("Asia/Shanghai")

# The first synchronisation of a catalogue falls on one day: taken for a pace it would alarm everybody.
_SHORTEST_BASIS = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Quota:
    """The settings of one DingTalk connection; ``limit`` 0: not metered."""

    connection: str
    limit: int
    reserve: int


@dataclass(frozen=True, slots=True)
class QuotaReading:
    """Where a connection stands in this month (calendar month in Beijing, as the vendor counts)."""

    quota: Quota
    month: str
    used: int
    reserve_used: int
    """Of those, what went into looks, resends and questions to the form."""
    kinds: Mapping[str, int]
    """What they were: ``create``, ``update``, and reads by the name of the call; the most frequent first."""
    told_spent: bool
    """The vendor says that the month is spent, whatever our own count."""
    exhausted_at: datetime | None
    """When sending will have to wait; ``None``: not within this month, or not metered."""


def read_quota(connection: sqlite3.Connection, quota: Quota, now: datetime) -> QuotaReading:
    """Inside one transaction of the ledger."""
    month = meters.month_of(now)
    use = meters.use(connection, Meter(quota.connection, month, quota.limit, quota.reserve))
    told_spent = pipelines.told_spent(connection, quota.connection)
    return QuotaReading(
        quota=quota,
        month=month,
        used=use.used,
        reserve_used=use.reserve_used,
        kinds=meters.kinds(connection, quota.connection, month),
        told_spent=told_spent,
        exhausted_at=now if told_spent else forecast(use, now),
    )


def forecast(use: MonthUse, now: datetime) -> datetime | None:
    """Linear: the month goes on as it went so far. What is spent already was spent by ``now``.

    What the reserve pays for takes nothing from sending until the reserve is used up.
    """
    usable = use.limit - use.reserve
    used = use.used - min(use.reserve, use.reserve_used)
    if not use.limit:
        return None
    if used >= usable:
        return now
    if used <= 0:
        return None
    begin, end = month_bounds(now)
    basis = max(now - begin, _SHORTEST_BASIS)
    spent_at = now + basis * ((usable - used) / used)
    return spent_at if spent_at < end else None


def month_bounds(moment: datetime) -> tuple[datetime, datetime]:
    """Begin and end of the calendar month in Beijing that holds ``moment``."""
    local = moment.astimezone(_BEIJING)
    begin = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (begin + timedelta(days=32)).replace(day=1)
    return begin.astimezone(moment.tzinfo), end.astimezone(moment.tzinfo)
