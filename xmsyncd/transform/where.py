"""``where``: which items a pipeline is about; the others are filtered, not rejected (part of step 2).

Either an expression, or the array of conditions of a 轻易云 document: the outer list is OR, the inner AND.
What its conditions mean exactly is inferred from the vendor's documentation where it is told at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from xmsyncd.nearest import nearest_name
from xmsyncd.transform.conditions import KEYS, Condition, ConditionError, compile_condition, unknown_keys
from xmsyncd.transform.expressions import Expression, compile_expression
from xmsyncd.transform.references import Lookup, TemplateError
from xmsyncd.transform.tables import NO_TABLES, Tables
from xmsyncd.transform.value_types import shortened

MAX_CONDITIONS: Final = 200

_SHOWN: Final = 3
_PREFIX: Final = "_function "
_ARRAY: Final = "a list of lists of conditions: the outer list is OR, the inner one AND"


@dataclass(frozen=True, slots=True)
class WhereFault:
    """What is wrong with the setting: the place within it, or the character of an expression."""

    path: tuple[int | str, ...]
    position: int | None
    found: str
    expected: str


class WhereError(ValueError):
    """The setting cannot be used, with all that is wrong with it."""

    def __init__(self, faults: Sequence[WhereFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"found {fault.found}; expected {fault.expected}" for fault in faults))


class Where:
    """A compiled filter; immutable. What it raises is EvaluationError alone: the item cannot be judged."""

    __slots__ = ("_expression", "_groups", "roots", "text", "variables")

    def __init__(
        self, text: str, expression: Expression | None, groups: tuple[tuple[Condition, ...], ...]
    ) -> None:
        self.text = text
        self._expression = expression
        self._groups = groups
        conditions = [condition for group in groups for condition in group]
        self.roots: frozenset[str] = frozenset(condition.root for condition in conditions)
        """The fields and derived names it looks at."""
        self.variables: frozenset[str] = frozenset().union(*(one.variables for one in conditions))
        """The times of the cycle it looks at: with one, an item that has not changed may come or go."""
        if expression is not None:
            self.roots, self.variables = expression.roots, expression.variables

    def __repr__(self) -> str:
        return f"Where({self.text!r})"

    def matches(self, lookup: Lookup) -> bool:
        """Whether the pipeline is about this item."""
        if self._expression is not None:
            return self._expression.holds(lookup)
        return any(all(condition.holds(lookup) for condition in group) for group in self._groups)

    def reason(self, lookup: Lookup) -> str:
        """What keeps an item out that does not match: for each group, the first condition that fails."""
        if self._expression is not None:
            inputs = shortened(self._expression.inputs(lookup))
            return f"{shortened(self.text)[1:-1]} does not hold with {inputs}"
        failed = [
            next((condition.reason(lookup) for condition in group if not condition.holds(lookup)), "")
            for group in self._groups
        ]
        return "; ".join(dict.fromkeys(failed[:_SHOWN])) + ("; …" if len(failed) > _SHOWN else "")


def compile_where(text: str, tables: Tables = NO_TABLES) -> Where:
    """Of an expression, or of the JSON text of conditions. Raises WhereError."""
    if text.lstrip().startswith("["):
        try:
            given = json.loads(text)
        except (ValueError, RecursionError):
            raise WhereError([WhereFault((), None, shortened(text), _ARRAY)]) from None
        return Where(text, None, _groups_of(given, tables))
    offset = len(text) - len(text.lstrip())
    if text[offset : offset + len(_PREFIX)].lower() == _PREFIX:
        offset += len(_PREFIX)
    try:
        return Where(text, compile_expression(text[offset:], tables, offset=offset), ())
    except TemplateError as error:
        raise WhereError([WhereFault((), error.position, error.found, error.expected)]) from None


def _groups_of(given: Any, tables: Tables) -> tuple[tuple[Condition, ...], ...]:
    faults: list[WhereFault] = []
    groups: list[tuple[Condition, ...]] = []
    count = 0
    for number, group in enumerate(given):
        if not isinstance(group, list) or not group:
            faults.append(WhereFault((number,), None, shortened(group), _ARRAY))
            continue
        count += len(group)
        conditions: list[Condition] = []
        for place, condition in enumerate(group):
            try:
                if not isinstance(condition, Mapping):
                    raise ConditionError("", shortened(condition), "a condition: {field, logic, value}")
                if unknown := unknown_keys(condition):
                    faults += [_unknown((number, place, key)) for key in unknown]
                    continue
                conditions.append(compile_condition(condition, tables))
            except ConditionError as error:
                path = (number, place, error.key) if error.key else (number, place)
                faults.append(WhereFault(path, error.position, error.found, error.expected))
        groups.append(tuple(conditions))
    if not given:
        faults.append(WhereFault((), None, "no condition", _ARRAY))
    if count > MAX_CONDITIONS:
        faults.append(WhereFault((), None, f"{count} conditions", f"at most {MAX_CONDITIONS}"))
    if faults:
        raise WhereError(faults)
    return tuple(groups)


def _unknown(path: tuple[int, int, str]) -> WhereFault:
    near = nearest_name(path[-1], KEYS)
    expected = f"a known key (nearest: {near})" if near else f"one of the keys {', '.join(KEYS)}"
    return WhereFault(path, None, f"the unknown key {shortened(path[-1])}", expected)
