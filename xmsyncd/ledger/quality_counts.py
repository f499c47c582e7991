"""What the rules of quality found, summed up for ``quality report``."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any

from xmsyncd.ledger.quality import HOUR_MS
from xmsyncd.ledger.queries import iso
from xmsyncd.ledger.times import to_ms

Json = dict[str, Any]


def summed(connection: sqlite3.Connection, pipeline: str, since: datetime | None) -> list[Json]:
    """Of each rule and field ``seen, warned, fixed, rejected`` and the last ``sample`` that broke it.

    Rules of one kind about one field differ by ``demand_hash``, "" for what an older version counted of all
    of them together; ``demand`` are its words. ``since`` counts from the beginning of its hour.
    """
    since_ms = 0 if since is None else to_ms(since) // HOUR_MS * HOUR_MS
    found = connection.execute(
        # With max() alone, SQLite takes the other plain columns from the row that has it.
        """SELECT component, rule, demand_hash, demand, sum(seen) AS seen, sum(warned) AS warned,
               sum(fixed) AS fixed, sum(rejected) AS rejected, max(sample_ms) AS sample_ms, sample,
               sample_source_id
           FROM quality_counts WHERE pipeline = ? AND hour_ms >= ? GROUP BY component, rule, demand_hash""",
        (pipeline, since_ms),
    ).fetchall()
    return [
        {
            "component": row["component"],
            "rule": row["rule"],
            "demand_hash": row["demand_hash"],
            "demand": row["demand"],
            "seen": row["seen"],
            "warned": row["warned"],
            "fixed": row["fixed"],
            "rejected": row["rejected"],
            "sample": row["sample"],
            "sample_key": _key_of(connection, pipeline, row["sample_source_id"]),
            "sample_at": None if row["sample_ms"] is None else iso(row["sample_ms"]),
        }
        for row in found
    ]


def standing(connection: sqlite3.Connection, pipeline: str) -> list[Json]:
    """How many records are rejected now, by ``component`` ("" for the record as a whole) and ``reason``.

    ``demand_hash`` is that of the rule that rejected them, "" where no rule did or none is known.
    """
    found = connection.execute(
        """SELECT COALESCE(r.rejection_component, '') AS component, r.rejection AS reason,
               CASE WHEN json_valid(c.findings) AND json_extract(c.findings, '$[#-1].result') = 'rejected'
                   THEN COALESCE(json_extract(c.findings, '$[#-1].demand_hash'), '') ELSE ''
               END AS demand_hash, count(*) AS number
           FROM records r LEFT JOIN contents c ON c.record_id = r.id
           WHERE r.pipeline = ? AND r.state = 'rejected' GROUP BY 1, 2, 3 ORDER BY 4 DESC""",
        (pipeline,),
    )
    return [dict(row) for row in found]


def _key_of(connection: sqlite3.Connection, pipeline: str, source_id: str | None) -> str | None:
    """What to ask ``explain`` for: the key of the record, or OKKI's id while it has none."""
    if source_id is None:
        return None
    row = connection.execute(
        "SELECT key FROM records WHERE pipeline = ? AND source_id = ?", (pipeline, source_id)
    ).fetchone()
    return source_id if row is None or not row["key"] else str(row["key"])
