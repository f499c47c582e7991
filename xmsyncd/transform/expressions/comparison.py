"""Comparisons as MySQL makes them: numbers as numbers, text without regard to case (part of step 2).

``None`` stands for NULL, "not known". Text beside a number counts as the number it is; text that is none
equals no number, and is neither more nor less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from xmsyncd.transform.expressions.counts_as import MomentText, NullError, number_in, number_of, written
from xmsyncd.transform.expressions.moments import moment_of
from xmsyncd.transform.value_types import EvaluationError, text_of

_NUMBERS = (int, float, Decimal)


def equal(left: Any, right: Any) -> bool:
    """Raises NullError, EvaluationError."""
    if type(left) is str and type(right) is str:
        return left == right or left.casefold() == right.casefold()
    pair = _comparable(left, right)
    return pair is not None and pair[0] == pair[1]


def order(left: Any, right: Any) -> int:
    """Below zero, zero, above zero, as left is less than, equal to or more than right.

    Raises NullError, and EvaluationError for what has no order.
    """
    pair = _comparable(left, right)
    if pair is None:
        raise EvaluationError("a number to compare with a number")
    return int(pair[0] > pair[1]) - int(pair[0] < pair[1])


def is_one_of(value: Any, candidates: Sequence[Any]) -> bool:
    """``IN``; a list among the candidates stands for its elements. Raises NullError where it is not known."""
    unknown = value is None
    for candidate in elements(candidates):
        try:
            if equal(value, candidate):
                return True
        except NullError:
            unknown = True
    if unknown:
        raise NullError
    return False


def elements(values: Sequence[Any]) -> Iterator[Any]:
    """The values, and the elements of those that are lists."""
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from value
        else:
            yield value


def extreme(values: Sequence[Any], wanted: int) -> Any:
    """The least (``wanted`` is -1) or greatest (1) of values none of which is NULL: as numbers if all are."""
    try:
        compared: list[Any] = [number_of(value) for value in values]
    except EvaluationError:
        compared = [written(value).casefold() for value in values]
        return (
            max(zip(compared, values, strict=True), key=_first)[1] if wanted > 0 else _least(compared, values)
        )
    return max(compared) if wanted > 0 else min(compared)


def _least(compared: Sequence[Any], values: Sequence[Any]) -> Any:
    return min(zip(compared, values, strict=True), key=_first)[1]


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]


def _comparable(left: Any, right: Any) -> tuple[Any, Any] | None:
    """Both as what they are compared as; ``None`` where one is a number and the other no number."""
    left_is_text, right_is_text = isinstance(left, str), isinstance(right, str)
    if left_is_text and right_is_text:
        if isinstance(left, MomentText) or isinstance(right, MomentText):
            return moment_of(left).at, moment_of(right).at
        return left.casefold(), right.casefold()
    if (isinstance(left, bool) and right_is_text) or (isinstance(right, bool) and left_is_text):
        words = {text_of(left).casefold().strip(), text_of(right).casefold().strip()}
        if words & {"true", "false"} == words:
            return text_of(left).casefold().strip(), text_of(right).casefold().strip()
    if left_is_text and isinstance(right, _NUMBERS):
        found = number_in(left)
        return None if found is None else (found, number_of(right))
    if right_is_text and isinstance(left, _NUMBERS):
        found = number_in(right)
        return None if found is None else (number_of(left), found)
    if left_is_text or right_is_text:
        return written(left), written(right)
    return number_of(left), number_of(right)
