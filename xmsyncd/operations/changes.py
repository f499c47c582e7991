"""What records would change in Yida, component by component: for ``approve``, ``plan`` and ``preview``."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from xmsyncd.ledger import documents
from xmsyncd.operations.runtime import PipelineRuntime
from xmsyncd.records import RecordId


def changes_of(
    connection: sqlite3.Connection, ids: Sequence[RecordId], labels: Mapping[str, str]
) -> list[dict[str, Any]]:
    """``[{"key", "source_id", "decision", "reason", "changes": [{"component", "label", "old", "new"}]}]``.

    Where it is not known what Yida holds, or where it holds nothing yet, every component is a change.
    """
    found = []
    for record_id in ids:
        row = connection.execute(
            """SELECT r.key, r.source_id, r.decision, r.block_reason, c.content, c.delivered
               FROM records r JOIN contents c ON c.record_id = r.id WHERE r.id = ?""",
            (record_id,),
        ).fetchone()
        new = documents.load(row["content"]) or {}
        old = {} if row["delivered"] is None else documents.load(row["delivered"])
        found.append(
            {
                "key": row["key"],
                "source_id": row["source_id"],
                "decision": row["decision"],
                "reason": row["block_reason"],
                "changes": differing(old, new, labels),
            }
        )
    return found


def differing(
    old: Mapping[str, Any], new: Mapping[str, Any], labels: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The components in which two contents differ, in the order of the mapping."""
    return [
        {"component": name, "label": labels.get(name, ""), "old": old.get(name), "new": new.get(name)}
        for name in {**new, **old}
        if old.get(name) != new.get(name)
    ]


def labels_of(pipeline: PipelineRuntime) -> dict[str, str]:
    """What people call the components, by id."""
    return {one.field: one.label for one in pipeline.settings.written if one.label}
