"""What is old is let go of in small steps; what explains a record, and what is open, stays."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.ledger import sample
from xmsyncd.ledger import Ledger, history, thinning
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.thinning import Thinned, thin
from xmsyncd.ledger.times import to_ms
from xmsyncd.operations.upkeep import Upkeep
from xmsyncd.records import Family
from xmsyncd.settings.connections import LedgerSettings

LATER = sample.NOW + timedelta(days=100)


def _passed(connection: sqlite3.Connection, what: Thinned, before: Any = LATER) -> tuple[int, int]:
    """Rows deleted by a whole pass, and in how many steps."""
    deleted = steps = 0
    after: int | None = 0
    while after is not None:
        step = thin(connection, what, after, before)
        assert step.deleted <= thinning.ROWS_PER_STEP
        deleted, after, steps = deleted + step.deleted, step.next_after, steps + 1
    return deleted, steps


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - constant


def test_of_each_record_the_latest_events_stay_whatever_their_age(db: sqlite3.Connection):
    sample.stage(db, sample.draft_entry("1", "K1"), sample.draft_entry("2", "K2"))
    first, second = (sample.record_id(db, one) for one in "12")
    for number in range(60):
        history.note(db, sample.NOW, "products", HistoryEvent.LOOKED, first, number=number)
    history.note(db, sample.NOW, "products", HistoryEvent.STOPPED)
    assert _passed(db, Thinned.HISTORY)[0] == 61 - 20 + 1
    left = db.execute("SELECT detail FROM history WHERE record_id = ? ORDER BY id", (first,)).fetchall()
    assert len(left) == 20
    assert left[-1]["detail"] == '{"number":59}'
    assert len(db.execute("SELECT 1 FROM history WHERE record_id = ?", (second,)).fetchall()) == 1
    assert _passed(db, Thinned.HISTORY)[0] == 0


def test_since_when_a_record_is_parked_stays_known(db: sqlite3.Connection):
    sample.stage(db, sample.draft_entry("1", "K1"))
    record = sample.record_id(db, "1")
    history.note(db, sample.NOW, "products", HistoryEvent.PARKED, record)
    history.note(db, sample.NOW, "products", HistoryEvent.PARKED, record)
    for _ in range(40):
        history.note(db, sample.NOW, "products", HistoryEvent.LOOKED, record)
    _passed(db, Thinned.HISTORY)
    parked = db.execute("SELECT count(*) FROM history WHERE event = 'parked'").fetchone()[0]
    assert parked == 1


def test_what_is_younger_than_the_setting_stays(db: sqlite3.Connection):
    sample.stage(db, sample.draft_entry("1", "K1"))
    for _ in range(60):
        history.note(db, sample.NOW, "products", HistoryEvent.LOOKED, sample.record_id(db, "1"))
    assert _passed(db, Thinned.HISTORY, sample.NOW)[0] == 0


def test_attempts_that_are_open_or_named_or_the_latest_stay(db: sqlite3.Connection):
    sample.stage(db, sample.draft_entry("1", "K1"), sample.draft_entry("2", "K2"))
    sample.deliver_all(db)
    for number in range(30):
        sample.stage(db, sample.draft_entry("1", "K1", f"v{number}"))
        sample.deliver_all(db)
    sample.stage(db, sample.draft_entry("3", "K3"), sample.draft_entry("4", "K4"))
    doubtful = sample.open_doubt(db, "3")
    [on_its_way] = sample.claim(db)
    before = _count(db, "attempts")
    deleted, _ = _passed(db, Thinned.ATTEMPTS)
    assert deleted == 31 - thinning.ATTEMPTS_KEPT
    assert _count(db, "attempts") == before - deleted
    left = {row["id"] for row in db.execute("SELECT id FROM attempts")}
    assert {doubtful.attempt_id, on_its_way.attempt_id} <= left
    assert db.execute("SELECT max(id) FROM attempts").fetchone()[0] == on_its_way.attempt_id
    assert _count(db, "attempt_records") == len(left)
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    sample.settle(db, on_its_way, Family.DELIVERED)
    assert sample.states(db)["4"] == "delivered"


def test_the_latest_cycles_of_each_pipeline_stay_and_decisions_go_with_theirs(db: sqlite3.Connection):
    sample.open_pipeline(db, "others")
    for _ in range(80):
        sample.begin_cycle(db)
    db.execute("UPDATE cycles SET finished_ms = ? WHERE finished_ms IS NOT NULL", (to_ms(sample.NOW),))
    db.execute("INSERT INTO cycle_decisions SELECT id, 'create', 1 FROM cycles")
    assert _passed(db, Thinned.CYCLES)[0] == 81 - thinning.CYCLES_KEPT
    assert _count(db, "cycles") == thinning.CYCLES_KEPT + 1
    assert _count(db, "cycle_decisions") == thinning.CYCLES_KEPT + 1


def test_a_hundred_thousand_rows_go_in_steps_of_a_few_hundred(db: sqlite3.Connection):
    sample.stage(db, *(sample.draft_entry(str(number), f"K{number}") for number in range(1000)))
    db.execute("BEGIN")
    rows = ((to_ms(sample.NOW), 1 + number % 1000) for number in range(100_000))
    db.executemany(
        "INSERT INTO history (at_ms, pipeline, record_id, event) VALUES (?, 'products', ?, 'looked')", rows
    )
    db.execute("COMMIT")
    deleted, steps = _passed(db, Thinned.HISTORY)
    assert deleted == 101_000 - 20 * 1000
    assert 202 <= steps <= 204
    assert _passed(db, Thinned.HISTORY)[0] == 0


@pytest.mark.parametrize("what", Thinned)
def test_no_step_scans_a_table_for_each_row(db: sqlite3.Connection, what: Thinned):
    sample.stage(db, sample.draft_entry("1", "K1"))
    sample.deliver_all(db)
    statements: list[str] = []
    db.set_trace_callback(statements.append)
    thin(db, what, 0, LATER)
    db.set_trace_callback(None)
    for statement in statements:
        if statement.lstrip().startswith(("SELECT", "DELETE")):
            plan = [row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}")]
            scans = [
                one
                for one in plan
                if one.startswith("SCAN") and not one.startswith(("SCAN (", "SCAN CONSTANT"))
            ]
            assert not scans, plan


def test_deleting_an_attempt_asks_for_its_record_by_an_index(db: sqlite3.Connection):
    plan = db.execute("EXPLAIN QUERY PLAN SELECT 1 FROM records WHERE attempt_id = 1").fetchall()
    assert "records_attempt" in plan[0]["detail"]


# The task


class _Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> Any:
        return LATER

    def monotonic(self) -> float:
        self.seconds += 10
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


async def test_the_daemon_thins_between_the_work_of_others(tmp_path: Path):
    told: list[dict[str, int]] = []
    stopping = asyncio.Event()
    async with Ledger(tmp_path / "xmsyncd.db") as ledger:
        await ledger.write(sample.open_pipeline)
        await ledger.write(sample.stage, sample.draft_entry("1", "K1"))

        def much(connection: sqlite3.Connection) -> None:
            for _ in range(3000):
                history.note(
                    connection, sample.NOW, "products", HistoryEvent.LOOKED, sample.record_id(connection, "1")
                )

        await ledger.write(much)
        upkeep = Upkeep(
            ledger,
            LedgerSettings(keep_history="1d"),
            clock=_Clock(),
            thinned=lambda counts: told.append(dict(counts)),
            mark_every=timedelta(milliseconds=10),
            thin_every=timedelta(seconds=1),
            pause=timedelta(milliseconds=1),
        )
        task = asyncio.create_task(upkeep.run(stopping))
        while not told:
            await asyncio.sleep(0.01)
            await ledger.read(sample.states)
        stopping.set()
        await task
        assert told[0]["history"] == 3001 - 20
        assert ledger.identity.generation == 1


async def test_a_stop_ends_thinning_after_the_step_it_is_in(tmp_path: Path):
    stopping = asyncio.Event()
    stopping.set()
    async with Ledger(tmp_path / "xmsyncd.db") as ledger:
        await ledger.write(sample.open_pipeline)
        await ledger.write(sample.stage, sample.draft_entry("1", "K1"))

        def much(connection: sqlite3.Connection) -> None:
            for _ in range(2000):
                history.note(connection, sample.NOW, "products", HistoryEvent.STOPPED)

        await ledger.write(much)
        upkeep = Upkeep(
            ledger, LedgerSettings(keep_history="1d"), clock=_Clock(), thinned=lambda counts: None
        )
        assert (await upkeep.thin(stopping))["history"] < 501
