"""``LIKE``: each piece of a pattern is taken where it fits first, without backtracking (part of step 2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from xmsyncd.transform.value_types import EvaluationError

MAX_PATTERN_LENGTH: Final = 1000


@dataclass(frozen=True, slots=True)
class Piece:
    """What stands between two ``%``; ``search`` finds it."""

    length: int
    search: re.Pattern[str]


def escaped(text: str) -> str:
    """Text that means itself inside a pattern."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def pieces_of(pattern: str) -> tuple[Piece, ...]:
    """The pattern, cut at each ``%``; letters without their case. A backslash takes the next mark as it is.

    Raises EvaluationError for one that is too long.
    """
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise EvaluationError(f"a pattern of at most {MAX_PATTERN_LENGTH} characters")
    pieces: list[Piece] = []
    marks: list[str] = []
    rest = iter(pattern)
    for mark in rest:
        if mark == "\\":
            marks.extend(next(rest, "\\").casefold())
        elif mark == "%":
            pieces.append(_piece(marks))
            marks = []
        elif mark == "_":
            marks.append("")
        else:
            marks.extend(mark.casefold())
    return (*pieces, _piece(marks))


def matches(text: str, pieces: Sequence[Piece]) -> bool:
    """Whether the whole text is like the pattern."""
    folded = text.casefold()
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return first.search.fullmatch(folded) is not None
    end = len(folded) - last.length
    position = first.length
    if position > end or not first.search.match(folded) or not last.search.match(folded, end):
        return False
    for piece in pieces[1:-1]:
        found = piece.search.search(folded, position, end)
        if found is None:
            return False
        position = found.end()
    return True


def _piece(marks: Sequence[str]) -> Piece:
    """An empty mark stands for one character of any kind."""
    return Piece(len(marks), re.compile("".join(re.escape(mark) or "." for mark in marks), re.DOTALL))
