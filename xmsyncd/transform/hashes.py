"""One text for equal JSON values, and its hash: how "the same content" is decided everywhere (step 2)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

import orjson

from xmsyncd.records import ContentHash

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_DIGITS = 32


def canonical_json(value: Any) -> bytes:
    """The JSON text of a value, keys sorted, no spaces; equal values give equal bytes.

    Two things JSON may hold and orjson cannot write, a lone surrogate (``"\\ud800"``) and an integer
    beyond 64 bits, go through the standard library instead: the text is then pure ASCII with ``\\u``
    escapes and has all digits. Which of the two writes depends on the value alone, so the text stays
    canonical. ``1``, ``1.0`` and ``"1"`` are different texts. NaN is written as ``null``.

    Raises ``TypeError`` for what is not JSON (datetimes, sets, bytes); keys must be strings.
    """
    try:
        return orjson.dumps(value, default=_plain, option=_OPTIONS)
    except TypeError:
        return json.dumps(
            value, default=_plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True
        ).encode("ascii")


def hash_of(value: Any) -> ContentHash:
    """Hash of the canonical text (BLAKE2b, 16 bytes, as 32 hexadecimal digits)."""
    return ContentHash(hashlib.blake2b(canonical_json(value), digest_size=16).hexdigest())


def content_hash(content: Mapping[str, Any], volatile: Collection[str] = ()) -> ContentHash:
    """The hash of form data, in which ``volatile`` components do not count: what only tells a time of ours.

    Their names stand behind the digits, so that whoever holds content and hash can compare the two.
    """
    if not volatile:
        return hash_of(content)
    left_out = sorted(volatile)
    digits = hash_of({name: value for name, value in content.items() if name not in left_out})
    return ContentHash(digits + canonical_json(left_out).decode())


def volatile_in(content_hash: ContentHash) -> tuple[str, ...]:
    """The components that this hash leaves out; none where the text is damaged, so that it fits nothing."""
    names = content_hash[_DIGITS:]
    if not names:
        return ()
    try:
        found = json.loads(names)
    except ValueError:
        return ()
    return tuple(name for name in found if isinstance(name, str)) if isinstance(found, list) else ()


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
