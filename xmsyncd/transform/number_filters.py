"""The filters that make numbers, and yes or no, of a value (part of step 2)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final

from xmsyncd.transform.value_types import BLANKS, EvaluationError, is_empty

MOST_PLACES: Final = 12
"""Decimals that a number is rounded to at most."""

_LONGEST: Final = 400
_LARGEST: Final = Decimal(2**63)
_CONTEXT: Final = Context(prec=1000, rounding=ROUND_HALF_UP)
_NUMBER = re.compile(r"[+-]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_TRUE: Final = frozenset({"true", "1", "yes", "y", "on", "是"})
_FALSE: Final = frozenset({"false", "0", "no", "n", "off", "否"})

_EXPECTED = "a number in plain digits, smaller than 2 to the 63rd"


def decimal_of(value: Any) -> Decimal | None:
    """The exact number that the value means, ``None`` for what is empty. Raises EvaluationError."""
    number: Decimal | None = None
    if isinstance(value, str):
        text = value.strip(BLANKS)
        if not text:
            return None
        if len(text) <= _LONGEST and _NUMBER.fullmatch(text):
            number = Decimal(text.replace(",", ""))
    elif isinstance(value, bool):
        pass  # a number to Python, not to the person who wrote the mapping
    elif isinstance(value, int):
        number = Decimal(value) if -(2**63) <= value < 2**63 else None
    elif isinstance(value, float):
        number = Decimal(repr(value)) if math.isfinite(value) else None
    elif is_empty(value):
        return None
    if number is None or not -_LARGEST <= number < _LARGEST:
        raise EvaluationError(_EXPECTED)
    return number


def plain_number(number: Decimal) -> int | float:
    """The number as JSON has it: whole where nothing is behind the point."""
    return int(number) if number == number.to_integral_value() else float(number)


def as_number(value: Any) -> Any:
    """The number, "" for what is empty. Raises EvaluationError."""
    number = decimal_of(value)
    return "" if number is None else plain_number(number)


def as_int(value: Any) -> Any:
    """The whole number, "" for what is empty. Raises EvaluationError."""
    number = decimal_of(value)
    if number is None:
        return ""
    if number != number.to_integral_value():
        raise EvaluationError("a whole number (filter int; round makes one)")
    return int(number)


def _rounded(value: Any, places: int) -> Decimal | None:
    number = decimal_of(value)
    return None if number is None else number.quantize(Decimal(1).scaleb(-places), context=_CONTEXT)


def rounding(places: int = 0) -> Callable[[Any], Any]:
    """The filter ``round``."""

    def apply(value: Any) -> Any:
        number = _rounded(value, places)
        return "" if number is None else plain_number(number)

    return apply


def decimals(places: int) -> Callable[[Any], Any]:
    """The filter ``decimals``."""

    def apply(value: Any) -> str:
        number = _rounded(value, places)
        if number is None:
            return ""
        return format(number if number else abs(number), "f")  # no "-0.00"

    return apply


def as_bool(value: Any) -> bool:
    """Yes or no, no for what is empty. Raises EvaluationError."""
    if isinstance(value, bool):
        return value
    if is_empty(value):
        return False
    if isinstance(value, str):
        text = value.strip(BLANKS).lower()
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
    elif value in (0, 1):
        return bool(value)
    raise EvaluationError("true or false, 1 or 0, yes or no, 是 or 否")


def choosing(for_yes: Any, for_no: Any) -> Callable[[Any], Any]:
    """The filter ``choose``."""
    return lambda value: for_yes if as_bool(value) else for_no
