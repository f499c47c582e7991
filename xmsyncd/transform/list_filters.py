"""The filters that work on lists; a single value is a list of one: OKKI's types drift (part of step 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from xmsyncd.transform.bounds import MAX_ELEMENTS, MAX_RESULT_LENGTH
from xmsyncd.transform.paths import steps_of, walk
from xmsyncd.transform.value_types import BLANKS, EvaluationError, is_empty, text_of


def _elements(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return list(value)
    return [] if is_empty(value) else [value]


def first(value: Any) -> Any:
    """The first element, "" where there is none."""
    found = _elements(value)
    return found[0] if found else ""


def last(value: Any) -> Any:
    """The last element, "" where there is none."""
    found = _elements(value)
    return found[-1] if found else ""


def count(value: Any) -> int:
    """How many elements there are."""
    return len(_elements(value))


def joining(separator: str = ", ") -> Callable[[Any], str]:
    """The filter ``join``."""

    def apply(value: Any) -> str:
        texts: list[str] = []
        length = -len(separator)
        for element in _elements(value):
            if is_empty(element):
                continue
            texts.append(text_of(element))
            length += len(texts[-1]) + len(separator)
            if length > MAX_RESULT_LENGTH:
                raise EvaluationError(f"a text of at most {MAX_RESULT_LENGTH} characters")
        return separator.join(texts)

    return apply


def plucking(path: tuple[str, ...]) -> Callable[[Any], list[Any]]:
    """The filter ``pluck``."""
    steps = steps_of(path)

    def apply(value: Any) -> list[Any]:
        found = [walk(element, steps) for element in _elements(value)]
        return [one for one in found if not is_empty(one)]

    return apply


def getting(path: tuple[str, ...]) -> Callable[[Any], Any]:
    """The filter ``get``."""
    steps = steps_of(path)
    return lambda value: walk(value, steps)


def naming(name: str) -> Callable[[Any], Any]:
    """The filter ``named``."""

    def apply(value: Any) -> Any:
        for element in _elements(value):
            if isinstance(element, Mapping):
                found = element.get("name")
                if isinstance(found, str) and found.strip(BLANKS) == name:
                    return element.get("value")
        return ""

    return apply


def pairing(between: str = "：") -> Callable[[Any], list[str]]:
    """The filter ``pairs``."""

    def apply(value: Any) -> list[str]:
        pairs: list[str] = []
        length = 0
        for element in _elements(value):
            if not isinstance(element, Mapping):
                raise EvaluationError("a list of {name, value} (filter pairs)")
            name, held = element.get("name"), element.get("value")
            if is_empty(name) or is_empty(held):
                continue
            pairs.append(f"{text_of(name)}{between}{text_of(held)}")
            length += len(pairs[-1])
            if length > MAX_RESULT_LENGTH:
                raise EvaluationError(f"texts of at most {MAX_RESULT_LENGTH} characters together")
        return pairs

    return apply


def unique(value: Any) -> list[Any]:
    """Each element once. Numbers and their text are different elements."""
    seen: set[tuple[bool, str]] = set()
    kept: list[Any] = []
    elements = _elements(value)
    if len(elements) > MAX_ELEMENTS:
        raise EvaluationError(f"a list of at most {MAX_ELEMENTS} elements")
    for element in elements:
        identity = (isinstance(element, str), text_of(element))
        if identity not in seen:
            seen.add(identity)
            kept.append(element)
    return kept
