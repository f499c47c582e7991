"""Comparisons, AND, OR, NOT, IN, BETWEEN, LIKE and CASE as closures (part of step 2).

True is 1, false 0, not known NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xmsyncd.transform.expressions.choice_functions import is_null
from xmsyncd.transform.expressions.closures import Evaluate, closure_of
from xmsyncd.transform.expressions.comparison import equal, is_one_of, order
from xmsyncd.transform.expressions.counts_as import NullError, truth_of, written
from xmsyncd.transform.expressions.like import Piece, matches, pieces_of


def is_equal(left: Any, right: Any) -> int:
    return 1 if equal(left, right) else 0


def differs(left: Any, right: Any) -> int:
    return 0 if equal(left, right) else 1


def is_less(left: Any, right: Any) -> int:
    return 1 if order(left, right) < 0 else 0


def is_at_most(left: Any, right: Any) -> int:
    return 1 if order(left, right) <= 0 else 0


def is_more(left: Any, right: Any) -> int:
    return 1 if order(left, right) > 0 else 0


def is_at_least(left: Any, right: Any) -> int:
    return 1 if order(left, right) >= 0 else 0


def is_same(left: Any, right: Any) -> int:
    """``<=>``: NULL is the same as NULL."""
    if is_null(left) or is_null(right):
        return int(is_null(left) and is_null(right))
    try:
        return is_equal(left, right)
    except NullError:
        return 0


def both(left: Evaluate, right: Evaluate) -> Evaluate:
    """``AND``."""

    def evaluate(lookup: Mapping[str, Any]) -> int | None:
        first = truth_of(left(lookup))
        if first is False:
            return 0
        second = truth_of(right(lookup))
        if second is False:
            return 0
        return None if first is None or second is None else 1

    return evaluate


def either(left: Evaluate, right: Evaluate) -> Evaluate:
    """``OR``."""

    def evaluate(lookup: Mapping[str, Any]) -> int | None:
        first = truth_of(left(lookup))
        if first:
            return 1
        second = truth_of(right(lookup))
        if second:
            return 1
        return None if first is None or second is None else 0

    return evaluate


def negated(operand: Evaluate) -> Evaluate:
    """``NOT``."""

    def evaluate(lookup: Mapping[str, Any]) -> int | None:
        truth = truth_of(operand(lookup))
        return None if truth is None else int(not truth)

    return evaluate


def is_unknown(operand: Evaluate) -> Evaluate:
    """``IS NULL``."""
    return lambda lookup: int(is_null(operand(lookup)))


def is_truth(operand: Evaluate, wanted: bool) -> Evaluate:
    """``IS TRUE``, ``IS FALSE``: never NULL."""
    return lambda lookup: int(truth_of(operand(lookup)) is wanted)


def one_of(operand: Evaluate, candidates: Sequence[Evaluate]) -> Evaluate:
    """``IN``."""

    def found(value: Any, *among: Any) -> int:
        return int(is_one_of(value, among))

    return closure_of(found, [operand, *candidates])


def between(operand: Evaluate, low: Evaluate, high: Evaluate) -> Evaluate:
    """``BETWEEN``, both ends included."""

    def evaluate(lookup: Mapping[str, Any]) -> int | None:
        value = operand(lookup)
        at_least = _known(is_at_least, value, low(lookup))
        at_most = _known(is_at_most, value, high(lookup))
        if at_least == 0 or at_most == 0:
            return 0
        return None if at_least is None or at_most is None else 1

    return evaluate


def like(operand: Evaluate, pattern: Evaluate, fixed: Sequence[Piece] | None) -> Evaluate:
    """``LIKE``; ``fixed`` is the pattern where it does not depend on the item."""
    if fixed is not None:
        pieces = fixed
        return closure_of(lambda value: int(matches(written(value), pieces)), [operand])
    return closure_of(
        lambda value, given: int(matches(written(value), pieces_of(written(given)))), [operand, pattern]
    )


def case(
    compared: Evaluate | None, branches: Sequence[tuple[Evaluate, Evaluate]], otherwise: Evaluate
) -> Evaluate:
    """``CASE``, with a value to compare or with conditions."""

    def by_condition(lookup: Mapping[str, Any]) -> Any:
        for condition, result in branches:
            if truth_of(condition(lookup)):
                return result(lookup)
        return otherwise(lookup)

    if compared is None:
        return by_condition

    def by_value(lookup: Mapping[str, Any]) -> Any:
        value = compared(lookup)
        for candidate, result in branches:
            if _known(is_equal, value, candidate(lookup)):
                return result(lookup)
        return otherwise(lookup)

    return by_value


def _known(compare: Callable[[Any, Any], int], left: Any, right: Any) -> int | None:
    try:
        return compare(left, right)
    except NullError:
        return None
