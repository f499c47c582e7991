"""The parsers of 轻易云 entries: text becomes a list, or a list text, before the type (part of step 2).

Names and parameters are seen in published documents; what exactly the platform does with blanks is not. Its
other parsers (``ConvertJson``, ``ConvertObjectParser``) are refused by name, because what they do is unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, assert_never

from xmsyncd.transform.value_types import BLANKS, MismatchError, is_empty, text_of


class ParserName(StrEnum):
    """The parsers that are understood."""

    STRING_TO_ARRAY = "StringToArray"
    ARRAY_TO_STRING = "ArrayToString"


Parser = Callable[[Any], Any]
"""A value in, the parsed value out; raises ValueError with words."""


def parser_for(name: str, separator: str) -> Parser:
    """``separator`` is a comma where it is empty. Raises ValueError for a name that is not understood."""
    between = separator or ","
    match ParserName(name):
        case ParserName.STRING_TO_ARRAY:
            return lambda value: _split(value, between)
        case ParserName.ARRAY_TO_STRING:
            return lambda value: _joined(value, between)
        case other:
            assert_never(other)


def _split(value: Any, separator: str) -> Any:
    """Without the empty parts; a list stays as it is."""
    if is_empty(value) or isinstance(value, (list, tuple)):
        return value
    if isinstance(value, (bool, dict)):
        raise MismatchError(f"text with {separator!r} between its parts (StringToArray)")
    return [part.strip(BLANKS) for part in text_of(value).split(separator) if not is_empty(part)]


def _joined(value: Any, separator: str) -> Any:
    """Without the empty elements; text stays as it is."""
    if is_empty(value) or isinstance(value, str):
        return value
    if not isinstance(value, (list, tuple)) or any(isinstance(one, (list, dict)) for one in value):
        raise MismatchError("a list of texts or numbers (ArrayToString)")
    return separator.join([text_of(one) for one in value if not is_empty(one)])
