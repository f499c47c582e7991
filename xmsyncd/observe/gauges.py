"""The gauges: how things stand now, read from the ledger every few seconds, never counted along."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from xmsyncd.clock import Clock
from xmsyncd.ledger import Ledger, differences, queries
from xmsyncd.ledger import pipelines as ledger_pipelines
from xmsyncd.ledger.differences import DifferenceKind
from xmsyncd.ledger.queries import OldestAges
from xmsyncd.ledger.views import PipelineView
from xmsyncd.observe.labels import Api
from xmsyncd.observe.metrics import Metrics
from xmsyncd.observe.outages import VendorAway
from xmsyncd.observe.quota import Quota, QuotaReading, read_quota
from xmsyncd.records import StopReason

_EVERY = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class RateSource:
    """Where the rate of one limit is read: that of OKKI (endpoint ``all``) or of one call of DingTalk."""

    connection: str
    api: Api
    endpoint: str
    rate: Callable[[], float]


@dataclass(frozen=True, slots=True)
class SkewSource:
    """Where the offset of a vendor's clock is read (theirs minus ours; ``None``: not told yet)."""

    connection: str
    api: Api
    offset: Callable[[], timedelta | None]


@dataclass(frozen=True, slots=True)
class _Standing:
    view: PipelineView
    backlog: Mapping[str, int]
    ages: OldestAges
    gaps: int
    balance: int
    differences: Mapping[str, int]


class Gauges:
    """Refreshes the gauges of all pipelines and connections; one short read transaction each time."""

    def __init__(
        self,
        ledger: Ledger,
        metrics: Metrics,
        *,
        clock: Clock,
        pipelines: Sequence[str],
        quotas: Sequence[Quota] = (),
        rates: Sequence[RateSource] = (),
        skews: Sequence[SkewSource] = (),
        clock_told: Callable[[str, Api, timedelta], None] = lambda connection, api, offset: None,
        away: Callable[[], Sequence[VendorAway]] = tuple,
    ) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._clock = clock
        self._pipelines = tuple(pipelines)
        self._quotas = tuple(quotas)
        self._rates = tuple(rates)
        self.skews = tuple(skews)
        self._clock_told = clock_told
        self._away = away
        self._were_away: set[tuple[str, str]] = set()
        self._refreshed_at = clock.monotonic()

    def answered_within(self, silence: timedelta) -> bool:
        """Whether the ledger was read in the last so long: it answers, and the loop that asks it turns."""
        return self._clock.monotonic() - self._refreshed_at < silence.total_seconds()

    async def run(
        self, stopping: asyncio.Event, *, every: timedelta = _EVERY, also: Callable[[], None] = lambda: None
    ) -> None:
        """Refresh until asked to stop, once at the start and once at the end.

        ``also`` is called each time, for what has to happen now and then (``Events.summarise``). Raises
        ``LedgerError`` when the ledger cannot be read: the daemon then has no memory and must stop.
        """
        while not stopping.is_set():
            await self.refresh()
            also()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every.total_seconds()):
                    await stopping.wait()
        await self.refresh()

    async def refresh(self) -> None:
        """Read everything once and set every gauge."""
        now = self._clock.now()
        standings, quotas = await self._ledger.read(_look, self._pipelines, self._quotas, now)
        self._refreshed_at = self._clock.monotonic()
        for standing in standings:
            self._set_pipeline(standing)
        for reading in quotas:
            self._set_quota(reading)
        for source in self._rates:
            self._metrics.rate_limit.labels(source.connection, source.api, source.endpoint).set(source.rate())
        self._set_away()
        self.tell_clocks()

    def tell_clocks(self) -> None:
        """Say how far the vendors' clocks are from ours, by their latest answers."""
        for skew in self.skews:
            offset = skew.offset()
            if offset is not None:
                self._clock_told(skew.connection, skew.api, offset)

    def _set_away(self) -> None:
        away = {(one.connection, one.api): one.seconds for one in self._away()}
        for key in self._were_away | away.keys():
            self._metrics.vendor_away.labels(*key).set(away.get(key, 0))
        self._were_away = set(away)

    def _set_pipeline(self, standing: _Standing) -> None:
        metrics, view = self._metrics, standing.view
        for state, number in standing.backlog.items():
            metrics.backlog.labels(view.name, state).set(number)
        metrics.oldest_pending_age.labels(view.name).set(_seconds(standing.ages.pending))
        metrics.oldest_undecided_age.labels(view.name).set(_seconds(standing.ages.undecided))
        metrics.gaps.labels(view.name).set(standing.gaps)
        metrics.balance.labels(view.name).set(standing.balance)
        for kind in DifferenceKind:
            metrics.differences.labels(view.name, kind).set(standing.differences.get(kind, 0))
        for reason in StopReason:
            stopped = view.stop is not None and view.stop.reason is reason
            metrics.pipeline_stopped.labels(view.name, reason).set(1 if stopped else 0)
        if view.watermark is not None:
            metrics.watermark.labels(view.name).set(view.watermark.timestamp())
        if view.last_success_at is not None:
            metrics.last_success.labels(view.name).set(view.last_success_at.timestamp())

    def _set_quota(self, reading: QuotaReading) -> None:
        """A connection that is not metered has no limit, so only what it used is shown."""
        name = reading.quota.connection
        self._metrics.quota_used.labels(name).set(reading.used)
        if not reading.quota.limit:
            return
        self._metrics.quota_limit.labels(name).set(reading.quota.limit)
        at = reading.exhausted_at
        self._metrics.quota_exhaustion.labels(name).set(math.inf if at is None else at.timestamp())


def _look(
    connection: sqlite3.Connection, names: Sequence[str], quotas: Sequence[Quota], now: datetime
) -> tuple[list[_Standing], list[QuotaReading]]:
    standings = [
        _Standing(
            view=ledger_pipelines.view(connection, name),
            backlog=queries.backlog(connection, name),
            ages=queries.oldest_ages(connection, name, now),
            gaps=len(queries.gaps(connection, name)),
            balance=queries.last_balance(connection, name),
            differences=differences.counts(connection, name),
        )
        for name in names
    ]
    return standings, [read_quota(connection, quota, now) for quota in quotas]


def _seconds(age: timedelta | None) -> float:
    return 0.0 if age is None else age.total_seconds()
