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


def content_hash(
    content: Mapping[str, Any], volatile: Collection[str] = (), sources: Mapping[str, str] | None = None
) -> ContentHash:
    """The hash of form data, in which the values of ``volatile`` components do not count: they tell our time.

    Their names stand behind the digits, so that whoever holds content and hash can compare the two; and with
    them the hashes of their ``sources``, for those that tell something of the record, too.
    """
    if not volatile:
        return hash_of(content)
    digits = hash_of({name: value for name, value in content.items() if name not in volatile})
    names = {name: sources.get(name, "") for name in volatile} if sources else sorted(volatile)
    return ContentHash(digits + canonical_json(names).decode())


def as_shown(content_hash: ContentHash) -> ContentHash:
    """The hash that such content has when Yida shows it, which does not tell what volatile components mean.

    So two contents may look the same there, and what was sent is not proven by it.
    """
    names = volatile_in(content_hash)
    return ContentHash(content_hash[:_DIGITS] + canonical_json(names).decode()) if names else content_hash


def volatile_in(content_hash: ContentHash) -> tuple[str, ...]:
    """The components that this hash leaves out; none where the text is damaged, so that it fits nothing."""
    return tuple(sorted(sources_in(content_hash)))


def sources_in(content_hash: ContentHash) -> Mapping[str, str]:
    """The same components, each with the hash of what it tells something of; "" where that is nothing."""
    names = content_hash[_DIGITS:]
    if not names:
        return {}
    try:
        found = json.loads(names)
    except ValueError:
        return {}
    if isinstance(found, dict):
        return {name: source if isinstance(source, str) else "" for name, source in found.items()}
    return {name: "" for name in found if isinstance(name, str)} if isinstance(found, list) else {}


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
