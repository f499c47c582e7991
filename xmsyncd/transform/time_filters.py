"""Times, as OKKI and the platform write them, and the filters that make them of a value (part of step 2)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from xmsyncd.transform.value_types import BLANKS, EvaluationError, is_empty

BEIJING: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""What times without a zone are in. China has had no other offset since 1991."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LEAST_SECONDS: Final = 100_000_000
_LEAST_MILLISECONDS: Final = 100_000_000_000
_NUMBER = re.compile(r"\d{9,15}(?:\.0{0,20})?", re.ASCII)
_TEXT = re.compile(
    r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})"
    r"(?:[ T]\s?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,9}))?)?)?"
    r"\s?(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_NEVER = re.compile(r"0{4}-00-00(?: 00:00:00)?")

_EXPECTED = "a time: epoch seconds or milliseconds, or YYYY-MM-DD HH:MM:SS"


def moment_of(value: Any) -> datetime | None:
    """The aware time that the value means; ``None`` for what is empty, 0 or all zeros.

    Raises EvaluationError.
    """
    if isinstance(value, str):
        text = value.strip(BLANKS)
        if not text or text == "0" or _NEVER.fullmatch(text):
            return None
        return _from_number(float(text)) if _NUMBER.fullmatch(text) else _from_text(text)
    if is_empty(value):
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return None if value == 0 else _from_number(value)
    raise EvaluationError(_EXPECTED)


def _from_number(number: float) -> datetime:
    # Smaller ones are no times of a company's records; a date written as 20261123 is among them.
    if not _LEAST_SECONDS <= number < _LEAST_MILLISECONDS * 1000:
        raise EvaluationError(_EXPECTED)
    try:
        if number >= _LEAST_MILLISECONDS:
            return _EPOCH + timedelta(milliseconds=int(number))
        return _EPOCH + timedelta(seconds=int(number))
    except OverflowError:
        raise EvaluationError(_EXPECTED) from None


def _from_text(text: str) -> datetime:
    found = _TEXT.fullmatch(text)
    if found is None:
        raise EvaluationError(_EXPECTED)
    year, month, day, hour, minute, second = (int(found[group] or 0) for group in (1, 3, 4, 5, 6, 7))
    microsecond = int((found[8] or "").ljust(6, "0")[:6])
    zone = found[9]
    try:
        local = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=_zone(zone))
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise EvaluationError(_EXPECTED) from None


def _zone(text: str | None) -> timezone:
    if text is None:
        return BEIJING
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def _in_beijing(moment: datetime) -> datetime:
    try:
        return moment.astimezone(BEIJING)
    except OverflowError:
        raise EvaluationError(_EXPECTED) from None


def as_datetime(value: Any) -> str:
    """``YYYY-MM-DD HH:MM:SS`` in Beijing time, "" for no time. Raises EvaluationError."""
    moment = moment_of(value)
    return "" if moment is None else _in_beijing(moment).isoformat(" ", "seconds")[:19]


def as_date(value: Any) -> str:
    """``YYYY-MM-DD`` in Beijing time, "" for no time. Raises EvaluationError."""
    return as_datetime(value)[:10]


def as_timestamp(value: Any) -> Any:
    """Epoch seconds, "" for no time. Raises EvaluationError."""
    milliseconds = as_timestamp_ms(value)
    return milliseconds if milliseconds == "" else milliseconds // 1000


def as_timestamp_ms(value: Any) -> Any:
    """Epoch milliseconds, "" for no time. Raises EvaluationError."""
    moment = moment_of(value)
    return "" if moment is None else (moment - _EPOCH) // timedelta(milliseconds=1)
