"""The life of records and pipelines: one row for each thing that happened, written with what it changed."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from enum import StrEnum
from typing import Any

from xmsyncd.ledger import documents
from xmsyncd.ledger.times import to_ms
from xmsyncd.records import RecordId


class HistoryEvent(StrEnum):
    """Everything that is ever written to the history."""

    STAGED = "staged"
    REJECTED = "rejected"
    WAITING = "waiting"
    HELD = "held"
    APPROVED = "approved"
    ACCEPTED = "accepted"
    WOKEN = "woken"
    ORPHANED = "orphaned"
    LOOKED = "looked"
    FOUND = "found"
    DOUBLE = "double"
    RESENT = "resent"
    SUSPECTED = "suspected"
    PARKED = "parked"
    ACQUITTED = "acquitted"
    RETRIED = "retried"
    RESEND_ORDERED = "resend_ordered"
    DISCARDED = "discarded"
    STOPPED = "stopped"
    RESUMED = "resumed"
    RUN_ASKED = "run_asked"
    SEARCH_PROVEN = "search_proven"
    BOOTSTRAPPED = "bootstrapped"
    ADOPTED = "adopted"
    RECONCILED = "reconciled"
    DRIFTED = "drifted"
    DELETED = "deleted"
    RESTORED = "restored"
    FILTERED = "filtered"
    PULLED_IN = "pulled_in"
    WATERMARK_PULLED_BACK = "watermark_pulled_back"


def note(
    connection: sqlite3.Connection,
    at: datetime,
    pipeline: str,
    event: HistoryEvent,
    record_id: RecordId | None = None,
    **detail: Any,
) -> None:
    """Write one row inside the caller's transaction. ``detail`` must be plain JSON and free of secrets."""
    connection.execute(
        "INSERT INTO history (at_ms, pipeline, record_id, event, detail) VALUES (?, ?, ?, ?, ?)",
        (to_ms(at), pipeline, record_id, event, documents.dump(detail)),
    )
