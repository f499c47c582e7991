"""Where a template is wrong, and the looks at a place that every reader of one shares (part of step 2)."""

from __future__ import annotations

import re
from typing import Final

from xmsyncd.errors import Fault, XmsyncdError
from xmsyncd.transform.value_types import shortened

_BLANKS = re.compile(r"\s*")
_FULL_WIDTH: Final = {"｛": "{", "｝": "}", "｜": "|", "（": "(", "）": ")", "，": ",", "．": ".", "。": "."}


class TemplateError(XmsyncdError):
    """A template that cannot be compiled: ``position`` counts characters from 0, messages count from 1."""

    def __init__(self, position: int, found: str, expected: str) -> None:
        self.position = position
        self.found = found
        self.expected = expected
        super().__init__(f"at character {position + 1}: found {found}; expected {expected}")

    def fault(self, where: str) -> Fault:
        """The same as a fault of the configuration, ``where`` naming the setting."""
        return Fault(f"{where}, character {self.position + 1}", self.found, self.expected)

    def moved(self, by: int) -> TemplateError:
        """The same in a text in which the compiled one begins ``by`` characters later."""
        return TemplateError(self.position + by, self.found, self.expected)


def slip_at(text: str, position: int) -> TemplateError | None:
    """A full-width mark where an ordinary one belongs: a slip of the input method."""
    mark = text[position : position + 1]
    if mark not in _FULL_WIDTH or not mark:
        return None
    return TemplateError(position, f'the full-width "{mark}"', f'an ordinary "{_FULL_WIDTH[mark]}"')


def found_at(text: str, position: int) -> str:
    """The character at a place, as a message shows it."""
    return shortened(text[position]) if position < len(text) else "the end"


def after_blanks(text: str, position: int) -> int:
    """The next place without a blank."""
    blanks = _BLANKS.match(text, position)
    return blanks.end() if blanks else position
