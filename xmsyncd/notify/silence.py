"""Whether a pipeline has been silent for too long: a cycle was due, and none ended or read anything since."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from xmsyncd.notify.picture import Condition, Kind
from xmsyncd.schedule import due_after
from xmsyncd.settings import ScheduleSettings

# With the ten minutes between two cycles this is the hour of the alert XmsyncdNothingRan.
_LATE: Final = timedelta(minutes=50)

_Seen = tuple[int, int, int, int]
"""The latest cycle's number, when it ended, and how many pages and items it has read."""


@dataclass(slots=True)
class _Still:
    seen: _Seen
    since: datetime
    by_monotonic: float
    has_moved: bool = False


class Silence:
    """Remembers, from look to look, since when each pipeline's cycles have not moved.

    It counts from the start of the process, and by both clocks: a machine that slept did not fall silent.
    """

    def __init__(self, schedules: Mapping[str, ScheduleSettings], zone: ZoneInfo) -> None:
        self._schedules = schedules
        self._zone = zone
        self._pipelines: dict[str, _Still] = {}

    def look(
        self, connection: sqlite3.Connection, known: Collection[str], now: datetime, monotonic: float
    ) -> list[Condition]:
        """The pipelines that are silent; one in ``known`` (by its key) stays so until its cycles move."""
        found: list[Condition] = []
        for name, schedule in self._schedules.items():
            still = self._still(connection, name, now, monotonic)
            one = Condition(Kind.SILENT, name, since=still.since)
            due = due_after(still.since, every=schedule.every, cron=schedule.cron, timezone=self._zone)
            is_late = due is not None and now - due >= _LATE
            has_waited = monotonic - still.by_monotonic >= _LATE.total_seconds()
            if (is_late and has_waited) or (one.key in known and not still.has_moved):
                found.append(one)
        return found

    def _still(self, connection: sqlite3.Connection, name: str, now: datetime, monotonic: float) -> _Still:
        row = connection.execute(
            """SELECT id, COALESCE(finished_ms, 0) AS finished_ms, pages, items_read FROM cycles
               WHERE pipeline = ? ORDER BY id DESC LIMIT 1""",
            (name,),
        ).fetchone()
        seen = (
            (0, 0, 0, 0) if row is None else (row["id"], row["finished_ms"], row["pages"], row["items_read"])
        )
        before = self._pipelines.get(name)
        if before is None or before.seen != seen:
            self._pipelines[name] = _Still(seen, now, monotonic, has_moved=before is not None)
        return self._pipelines[name]
