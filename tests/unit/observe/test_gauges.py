"""The gauges say what the ledger holds."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.observe.conftest import NOW, claim, entry, settle, stage
from xmsyncd.flow.quota import MonthUse
from xmsyncd.ledger import cycles, meters, pipelines
from xmsyncd.ledger.views import Stop
from xmsyncd.observe.events import Events
from xmsyncd.observe.gauges import Gauges, RateSource, SkewSource
from xmsyncd.observe.labels import Api
from xmsyncd.observe.quota import Quota, forecast, month_bounds
from xmsyncd.records import Family, RejectionReason, StopReason
from xmsyncd.transport.classify import Verdict
from xmsyncd.transport.reply import Reply
from xmsyncd.yida import wire


@pytest.fixture
def gauges(ledger, metrics, clock):
    return Gauges(
        ledger,
        metrics,
        clock=clock,
        pipelines=["products"],
        quotas=[Quota("main", 5000, 250), Quota("free", 0, 0)],
        rates=[RateSource("main", Api.DINGTALK, "start", lambda: 18.5)],
        skews=[
            SkewSource("main", Api.OKKI, lambda: timedelta(seconds=-2)),
            SkewSource("main", Api.DINGTALK, lambda: None),
        ],
        clock_told=Events(metrics).clock_told,
    )


async def test_gauges_show_backlog_ages_times_and_stops(ledger, metrics, gauges, clock):
    await ledger.write(stage, entry(1), entry(2), entry(3), entry(4, rejected=RejectionReason.REQUIRED))
    delivered, doubtful = await ledger.write(claim, NOW, 2)
    await ledger.write(settle, delivered, Family.DELIVERED)
    await ledger.write(settle, doubtful, Family.UNDECIDED)
    await ledger.write(pipelines.stop, "products", Stop(StopReason.PERMISSION, "", NOW, None))
    for _ in range(3):
        await ledger.write(cycles.note_unproven, "products", NOW - timedelta(hours=1), NOW, limit=3, now=NOW)
    clock.moment = NOW + timedelta(minutes=10)
    await gauges.refresh()

    def value(name, **labels):
        return metrics.registry.get_sample_value(f"xmsyncd_{name}", {"pipeline": "products", **labels})

    counted = {
        state: value("backlog_records", state=state) for state in ("delivered", "undecided", "pending")
    }
    assert counted == {"delivered": 1, "undecided": 1, "pending": 1}
    assert value("backlog_records", state="rejected") == 1
    assert value("backlog_records", state="parked") == 0
    assert value("oldest_pending_age_seconds") == 600
    assert value("oldest_undecided_age_seconds") == 600
    assert value("watermark_timestamp_seconds") == NOW.timestamp()
    assert value("last_success_timestamp_seconds") == NOW.timestamp() + 3
    assert value("gaps") == 1
    assert value("balance_records") == 0
    assert value("pipeline_stopped", reason="permission") == 1
    await ledger.write(pipelines.resume, "products", NOW)
    await gauges.refresh()
    assert value("pipeline_stopped", reason="permission") == 0


async def test_a_vendor_is_away_until_it_answers(ledger, metrics, events, clock):
    gauges = Gauges(ledger, metrics, clock=clock, pipelines=[], away=events.vendors_away)

    async def away() -> Any:
        await gauges.refresh()
        labels = {"connection": "main", "api": "dingtalk"}
        return metrics.registry.get_sample_value("xmsyncd_vendor_away_seconds", labels)

    def token(family: Family) -> None:
        verdict = Verdict(family=family, code="systemBusy")
        events.answer_judged("main", "dingtalk", wire.TOKEN, Reply(status=503), verdict)

    assert await away() == 0
    token(Family.TRY_LATER)
    clock.seconds = 400.0
    assert await away() == 0  # one call that failed is no outage, however long ago it was
    token(Family.TRY_LATER)
    assert await away() == 400
    (one,) = events.vendors_away()
    assert (one.failed, one.causes) == (2, {"systemBusy": 2})
    token(Family.DELIVERED)
    assert await away() == 0


def used(calls: int, reserve_used: int = 0) -> MonthUse:
    return MonthUse(QUOTA.limit, QUOTA.reserve, calls, reserve_used)


async def test_gauges_show_rate_skew_and_quota_of_connections(ledger, metrics, gauges):
    await ledger.write(meters.count, "main", "2026-11", "create", 100, from_reserve=False)
    await ledger.write(meters.count, "free", "2026-11", "create", 7, from_reserve=False)
    await gauges.refresh()

    def value(name, **labels):
        return metrics.registry.get_sample_value(f"xmsyncd_{name}", labels)

    assert value("quota_calls_used", connection="main") == 100
    assert value("quota_calls_limit", connection="main") == 5000
    assert value("quota_exhaustion_timestamp_seconds", connection="main") == math.inf
    assert value("quota_calls_used", connection="free") == 7
    assert value("quota_calls_limit", connection="free") is None
    assert value("rate_limit_per_second", connection="main", api="dingtalk", endpoint="start") == 18.5
    assert value("clock_skew_seconds", connection="main", api="okki") == -2
    assert value("clock_skew_seconds", connection="main", api="dingtalk") is None


async def test_gauges_are_refreshed_at_the_start_and_once_more_at_the_end(ledger, metrics, gauges):
    stopping = asyncio.Event()
    refreshed = asyncio.Event()
    running = asyncio.create_task(gauges.run(stopping, every=timedelta(hours=1), also=refreshed.set))
    await refreshed.wait()
    await ledger.write(stage, entry(1))
    stopping.set()
    await running
    labels = {"pipeline": "products", "state": "pending"}
    assert metrics.registry.get_sample_value("xmsyncd_backlog_records", labels) == 1


QUOTA = Quota("main", 5000, 250)
MIDDLE = datetime(2026, 11, 16, tzinfo=UTC)


def test_a_forecast_goes_on_as_the_month_went_so_far():
    begin, end = month_bounds(MIDDLE)
    assert (begin, end) == (datetime(2026, 10, 31, 16, tzinfo=UTC), datetime(2026, 11, 30, 16, tzinfo=UTC))
    spent_at = forecast(used(3800), MIDDLE)
    assert spent_at == MIDDLE + (MIDDLE - begin) * 0.25
    assert forecast(used(1000), MIDDLE) is None


def test_what_is_spent_up_to_the_reserve_is_spent_now():
    assert forecast(used(4750), MIDDLE) == MIDDLE


def test_the_first_hour_of_a_month_is_no_pace():
    first = datetime(2026, 10, 31, 17, tzinfo=UTC)
    assert forecast(used(100), first) is None
    assert forecast(used(0), first) is None
    assert forecast(MonthUse(used=100), first) is None


def test_december_ends_with_the_year():
    assert month_bounds(datetime(2026, 12, 31, 17, tzinfo=UTC))[0] == datetime(2026, 12, 31, 16, tzinfo=UTC)


async def test_it_is_known_since_when_the_ledger_is_silent(gauges, clock):
    """What feeds systemd's watchdog."""
    await gauges.refresh()
    assert gauges.answered_within(timedelta(minutes=3))
    clock.seconds += 180
    assert not gauges.answered_within(timedelta(minutes=3))
    await gauges.refresh()
    assert gauges.answered_within(timedelta(minutes=3))
