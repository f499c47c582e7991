"""The schema says the same as the code, refuses what must not be, and keeps the workers' queries quick."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.unit.ledger import sample
from tests.unit.ledger.opened import opened
from tests.unit.ledger.random_events import Move, Walk, walks
from xmsyncd.errors import LedgerHeldError, LedgerUnusableError, NewerSchemaError
from xmsyncd.ledger import Ledger, claims, cycles, looks, migrate, people, rows, staging
from xmsyncd.ledger.events import Claimed
from xmsyncd.ledger.lock import LedgerLock, socket_path
from xmsyncd.ledger.states import (
    FAILED_STATES,
    Block,
    Phase,
    RecordState,
    VisibleState,
    next_operation,
    visible_state,
)
from xmsyncd.ledger.transitions import transition
from xmsyncd.records import AttemptId, ContentHash, Family, Operation, RecordId, SourceId

# The schema against the code


@pytest.fixture(scope="module")
def shared() -> Iterator[sqlite3.Connection]:
    """One file for all examples; each example is a savepoint that is rolled back."""
    with opened(":memory:") as connection:
        sample.open_pipeline(connection)
        for number in range(60):
            connection.execute(
                """INSERT INTO attempts (id, pipeline, operation, claimed_ms)
                   VALUES (?, 'products', 'create', 0)""",
                (number,),
            )
        yield connection


@contextlib.contextmanager
def undone(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("SAVEPOINT example")
    try:
        yield
    finally:
        connection.execute("ROLLBACK TO example")
        connection.execute("RELEASE example")


@settings(max_examples=150, deadline=None)
@given(walk=walks)
def test_states_mean_the_same_in_sql_and_in_python(
    shared: sqlite3.Connection, walk: tuple[RecordState, list[Move]]
):
    """Every state that events can lead to passes the CHECKs, reads back, and gets the same word and lane."""
    start, steps = walk
    with undone(shared):
        row = rows.insert(
            shared,
            pipeline="products",
            form=sample.FORM,
            source_id=SourceId("1"),
            desired=start.desired,
            listed_hash=ContentHash("listed"),
            context_hash=sample.CONTEXT,
            key=None,
            now=sample.NOW,
        )
        for _, _, state in Walk(start).go(steps):
            rows._save(shared, row, state, sample.NOW)
            row = replace(row, state=state)
            assert rows.load(shared, row.record_id).state == state
            stored = shared.execute(
                "SELECT state, lane FROM records WHERE id = ?", (row.record_id,)
            ).fetchone()
            assert stored["state"] == visible_state(state)
            assert stored["lane"] == lane_of(state)


def lane_of(state: RecordState) -> str | None:
    """Which worker may act on a record by itself, asked of the transition function alone."""
    claimed = transition(state, Claimed(AttemptId(59), sample.NOW))
    if claimed != state:
        return "suspect" if state.block is Block.SUSPECT else next_operation(state)
    is_open = state.attempt is not None and state.attempt.phase is Phase.UNDECIDED
    return "look" if is_open and state.block not in (Block.PARKED, Block.DISCARDED) else None


OPEN = "attempt = 'sending', sent_ms = 1, sent_key = 'K', sent_hash = 'h'"


def test_an_open_attempt_can_be_written(db: sqlite3.Connection):
    """The sentence that the refused ones below differ from in one point each."""
    sample.stage(db, sample.draft_entry("1", "K"))
    db.execute("INSERT INTO attempts (pipeline, operation, claimed_ms) VALUES ('products', 'create', 0)")
    db.execute(f"UPDATE records SET {OPEN}, attempt_id = 1, operation = 'create'")  # noqa: S608 - constant


@pytest.mark.parametrize(
    "change",
    [
        "desired = 'other'",
        "desired = 'rejection'",
        "key = NULL",
        "key = ''",
        "content_hash = NULL",
        "attempt = 'sending'",
        "attempt_id = 1",
        "sent_ms = 1",
        "attempt = 'sending', attempt_id = 1, sent_ms = 1",
        # an update without an instance
        f"{OPEN}, attempt_id = 1, operation = 'update'",
        "delivered_hash = 'h'",
        "block = 'elsewhere'",
        "pipeline = 'unknown'",
        # an attempt that does not exist
        f"{OPEN}, attempt_id = 9, operation = 'create'",
    ],
)
def test_what_must_not_be_cannot_be_written(db: sqlite3.Connection, change: str):
    sample.stage(db, sample.draft_entry("1", "K"))
    db.execute(
        "INSERT INTO attempts (id, pipeline, operation, claimed_ms) VALUES (1, 'products', 'create', 0)"
    )
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(f"UPDATE records SET {change}")  # noqa: S608 - constants above


def test_a_key_of_a_form_has_one_holder_and_an_item_one_record(db: sqlite3.Connection):
    sample.stage(db, sample.draft_entry("1", "K"))
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("INSERT INTO keys (form, key, record_id) VALUES (?, 'K', 1)", (sample.FORM,))
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(
            """INSERT INTO records (pipeline, form, source_id, listed_hash, context_hash, first_seen_ms,
                   desired_ms, desired, key, content_hash)
               VALUES ('products', ?, '1', '', '', 0, 0, 'draft', 'L', 'h')""",
            (sample.FORM,),
        )


# Query plans


class Plans:
    """Runs the ledger's functions and keeps the plan of every statement they run."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.statements: list[str] = []

    def of(self, part: str) -> str:
        """The plan of the one statement that contains ``part``."""
        found = {statement for statement in self.statements if part in statement}
        assert len(found) == 1, (part, found)
        plan = self._connection.execute(f"EXPLAIN QUERY PLAN {found.pop()}").fetchall()
        return "; ".join(row["detail"] for row in plan)


@pytest.fixture
def plans(db: sqlite3.Connection) -> Plans:
    sample.stage(db, *(sample.draft_entry(str(number), f"K{number}") for number in range(5)))
    kept = Plans(db)
    db.set_trace_callback(kept.statements.append)
    looks.next_due(db, "products", Operation.CREATE)
    sample.claim(db)
    sample.due_looks(db, sample.NOW)
    claims.probe_due(db, "products", Operation.CREATE)
    staging.listed(db, "products", [SourceId("1")])
    looks.witness_candidate(db, "products", AttemptId(1))
    looks.open_resends(db, "products")
    cycles.decisions(db, 1)
    db.set_trace_callback(None)
    return kept


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("MIN(due_ms)", "records_due (pipeline=? AND lane=?)"),
        ("ORDER BY due_ms, id", "records_due (pipeline=? AND lane=? AND due_ms<?)"),
        ("JOIN attempts a", "records_due (pipeline=? AND lane=? AND due_ms<?)"),
        ("lane = 'suspect'", "records_due (pipeline=? AND lane=?)"),
        ("AND attempt_id >", "instances_made (pipeline=? AND attempt_id>?)"),
        ("resends > 0", "records_state (pipeline=? AND state=?)"),
        ("FROM records WHERE cycle_id", "records_cycle (cycle_id=?)"),
        (
            "state IN ('sending', 'undecided', 'parked', 'discarded')",
            "records_state (pipeline=? AND state=?)",
        ),
        ("SELECT r.listed_hash", "(pipeline=? AND source_id=?)"),
    ],
)
def test_what_workers_ask_all_the_time_goes_by_an_index(plans: Plans, statement: str, index: str):
    plan = plans.of(statement)
    assert index in plan
    assert "SCAN records" not in plan
    assert "SCAN instances" not in plan


def test_the_due_and_the_look_query_need_no_sorting(plans: Plans):
    assert "TEMP B-TREE" not in plans.of("ORDER BY due_ms, id")
    assert "TEMP B-TREE" not in plans.of("JOIN attempts a")


# Migrations


def test_migrations_are_numbered_from_one_without_a_hole():
    steps = migrate.migrations()
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))


def test_migrating_twice_changes_nothing(tmp_path: Path):
    with opened(tmp_path / "xmsyncd.db") as connection:
        before = connection.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall()
        newest = len(migrate.migrations())
        assert migrate.migrate(connection) == (newest, newest)
        assert connection.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall() == before


async def test_a_ledger_of_a_later_version_is_refused_and_left_as_it_is(tmp_path: Path):
    path = tmp_path / "xmsyncd.db"
    with opened(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(NewerSchemaError, match="schema 99"):
        async with Ledger(path):
            pass
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert migrate.schema_version(connection) == 99
    with LedgerLock(path):
        pass  # the lock was given back


async def test_a_migration_that_fails_leaves_the_ledger_as_it_was_beside_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "xmsyncd.db"
    async with Ledger(path) as ledger:
        await ledger.write(sample.open_pipeline)
    steps = [*migrate.migrations()]
    number = len(steps) + 1
    half = "CREATE TABLE half_done (a); INSERT INTO pipelines (name) VALUES ('only a name');"
    steps.append(migrate.Migration(number, f"{number:04}_bad.sql", half))
    with monkeypatch.context() as patched:
        patched.setattr(migrate, "migrations", lambda: steps)
        with pytest.raises(LedgerUnusableError, match=f"with schema {number - 1}; a copy of it is .*backup"):
            await Ledger(path).__aenter__()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert migrate.schema_version(connection) == number - 1
        assert not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'half_done'").fetchall()
    async with Ledger(path) as ledger:  # goes on with the version that wrote it
        assert ledger.identity.restored is None
    async with Ledger(tmp_path / f"xmsyncd.db.schema-{number - 1}.backup") as copy:
        assert copy.identity.restored is not None


async def test_a_new_ledger_is_made_without_a_copy_of_nothing(tmp_path: Path):
    async with Ledger(tmp_path / "xmsyncd.db") as ledger:
        assert ledger.migrated is None
    assert not sorted(one.name for one in tmp_path.iterdir() if "backup" in one.name)  # noqa: ASYNC240


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(LedgerUnusableError, match=r"No locks available; .* a disk of this machine"):
        LedgerLock(tmp_path / "xmsyncd.db").acquire()


async def test_a_file_that_is_no_ledger_is_named(tmp_path: Path):
    path = tmp_path / "xmsyncd.db"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(LedgerUnusableError, match=r"xmsyncd\.db"):
        async with Ledger(path):
            pass


async def test_a_folder_that_does_not_exist_is_named(tmp_path: Path):
    with pytest.raises(LedgerUnusableError, match="folder must exist"):
        async with Ledger(tmp_path / "missing" / "xmsyncd.db"):
            pass


# The lock


def test_a_second_holder_is_refused_and_told_who_holds_it(tmp_path: Path):
    path = tmp_path / "xmsyncd.db"
    script = (
        "import sys, pathlib\n"
        "from xmsyncd.ledger.lock import LedgerLock\n"
        "with LedgerLock(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LedgerHeldError, match=f"process {holder.pid}$"):
            LedgerLock(path).acquire()
        holder.kill()
        holder.wait()
        with LedgerLock(path):  # the kernel has freed it
            pass


def test_two_names_of_one_file_are_one_lock(tmp_path: Path):
    path = tmp_path / "real" / "xmsyncd.db"
    path.parent.mkdir()
    path.touch()
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with LedgerLock(path), pytest.raises(LedgerHeldError, match=str(os.getpid())):
        LedgerLock(link).acquire()
    assert socket_path(link) == socket_path(path)


def test_the_lock_can_be_given_back_twice(tmp_path: Path):
    lock = LedgerLock(tmp_path / "xmsyncd.db")
    lock.acquire()
    lock.release()
    lock.release()


def test_the_socket_stands_beside_the_ledger_however_deep_that_lies(tmp_path: Path):
    assert socket_path(tmp_path / "xmsyncd.db") == tmp_path.resolve() / "xmsyncd.db.sock"
    deep = tmp_path / ("folder" * 30) / "xmsyncd.db"
    assert socket_path(deep) == deep.resolve().with_name("xmsyncd.db.sock")
    long = socket_path(tmp_path / f"{'name' * 30}.db")
    assert long.parent == tmp_path.resolve()
    assert len(long.name) < 40
    assert long != socket_path(tmp_path / f"{'name' * 31}.db")


# What a person selects


def test_a_person_selects_by_key_by_reason_or_everything(db: sqlite3.Connection):
    sample.stage(
        db,
        sample.draft_entry("1", "K1"),
        sample.rejected_entry("2"),
        sample.draft_entry("3", "K3"),
    )
    for one in sample.claim(db):
        sample.settle(db, one, Family.REFUSED)
    every = people.select(db, "products", people.Selection(everything=True), FAILED_STATES)
    assert [int(one) for one in every] == [1, 2, 3]
    by_reason = people.Selection(reason="code")
    assert people.select(db, "products", by_reason, FAILED_STATES) == (RecordId(1), RecordId(3))
    for name in ("K3", "3"):
        assert people.select(db, "products", people.Selection(key=name), FAILED_STATES) == (RecordId(3),)
    assert people.select(db, "products", people.Selection(), FAILED_STATES) == ()
    assert people.retry(db, RecordId(1), resend=False, now=sample.NOW) is VisibleState.PENDING
    assert people.discard(db, RecordId(3), now=sample.NOW) is VisibleState.DISCARDED
