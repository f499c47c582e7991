"""What records would change in Yida, component by component: for ``approve``, ``plan`` and ``preview``."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from xmsyncd.ledger import documents
from xmsyncd.ledger.holdings import holding_of
from xmsyncd.ledger.sameness import Holding, need_of
from xmsyncd.operations.runtime import PipelineRuntime
from xmsyncd.records import Content, RecordId


def changes_of(
    connection: sqlite3.Connection, ids: Sequence[RecordId], labels: Mapping[str, str]
) -> list[dict[str, Any]]:
    """``[{"key", "source_id", "decision", "reason", "changes": [{"component", "label", "old", "new"}]}]``.

    Where it is not known what Yida holds, or where it holds nothing yet, every component is a change.
    """
    found = []
    for record_id in ids:
        row = connection.execute(
            """SELECT r.key, r.source_id, r.decision, r.block_reason, c.content, c.delivered,
                   c.left_in_yida
               FROM records r JOIN contents c ON c.record_id = r.id WHERE r.id = ?""",
            (record_id,),
        ).fetchone()
        new = documents.load(row["content"]) or {}
        found.append(
            {
                "key": row["key"],
                "source_id": row["source_id"],
                "decision": row["decision"],
                "reason": row["block_reason"],
                "changes": differing(holding_of(row), new, labels),
            }
        )
    return found


def differing(holding: Holding | None, new: Content, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """The components of ``new`` that would come to hold something else, in the order of the mapping.

    What is mapped no more stays in Yida as it is.
    """
    return [
        {
            "component": name,
            "label": labels.get(name, ""),
            "old": None if holding is None else holding.value(name),
            "new": value,
        }
        for name, value in new.items()
        if (value is not None if holding is None else need_of(name, value, holding) is not None)
    ]


def labels_of(pipeline: PipelineRuntime) -> dict[str, str]:
    """What people call the components, by id."""
    return {one.field: one.label for one in pipeline.settings.written if one.label}
