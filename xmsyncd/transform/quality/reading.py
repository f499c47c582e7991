"""Reading what people write as a number or as yes and no, for the rule ``type`` with ``fix`` (step 2)."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from xmsyncd.transform.value_types import BLANKS, MismatchError, ValueType, converter_for, text_of

_GROUPED: Final = re.compile(r"([+-]?\d{1,3}(?:,\d{3}){1,30})(\.\d{1,400})?", re.ASCII)
_YES: Final = frozenset({"yes", "y", "on", "是", "真", "有", "对"})
_NO: Final = frozenset({"no", "n", "off", "否", "假", "无", "不"})

_LONGEST: Final = 500
"""Characters of a text that is read as a number at all."""


def number_of(value: Any) -> float | int | None:
    """The number that a value is, exactly as the type ``float`` reads it; ``None``: it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        number = converter_for(ValueType.FLOAT)(value)
    except ValueError:
        return None
    return None if isinstance(number, str) else number


def read_leniently(value: Any, value_type: ValueType) -> Any:
    """The value in the type, where what was written has one meaning only. Raises ValueError otherwise."""
    match value_type:
        case ValueType.STRING:
            return text_of(value)
        case ValueType.ARRAY:
            return [value]  # empty ones and lists keep the rule and do not come here
        case ValueType.INT | ValueType.FLOAT:
            return converter_for(value_type)(_without_separators(value))
        case ValueType.BOOL:
            return _yes_or_no(value)
        case ValueType.OBJECT | ValueType.AS_IS:
            raise MismatchError("an object")


def folded(text: str) -> str:
    """Without what people do not see as a difference: width, case, blanks at both ends."""
    return unicodedata.normalize("NFKC", text[:_LONGEST]).casefold().strip(BLANKS)


def _without_separators(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = folded(value)
    grouped = _GROUPED.fullmatch(text)
    return text if grouped is None else grouped[1].replace(",", "") + (grouped[2] or "")


def _yes_or_no(value: Any) -> Any:
    if isinstance(value, str):
        text = folded(value)
        if text in _YES or text in _NO:
            return text in _YES
        return converter_for(ValueType.BOOL)(text)
    return converter_for(ValueType.BOOL)(value)
