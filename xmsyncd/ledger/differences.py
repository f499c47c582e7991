"""What the last comparison of ledger and Yida found: the report that stays until the next one."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from xmsyncd.ledger import documents, history
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.times import to_ms
from xmsyncd.records import InstanceId, RecordId


class DifferenceKind(StrEnum):
    """How ledger and Yida can disagree."""

    GONE = "gone"
    """The instance was deleted in Yida."""
    DIFFERENT = "different"
    """Yida holds other values than were delivered."""
    ENDED = "ended"
    """The process was terminated or broke off; whether it takes an update is not documented."""
    DOUBLED = "doubled"
    """A second instance for one record."""
    MISSING = "missing"
    """The instance is there by its id, and no search shows it."""
    EXTRA = "extra"
    """An instance that no record is delivered to."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of the report. ``detail``: by component what the ledger and what Yida holds, or a word why."""

    kind: DifferenceKind
    instance_id: InstanceId
    key: str
    record_id: RecordId | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


def replace_all(
    connection: sqlite3.Connection,
    pipeline: str,
    found: Sequence[Difference],
    now: datetime,
    *,
    event: HistoryEvent = HistoryEvent.RECONCILED,
    is_complete: bool = True,
) -> tuple[Difference, ...]:
    """The new report instead of the old one; ``is_complete``: the whole form was compared.

    Returns the doubles that are news: neither the old report had them, nor has a look met them.
    """
    known = {
        row["instance_id"]
        for row in connection.execute(
            """SELECT instance_id FROM differences WHERE pipeline = ? AND kind = 'doubled'
               UNION SELECT i.instance_id FROM instances i JOIN records r ON r.id = i.record_id
               WHERE r.pipeline = ? AND i.role = 'double'""",
            (pipeline, pipeline),
        )
    }
    connection.execute("DELETE FROM differences WHERE pipeline = ?", (pipeline,))
    connection.executemany(
        """INSERT INTO differences (pipeline, kind, record_id, instance_id, key, detail, found_ms)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        [
            (
                pipeline,
                one.kind,
                one.record_id,
                one.instance_id,
                documents.printable(one.key),
                documents.dump(dict(one.detail)),
                to_ms(now),
            )
            for one in found
        ],
    )
    if is_complete:
        connection.execute("UPDATE pipelines SET reconciled_ms = ? WHERE name = ?", (to_ms(now), pipeline))
    history.note(connection, now, pipeline, event, differences=counts(connection, pipeline))
    return tuple(one for one in found if one.kind is DifferenceKind.DOUBLED and one.instance_id not in known)


def counts(connection: sqlite3.Connection, pipeline: str) -> dict[str, int]:
    """How many of each kind; kinds without any are absent."""
    return {
        row["kind"]: row["number"]
        for row in connection.execute(
            "SELECT kind, count(*) AS number FROM differences WHERE pipeline = ? GROUP BY kind ORDER BY kind",
            (pipeline,),
        )
    }


def listed(connection: sqlite3.Connection, pipeline: str, limit: int) -> list[dict[str, Any]]:
    """The lines of the report, by kind, at most so many. Plain JSON."""
    return [
        {
            "kind": row["kind"],
            "key": row["key"],
            "source_id": row["source_id"],
            "instance_id": row["instance_id"],
            "detail": documents.load(row["detail"]),
        }
        for row in connection.execute(
            """SELECT d.kind, d.key, d.instance_id, d.detail, r.source_id FROM differences d
               LEFT JOIN records r ON r.id = d.record_id WHERE d.pipeline = ?
               ORDER BY d.kind, d.id LIMIT ?""",
            (pipeline, limit),
        )
    ]
