"""An update is sent when it would change something in Yida, and only then."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.ledger import sample
from xmsyncd.ledger import adopting, instances, people
from xmsyncd.ledger.check_records import check_records
from xmsyncd.ledger.events import Finding
from xmsyncd.ledger.guard import GuardRules
from xmsyncd.ledger.sameness import Holding, Need, left_beside, need_of_update, told_by
from xmsyncd.ledger.views import StageDecision
from xmsyncd.records import Content, Family, Found, InstanceId, Operation
from xmsyncd.transform.hashes import content_hash, hash_of

LATER = sample.NOW + timedelta(minutes=1)
X = "textField_x"

names = st.sampled_from(["a", "b", "c"])
values = st.sampled_from(["", None, [], " ", "v", "w", 0, False, ["v"]])
contents = st.dictionaries(names, values)


def need(desired: Content, delivered: Content, left: dict[str, Any] | None = None) -> Need | None:
    return need_of_update(desired, hash_of(desired), Holding(delivered, left), hash_of(delivered))


@pytest.mark.parametrize(
    ("desired", "delivered", "left", "expected"),
    [
        ({"a": "1"}, {"a": "1"}, None, None),
        ({"a": "1"}, {"a": "2"}, {}, Need.VALUE),
        ({"a": "1"}, {"a": "1", "b": "2"}, None, None),
        ({"a": "1", "b": ""}, {"a": "1"}, {}, None),
        ({"a": "1", "b": []}, {"a": "1"}, {}, None),
        ({"a": "1", "b": None}, {"a": "1", "b": ""}, {}, None),
        ({"a": "1", "b": ""}, {"a": "1"}, None, Need.NOT_KNOWN),
        ({"a": "1", "b": ""}, {"a": "1"}, {"b": "2"}, Need.VALUE),
        ({"a": "1", "b": "2"}, {"a": "1"}, {"b": "2"}, None),
        ({"a": "1", "b": "2"}, {"a": "1"}, {}, Need.VALUE),
        ({"a": ""}, {"a": "1"}, {}, Need.VALUE),
        ({"a": "1", "b": " "}, {"a": "1"}, {}, Need.VALUE),
        ({"a": "1", "b": 0}, {"a": "1"}, {}, Need.VALUE),
        ({"a": "1", "b": False}, {"a": "1"}, {}, Need.VALUE),
    ],
)
def test_what_needs_an_update(desired, delivered, left, expected):
    assert need(desired, delivered, left) is expected


def test_what_tells_a_time_of_ours_counts_by_what_it_tells_of():
    of_one, of_two = ({"t": "one"}, {"t": "two"})
    desired = {"a": "1", "t": "12:00"}
    delivered = {"a": "1", "t": "11:00", "b": "2"}
    wanted = content_hash(desired, ["t"], of_one)
    holding = Holding(delivered, {})
    assert need_of_update(desired, wanted, holding, content_hash(delivered, ["t"], of_one)) is None
    assert need_of_update(desired, wanted, holding, content_hash(delivered, ["t"], of_two)) is Need.SOURCE
    assert need_of_update(desired, wanted, holding, hash_of(delivered)) is Need.SOURCE
    told = told_by(desired, wanted, holding)
    assert told == Holding({"a": "1", "t": "11:00"}, {"b": "2"}), "the time that Yida shows stays known"


@given(contents, contents, contents)
def test_without_an_update_yida_holds_what_is_desired(
    desired: Content, delivered: Content, left: dict[str, Any]
):
    """Yida merges: whatever is decided, and written then, what is desired is what it holds in the end."""
    holding = Holding(delivered, {name: one for name, one in left.items() if name not in delivered})
    in_yida = {**(holding.left or {}), **delivered}
    merged = {**in_yida, **desired}
    held = {name: one for name, one in in_yida.items() if one not in ("", None, [])}
    wanted = {name: one for name, one in merged.items() if one not in ("", None, [])}
    # 0 and False are equal in Python, and not in Yida.
    assert (need(desired, delivered, dict(holding.left or {})) is None) == (hash_of(held) == hash_of(wanted))
    beside = left_beside(desired, holding)
    assert beside is not None
    assert not set(beside) & set(desired)
    assert hash_of({**desired, **beside}) == hash_of({**wanted, **desired})


def delivered(db: sqlite3.Connection, text: str = "a", **further: Any) -> None:
    sample.open_pipeline(db)
    sample.stage(db, sample.draft_entry("1", "K1", text, **further))
    sample.deliver_all(db)


def remapped(db: sqlite3.Connection, text: str = "a", **further: Any) -> dict[StageDecision, int]:
    entry = sample.draft_entry("1", "K1", text, LATER, **further)
    decided = sample.stage(db, entry, cycle_id=sample.begin_cycle(db), now=LATER)
    assert check_records(db, 0, LATER).violations == []
    return decided


def test_a_component_that_is_mapped_no_more_costs_no_call_and_is_remembered(db: sqlite3.Connection):
    delivered(db, **{X: "box"})
    before = sample.column(db, "1", "delivered_ms")
    assert remapped(db) == {StageDecision.UNCHANGED: 1}
    assert sample.deliver_all(db, LATER) == []
    assert sample.column(db, "1", "left_in_yida") == '{"textField_x":"box"}'
    assert sample.column(db, "1", "delivered_ms") == before, "nothing was delivered"
    assert remapped(db, **{X: "box"}) == {StageDecision.UNCHANGED: 1}
    assert remapped(db) == {StageDecision.UNCHANGED: 1}
    assert remapped(db, **{X: ""}) == {StageDecision.UPDATE: 1}, "Yida still holds the box"
    assert sample.deliver_all(db, LATER) == ["K1"]
    assert sample.column(db, "1", "left_in_yida") == "{}"


def test_what_is_left_outlives_an_update_of_something_else(db: sqlite3.Connection):
    delivered(db, **{X: "box"})
    assert remapped(db, "b") == {StageDecision.UPDATE: 1}
    assert sample.deliver_all(db, LATER) == ["K1"]
    assert remapped(db, "b", **{X: ""}) == {StageDecision.UPDATE: 1}


def test_a_new_component_without_a_value_costs_no_call(db: sqlite3.Connection):
    delivered(db)
    assert remapped(db, **{X: ""}) == {StageDecision.UNCHANGED: 1}
    assert remapped(db, **{X: "box"}) == {StageDecision.UPDATE: 1}


def test_of_an_instance_that_was_taken_over_it_is_not_known(db: sqlite3.Connection):
    sample.open_pipeline(db)
    entry = sample.draft_entry("1", "K1", "a")
    sample.stage(db, entry)
    assert entry.result is not None
    content = {"textField_key": "K1", "textField_name": "a"}
    found = Found(InstanceId("i1"), "K1", content, hash_of(content))
    adopting.take(db, "products", sample.FORM, [found], keeps=False, now=LATER)
    assert sample.states(db) == {"1": "delivered"}
    assert remapped(db, **{X: ""}) == {StageDecision.UPDATE: 1}


def test_what_is_on_its_way_is_decided_when_it_has_arrived(db: sqlite3.Connection):
    delivered(db, **{X: "box"})
    remapped(db, "b", **{X: "box"})
    [one] = sample.claim(db, Operation.UPDATE, now=LATER)
    remapped(db, "b")
    assert sample.states(db) == {"1": "sending"}
    sample.settle(db, one, Family.DELIVERED, now=LATER)
    assert sample.states(db) == {"1": "delivered"}
    assert check_records(db, 0, LATER).violations == []
    assert sample.deliver_all(db, LATER) == []


def test_what_was_in_doubt_is_decided_when_it_is_found(db: sqlite3.Connection):
    delivered(db, **{X: "box"})
    remapped(db, "b", **{X: "box"})
    [one] = sample.claim(db, Operation.UPDATE, now=LATER)
    sample.settle(db, one, Family.UNDECIDED, now=LATER)
    remapped(db, "b")
    assert sample.states(db) == {"1": "undecided"}
    [look] = sample.due_looks(db, LATER)
    sample.settle_look(db, look, Finding.EQUAL, now=LATER)
    assert sample.states(db) == {"1": "delivered"}
    assert check_records(db, 0, LATER).violations == []


def test_what_the_guard_holds_is_released_where_no_update_is_needed_any_more(db: sqlite3.Connection):
    delivered(db, **{X: "box"})
    entry = sample.draft_entry("1", "K1", "b", LATER, **{X: "box"})
    sample.stage(db, entry, cycle_id=sample.begin_cycle(db), now=LATER, guard=GuardRules(updates=0))
    assert sample.states(db) == {"1": "held"}
    assert remapped(db) == {StageDecision.UNCHANGED: 1}
    assert sample.column(db, "1", "guard_ms") is None
    assert sample.states(db) == {"1": "delivered"}


def test_the_number_that_the_instance_shows_is_the_one_that_is_mapped(db: sqlite3.Connection):
    """The key is read from another component now, which Yida holds already."""
    delivered(db, "K9")
    content = {"textField_name": "K9"}
    sample.stage(db, sample.draft_of("1", "K9", content, LATER), cycle_id=sample.begin_cycle(db), now=LATER)
    assert sample.deliver_all(db, LATER) == []
    assert [row["key"] for row in db.execute("SELECT key FROM instances")] == ["K9"]


def test_what_was_sent_once_more_at_a_persons_word_is_not_taken_for_there(db: sqlite3.Connection):
    """An update in doubt may have gone through: what was delivered before it says nothing."""
    delivered(db)
    remapped(db, "b")
    [one] = sample.claim(db, Operation.UPDATE, now=LATER)
    sample.settle(db, one, Family.UNDECIDED, now=LATER)
    people.retry(db, sample.record_id(db, "1"), resend=True, now=LATER)
    assert remapped(db, "a") == {StageDecision.UPDATE: 1}
    assert sample.deliver_all(db, LATER) == ["K1"]


def test_what_was_changed_by_hand_is_taken_over_beside_what_is_left(db: sqlite3.Connection):
    delivered(db, **{X: "box"})
    remapped(db)
    [seen] = instances.held(db, sample.FORM, instances.current_ids(db, "products")).values()
    content = {"textField_key": "K1", "textField_name": "by hand"}
    found = Found(seen.instance_id, "K1", content, hash_of(content))
    assert instances.drifted(db, seen, found, LATER)
    assert sample.column(db, "1", "left_in_yida") == '{"textField_x":"box"}'
    assert sample.deliver_all(db, LATER) == ["K1"]
