"""The rules about the file and about whole tables, and the order in which everything is checked."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from xmsyncd.ledger.check_records import check_records
from xmsyncd.ledger.checking import Checked, Look, Part, Rule, Violation, once
from xmsyncd.ledger.migrate import migrations
from xmsyncd.ledger.times import to_ms

_ROWS_PER_STEP: Final = 1000

# How far ahead of this machine's clock a time of ours may lie before it is absurd, and one that is due.
_AHEAD: Final = timedelta(days=1)
_DUE_AHEAD: Final = timedelta(days=62)
_MAY_LIE_AHEAD: Final = ("due_ms", "probe_ms")
_NOT_OURS: Final = ("updated_ms",)  # OKKI's own word


def parts(connection: sqlite3.Connection, now: datetime) -> list[Part]:
    """Everything there is to check on this ledger, in order; for ``Ledger.read``."""
    tables = [
        row[0]
        for row in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        )
    ]
    return [
        Part("schema", once(_schema)),
        *(Part(f"file: {table}", once(_file(table))) for table in tables),
        *(Part(f"references: {table}", once(_references(table))) for table in tables),
        Part("records", check_records, "records"),
        Part("attempts", _attempts, "attempts"),
        Part("cycles", once(_balance)),
        Part("meters", once(_meters)),
        *(Part(f"times: {table}", once(_times(table))) for table in tables),
    ]


def count(connection: sqlite3.Connection, table: str) -> int:
    """Rows of a table, for the progress."""
    return int(connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])  # noqa: S608 - a name of the schema


def _schema(connection: sqlite3.Connection, now: datetime) -> Iterator[Violation]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        for step in migrations():
            fresh.executescript(step.sql)
        expected = _objects(fresh)
    found = _objects(connection)
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            yield Violation(Rule.SCHEMA, f"{name} is missing")
        elif name not in expected:
            yield Violation(Rule.SCHEMA, f"{name} is not ours")
        elif expected[name] != found[name]:
            yield Violation(Rule.SCHEMA, f"{name} is other than this version makes it")


def _objects(connection: sqlite3.Connection) -> dict[str, str]:
    return {
        f"{kind} {name}": " ".join((sql or "").split())
        for kind, name, sql in connection.execute(
            "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"
        )
    }


def _file(table: str) -> Look:
    def look(connection: sqlite3.Connection, now: datetime) -> Iterator[Violation]:
        # By table, so that a ledger in use waits for one table at a time.
        try:
            for row in connection.execute(f'PRAGMA integrity_check("{table}")'):
                if row[0] != "ok":
                    yield Violation(Rule.FILE, f"{table}: {row[0]}")
        except sqlite3.DatabaseError as error:
            yield Violation(Rule.FILE, f"{table}: {error}")

    return look


def _references(table: str) -> Look:
    def look(connection: sqlite3.Connection, now: datetime) -> Iterator[Violation]:
        for row in connection.execute(f'PRAGMA foreign_key_check("{table}")'):
            number = "" if row["rowid"] is None else f" {row['rowid']}"
            yield Violation(
                Rule.REFERENCES, f"{table}{number} belongs to a row of {row['parent']} that is gone"
            )

    return look


def _attempts(connection: sqlite3.Connection, after: int, now: datetime) -> Checked:
    """An attempt without an outcome is on its way for exactly the records that say so."""
    found = connection.execute(
        """SELECT a.id, a.outcome, a.settled_ms,
               (SELECT count(*) FROM attempt_records s WHERE s.attempt_id = a.id) AS listed,
               (SELECT count(*) FROM attempt_records s JOIN records r ON r.id = s.record_id
                WHERE s.attempt_id = a.id AND r.attempt_id = a.id AND r.attempt = 'sending') AS sending
           FROM attempts a WHERE a.id > ? ORDER BY a.id LIMIT ?""",
        (after, _ROWS_PER_STEP),
    ).fetchall()
    violations = []
    for row in found:
        if not row["listed"]:
            violations.append(Violation(Rule.ATTEMPTS, f"attempt {row['id']} was for no record"))
        elif row["outcome"] is None and row["sending"] != row["listed"]:
            violations.append(
                Violation(Rule.ATTEMPTS, f"attempt {row['id']} is open, its record is not on its way")
            )
        if (row["outcome"] is None) != (row["settled_ms"] is None):
            violations.append(Violation(Rule.ATTEMPTS, f"attempt {row['id']}: half settled"))
    return Checked(violations, len(found), found[-1]["id"] if found else None)


def _balance(connection: sqlite3.Connection, now: datetime) -> Iterator[Violation]:
    for row in connection.execute("SELECT id, pipeline, balance FROM cycles WHERE balance <> 0"):
        yield Violation(
            Rule.BALANCE, f"cycle {row['id']} of {row['pipeline']}: {row['balance']} more read than decided"
        )
    for row in connection.execute(
        "SELECT id, pipeline, finished_ms, result FROM cycles WHERE (finished_ms IS NULL) <> (result IS NULL)"
    ):
        yield Violation(Rule.BALANCE, f"cycle {row['id']} of {row['pipeline']}: ended by half")


def _meters(connection: sqlite3.Connection, now: datetime) -> Iterator[Violation]:
    for row in connection.execute(
        "SELECT connection, month, calls, reserve_calls FROM meters WHERE calls < 0 OR reserve_calls < 0"
    ):
        yield Violation(
            Rule.METERS,
            f"{row['connection']} in {row['month']}: {row['calls']} calls, {row['reserve_calls']} "
            f"of the reserve",
        )


def _times(table: str) -> Look:
    def look(connection: sqlite3.Connection, now: datetime) -> Iterator[Violation]:
        names = [row["name"] for row in connection.execute(f'PRAGMA table_info("{table}")')]
        for name in names:
            if not name.endswith("_ms") or name in _NOT_OURS or name == "search_lag_ms":
                continue
            latest = to_ms(now + (_DUE_AHEAD if name in _MAY_LIE_AHEAD else _AHEAD))
            found = connection.execute(
                f'SELECT count(*), min("{name}"), max("{name}") FROM "{table}" '  # noqa: S608 - names of the schema
                f'WHERE "{name}" > ? OR "{name}" < 0 OR typeof("{name}") NOT IN (\'integer\', \'null\')',
                (latest,),
            ).fetchone()
            for _ in range(found[0]):
                yield Violation(Rule.TIMES, f"{table}.{name}: {found[1]} to {found[2]} ms")

    return look
