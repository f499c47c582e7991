"""What a reference of an expression leads to: a path through a list gives a list (part of step 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xmsyncd.transform.bounds import MAX_ELEMENTS
from xmsyncd.transform.expressions.closures import Evaluate
from xmsyncd.transform.expressions.counts_as import bounded_text
from xmsyncd.transform.paths import Step, steps_of
from xmsyncd.transform.references import Reference
from xmsyncd.transform.value_types import EvaluationError


def resolver_of(reference: Reference) -> Evaluate:
    """The value, filters applied; ``None`` where there is none. Raises EvaluationError."""
    if reference.is_variable or len(reference.path) == 1:
        return reference.compiled()
    raw = collector_of(reference)
    if not reference.filters:
        return raw
    applied = tuple(call.apply for call in reference.filters)

    def resolve(lookup: Mapping[str, Any]) -> Any:
        value = raw(lookup)
        for apply in applied:
            value = apply(value)
            if isinstance(value, str):
                bounded_text(value)
        return value

    return resolve


def collector_of(reference: Reference) -> Evaluate:
    """The value before its filters."""
    if reference.is_variable or len(reference.path) == 1:
        return reference.raw()
    return collector(reference.path)


def collector(path: tuple[str, ...]) -> Evaluate:
    """The function that finds what a path leads to, through lists as well."""
    root, steps = path[0], steps_of(path[1:])
    return lambda lookup: _collect(lookup.get(root), steps)


def _collect(value: Any, steps: tuple[Step, ...]) -> Any:
    """A name on a list is that name of each of its elements."""
    for number, (name, index) in enumerate(steps):
        if isinstance(value, Mapping):
            value = value.get(name)
        elif not isinstance(value, (list, tuple)):
            return None
        elif index is not None:
            value = value[index] if index < len(value) else None
        else:
            return _of_each(value, steps[number:])
    return value


def _of_each(values: Sequence[Any], steps: tuple[Step, ...]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        inner = _collect(value, steps)
        if isinstance(inner, (list, tuple)):
            found.extend(inner)
        else:
            found.append(inner)
        if len(found) > MAX_ELEMENTS:
            raise EvaluationError(f"a list of at most {MAX_ELEMENTS} elements")
    return found
