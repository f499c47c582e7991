"""What counts as wrong: by a ledger with a life behind it, by outages, and by cycles that stand still."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Collection
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.unit.observe.conftest import FORM, NOW, claim, entry, settle, stage
from xmsyncd.ledger import Ledger, cycles, pipelines
from xmsyncd.ledger.times import to_ms
from xmsyncd.ledger.views import Stop
from xmsyncd.notify.picture import Condition, Kind, Limits, away_conditions, conditions
from xmsyncd.notify.silence import Silence
from xmsyncd.observe.outages import VendorAway
from xmsyncd.records import Family, StopReason
from xmsyncd.settings import ScheduleSettings

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LIMITS = Limits(30 * MINUTE, timedelta(days=3))


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with Ledger(tmp_path / "ledger.db") as opened:
        await opened.write(pipelines.register, "products", FORM, "key")
        yield opened


async def wrong(ledger: Ledger, after: timedelta, known: Collection[str] = ()) -> list[Condition]:
    return await ledger.read(conditions, ["products"], [], LIMITS, NOW + after, known)


async def test_a_record_that_waits_too_long_is_told_of_with_since_when(ledger):
    await ledger.write(stage, entry(1))
    assert await wrong(ledger, 40 * MINUTE) == []
    assert await wrong(ledger, 41 * MINUTE) == [Condition(Kind.BACKLOG, "products", since=NOW)]


async def test_a_call_that_is_undecided_for_too_long_is_told_of(ledger):
    await ledger.write(stage, entry(1))
    (one,) = await ledger.write(claim)
    await ledger.write(settle, one, Family.UNDECIDED)
    assert await wrong(ledger, 35 * MINUTE) == []
    assert await wrong(ledger, 36 * MINUTE) == [Condition(Kind.UNDECIDED, "products", since=NOW)]


async def test_what_follows_from_a_stop_is_no_news_but_does_not_recover_by_it(ledger):
    await ledger.write(stage, entry(1))
    await ledger.write(pipelines.stop, "products", Stop(StopReason.PERMISSION, "", NOW, None))
    assert [one.kind for one in await wrong(ledger, HOUR)] == [Kind.STOPPED]
    told = {Condition(Kind.BACKLOG, "products").key}
    assert [one.kind for one in await wrong(ledger, HOUR, told)] == [Kind.STOPPED, Kind.BACKLOG]


async def test_a_cycle_that_does_not_balance_is_told_of_until_one_does(ledger):
    first = await ledger.write(stage)
    await ledger.write(_balance, first, -2)
    assert await wrong(ledger, MINUTE) == [Condition(Kind.BALANCE, "products", detail="-2")]
    await ledger.write(stage)
    assert await wrong(ledger, MINUTE) == []


async def test_a_record_that_is_found_twice_is_told_of_for_an_hour(ledger):
    await ledger.write(stage, entry(1))
    await ledger.write(_instance, "i-1", "bound", "created")
    await ledger.write(_instance, "i-2", "double", "adopted")  # whoever adopts is shown them
    assert await wrong(ledger, MINUTE) == []
    await ledger.write(_instance, "i-3", "double", "found")
    assert await wrong(ledger, MINUTE) == [Condition(Kind.DOUBLE, "products", number=1)]
    assert Kind.DOUBLE not in [one.kind for one in await wrong(ledger, HOUR)]


def _balance(connection: sqlite3.Connection, cycle_id: int, balance: int) -> None:
    connection.execute("UPDATE cycles SET balance = ? WHERE id = ?", (balance, cycle_id))


def _instance(connection: sqlite3.Connection, instance_id: str, role: str, origin: str) -> None:
    connection.execute(
        """INSERT INTO instances (form, instance_id, record_id, pipeline, key, origin, role, created_ms)
           SELECT form, ?, id, pipeline, 'P-1', ?, ?, ? FROM records""",
        (instance_id, origin, role, to_ms(NOW)),
    )


def test_a_vendor_is_told_of_after_five_minutes_and_then_until_it_is_back():
    def away(seconds: float) -> VendorAway:
        return VendorAway("dingtalk", "main", seconds + 10, seconds, 14, {"systemBusy": 12, "lost": 2})

    assert away_conditions([away(300)], (), NOW) == []
    (one,) = away_conditions([away(301)], (), NOW)
    assert one == Condition(
        Kind.AWAY, "dingtalk main", since=NOW - timedelta(seconds=311), detail="systemBusy 12×, lost 2×"
    )
    # After a restart an outage begins anew, and is no news.
    assert [known.key for known in away_conditions([away(20)], {one.key}, NOW)] == [one.key]


class Watch:
    """Looks at a pipeline's cycles, at times that are told in minutes since the start."""

    def __init__(self, ledger: Ledger, schedule: ScheduleSettings) -> None:
        self._ledger = ledger
        self._silence = Silence({"products": schedule}, ZoneInfo("Asia/Shanghai"))

    async def is_silent(self, minute: int, *, known: bool = False, awake: int | None = None) -> bool:
        told = {"silent:products"} if known else set()
        seconds = 60.0 * (minute if awake is None else awake)
        return bool(await self._ledger.read(self._silence.look, told, NOW + minute * MINUTE, seconds))


EVERY = ScheduleSettings(every=10 * MINUTE)


async def test_nothing_ran_for_an_hour(ledger):
    watch = Watch(ledger, EVERY)
    assert [await watch.is_silent(minute) for minute in (0, 59, 60)] == [False, False, True]
    await ledger.write(stage)
    assert [await watch.is_silent(minute, known=True) for minute in (61, 120, 121)] == [False, False, True]


async def test_a_long_read_that_goes_on_is_no_silence(ledger):
    watch = Watch(ledger, EVERY)
    cycle_id = await ledger.write(cycles.begin, "products", cycles.CycleKind.FULL, None, NOW, NOW)
    for page in range(6):
        await ledger.write(cycles.progress, cycle_id, cycles.CycleCounts(pages=page, items_read=page))
        assert not await watch.is_silent(50 * page)


async def test_a_pipeline_that_is_due_seldom_is_not_silent_before(ledger):
    nightly = Watch(ledger, ScheduleSettings(cron="0 20 * * *"))  # NOW is noon there
    assert [await nightly.is_silent(minute) for minute in (0, 60 * 8 + 49, 60 * 8 + 50)] == [
        False,
        False,
        True,
    ]


async def test_a_machine_that_slept_has_not_fallen_silent(ledger):
    watch = Watch(ledger, EVERY)
    assert not await watch.is_silent(0)
    assert not await watch.is_silent(600, awake=5)


async def test_a_restart_alone_is_no_recovery(ledger):
    await ledger.write(stage)
    watch = Watch(ledger, EVERY)
    assert await watch.is_silent(0, known=True)
    await ledger.write(stage)
    assert not await watch.is_silent(1, known=True)
