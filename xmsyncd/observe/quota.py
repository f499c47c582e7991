"""How much of a month's metered calls is used, and when they will be spent at this pace."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from xmsyncd.ledger import meters

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
    exhausted_at: datetime | None
    """When new deliveries will have to wait; ``None``: not within this month, or not metered."""


def read_quota(connection: sqlite3.Connection, quota: Quota, now: datetime) -> QuotaReading:
    """Inside one transaction of the ledger."""
    month = meters.month_of(now)
    used = meters.used(connection, quota.connection, month)
    return QuotaReading(quota, month, used, forecast(used, quota, now))


def forecast(used: int, quota: Quota, now: datetime) -> datetime | None:
    """Linear: the month goes on as it went so far. What is spent already was spent by ``now``."""
    usable = quota.limit - quota.reserve
    if not quota.limit or used <= 0:
        return None
    if used >= usable:
        return now
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
