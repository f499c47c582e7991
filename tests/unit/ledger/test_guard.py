"""The blast-radius guard: so many updates go out, the rest waits for a person, whatever happens between."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.ledger import sample
from tests.unit.ledger.sample import NOW, column, draft_entry, rejected_entry, state_of, states
from xmsyncd.ledger import guard, instances, people
from xmsyncd.ledger.guard import UNGUARDED, GuardRules, limit_of
from xmsyncd.ledger.states import VisibleState
from xmsyncd.ledger.views import StageDecision
from xmsyncd.records import ContentHash, Family, InstanceId, Operation

THREE = GuardRules(updates=3, within=timedelta(hours=1))
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("known", "limit"),
    [(0, 20), (10, 20), (100, 20), (101, 21), (1_000, 200), (5_000, 1_000), (100_000, 1_000)],
)
def test_small_catalogues_are_not_bothered_and_large_ones_are_not_let_out(known: int, limit: int):
    assert limit_of(GuardRules(updates=1_000, share=0.2, at_least=20), known) == limit


def test_each_limit_may_be_off():
    assert limit_of(UNGUARDED, 5) is None
    assert limit_of(GuardRules(updates=5, at_least=20), 1_000) == 5
    assert limit_of(GuardRules(share=0.5), 7) == 4


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_larger_catalogue_never_allows_less(one: int, other: int):
    rules = GuardRules(updates=1_000, share=0.2, at_least=20)
    few, many = (limit_of(rules, known) for known in sorted((one, other)))
    assert few is not None
    assert many is not None
    assert few <= many


def delivered(db: sqlite3.Connection, number: int = 10) -> None:
    sample.stage(db, *(draft_entry(str(one), f"K{one}") for one in range(number)), guard=THREE)
    sample.deliver_all(db)
    assert set(states(db).values()) == {"delivered"}, "a first read is not an explosion"


def edit(
    db: sqlite3.Connection,
    *numbers: int,
    text: str = "new",
    at: datetime = NOW,
    rules: GuardRules = THREE,
    context: ContentHash = sample.CONTEXT,
) -> dict[StageDecision, int]:
    """One cycle with these edits, a page for each: what a page knew must not matter to the next."""
    cycle = sample.begin_cycle(db)
    total: dict[StageDecision, int] = {}
    for one in numbers:
        entry = draft_entry(str(one), f"K{one}", text, at)
        found = sample.stage(db, entry, cycle_id=cycle, now=at, guard=rules, context=context)
        for decision, number in found.items():
            total[decision] = total.get(decision, 0) + number
    return total


def held(db: sqlite3.Connection) -> list[str]:
    return [source for source, state in states(db).items() if state == "held"]


def updates(db: sqlite3.Connection, at: datetime = NOW) -> list[str]:
    sent = []
    for one in sample.claim(db, Operation.UPDATE, now=at):
        sample.settle(db, one, now=at)
        sent.append(str(one.key))
    return sent


def test_the_first_go_out_and_the_rest_is_held_with_its_reason(db: sqlite3.Connection):
    delivered(db)
    found = edit(db, *range(8), context=ContentHash("another mapping"))
    assert found == {StageDecision.UPDATE: 3, StageDecision.HELD: 5}
    assert updates(db) == ["K0", "K1", "K2"]
    assert held(db) == ["3", "4", "5", "6", "7"]
    assert column(db, "3", "block_reason") == "context_changed"
    assert column(db, "3", "block_detail").startswith("cycle 2: 3 of 10 records")
    assert sample.claim(db, Operation.UPDATE) == ()


def test_what_the_guard_said_is_not_said_of_what_comes_after(db: sqlite3.Connection):
    delivered(db, 1)
    sample.stage(db, draft_entry("0", "K0", "new", NOW + MINUTE), guard=GuardRules(updates=0))
    assert "before a person has looked" in column(db, "0", "block_detail")
    instances.lost(db, sample.FORM, InstanceId(column(db, "0", "instance_id")), NOW + MINUTE)
    assert state_of(db, "0") is VisibleState.PARKED
    assert (column(db, "0", "block_reason"), column(db, "0", "block_detail")) == ("instance_gone", "")


def test_a_repeated_cycle_and_cycles_in_a_row_do_not_begin_a_new_count(db: sqlite3.Connection):
    delivered(db)
    edit(db, 0, 1)
    assert edit(db, 0, 1) == {StageDecision.PENDING: 2}
    assert edit(db, 2, at=NOW + 30 * MINUTE) == {StageDecision.UPDATE: 1}
    assert edit(db, 3, at=NOW + 59 * MINUTE) == {StageDecision.HELD: 1}
    assert column(db, "3", "block_reason") == "many_changes"


def test_the_stretch_slides_on_while_nothing_is_held_and_stands_still_while_something_is(
    db: sqlite3.Connection,
):
    delivered(db)
    edit(db, 0, 1, 2)
    later = NOW + HOUR + MINUTE
    assert edit(db, 3, 4, 5, at=later) == {StageDecision.UPDATE: 3}
    assert edit(db, 6, at=later) == {StageDecision.HELD: 1}
    assert edit(db, 7, at=later + 24 * HOUR) == {StageDecision.HELD: 1}, "nobody has looked yet"


def test_a_product_counts_once_however_often_it_is_edited(db: sqlite3.Connection):
    delivered(db)
    for text in "abcdef":
        assert edit(db, 0, 1, 2, text=text) == {StageDecision.UPDATE: 3}
        updates(db)
    assert edit(db, 3) == {StageDecision.HELD: 1}
    assert edit(db, 0, text="g") == {StageDecision.UPDATE: 1}, "it is one of the three that were touched"


def test_an_edit_of_what_is_held_stays_held_and_the_delivered_content_again_is_delivered(
    db: sqlite3.Connection,
):
    delivered(db)
    edit(db, *range(6))
    assert edit(db, 3, text="newer") == {StageDecision.HELD: 1}
    assert edit(db, 3, 4, text="") == {StageDecision.UNCHANGED: 2}
    assert held(db) == ["5"]
    assert column(db, "3", "guard_ms") is None
    assert guard.standing(db, "products", THREE, NOW).released == 3, "what was never sent does not count"


def test_a_mapping_that_is_turned_back_heals_itself(db: sqlite3.Connection):
    delivered(db)
    edit(db, *range(8), context=ContentHash("bad"))
    updates(db)
    found = edit(db, *range(8), text="", at=NOW + 5 * HOUR)
    assert found == {StageDecision.UPDATE: 3, StageDecision.UNCHANGED: 5}
    assert len(updates(db, NOW + 5 * HOUR)) == 3
    assert set(states(db).values()) == {"delivered"}


def test_no_retry_releases_and_no_rejection_or_key_conflict_hides(db: sqlite3.Connection):
    delivered(db)
    edit(db, *range(6))
    assert people.retry(db, sample.record_id(db, "4"), resend=True, now=NOW) is VisibleState.HELD
    cycle = sample.begin_cycle(db)
    sample.stage(db, rejected_entry("4"), cycle_id=cycle, guard=THREE)
    assert state_of(db, "4") is VisibleState.REJECTED
    assert edit(db, 4, text="mended") == {StageDecision.HELD: 1}, "it comes back as an update like others"
    conflict = draft_entry("5", "K6", "takes the key of another")
    assert sample.stage(db, conflict, cycle_id=cycle, guard=THREE) == {StageDecision.HELD: 1}
    for one in guard.select(db, "products"):
        guard.release(db, one, by="cli", now=NOW)
    assert state_of(db, "5") is VisibleState.WAITING, "it stays an error, which is settled after the approval"
    assert states(db)["3"] == states(db)["4"] == "pending"


def test_what_waits_for_its_key_is_held_before_it_is_woken(db: sqlite3.Connection):
    delivered(db)
    edit(db, 0, 1, 2)
    cycle = sample.begin_cycle(db)
    sample.stage(db, draft_entry("3", "K4", "takes a key"), cycle_id=cycle, guard=THREE)
    assert state_of(db, "3") is VisibleState.HELD
    sample.stage(db, draft_entry("4", "K99", "lets it go"), cycle_id=cycle, guard=THREE)
    assert state_of(db, "3") is VisibleState.HELD
    assert updates(db) == ["K0", "K1", "K2"]


def test_an_update_on_its_way_is_settled_and_what_is_held_behind_it_stays(db: sqlite3.Connection):
    delivered(db)
    edit(db, 0, 1, 2, 9)
    (*_, last) = sample.claim(db, Operation.UPDATE)
    edit(db, 9, text="other")
    guard_before = column(db, str(9), "block")
    assert guard_before == "held"
    sample.settle(db, last, Family.TRY_LATER, due_at=NOW)
    assert state_of(db, "9") is VisibleState.HELD


def test_approving_in_parts_counts_no_more_and_the_last_one_begins_a_new_count(db: sqlite3.Connection):
    delivered(db)
    edit(db, *range(8))
    updates(db)
    for one in guard.select(db, "products", limit=2):
        guard.release(db, one, by="cli", now=NOW + MINUTE)
    assert updates(db, NOW + MINUTE) == ["K3", "K4"]
    assert held(db) == ["5", "6", "7"]
    assert edit(db, 8, at=NOW + 2 * MINUTE) == {StageDecision.HELD: 1}
    people.discard(db, sample.record_id(db, "8"), now=NOW + 2 * MINUTE, by="cli")
    for one in guard.select(db, "products"):
        assert guard.release(db, one, by="console", now=NOW + 3 * MINUTE) == ("held", "pending")
        assert guard.release(db, one, by="console", now=NOW + 3 * MINUTE) == ("pending", "pending")
    assert edit(db, 0, 1, 2, text="x", at=NOW + 4 * MINUTE) == {StageDecision.UPDATE: 3}
    assert edit(db, 9, at=NOW + 5 * MINUTE) == {StageDecision.HELD: 1}
    events = [row[0] for row in db.execute("SELECT event FROM history WHERE record_id = 6 ORDER BY id")]
    assert events == ["staged", "staged", "held", "approved"]


def test_an_approval_covers_only_what_was_shown(db: sqlite3.Connection):
    delivered(db)
    edit(db, *range(6))
    edit(db, 4, text="after the look", at=NOW + MINUTE)
    edit(db, 7, at=NOW + MINUTE)
    shown = guard.select(db, "products", as_of=NOW)
    assert [sample.record_id(db, one) for one in ("3", "5")] == list(shown)
    assert list(guard.select(db, "products", name="K7")) == [sample.record_id(db, "7")]


def test_what_is_held_is_told_once_and_again_when_more_is(db: sqlite3.Connection):
    delivered(db)
    edit(db, *range(5))
    told = guard.report(db, "products", THREE, NOW)
    assert told == guard.HeldReport(2, 5, 3, {"many_changes": 2})
    edit(db, *range(5), at=NOW + MINUTE)
    assert guard.report(db, "products", THREE, NOW + MINUTE) is None
    edit(db, 5, at=NOW + 2 * MINUTE)
    more = guard.report(db, "products", THREE, NOW + 2 * MINUTE)
    assert more is not None
    assert (more.held, more.updates) == (3, 6)


def test_a_cycle_that_died_before_it_told_leaves_the_telling_to_the_next(db: sqlite3.Connection):
    delivered(db)
    edit(db, *range(5))
    sample.begin_cycle(db)
    assert guard.report(db, "products", THREE, NOW + MINUTE) is not None
