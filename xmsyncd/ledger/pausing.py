"""A person lets a pipeline stand still, and go on: a stop like any other, but that nothing else lifts it."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from xmsyncd.ledger import history, pipelines
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.views import Stop
from xmsyncd.records import StopReason, StopSource


def pause(connection: sqlite3.Connection, name: str, *, by: str, now: datetime) -> Stop | None:
    """Send nothing more; returns the stop, or ``None`` where another waits for a person already.

    Safe to repeat. What is on its way is settled, and what is undecided is looked for all the same; what the
    pipeline stood still for before is found out again when it goes on.
    """
    detail = f"paused by a person ({by}); OKKI is read, nothing is sent before a person lets it go on"
    stop = Stop(StopReason.PAUSED, detail, now, None, StopSource.OURSELVES)
    pipelines.stop(connection, name, stop)  # its history says who
    standing = pipelines.view(connection, name).stop
    return standing if standing is not None and standing.reason is StopReason.PAUSED else None


def go_on(connection: sqlite3.Connection, name: str, *, by: str, now: datetime) -> bool:
    """End a pause; returns whether there was one. Any other stop is left alone. Safe to repeat."""
    standing = pipelines.view(connection, name).stop
    if standing is None or standing.reason is not StopReason.PAUSED:
        return False
    pipelines.resume(connection, name, now, by_person=True, by=by)
    return True


def note_run(connection: sqlite3.Connection, name: str, *, by: str, now: datetime) -> None:
    """A person asked for a cycle ahead of its time."""
    history.note(connection, now, name, HistoryEvent.RUN_ASKED, by=by)
