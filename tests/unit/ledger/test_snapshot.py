"""A snapshot holds what the ledger holds, and what happens in it leaves the ledger as it is."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import pytest

from tests.unit.ledger.sample import open_pipeline
from xmsyncd.errors import LedgerUnusableError
from xmsyncd.ledger import Ledger, notes
from xmsyncd.ledger.lock import beside
from xmsyncd.ledger.snapshot import Snapshot


def files_of(folder: Path) -> dict[str, str]:
    """By name, but for what SQLite keeps of locks: even a reader writes there."""
    files = [one for one in sorted(folder.iterdir()) if not one.name.endswith("-shm")]
    return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in files}


async def test_beside_a_writer_it_is_of_one_moment_and_writes_nowhere(tmp_path: Path):
    async with Ledger(tmp_path / "xmsyncd.db") as ledger:
        await ledger.write(open_pipeline)
        await ledger.write(notes.write, "colour", "red")
        before = files_of(tmp_path)
        async with Snapshot(ledger.path) as snapshot:
            assert await snapshot.read(notes.read, "colour") == "red"
            await snapshot.write(notes.write, "colour", "blue")
            assert await snapshot.read(notes.read, "colour") == "blue"
            assert files_of(tmp_path) == before
            assert await ledger.read(notes.read, "colour") == "red"
            await ledger.write(notes.write, "shape", "round")
            assert await snapshot.read(notes.read, "shape") is None
        assert await ledger.read(notes.read, "colour") == "red"


async def test_a_quiet_ledger_stays_as_it_is_to_the_byte_and_no_file_appears(tmp_path: Path):
    async with Ledger(tmp_path / "xmsyncd.db") as ledger:
        await ledger.write(open_pipeline)
    before = files_of(tmp_path)
    async with Snapshot(ledger.path, is_quiet=True) as snapshot:
        await snapshot.write(notes.write, "colour", "blue")
        assert files_of(tmp_path) == before
    assert files_of(tmp_path) == before


async def test_without_a_ledger_it_is_an_empty_one_and_none_is_made(tmp_path: Path):
    async with Snapshot(tmp_path / "xmsyncd.db", is_quiet=True) as snapshot:
        await snapshot.write(open_pipeline)
        assert snapshot.identity.restored is None
    assert not files_of(tmp_path)


async def test_what_a_dead_process_has_left_in_the_log_is_part_of_it(tmp_path: Path):
    path = tmp_path / "xmsyncd.db"
    async with Ledger(path) as ledger:
        await ledger.write(open_pipeline)
        await ledger.write(notes.write, "colour", "red")
        copy = tmp_path / "dead"
        copy.mkdir()
        for suffix in ("", "-wal"):
            (copy / f"xmsyncd.db{suffix}").write_bytes(beside(path, suffix).read_bytes())
    async with Snapshot(copy / "xmsyncd.db", is_quiet=True) as snapshot:
        assert await snapshot.read(notes.read, "colour") == "red"


async def test_an_older_copy_is_taken_for_one(tmp_path: Path):
    path = tmp_path / "xmsyncd.db"
    async with Ledger(path) as ledger:
        await ledger.write(open_pipeline)
    old = path.read_bytes()
    async with Ledger(path):
        pass
    path.write_bytes(old)
    async with Snapshot(path, is_quiet=True) as snapshot:
        assert snapshot.identity.restored
        stopped = await snapshot.read(
            lambda connection: connection.execute("SELECT stop_reason FROM pipelines").fetchone()[0]
        )
    assert stopped == "restored"


async def test_a_database_of_another_program_is_refused(tmp_path: Path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(LedgerUnusableError, match="no ledger of xmsyncd"):
        async with Snapshot(path, is_quiet=True):
            pass
