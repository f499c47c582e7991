"""What is remembered of a pipeline as a whole: watermark, context, whether and why it stands still."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from xmsyncd.errors import LedgerUnusableError
from xmsyncd.ledger import documents, history, rows
from xmsyncd.ledger.events import Orphaned
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.times import from_ms, to_ms
from xmsyncd.ledger.views import PipelineView, Stop
from xmsyncd.records import ContentHash, Operation, RecordId, StopReason


def register(connection: sqlite3.Connection, name: str, form: str, key_component: str) -> PipelineView:
    """Enter a pipeline of the configuration, or find it again.

    Raises :class:`LedgerUnusableError` when the ledger knows it with another form or key component:
    everything it remembers would then be about something else.
    """
    known = connection.execute("SELECT form, key_component FROM pipelines WHERE name = ?", (name,)).fetchone()
    if known is None:
        connection.execute(
            "INSERT INTO pipelines (name, form, key_component) VALUES (?, ?, ?)", (name, form, key_component)
        )
    elif (known["form"], known["key_component"]) != (form, key_component):
        raise LedgerUnusableError(
            f"the ledger remembers pipeline {name!r} with form {known['form']} and key component "
            f"{known['key_component']}, the configuration says {form} and {key_component}: give the pipeline "
            "another name, or start it with a ledger of its own"
        )
    return view(connection, name)


def view(connection: sqlite3.Connection, name: str) -> PipelineView:
    """The pipeline as the ledger knows it; raises ``KeyError`` for one that was never registered."""
    row = connection.execute("SELECT * FROM pipelines WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise KeyError(name)
    stop = None
    if row["stop_reason"] is not None:
        stop = Stop(
            StopReason(row["stop_reason"]),
            row["stop_detail"],
            from_ms(row["stopped_ms"]),
            from_ms(row["probe_ms"]),
        )
    return PipelineView(
        name=row["name"],
        form=row["form"],
        watermark=from_ms(row["watermark_ms"]),
        context_hash=None if row["context_hash"] is None else ContentHash(row["context_hash"]),
        last_full_at=from_ms(row["last_full_ms"]),
        last_success_at=from_ms(row["last_success_ms"]),
        bootstrap_at=from_ms(row["bootstrap_ms"]),
        search_proven_at=from_ms(row["search_proven_ms"]),
        checked_hash=row["checked_hash"],
        search_lag=None if row["search_lag_ms"] is None else timedelta(milliseconds=row["search_lag_ms"]),
        stop=stop,
    )


def stop(connection: sqlite3.Connection, name: str, order: Stop) -> bool:
    """Let the pipeline stand still; returns whether it was running, or stood for another reason.

    The first reason's time is kept while the reason stays the same; its probe is put off.
    """
    before = view(connection, name).stop
    if before is not None and before.reason is order.reason:
        connection.execute(
            "UPDATE pipelines SET probe_ms = ?, stop_detail = ? WHERE name = ?",
            (to_ms(order.probe_at), documents.printable(order.detail), name),
        )
        return False
    connection.execute(
        "UPDATE pipelines SET stop_reason = ?, stop_detail = ?, stopped_ms = ?, probe_ms = ? WHERE name = ?",
        (
            order.reason,
            documents.printable(order.detail),
            to_ms(order.stopped_at),
            to_ms(order.probe_at),
            name,
        ),
    )
    history.note(
        connection, order.stopped_at, name, HistoryEvent.STOPPED, reason=order.reason, detail=order.detail
    )
    return True


def put_off_probe(connection: sqlite3.Connection, name: str, probe_at: datetime) -> None:
    """Say when a stopped pipeline may try its next call."""
    connection.execute(
        "UPDATE pipelines SET probe_ms = ? WHERE name = ? AND stop_reason IS NOT NULL",
        (to_ms(probe_at), name),
    )


def resume(connection: sqlite3.Connection, name: str, now: datetime) -> StopReason | None:
    """End a stop; returns the reason it had, or ``None`` if the pipeline was running."""
    before = view(connection, name).stop
    if before is None:
        return None
    connection.execute(
        """UPDATE pipelines SET stop_reason = NULL, stop_detail = '', stopped_ms = NULL, probe_ms = NULL
           WHERE name = ?""",
        (name,),
    )
    history.note(connection, now, name, HistoryEvent.RESUMED, reason=before.reason)
    return before.reason


def bootstrap(connection: sqlite3.Connection, name: str, now: datetime, instances_in_form: int) -> None:
    """Allow the first create: the form is empty, or a person said that what is in it does not matter."""
    changed = connection.execute(
        "UPDATE pipelines SET bootstrap_ms = ? WHERE name = ? AND bootstrap_ms IS NULL", (to_ms(now), name)
    ).rowcount
    if changed:
        history.note(connection, now, name, HistoryEvent.BOOTSTRAPPED, instances_in_form=instances_in_form)


def prove_search(connection: sqlite3.Connection, name: str, now: datetime, lag: timedelta) -> bool:
    """Remember that a search shows what we create, and after how long; returns whether that was news."""
    changed = connection.execute(
        """UPDATE pipelines SET search_proven_ms = ?, search_lag_ms = ?
           WHERE name = ? AND search_proven_ms IS NULL""",
        (to_ms(now), lag // timedelta(milliseconds=1), name),
    ).rowcount
    if changed:
        history.note(
            connection, now, name, HistoryEvent.SEARCH_PROVEN, lag_seconds=round(lag.total_seconds(), 3)
        )
    return bool(changed)


def remember_form_checked(connection: sqlite3.Connection, name: str, mapping_hash: str) -> None:
    """Remember that every component of this mapping was found on the form."""
    connection.execute("UPDATE pipelines SET checked_hash = ? WHERE name = ?", (mapping_hash, name))


def recover(
    connection: sqlite3.Connection, name: str, first_look: timedelta, now: datetime, *, creates: bool = True
) -> int:
    """After a crash: what was on its way becomes undecided. Returns how many. Safe to repeat.

    ``first_look`` counts from sending. Without ``creates`` those are left to a person (``read_back: never``).
    Must run before the first claim of this process.
    """
    orphans = connection.execute(
        "SELECT id, operation, sent_ms, attempt_id FROM records WHERE pipeline = ? AND attempt = 'sending'",
        (name,),
    ).fetchall()
    for orphan in orphans:
        is_looked_for = creates or orphan["operation"] == Operation.UPDATE
        due_at = from_ms(orphan["sent_ms"]) + first_look if is_looked_for else None
        row = rows.load(connection, RecordId(orphan["id"]))
        rows.apply(connection, row, Orphaned(due_at), now)
        connection.execute(
            "UPDATE attempts SET outcome = 'orphaned', settled_ms = ? WHERE id = ?",
            (to_ms(now), orphan["attempt_id"]),
        )
        history.note(connection, now, name, HistoryEvent.ORPHANED, row.record_id)
    return len(orphans)
