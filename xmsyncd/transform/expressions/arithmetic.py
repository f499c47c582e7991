"""Exact arithmetic with MySQL's rules for decimals (part of step 2).

Operands are values as an item holds them. A sum has the decimals of its more exact operand, a product those
of both, a quotient four more than the dividend (and nine at least in what is calculated with it further).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal
from typing import Any, Final

from xmsyncd.transform.expressions.counts_as import (
    CONTEXT,
    MAX_DECIMALS,
    MAX_DIGITS,
    NullError,
    Number,
    Quotient,
    bounded,
    decimals_of,
    number_of,
    whole_of,
)
from xmsyncd.transform.value_types import EvaluationError

_MORE_DECIMALS: Final = 4
_GROUP: Final = 9
_STEPS: Final = {places: Decimal(1).scaleb(-places) for places in range(-MAX_DIGITS, MAX_DECIMALS + 1)}
_MAX_EXPONENT: Final = 1000


def add(left: Any, right: Any) -> Number:
    """Never a concatenation."""
    left, right = _operands(left, right)
    if isinstance(left, int) and isinstance(right, int):
        return bounded(left + right)
    return _settled(CONTEXT.add(left, right), left, right, max)


def subtract(left: Any, right: Any) -> Number:
    left, right = _operands(left, right)
    if isinstance(left, int) and isinstance(right, int):
        return bounded(left - right)
    return _settled(CONTEXT.subtract(left, right), left, right, max)


def multiply(left: Any, right: Any) -> Number:
    left, right = _operands(left, right)
    if isinstance(left, int) and isinstance(right, int):
        return bounded(left * right)
    return _settled(CONTEXT.multiply(left, right), left, right, int.__add__)


def divide(left: Any, right: Any) -> Number:
    """Raises NullError for a division by zero."""
    left, right = _operands(left, right)
    if right == 0:
        raise NullError
    shown = min(decimals_of(left) + _MORE_DECIMALS, MAX_DECIMALS)
    kept = min(-(-shown // _GROUP) * _GROUP, MAX_DECIMALS)
    exact = CONTEXT.divide(Decimal(left), Decimal(right))
    return Quotient.of(Decimal(bounded(_cut(exact, kept))), shown)


def divide_whole(left: Any, right: Any) -> Number:
    """``DIV``: towards zero."""
    left, right = _operands(left, right)
    if right == 0:
        raise NullError
    if isinstance(left, int) and isinstance(right, int):
        return abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
    return bounded(int(CONTEXT.divide(Decimal(left), Decimal(right)).to_integral_value(ROUND_DOWN, CONTEXT)))


def remainder(left: Any, right: Any) -> Number:
    """``MOD``: has the sign of the dividend."""
    left, right = _operands(left, right)
    if right == 0:
        raise NullError
    if isinstance(left, int) and isinstance(right, int):
        return abs(left) % abs(right) * (-1 if left < 0 else 1)
    return bounded(CONTEXT.remainder(Decimal(left), Decimal(right)))


def negate(value: Any) -> Number:
    number = number_of(value)
    if isinstance(number, Quotient):
        return Quotient.of(-number, number.shown)
    return -number if isinstance(number, int) else CONTEXT.minus(number)


def absolute(value: Any) -> Number:
    number = number_of(value)
    return negate(number) if number < 0 else number


def rounded(value: Any, decimals: Any = 0) -> Number:
    """Half away from zero."""
    number, places = number_of(value), _places(decimals)
    if isinstance(number, int) and places >= 0:
        return number
    result = bounded(Decimal(number).quantize(_STEPS[places], context=CONTEXT))
    return int(result) if places <= 0 else result


def truncated(value: Any, decimals: Any) -> Number:
    """Cut off towards zero."""
    number, places = number_of(value), _places(decimals)
    if isinstance(number, int) and places >= 0:
        return number
    result = Decimal(number).quantize(_STEPS[places], ROUND_DOWN, CONTEXT)
    return int(result) if places <= 0 else result


def ceiling(value: Any) -> Number:
    number = number_of(value)
    return number if isinstance(number, int) else int(number.to_integral_value(ROUND_CEILING, CONTEXT))


def floor(value: Any) -> Number:
    number = number_of(value)
    return number if isinstance(number, int) else int(number.to_integral_value(ROUND_FLOOR, CONTEXT))


def sign(value: Any) -> Number:
    number = number_of(value)
    return (number > 0) - (number < 0)


def power(base: Any, exponent: Any) -> Number:
    """Whole exponents exactly, others as a double-precision number has it."""
    base, exponent = _operands(base, exponent)
    if base == 0:
        if exponent < 0:
            raise EvaluationError("a base other than 0 for a negative power")
        return 1 if exponent == 0 else 0
    if abs(exponent) > _MAX_EXPONENT:
        raise EvaluationError(f"a power of at most {_MAX_EXPONENT}")
    if abs(Decimal(base).adjusted() * exponent) > 2 * MAX_DIGITS:
        raise EvaluationError(f"a number of at most {MAX_DIGITS} digits")
    if exponent == int(exponent):
        result = CONTEXT.power(Decimal(base), int(exponent))
        whole = isinstance(base, int) and exponent >= 0
        return bounded(int(bounded(result))) if whole else bounded(result)
    if base < 0:
        raise EvaluationError("a base of 0 or more for a power that is not whole")
    return bounded(Decimal(repr(float(base) ** float(exponent))))


def square_root(value: Any) -> Number:
    """Raises NullError for a negative number, as MySQL has it."""
    number = number_of(value)
    if number < 0:
        raise NullError
    return bounded(Decimal(repr(float(number) ** 0.5)))


def fixed(value: Any, digits: int, decimals: int) -> Number:
    """``DECIMAL(digits, decimals)``; what does not fit is refused, where MySQL would cut it down."""
    number = number_of(value)
    result = Decimal(number).quantize(_STEPS[decimals], context=CONTEXT)
    if result and result.adjusted() >= digits - decimals:
        raise EvaluationError(f"a number that fits DECIMAL({digits},{decimals})")
    return result


def _operands(left: Any, right: Any) -> tuple[Number, Number]:
    if type(left) is not int:
        left = number_of(left)
    if type(right) is not int:
        right = number_of(right)
    return left, right


def _settled(result: Decimal, left: Number, right: Number, shown: Callable[[int, int], int]) -> Number:
    """A result within bounds; it keeps the decimals to write where an operand was a quotient."""
    if isinstance(left, Quotient) or isinstance(right, Quotient):
        return Quotient.of(Decimal(bounded(result)), shown(decimals_of(left), decimals_of(right)))
    return bounded(result)


def _cut(value: Decimal, decimals: int) -> Decimal:
    bounded(value)
    return value.quantize(_STEPS[decimals], ROUND_DOWN, CONTEXT)


def _places(decimals: Any) -> int:
    return max(-MAX_DIGITS, min(whole_of(decimals), MAX_DECIMALS))
