"""Cutting a text where people see a gap: not before an accent, nor within an emoji (step 2)."""

from __future__ import annotations

import unicodedata
from typing import Final

_JOINER: Final = "\u200d"
_REGIONAL: Final = ("\U0001f1e6", "\U0001f1ff")
_SKIN: Final = ("\U0001f3fb", "\U0001f3ff")
_TAGS: Final = ("\U000e0020", "\U000e007f")
_JAMO_REST: Final = ("\u1160", "\u11ff")
"""Vowels and final consonants of Hangul in parts, as macOS writes file names."""


def cut(text: str, most: int) -> str | None:
    """The longest beginning of at most ``most`` characters that ends where a character ends.

    Unicode's rules for that, without the scripts that need a dictionary. ``None``: the first character alone
    is longer.
    """
    if len(text) <= most:
        return text
    end = most
    while end > 0 and _belongs_together(text, end):
        end -= 1
    return text[:end] if end else None


def _belongs_together(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if after < "\u0300":  # nearly all text ends here
        return before == "\r" and after == "\n"
    if before == _JOINER or after == _JOINER or unicodedata.category(after).startswith("M"):
        return True
    if _within(after, _SKIN) or _within(after, _TAGS) or _within(after, _JAMO_REST):
        return True
    if "\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff":
        return True
    return _within(after, _REGIONAL) and _flags_before(text, at) % 2 == 1


def _within(character: str, bounds: tuple[str, str]) -> bool:
    return bounds[0] <= character <= bounds[1]


def _flags_before(text: str, at: int) -> int:
    """Flags are pairs of letters of their own: whether one is open depends on how many stand before."""
    count = 0
    while at > count and _within(text[at - count - 1], _REGIONAL):
        count += 1
    return count
