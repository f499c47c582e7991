"""Steps 4 and 6: durable before the call, settled after it, together with what it cost."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest

from tests.unit.ledger import sample
from tests.unit.ledger.sample import (
    METER,
    NOW,
    claim,
    column,
    deliver_all,
    draft_entry,
    record_id,
    settle,
    stage,
    states,
)
from xmsyncd.errors import LedgerUnusableError
from xmsyncd.ledger import claims, looks, meters, people, pipelines
from xmsyncd.ledger.events import Finding, Settled
from xmsyncd.ledger.views import Allowance, LaneView, Settlement, Stop
from xmsyncd.records import Family, InstanceId, Operation, Outcome, StopReason

LATER = NOW + timedelta(minutes=1)


def used(connection: sqlite3.Connection) -> int:
    return meters.used(connection, METER.connection, METER.month)


def attempts(connection: sqlite3.Connection) -> list[tuple[str, str | None]]:
    return [
        (row["operation"], row["outcome"])
        for row in connection.execute("SELECT operation, outcome FROM attempts ORDER BY id")
    ]


def lane_view(connection: sqlite3.Connection, operation: Operation = Operation.CREATE) -> LaneView:
    seen: list[LaneView] = []

    def decide(view: LaneView) -> Allowance:
        seen.append(view)
        return Allowance(0)

    claims.claim(connection, "products", operation, 10, decide, METER, NOW)
    return seen[0]


@pytest.fixture
def three(db: sqlite3.Connection) -> sqlite3.Connection:
    stage(db, draft_entry("1", "K1"), draft_entry("2", "K2"), draft_entry("3", "K3"))
    return db


def test_a_claim_is_durable_counted_and_taken_once(three: sqlite3.Connection):
    first = claim(three, wanted=2)
    assert [one.key for one in first] == ["K1", "K2"]
    assert [one.key for one in claim(three)] == ["K3"]
    assert claim(three) == ()
    assert set(states(three).values()) == {"sending"}
    assert used(three) == 3
    assert attempts(three) == [("create", None)] * 3
    assert column(three, "1", "sent") == column(three, "1", "content")


def test_the_allowance_bounds_a_claim(three: sqlite3.Connection):
    assert len(claim(three, allowance=Allowance(1))) == 1
    assert claim(three, allowance=Allowance(0)) == ()
    assert len(claim(three, allowance=Allowance(10, shuffle=True))) == 2


def test_what_is_put_off_is_claimed_when_it_is_due_and_not_before(three: sqlite3.Connection):
    for one in claim(three):
        settle(three, one, Family.TRY_LATER, due_at=LATER)
    assert claim(three) == ()
    assert looks.next_due(three, "products", "create") == LATER
    again = claim(three, now=LATER)
    assert [one.tries for one in again] == [1, 1, 1]


def test_a_claim_that_was_not_sent_costs_nothing(three: sqlite3.Connection):
    claims.give_back(three, claim(three), METER, NOW)
    assert set(states(three).values()) == {"pending"}
    assert (used(three), column(three, "1", "calls")) == (0, 0)
    assert attempts(three) == [("create", "returned")] * 3
    assert len(claim(three)) == 3


def test_a_throttled_call_costs_nothing_and_one_that_was_repeated_costs_two(three: sqlite3.Connection):
    one, two, _ = claim(three)
    settle(three, one, Family.THROTTLED, calls=0)
    assert (used(three), column(three, "1", "calls")) == (2, 0)
    settle(three, two, calls=2)
    assert (used(three), column(three, "2", "calls")) == (3, 2)


def test_a_delivered_create_is_bound_to_its_instance_with_what_was_sent(three: sqlite3.Connection):
    one, *_ = claim(three)
    stage(three, draft_entry("1", "K9", "edited while it was sent", LATER))
    settle(three, one, instance_id="i1")
    bound = three.execute("SELECT * FROM instances").fetchone()
    assert (bound["instance_id"], bound["key"], bound["origin"], bound["role"]) == (
        "i1",
        "K1",
        "created",
        "bound",
    )
    assert "edited" not in column(three, "1", "delivered")
    assert column(three, "1", "sent") is None
    (update,) = claim(three, Operation.UPDATE)
    assert (update.instance_id, update.key) == ("i1", "K9")
    settle(three, update)
    bound = three.execute("SELECT key FROM instances").fetchone()
    assert bound["key"] == "K9"
    assert states(three)["1"] == "delivered"
    assert column(three, "1", "delivered_ms") is not None


def test_a_create_that_answers_without_an_id_is_undecided_and_breaks_no_rule(three: sqlite3.Connection):
    one, *_ = claim(three)
    outcome = Outcome(Family.DELIVERED)
    event = Settled(one.attempt_id, Family.DELIVERED, NOW)
    claims.settle(three, [Settlement(one, outcome, event)], METER, NOW)
    assert states(three)["1"] == "undecided"
    assert three.execute("SELECT count(*) FROM instances").fetchone()[0] == 0


def test_an_outcome_that_comes_after_the_decision_changes_nothing(three: sqlite3.Connection):
    """The process was thought dead and was only slow."""
    one, *_ = claim(three)
    pipelines.recover(three, "products", timedelta(seconds=5), NOW)
    look = next(look for look in sample.due_looks(three, LATER) if look.key == "K1")
    sample.settle_look(three, look, Finding.EQUAL, instance_id="found")
    before = states(three)
    settle(three, one, instance_id="late")
    assert states(three) == before
    assert column(three, "1", "instance_id") == "found"
    assert [row["instance_id"] for row in three.execute("SELECT instance_id FROM instances")] == ["found"]


def test_an_instance_that_is_gone_is_no_witness_and_no_match_any_more(three: sqlite3.Connection):
    deliver_all(three)
    stage(three, draft_entry("1", "K1", "edit", LATER))
    (update,) = claim(three, Operation.UPDATE)
    settle(three, update, Family.GONE)
    assert update.instance_id is not None
    assert column(three, "1", "block_reason") == "instance_gone"
    assert looks.owners(three, sample.FORM, [update.instance_id]) == {update.instance_id: None}
    assert people.retry(three, record_id(three, "1"), resend=False, now=NOW) == "pending"
    (create,) = claim(three)
    settle(three, create, instance_id="i9")
    assert states(three)["1"] == "delivered"


# Suspects


def refuse(connection: sqlite3.Connection, number: int) -> None:
    for one in claim(connection, wanted=number):
        settle(connection, one, Family.REFUSED)


def test_a_refused_record_is_listed_at_once_and_not_sent_again(three: sqlite3.Connection):
    """In a quiet pipeline nothing may ever come that convicts it."""
    refuse(three, 1)
    assert states(three) == {"1": "parked", "2": "pending", "3": "pending"}
    assert (column(three, "1", "block"), column(three, "1", "block_reason")) == ("suspect", "code")
    assert lane_view(three).suspects == 1
    assert [one.key for one in claim(three)] == ["K2", "K3"]


def test_a_success_parks_the_suspects_of_its_operation(three: sqlite3.Connection):
    refuse(three, 2)
    (good,) = claim(three)
    report = settle(three, good)
    assert (report.convicted, report.acquitted) == (2, 0)
    assert column(three, "1", "block") == "parked"
    assert lane_view(three).suspects == 0
    assert deliver_all(three) == []


def test_a_success_after_a_stop_sends_the_suspects_again(three: sqlite3.Connection):
    refuse(three, 2)
    pipelines.stop(three, "products", Stop(StopReason.ALL_REFUSED, "", NOW, NOW))
    (good,) = claim(three)
    report = settle(three, good)
    assert (report.convicted, report.acquitted, report.cleared) == (0, 2, (StopReason.ALL_REFUSED,))
    assert pipelines.view(three, "products").stop is None
    assert sorted(deliver_all(three)) == ["K1", "K2"]


def test_a_suspect_is_the_probe_where_nothing_else_is_due(three: sqlite3.Connection):
    refuse(three, 3)
    stop = Stop(StopReason.ALL_REFUSED, "", NOW, NOW)
    pipelines.stop(three, "products", stop)
    assert claims.probe_due(three, "products", Operation.CREATE) == (stop, 3)
    assert claims.probe_due(three, "products", Operation.UPDATE) == (stop, 0)
    assert claim(three, allowance=Allowance(1)) == ()
    (probe,) = claim(three, allowance=Allowance(1, include_suspects=True))
    report = settle(three, probe)
    assert report.acquitted == 2
    assert deliver_all(three) == ["K2", "K3"]


def test_a_success_of_the_other_operation_ends_no_refusal_of_this_one(three: sqlite3.Connection):
    """Or the updates would take every probe, and the creates would never get one."""
    (one,) = claim(three, wanted=1)
    settle(three, one)
    refuse(three, 2)
    pipelines.stop(three, "products", Stop(StopReason.ALL_REFUSED, "", NOW, NOW))
    stage(three, draft_entry("1", "K1", "edit", LATER))
    (update,) = claim(three, Operation.UPDATE)
    report = settle(three, update)
    assert (report.cleared, report.acquitted) == ((), 0)
    assert pipelines.view(three, "products").stop is not None
    assert lane_view(three).suspects == 2


def test_a_stop_that_no_call_disproves_stays(three: sqlite3.Connection):
    pipelines.stop(three, "products", Stop(StopReason.NOT_SEARCHABLE, "", NOW, NOW))
    (one,) = claim(three, wanted=1)
    assert settle(three, one).cleared == ()
    assert pipelines.view(three, "products").stop is not None


def test_a_stop_is_written_with_the_outcome_and_told_once(three: sqlite3.Connection):
    stop = Stop(StopReason.CREDENTIALS, "bad secret", NOW, LATER)
    one, two, three_ = claim(three)
    assert settle(three, one, Family.STOP, stop=stop).stopped == (stop,)
    assert settle(three, two, Family.STOP, stop=stop).stopped == ()
    assert states(three)["1"] == "pending"
    assert settle(three, three_).cleared == (StopReason.CREDENTIALS,)


# What the deciders see


def test_creates_are_counted_while_they_may_have_made_an_instance(three: sqlite3.Connection):
    assert lane_view(three).creates_sent == 0
    one, two, third = claim(three)
    assert lane_view(three).creates_sent == 3
    settle(three, one)
    settle(three, two, Family.UNDECIDED)
    settle(three, third, Family.REFUSED)
    assert lane_view(three).creates_sent == 2
    (look,) = sample.due_looks(three, NOW)
    sample.settle_look(three, look, Finding.ABSENT, due_at=LATER)
    assert lane_view(three).creates_sent == 1, "proven absent: its resend must not find the door closed"
    stage(three, draft_entry("1", "K1", "an update is no create", LATER))
    claim(three, Operation.UPDATE)
    assert lane_view(three).creates_sent == 1


def test_the_empty_ledger_knows_no_instances_of_the_form(three: sqlite3.Connection):
    assert not looks.knows_instances(three, sample.FORM)
    deliver_all(three)
    assert looks.knows_instances(three, sample.FORM)
    assert not looks.knows_instances(three, "APP/OTHER")


# After a crash


def test_what_was_on_its_way_becomes_undecided_and_the_rest_stays(three: sqlite3.Connection):
    claim(three, wanted=2)
    found_dead = NOW + timedelta(hours=1)
    assert pipelines.recover(three, "products", timedelta(seconds=5), found_dead) == 2
    assert states(three) == {"1": "undecided", "2": "undecided", "3": "pending"}
    due = sample.due_looks(three, found_dead)
    assert [look.settled_after for look in due] == [2, 2]
    assert looks.next_due(three, "products", "look") == NOW + timedelta(seconds=5)
    assert pipelines.recover(three, "products", timedelta(seconds=5), found_dead) == 0


def test_without_reading_back_an_orphan_waits_for_a_person(three: sqlite3.Connection):
    claim(three, wanted=1)
    pipelines.recover(three, "products", timedelta(seconds=5), NOW, creates=False)
    assert looks.next_due(three, "products", "look") is None
    assert people.retry(three, record_id(three, "1"), resend=False, now=NOW) == "undecided"
    assert looks.next_due(three, "products", "look") == NOW
    assert people.retry(three, record_id(three, "1"), resend=True, now=NOW) == "pending"


def test_a_probe_is_put_off_only_where_there_is_a_stop(db: sqlite3.Connection):
    pipelines.put_off_probe(db, "products", NOW)
    assert db.execute("SELECT probe_ms FROM pipelines").fetchone()[0] is None
    pipelines.stop(db, "products", Stop(StopReason.QUOTA, "", NOW, LATER))
    pipelines.put_off_probe(db, "products", NOW)
    stop = pipelines.view(db, "products").stop
    assert stop is not None
    assert stop.probe_at == NOW
    assert pipelines.resume(db, "products", NOW) is StopReason.QUOTA
    assert pipelines.resume(db, "products", NOW) is None


def test_a_pipeline_of_another_form_is_not_the_same_pipeline(db: sqlite3.Connection):
    with pytest.raises(LedgerUnusableError, match="give the pipeline another name"):
        pipelines.register(db, "products", "APP/OTHER", "textField_key")
    with pytest.raises(KeyError):
        pipelines.view(db, "unknown")


def test_instances_of_two_records_stay_two(three: sqlite3.Connection):
    one, two, _ = claim(three)
    settle(three, one, instance_id="i1")
    settle(three, two, instance_id="i1")
    owner = looks.owners(three, sample.FORM, [InstanceId("i1"), InstanceId("i2")])
    assert owner == {InstanceId("i1"): record_id(three, "1")}
