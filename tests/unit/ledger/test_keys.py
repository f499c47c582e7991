"""One holder for each key of a form: who waits, who is woken, and that nobody waits for ever."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest

from tests.unit.ledger import sample
from tests.unit.ledger.sample import NOW, column, deliver_all, draft_entry, holders, stage, states
from xmsyncd.ledger import claims, people, repair
from xmsyncd.ledger.check_records import check_records
from xmsyncd.ledger.events import Finding
from xmsyncd.records import Family, Operation, RejectionReason

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def delivered(db: sqlite3.Connection) -> sqlite3.Connection:
    """Three products in Yida, each with its own number."""
    stage(db, draft_entry("1", "K1"), draft_entry("2", "K2"), draft_entry("3", "K3"))
    deliver_all(db)
    return db


def test_the_second_product_with_a_number_waits_and_says_for_whom(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K"), draft_entry("2", "K"))
    assert states(db) == {"1": "pending", "2": "waiting"}
    assert column(db, "2", "block_reason") == "key_conflict"
    assert column(db, "2", "block_detail") == "key 'K' belongs to OKKI id 1 of pipeline products"
    assert deliver_all(db) == ["K"]
    assert deliver_all(db) == []


def test_two_products_that_swap_their_numbers(delivered: sqlite3.Connection):
    stage(delivered, draft_entry("1", "K2", at=LATER), draft_entry("2", "K1", at=LATER))
    assert holders(delivered) == {"K1": "2", "K2": "1", "K3": "3"}
    assert sorted(deliver_all(delivered)) == ["K1", "K2"]
    assert set(states(delivered).values()) == {"delivered"}


def test_two_products_that_swap_on_different_pages(delivered: sqlite3.Connection):
    stage(delivered, draft_entry("1", "K2", at=LATER))
    assert states(delivered)["1"] == "waiting"
    assert deliver_all(delivered) == []
    stage(delivered, draft_entry("2", "K1", at=LATER))
    assert sorted(deliver_all(delivered)) == ["K1", "K2"]


@pytest.mark.parametrize("order", [("1", "2", "3"), ("3", "2", "1"), ("2", "1", "3")])
def test_three_products_that_pass_their_numbers_round(delivered: sqlite3.Connection, order: tuple[str, ...]):
    wanted = {"1": "K2", "2": "K3", "3": "K1"}
    for source_id in order:
        stage(delivered, draft_entry(source_id, wanted[source_id], at=LATER))
    assert holders(delivered) == {key: source_id for source_id, key in wanted.items()}
    assert sorted(deliver_all(delivered)) == ["K1", "K2", "K3"]
    assert set(states(delivered).values()) == {"delivered"}


def test_a_number_freed_by_a_rename_goes_to_the_one_that_waits(delivered: sqlite3.Connection):
    stage(delivered, draft_entry("4", "K1", at=LATER))
    assert states(delivered)["4"] == "waiting"
    stage(delivered, draft_entry("1", "K9", at=LATER))
    assert states(delivered) == {"1": "pending", "2": "delivered", "3": "delivered", "4": "pending"}
    assert column(delivered, "4", "block_detail") == ""
    assert sorted(deliver_all(delivered)) == ["K1", "K9"]


def test_a_chain_is_freed_from_its_end(delivered: sqlite3.Connection):
    """1 waits for the number of 2, which waits for that of 3, which goes elsewhere."""
    stage(delivered, draft_entry("1", "K2", at=LATER))
    stage(delivered, draft_entry("2", "K3", at=LATER))
    assert states(delivered) == {"1": "pending", "2": "waiting", "3": "delivered"}
    stage(delivered, draft_entry("3", "K9", at=LATER))
    assert sorted(deliver_all(delivered)) == ["K2", "K3", "K9"]


def test_a_number_is_used_again_after_its_product_lost_it(delivered: sqlite3.Connection):
    stage(delivered, sample.rejected_entry("1", LATER))
    stage(delivered, draft_entry("4", "K1", at=LATER))
    assert deliver_all(delivered) == ["K1"]
    assert states(delivered)["1"] == "rejected"
    stage(delivered, draft_entry("1", "K1", at=LATER))
    assert states(delivered)["1"] == "waiting", "the number is another product's now"


def test_a_number_stays_with_a_rejected_product_that_is_in_yida_with_it(delivered: sqlite3.Connection):
    """Another product would get a second instance of this number; a person may let it go."""
    stage(delivered, draft_entry("9", "K1", at=LATER))
    assert states(delivered)["9"] == "waiting"
    stage(delivered, sample.rejected_entry("1", LATER, RejectionReason.BAND))
    assert states(delivered)["1"] == "rejected"
    assert deliver_all(delivered, LATER) == []
    assert states(delivered)["9"] == "waiting"
    assert check_records(delivered, 0, LATER).violations == []
    repair.rebuild_keys(delivered, LATER)
    assert sample.holders(delivered)["K1"] == "1"
    people.discard(delivered, sample.record_id(delivered, "1"), now=LATER)
    assert deliver_all(delivered, LATER) == ["K1"]
    assert check_records(delivered, 0, LATER).violations == []


def test_the_longest_waiting_is_woken_first_and_the_others_wait_on(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K"))
    for minutes, source_id in enumerate(("2", "3", "4"), start=1):
        stage(db, draft_entry(source_id, "K"), now=NOW + timedelta(minutes=minutes))
    for gone, expected in (("1", "2"), ("2", "3"), ("3", "4")):
        stage(db, draft_entry(gone, f"elsewhere {gone}", at=LATER), now=LATER)
        assert holders(db)["K"] == expected


def test_an_edit_of_a_waiting_product_does_not_lose_its_place_in_the_world(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K"), draft_entry("2", "K"))
    stage(db, draft_entry("2", "K", "edited", LATER))
    assert states(db)["2"] == "waiting"
    stage(db, draft_entry("2", "L", "renamed", LATER))
    assert states(db)["2"] == "pending"
    assert column(db, "2", "block_detail") == ""


def test_the_key_of_an_open_create_stays_taken_while_its_product_has_another(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K"))
    sample.open_doubt(db, "1")
    stage(db, draft_entry("1", "L", at=LATER))
    stage(db, draft_entry("2", "K", at=LATER))
    assert holders(db) == {"K": "1", "L": "1"}
    assert states(db) == {"1": "undecided", "2": "waiting"}
    (look,) = sample.due_looks(db, LATER)
    sample.settle_look(db, look, Finding.EQUAL, instance_id="i1")
    assert holders(db) == {"K": "2", "L": "1"}
    assert states(db) == {"1": "pending", "2": "pending"}


def test_a_create_in_doubt_whose_product_swaps_its_number_is_decided_by_the_key_that_was_sent(
    db: sqlite3.Connection,
):
    stage(db, draft_entry("1", "K1"), draft_entry("2", "K2"))
    sample.open_doubt(db, "1")
    stage(db, draft_entry("1", "K2", at=LATER), draft_entry("2", "K1", at=LATER))
    assert states(db) == {"1": "undecided", "2": "waiting"}
    (look,) = sample.due_looks(db, LATER)
    assert look.key == "K1"
    sample.settle_look(db, look, Finding.ABSENT, due_at=LATER)
    assert states(db) == {"1": "pending", "2": "pending"}
    assert sorted(deliver_all(db, LATER)) == ["K1", "K2"]


def test_a_discarded_product_frees_its_number_and_waits_when_it_is_wanted_again(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K"), draft_entry("2", "K"))
    people.discard(db, sample.record_id(db, "1"), now=NOW)
    assert states(db) == {"1": "discarded", "2": "pending"}
    people.retry(db, sample.record_id(db, "1"), resend=False, now=NOW)
    assert states(db) == {"1": "waiting", "2": "pending"}
    people.discard(db, sample.record_id(db, "2"), now=NOW)
    assert states(db) == {"1": "pending", "2": "discarded"}


def test_a_discarded_create_in_doubt_keeps_the_number_it_was_sent_with(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K"), draft_entry("2", "K"))
    sample.open_doubt(db, "1")
    people.discard(db, sample.record_id(db, "1"), now=NOW)
    assert states(db) == {"1": "discarded", "2": "waiting"}
    stage(db, draft_entry("1", "K", "new content", LATER), now=LATER)
    assert states(db)["1"] == "undecided"
    (look,) = sample.due_looks(db, LATER)
    sample.settle_look(db, look, Finding.ABSENT)
    assert states(db) == {"1": "pending", "2": "waiting"}


def test_a_parked_product_holds_its_number_until_a_person_lets_it_go(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K"), draft_entry("2", "K"), draft_entry("3", "L"))
    bad, good = sample.claim(db)
    sample.settle(db, bad, Family.REFUSED)
    sample.settle(db, good)
    assert states(db) == {"1": "parked", "2": "waiting", "3": "delivered"}
    people.discard(db, sample.record_id(db, "1"), now=NOW)
    assert states(db)["2"] == "pending"


def test_what_is_gone_from_yida_and_waits_for_a_number_takes_it_when_it_is_retried(
    delivered: sqlite3.Connection,
):
    stage(delivered, draft_entry("1", "K1", "edit", LATER), now=LATER)
    (one,) = sample.claim(delivered, Operation.UPDATE, now=LATER)
    sample.settle(delivered, one, Family.GONE)
    stage(delivered, draft_entry("1", "K2", "rename", LATER), now=LATER)
    assert states(delivered)["1"] == "parked"
    people.retry(delivered, sample.record_id(delivered, "1"), resend=False, now=LATER)
    assert states(delivered)["1"] == "waiting"
    stage(delivered, draft_entry("2", "K9", at=LATER), now=LATER)
    assert states(delivered)["1"] == "pending"


def test_two_pipelines_of_one_form_share_its_numbers(db: sqlite3.Connection):
    sample.open_pipeline(db, "others")
    stage(db, draft_entry("1", "K"))
    stage(db, draft_entry("100", "K"), pipeline="others", cycle_id=2)
    assert states(db) == {"1": "pending", "100": "waiting"}
    assert column(db, "100", "block_detail") == "key 'K' belongs to OKKI id 1 of pipeline products"
    stage(db, draft_entry("1", "L", at=LATER))
    assert states(db) == {"1": "pending", "100": "pending"}
    assert deliver_all(db, pipeline="others") == ["K"]


def test_two_forms_have_numbers_of_their_own(db: sqlite3.Connection):
    sample.open_pipeline(db, "elsewhere", "APP/OTHER")
    stage(db, draft_entry("1", "K"))
    stage(db, draft_entry("100", "K"), pipeline="elsewhere", cycle_id=2, form="APP/OTHER")
    assert states(db) == {"1": "pending", "100": "pending"}


def test_giving_a_claim_back_keeps_the_key(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K"))
    claims.give_back(db, sample.claim(db), sample.METER, NOW)
    assert holders(db) == {"K": "1"}
    assert deliver_all(db) == ["K"]
