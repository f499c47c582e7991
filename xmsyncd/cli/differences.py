"""Two values beside each other, cut so that a person sees where they differ: for ``approve`` and ``plan``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Any, Final

from xmsyncd.showing import escaped

MISSING: Final = "–"
"""Stands for a value that is not there."""

_DEFAULT_LENGTH: Final = 60
# What stands before the first difference, as a part of the whole width: enough to find the place.
_BEFORE: Final = 3


def difference(old: Any, new: Any, length: int = _DEFAULT_LENGTH) -> tuple[str, str]:
    """Both values on one line each, at most ``length`` characters, cut around their first difference.

    What looks the same and is not (blanks, signs that cannot be seen, a number and its text) is written so
    that it does not.
    """
    for spelt in _spellings(old, new):
        before, after = (MISSING if value is None else spelt(value) for value in (old, new))
        shown = _cut(before, after, length)
        if old == new or _can_be_told_apart(*shown):
            return shown
    return shown


def _can_be_told_apart(one: str, other: str) -> bool:
    return "".join(one.split()) != "".join(other.split()) or "␣" in one + other


def _spellings(old: Any, new: Any) -> Iterator[Callable[[Any], str]]:
    """From the friendliest to the most exact one."""
    yield lambda value: _printable(_text(value))
    if isinstance(old, str) and isinstance(new, str):
        yield lambda value: _printable(_text(value).replace(" ", "␣"))
    yield lambda value: _printable(_json(value))
    yield _json_in_ascii


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _json_in_ascii(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, sort_keys=True).replace(" ", "\\u0020")


def _printable(text: str) -> str:
    return escaped(text.replace("\r\n", "\n").replace("\n", "⏎").replace("\t", "⇥"))


def _cut(old: str, new: str, length: int) -> tuple[str, str]:
    if max(len(old), len(new)) <= length:
        return old, new
    pairs = zip_longest(old, new)
    first = next((at for at, (one, other) in enumerate(pairs) if one != other), 0)
    start = max(0, first - length // _BEFORE)
    return _part(old, start, length), _part(new, start, length)


def _part(text: str, start: int, length: int) -> str:
    """``length`` characters from ``start`` on, the first and last of them ``…`` where more was there."""
    part = text[start : start + length]
    if start:
        part = "…" + part[1:]
    if start + length < len(text):
        part = part[:-1] + "…"
    return part
