"""When trouble that goes on is told: seldom, growing seldomer, and once more when it is over.

Pure decisions over a clock that is passed in (monotonic seconds). Every failure is counted by its metric all
the same; only the lines are fewer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

# In multiples of the interval: trouble this young may pass by itself; this old, a person should look.
_YOUNG = 1 / 6
_OLD = 5.0
# A line comes after 1, 2, 4, 8, 15, 15 … intervals.
_SELDOMEST = 15
# A call that was in trouble and is not made any more keeps nobody from saying that the vendor is back.
_FORGOTTEN = 5.0
# An outage in which nothing was tried for longer (waits grow to ten minutes) may be over for all we know.
_UNKNOWN_AFTER_SECONDS = 3600.0
_MOST_CAUSES = 20
_OTHER_CAUSE = "other"


class OutageStage(StrEnum):
    """What a line about a vendor says."""

    HICCUP = "hiccup"
    """Calls failed, and others went through: no outage."""
    AWAY = "away"
    STILL_AWAY = "still_away"
    BACK = "back"


@dataclass(frozen=True, slots=True)
class OutageLine:
    """One line to be written: ``failed`` calls by cause over ``seconds``.

    Of a hiccup the numbers are those since the last line, of an outage those since its beginning.
    """

    stage: OutageStage
    seconds: float
    failed: int
    causes: Mapping[str, int]
    endpoints: tuple[str, ...]
    needs_a_person: bool = False


@dataclass(frozen=True, slots=True)
class VendorAway:
    """An outage that goes on: calls of one kind fail, and none of them has succeeded.

    ``began`` is how many seconds ago the first of them failed, ``seconds`` the time from then to the latest:
    what is known for sure, however seldom it is tried.
    """

    api: str
    connection: str
    began: float
    seconds: float
    failed: int
    causes: Mapping[str, int]


class Turns:
    """Lets one line about a thing through at a time, the next ones ever later; counts what it held back."""

    def __init__(self, every: timedelta) -> None:
        self._every_seconds = every.total_seconds()
        self._told_at: float | None = None
        self._lines = 0
        self.held_back = 0

    def take(self, now: float) -> bool:
        """Whether a line may be written now; if so, it counts as written."""
        if self._told_at is not None and now - self._told_at > 2 * _SELDOMEST * self._every_seconds:
            self._lines = 0  # that was another time
        factor = min(2 ** max(self._lines - 1, 0), _SELDOMEST)
        if self._told_at is not None and now - self._told_at < self._every_seconds * factor:
            self.held_back += 1
            return False
        self._told_at = now
        self._lines += 1
        self.held_back = 0
        return True

    def begin_again(self, now: float | None = None) -> None:
        """It is over: the next line may come after one interval, from ``now`` where one was written."""
        self._lines = min(self._lines, 1)
        if now is not None:
            self._told_at = now


@dataclass(slots=True)
class _Streak:
    since: float
    last: float


@dataclass(slots=True)
class _Vendor:
    turns: Turns
    streaks: dict[str, _Streak] = field(default_factory=dict)
    failed: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    endpoints: set[str] = field(default_factory=set)
    counted_since: float = 0.0
    away_since: float | None = None

    def forget(self) -> None:
        self.failed = 0
        self.causes.clear()
        self.endpoints.clear()
        self.away_since = None


class Outages:
    """What is known of each vendor's connection; ``key`` names one, ``endpoint`` a kind of call.

    An outage is a kind of call that fails without one success for a sixth of ``every`` and longer.
    """

    def __init__(self, every: timedelta) -> None:
        self._every = every
        self._seconds = every.total_seconds()
        self._vendors: dict[tuple[str, str], _Vendor] = {}

    def failed(self, key: tuple[str, str], endpoint: str, cause: str, now: float) -> OutageLine | None:
        """A call failed in a way that may pass."""
        vendor = self._vendors.get(key)
        if vendor is None:
            vendor = self._vendors[key] = _Vendor(Turns(self._every))
        if not vendor.failed:
            vendor.counted_since = now
        vendor.failed += 1
        is_known = cause in vendor.causes or len(vendor.causes) < _MOST_CAUSES
        vendor.causes[cause if is_known else _OTHER_CAUSE] += 1
        vendor.endpoints.add(endpoint)
        streak = vendor.streaks.setdefault(endpoint, _Streak(now, now))
        streak.last = now
        return self._away(vendor, now)

    def answered(self, key: tuple[str, str], endpoint: str, now: float, *, token: str) -> OutageLine | None:
        """A call was answered by the vendor itself, which also proves the call for the token."""
        vendor = self._vendors.get(key)
        if vendor is None or not vendor.failed:
            return None
        vendor.streaks.pop(endpoint, None)
        vendor.streaks.pop(token, None)
        for name, streak in list(vendor.streaks.items()):
            if now - streak.last >= _FORGOTTEN * self._seconds:
                del vendor.streaks[name]
        if vendor.streaks:
            return None
        if vendor.away_since is None:
            return self._hiccup(vendor, now)
        line = self._line(vendor, OutageStage.BACK, now - vendor.away_since)
        vendor.turns.begin_again(now)
        vendor.forget()
        return line

    def due(self, now: float) -> Iterator[tuple[tuple[str, str], OutageLine]]:
        """Lines that time alone made due."""
        for key, vendor in self._vendors.items():
            line = None
            if vendor.streaks:
                line = self._away(vendor, now)
            elif vendor.failed:
                line = self._hiccup(vendor, now)
            if line is not None:
                yield key, line

    def away(self, now: float) -> list[VendorAway]:
        """The outages that go on at this moment."""
        found: list[VendorAway] = []
        for (api, connection), vendor in self._vendors.items():
            known = [one for one in vendor.streaks.values() if now - one.last < _UNKNOWN_AFTER_SECONDS]
            longest = max(known, key=lambda one: one.last - one.since, default=None)
            if longest is None or longest.last - longest.since < _YOUNG * self._seconds:
                continue
            lasted = longest.last - longest.since
            found.append(
                VendorAway(api, connection, now - longest.since, lasted, vendor.failed, dict(vendor.causes))
            )
        return found

    def take_turn(self, key: tuple[str, str], now: float) -> bool:
        """Whether something else about this connection (a cycle that failed for it) may be said now."""
        vendor = self._vendors.get(key)
        if vendor is None:
            vendor = self._vendors[key] = _Vendor(Turns(self._every))
        return vendor.turns.take(now)

    def _away(self, vendor: _Vendor, now: float) -> OutageLine | None:
        since = min(streak.since for streak in vendor.streaks.values())
        lasted = now - since
        if lasted < _YOUNG * self._seconds or not vendor.turns.take(now):
            return None
        stage = OutageStage.AWAY if vendor.away_since is None else OutageStage.STILL_AWAY
        if vendor.away_since is None:
            vendor.away_since = since
        return self._line(vendor, stage, now - vendor.away_since)

    def _hiccup(self, vendor: _Vendor, now: float) -> OutageLine | None:
        if not vendor.turns.take(now):
            return None
        line = self._line(vendor, OutageStage.HICCUP, now - vendor.counted_since)
        vendor.turns.begin_again()
        vendor.forget()
        return line

    def _line(self, vendor: _Vendor, stage: OutageStage, seconds: float) -> OutageLine:
        is_old = seconds >= _OLD * self._seconds and stage is not OutageStage.BACK
        return OutageLine(
            stage,
            seconds,
            vendor.failed,
            dict(vendor.causes),
            tuple(sorted(vendor.endpoints)),
            needs_a_person=is_old and stage is not OutageStage.HICCUP,
        )
