"""Web addresses and rows out of OKKI's lists, whatever shape they come in (part of step 2).

Images are documented as text, as objects with ``file_url`` and as lists of either; SKU lists as lists of
objects (vendor doc's examples, not verified on a tenant).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from xmsyncd.transform.value_types import BLANKS, EvaluationError, is_empty

MOST_ENTRIES: Final = 500
"""Addresses or rows that one product may have; a table of Yida takes fewer."""

_URL_KEYS: Final = ("file_url", "url", "image_url", "src", "href", "download_url", "preview_url")


def urls_in(value: Any) -> list[str]:
    """The addresses in a text, an object, or a list of these, each once, in order. Raises EvaluationError."""
    found: dict[str, None] = {}
    for entry in _entries(value):
        if is_empty(entry):
            continue
        url = entry
        if isinstance(entry, Mapping):
            shown = [entry[key] for key in _URL_KEYS if not is_empty(entry.get(key))]
            if not shown:
                continue
            url = shown[0]
        if not isinstance(url, str):
            raise EvaluationError("addresses as text, or objects with file_url or url")
        url = url.strip(BLANKS)
        if url.startswith("//"):
            url = f"https:{url}"
        if not url.lower().startswith(("http://", "https://")):
            raise EvaluationError("addresses that begin with http:// or https://")
        found[url] = None
    return list(found)


def rows_in(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list, or a single one. Raises EvaluationError for anything else that is not empty."""
    rows = [entry for entry in _entries(value) if not is_empty(entry)]
    if not all(isinstance(row, Mapping) for row in rows):
        raise EvaluationError("a list of objects")
    return rows


def _entries(value: Any) -> list[Any]:
    if isinstance(value, str) and value.lstrip(BLANKS).startswith(("[", "{")):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise EvaluationError("a list, or its JSON text") from None
    if is_empty(value):
        return []
    entries = list(value) if isinstance(value, (list, tuple)) else [value]
    if len(entries) > MOST_ENTRIES:
        raise EvaluationError(f"at most {MOST_ENTRIES} entries")
    return entries
