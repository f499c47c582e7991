"""The simulation's clocks: ours, and OKKI's, which may run ahead or behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from zoneinfo import ZoneInfo


class SimulatedClock:
    """Wall and monotonic time in seconds; OKKI's clock is the wall clock plus an offset."""

    def __init__(
        self,
        *,
        offset: timedelta = timedelta(0),
        timezone: str = "Asia/Shanghai",
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.offset = offset
        self.zone = ZoneInfo(timezone)
        self.wall = wall
        self.monotonic = monotonic

    def okki_now(self) -> int:
        """OKKI's clock in whole epoch seconds: its update times have no finer resolution."""
        return int(self.wall() + self.offset.total_seconds())

    def okki_date_header(self) -> str:
        return format_datetime(datetime.fromtimestamp(self.okki_now(), UTC), usegmt=True)

    def text(self, epoch_seconds: float) -> str:
        """`YYYY-MM-DD HH:MM:SS` in the vendors' zone."""
        return datetime.fromtimestamp(int(epoch_seconds), self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def minute_text(self, epoch_seconds: float) -> str:
        """`YYYY-MM-DDTHH:MMZ`: times of Yida instances look so in an example of the vendor's SDK."""
        return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%dT%H:%MZ")

    def epoch(self, text: str) -> tuple[int, bool]:
        """Epoch seconds of `YYYY-MM-DD[ HH:MM:SS]` in the vendors' zone, and whether only a date was given.

        Raises ValueError for any other shape.
        """
        only_date = len(text) == len("2026-01-01")
        shape = "%Y-%m-%d" if only_date else "%Y-%m-%d %H:%M:%S"
        parsed = datetime.strptime(text, shape).replace(tzinfo=self.zone)
        return int(parsed.timestamp()), only_date

    def month(self) -> str:
        """The calendar month in the vendors' zone, as the quota counts it."""
        return datetime.fromtimestamp(self.wall(), self.zone).strftime("%Y-%m")
