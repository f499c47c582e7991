"""Binding what is there: exact keys only, oldest first, nothing that is open is touched; safe to repeat."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.unit.ledger import sample
from tests.unit.ledger.opened import opened
from xmsyncd.ledger import adopting, differences, guard, instances, people, pipelines
from xmsyncd.ledger.differences import Difference, DifferenceKind
from xmsyncd.ledger.guard import GuardRules
from xmsyncd.ledger.views import Stop
from xmsyncd.records import Found, InstanceId, StopReason
from xmsyncd.transform.hashes import hash_of

LATER = sample.NOW + timedelta(minutes=1)


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with opened(":memory:") as connection:
        sample.open_pipeline(connection)
        yield connection


def found(name: str, key: str, text: str = "") -> Found:
    content = {"textField_key": key, "textField_name": text}
    return Found(InstanceId(name), key, content, hash_of(content), sample.NOW)


def take(db: sqlite3.Connection, *page: Found, keeps: bool = False) -> adopting.Taken:
    return adopting.take(db, "products", sample.FORM, page, keeps=keeps, now=LATER)


def test_the_oldest_of_several_is_bound_and_the_others_are_doubles(db: sqlite3.Connection):
    sample.stage(db, sample.draft_entry("1", "K1", "new"))
    taken = take(db, found("i1", "K1", "old"), found("i2", "K1", "new"), found("i3", "K9"))
    assert (taken.adopted, len(taken.doubles), len(taken.unmatched)) == (1, 1, 1)
    assert sample.column(db, "1", "instance_id") == "i1"
    assert sample.states(db) == {"1": "pending"}
    again = take(db, found("i1", "K1", "old"), found("i2", "K1", "new"), found("i3", "K9"))
    assert (again.adopted, again.known, again.refreshed) == (0, 1, 0)
    assert (len(again.doubles), len(again.unmatched)) == (1, 1)


def test_a_key_that_only_looks_alike_is_not_bound_and_its_record_is_parked(db: sqlite3.Connection):
    sample.stage(db, sample.draft_entry("1", "K1"))
    (stray,) = take(db, found("i1", " K1")).unmatched
    (waiting,) = adopting.without_instance(db, "products")
    assert waiting == (sample.record_id(db, "1"), "K1")
    assert adopting.set_aside(db, waiting[0], [stray], LATER)
    assert sample.states(db) == {"1": "parked"}
    assert sample.column(db, "1", "block_reason") == "ambiguous"
    # Somebody corrects the key in Yida, and adopts again.
    assert take(db, found("i1", "K1")).adopted == 1
    assert sample.states(db) == {"1": "delivered"}


def test_rejected_and_discarded_products_keep_their_instance_too(db: sqlite3.Connection):
    """Else they would be created beside it once their product is mended."""
    sample.stage(db, sample.draft_entry("1", "K1"))
    sample.stage(db, sample.rejected_entry("1", LATER), now=LATER)
    assert take(db, found("i1", "K1")).adopted == 1
    assert sample.states(db) == {"1": "rejected"}
    sample.stage(db, sample.draft_entry("1", "K1", "mended", LATER), now=LATER)
    assert sample.column(db, "1", "lane") == "update"


def test_an_open_create_is_left_to_its_own_looks(db: sqlite3.Connection):
    sample.stage(db, sample.draft_entry("1", "K1"))
    sample.open_doubt(db, "1")
    taken = take(db, found("i1", "K1"))
    assert (taken.adopted, len(taken.undecided)) == (0, 1)
    assert sample.states(db) == {"1": "undecided"}


def test_where_changes_are_ignored_what_is_there_is_what_is_wanted(db: sqlite3.Connection):
    sample.stage(db, sample.draft_entry("1", "K1", "new"))
    assert take(db, found("i1", "K1", "by hand"), keeps=True).adopted == 1
    assert sample.states(db) == {"1": "delivered"}
    assert "by hand" in sample.column(db, "1", "content")


def test_nothing_but_adopt_ends_its_pause(db: sqlite3.Connection):
    assert adopting.begin(db, "products", sample.NOW)
    assert not adopting.begin(db, "products", LATER)
    other = Stop(StopReason.CREDENTIALS, "why", LATER, LATER)
    assert not pipelines.stop(db, "products", other)
    assert pipelines.resume(db, "products", LATER) is None
    stop = pipelines.view(db, "products").stop
    assert stop is not None
    assert (stop.reason, stop.probe_at) == (StopReason.ADOPTING, None)
    adopting.finish(db, "products", LATER, in_form=3, counts={})
    view = pipelines.view(db, "products")
    assert (view.stop, view.bootstrap_at) == (None, LATER)


def test_an_instance_that_is_gone_has_an_heir(db: sqlite3.Connection):
    sample.stage(db, sample.draft_entry("1", "K1"))
    take(db, found("i1", "K1"), found("i2", "K1"))
    assert instances.lost(db, sample.FORM, InstanceId("i1"), LATER)
    assert sample.states(db) == {"1": "parked"}
    assert adopting.rebind(db, sample.FORM, InstanceId("i1"), found("i2", "K1"), keeps=False, now=LATER)
    assert sample.states(db) == {"1": "delivered"}
    assert sample.column(db, "1", "instance_id") == "i2"


def test_a_product_with_the_key_of_an_instance_of_nobody_waits_for_a_person(db: sqlite3.Connection):
    """It was not in OKKI when the form was read; a create now would be a double of what somebody typed in."""
    extras = [Difference(DifferenceKind.EXTRA, InstanceId("i9"), key) for key in ("K1", "K3")]
    differences.replace_all(db, "products", extras, LATER)
    sample.stage(db, sample.draft_entry("1", "K1"), sample.draft_entry("2", "K2"))
    assert sample.states(db) == {"1": "parked", "2": "pending"}
    assert sample.column(db, "1", "block_reason") == "ambiguous"
    assert "i9" in sample.column(db, "1", "block_detail")
    sample.stage(db, sample.draft_entry("2", "K3"))
    assert sample.states(db)["2"] == "parked", "renamed to a key that is taken"
    sample.stage(db, sample.draft_entry("1", "K1", "edited"))
    assert sample.states(db)["1"] == "parked", "an edit decides nothing"
    people.retry(db, sample.record_id(db, "1"), resend=False, now=LATER)
    assert sample.states(db)["1"] == "parked", "trying again is no order to double it"
    people.retry(db, sample.record_id(db, "1"), resend=True, now=LATER)
    assert sample.states(db)["1"] == "pending", "a person wants it beside the other"
    # Or it is taken over.
    assert take(db, found("i9", "K3")).adopted == 1
    assert sample.states(db)["2"] == "delivered"


def test_what_is_delivered_may_take_the_key_of_an_instance_of_nobody(db: sqlite3.Connection):
    """It is an update: nothing is doubled by it, and the next comparison lists the other one."""
    sample.stage(db, sample.draft_entry("1", "K1"))
    take(db, found("i1", "K1"))
    differences.replace_all(db, "products", [Difference(DifferenceKind.EXTRA, InstanceId("i9"), "K2")], LATER)
    sample.stage(db, sample.draft_entry("1", "K2"))
    assert sample.states(db) == {"1": "pending"}


def test_updates_of_what_was_taken_over_are_held_beyond_what_the_guard_lets_go(db: sqlite3.Connection):
    """Judged only when all are bound: of the first page alone 2 would be too many, of all 10 they are not."""
    for number in range(1, 11):
        sample.stage(db, sample.draft_entry(str(number), f"K{number}", "new"))
    take(db, *(found(f"i{number}", f"K{number}", "new" if number > 3 else "old") for number in range(1, 11)))
    rules = GuardRules(share=0.2)
    due = adopting.due_updates(db, "products")
    assert len(due) == 3
    assert adopting.guard_updates(db, "products", due, rules, LATER) == 1
    assert sample.states(db)["3"] == "held"
    assert sample.column(db, "3", "block_reason") == "adopted"
    assert "2 of 10" in sample.column(db, "3", "block_detail")
    # Again, after an interruption: the same two go, and the same one is held.
    due = adopting.due_updates(db, "products")
    assert len(due) == 2
    assert adopting.guard_updates(db, "products", due, rules, LATER) == 0
    guard.release(db, sample.record_id(db, "3"), by="test", now=LATER)
    assert set(sample.states(db).values()) == {"pending", "delivered"}
