"""``ledger check`` finds each planted violation and nothing else, and nothing in a ledger that is well."""

# ruff: noqa: S608 - statements of constants

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.unit.ledger import sample
from xmsyncd.errors import LedgerUnusableError
from xmsyncd.ledger import check_tables, claims, cycles, guard, people, pipelines, repair
from xmsyncd.ledger.checking import ADVICE, Found, Rule
from xmsyncd.ledger.cycles import CycleCounts, CycleResult
from xmsyncd.ledger.events import Finding
from xmsyncd.ledger.guard import GuardRules
from xmsyncd.ledger.times import to_ms
from xmsyncd.records import Family, Operation


def found(connection: sqlite3.Connection) -> dict[Rule, list[str]]:
    """Everything that a check finds."""
    broken = Found()
    now = sample.NOW + timedelta(hours=1)
    for part in check_tables.parts(connection, now):
        after: int | None = 0
        while after is not None:
            checked = part.step(connection, after, now)
            broken.add(checked.violations)
            after = checked.next_after
    return broken.samples


@pytest.fixture
def lived(db: sqlite3.Connection) -> sqlite3.Connection:
    """A ledger that has seen everything: records in every state."""
    names = {
        "delivered": "1",
        "undecided": "2",
        "pending": "3",
        "suspect": "4",
        "waiting": "5",
        "rejected": "6",
        "discarded": "7",
        "sending": "8",
        "found": "9",
    }
    entry = {one: sample.draft_entry(one, f"K{one}", "x") for one in names.values()}
    sample.stage(db, entry["1"])
    sample.deliver_all(db)
    sample.stage(db, entry["2"])
    sample.open_doubt(db, "2")
    sample.stage(db, entry["9"])
    sample.open_doubt(db, "9")
    for look in sample.due_looks(db, sample.NOW + timedelta(minutes=1)):
        if look.key == "K9":
            sample.settle_look(db, look, Finding.OTHER, instance_id="i9", found_hash="other")
    sample.stage(db, entry["4"])
    for one in sample.claim(db):
        sample.settle(db, one, Family.REFUSED)
    sample.stage(db, sample.draft_entry("5", "K1"), sample.rejected_entry("6"), entry["7"])
    people.discard(db, sample.record_id(db, "7"), now=sample.NOW)
    sample.stage(db, entry["8"])
    sample.claim(db)
    sample.stage(db, entry["3"])
    counts = CycleCounts(items_read=sum(cycles.decisions(db, 1).values()))
    cycles.finish(db, 1, "products", CycleResult.DONE, counts, now=sample.NOW)
    return db


def test_a_ledger_that_has_seen_everything_is_well(lived: sqlite3.Connection):
    assert set(sample.states(lived).values()) == {
        "delivered",
        "undecided",
        "pending",
        "parked",
        "waiting",
        "rejected",
        "discarded",
        "sending",
    }
    assert found(lived) == {}
    pipelines.recover(lived, "products", timedelta(seconds=5), sample.NOW)
    assert found(lived) == {}


def _sql(*statements: str) -> Callable[[sqlite3.Connection], None]:
    def plant(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, statement
        connection.execute("PRAGMA ignore_check_constraints = OFF")

    return plant


def _by(source_id: str) -> str:
    return f"(SELECT id FROM records WHERE source_id = '{source_id}')"


_LATE = to_ms(sample.NOW + timedelta(days=3))

PLANTED = {
    "a state that is none": (
        "UPDATE records SET block = 'elsewhere' WHERE source_id = '3'",
        Rule.STATE,
        Rule.FILE,
    ),
    "a rejection that is none": (
        "UPDATE records SET rejection = 'elsewhere' WHERE source_id = '6'",
        Rule.STATE,
    ),
    "a key without a holder": (f"DELETE FROM keys WHERE record_id = {_by('1')}", Rule.KEYS),
    "the key of an open create let go": (f"DELETE FROM keys WHERE record_id = {_by('8')}", Rule.KEYS),
    "a key that nobody wants": (
        f"INSERT INTO keys (form, key, record_id) VALUES ('{sample.FORM}', 'K77', {_by('3')})",
        Rule.KEYS,
    ),
    "a key in another form": (
        f"INSERT INTO keys (form, key, record_id) VALUES ('APP/OTHER', 'K3', {_by('3')})",
        Rule.FORMS,
    ),
    "an instance that is not known": (
        f"DELETE FROM instances WHERE record_id = {_by('1')}",
        Rule.INSTANCES,
    ),
    "an instance that is a double": (
        f"UPDATE instances SET role = 'double' WHERE record_id = {_by('1')}",
        Rule.INSTANCES,
    ),
    "an instance bound to a record that does not name it": (
        f"""INSERT INTO instances (form, instance_id, record_id, pipeline, key, origin, created_ms)
            VALUES ('{sample.FORM}', 'stray', {_by("3")}, 'products', 'K3', 'found', 1)""",
        Rule.INSTANCES,
    ),
    "an open attempt with an outcome": (
        """UPDATE attempts SET outcome = 'delivered', settled_ms = 1
            WHERE id = (SELECT attempt_id FROM records WHERE source_id = '8')""",
        Rule.ATTEMPTS,
    ),
    "an attempt that is open for nobody": (
        "UPDATE attempts SET outcome = NULL, settled_ms = NULL WHERE id = 1",
        Rule.ATTEMPTS,
    ),
    "an attempt for no record": ("DELETE FROM attempt_records WHERE attempt_id = 1", Rule.ATTEMPTS),
    "an attempt that was sent with something else": (
        """UPDATE attempt_records SET content_hash = 'other'
           WHERE attempt_id = (SELECT attempt_id FROM records WHERE source_id = '8')""",
        Rule.ATTEMPTS,
    ),
    "an attempt that is gone": (
        "DELETE FROM attempts WHERE id = (SELECT attempt_id FROM records WHERE source_id = '8')",
        Rule.ATTEMPTS,
        Rule.REFERENCES,
    ),
    "content that is not what its hash says": (
        f"UPDATE contents SET content = '{{\"a\":1}}' WHERE record_id = {_by('3')}",
        Rule.CONTENTS,
    ),
    "delivered content that is not what its hash says": (
        f"UPDATE contents SET delivered = '{{}}' WHERE record_id = {_by('1')}",
        Rule.CONTENTS,
    ),
    "content that cannot be read": (
        f"UPDATE contents SET content = '{{\"a' WHERE record_id = {_by('3')}",
        Rule.CONTENTS,
    ),
    "content that is gone": (f"DELETE FROM contents WHERE record_id = {_by('3')}", Rule.CONTENTS),
    "what was sent is gone": (
        f"UPDATE contents SET sent = NULL WHERE record_id = {_by('8')}",
        Rule.CONTENTS,
    ),
    "the item of a rejection is gone": (
        f"UPDATE contents SET raw = NULL WHERE record_id = {_by('6')}",
        Rule.CONTENTS,
    ),
    "content without a record": ("INSERT INTO contents (record_id) VALUES (99)", Rule.REFERENCES),
    "history without a record": (
        "INSERT INTO history (at_ms, pipeline, record_id, event) VALUES (1, 'products', 99, 'staged')",
        Rule.REFERENCES,
    ),
    "a record in another form than its pipeline": (
        "UPDATE pipelines SET form = 'APP/OTHER'",
        Rule.FORMS,
    ),
    "a cycle out of balance": ("UPDATE cycles SET balance = 2", Rule.BALANCE),
    "calls below nothing": (
        "INSERT INTO meters (connection, month, calls) VALUES ('main', '2026-10', -3)",
        Rule.METERS,
    ),
    "a time that lies ahead": (
        f"UPDATE records SET delivered_ms = {_LATE} WHERE source_id = '1'",
        Rule.TIMES,
    ),
    "a time that is no number": ("UPDATE history SET at_ms = 'today' WHERE id = 1", Rule.TIMES),
    "an index that is gone": ("DROP INDEX records_due", Rule.SCHEMA),
    "a table that is not ours": ("CREATE TABLE mine (a)", Rule.SCHEMA),
}


@pytest.mark.parametrize("name", PLANTED)
def test_each_planted_violation_is_found_and_nothing_else(lived: sqlite3.Connection, name: str):
    statement, *rules = PLANTED[name]
    _sql(str(statement))(lived)
    assert set(found(lived)) == set(rules), found(lived)


def test_every_rule_is_planted_here_and_has_its_advice():
    planted = {rule for _, *rules in PLANTED.values() for rule in rules}
    assert planted == set(Rule) == set(ADVICE)


def test_samples_are_few_and_the_count_is_of_all(lived: sqlite3.Connection):
    sample.stage(lived, *(sample.draft_entry(str(n), f"K{n}") for n in range(100, 400)))
    _sql("DELETE FROM contents WHERE record_id > 50")(lived)
    broken = Found()
    for part in check_tables.parts(lived, sample.NOW):
        after: int | None = 0
        while after is not None:
            checked = part.step(lived, after, sample.NOW)
            broken.add(checked.violations)
            after = checked.next_after
    lost = lived.execute("SELECT count(*) FROM records WHERE id > 50").fetchone()[0]
    assert broken.counts == {Rule.CONTENTS: lost}
    assert len(broken.samples[Rule.CONTENTS]) == 5


def test_the_keys_are_derived_anew(lived: sqlite3.Connection):
    before = sample.holders(lived)
    lived.execute("DELETE FROM keys WHERE key IN ('K1', 'K8')")
    lived.execute(f"INSERT INTO keys (form, key, record_id) VALUES ('{sample.FORM}', 'K77', {_by('3')})")
    assert set(found(lived)) == {Rule.KEYS}
    assert repair.rebuild_keys(lived, sample.NOW) == len(before)
    assert sample.holders(lived) == before
    assert found(lived) == {}
    assert sample.states(lived)["5"] == "waiting"


def test_two_open_creates_with_one_key_are_left_to_a_person(lived: sqlite3.Connection):
    sample.stage(lived, sample.draft_entry("20", "K20"))
    sample.claim(lived, Operation.CREATE)
    lived.execute("UPDATE records SET sent_key = 'K8' WHERE source_id = '20'")
    with pytest.raises(LedgerUnusableError, match="two records have an open create"):
        repair.rebuild_keys(lived, sample.NOW)


def test_a_claim_that_was_given_back_is_well(db: sqlite3.Connection):
    sample.stage(db, sample.draft_entry("1", "K"))
    claims.give_back(db, sample.claim(db), sample.METER, sample.NOW)
    assert found(db) == {}


def test_a_held_record_may_lack_its_key_which_it_takes_when_a_person_lets_it_go(db: sqlite3.Connection):
    """An update that gave it the key of another, and that the guard holds as one of many."""
    sample.stage(db, sample.draft_entry("1", "K1"), sample.draft_entry("2", "K2"))
    sample.deliver_all(db)
    later = sample.NOW + timedelta(minutes=1)
    sample.stage(db, sample.draft_entry("1", "K2", "new", later), guard=GuardRules(updates=0), now=later)
    assert sample.states(db) == {"1": "held", "2": "delivered"}
    assert sample.holders(db) == {"K2": "2"}
    assert found(db) == {}
    guard.release(db, sample.record_id(db, "1"), by="test", now=later)
    assert sample.states(db) == {"1": "waiting", "2": "delivered"}
    assert found(db) == {}
