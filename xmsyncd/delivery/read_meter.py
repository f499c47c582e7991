"""Counts the calls that read from Yida, each before it goes, and keeps them within the reserve."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from xmsyncd.errors import ReserveSpentError
from xmsyncd.ledger import Ledger, meters
from xmsyncd.ledger.meters import Meter


class ReadMeter:
    """One connection's reads; implements what ``yida.writers`` asks of a ``CallMeter``.

    ``beyond_reserve``: for what may use all that is left of the month.
    """

    def __init__(self, ledger: Ledger, meter: Callable[[], Meter], *, beyond_reserve: bool = False) -> None:
        self._ledger = ledger
        self._meter = meter
        self._beyond_reserve = beyond_reserve

    async def take(self, kind: str) -> None:
        """Count one call that is about to be sent. Raises ReserveSpentError where none is left for it."""
        meter = self._meter()
        room = await self._ledger.write(meters.take_call, meter, kind, beyond_reserve=self._beyond_reserve)
        if room.calls <= 0:
            raise ReserveSpentError(meter.connection, room.reason)

    async def give_back(self, kind: str, calls: int) -> None:
        """What was taken and turned out not to be metered. Negative: what was metered and not taken."""
        meter = self._meter()
        await self._ledger.write(_count, meter, kind, -calls)


def _count(connection: sqlite3.Connection, meter: Meter, kind: str, calls: int) -> None:
    meters.count(connection, meter.connection, meter.month, kind, calls, from_reserve=True)
