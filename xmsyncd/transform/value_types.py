"""What a mapped value may be, how it becomes text, and what cannot be written at all (part of step 2).

The empty values are ``None``, blank text, an empty list and an empty object: OKKI's back end writes ``[]``
where it means nothing (inferred from its envelope, not verified on a tenant). All of them are "" as text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, assert_never

from xmsyncd.showing import cut_to, escaped

SHORTENED_LENGTH = 80
"""Characters of a value that a message shows."""

MAX_DEPTH = 100
"""Levels of lists and objects in a value that is sent; the JSON writer itself ends at 254."""

BLANKS = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"  # what str.strip() takes off, the full-width blank last
    "\u200b\u200c\u200d\u2060\ufeff"  # no width at all: what copying from a web page or a BOM leaves behind
)

_WHOLE = re.compile(r"[+-]?\d{1,40}(?:\.0*)?", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:\d{1,400}(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_INT64 = 2**63
_TRUE = frozenset({"true", "1"})
_FALSE = frozenset({"false", "0"})


class ValueType(StrEnum):
    """The declared type of a field, spelt as in a 轻易云 document; "" leaves the value as it is."""

    STRING = "string"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    OBJECT = "object"
    ARRAY = "array"
    AS_IS = ""


Converter = Callable[[Any], Any]
"""A value in, the same value in a declared type out; raises MismatchError."""


class MismatchError(ValueError):
    """The value cannot be given the declared type; ``expected`` says what would fit."""

    def __init__(self, expected: str) -> None:
        self.expected = expected
        super().__init__(expected)


class EvaluationError(ValueError):
    """A template or an expression has no value for this item; ``expected`` says what would fit."""

    def __init__(self, expected: str) -> None:
        self.expected = expected
        super().__init__(expected)


class UnwritableError(EvaluationError):
    """The value cannot be written as text or JSON at all."""


def is_empty(value: Any) -> bool:
    """Whether nothing is left of the value (0 and false are values)."""
    if isinstance(value, str):
        return not value.strip(BLANKS)
    return value is None or (isinstance(value, (list, tuple, Mapping)) and not value)


def text_of(value: Any) -> str:
    """The value as people read it.

    Text as it is, nothing "", booleans ``true``/``false``, numbers in plain digits (``200.0`` is 200), lists
    and objects as compact JSON with sorted keys, so that another order of keys is no other content.
    Raises UnwritableError.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _digits(value)
    if isinstance(value, float):
        return _plain(value)
    if is_empty(value):
        return ""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        raise UnwritableError("a value that can be written as JSON") from None


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # Python's own limit, 4300 digits
        raise UnwritableError("a number of fewer digits") from None


def _plain(value: float) -> str:
    if not math.isfinite(value):
        raise UnwritableError("a finite number")
    text = format(Decimal(repr(value)), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def converter_for(value_type: ValueType) -> Converter:
    """The function that gives a value this type. Nothing stays "", whatever the type."""
    match value_type:
        case ValueType.STRING:
            return text_of
        case ValueType.INT:
            return _to_int
        case ValueType.FLOAT:
            return _to_float
        case ValueType.BOOL:
            return _to_bool
        case ValueType.OBJECT:
            return _to_object
        case ValueType.ARRAY:
            return _to_array
        case ValueType.AS_IS:
            return _as_is
        case _:
            assert_never(value_type)


def _as_is(value: Any) -> Any:
    return "" if value is None else value


def _to_int(value: Any) -> Any:
    if is_empty(value):
        return ""
    number: int | None = None
    if isinstance(value, str):
        text = value.strip(BLANKS)
        if _WHOLE.fullmatch(text):
            number = int(text.partition(".")[0])
    elif isinstance(value, bool):
        pass  # an int to Python, not to the person who wrote the mapping
    elif isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        number = int(value)
    if number is None or not -_INT64 <= number < _INT64:
        raise MismatchError("a whole number of at most 64 bits (int)")
    return number


def _to_float(value: Any) -> Any:
    if is_empty(value):
        return ""
    number = math.nan
    if isinstance(value, str):
        text = value.strip(BLANKS)
        if _DECIMAL.fullmatch(text):
            number = float(text)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    if not math.isfinite(number):
        raise MismatchError("a number in plain digits, without thousands separators (float)")
    return number


def _to_bool(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if is_empty(value):
        return ""
    if isinstance(value, (str, int)):
        text = value.strip(BLANKS).lower() if isinstance(value, str) else _digits(value)
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
    raise MismatchError("true or false, 1 or 0 (bool)")


def _to_object(value: Any) -> Any:
    found = _from_json(value)
    if isinstance(found, Mapping):
        return found
    if is_empty(found):
        return ""
    raise MismatchError("an object, or its JSON text (object)")


def _to_array(value: Any) -> Any:
    found = _from_json(value)
    if isinstance(found, list):
        return found
    if is_empty(found):
        return ""
    raise MismatchError("a list, or its JSON text (array)")


def _from_json(value: Any) -> Any:
    if not isinstance(value, str) or is_empty(value):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def require_writable(value: Any, depth: int = 0) -> None:
    """Raise UnwritableError unless the value can be sent and stored: UTF-8, finite, 64 bits, not too deep."""
    if isinstance(value, str):
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise UnwritableError(
                    "text that can be written as UTF-8 (it holds half a character)"
                ) from None
    elif value is None or isinstance(value, bool):
        pass
    elif isinstance(value, int):
        if not -_INT64 <= value < _INT64:
            raise UnwritableError("a number of at most 64 bits")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise UnwritableError("a finite number")
    elif depth >= MAX_DEPTH:
        raise UnwritableError(f"at most {MAX_DEPTH} levels of lists and objects")
    elif isinstance(value, (list, tuple)):
        for element in value:
            require_writable(element, depth + 1)
    elif isinstance(value, Mapping):
        for name, element in value.items():
            if not isinstance(name, str):
                raise UnwritableError("an object whose names are text")
            require_writable(name, depth)
            require_writable(element, depth + 1)
    else:
        raise UnwritableError("a JSON value")


def shortened(value: Any) -> str:
    """At most 80 characters of the value as JSON shows it: one line, what cannot be seen is escaped."""
    try:
        part = value[:SHORTENED_LENGTH] if isinstance(value, str) else value
        text = json.dumps(part, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = f"a {type(value).__name__} that cannot be shown"
    text = text[: SHORTENED_LENGTH + 1]
    return cut_to(escaped(text), SHORTENED_LENGTH)
