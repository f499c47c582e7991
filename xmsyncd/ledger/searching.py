"""Records that a person may mean: by a part of the number, of OKKI's id, of a name or of any text in them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

ROWS_PER_STEP: Final = 2_000
"""Records that one transaction looks at: some milliseconds, whatever is looked for."""


@dataclass(frozen=True, slots=True)
class Match:
    """``rank`` 0: the number, OKKI id or instance id itself; 1: a part of one; 2: a text in the record."""

    record_id: int
    rank: int
    source_id: str
    key: str | None
    state: str
    instance_id: str | None


def search(
    connection: sqlite3.Connection, pipeline: str, text: str, after: int
) -> tuple[list[Match], int | None]:
    """Look at the next records after a number; the matches, and where to go on (``None``: it is through).

    Capitals do not matter. An empty ``text`` matches nothing.
    """
    highest = connection.execute("SELECT coalesce(max(id), 0) FROM records").fetchone()[0]
    last = after + ROWS_PER_STEP
    rows = connection.execute(
        """SELECT r.id, r.source_id, r.key, r.state, r.instance_id, c.content, c.raw
           FROM records r JOIN contents c ON c.record_id = r.id
           WHERE r.id > :after AND r.id <= :last AND r.pipeline = :pipeline
               AND (r.source_id LIKE :like ESCAPE '!' OR r.key LIKE :like ESCAPE '!'
                   OR r.instance_id = :text OR c.content LIKE :quoted ESCAPE '!'
                   OR c.raw LIKE :quoted ESCAPE '!')""",
        {
            "after": after,
            "last": last,
            "pipeline": pipeline,
            "text": text,
            "like": _like(text),
            # As it stands inside of JSON.
            "quoted": _like(json.dumps(text, ensure_ascii=False)[1:-1]),
        },
    ).fetchall()
    found = [match for row in rows if (match := _match(row, text)) is not None] if text else []
    return found, last if last < highest else None


def _like(text: str) -> str:
    for special in "!%_":
        text = text.replace(special, f"!{special}")
    return f"%{text}%"


def _match(row: sqlite3.Row, text: str) -> Match | None:
    wanted = text.casefold()
    names = [one for one in (row["key"], row["source_id"], row["instance_id"]) if one is not None]
    if any(one.casefold() == wanted for one in names):
        rank = 0
    elif any(wanted in one.casefold() for one in names[:2]):
        rank = 1
    # The text may only have been the name of a component or a field.
    elif any(wanted in one.casefold() for part in ("content", "raw") for one in _texts(row[part])):
        rank = 2
    else:
        return None
    return Match(row["id"], rank, row["source_id"], row["key"], row["state"], row["instance_id"])


def _texts(document: str | None) -> Iterator[str]:
    """Every text that is a value somewhere in the document."""
    left: list[Any] = [] if document is None else [json.loads(document)]
    while left:
        match left.pop():
            case str(one):
                yield one
            case dict(one):
                left += one.values()
            case list(one):
                left += one
