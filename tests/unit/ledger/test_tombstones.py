"""What OKKI has let go, together with what else happens to a record: nothing stays where nobody lifts it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.unit.ledger import sample
from tests.unit.ledger.opened import opened
from xmsyncd.ledger import adopting, people, staging, tombstones
from xmsyncd.ledger.guard import UNGUARDED, Guard
from xmsyncd.ledger.tombstones import AbsenceDecision, Absences, Mark
from xmsyncd.ledger.views import StageEntry
from xmsyncd.records import Found, InstanceId, SourceId
from xmsyncd.transform.hashes import hash_of

LATER = sample.NOW + timedelta(minutes=1)
MUCH_LATER = sample.NOW + timedelta(minutes=2)
MARK = Mark("textField_mark", "gone", "textField_key")


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with opened(":memory:") as connection:
        sample.open_pipeline(connection)
        yield connection


def bury(db: sqlite3.Connection, entry: StageEntry, now: datetime = LATER, mark: Mark | None = None) -> None:
    guard = Guard(db, "products", 1, UNGUARDED, now)
    tombstones.bury_listed(db, "products", 1, [sample.item(entry.item.source_id, now)], mark, guard, now)


def miss(db: sqlite3.Connection, times: int, mark: Mark | None = None) -> None:
    """So many full reads that do not show any product."""
    for _ in range(times):
        cycle = sample.begin_cycle(db)
        guard = Guard(db, "products", cycle, UNGUARDED, LATER)
        tombstones.count_absent(db, "products", cycle, [], mark, guard, LATER)


def come_back(db: sqlite3.Connection, entry: StageEntry, now: datetime = MUCH_LATER) -> None:
    tombstones.note_living(db, "products", [entry.item], now)
    sample.stage(db, entry, now=now)


def found(name: str, key: str, text: str) -> Found:
    content = {"textField_key": key, "textField_name": text}
    return Found(InstanceId(name), key, content, hash_of(content), sample.NOW)


def test_what_was_let_go_before_it_was_adopted_is_updated_when_it_comes_back(db: sqlite3.Connection):
    entry = sample.draft_entry("1", "K1", "new")
    sample.stage(db, entry)
    bury(db, entry)
    assert sample.states(db) == {"1": "discarded"}
    assert adopting.take(db, "products", sample.FORM, [found("i1", "K1", "old")], keeps=False, now=LATER)
    assert sample.states(db) == {"1": "discarded"}
    come_back(db, sample.draft_entry("1", "K1", "new", MUCH_LATER))
    assert sample.states(db) == {"1": "pending"}
    assert sample.column(db, "1", "instance_id") == "i1"


def test_what_a_person_has_let_go_stays_so_until_there_is_something_new(db: sqlite3.Connection):
    entry = sample.draft_entry("1", "K1", "new")
    sample.stage(db, entry)
    people.discard(db, sample.record_id(db, "1"), now=LATER)
    bury(db, entry)
    come_back(db, sample.draft_entry("1", "K1", "new", MUCH_LATER))
    assert sample.states(db) == {"1": "discarded"}
    come_back(db, sample.draft_entry("1", "K1", "newer", MUCH_LATER))
    assert sample.states(db) == {"1": "pending"}


@pytest.mark.parametrize("mark", [None, MARK])
def test_a_product_that_was_absent_is_mapped_again_by_the_read_that_shows_it(
    db: sqlite3.Connection, mark: Mark | None
):
    """It is listed as it always was: nothing but the ledger knows that Yida now says otherwise."""
    further: dict[str, Any] = {} if mark is None else {mark.component: ""}
    entry = sample.draft_entry("1", "K1", "new", **further)
    sample.stage(db, entry)
    sample.deliver_all(db)
    miss(db, tombstones.ABSENT_READS, mark)
    assert sample.column(db, "1", "deleted_ms") is not None
    sample.deliver_all(db, LATER)
    known = staging.listed(db, "products", [SourceId("1")])[SourceId("1")]
    assert known.listed_hash != entry.item.listed_hash
    come_back(db, entry)
    assert sample.states(db) == {"1": "delivered" if mark is None else "pending"}


@pytest.mark.parametrize(
    ("missing", "living", "accepted", "decision"),
    [
        (10, 10, False, AbsenceDecision.COUNTED),
        (11, 22, False, AbsenceDecision.COUNTED),
        (11, 21, False, AbsenceDecision.DOUBTED),
        (20, 20, False, AbsenceDecision.DOUBTED),
        (20, 20, True, AbsenceDecision.ACCEPTED),
        (1, 20, True, AbsenceDecision.ACCEPTED),
    ],
)
def test_what_is_lacking_is_believed_up_to_half_or_on_a_persons_word(
    missing: int, living: int, accepted: bool, decision: AbsenceDecision
):
    assert tombstones.judge_absences(missing, living, accepted=accepted) is decision


def test_what_is_accepted_is_done_by_one_read_in_as_many_transactions_as_it_needs(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tombstones, "_MOST_AT_ONCE", 5)
    for number in range(12):
        sample.stage(db, sample.draft_entry(str(number), f"K{number}", "text"))
    sample.deliver_all(db)
    cycle = sample.begin_cycle(db)
    guard = Guard(db, "products", cycle, UNGUARDED, LATER)

    def read(*, accepted: bool) -> Absences:
        return tombstones.count_absent(db, "products", cycle, [], MARK, guard, LATER, accepted=accepted)

    assert read(accepted=False) == Absences(doubted=12)
    assert [read(accepted=True) for _ in range(3)] == [
        Absences(deleted=5, left=7),
        Absences(deleted=5, left=2),
        Absences(deleted=2),
    ]
    assert set(sample.states(db).values()) == {"pending"}  # their marks
