"""A ledger that cannot be used: each case is one sentence: which file, what was found, what to do."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_commands import ENVIRONMENT, Commands
from tests.scenario import configuration, wait_until
from tests.simulator_process import SimulatorProcess

NOWHERE = "http://127.0.0.1:9"


class Alone:
    """Commands in a folder, with vendors that nobody asks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = folder / "xmsyncd.db"
        self.configure()

    def configure(self, **changes: Any) -> None:
        settings = configuration(NOWHERE, NOWHERE, **changes)
        (self.folder / "xmsyncd.yaml").write_text(json.dumps(settings), encoding="utf-8")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "xmsyncd", *arguments],
            cwd=self.folder,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    @contextlib.contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.ledger, isolation_level=None)
        try:
            yield connection
        finally:
            connection.close()


@pytest.fixture
def alone(tmp_path: Path) -> Alone:
    return Alone(tmp_path)


@pytest.fixture
def used(alone: Alone) -> Alone:
    assert alone.run("status").returncode in (0, 3)
    return alone


@dataclass(frozen=True)
class Case:
    """What was done to a ledger that was in use, and what a person reads."""

    do: Callable[[Alone], object]
    exit: int
    words: tuple[str, ...]


def _no_folder(alone: Alone) -> None:
    alone.configure(ledger={"url": "sqlite:///nowhere/xmsyncd.db"})


def _a_folder(alone: Alone) -> None:
    (alone.folder / "folder.db").mkdir()
    alone.configure(ledger={"url": "sqlite:///folder.db"})


def _no_database(alone: Alone) -> None:
    alone.ledger.write_bytes(b"a letter to the editor " * 400)


def _of_another_program(alone: Alone) -> None:
    alone.ledger.unlink()
    with alone.opened() as connection:
        connection.execute("CREATE TABLE songs (name)")


def _newer(alone: Alone) -> None:
    with alone.opened() as connection:
        connection.execute("PRAGMA user_version = 99")


def _damaged(alone: Alone) -> None:
    with alone.opened() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with alone.ledger.open("r+b") as file:
        for page in range(1, alone.ledger.stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 4096)


def _no_table(alone: Alone) -> None:
    with alone.opened() as connection:
        connection.execute("DROP TABLE contents")
        connection.execute("DROP TABLE cycles")


def _another_form(alone: Alone) -> None:
    alone.configure(target={**_TARGET, "form_uuid": "FORM-ANOTHER"})


def _another_key(alone: Alone) -> None:
    alone.configure(target={**_TARGET, "key": "textField_lq0sj9h9"})


def _another_account(alone: Alone) -> None:
    alone.configure(okki={"client_id": "another-company"})


_TARGET = configuration(NOWHERE, NOWHERE)["pipelines"]["products"]["target"]

CASES = {
    "no folder": Case(_no_folder, 2, ("nowhere", "folder must exist and be writable")),
    "a folder": Case(_a_folder, 2, ("folder.db", "it is a folder")),
    "no database": Case(_no_database, 2, ("no SQLite database", "restore a backup")),
    "of another program": Case(_of_another_program, 2, ("no ledger of xmsyncd", "songs", "ledger.url")),
    "newer": Case(_newer, 2, ("schema 99", "run the version that wrote it")),
    "damaged": Case(_damaged, 4, ("the file is damaged", "latest backup", "xmsyncd adopt")),
    "no table": Case(_no_table, 2, ("does not have the tables", "ledger check")),
    "another form": Case(_another_form, 2, ("FORM-ANOTHER", "a ledger of its own")),
    "another key": Case(_another_key, 2, ("textField_lq0sj9h9", "a ledger of its own")),
    "another account": Case(_another_account, 2, ("another OKKI account", "ledger rebind products")),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_ledger_is_one_clear_sentence(used: Alone, name: str):
    case = CASES[name]
    case.do(used)
    ended = used.run("status")
    assert ended.returncode == case.exit, ended.stderr
    assert ended.stdout == ""
    [line] = ended.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert "Traceback" not in line
    for words in case.words:
        assert words in line


def test_the_same_company_with_a_new_client_id_goes_on(used: Alone):
    _another_account(used)
    told = used.run("ledger", "rebind")
    assert told.returncode == 0, told.stderr
    assert "bound to the configured client id" in told.stderr
    assert used.run("status").returncode in (0, 3)


def test_check_names_what_is_damaged_where_nothing_else_can_open_it(used: Alone):
    _no_table(used)
    ended = used.run("ledger", "check", "--json")
    assert ended.returncode == 3, ended.stderr
    rules = {one["rule"]: one for one in json.loads(ended.stdout)["rules"]}
    assert "table contents is missing" in rules["schema"]["samples"]
    ended = used.run("ledger", "check")
    assert ended.returncode == 3
    assert "table contents is missing" in ended.stdout


def test_check_of_a_file_full_of_holes_is_a_finding(used: Alone):
    _damaged(used)
    ended = used.run("ledger", "check", "--json")
    assert ended.returncode == 3, ended.stderr
    assert "file" in {one["rule"] for one in json.loads(ended.stdout)["rules"]}


def test_migrate_shows_does_and_keeps_a_copy(alone: Alone):
    _at_schema(alone, 1)
    shown = alone.run("ledger", "migrate", "--show")
    assert shown.returncode == 0, shown.stderr
    assert "pending: 0002_repair" in shown.stderr
    assert not (alone.folder / "xmsyncd.db.schema-1.backup").exists()
    done = json.loads(alone.run("ledger", "migrate", "--json").stdout)
    assert done["before"] == 1
    assert done["steps"][0] == "0002_repair"
    copy = Path(done["copy"])
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 1
        assert connection.execute("SELECT name FROM pipelines").fetchall() == [("products",)]
    assert "nothing to do" in alone.run("ledger", "migrate").stderr
    assert json.loads(alone.run("ledger", "check", "--json").stdout)["violations"] == 0


def _at_schema(alone: Alone, number: int) -> None:
    from xmsyncd.ledger.migrate import migrations

    with alone.opened() as connection:
        for step in migrations()[:number]:
            connection.executescript(step.sql)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("INSERT INTO pipelines (name, form, key_component) VALUES ('products', 'f', 'k')")


def test_where_there_is_no_ledger_care_says_so(alone: Alone):
    for arguments in (("check",), ("backup", "b.db"), ("migrate",)):
        ended = alone.run("ledger", *arguments)
        assert ended.returncode == 2
        assert "there is no ledger at" in ended.stderr
    assert not alone.ledger.exists()
    assert not (alone.folder / "b.db").exists()


# Beside a daemon


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Commands]:
    with SimulatorProcess(products=150) as simulated:
        commands = Commands(tmp_path, simulated)
        commands.configure(dingtalk={"requests_per_second": 30})
        yield commands


def test_check_and_backup_work_beside_a_daemon_that_delivers(slow: Commands):
    with slow.start("run") as daemon:
        wait_until(lambda: slow.simulated.count("start") > 10, 20, "deliveries are going")
        checked = slow.json("ledger", "check")
        assert checked["violations"] == 0
        assert checked["records"] > 0
        made = slow.json("ledger", "backup", "copy.db")
        assert made["file"] == str(slow.folder / "copy.db")
        assert 0 < made["records"] <= 150
        again = slow.run("ledger", "backup", "copy.db")
        assert again.returncode == 2
        assert "--force" in again.stderr
        assert slow.json("ledger", "backup", "copy.db", "--force")["records"] > 0
        daemon.terminate()
        assert daemon.wait(30) == 143
    assert slow.json("ledger", "check")["violations"] == 0
    made = slow.json("ledger", "backup", "alone.db")
    with contextlib.closing(sqlite3.connect(slow.folder / "alone.db")) as copy:
        assert copy.execute("SELECT count(*) FROM records").fetchone()[0] == made["records"]


def test_a_ledger_whose_daemon_was_killed_is_well(slow: Commands):
    with slow.start("run") as daemon:
        wait_until(lambda: slow.simulated.count("start") > 30, 20, "deliveries are going")
        daemon.kill()
        daemon.wait()
    assert (slow.folder / "xmsyncd.db-wal").stat().st_size > 0
    checked = slow.json("ledger", "check")
    assert checked["violations"] == 0, checked
    assert slow.json("ledger", "backup", "copy.db")["records"] > 0
