"""JSON bodies in both directions, without losing a digit or a character (steps 1 and 5)."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

# 2**63 has 19 digits. Beyond 64 bits orjson reads an integer as a float without a word, and an id is lost.
_LONG_DIGITS: Final = re.compile(rb"[0-9]{19}")
# A parser that recurses gives up at about a thousand levels: below these nothing is read.
_DEEPEST: Final = 200
_STRING_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
# The interpreter refuses to read an integer longer than this many digits; such a thing stays text.
_LONGEST_INT: Final = 1000


class NotJsonError(ValueError):
    """The bytes are not one JSON document."""


def decode_json(body: bytes) -> Any:
    """Parse a JSON document; integers of any length stay exact.

    orjson reads it unless a run of 19 or more digits is in sight; what orjson refuses although others
    write it (a lone surrogate, a byte order mark) is read by the standard library. NaN and Infinity are
    not JSON. What is nested in more levels than a parser takes is read without what lies below 200 of them.
    Raises :class:`NotJsonError`.
    """
    if not _LONG_DIGITS.search(body):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass  # an HTML page, or one of the two oddities: the slow way decides
    try:
        try:
            return _slowly(body)
        except RecursionError:
            return _slowly(_cut_off(body))
    except (ValueError, RecursionError) as error:
        raise NotJsonError(str(error)) from error


def encode_json(value: Any) -> bytes:
    """A JSON body in UTF-8; lone surrogates become ``\\u`` escapes, long integers keep their digits.

    Raises ``TypeError`` or ``ValueError`` for what is not JSON.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def _slowly(body: bytes) -> Any:
    return json.loads(body.decode("utf-8-sig"), parse_int=_exact_int, parse_constant=_no_constant)


def _cut_off(body: bytes) -> bytes:
    """The document with empty lists and objects in the place of those that lie too deep."""
    kept: list[bytes] = []
    depth, start = 0, 0
    for found in _STRING_OR_BRACKET.finditer(body):
        bracket = found[0]
        if bracket in (b"[", b"{"):
            depth += 1
            if depth == _DEEPEST + 1:
                kept.append(body[start : found.end()])
        elif bracket in (b"]", b"}"):
            if depth == _DEEPEST + 1:
                start = found.start()
            depth -= 1
    return b"".join((*kept, body[start:]))


def _exact_int(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONGEST_INT else digits


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
