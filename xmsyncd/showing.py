"""Foreign text as people are shown it: no longer than fits, and nothing in it that cannot be seen."""

from __future__ import annotations


def cut_to(text: str, most: int) -> str:
    """The text, or its beginning and an ellipsis: at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def escaped(text: str) -> str:
    """The text, with what cannot be seen as its code: ``\\u200b``."""
    if text.isprintable():
        return text
    return "".join(mark if mark.isprintable() else f"\\u{ord(mark):04x}" for mark in text)
