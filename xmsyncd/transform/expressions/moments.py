"""Dates and times as MySQL writes them: text in Beijing time (part of step 2).

Times of OKKI come as text in Beijing time, and seconds since 1970 become such text.
"""

from __future__ import annotations

import calendar
import contextlib
import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, assert_never

from xmsyncd.transform.expressions.counts_as import MomentText, NullError, number_of, whole_of, written
from xmsyncd.transform.value_types import BLANKS, EvaluationError

BEIJING: Final = timezone(timedelta(hours=8))

_MOMENT = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})"
    r"(?:[ T]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_TIME = re.compile(r"(-)?(?:(\d{1,2})\s+)?(\d{1,3}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9}))?)?", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2}))?", re.ASCII)
_USUAL_LENGTH: Final = len("2024-01-31 08:00:00")
_LARGEST_SECONDS: Final = 32_536_771_199
_LARGEST_AMOUNT: Final = 10**9
_LARGEST_TIME: Final = timedelta(hours=838, minutes=59, seconds=59)
_EXPECTED: Final = "a date, as 2024-01-31 or 2024-01-31 08:00:00"
_OUT_OF_RANGE: Final = "a date of the years 1 to 9999"


class Unit(StrEnum):
    """What an interval counts in."""

    MICROSECOND = "MICROSECOND"
    SECOND = "SECOND"
    MINUTE = "MINUTE"
    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    QUARTER = "QUARTER"
    YEAR = "YEAR"


_OF_DAYS: Final = (Unit.DAY, Unit.WEEK, Unit.MONTH, Unit.QUARTER, Unit.YEAR)


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, or a date and a time of day, without a zone: Beijing's."""

    at: datetime
    has_time: bool

    def text(self) -> MomentText:
        """As MySQL writes it."""
        if not self.has_time:
            return MomentText(self.at.date().isoformat())
        return MomentText(self.at.isoformat(sep=" "))


@dataclass(frozen=True, slots=True)
class Span:
    """``INTERVAL amount unit``."""

    amount: Any
    unit: Unit


def moment_of(value: Any) -> Moment:
    """Raises NullError for nothing and for MySQL's zero date, EvaluationError for what is no date."""
    text = written(value).strip(BLANKS)
    if not text:
        raise NullError
    if len(text) == _USUAL_LENGTH and text[10] == " ":
        with contextlib.suppress(ValueError):
            usual = datetime.fromisoformat(text)
            if usual.tzinfo is None:
                return Moment(usual, True)
    found = _MOMENT.fullmatch(text) or _COMPACT.fullmatch(text)
    if found is None:
        raise EvaluationError(_EXPECTED)
    parts = found.groups()
    year, month, day = int(parts[0]), int(parts[1]), int(parts[2])
    if year == month == day == 0:
        raise NullError
    hour, minute, second = (int(part or 0) for part in parts[3:6])
    try:
        at = datetime(year, month, day, hour, minute, second, _microseconds(parts, 6))  # noqa: DTZ001 - Beijing's
        zone = parts[7] if len(parts) > 7 else None
        if zone is not None:
            at = (at - _offset(zone)).replace(tzinfo=UTC).astimezone(BEIJING).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise EvaluationError(_EXPECTED) from None
    return Moment(at, parts[3] is not None)


def time_of(value: Any) -> timedelta:
    """A length of time as ``HH:MM:SS``. Raises NullError, EvaluationError."""
    text = written(value).strip(BLANKS)
    if not text:
        raise NullError
    found = _TIME.fullmatch(text)
    if found is None:
        raise EvaluationError("a time, as 00:30:01")
    minus, days, hours, minutes, seconds, _ = found.groups()
    length = timedelta(
        days=int(days or 0),
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds or 0),
        microseconds=_microseconds(found.groups(), 5),
    )
    if int(minutes) > 59 or int(seconds or 0) > 59 or length > _LARGEST_TIME:
        raise EvaluationError("a time of at most 838:59:59")
    return -length if minus else length


def is_time(value: Any) -> bool:
    """Whether it is a time of day or a length of time, not a date."""
    return isinstance(value, str) and _TIME.fullmatch(value.strip(BLANKS)) is not None


def time_text(length: timedelta) -> MomentText:
    """As MySQL writes it. Raises EvaluationError for one that is too long."""
    if abs(length) > _LARGEST_TIME:
        raise EvaluationError("a time of at most 838:59:59")
    microseconds = abs(length) // timedelta(microseconds=1)
    seconds, fraction = divmod(microseconds, 1_000_000)
    sign = "-" if length < timedelta() else ""
    text = f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return MomentText(f"{text}.{fraction:06}" if fraction else text)


def shifted(moment: Moment, by: timedelta) -> Moment:
    """That much later, a time of day with it."""
    try:
        return Moment(moment.at + by, True)
    except OverflowError:
        raise EvaluationError(_OUT_OF_RANGE) from None


def later(value: Any, span: Span, sign: int) -> MomentText:
    """A date so much later (``sign`` 1) or earlier (-1). Raises NullError, EvaluationError."""
    moment, unit = moment_of(value), span.unit
    has_time = moment.has_time or unit not in _OF_DAYS
    try:
        match unit:
            case Unit.YEAR:
                at = _months_later(moment.at, sign * 12 * _amount(span))
            case Unit.QUARTER:
                at = _months_later(moment.at, sign * 3 * _amount(span))
            case Unit.MONTH:
                at = _months_later(moment.at, sign * _amount(span))
            case Unit.WEEK:
                at = moment.at + timedelta(weeks=sign * _amount(span))
            case Unit.DAY:
                at = moment.at + timedelta(days=sign * _amount(span))
            case Unit.HOUR:
                at = moment.at + timedelta(hours=sign * _amount(span))
            case Unit.MINUTE:
                at = moment.at + timedelta(minutes=sign * _amount(span))
            case Unit.SECOND:
                number = number_of(span.amount)
                at = moment.at + timedelta(microseconds=sign * round(number * 1_000_000))
            case Unit.MICROSECOND:
                at = moment.at + timedelta(microseconds=sign * _amount(span))
            case _:
                assert_never(unit)
    except (OverflowError, ValueError) as error:
        if isinstance(error, EvaluationError):
            raise
        raise EvaluationError(_OUT_OF_RANGE) from None
    return Moment(at, has_time).text()


def whole_units_between(unit: Unit, start: datetime, end: datetime) -> int:
    """``TIMESTAMPDIFF``: whole units from start to end, towards zero."""
    if start > end:
        return -whole_units_between(unit, end, start)
    months = (end.year - start.year) * 12 + end.month - start.month
    if (end.day, end.time()) < (start.day, start.time()):
        months -= 1
    microseconds = (end - start) // timedelta(microseconds=1)
    match unit:
        case Unit.YEAR:
            return months // 12
        case Unit.QUARTER:
            return months // 3
        case Unit.MONTH:
            return months
        case Unit.WEEK:
            return microseconds // 604_800_000_000
        case Unit.DAY:
            return microseconds // 86_400_000_000
        case Unit.HOUR:
            return microseconds // 3_600_000_000
        case Unit.MINUTE:
            return microseconds // 60_000_000
        case Unit.SECOND:
            return microseconds // 1_000_000
        case Unit.MICROSECOND:
            return microseconds
        case _:
            assert_never(unit)


def from_seconds(value: Any) -> Moment:
    """Seconds since 1970 as Beijing time. Raises NullError, EvaluationError."""
    number = number_of(value)
    if not 0 <= number <= _LARGEST_SECONDS:
        raise EvaluationError("seconds since 1970 (milliseconds are divided by 1000 first)")
    whole = math.floor(number)
    micro = round((number - whole) * 1_000_000)
    at = datetime.fromtimestamp(whole, BEIJING).replace(tzinfo=None) + timedelta(microseconds=micro)
    return Moment(at, True)


def to_seconds(moment: Moment) -> int | Decimal:
    """Seconds since 1970; MySQL has 0 for what lies before."""
    aware = moment.at.replace(tzinfo=BEIJING)
    microseconds = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    if microseconds < 0:
        return 0
    if microseconds % 1_000_000:
        return Decimal(microseconds).scaleb(-6)
    return microseconds // 1_000_000


def month_end(day: date) -> date:
    """The last day of the month."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _months_later(at: datetime, months: int) -> datetime:
    month = at.year * 12 + at.month - 1 + months
    year, month = divmod(month, 12)
    if not 1 <= year <= 9999:
        raise EvaluationError(_OUT_OF_RANGE)
    return at.replace(year=year, month=month + 1, day=min(at.day, calendar.monthrange(year, month + 1)[1]))


def _amount(span: Span) -> int:
    amount = whole_of(span.amount)
    if abs(amount) > _LARGEST_AMOUNT and span.unit is not Unit.MICROSECOND:
        raise EvaluationError(_OUT_OF_RANGE)
    return amount


def _microseconds(parts: tuple[str | None, ...], index: int) -> int:
    fraction = parts[index] if index < len(parts) else None
    return int(fraction[:6].ljust(6, "0")) if fraction else 0


def _offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta()
    length = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return -length if zone.startswith("-") else length
