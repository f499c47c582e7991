"""Times that a clock which was ahead has left in the ledger."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

from tests.unit.ledger import sample
from tests.unit.ledger.sample import NOW, claim, draft_entry, stage
from xmsyncd.ledger import clocks, looks, pipelines
from xmsyncd.ledger.clocks import LongestWaits
from xmsyncd.ledger.times import to_ms
from xmsyncd.ledger.views import Stop
from xmsyncd.records import StopReason

HOUR = timedelta(hours=1)
WAITS = LongestWaits(retry=HOUR, look=2 * HOUR, probe=HOUR)


def pull(db: sqlite3.Connection) -> int:
    expected = clocks.has_future(db, "products", WAITS, NOW)
    pulled = clocks.pull_in(db, "products", WAITS, NOW)
    assert bool(pulled) == expected
    assert clocks.pull_in(db, "products", WAITS, NOW) == 0
    return pulled


def due(db: sqlite3.Connection, lane: str) -> timedelta | None:
    at = looks.next_due(db, "products", lane)
    return None if at is None else at - NOW


def put_off(db: sqlite3.Connection, by: timedelta, tries: int) -> None:
    at_ms = int((NOW + by).timestamp() * 1000)
    db.execute("UPDATE records SET due_ms = ?, tries = ?", (at_ms, tries))


def test_what_was_staged_by_a_fast_clock_is_due_now(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K"), now=NOW + timedelta(minutes=45))
    assert pull(db) == 1
    assert due(db, "create") == timedelta(0)


def test_a_retry_within_its_longest_back_off_is_left_alone(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K"))
    put_off(db, HOUR, tries=3)
    assert pull(db) == 0
    put_off(db, 2 * HOUR, tries=3)
    assert pull(db) == 1
    assert due(db, "create") == timedelta(0)


def test_a_doubt_that_was_sent_in_the_future_is_looked_for_as_if_it_were_sent_now(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K"))
    ahead = NOW + timedelta(minutes=45)
    claim(db, now=ahead)
    pipelines.recover(db, "products", timedelta(seconds=5), ahead)
    assert pull(db) == 1
    (look,) = sample.due_looks(db, NOW)
    assert look.sent_at == NOW
    assert db.execute("SELECT settled_ms FROM attempts").fetchone()[0] == to_ms(NOW)


def test_a_probe_beyond_the_longest_wait_is_due_now_but_not_that_of_a_spent_quota(db: sqlite3.Connection):
    far = NOW + timedelta(days=20)
    pipelines.stop(db, "products", Stop(StopReason.QUOTA, "", NOW, far))
    assert pull(db) == 0
    pipelines.stop(db, "products", Stop(StopReason.PERMISSION, "", NOW, far))
    assert pull(db) == 1
    stop = pipelines.view(db, "products").stop
    assert stop is not None
    assert stop.probe_at == NOW


def test_nothing_ahead_is_nothing_to_do(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K"))
    assert pull(db) == 0
    assert db.execute("SELECT count(*) FROM history WHERE event = 'pulled_in'").fetchone()[0] == 0
