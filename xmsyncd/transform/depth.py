"""How deeply an item may be nested, so that nothing that recurses chokes on one product (step 2).

JSON has no bound of its own, and every writer and hasher of it recurses. So what OKKI shows is cut off just
below the bound as it comes in. Cut off, it still is deeper than the bound: by that it is known, and rejected.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

DEEPEST: Final = 64
"""Levels of lists and objects that an item may have; those in the vendor's examples have four."""


# Asked of every value of every item; to ask whether one is a Mapping takes ten times as long.
_FLAT: Final = frozenset({str, int, float, bool, type(None)})


def is_too_deep(value: Any) -> bool:
    """Whether lists and objects are nested in more than :data:`DEEPEST` levels. Does not recurse."""
    level = [value] if isinstance(value, (list, Mapping)) else []
    for _ in range(DEEPEST):
        level = [
            inner
            for one in level
            for inner in (one if isinstance(one, list) else one.values())
            if type(inner) not in _FLAT and isinstance(inner, (list, Mapping))
        ]
        if not level:
            return False
    return bool(level)


def cut_off(value: Any) -> Any:
    """The value itself, or where it is too deep, one that is so by one level: what was below is gone."""
    return _cut_off(value, DEEPEST + 1) if is_too_deep(value) else value


def _cut_off(value: Any, levels: int) -> Any:
    if isinstance(value, Mapping):
        return {name: _cut_off(one, levels - 1) for name, one in value.items()} if levels > 1 else {}
    if isinstance(value, list):
        return [_cut_off(one, levels - 1) for one in value] if levels > 1 else []
    return value
