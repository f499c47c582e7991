"""The words by which the source platform marks more than text: never sent on as if they were text (step 2).

A word counts wherever it stands, whatever touches it: ``编号_function`` has no blank in Chinese, and
``_functionNOW()`` none by mistake. Only names are free, in braces, of paths and of look-up tables.
"""

from __future__ import annotations

import re
from typing import Final

from xmsyncd.transform.template_places import TemplateError
from xmsyncd.transform.value_types import shortened

_WORD = re.compile(r"_(?:function|findCollection|mongoQuery|endFind)", re.IGNORECASE)
# Quoted text may be the name of a look-up table: unit_functions is one.
_QUOTED_WORD = re.compile(r"(?<![a-z0-9])_function|_(?:findCollection|mongoQuery|endFind)", re.IGNORECASE)
_EXPRESSION: Final = "_function, a blank and an expression"
_TABLE: Final = 'a look-up table of this configuration, as in "{{name|lookup(table)}}"'
_AT_THE_BEGINNING: Final = (
    "it at the very beginning of the value, with the text beside it inside the expression: "
    "_function CONCAT('text', …)"
)


def expression_begins(text: str) -> int | None:
    """Where the expression of a value begins, ``None`` if the value does not begin with such a word.

    Raises TemplateError where it begins with one that begins no expression.
    """
    word = _WORD.search(text)
    if word is None or text[: word.start()].strip():
        return None
    if word[0].lower() != "_function":
        raise _fault(word.start(), word[0])
    if not text[word.end() : word.end() + 1].isspace():
        raise TemplateError(word.start(), shortened(text[word.start() : word.end() + 1]), _EXPRESSION)
    return word.end() + 1


def refuse_in_text(text: str, start: int, end: int) -> None:
    """Raise TemplateError where plain text between two places holds such a word."""
    word = _WORD.search(text, start, end)
    if word:
        raise _fault(word.start(), word[0])


def refuse_in_quotes(text: str, position: int) -> None:
    """Raise TemplateError at ``position`` where text that was quoted there holds such a word."""
    word = _QUOTED_WORD.search(text)
    if word and word[0].lower() == "_function":
        expected = "it outside quotes at the beginning of the value: nothing in quotes is evaluated"
        raise TemplateError(position, f"{shortened(word[0])} in quotes", expected)
    if word:
        raise _fault(position, word[0])


def _fault(position: int, word: str) -> TemplateError:
    match word.lower():
        case "_function":
            expected = _AT_THE_BEGINNING
        case "_endfind":
            expected = "text, references, or _function and an expression"
        case _:
            expected = _TABLE
    return TemplateError(position, shortened(word), expected)
