"""Foreign text as people are shown it: no longer than fits, and nothing in it that cannot be seen."""

from __future__ import annotations

import re
from typing import Final

_OBEYED: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but for tabs and line breaks
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the direction of writing
    "\u2028\u2029\ud800-\udfff]"  # odd line breaks; half characters, which cannot be written at all
)
_FIRST_PICTURE: Final = 0x2400


def cut_to(text: str, most: int) -> str:
    """The text, or its beginning and an ellipsis: at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def escaped(text: str) -> str:
    """The text, with what cannot be seen as its code: ``\\u200b``."""
    if text.isprintable():
        return text
    return "".join(mark if mark.isprintable() else f"\\u{ord(mark):04x}" for mark in text)


def harmless(text: str) -> str:
    """The text with a sign in the place of each character that a terminal would obey; as many characters.

    Of control characters it is their picture, as ``␛``; lines stay lines.
    """
    return _OBEYED.sub(_sign_for, text)


def _sign_for(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(_FIRST_PICTURE + code)
    return "␡" if code == 0x7F else "�"
