"""What a look proves: a match is exact, an empty look needs a witness, one canary at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.delivery.samples import DELAYS, MINUTE, NOW, SECOND, found, known, look
from xmsyncd.delivery.look_policy import (
    CreateFinding,
    Sight,
    Waited,
    Witness,
    decide_empty,
    decide_rows,
    decide_update,
    folded,
    needs_witness,
    next_look_at,
    visibility_delays,
)
from xmsyncd.ledger.events import Finding
from xmsyncd.records import ContentHash, InstanceId, Operation, RecordId

HIDDEN = Witness(Sight.HIDDEN, known())
NONE = Witness(Sight.NONE)


def waited(since_sent: timedelta) -> Waited:
    """The call had ended two seconds after it was sent."""
    return Waited(since_sent, since_sent - 2 * SECOND)


LAST_LOOK = waited(10 * MINUTE)


def visible(attempt_id: int | None) -> Witness:
    """A witness made by this attempt; when the doubtful one had ended, 5 was the newest."""
    return Witness(Sight.VISIBLE, known(attempt_id))


# Rows


def test_an_instance_with_the_key_and_the_content_is_it():
    assert decide_rows(look(), [found("i1")], {}) == CreateFinding(
        Finding.EQUAL, "found", InstanceId("i1"), ContentHash("h1")
    )


def test_an_instance_with_the_key_and_other_content_is_it_too():
    """The update that follows writes over it."""
    shown = [found("i1", content_hash="other")]
    assert decide_rows(look(), shown, {}) == CreateFinding(
        Finding.OTHER, "found_with_other_content", InstanceId("i1"), ContentHash("other")
    )


def test_of_several_the_oldest_is_bound_and_the_others_are_doubles():
    shown = [found("i3"), found("i1", age=SECOND), found("i2", age=MINUTE, content_hash="other")]
    decided = decide_rows(look(), shown, {})
    assert decided is not None
    assert (decided.finding, decided.instance_id, decided.doubles) == (Finding.OTHER, "i2", ("i1", "i3"))


def test_an_instance_of_another_record_is_never_it():
    owners = {InstanceId("i1"): RecordId(2)}
    assert decide_rows(look(), [found("i1")], owners) is None
    decided = decide_rows(look(), [found("i1"), found("i2")], owners)
    assert decided is not None
    assert (decided.instance_id, decided.doubles) == ("i2", ())


def test_an_instance_that_is_known_to_be_gone_is_never_it():
    """The index may still show what somebody deleted before this create was sent."""
    assert decide_rows(look(), [found("i1")], {InstanceId("i1"): None}) is None


def test_a_double_of_this_record_may_be_it():
    decided = decide_rows(look(), [found("i1")], {InstanceId("i1"): RecordId(1)})
    assert decided is not None
    assert decided.finding is Finding.EQUAL


@pytest.mark.parametrize("shown", [" K1", "K1 ", "k1", "Ｋ1", "K１", "\u3000k１\n"])
def test_a_key_that_is_equal_only_after_folding_is_ambiguous_and_never_absent(shown: str):
    decided = decide_rows(look(), [found("i1", shown)], {})
    assert decided is not None
    assert decided.finding is Finding.AMBIGUOUS
    assert "i1" in decided.reason
    assert folded(shown) == folded("K1")


def test_an_exact_match_beside_similar_ones_is_it():
    decided = decide_rows(look(), [found("i1", "k1", age=MINUTE), found("i2")], {})
    assert decided is not None
    assert (decided.instance_id, decided.doubles) == ("i2", ())


def test_similar_keys_of_other_records_say_nothing():
    assert decide_rows(look(), [found("i1", "k1")], {InstanceId("i1"): RecordId(2)}) is None


def test_what_a_loose_search_shows_beside_it_is_not_it():
    assert decide_rows(look(), [found("i1", "K10"), found("i2", "AK1")], {}) is None
    assert decide_rows(look(), [], {}) is None


# Empty looks


@pytest.mark.parametrize("canary_free", [True, False])
@pytest.mark.parametrize(
    ("witness", "after", "finding", "reason"),
    [
        (visible(6), 29 * SECOND, Finding.UNSEEN, "too_early"),
        (NONE, 5 * SECOND, Finding.UNSEEN, "too_early"),
        (HIDDEN, 30 * SECOND, Finding.UNSEEN, "index_behind"),
        (HIDDEN, timedelta(days=30), Finding.UNSEEN, "index_behind"),
        (visible(6), 30 * SECOND, Finding.ABSENT, "witnessed"),
        (visible(5), 30 * SECOND, Finding.UNSEEN, "no_witness_yet"),
        (visible(None), 9 * MINUTE, Finding.UNSEEN, "no_witness_yet"),
        (NONE, 9 * MINUTE, Finding.UNSEEN, "no_witness_yet"),
    ],
)
def test_an_empty_look_counts_only_beside_a_witness(
    witness: Witness, after: timedelta, finding: Finding, reason: str, canary_free: bool
):
    """One that was created after the doubtful call had ended (here 2 s after it was sent)."""
    decided = decide_empty(look(), witness, DELAYS, canary_free=canary_free, waited=waited(after))
    assert (decided.finding, decided.reason) == (finding, reason)


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_clock_that_was_set_in_between_makes_no_witness(hours: int):
    """Made before the doubtful call had ended, it is none, whatever time the clock showed then."""
    before = Witness(Sight.VISIBLE, known(5, NOW + timedelta(hours=hours)))
    after = Witness(Sight.VISIBLE, known(6, NOW + timedelta(hours=hours)))
    for witness, finding in ((before, Finding.UNSEEN), (after, Finding.ABSENT)):
        decided = decide_empty(look(), witness, DELAYS, canary_free=False, waited=waited(MINUTE))
        assert decided.finding is finding
    unknown = decide_empty(look(settled_after=None), after, DELAYS, canary_free=False, waited=waited(MINUTE))
    assert unknown.finding is Finding.UNSEEN


@pytest.mark.parametrize("witness", [NONE, visible(None)])
def test_without_a_witness_at_the_last_look_one_record_is_sent_again(witness: Witness):
    free = decide_empty(look(), witness, DELAYS, canary_free=True, waited=LAST_LOOK)
    assert (free.finding, free.reason) == (Finding.ABSENT, "no_witness")
    taken = decide_empty(look(), witness, DELAYS, canary_free=False, waited=LAST_LOOK)
    assert (taken.finding, taken.reason) == (Finding.UNSEEN, "no_witness_yet")


def test_a_witness_decides_also_while_another_is_sent_again():
    decided = decide_empty(look(), visible(6), DELAYS, canary_free=False, waited=LAST_LOOK)
    assert decided.finding is Finding.ABSENT


def test_with_a_single_delay_the_first_look_may_decide():
    one = (5 * SECOND,)
    assert not needs_witness(waited(4 * SECOND), one)
    assert needs_witness(waited(5 * SECOND), one)
    assert not needs_witness(waited(29 * SECOND), DELAYS)
    assert needs_witness(waited(30 * SECOND), DELAYS)


def test_a_look_that_is_due_a_rounded_millisecond_early_is_not_early():
    almost = 10 * MINUTE - timedelta(milliseconds=1)
    assert decide_empty(look(), NONE, DELAYS, canary_free=True, waited=waited(almost)).reason == "no_witness"
    assert next_look_at(almost, NOW, DELAYS) == NOW + 10 * MINUTE


# Updates


def test_an_update_is_there_or_is_sent_again_or_its_instance_is_gone():
    update = look(operation=Operation.UPDATE, instance_id=InstanceId("i1"))
    at_once, late = waited(timedelta(0)), waited(MINUTE)
    assert decide_update(update, None, DELAYS, at_once) == CreateFinding(Finding.GONE, "instance_gone")
    assert decide_update(update, found("i1"), DELAYS, at_once) == CreateFinding(
        Finding.EQUAL, "found", InstanceId("i1"), ContentHash("h1")
    )
    assert decide_update(update, found("i1", content_hash="old"), DELAYS, late) == CreateFinding(
        Finding.OTHER, "not_applied", InstanceId("i1"), ContentHash("old")
    )


def test_an_update_that_may_still_be_carried_out_is_not_sent_again_yet():
    """Carried out late, its older content would be put over the newer one for good."""
    update = look(operation=Operation.UPDATE, instance_id=InstanceId("i1"))
    early = decide_update(update, found("i1", content_hash="old"), DELAYS, waited(29 * SECOND))
    assert (early.finding, early.reason) == (Finding.UNSEEN, "too_early")
    just_given_up = Waited(31 * SECOND, since_ended=SECOND)
    still = decide_update(update, found("i1", content_hash="old"), DELAYS, just_given_up)
    assert still.finding is Finding.UNSEEN


# Times


def test_looks_come_at_the_delays_and_then_at_growing_intervals_for_ever():
    at = NOW
    came = []
    for _ in range(12):
        at = next_look_at(at - NOW, at, DELAYS)
        came.append((at - NOW).total_seconds() / 60)
    assert came[:4] == pytest.approx([5 / 60, 0.5, 2, 10])
    assert came[4:] == [20, 40, 80, 160, 280, 400, 520, 640]


def test_looks_that_are_overdue_collapse_into_one():
    assert next_look_at(5 * MINUTE, NOW + 5 * MINUTE, DELAYS) == NOW + 10 * MINUTE
    a_day = timedelta(days=1)
    assert next_look_at(a_day, NOW + a_day, DELAYS) == NOW + a_day + timedelta(hours=2)


@pytest.mark.parametrize("delays", [DELAYS, (SECOND,), (SECOND, SECOND * 2)])
def test_the_first_create_is_looked_for_in_finer_steps_up_to_the_last_delay(delays: tuple[timedelta, ...]):
    steps = visibility_delays(delays)
    assert steps[0] == delays[0] / 5
    assert steps[-1] == delays[-1]
    assert list(steps) == sorted(set(steps))
