"""What was sent is counted from the attempts, by when and how it ended."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from xmsyncd.ledger import Ledger, pipelines
from xmsyncd.ledger.activity import activity
from xmsyncd.ledger.times import to_ms

NOW = datetime(2026, 11, 22, 4, 2, 30, tzinfo=UTC)
SLOT = timedelta(minutes=5)


def put(
    connection: sqlite3.Connection,
    ago: timedelta,
    outcome: str | None,
    *,
    operation: str = "create",
    pipeline: str = "products",
) -> None:
    at = to_ms(NOW - ago)
    connection.execute(
        "INSERT INTO attempts (pipeline, operation, claimed_ms, settled_ms, outcome) VALUES (?, ?, ?, ?, ?)",
        (pipeline, operation, at - 200, None if outcome is None else at, outcome),
    )


@pytest.fixture
async def ledger(tmp_path):
    async with Ledger(tmp_path / "ledger.db") as opened:
        await opened.write(pipelines.register, "products", "APP_X/FORM-1", "key")
        yield opened


async def test_calls_fall_into_the_slot_in_which_they_ended(ledger):
    def life(connection: sqlite3.Connection) -> None:
        put(connection, timedelta(hours=7), "delivered")  # too old
        put(connection, timedelta(minutes=7), "delivered")
        put(connection, timedelta(minutes=7), "delivered", operation="update")
        put(connection, timedelta(minutes=6), "throttled")
        put(connection, timedelta(minutes=1, seconds=1), "delivered")
        put(connection, timedelta(seconds=20), "delivered", pipeline="spares")
        put(connection, timedelta(seconds=10), "delivered")
        put(connection, timedelta(seconds=9), "returned")  # never sent
        put(connection, timedelta(seconds=-400), "refused")  # by a clock that was set back since
        put(connection, timedelta(0), None)  # on its way

    await ledger.write(life)
    found = await ledger.read(activity, "products", NOW, slot=SLOT, slots=3)
    assert found.start == datetime(2026, 11, 22, 3, 50, tzinfo=UTC)
    assert found.slots == ({}, {"create": 1, "update": 1, "throttled": 1}, {"create": 2, "refused": 1})
    assert found.last_minute == 1


async def test_nothing_was_ever_sent(ledger):
    found = await ledger.read(activity, "products", NOW, slot=SLOT, slots=2)
    assert (found.slots, found.last_minute) == (({}, {}), 0)


async def test_the_search_for_the_first_call_bears_holes_between_the_numbers(ledger):
    def life(connection: sqlite3.Connection) -> None:
        for minutes in range(100, 0, -1):
            put(connection, timedelta(minutes=minutes), "delivered")
        connection.execute("DELETE FROM attempts WHERE id % 7 IN (2, 3, 4) OR id BETWEEN 40 AND 55")

    await ledger.write(life)
    found = await ledger.read(activity, "products", NOW, slot=timedelta(minutes=1), slots=80)
    expected = await ledger.read(
        lambda connection: connection.execute(
            "SELECT count(*) FROM attempts WHERE settled_ms >= ?", (to_ms(found.start),)
        ).fetchone()[0]
    )
    assert sum(one.get("create", 0) for one in found.slots) == expected > 20
