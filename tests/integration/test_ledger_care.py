"""Full, read-only, restored: a clear stop, nothing half-written, nothing lost or doubled."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import shutil
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.integration.test_commands import Commands
from tests.scenario import KEY, DaemonProcess, states, wait_until, write_configuration
from tests.simulator_process import SimulatorProcess
from tests.world import World, application, until
from xmsyncd.clock import SystemClock
from xmsyncd.errors import LedgerError, LedgerStorageError, StoppedError
from xmsyncd.ledger.backup import back_up
from xmsyncd.ledger.reading import ReadingLedger
from xmsyncd.operations.ledger_care import check
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.server import Simulator

PRODUCTS = 400

# Room for the daemon's log, and none for its ledger.
_LARGEST_FILE = 100_000


def _no_page_more(connection: sqlite3.Connection) -> None:
    """As a disk that is full: SQLite answers SQLITE_FULL as soon as the file would grow."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")


def _read_only(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA query_only = ON")


async def _violations(ledger: Path) -> dict[str, int]:
    async with ReadingLedger(ledger) as opened:
        *_, result = [told async for told in check(opened, SystemClock().now())]
        return {one["rule"]: one["count"] for one in result["rules"]}


def _known_keys(ledger: Path) -> set[str]:
    """The keys of every create that the ledger says may have been sent."""
    with contextlib.closing(sqlite3.connect(ledger)) as connection:
        return {
            row[0]
            for row in connection.execute(
                """SELECT r.key FROM attempt_records r JOIN attempts a ON a.id = r.attempt_id
                   WHERE a.operation = 'create' AND COALESCE(a.outcome, '') <> 'returned'"""
            )
        }


@pytest.mark.parametrize(("fault", "words"), [(_no_page_more, "disk is full"), (_read_only, "written to")])
async def test_a_ledger_that_fails_in_the_middle_stops_the_daemon_and_nothing_is_lost_or_doubled(
    tmp_path: Path, fault: Callable[[sqlite3.Connection], None], words: str
) -> None:
    async with Simulator(
        SimulatorOptions(products=PRODUCTS, latency=timedelta(milliseconds=200))
    ) as simulated:
        with pytest.raises(LedgerStorageError, match=words) as raised:
            await _fails_in_the_middle(tmp_path, simulated, fault)
        assert "start again" in str(raised.value)
        assert str(tmp_path / "xmsyncd.db") in str(raised.value)

        ledger = tmp_path / "xmsyncd.db"
        sent = _in_yida(simulated)
        assert 40 <= len(sent) < PRODUCTS
        assert sent <= _known_keys(ledger), "nothing was sent that is not recorded"
        assert await _violations(ledger) == {}

        async with application(tmp_path, simulated) as again:
            await again.sync(wait=60)

            async def all_is_in() -> bool:
                return await again.states() == {"delivered": PRODUCTS}

            await until(all_is_in, "the second one carries on")
            verdict = again.verdict()
            assert verdict["agrees"], verdict
            assert verdict["doubled"] == []
        assert await _violations(ledger) == {}


async def _fails_in_the_middle(
    folder: Path, simulated: Simulator, fault: Callable[[sqlite3.Connection], None]
) -> None:
    async with application(folder, simulated, dingtalk={"requests_per_second": 100}) as here:
        syncing = asyncio.ensure_future(_sync_until_stopped(here))
        await until(lambda: here.calls("start") > 40, "deliveries are going")
        await here.app.runtime.ledger.write(fault)
        await asyncio.wait_for(here.app.runtime.stopping.wait(), 20)
        await syncing


async def _sync_until_stopped(here: World) -> None:
    with contextlib.suppress(StoppedError, LedgerError):
        await here.sync(wait=60)


def _in_yida(simulated: Simulator) -> set[str]:
    return {str(one.latest.data()[KEY]) for one in simulated.form.store}


async def test_a_real_daemon_whose_file_may_not_grow_any_more_ends_and_its_successor_carries_on(
    tmp_path: Path,
) -> None:
    """RLIMIT_FSIZE is met by the kernel's own write error (EFBIG), even for root."""
    with SimulatorProcess(products=PRODUCTS, latency=0.2) as simulated:
        config = write_configuration(tmp_path, simulated, dingtalk={"requests_per_second": 100})
        ledger = tmp_path / "xmsyncd.db"
        with DaemonProcess(config) as daemon:
            wait_until(lambda: simulated.count("start") > 40, 30, "deliveries are going", every=0.05)
            assert daemon.log.stat().st_size < _LARGEST_FILE // 2
            resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (_LARGEST_FILE, resource.RLIM_INFINITY))
            assert daemon.wait(40) not in (0, 143)
        told = daemon.log.read_text(encoding="utf-8")
        assert "LedgerStorageError" in told
        assert "cannot be read or written" in told or "disk is full" in told
        sent = simulated.count("start")
        assert 40 < sent < PRODUCTS
        assert await _violations(ledger) == {}
        with DaemonProcess(config) as daemon:
            wait_until(lambda: bool(simulated.oracle()["agrees"]), 60, "Yida agrees with OKKI", every=0.5)
            wait_until(lambda: _quietly(ledger), 30, "nothing is in doubt any more", every=0.5)
            assert daemon.terminate() == 143
        verdict = simulated.oracle()
        assert verdict["doubled"] == verdict["missing"] == []
        assert states(ledger) == {"delivered": PRODUCTS}


def test_a_sync_that_meets_a_full_disk_says_so_in_one_sentence(tmp_path: Path) -> None:
    with SimulatorProcess(products=PRODUCTS, latency=0.2) as simulated:
        commands = Commands(tmp_path, simulated)
        commands.configure(dingtalk={"requests_per_second": 100})
        with commands.start("sync") as process:
            wait_until(lambda: simulated.count("start") > 40, 30, "deliveries are going", every=0.05)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (_LARGEST_FILE, resource.RLIM_INFINITY))
            out, err = process.communicate(timeout=40)
        assert process.returncode == 4, err
        assert out == ""
        [error] = [line for line in err.splitlines() if line.startswith("error: ")]
        assert str(commands.ledger) in error
        assert "start again" in error
        assert "Traceback" not in err
        again = commands.json("sync")["pipelines"][0]
        assert again["backlog"] == {"delivered": PRODUCTS}
        verdict = simulated.oracle()
        assert verdict["agrees"]
        assert verdict["doubled"] == []


def _quietly(ledger: Path) -> bool:
    """Whether every record is delivered, seen from beside by a connection that only reads."""
    with contextlib.closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT state, count(*) FROM records GROUP BY state").fetchall()
    return [row[0] for row in rows] == ["delivered"]


# A restored copy


async def test_a_backup_put_back_a_day_late_sends_nothing_and_reads_on(tmp_path: Path) -> None:
    ledger = tmp_path / "xmsyncd.db"
    async with Simulator(SimulatorOptions(products=30)) as simulated:
        async with application(tmp_path, simulated) as here:
            await here.sync(limit=10)
            back_up(ledger, tmp_path / "backup.db", now=SystemClock().now())
            await here.sync()
            assert await here.states() == {"delivered": 30}
        shutil.copy(tmp_path / "backup.db", ledger)
        simulated.counters.reset()
        async with application(tmp_path, simulated) as restored:
            result = await restored.sync(wait=5)
            assert result["stop"]["reason"] == "restored"
            assert "xmsyncd adopt" in result["stop"]["detail"]
            assert result["cycle"]["result"] == "done", "reading goes on"
            assert result["backlog"] == {"delivered": 10, "pending": 20}
            await restored.sync(wait=5)
            assert restored.calls("start", "update", "search", "get") == 0
            assert restored.calls("list") > 0
            assert restored.verdict()["doubled"] == []


async def test_a_plain_copy_put_back_sends_nothing_either_whatever_a_person_presses(tmp_path: Path) -> None:
    ledger = tmp_path / "xmsyncd.db"
    async with Simulator(SimulatorOptions(products=30)) as simulated:
        async with application(tmp_path, simulated) as here:
            await here.sync(limit=10)
        shutil.copy(ledger, tmp_path / "copy.db")
        async with application(tmp_path, simulated) as here:
            await here.sync()
        shutil.copy(tmp_path / "copy.db", ledger)
        simulated.counters.reset()
        for bootstrap in (False, True):
            async with application(tmp_path, simulated, bootstrap=bootstrap) as restored:
                await restored.sync(full=True, wait=3)
                assert (await restored.query("SELECT stop_reason FROM pipelines"))[0] == {
                    "stop_reason": "restored"
                }
        assert restored.calls("start", "update") == 0
        assert restored.verdict()["doubled"] == []


async def test_what_was_in_doubt_in_a_restored_copy_waits_until_it_is_taken_over(tmp_path: Path) -> None:
    ledger = tmp_path / "xmsyncd.db"
    async with Simulator(SimulatorOptions(products=12)) as simulated:
        async with application(tmp_path, simulated) as here:
            await here.sync(limit=6)
            simulated.faults.add("lost_reset", operation="start")
            await here.read()

            async def is_in_doubt() -> bool:
                return (await here.states()).get("undecided", 0) > 0

            await until(is_in_doubt, "some are in doubt")
            back_up(ledger, tmp_path / "backup.db", now=SystemClock().now())
        shutil.copy(tmp_path / "backup.db", ledger)
        simulated.counters.reset()
        async with application(tmp_path, simulated) as restored:
            await asyncio.sleep(2)  # longer than the first look would wait
            assert restored.calls("start", "update", "search", "get") == 0
            assert await is_doubtful(restored)


async def is_doubtful(here: World) -> bool:
    return (await here.states()).get("undecided", 0) > 0
