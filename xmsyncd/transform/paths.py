"""Dotted paths into JSON: ``images.0.file_url`` (part of step 2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_INDEX = re.compile(r"\d{1,9}", re.ASCII)

Step = tuple[str, int | None]
"""A name, and the index it is for a list."""


def path_of(text: str) -> tuple[str, ...]:
    """The names and indexes of a dotted path."""
    return tuple(text.split("."))


def steps_of(path: tuple[str, ...]) -> tuple[Step, ...]:
    """The path as :func:`walk` takes it."""
    return tuple((name, int(name) if _INDEX.fullmatch(name) else None) for name in path)


def walk(value: Any, steps: tuple[Step, ...]) -> Any:
    """What the steps lead to from the value; ``None`` where there is nothing."""
    for name, index in steps:
        if isinstance(value, Mapping):
            value = value.get(name)
        elif index is not None and isinstance(value, (list, tuple)) and index < len(value):
            value = value[index]
        else:
            return None
    return value


def walker(path: tuple[str, ...]) -> Callable[[Mapping[str, Any]], Any]:
    """The function that finds the path in a lookup; ``None`` where there is nothing."""
    root = path[0]
    steps = steps_of(path[1:])

    def root_of(lookup: Mapping[str, Any]) -> Any:
        return lookup.get(root)

    def resolve(lookup: Mapping[str, Any]) -> Any:
        return walk(lookup.get(root), steps)

    return resolve if steps else root_of
