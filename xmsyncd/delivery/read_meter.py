"""Counts the calls that read from Yida, each before it goes, and keeps them within their account."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from xmsyncd.errors import ReserveSpentError
from xmsyncd.flow.quota import Account
from xmsyncd.ledger import Ledger, meters
from xmsyncd.ledger.meters import Meter


class ReadMeter:
    """One connection's reads on one account; implements what ``yida.writers`` asks of a ``CallMeter``."""

    def __init__(self, ledger: Ledger, meter: Callable[[], Meter], account: Account = Account.LOOKS) -> None:
        self._ledger = ledger
        self._meter = meter
        self._account = account

    async def take(self, kind: str) -> None:
        """Count one call that is about to be sent. Raises ReserveSpentError where none is left for it."""
        meter = self._meter()
        room = await self._ledger.write(meters.take_call, meter, kind, self._account)
        if room.calls <= 0:
            raise ReserveSpentError(meter.connection, room.reason)

    async def give_back(self, kind: str, calls: int) -> None:
        """What was taken and turned out not to be metered. Negative: what was metered and not taken."""
        meter = self._meter()
        await self._ledger.write(_count, meter, kind, -calls, self._account)


def _count(connection: sqlite3.Connection, meter: Meter, kind: str, calls: int, account: Account) -> None:
    from_reserve = account is not Account.COMPARISONS
    meters.count(connection, meter.connection, meter.month, kind, calls, from_reserve=from_reserve)
