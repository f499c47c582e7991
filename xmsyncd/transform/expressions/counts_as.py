"""What a value counts as in an expression: a number, a text, true or not (part of step 2).

Values are those of JSON, and beside them decimals. Numbers are exact: 0.1 + 0.2 is 0.3. As in MySQL nothing
known about a part is nothing known about the whole: ``NULL``. Unlike in MySQL, text that is no number is
not 0 where a number is wanted, and a list is no value: the item is rejected instead of guessed about.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any, Final

from xmsyncd.transform.bounds import MAX_RESULT_LENGTH
from xmsyncd.transform.value_types import BLANKS, EvaluationError, is_empty, text_of

Number = int | Decimal

MAX_DIGITS: Final = 65
"""Digits before the point; MySQL's own limit for all digits of a decimal."""

MAX_DECIMALS: Final = 30
"""Digits after the point; MySQL's own limit."""

LIMIT: Final = 10**MAX_DIGITS
CONTEXT: Final = Context(prec=3 * MAX_DIGITS, rounding=ROUND_HALF_UP, traps=[InvalidOperation])

_DECIMAL_LIMIT: Final = Decimal(LIMIT)
_SMALLEST: Final = Decimal(1).scaleb(-MAX_DECIMALS)
_NUMBER = re.compile(r"[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,65}", re.ASCII)
_SPOKEN_TRUTH: Final = {"true": True, "false": False}


class NullError(Exception):
    """An operand is NULL, and so is the result; caught by the operation, never seen outside."""


class MomentText(str):
    """A date or time that a function made: text that is compared as a time."""

    __slots__ = ()


class Quotient(Decimal):
    """The result of a division: exact to nine decimals and more, written with ``shown`` of them."""

    shown: int

    @classmethod
    def of(cls, value: Decimal, shown: int) -> Quotient:
        """The value with that many decimals to write."""
        made = cls(value)
        made.shown = min(shown, MAX_DECIMALS)
        return made


def number_of(value: Any) -> Number:
    """Raises NullError for nothing and for blank text, EvaluationError for what is no number."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return bounded(value)
    if isinstance(value, Decimal):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise EvaluationError("a finite number")
        return bounded(int(value)) if value.is_integer() else _of_few_decimals(Decimal(repr(value)))
    if isinstance(value, str):
        number = number_in(value)
        if number is None:
            raise EvaluationError("a number, or text that is one")
        return number
    if is_empty(value):
        raise NullError
    raise EvaluationError("one number (SUM, COUNT, MIN, MAX and AVG make one of a list)")


def number_in(text: str) -> Number | None:
    """The number that the text is, ``None`` if it is none. Raises NullError for blank text."""
    stripped = text.strip(BLANKS)
    if not stripped:
        raise NullError
    if _WHOLE.fullmatch(stripped):
        return int(stripped)
    return _of_few_decimals(Decimal(stripped)) if _NUMBER.fullmatch(stripped) else None


def bounded(value: Number) -> Number:
    """The number itself. Raises EvaluationError for one that is too large."""
    if isinstance(value, int):
        if -LIMIT < value < LIMIT:
            return value
    elif -_DECIMAL_LIMIT < value < _DECIMAL_LIMIT:
        return value
    raise EvaluationError(f"a number of at most {MAX_DIGITS} digits")


def _of_few_decimals(value: Decimal) -> Number:
    """A number from outside; from then on only what is calculated has more decimals, and not many."""
    bounded(value)
    if value.as_tuple().exponent < -MAX_DECIMALS:  # type: ignore[operator]  # finite: an int
        return value.quantize(_SMALLEST, context=CONTEXT)
    return value


def decimals_of(value: Number) -> int:
    """How many decimals the number is written with."""
    if isinstance(value, int):
        return 0
    if isinstance(value, Quotient):
        return value.shown
    return max(0, -value.as_tuple().exponent)  # type: ignore[operator]  # finite: an int


def whole_of(value: Any) -> int:
    """The nearest whole number: where MySQL wants a count or a place."""
    number = number_of(value)
    return number if isinstance(number, int) else int(number.to_integral_value(context=CONTEXT))


def written(value: Any) -> str:
    """The value as text inside an expression. Raises NullError for nothing, EvaluationError for a list."""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return digits(value)
    if isinstance(value, (list, tuple, Mapping)):
        if not value:
            raise NullError
        raise EvaluationError("one text or number, not a list or an object")
    if value is None:
        raise NullError
    return text_of(value)


def digits(value: Number) -> str:
    """A number in plain digits, with the decimals it has."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Quotient):
        value = value.quantize(Decimal(1).scaleb(-value.shown), context=CONTEXT)
    text = format(value, "f")
    return text[1:] if text.startswith("-") and not value else text


def bounded_text(text: str) -> str:
    """The text itself. Raises EvaluationError for one that is too long."""
    if len(text) > MAX_RESULT_LENGTH:
        raise EvaluationError(f"a text of at most {MAX_RESULT_LENGTH} characters")
    return text


def truth_of(value: Any) -> bool | None:
    """Whether a condition holds; ``None`` where that is not known (NULL)."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, Decimal)):
        return value != 0
    if isinstance(value, str):
        spoken = _SPOKEN_TRUTH.get(value.strip(BLANKS).lower())
        if spoken is not None:
            return spoken
    try:
        return number_of(value) != 0
    except NullError:
        return False if isinstance(value, str) else None
    except EvaluationError:
        raise EvaluationError("a condition, such as {name} <> ''") from None


def handed_over(value: Any) -> Any:
    """A result as the rest of a mapping takes it: JSON; NULL is "".

    A number stays one where a JSON number holds it exactly, as it does at least fifteen digits; one of more
    digits is text.
    """
    if value is None:
        return ""
    if isinstance(value, Decimal):
        if isinstance(value, Quotient):
            value = Decimal(digits(value))
        near = float(value)
        if near.is_integer() and value == int(value):
            return int(value)
        return near if Decimal(repr(near)) == value else digits(value.normalize(CONTEXT))
    if isinstance(value, MomentText):
        return str(value)
    return value
