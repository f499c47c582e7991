"""Numbers for number and rate components, so that 200, 200.0 and "200.0000" are one value (step 5)."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

NUMBER_EXPECTED = "a number in plain digits, without thousands separators"
RATE_EXPECTED = "a whole number"
EXACT_EXPECTED = "a number of at most 15 digits (longer ones belong into a text component)"

_PLAIN = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_EXACT = 2**53
"""Yida keeps numbers as doubles (its codes say DOUBLE): whole ones beyond this lose digits in silence."""


def number_of(value: Any) -> int | float:
    """An int where the value is whole, else a float. Raises ValueError."""
    if isinstance(value, bool):
        raise ValueError(NUMBER_EXPECTED)
    if isinstance(value, str):
        text = value.strip()
        if not _PLAIN.fullmatch(text):
            raise ValueError(NUMBER_EXPECTED)
        exact = Decimal(text)
        number: int | float = int(exact) if exact == exact.to_integral_value() else float(exact)
    elif isinstance(value, int):
        number = value
    elif isinstance(value, float) and math.isfinite(value):
        number = int(value) if value.is_integer() else value
    else:
        raise ValueError(NUMBER_EXPECTED)
    if isinstance(number, int) and abs(number) > _EXACT:
        raise ValueError(EXACT_EXPECTED)
    return number


def whole_number_of(value: Any) -> int:
    """Raises ValueError for a fraction."""
    number = number_of(value)
    if not isinstance(number, int):
        raise ValueError(RATE_EXPECTED)
    return number
