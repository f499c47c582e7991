"""Which context everything was last read under, part by part: what ``plan`` tells of a changed one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Final

from xmsyncd.ledger import notes
from xmsyncd.records import ContentHash

_NOTE: Final = "context of "


def remember(
    connection: sqlite3.Connection, pipeline: str, context: ContentHash, parts: Mapping[str, ContentHash]
) -> None:
    """Keep the parts of the context under which everything has been read."""
    notes.write(connection, f"{_NOTE}{pipeline}", json.dumps({"context": context, "parts": dict(parts)}))


def recall(connection: sqlite3.Connection, pipeline: str) -> Mapping[str, ContentHash] | None:
    """The parts of the pipeline's context; ``None`` where an earlier version has read everything last."""
    text = notes.read(connection, f"{_NOTE}{pipeline}")
    known = connection.execute("SELECT context_hash FROM pipelines WHERE name = ?", (pipeline,)).fetchone()
    if text is None or known is None:
        return None
    note = json.loads(text)
    if note["context"] != known["context_hash"]:
        return None
    parts: dict[str, ContentHash] = note["parts"]
    return parts
