"""The layouts of DATE_FORMAT and STR_TO_DATE: ``%Y-%m-%d %H:%i:%s`` (part of step 2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeVar

from xmsyncd.transform.expressions.counts_as import MomentText, NullError
from xmsyncd.transform.expressions.moments import Moment, time_text
from xmsyncd.transform.value_types import EvaluationError

_MAX_LAYOUT_LENGTH: Final = 1000
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ENDINGS: Final = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}

_Part = TypeVar("_Part")
Write = Callable[[datetime], str]
Read = Callable[[str], MomentText]


def _hour12(at: datetime) -> int:
    return at.hour % 12 or 12


def _half(at: datetime) -> str:
    return "AM" if at.hour < 12 else "PM"


_WRITERS: Final[Mapping[str, Write]] = {
    "Y": lambda at: f"{at.year:04}",
    "y": lambda at: f"{at.year % 100:02}",
    "m": lambda at: f"{at.month:02}",
    "c": lambda at: str(at.month),
    "M": lambda at: _MONTHS[at.month - 1],
    "b": lambda at: _MONTHS[at.month - 1][:3],
    "d": lambda at: f"{at.day:02}",
    "e": lambda at: str(at.day),
    "D": lambda at: f"{at.day}{_ENDINGS.get(at.day, 'th')}",
    "H": lambda at: f"{at.hour:02}",
    "k": lambda at: str(at.hour),
    "h": lambda at: f"{_hour12(at):02}",
    "I": lambda at: f"{_hour12(at):02}",
    "l": lambda at: str(_hour12(at)),
    "i": lambda at: f"{at.minute:02}",
    "s": lambda at: f"{at.second:02}",
    "S": lambda at: f"{at.second:02}",
    "f": lambda at: f"{at.microsecond:06}",
    "p": _half,
    "T": lambda at: f"{at.hour:02}:{at.minute:02}:{at.second:02}",
    "r": lambda at: f"{_hour12(at):02}:{at.minute:02}:{at.second:02} {_half(at)}",
    "W": lambda at: _DAYS[at.weekday()],
    "a": lambda at: _DAYS[at.weekday()][:3],
    "w": lambda at: str(at.isoweekday() % 7),
    "j": lambda at: f"{at.timetuple().tm_yday:03}",
    "v": lambda at: f"{at.isocalendar().week:02}",
    "x": lambda at: f"{at.isocalendar().year:04}",
    "%": lambda _at: "%",
}

_READERS: Final[Mapping[str, str]] = {
    "Y": r"(?P<year>\d{4})",
    "y": r"(?P<short_year>\d{2})",
    "m": r"(?P<month>\d{1,2})",
    "c": r"(?P<month>\d{1,2})",
    "d": r"(?P<day>\d{1,2})",
    "e": r"(?P<day>\d{1,2})",
    "H": r"(?P<hour>\d{1,2})",
    "k": r"(?P<hour>\d{1,2})",
    "h": r"(?P<hour12>\d{1,2})",
    "I": r"(?P<hour12>\d{1,2})",
    "l": r"(?P<hour12>\d{1,2})",
    "i": r"(?P<minute>\d{1,2})",
    "s": r"(?P<second>\d{1,2})",
    "S": r"(?P<second>\d{1,2})",
    "f": r"(?P<fraction>\d{1,6})",
    "p": r"(?P<half>[AaPp][Mm])",
    "T": r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2}):(?P<second>\d{1,2})",
    "%": "%",
}

_OF_TIME: Final = frozenset({"hour", "hour12", "minute", "second", "fraction", "half"})
_OF_DATE: Final = frozenset({"year", "short_year", "month", "day"})


def formatter(layout: str) -> Write:
    """How a date is written. Raises EvaluationError for a layout that is not understood."""
    parts = [part if len(part) == 1 else _known(part, _WRITERS) for part in _parts_of(layout)]
    return lambda at: "".join([part if isinstance(part, str) else part(at) for part in parts])


def parser(layout: str) -> Read:
    """How text is read; what does not look so is NULL (NullError). Raises EvaluationError as above."""
    parts = _parts_of(layout)
    pattern = "".join(re.escape(part) if len(part) == 1 else _known(part, _READERS) for part in parts)
    try:
        layout_of = re.compile(pattern, re.ASCII)
    except re.error:
        raise EvaluationError("a layout that names each part of a date once") from None
    names = frozenset(layout_of.groupindex)

    def read(text: str) -> MomentText:
        found = layout_of.match(text.strip(" "))
        if found is None:
            raise NullError
        try:
            return _moment(found.groupdict(), names)
        except (ValueError, OverflowError):
            raise NullError from None

    return read


def _parts_of(layout: str) -> list[str]:
    """Single characters, and specifiers of two: ``%Y``."""
    if len(layout) > _MAX_LAYOUT_LENGTH:
        raise EvaluationError(f"a layout of at most {_MAX_LAYOUT_LENGTH} characters")
    return re.findall(r"%.|.", layout, re.DOTALL)


def _known(part: str, known: Mapping[str, _Part]) -> _Part:
    try:
        return known[part[1]]
    except KeyError:
        expected = "one of " + " ".join(f"%{letter}" for letter in known)
        raise EvaluationError(f"{expected}, not {part}") from None


def _moment(parts: Mapping[str, str | None], names: frozenset[str]) -> MomentText:
    given = {name: int(text) for name, text in parts.items() if text is not None and name != "half"}
    hour = given.get("hour", 0)
    if "hour12" in names:
        if not 1 <= given["hour12"] <= 12:
            raise ValueError
        is_afternoon = (parts.get("half") or "").upper() == "PM"
        hour = given["hour12"] % 12 + (12 if is_afternoon else 0)
    fraction = int((parts.get("fraction") or "").ljust(6, "0"))
    minute, second = given.get("minute", 0), given.get("second", 0)
    if not names & _OF_DATE:
        if hour > 23 or minute > 59 or second > 59:
            raise ValueError
        return time_text(timedelta(hours=hour, minutes=minute, seconds=second, microseconds=fraction))
    year = given.get("year")
    if year is None:
        short = given.get("short_year", -1)
        year = short + (2000 if short < 70 else 1900)
    at = datetime(year, given.get("month", 0), given.get("day", 0), hour, minute, second, fraction)  # noqa: DTZ001 - Beijing's
    return Moment(at, bool(names & _OF_TIME)).text()
