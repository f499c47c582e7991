"""Undecided attempts in the ledger: which are due, what a look settles, who can be a witness."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest

from tests.unit.ledger import sample
from tests.unit.ledger.sample import (
    METER,
    NOW,
    column,
    deliver_all,
    draft_entry,
    due_looks,
    open_doubt,
    record_id,
    settle_look,
    stage,
    states,
)
from xmsyncd.ledger import looks, meters, people, pipelines
from xmsyncd.ledger.claims import mark_gone
from xmsyncd.ledger.events import Finding
from xmsyncd.records import AttemptId, Family, InstanceId, Operation

SECOND = timedelta(seconds=1)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def doubt(db: sqlite3.Connection) -> sqlite3.Connection:
    """One create in doubt, due to be looked for after 5 s."""
    stage(db, draft_entry("1", "K"))
    open_doubt(db, "1")
    return db


def test_how_long_it_has_been_waited_for_only_grows(doubt: sqlite3.Connection):
    (attempt_id,) = looks.open_attempts(doubt, "products")
    looks.note_waited(doubt, {attempt_id: 30 * SECOND})
    looks.note_waited(doubt, {attempt_id: SECOND})
    assert looks.open_attempts(doubt, "products") == {attempt_id: 30 * SECOND}
    (look,) = due_looks(doubt, NOW + 5 * SECOND)
    assert look.waited == 30 * SECOND


def test_a_look_knows_what_was_sent_and_when(doubt: sqlite3.Connection):
    assert due_looks(doubt, NOW + 4 * SECOND) == ()
    (look,) = due_looks(doubt, NOW + 5 * SECOND)
    assert (look.key, look.operation, look.instance_id) == ("K", Operation.CREATE, None)
    assert (look.sent_at, look.waited, look.looks, look.resends) == (NOW, timedelta(0), 0, 0)
    stage(doubt, draft_entry("1", "L", at=LATER))
    (look,) = due_looks(doubt, LATER)
    assert look.key == "K"


def test_a_look_that_sees_nothing_is_counted_and_comes_again(doubt: sqlite3.Connection):
    (look,) = due_looks(doubt, LATER)
    settle_look(doubt, look, Finding.UNSEEN, due_at=LATER + SECOND, calls=3)
    assert due_looks(doubt, LATER) == ()
    (look,) = due_looks(doubt, LATER + SECOND)
    assert look.looks == 1
    assert column(doubt, "1", "calls") == 4
    # The month was counted call by call, before each went.
    assert meters.used(doubt, METER.connection, METER.month) == 1


def test_a_found_create_is_bound_delivered_and_proves_the_search(doubt: sqlite3.Connection):
    """Else a pipeline whose first creates were all found by looks would wait for ever for the first proof."""
    assert pipelines.view(doubt, "products").search_proven_at is None
    (look,) = due_looks(doubt, LATER)
    settle_look(doubt, look, Finding.EQUAL, instance_id="i1", now=LATER)
    assert states(doubt) == {"1": "delivered"}
    assert column(doubt, "1", "delivered") == column(doubt, "1", "content")
    assert looks.owners(doubt, sample.FORM, [InstanceId("i1")]) == {"i1": record_id(doubt, "1")}
    view = pipelines.view(doubt, "products")
    assert (view.search_proven_at, view.search_lag) == (LATER, timedelta(minutes=1))


def test_one_with_other_content_is_bound_and_then_updated_and_doubles_are_listed(doubt: sqlite3.Connection):
    (look,) = due_looks(doubt, LATER)
    settle_look(doubt, look, Finding.OTHER, instance_id="i1", found_hash="other", doubles=("i2", "i3"))
    (update,) = sample.claim(doubt, Operation.UPDATE)
    assert update.instance_id == "i1"
    roles = {row["instance_id"]: row["role"] for row in doubt.execute("SELECT * FROM instances")}
    assert roles == {"i1": "bound", "i2": "double", "i3": "double"}
    noted = doubt.execute("SELECT count(*) FROM history WHERE event = 'double'").fetchone()
    assert noted[0] == 2


def test_an_instance_of_another_record_is_never_bound_twice(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K"), draft_entry("2", "L"))
    open_doubt(db, "1")
    (other,) = sample.claim(db)
    (look,) = due_looks(db, LATER)
    sample.settle(db, other, instance_id="i2")
    settle_look(db, look, Finding.EQUAL, instance_id="i2")
    assert states(db) == {"1": "undecided", "2": "delivered"}
    assert due_looks(db, LATER) == (look,), "the next look decides"


def test_a_look_that_comes_after_the_decision_changes_nothing(doubt: sqlite3.Connection):
    (look,) = due_looks(doubt, LATER)
    people.retry(doubt, record_id(doubt, "1"), resend=True, now=NOW)
    settle_look(doubt, look, Finding.EQUAL, instance_id="i1")
    assert states(doubt) == {"1": "pending"}
    assert column(doubt, "1", "calls") == 2


def test_ambiguous_is_parked_and_a_retry_looks_again(doubt: sqlite3.Connection):
    (look,) = due_looks(doubt, LATER)
    settle_look(doubt, look, Finding.AMBIGUOUS)
    assert states(doubt) == {"1": "parked"}
    assert (column(doubt, "1", "block_reason"), column(doubt, "1", "block_detail")) == ("ambiguous", "note")
    assert due_looks(doubt, LATER) == ()
    assert sample.claim(doubt) == ()
    people.retry(doubt, record_id(doubt, "1"), resend=False, now=NOW)
    assert len(due_looks(doubt, LATER)) == 1
    assert sample.claim(doubt) == ()


def test_an_update_in_doubt_is_decided_and_the_edit_behind_it_comes_last(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K"))
    deliver_all(db)
    stage(db, draft_entry("1", "K", "second", LATER))
    open_doubt(db, "1")
    stage(db, draft_entry("1", "K", "third", LATER))
    assert sample.claim(db, Operation.UPDATE) == ()
    (look,) = due_looks(db, LATER)
    settle_look(db, look, Finding.EQUAL)
    (update,) = sample.claim(db, Operation.UPDATE)
    assert update.content["textField_name"] == "third"


def test_an_instance_that_is_gone_parks_the_update_in_doubt(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K"))
    deliver_all(db)
    stage(db, draft_entry("1", "K", "second", LATER))
    open_doubt(db, "1")
    (look,) = due_looks(db, LATER)
    settle_look(db, look, Finding.GONE)
    assert column(db, "1", "block_reason") == "instance_gone"
    assert looks.oldest_instance(db, "products") is None


def test_the_witness_is_the_first_created_after_the_doubt_else_the_newest(db: sqlite3.Connection):
    assert looks.witness_candidate(db, "products", AttemptId(1)) is None
    for minute in range(3):
        at = NOW - timedelta(minutes=minute)  # the clock is set back again and again: their numbers count
        stage(db, draft_entry(str(minute), f"K{minute}"), now=at)
        deliver_all(db, NOW)

    def candidate(after: int | None) -> str:
        known = looks.witness_candidate(db, "products", None if after is None else AttemptId(after))
        assert known is not None
        return known.key

    assert [candidate(after) for after in (0, 1, 2, 3, 9, None)] == ["K0", "K1", "K2", "K2", "K2", "K2"]
    newest = looks.witness_candidate(db, "products", AttemptId(9))
    assert newest is not None
    mark_gone(db, sample.FORM, newest.instance_id)
    assert candidate(9) == "K1"
    oldest = looks.oldest_instance(db, "products")
    assert oldest is not None
    assert oldest.key == "K0"


def test_one_that_was_found_is_no_witness_for_nobody_knows_when_it_was_made(doubt: sqlite3.Connection):
    (look,) = due_looks(doubt, LATER)
    settle_look(doubt, look, Finding.EQUAL, instance_id="i1")
    assert looks.witness_candidate(doubt, "products", AttemptId(1)) is None


def test_a_create_that_is_sent_again_is_the_only_one_until_it_is_decided(doubt: sqlite3.Connection):
    assert looks.open_resends(doubt, "products") == set()
    (look,) = due_looks(doubt, LATER)
    settle_look(doubt, look, Finding.ABSENT)
    assert looks.open_resends(doubt, "products") == {record_id(doubt, "1")}
    stage(doubt, draft_entry("1", "K", "an edit in between", LATER))
    assert looks.open_resends(doubt, "products") == {record_id(doubt, "1")}
    (again,) = sample.claim(doubt)
    assert looks.open_resends(doubt, "products") == {record_id(doubt, "1")}
    sample.settle(doubt, again, Family.UNDECIDED)
    assert looks.open_resends(doubt, "products") == {record_id(doubt, "1")}
    people.retry(doubt, record_id(doubt, "1"), resend=False, now=NOW)
    assert looks.open_resends(doubt, "products") == {record_id(doubt, "1")}
    (look,) = due_looks(doubt, LATER)
    settle_look(doubt, look, Finding.EQUAL, instance_id="i1")
    assert looks.open_resends(doubt, "products") == set()


def test_a_create_that_never_arrives_is_given_up_after_two_resends(doubt: sqlite3.Connection):
    for _ in range(2):
        (look,) = due_looks(doubt, LATER)
        settle_look(doubt, look, Finding.ABSENT)
        (again,) = sample.claim(doubt)
        sample.settle(doubt, again, Family.UNDECIDED)
    (look,) = due_looks(doubt, LATER)
    settle_look(doubt, look, Finding.ABSENT)
    assert states(doubt) == {"1": "parked"}
    assert column(doubt, "1", "block_reason") == "resend_limit"
    assert sample.claim(doubt) == ()
    people.retry(doubt, record_id(doubt, "1"), resend=False, now=LATER)
    assert sample.claim(doubt) == (), "a retry looks once more and sends nothing"
    (look,) = due_looks(doubt, LATER)
    settle_look(doubt, look, Finding.ABSENT)
    assert states(doubt) == {"1": "parked"}
    people.retry(doubt, record_id(doubt, "1"), resend=True, now=LATER)
    assert deliver_all(doubt, LATER) == ["K"]


def test_an_edit_of_what_was_given_up_looks_first_and_buys_no_further_create(doubt: sqlite3.Connection):
    for _ in range(2):
        (look,) = due_looks(doubt, LATER)
        settle_look(doubt, look, Finding.ABSENT)
        (again,) = sample.claim(doubt)
        sample.settle(doubt, again, Family.UNDECIDED)
    (look,) = due_looks(doubt, LATER)
    settle_look(doubt, look, Finding.ABSENT)
    sample.stage(doubt, sample.draft_entry("1", "K", "edited"), now=LATER)
    assert sample.claim(doubt, now=LATER) == ()
    (look,) = due_looks(doubt, LATER)
    assert look.key == "K"
    settle_look(doubt, look, Finding.OTHER, instance_id="late", found_hash="as sent", now=LATER)
    assert states(doubt) == {"1": "pending"}
    assert [one.instance_id for one in sample.claim(doubt, Operation.UPDATE, now=LATER)] == ["late"]
