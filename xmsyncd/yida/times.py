"""Points in time as Yida and OKKI write them, turned into aware UTC (both ways of step 5).

The zone of Yida's ``…GMT`` fields is unknown: their names say GMT, the samples look like local time. So it is
a setting (``target.instance_timezone``); such times serve to order instances, never to decide a doubt.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

EXPECTED = "a date, a time (yyyy-mm-dd hh:mm:ss, Beijing) or epoch milliseconds"

_NUMBER = re.compile(r"\d{9,14}", re.ASCII)
_FIRST_MILLISECONDS = 100_000_000_000
"""As milliseconds this is March 1973, as seconds the year 5138: what is smaller was meant as seconds."""

_FIRST_SECONDS = 100_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def beijing() -> ZoneInfo:
    """The zone of OKKI's times and of people who use Yida."""
    return ZoneInfo("Asia/Shanghai")


def moment_of(value: Any, zone: ZoneInfo) -> datetime:
    """A point in time from an aware datetime, ISO-like text, or epoch seconds or milliseconds.

    Text without an offset is local time of ``zone``; a date alone is its midnight. Raises ValueError.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time with its zone")
        return value.astimezone(UTC)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _from_epoch(value)
    if isinstance(value, str):
        text = value.strip()
        if _NUMBER.fullmatch(text):
            return _from_epoch(int(text))
        try:
            moment = datetime.fromisoformat(text.replace("/", "-"))
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=zone)
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError(EXPECTED) from None
    raise ValueError(EXPECTED)


def moment_or_none(value: Any, zone: ZoneInfo) -> datetime | None:
    """Like :func:`moment_of`; what cannot be read is None."""
    try:
        return moment_of(value, zone)
    except ValueError:
        return None


def epoch_milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970, the form in which a date component is written."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _from_epoch(number: int) -> datetime:
    if number < _FIRST_SECONDS:
        raise ValueError(EXPECTED)
    milliseconds = number if number >= _FIRST_MILLISECONDS else number * 1000
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise ValueError(EXPECTED) from None
