"""One connection in one thread: whole transactions, in order, also behind a cancelled caller's back."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.unit.ledger import sample
from xmsyncd.errors import LedgerHeldError, LedgerStorageError, LedgerUnusableError
from xmsyncd.ledger import Ledger
from xmsyncd.ledger.connection import path_of


async def test_what_was_sent_is_carried_out_although_its_caller_is_cancelled(ledger: Ledger):
    await ledger.write(sample.stage, sample.draft_entry("1", "K"))
    may_go_on = threading.Event()

    def slow_claim(connection: sqlite3.Connection) -> None:
        assert may_go_on.wait(10)
        sample.claim(connection)

    caller = asyncio.create_task(ledger.write(slow_claim))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    may_go_on.set()
    assert await ledger.read(sample.states) == {"1": "sending"}


async def test_a_waiting_transaction_of_a_cancelled_caller_is_carried_out_in_its_turn(ledger: Ledger):
    may_go_on = threading.Event()
    order: list[int] = []

    def note(connection: sqlite3.Connection, number: int) -> None:
        assert may_go_on.wait(10)
        order.append(number)

    callers = [asyncio.create_task(ledger.write(note, number)) for number in range(5)]
    await asyncio.sleep(0)
    callers[3].cancel()
    await asyncio.sleep(0)
    may_go_on.set()
    await asyncio.gather(*callers, return_exceptions=True)
    await ledger.read(sample.states)
    assert order == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("error", "heard"),
    [(LedgerStorageError("the disk is full"), []), (ZeroDivisionError(), [ZeroDivisionError])],
)
async def test_behind_a_cancelled_caller_a_failed_disk_is_left_to_the_next_and_a_fault_of_ours_is_told(
    ledger: Ledger, error: Exception, heard: list[type[Exception]]
):
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    may_go_on = threading.Event()

    def fail(_connection: sqlite3.Connection) -> None:
        assert may_go_on.wait(10)
        raise error

    caller = asyncio.create_task(ledger.write(fail))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    del caller
    may_go_on.set()
    await ledger.read(sample.states)
    gc.collect()  # an exception that nobody took is told when its future goes
    assert [type(one["exception"]) for one in told] == heard


async def test_a_transaction_that_fails_leaves_nothing_and_the_next_one_works(ledger: Ledger):
    def half(connection: sqlite3.Connection) -> None:
        sample.stage(connection, sample.draft_entry("1", "K"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ledger.write(half)
    assert await ledger.read(sample.states) == {}
    await ledger.write(sample.stage, sample.draft_entry("2", "K"))
    assert await ledger.read(sample.states) == {"2": "pending"}


async def test_a_broken_rule_of_the_schema_is_seen_as_it_is(ledger: Ledger):
    def break_it(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO keys (form, key, record_id) VALUES ('f', 'k', 99)")

    with pytest.raises(sqlite3.IntegrityError):
        await ledger.write(break_it)


async def test_everything_is_there_when_it_is_opened_again(tmp_path: Path):
    path = tmp_path / "xmsyncd.db"
    async with Ledger(path) as ledger:
        await ledger.write(sample.open_pipeline)
        await ledger.write(sample.stage, sample.draft_entry("1", "K"))
        with pytest.raises(LedgerHeldError):
            await Ledger(path).__aenter__()
    with pytest.raises(LedgerUnusableError, match="closed"):
        await ledger.read(sample.states)
    async with Ledger(path) as ledger:
        assert await ledger.read(sample.states) == {"1": "pending"}


async def test_it_is_safe_against_power_loss(ledger: Ledger):
    def pragmas(connection: sqlite3.Connection) -> tuple[object, ...]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)

    assert await ledger.read(pragmas) == ("wal", 2, 1)


@pytest.mark.parametrize(
    ("url", "path"),
    [("sqlite:///xmsyncd.db", "xmsyncd.db"), ("sqlite:////var/lib/xmsyncd.db", "/var/lib/xmsyncd.db")],
)
def test_a_url_names_a_relative_or_an_absolute_file(url: str, path: str):
    assert path_of(url) == Path(path)


async def test_only_its_owner_may_read_it(tmp_path: Path):
    path = tmp_path / "xmsyncd.db"
    async with Ledger(path) as ledger:
        await ledger.write(sample.open_pipeline)
        modes = await asyncio.to_thread(_modes, tmp_path)
    assert modes["xmsyncd.db"] == 0o600
    assert set(modes.values()) == {0o600}, modes


def _modes(folder: Path) -> dict[str, int]:
    return {one.name: one.stat().st_mode & 0o777 for one in folder.iterdir() if one.is_file()}
