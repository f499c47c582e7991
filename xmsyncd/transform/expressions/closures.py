"""What an expression is compiled to, and how functions of values become such closures (part of step 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from xmsyncd.transform.expressions.counts_as import NullError
from xmsyncd.transform.tables import Tables

Evaluate = Callable[[Mapping[str, Any]], Any]
"""A lookup in, a value out; ``None`` is NULL. Raises EvaluationError."""

NOT_CONSTANT: Final = object()


@dataclass(frozen=True, slots=True)
class Argument:
    """One operand: its closure, where it begins in the setting, and its value where that is fixed text."""

    evaluate: Evaluate
    position: int
    constant: Any = NOT_CONSTANT
    word: str = ""
    """The bare word it is, a unit of time, or INTERVAL."""


Build = Callable[[Sequence[Argument], Tables], Evaluate]
"""Makes the closure of one call; the number of arguments is right. Raises TemplateError."""


def strict(function: Callable[..., Any]) -> Build:
    """Of a function that raises NullError (what counts values does) where an argument is NULL."""

    def build(arguments: Sequence[Argument], _tables: Tables) -> Evaluate:
        return closure_of(function, [argument.evaluate for argument in arguments])

    return build


def closure_of(function: Callable[..., Any], operands: Sequence[Evaluate]) -> Evaluate:
    """The function applied to what the operands come to; NULL where it raises NullError."""
    match operands:
        case [only]:

            def of_one(lookup: Mapping[str, Any]) -> Any:
                try:
                    return function(only(lookup))
                except NullError:
                    return None

            return of_one
        case [first, second]:

            def of_two(lookup: Mapping[str, Any]) -> Any:
                try:
                    return function(first(lookup), second(lookup))
                except NullError:
                    return None

            return of_two
        case _:
            several = tuple(operands)

            def of_several(lookup: Mapping[str, Any]) -> Any:
                try:
                    return function(*[operand(lookup) for operand in several])
                except NullError:
                    return None

            return of_several


def constantly(value: Any) -> Evaluate:
    """The closure of a fixed value."""
    return lambda _lookup: value
