"""Step 3: a page becomes desired state; what is older never wins, what is dirty stops nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.ledger import sample
from tests.unit.ledger.sample import NOW, column, draft_entry, rejected_entry, stage, state_of
from xmsyncd.ledger import Ledger, people, staging
from xmsyncd.ledger.states import VisibleState
from xmsyncd.ledger.views import Listed, StageDecision, StageEntry
from xmsyncd.records import Family, KeyValue, Operation, RejectionReason, SourceId

SECOND = timedelta(seconds=1)


def test_a_new_item_is_a_create_a_changed_one_an_update_and_the_same_one_nothing(db: sqlite3.Connection):
    assert stage(db, draft_entry("1", "K")) == {StageDecision.CREATE: 1}
    cycle = sample.begin_cycle(db)
    assert stage(db, draft_entry("1", "K"), cycle_id=cycle) == {StageDecision.PENDING: 1}
    sample.deliver_all(db)
    cycle = sample.begin_cycle(db)
    assert stage(db, draft_entry("1", "K"), cycle_id=cycle) == {StageDecision.UNCHANGED: 1}
    assert sample.claim(db) == ()
    cycle = sample.begin_cycle(db)
    assert stage(db, draft_entry("1", "K", "new"), cycle_id=cycle) == {StageDecision.UPDATE: 1}
    assert [one.operation for one in sample.claim(db, Operation.UPDATE)] == [Operation.UPDATE]


def test_an_item_known_as_listed_needs_no_result(db: sqlite3.Connection):
    entry = draft_entry("1", "K")
    stage(db, replace(entry, detail={"product_type": "盒"}))
    assert staging.listed(db, "products", [SourceId("1"), SourceId("2")]) == {
        SourceId("1"): Listed(entry.item.listed_hash, sample.CONTEXT, NOW, None, {"product_type": "盒"})
    }
    cycle = sample.begin_cycle(db)
    assert stage(db, replace(entry, result=None), cycle_id=cycle) == {StageDecision.PENDING: 1}
    with pytest.raises(ValueError, match="said to be known"):
        stage(db, replace(draft_entry("2", "L"), result=None))


def test_an_older_reading_changes_nothing(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K", "newer", NOW))
    before = list(db.iterdump())
    stage(db, draft_entry("1", "L", "older", NOW - SECOND))
    stage(db, rejected_entry("1", NOW - SECOND))
    assert column(db, "1", "content") == '{"textField_key":"K","textField_name":"newer"}'
    assert [line for line in db.iterdump() if line not in before and "cycle_decisions" not in line] == []


def test_an_older_rejected_reading_leaves_the_raw_item_of_a_newer_one(db: sqlite3.Connection):
    """A retry maps the raw item again, so it must be the newest."""
    stage(db, rejected_entry("1", NOW, name="newer"))
    stage(db, rejected_entry("1", NOW - SECOND, name="older"))
    kept = people.raw_item(db, sample.record_id(db, "1"))
    assert kept is not None
    assert kept[0].raw["name"] == "newer"


def test_of_two_readings_of_the_same_second_the_later_read_wins(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K", "first", NOW))
    stage(db, draft_entry("1", "K", "second", NOW))
    assert "second" in column(db, "1", "content")


def test_readings_without_a_time_are_taken_in_the_order_they_come(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K", "first", None))
    stage(db, draft_entry("1", "K", "second", None))
    assert "second" in column(db, "1", "content")


def test_what_is_staged_is_what_is_sent(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K", "一"))
    (one,) = sample.claim(db)
    assert (one.key, dict(one.content)) == ("K", {"textField_key": "K", "textField_name": "一"})


def test_a_rejected_item_keeps_its_reason_its_item_and_its_last_key(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K"))
    assert stage(db, rejected_entry("1", NOW + SECOND, name="x")) == {StageDecision.REPEAT: 1}
    assert state_of(db, "1") is VisibleState.REJECTED
    assert (column(db, "1", "rejection"), column(db, "1", "key")) == ("empty_key", "K")
    assert sample.holders(db) == {}
    stage(db, draft_entry("1", "K", "mended", NOW + 2 * SECOND))
    assert state_of(db, "1") is VisibleState.PENDING
    assert column(db, "1", "raw") is None
    assert people.raw_item(db, sample.record_id(db, "1")) is None


def test_a_delivered_product_that_turns_bad_keeps_its_instance(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K"))
    sample.deliver_all(db)
    stage(db, rejected_entry("1", NOW + SECOND))
    assert state_of(db, "1") is VisibleState.REJECTED
    stage(db, draft_entry("1", "K", "", NOW + 2 * SECOND))
    assert state_of(db, "1") is VisibleState.DELIVERED


def test_a_repeat_is_counted_and_keeps_what_the_first_meeting_decided(db: sqlite3.Connection):
    entry = draft_entry("1", "K")
    assert stage(db, entry, entry) == {StageDecision.CREATE: 1, StageDecision.REPEAT: 1}
    assert column(db, "1", "decision") == "create"
    stage(db, draft_entry("1", "K", "edited while we read", NOW + SECOND))
    assert column(db, "1", "decision") == "create"
    stage(db, rejected_entry("1", NOW + 2 * SECOND))
    assert column(db, "1", "decision") == "rejected"
    counted = db.execute("SELECT decision, records FROM cycle_decisions ORDER BY decision").fetchall()
    assert [tuple(row) for row in counted] == [("create", 1), ("repeat", 3)]


def test_on_change_ignore_leaves_what_yida_was_given_first(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K", "first"))
    stage(db, draft_entry("1", "K", "before it was sent", NOW + SECOND), ignore_changes=True)
    assert "before it was sent" in column(db, "1", "content")
    sample.deliver_all(db)
    changed = draft_entry("1", "L", "later", NOW + 2 * SECOND)
    cycle = sample.begin_cycle(db)
    assert stage(db, changed, ignore_changes=True, cycle_id=cycle) == {StageDecision.UNCHANGED: 1}
    assert state_of(db, "1") is VisibleState.DELIVERED
    assert sample.holders(db) == {"K": "1"}
    known = staging.listed(db, "products", [SourceId("1")])[SourceId("1")]
    assert known.listed_hash == changed.item.listed_hash, "or each cycle would map it again"


@pytest.mark.parametrize(
    "make",
    [
        lambda: replace(draft_entry("1", "K"), detail={"remark": "\ud800", "number": 2**70}),
        lambda: rejected_entry("1", reason=RejectionReason.TYPE, name="\udfff", number=2**70),
        lambda: draft_entry("1", "K", "half of a pair: \ud83d"),
    ],
    ids=["detail", "raw item", "content"],
)
def test_text_that_is_no_text_and_endless_numbers_come_back_as_they_were(
    db: sqlite3.Connection, make: Callable[[], StageEntry]
):
    entry = make()
    stage(db, entry, draft_entry("2", "L"))
    known = staging.listed(db, "products", [SourceId("1")])[SourceId("1")]
    assert known.detail == entry.detail
    kept = people.raw_item(db, sample.record_id(db, "1"))
    if kept is not None:
        assert kept[0].raw == entry.item.raw
    else:
        sent = {one.key: one.content for one in sample.claim(db)}
        assert entry.result is not None
        assert sent[KeyValue("K")] == getattr(entry.result, "content", None)


def test_a_key_that_is_no_text_rejects_its_item_and_not_its_page(db: sqlite3.Connection):
    decisions = stage(db, draft_entry("1", "K\ud800"), draft_entry("2", "L"))
    assert decisions == {StageDecision.REJECTED: 1, StageDecision.CREATE: 1}
    assert column(db, "1", "rejection") == "type"


async def test_a_page_is_staged_whole_or_not_at_all(ledger: Ledger):
    with pytest.raises(ValueError, match="said to be known"):
        await ledger.write(stage, draft_entry("1", "K"), replace(draft_entry("2", "L"), result=None))
    assert await ledger.read(sample.states) == {}
    await ledger.write(stage, draft_entry("1", "K"), draft_entry("2", "L"))
    assert await ledger.read(sample.states) == {"1": "pending", "2": "pending"}


def test_new_content_frees_a_refused_record(db: sqlite3.Connection):
    stage(db, draft_entry("1", "K"), draft_entry("2", "L"))
    bad, good = sample.claim(db)
    sample.settle(db, bad, Family.REFUSED)
    sample.settle(db, good)
    assert (column(db, "1", "block"), state_of(db, "1")) == ("parked", VisibleState.PARKED)
    stage(db, draft_entry("1", "K", "mended", NOW + SECOND))
    assert sample.deliver_all(db) == ["K"]


def test_many_hundreds_that_are_tried_again_have_their_turns(db: sqlite3.Connection):
    """Those tried longest ago come first, and what is tried goes to the end."""
    reason = RejectionReason.DETAIL_UNAVAILABLE
    entries = [rejected_entry(str(number), reason=reason, no=f"K{number}") for number in range(450)]
    stage(db, *entries)
    tried: list[str] = []
    for _ in range(3):
        cycle = sample.begin_cycle(db)
        some = [item for item, _ in people.rejected_items(db, "products", [reason], 200)]
        tried += [item.source_id for item in some]
        stage(db, *(entries[int(item.source_id)] for item in some), cycle_id=cycle)
    assert len(tried) == 600
    assert sorted(set(tried), key=int) == [str(number) for number in range(450)]
    assert tried[450:] == tried[:150]
    again = people.rejected_items(db, "products", [reason], 450, not_in=cycle)
    assert [item.source_id for item, _ in again] == tried[150:400]
