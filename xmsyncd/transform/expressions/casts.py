"""``CAST(x AS type)`` (part of step 2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from xmsyncd.transform.expressions.arithmetic import fixed
from xmsyncd.transform.expressions.counts_as import MomentText, digits, whole_of, written
from xmsyncd.transform.expressions.moments import Moment, is_time, moment_of, time_of, time_text
from xmsyncd.transform.value_types import EvaluationError

TYPES: Final = "CHAR, SIGNED, UNSIGNED, DECIMAL, DATE, DATETIME or TIME"

_SIGNED: Final = 2**63
_UNSIGNED: Final = 2**64
_MAX_DIGITS: Final = 65
_MAX_DECIMALS: Final = 30


def cast_to(name: str, sizes: tuple[int, ...]) -> Callable[[Any], Any] | None:
    """The function that gives a value the type; ``None`` for one that is not known."""
    match name, sizes:
        case "CHAR", ():
            return written
        case "CHAR", (length,):
            return lambda value: written(value)[:length]
        case "SIGNED", ():
            return _to_signed
        case "UNSIGNED", ():
            return _to_unsigned
        case "DECIMAL", ():
            return lambda value: fixed(value, 10, 0)
        case "DECIMAL", (size,) if 1 <= size <= _MAX_DIGITS:
            return lambda value: fixed(value, size, 0)
        case "DECIMAL", (size, decimals) if decimals <= size <= _MAX_DIGITS and decimals <= _MAX_DECIMALS:
            return lambda value: fixed(value, size, decimals)
        case "DATE", ():
            return lambda value: Moment(moment_of(value).at, False).text()
        case "DATETIME", ():
            return lambda value: Moment(moment_of(value).at, True).text()
        case "TIME", ():
            return to_time
        case _:
            return None


def _to_signed(value: Any) -> int:
    number = whole_of(value)
    if not -_SIGNED <= number < _SIGNED:
        raise EvaluationError("a whole number of at most 64 bits (SIGNED)")
    return number


def _to_unsigned(value: Any) -> int:
    number = whole_of(value)
    if not 0 <= number < _UNSIGNED:
        raise EvaluationError(f"a whole number from 0 on (UNSIGNED), not {digits(number)[:20]}")
    return number


def to_time(value: Any) -> MomentText:
    """A time of day or length of time, or the time of day of a date."""
    if is_time(value):
        return time_text(time_of(value))
    at = moment_of(value).at
    return time_text(
        timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond)
    )
