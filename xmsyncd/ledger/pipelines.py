"""What is remembered of a pipeline as a whole: watermark, context, whether and why it stands still."""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import datetime, timedelta
from typing import Final

from xmsyncd.errors import LedgerUnusableError
from xmsyncd.ledger import documents, history, notes, rows
from xmsyncd.ledger.events import Orphaned
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.times import from_ms, to_ms
from xmsyncd.ledger.views import PipelineView, Stop
from xmsyncd.records import ContentHash, Operation, RecordId, StopReason

# The notes of a ledger that is an older copy and was not taken over yet: why, and since when.
_RESTORED: Final = "restored"
_RESTORED_MS: Final = "restored_ms"

# The note of whose products a pipeline has, by its name.
_ACCOUNT: Final = "okki account of "


def register(
    connection: sqlite3.Connection, name: str, form: str, key_component: str, *, account: str | None = None
) -> PipelineView:
    """Enter a pipeline of the configuration, or find it again.

    ``account`` names whose products these are (OKKI's client id; kept as a hash). Raises
    :class:`LedgerUnusableError` when the ledger knows the pipeline with another form, key component or
    account: everything it remembers would then be about something else.
    """
    known = connection.execute("SELECT form, key_component FROM pipelines WHERE name = ?", (name,)).fetchone()
    if known is None:
        connection.execute(
            "INSERT INTO pipelines (name, form, key_component) VALUES (?, ?, ?)", (name, form, key_component)
        )
        why, since = notes.read(connection, _RESTORED), notes.read(connection, _RESTORED_MS)
        if why is not None and since is not None:
            # The state that was lost may have had this pipeline, and created for it.
            _stop_restored(connection, name, why, from_ms(int(since)))
    elif (known["form"], known["key_component"]) != (form, key_component):
        raise LedgerUnusableError(
            f"the ledger remembers pipeline {name!r} with form {known['form']} and key component "
            f"{known['key_component']}, the configuration says {form} and {key_component}: give the pipeline "
            "another name, or start it with a ledger of its own"
        )
    if account is not None:
        _hold_to_account(connection, name, account)
    return view(connection, name)


def _hold_to_account(connection: sqlite3.Connection, name: str, account: str) -> None:
    note = f"{_ACCOUNT}{name}"
    known, now = notes.read(connection, note), _account_hash(account)
    if known is not None and known != now:
        raise LedgerUnusableError(
            f"the ledger remembers pipeline {name!r} with the products of another OKKI account "
            f"(another client "
            "id): with these it would take over what it does not know. If it is the same company with a new "
            f"client id, run `xmsyncd ledger rebind {name}`; if not, give the pipeline another "
            f"name, or start it "
            "with a ledger of its own"
        )
    if known is None:
        notes.write(connection, note, now)


def rebind(connection: sqlite3.Connection, name: str, account: str) -> bool:
    """The same company's products under a new client id; returns whether that is news.

    Raises ``KeyError`` for a pipeline that the ledger does not know.
    """
    view(connection, name)
    note = f"{_ACCOUNT}{name}"
    known = notes.read(connection, note)
    notes.write(connection, note, _account_hash(account))
    return known is not None and known != _account_hash(account)


def _account_hash(account: str) -> str:
    # An id, not a secret; hashed so that a ledger that is passed on does not tell it.
    return hashlib.blake2b(account.encode(), digest_size=16, person=b"xmsyncd account").hexdigest()


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
        reconciled_at=from_ms(row["reconciled_ms"]),
        search_lag=None if row["search_lag_ms"] is None else timedelta(milliseconds=row["search_lag_ms"]),
        stop=stop,
    )


def stop(connection: sqlite3.Connection, name: str, order: Stop) -> bool:
    """Let the pipeline stand still; returns whether it was running, or stood for another reason.

    The first reason's time is kept while the reason stays the same; its probe is put off. A stop that waits
    for a person is not displaced: what it displaced would end, and the pipeline run.
    """
    before = view(connection, name).stop
    if before is not None and before.reason.waits_for_a_person and before.reason is not order.reason:
        return False
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
    """Say when a stopped pipeline may try its next call; a restored one may not."""
    connection.execute(
        """UPDATE pipelines SET probe_ms = ?
           WHERE name = ? AND stop_reason IS NOT NULL AND stop_reason <> 'restored'""",
        (to_ms(probe_at), name),
    )


def stop_restored(connection: sqlite3.Connection, why: str, now: datetime) -> None:
    """Let every pipeline stand still, and each that is entered from now on: the ledger is an older copy."""
    notes.write(connection, _RESTORED, why)
    notes.write(connection, _RESTORED_MS, str(to_ms(now)))
    for row in connection.execute("SELECT name FROM pipelines ORDER BY name").fetchall():
        _stop_restored(connection, row["name"], why, now)


def _stop_restored(connection: sqlite3.Connection, name: str, why: str, now: datetime) -> None:
    detail = (
        f"this ledger does not know what was sent after it: {why}. OKKI is read, nothing is sent. "
        "Run `xmsyncd adopt`: it takes over what Yida holds, and then deliveries go on"
    )
    connection.execute(
        "UPDATE pipelines SET stop_reason = ?, stop_detail = ?, stopped_ms = ?, probe_ms = NULL "
        "WHERE name = ?",
        (StopReason.RESTORED, detail, to_ms(now), name),
    )
    history.note(connection, now, name, HistoryEvent.STOPPED, reason=StopReason.RESTORED, detail=detail)


def lift_restored(connection: sqlite3.Connection, name: str, now: datetime) -> bool:
    """What Yida holds is taken over: end a stop as restored; returns whether there was one. Safe to repeat.

    For the last transaction of adopt, which must have bound every instance of the form that is one of ours.
    """
    before = view(connection, name).stop
    if before is None or before.reason is not StopReason.RESTORED:
        return False
    resume(connection, name, now, by_person=True)
    left = connection.execute(
        "SELECT 1 FROM pipelines WHERE stop_reason = 'restored' AND name <> ? LIMIT 1", (name,)
    ).fetchone()
    if left is None:
        notes.strike(connection, _RESTORED)
        notes.strike(connection, _RESTORED_MS)
    return True


def resume(
    connection: sqlite3.Connection, name: str, now: datetime, *, by_person: bool = False
) -> StopReason | None:
    """End a stop; returns the reason it had, or ``None`` if the pipeline was running.

    One that waits for a person ends only ``by_person``: ``None`` as well. (A stop as restored is ended by
    :func:`lift_restored`.)
    """
    before = view(connection, name).stop
    if before is None or (before.reason.waits_for_a_person and not by_person):
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
