"""JSON on disk: whatever an OKKI item may hold goes in and comes out unchanged.

Two things a JSON document may hold are more than orjson and SQLite take: a lone surrogate (``"\\ud800"``)
and an integer beyond 64 bits. Dirty items are exactly where they turn up, and one of them must neither fail
its page nor, read back, stop the lane that sends it.
"""

from __future__ import annotations

import json
from typing import Any

import orjson


def dump(value: Any) -> str:
    """The value as JSON text that SQLite can hold. Raises ``TypeError`` for what is not JSON."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # Escaped, a lone surrogate is plain ASCII; and the standard library writes every integer out.
        return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def load(text: str) -> Any:
    """What :func:`dump` was given. The standard library reads surrogates and long integers exactly."""
    return json.loads(text)


def printable(text: str) -> str:
    """Text that SQLite can hold: lone surrogates are spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()
