"""JSON lines: how a command and the holder of the ledger talk, and how results are printed for programs."""

from __future__ import annotations

import json
from typing import Any

import orjson


def line_of(value: Any) -> bytes:
    """One line of JSON, ending in a newline."""
    return json_of(value) + b"\n"


def json_of(value: Any, *, indent: bool = False) -> bytes:
    """JSON text of plain values, enums included."""
    options = orjson.OPT_NON_STR_KEYS | (orjson.OPT_INDENT_2 if indent else 0)
    try:
        return orjson.dumps(value, option=options)
    except TypeError:
        # Lone surrogates and integers beyond 64 bits: they come with the very records one asks about.
        return json.dumps(value, ensure_ascii=True, default=str, indent=2 if indent else None).encode()


def value_of(line: bytes) -> Any:
    """What a line says; raises ``ValueError`` for what is no JSON."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line)
