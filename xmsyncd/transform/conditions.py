"""One condition of a 轻易云 document: ``{field, logic, value, strictMode}`` (part of step 2).

A value is text in such documents, also where a number is meant: two numbers are compared as numbers, all else
as text, upper and lower case apart (``like`` alone folds them). Two texts are equal as numbers only where
both are written like one: ``001`` is a code. ``timestamp:`` before seconds since 1970 makes it a time. Of a
list one element must fit, with ``strictMode`` each of them; the platform also cuts lines out of the list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, assert_never

from xmsyncd.nearest import nearest
from xmsyncd.transform.expressions.counts_as import NullError, number_in, number_of
from xmsyncd.transform.expressions.like import matches, pieces_of
from xmsyncd.transform.expressions.references import collector
from xmsyncd.transform.grammar import Template, compile_template
from xmsyncd.transform.paths import path_of
from xmsyncd.transform.references import Lookup, TemplateError
from xmsyncd.transform.tables import Tables
from xmsyncd.transform.time_filters import moment_of
from xmsyncd.transform.value_types import BLANKS, EvaluationError, is_empty, shortened, text_of


class Logic(StrEnum):
    """How a condition compares, spelt as in the documents."""

    EQ = "eq"
    NEQ = "neq"
    GT = "gt"
    EGT = "egt"
    LT = "lt"
    ELT = "elt"
    LIKE = "like"
    NOTLIKE = "notlike"
    BETWEEN = "between"
    NOTNULL = "notnull"
    ISNULL = "isnull"
    IN = "in"


KEYS: Final = ("field", "logic", "value", "strictMode")

TIMESTAMP: Final = "timestamp:"
_ABOUT_NOTHING: Final = (Logic.NOTNULL, Logic.ISNULL)
_PLAIN_NUMBER: Final = re.compile(r"[+-]?(?:0|[1-9]\d{0,29})(?:\.\d{1,29})?", re.ASCII)


class ConditionError(ValueError):
    """A condition that cannot be used; ``key`` is the one at fault, "" for the condition as a whole."""

    def __init__(self, key: str, found: str, expected: str, position: int | None = None) -> None:
        self.key = key
        self.position = position
        self.found = found
        self.expected = expected
        super().__init__(expected)


@dataclass(frozen=True, slots=True)
class Condition:
    """One compiled condition."""

    field: str
    logic: Logic
    find: Callable[[Lookup], Any]
    values: tuple[Template, ...]
    every: bool
    """Of a list, each element must fit."""

    @property
    def root(self) -> str:
        """The field of the item, or the derived name."""
        return path_of(self.field)[0]

    @property
    def variables(self) -> frozenset[str]:
        """The times of the cycle in its value."""
        return frozenset().union(*(value.variables for value in self.values))

    def holds(self, lookup: Lookup) -> bool:
        """Raises EvaluationError where the two cannot be compared."""
        found = self.find(lookup)
        if self.logic in _ABOUT_NOTHING:
            return is_empty(found) == (self.logic is Logic.ISNULL)
        wanted = [value.evaluate(lookup) for value in self.values]
        if isinstance(found, (list, tuple)) and found:
            fits = (_fits(self.logic, element, wanted) for element in found)
            return all(fits) if self.every else any(fits)
        return _fits(self.logic, found, wanted)

    def reason(self, lookup: Lookup) -> str:
        """Why it does not hold, for a person."""
        asked = ",".join(value.text for value in self.values)
        wanted = f"{self.field} {self.logic}" + (f" {shortened(asked)}" if self.values else "")
        return f"{wanted} does not hold for {shortened(self.find(lookup))}"


def unknown_keys(given: Mapping[str, Any]) -> tuple[str, ...]:
    """Those that no condition has, as they are written."""
    return tuple(key for key in given if key not in KEYS)


def compile_condition(given: Mapping[str, Any], tables: Tables) -> Condition:
    """Raises ConditionError."""
    field = given.get("field")
    if not isinstance(field, str) or not field.strip():
        raise ConditionError("field", _shown(given, "field"), "the name of a field")
    field = field.strip()
    path = path_of(field)
    if not all(name and not set(name) & set("{}|[] ") for name in path):
        raise ConditionError("field", shortened(field), "the name of a field without braces, as in status")
    logic = str(given.get("logic", "")).strip().lower()
    if logic not in set(Logic):
        expected = "one of " + ", ".join(Logic) + nearest(logic, Logic)
        raise ConditionError("logic", _shown(given, "logic"), expected)
    every = given.get("strictMode", False)
    if every not in (True, False, None, ""):
        raise ConditionError("strictMode", shortened(every), "true or false")
    kind = Logic(logic)
    values = () if kind in _ABOUT_NOTHING else _values(kind, given, tables)
    return Condition(field, kind, collector(path), values, every is True)


def _values(logic: Logic, given: Mapping[str, Any], tables: Tables) -> tuple[Template, ...]:
    value = given.get("value")
    several = logic in (Logic.BETWEEN, Logic.IN)
    if isinstance(value, list) and several:
        parts = value
    elif isinstance(value, str) and several:
        parts = [part.strip() for part in value.split(",")]
    else:
        parts = [value]
    if logic is Logic.BETWEEN and len(parts) != 2:
        raise ConditionError("value", _shown(given, "value"), 'two values, as in "1,9"')
    if any(part is None or isinstance(part, (list, dict)) for part in parts) or not parts:
        raise ConditionError("value", _shown(given, "value"), "text or a number")
    try:
        templates = tuple(compile_template(text_of(part), tables) for part in parts)
    except TemplateError as error:
        raise ConditionError("value", error.found, error.expected, error.position) from None
    except EvaluationError as error:  # a number without end
        raise ConditionError("value", _shown(given, "value"), error.expected) from None
    if logic in (Logic.LIKE, Logic.NOTLIKE) and not templates[0].references:
        try:
            pieces_of(templates[0].text)
        except EvaluationError as error:
            raise ConditionError("value", shortened(templates[0].text), error.expected) from None
    return templates


def _shown(given: Mapping[str, Any], key: str) -> str:
    return shortened(given[key]) if key in given else "nothing"


def _fits(logic: Logic, found: Any, wanted: Sequence[Any]) -> bool:
    match logic:
        case Logic.EQ:
            return _equal(found, wanted[0])
        case Logic.NEQ:
            return not _equal(found, wanted[0])
        case Logic.IN:
            return any(_equal(found, one) for one in wanted)
        case Logic.LIKE:
            return _like(found, wanted[0])
        case Logic.NOTLIKE:
            return not _like(found, wanted[0])
        case Logic.NOTNULL | Logic.ISNULL:
            return is_empty(found) == (logic is Logic.ISNULL)
        case Logic.GT | Logic.EGT | Logic.LT | Logic.ELT | Logic.BETWEEN:
            return not is_empty(found) and _in_order(logic, found, wanted)
        case _:
            assert_never(logic)


def _in_order(logic: Logic, found: Any, wanted: Sequence[Any]) -> bool:
    match logic:
        case Logic.GT:
            return _order(found, wanted[0]) > 0
        case Logic.EGT:
            return _order(found, wanted[0]) >= 0
        case Logic.LT:
            return _order(found, wanted[0]) < 0
        case Logic.ELT:
            return _order(found, wanted[0]) <= 0
        case _:
            return _order(found, wanted[0]) >= 0 and _order(found, wanted[1]) <= 0


def _equal(found: Any, wanted: Any) -> bool:
    if _is_timestamp(wanted):
        return not is_empty(found) and _order(found, wanted) == 0
    if isinstance(found, Mapping):
        return False
    if not isinstance(found, (str, bool)) and not is_empty(found):  # [] is nothing, and no number
        number = _number(wanted)
        if number is not None:
            return number_of(found) == number
    left, right = text_of(found), text_of(wanted)
    return left == right or (_is_plain(left) and _is_plain(right) and number_in(left) == number_in(right))


def _is_plain(text: str) -> bool:
    """Without leading zeros and exponents, which codes have."""
    return _PLAIN_NUMBER.fullmatch(text.strip(BLANKS)) is not None


def _order(found: Any, wanted: Any) -> int:
    """Below zero, zero, above zero."""
    if _is_timestamp(wanted):
        ours, theirs = moment_of(found), moment_of(text_of(wanted)[len(TIMESTAMP) :].strip())
        if ours is None or theirs is None:
            raise EvaluationError("a time to compare with a time")
        return (ours > theirs) - (ours < theirs)
    left, right = _number(found), _number(wanted)
    if left is not None and right is not None:
        return (left > right) - (left < right)
    if not isinstance(found, str):
        raise EvaluationError(f"a value to compare with {shortened(wanted)}")
    text = text_of(wanted)
    return (found > text) - (found < text)


def _like(found: Any, wanted: Any) -> bool:
    """With ``%`` a pattern of MySQL, else a part of the text (inferred)."""
    pattern = text_of(wanted)
    text = "" if isinstance(found, Mapping) else text_of(found)
    if "%" in pattern:
        return matches(text, pieces_of(pattern))
    return pattern.casefold() in text.casefold()


def _is_timestamp(value: Any) -> bool:
    return isinstance(value, str) and value.strip().startswith(TIMESTAMP)


def _number(value: Any) -> int | Decimal | None:
    try:
        if isinstance(value, str):
            return number_in(value)
        return None if isinstance(value, (bool, Mapping, list, tuple)) else number_of(value)
    except NullError:
        return None
