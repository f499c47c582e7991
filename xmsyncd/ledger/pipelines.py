"""What is remembered of a pipeline as a whole: watermark, context, whether and why it stands still."""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import datetime, timedelta
from typing import Any, Final

from xmsyncd.errors import LedgerUnusableError
from xmsyncd.flow.quota import room_for_sends
from xmsyncd.ledger import documents, history, meters, notes, rows
from xmsyncd.ledger.events import Orphaned
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.meters import Meter
from xmsyncd.ledger.order import NEWEST_ATTEMPT
from xmsyncd.ledger.times import from_ms, to_ms
from xmsyncd.ledger.views import PipelineView, Stop
from xmsyncd.records import ContentHash, Operation, RecordId, StopReason, StopSource

# The notes of a ledger that is an older copy and was not taken over yet: why, and since when.
_RESTORED: Final = "restored"
_RESTORED_MS: Final = "restored_ms"

# The note of whose data a pipeline has, by its name.
_ACCOUNT: Final = "okki account of "
# The note of what a pipeline reads, by its name; ledgers from before other lists could be read have none.
_RESOURCE: Final = "okki resource of "
_FIRST_RESOURCE: Final = "product"


def register(
    connection: sqlite3.Connection,
    name: str,
    form: str,
    key_component: str,
    *,
    account: str | None = None,
    resource: str | None = None,
    target_connection: str = "",
) -> PipelineView:
    """Enter a pipeline of the configuration, or find it again.

    ``account`` names whose data these are (OKKI's client id; kept as a hash), ``resource`` which list of
    them. Raises :class:`LedgerUnusableError` when the ledger knows the pipeline with another form, key
    component, account or list: everything it remembers would then be about something else.
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
    if resource is not None:
        _hold_to_resource(connection, name, resource, is_new=known is None)
    connection.execute("UPDATE pipelines SET connection = ? WHERE name = ?", (target_connection, name))
    return view(connection, name)


def _hold_to_account(connection: sqlite3.Connection, name: str, account: str) -> None:
    note = f"{_ACCOUNT}{name}"
    known, now = notes.read(connection, note), _account_hash(account)
    if known is not None and known != now:
        raise LedgerUnusableError(
            f"the ledger remembers pipeline {name!r} with the data of another OKKI account "
            f"(another client "
            "id): with these it would take over what it does not know. If it is the same company with a new "
            f"client id, run `xmsyncd ledger rebind {name}`; if not, give the pipeline another "
            f"name, or start it "
            "with a ledger of its own"
        )
    if known is None:
        notes.write(connection, note, now)


def _hold_to_resource(connection: sqlite3.Connection, name: str, resource: str, *, is_new: bool) -> None:
    note = f"{_RESOURCE}{name}"
    known = notes.read(connection, note) or (resource if is_new else _FIRST_RESOURCE)
    if known != resource:
        raise LedgerUnusableError(
            f"the ledger remembers pipeline {name!r} with OKKI's list {known}, the configuration says "
            f"{resource} (source.resource): give the pipeline another name, or start it with a ledger of "
            "its own"
        )
    notes.write(connection, note, resource)


def rebind(connection: sqlite3.Connection, name: str, account: str) -> bool:
    """The same company's data under a new client id; returns whether that is news.

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
            StopSource(row["stop_source"]),
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
    for a person is not displaced: what it displaced would end, and the pipeline run. A shared stop concerns
    every pipeline of the connection that is running or stands for the same.
    """
    before = view(connection, name).stop
    if before is not None and before.reason.waits_for_a_person and before.reason is not order.reason:
        return False
    _stop_one(connection, name, order, before)
    if order.is_shared:
        for other in _neighbours(connection, name):
            standing = view(connection, other).stop
            if standing is None or standing.reason is order.reason:
                _stop_one(connection, other, order, standing)
    return before is None or before.reason is not order.reason


def _stop_one(connection: sqlite3.Connection, name: str, order: Stop, before: Stop | None) -> None:
    is_news = before is None or before.reason is not order.reason
    connection.execute(
        """UPDATE pipelines SET stop_reason = ?, stop_detail = ?, stop_source = ?, probe_ms = ?,
               stopped_ms = ? WHERE name = ?""",
        (
            order.reason,
            documents.printable(order.detail),
            order.source,
            to_ms(order.probe_at),
            to_ms(order.stopped_at if before is None or is_news else before.stopped_at),
            name,
        ),
    )
    if is_news:
        history.note(
            connection, order.stopped_at, name, HistoryEvent.STOPPED, reason=order.reason, detail=order.detail
        )


def _neighbours(connection: sqlite3.Connection, name: str) -> list[str]:
    """The other pipelines that write through the same connection."""
    found = connection.execute(
        """SELECT o.name FROM pipelines p JOIN pipelines o ON o.connection = p.connection
           WHERE p.name = ? AND p.connection <> '' AND o.name <> p.name""",
        (name,),
    )
    return [row["name"] for row in found.fetchall()]


def put_off_probe(connection: sqlite3.Connection, name: str, probe_at: datetime) -> None:
    """Say when a stopped pipeline may try its next call; one that waits for a person may not."""
    connection.execute(
        """UPDATE pipelines SET probe_ms = ?
           WHERE name = ? AND stop_reason NOT IN ('restored', 'adopting', 'paused')""",
        (to_ms(probe_at), name),
    )


def take_probe(connection: sqlite3.Connection, name: str, now: datetime, every: timedelta) -> bool:
    """Whether a stopped pipeline may try one call now; if so the next may come only ``every`` later.

    All who would try ask here (a lane by its claim), so that they cost one call together; a shared stop is
    tried by one pipeline for all.
    """
    standing = view(connection, name).stop
    if standing is None or standing.probe_at is None or standing.probe_at > now:
        return False
    for one in (name, *(_sharing(connection, name, standing))):
        put_off_probe(connection, one, now + every)
        connection.execute("UPDATE pipelines SET probed_ms = ? WHERE name = ?", (to_ms(now), one))
    return True


def _sharing(connection: sqlite3.Connection, name: str, standing: Stop) -> list[str]:
    if not standing.is_shared:
        return []
    return [
        other
        for other in _neighbours(connection, name)
        if (their := view(connection, other).stop) is not None
        and their.is_shared
        and their.reason is standing.reason
    ]


def probe_at_start(connection: sqlite3.Connection, name: str, now: datetime, every: timedelta) -> None:
    """A process begins: whoever started it may have mended the cause, so a stopped pipeline tries at once.

    Unless it has just tried: a supervisor that starts it again and again must not cost a call each time.
    """
    row = connection.execute("SELECT probed_ms FROM pipelines WHERE name = ?", (name,)).fetchone()
    last = from_ms(row["probed_ms"])
    # A last time in the future is that of a clock that was wrong.
    put_off_probe(connection, name, now if last is None or last > now else max(now, last + every))


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
    connection: sqlite3.Connection, name: str, now: datetime, *, by_person: bool = False, by: str = ""
) -> StopReason | None:
    """End a stop; returns the reason it had, or ``None`` if the pipeline was running.

    One that waits for a person ends only ``by_person``: ``None`` as well. (A stop as restored is ended by
    :func:`lift_restored`.) A shared stop ends for all that share it.
    """
    before = view(connection, name).stop
    if before is None or (before.reason.waits_for_a_person and not by_person):
        return None
    for one in (name, *_sharing(connection, name, before)):
        connection.execute(
            """UPDATE pipelines SET stop_reason = NULL, stop_detail = '', stopped_ms = NULL, probe_ms = NULL
               WHERE name = ?""",
            (one,),
        )
        said: dict[str, Any] = {"by": by} if by else {}
        history.note(connection, now, one, HistoryEvent.RESUMED, reason=before.reason, **said)
    return before.reason


def end_quota_stop(
    connection: sqlite3.Connection, name: str, meter: Meter, now: datetime
) -> StopReason | None:
    """End a stop for want of calls, by our own count, once there are some: a new month, a higher limit."""
    standing = view(connection, name).stop
    if standing is None or not standing.is_own_quota or room_for_sends(meters.use(connection, meter)) <= 0:
        return None
    return resume(connection, name, now)


def told_spent(connection: sqlite3.Connection, target_connection: str) -> bool:
    """Whether the vendor says that the month's calls of a connection are spent, as far as was tried."""
    found = connection.execute(
        """SELECT 1 FROM pipelines WHERE connection = ? AND stop_reason = ? AND stop_source <> ? LIMIT 1""",
        (target_connection, StopReason.QUOTA, StopSource.OURSELVES),
    )
    return found.fetchone() is not None


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
            f"""UPDATE attempts SET outcome = 'orphaned', settled_ms = ?, settled_after = {NEWEST_ATTEMPT}
                WHERE id = ?""",  # noqa: S608 - constant
            (to_ms(now), orphan["attempt_id"]),
        )
        history.note(connection, now, name, HistoryEvent.ORPHANED, row.record_id)
    return len(orphans)
