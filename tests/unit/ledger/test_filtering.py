"""What ``where`` leaves out: it is not sent, its key is free, and it comes back by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.unit.ledger import sample
from xmsyncd.ledger import cycles, people, queries, staging
from xmsyncd.ledger.check_records import check_records
from xmsyncd.ledger.events import Finding
from xmsyncd.ledger.guard import UNGUARDED, GuardRules
from xmsyncd.ledger.tombstones import Mark
from xmsyncd.ledger.views import StageDecision, StageEntry
from xmsyncd.records import Family, Filtered, KeyValue, Operation, RejectionReason, SourceId

LATER = sample.NOW + timedelta(minutes=1)
MUCH_LATER = sample.NOW + timedelta(minutes=2)
MARK = Mark("textField_mark", "gone", "textField_key")
DETAIL = 'where: status eq "1" does not hold for 2'


def filtered(source_id: str, key: str | None = "K1", text: str = "", at=LATER) -> StageEntry:
    item = sample.item(source_id, at, no=key, name=text)
    return StageEntry(item, Filtered(SourceId(source_id), at, DETAIL, None if key is None else KeyValue(key)))


def leave_out(db, *entries: StageEntry, mark: Mark | None = None, cycle_id: int = 1, now=LATER):
    staged = staging.stage_page(
        db,
        "products",
        sample.FORM,
        cycle_id,
        sample.CONTEXT,
        entries,
        ignore_changes=False,
        now=now,
        guard=UNGUARDED,
        mark=mark,
    )
    return dict(staged.decisions)


def sound(db: sqlite3.Connection) -> bool:
    return check_records(db, 0, MUCH_LATER).violations == []


def test_what_was_never_seen_is_remembered_and_set_aside(db: sqlite3.Connection):
    assert leave_out(db, filtered("1")) == {StageDecision.FILTERED: 1}
    assert sample.states(db) == {"1": "discarded"}
    assert sample.holders(db) == {}
    assert sample.deliver_all(db) == []
    [life] = queries.explain(db, "products", "K1")
    assert life["record"]["filtered_by"] == DETAIL
    assert [(one["event"], one["detail"]) for one in life["history"]] == [("filtered", {"detail": DETAIL})]
    assert people.rejected_items(db, "products", [RejectionReason.FILTERED], 10) == ()
    people.retry(db, sample.record_id(db, "1"), resend=False, now=LATER)
    assert sample.states(db) == {"1": "discarded"}
    assert sound(db)


def pending(db: sqlite3.Connection) -> None:
    sample.stage(db, sample.draft_entry("1", "K1", "old"))


def rejected(db: sqlite3.Connection) -> None:
    sample.stage(db, sample.rejected_entry("1", no="K1"))


def waiting(db: sqlite3.Connection) -> None:
    sample.stage(db, sample.draft_entry("0", "K1", "first"))
    pending(db)


def parked(db: sqlite3.Connection) -> None:
    pending(db)
    [one] = sample.claim(db)
    sample.settle(db, one, Family.REFUSED)


def discarded(db: sqlite3.Connection) -> None:
    pending(db)
    people.discard(db, sample.record_id(db, "1"), now=sample.NOW)


@pytest.mark.parametrize("before", [pending, rejected, waiting, parked, discarded])
def test_what_is_not_in_yida_is_not_sent_frees_its_key_and_comes_back(
    db: sqlite3.Connection, before: Callable[[sqlite3.Connection], None]
):
    before(db)
    leave_out(db, filtered("1", text="left out"))
    assert sample.states(db)["1"] == "discarded"
    assert "1" not in sample.holders(db).values()
    assert queries.failure_groups(db, "products") == []
    assert "1" not in {str(one.record_id) for one in sample.claim(db) if one.key == "K2"}
    assert sound(db)
    sample.stage(db, sample.draft_entry("1", "K2", "new", MUCH_LATER), now=MUCH_LATER)
    assert sample.states(db)["1"] == "pending"
    assert sample.column(db, "1", "filtered_by") is None
    assert sample.holders(db)["K2"] == "1"
    assert sound(db)


def test_whoever_waits_for_its_key_gets_it(db: sqlite3.Connection):
    pending(db)
    sample.stage(db, sample.draft_entry("2", "K1", "heir"))
    assert sample.states(db) == {"1": "pending", "2": "waiting"}
    leave_out(db, filtered("1"))
    assert sample.states(db) == {"1": "discarded", "2": "pending"}
    assert sample.holders(db) == {"K1": "2"}


@pytest.mark.parametrize("text", ["old", "newer"])
def test_what_yida_holds_stays_as_it_is(db: sqlite3.Connection, text: str):
    """Also what waited to be sent for it is not sent any more; its key stays taken."""
    pending(db)
    sample.deliver_all(db)
    sample.stage(db, sample.draft_entry("1", "K1", text, LATER), now=LATER)
    assert leave_out(db, filtered("1", text="left out", at=MUCH_LATER)) == {StageDecision.REPEAT: 1}
    assert sample.states(db) == {"1": "delivered"}
    assert sample.holders(db) == {"K1": "1"}
    assert sample.deliver_all(db, MUCH_LATER) == []
    assert sample.column(db, "1", "filtered_by") == DETAIL
    assert sound(db)
    sample.stage(db, sample.draft_entry("1", "K1", "latest", MUCH_LATER), now=MUCH_LATER)
    assert sample.deliver_all(db, MUCH_LATER) == ["K1"]
    assert sound(db)


def test_what_the_guard_holds_is_let_go_by_being_left_out(db: sqlite3.Connection):
    entries = [sample.draft_entry(str(number), f"K{number}", "old") for number in range(30)]
    sample.stage(db, *entries)
    sample.deliver_all(db)
    newer = [sample.draft_entry(str(number), f"K{number}", "new", LATER) for number in range(30)]
    sample.stage(db, *newer, now=LATER, guard=GuardRules(updates=1, share=None, at_least=0))
    assert sample.states(db)["29"] == "held"
    leave_out(db, filtered("29", "K29", at=MUCH_LATER), now=MUCH_LATER)
    assert sample.states(db)["29"] == "delivered"
    assert sound(db)


def test_with_a_mark_it_is_marked_once_and_unmarked_when_it_comes_back(db: sqlite3.Connection):
    pending(db)
    sample.deliver_all(db)
    leave_out(db, filtered("1"), mark=MARK)
    assert sample.deliver_all(db, LATER) == ["K1"]
    assert '"gone"' in sample.column(db, "1", "delivered")
    leave_out(db, filtered("1", at=MUCH_LATER), mark=MARK, now=MUCH_LATER)
    assert sample.deliver_all(db, MUCH_LATER) == []
    back = sample.draft_entry("1", "K1", "old", MUCH_LATER, **{MARK.component: ""})
    sample.stage(db, back, now=MUCH_LATER, ignore_changes=True)
    assert sample.deliver_all(db, MUCH_LATER) == ["K1"]
    assert "gone" not in sample.column(db, "1", "delivered")


@pytest.mark.parametrize("arrived", [True, False])
def test_a_create_on_its_way_is_decided_first(db: sqlite3.Connection, arrived: bool):
    pending(db)
    sample.open_doubt(db, "1")
    leave_out(db, filtered("1"))
    assert sample.states(db) == {"1": "undecided"}
    assert sample.holders(db) == {"K1": "1"}
    assert sound(db)
    [look] = sample.due_looks(db, MUCH_LATER)
    if arrived:
        sample.settle_look(db, look, Finding.EQUAL, instance_id="i1", now=MUCH_LATER)
    else:
        sample.settle_look(db, look, Finding.ABSENT, now=MUCH_LATER)
    assert sample.deliver_all(db, MUCH_LATER) == []
    # The next cycle looks at it again, although OKKI lists it as before.
    assert staging.listed(db, "products", [SourceId("1")])[SourceId("1")].listed_hash == ""
    [(item, _)] = people.rejected_items(db, "products", [RejectionReason.FILTERED], 10)
    assert item.source_id == "1"
    leave_out(db, filtered("1", at=MUCH_LATER), cycle_id=sample.begin_cycle(db), now=MUCH_LATER)
    assert sample.states(db) == {"1": "delivered" if arrived else "discarded"}
    assert sample.holders(db) == ({"K1": "1"} if arrived else {})
    assert sound(db)


def test_a_create_that_is_found_with_other_content_comes_to_rest_too(db: sqlite3.Connection):
    """What exactly Yida holds is then not known, and nobody is asked about what the pipeline is not about."""
    pending(db)
    sample.open_doubt(db, "1")
    leave_out(db, filtered("1"))
    [look] = sample.due_looks(db, MUCH_LATER)
    sample.settle_look(db, look, Finding.OTHER, instance_id="i1", found_hash="other", now=MUCH_LATER)
    leave_out(db, filtered("1", at=MUCH_LATER), cycle_id=sample.begin_cycle(db), now=MUCH_LATER)
    assert sample.states(db) == {"1": "discarded"}
    assert people.rejected_items(db, "products", [RejectionReason.FILTERED], 10) == ()
    assert sample.deliver_all(db, MUCH_LATER) == []
    assert sound(db)
    # Let in again, it is the same instance that gets the content.
    sample.stage(db, sample.draft_entry("1", "K1", "back", MUCH_LATER), now=MUCH_LATER)
    [one] = sample.claim(db, Operation.UPDATE, now=MUCH_LATER)
    assert one.instance_id == "i1"


def test_an_update_on_its_way_is_what_stays(db: sqlite3.Connection):
    pending(db)
    sample.deliver_all(db)
    sample.stage(db, sample.draft_entry("1", "K1", "new", LATER), now=LATER)
    [one] = sample.claim(db, Operation.UPDATE, now=LATER)
    leave_out(db, filtered("1", at=MUCH_LATER), now=MUCH_LATER)
    sample.settle(db, one, now=MUCH_LATER)
    assert sample.states(db) == {"1": "delivered"}
    assert '"new"' in sample.column(db, "1", "delivered")
    assert sample.deliver_all(db, MUCH_LATER) == []
    assert sound(db)


def test_an_instance_that_is_gone_is_not_made_anew_for_what_is_left_out(db: sqlite3.Connection):
    pending(db)
    sample.deliver_all(db)
    sample.stage(db, sample.draft_entry("1", "K1", "new", LATER), now=LATER)
    [one] = sample.claim(db, Operation.UPDATE, now=LATER)
    sample.settle(db, one, Family.GONE, now=LATER)
    leave_out(db, filtered("1", at=MUCH_LATER), now=MUCH_LATER)
    people.retry(db, sample.record_id(db, "1"), resend=False, now=MUCH_LATER)
    assert sample.deliver_all(db, MUCH_LATER) == []
    leave_out(db, filtered("1", at=MUCH_LATER), cycle_id=sample.begin_cycle(db), now=MUCH_LATER)
    assert sample.states(db) == {"1": "discarded"}
    assert sound(db)


def test_the_same_sight_again_is_filtered_again_and_balances(db: sqlite3.Connection):
    leave_out(db, filtered("1"))
    again = StageEntry(filtered("1").item, None)
    cycle = sample.begin_cycle(db)
    assert sample.stage(db, again, cycle_id=cycle) == {StageDecision.FILTERED: 1}
    assert cycles.decisions(db, cycle) == {StageDecision.FILTERED: 1}
    history = queries.explain(db, "products", "1")[0]["history"]
    assert [one["event"] for one in history] == ["filtered"]


def test_an_older_sight_changes_nothing(db: sqlite3.Connection):
    sample.stage(db, sample.draft_entry("1", "K1", "new", MUCH_LATER))
    assert leave_out(db, filtered("1", at=LATER), cycle_id=sample.begin_cycle(db)) == {
        StageDecision.PENDING: 1
    }
    assert sample.states(db) == {"1": "pending"}
