"""The transition function: total, at most one open attempt, and nothing undecided is sent blindly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.ledger.random_events import NOW, Move, Walk, desired, drafts, moves, walks
from xmsyncd.ledger.events import (
    Acquitted,
    Adopted,
    Blocked,
    Claimed,
    Convicted,
    Discarded,
    Drifted,
    Event,
    Finding,
    Held,
    Looked,
    Orphaned,
    PulledIn,
    Released,
    Resembled,
    ResendOrdered,
    Restored,
    Retried,
    Returned,
    Settled,
    Staged,
    Unblocked,
)
from xmsyncd.ledger.states import (
    FILTERED_OUT,
    Attempt,
    Block,
    Desired,
    DesiredDraft,
    DesiredRejection,
    ParkReason,
    Phase,
    RecordState,
    VisibleState,
    is_delivered,
    lies_beside_another,
    next_operation,
    visible_state,
    wanted_keys,
)
from xmsyncd.ledger.transitions import transition
from xmsyncd.records import (
    AttemptId,
    ContentHash,
    Family,
    InstanceId,
    KeyValue,
    Operation,
    RejectionReason,
)

LATER = NOW + timedelta(minutes=1)
A1, A2 = AttemptId(1), AttemptId(2)
K1, K2 = KeyValue("K1"), KeyValue("K2")
H1, H2 = ContentHash("h1"), ContentHash("h2")
I1, I2 = InstanceId("i1"), InstanceId("i2")
D1, D2 = DesiredDraft(K1, H1), DesiredDraft(K2, H2)
REJECTED = DesiredRejection(RejectionReason.REQUIRED)


def after(state: RecordState, *events: Event) -> RecordState:
    for event in events:
        state = transition(state, event)
    return state


PENDING = RecordState(D1, due_at=NOW)
SENDING = after(PENDING, Claimed(A1, NOW))
UNDECIDED = after(SENDING, Settled(A1, Family.UNDECIDED, LATER))
DELIVERED = after(SENDING, Settled(A1, Family.DELIVERED, NOW, I1))
UPDATE_SENDING = after(DELIVERED, Staged(D2, NOW), Claimed(A2, NOW))
UPDATE_UNDECIDED = after(UPDATE_SENDING, Settled(A2, Family.UNDECIDED, LATER))
SUSPECT = after(SENDING, Settled(A1, Family.REFUSED, NOW, reason="code"))
PARKED = after(SUSPECT, Convicted())
GONE = after(UPDATE_SENDING, Settled(A2, Family.GONE, NOW))
WAITING = after(PENDING, Blocked("key_conflict"))
HELD = after(DELIVERED, Staged(D2, NOW), Held("many"))
HELD_UNDECIDED = after(UPDATE_UNDECIDED, Staged(DesiredDraft(K2, ContentHash("h3")), NOW), Held("many"))
AMBIGUOUS = after(UNDECIDED, Looked(A1, Finding.AMBIGUOUS, NOW, 2))
STATES = {
    "pending": PENDING,
    "sending": SENDING,
    "undecided": UNDECIDED,
    "delivered": DELIVERED,
    "update sending": UPDATE_SENDING,
    "update undecided": UPDATE_UNDECIDED,
    "suspect": SUSPECT,
    "parked": PARKED,
    "gone": GONE,
    "waiting": WAITING,
    "ambiguous": AMBIGUOUS,
    "held": HELD,
    "held, discarded": after(HELD, Discarded()),
    "update undecided, held": HELD_UNDECIDED,
    "rejected": RecordState(REJECTED, due_at=NOW),
    "discarded": after(PENDING, Discarded()),
    "discarded by OKKI": after(PENDING, Discarded(by_okki=True)),
    "undecided, discarded": after(UNDECIDED, Discarded()),
}


def looked(finding: Finding, **more: object) -> Looked:
    return replace(Looked(A1, finding, LATER, 2), **more)  # type: ignore[arg-type]


# The documented rows, one by one.


@pytest.mark.parametrize(
    ("before", "event", "expected"),
    [
        # Staged
        ("pending", Staged(D2, LATER), RecordState(D2, due_at=LATER)),
        ("pending", Staged(D1, LATER), PENDING),
        ("pending", Staged(REJECTED, LATER), RecordState(REJECTED, due_at=LATER)),
        ("sending", Staged(D2, LATER), replace(SENDING, desired=D2)),
        ("undecided", Staged(D2, LATER), replace(UNDECIDED, desired=D2)),
        ("parked", Staged(D2, LATER), RecordState(D2, due_at=LATER)),
        ("suspect", Staged(D2, LATER), RecordState(D2, due_at=LATER)),
        ("discarded", Staged(D2, LATER), RecordState(D2, due_at=LATER)),
        ("parked", Staged(D1, LATER), PARKED),
        ("ambiguous", Staged(D2, LATER), replace(UNDECIDED, desired=D2, due_at=LATER)),
        ("undecided, discarded", Staged(D2, LATER), replace(UNDECIDED, desired=D2, due_at=LATER)),
        ("gone", Staged(D1, LATER), replace(GONE, desired=D1)),
        # Blocked, Unblocked
        ("pending", Blocked("key"), replace(PENDING, block=Block.WAITING, block_reason="key")),
        ("undecided", Blocked("key"), replace(UNDECIDED, block=Block.WAITING, block_reason="key")),
        ("parked", Blocked("key"), PARKED),
        ("rejected", Blocked("key"), STATES["rejected"]),
        ("waiting", Unblocked(LATER), replace(PENDING, due_at=LATER)),
        ("pending", Unblocked(LATER), PENDING),
        ("held", Blocked("key"), HELD),
        ("held", Unblocked(LATER), HELD),
        # Held, Released
        ("pending", Held("many"), PENDING),
        ("delivered", Held("many"), DELIVERED),
        ("undecided", Held("many"), UNDECIDED),
        ("rejected", Held("many"), STATES["rejected"]),
        ("gone", Held("many"), GONE),
        ("held", Released(LATER), replace(HELD, block=None, block_reason="", due_at=LATER)),
        ("waiting", Released(LATER), WAITING),
        ("parked", Released(LATER), PARKED),
        (
            "held",
            Staged(DesiredDraft(K2, ContentHash("h3")), LATER),
            replace(HELD, desired=DesiredDraft(K2, ContentHash("h3")), due_at=LATER),
        ),
        ("held", Staged(D1, LATER), replace(DELIVERED, due_at=LATER)),
        (
            "held",
            Adopted(I1, H2, LATER, False),
            replace(DELIVERED, desired=D2, delivered_hash=H2, due_at=LATER),
        ),
        ("held", Drifted(I1, H2, LATER), replace(DELIVERED, desired=D2, delivered_hash=H2, due_at=LATER)),
        ("held", Staged(REJECTED, LATER), replace(DELIVERED, desired=REJECTED, due_at=LATER)),
        ("held", Claimed(A2, LATER), HELD),
        ("held", Retried(LATER), HELD),
        ("update undecided, held", Retried(NOW), replace(HELD_UNDECIDED, due_at=NOW)),
        (
            "update undecided, held",
            ResendOrdered(NOW),
            replace(HELD_UNDECIDED, attempt=None, delivered_hash=None, resends=1, due_at=NOW),
        ),
        ("held, discarded", Restored(LATER), after(HELD, Discarded())),
        ("discarded", Restored(LATER), after(PENDING, Discarded())),
        ("discarded by OKKI", Restored(LATER), replace(PENDING, due_at=LATER)),
        ("discarded by OKKI", Discarded(), after(PENDING, Discarded())),
        ("discarded", Discarded(by_okki=True), after(PENDING, Discarded())),
        ("held", Discarded(), replace(HELD, block=Block.DISCARDED, due_at=None)),
        # Claimed, Returned
        ("undecided", Claimed(A2, LATER), UNDECIDED),
        ("sending", Claimed(A2, LATER), SENDING),
        ("delivered", Claimed(A2, LATER), DELIVERED),
        ("waiting", Claimed(A2, LATER), WAITING),
        ("parked", Claimed(A2, LATER), PARKED),
        ("rejected", Claimed(A2, LATER), STATES["rejected"]),
        ("sending", Returned(A1, LATER), replace(PENDING, due_at=LATER)),
        ("undecided", Returned(A1, LATER), UNDECIDED),
        # Settled
        ("sending", Settled(A1, Family.NOT_SENT, LATER), replace(PENDING, due_at=LATER)),
        ("sending", Settled(A1, Family.THROTTLED, LATER), replace(PENDING, due_at=LATER)),
        ("sending", Settled(A1, Family.STOP, LATER), replace(PENDING, due_at=LATER)),
        ("sending", Settled(A1, Family.TRY_LATER, LATER), replace(PENDING, due_at=LATER, tries=1)),
        ("sending", Settled(A2, Family.DELIVERED, LATER, I1), SENDING),
        ("undecided", Settled(A1, Family.DELIVERED, LATER, I1), UNDECIDED),
        # Orphaned
        ("sending", Orphaned(LATER), UNDECIDED),
        ("undecided", Orphaned(NOW), UNDECIDED),
        ("delivered", Orphaned(NOW), DELIVERED),
        # Looked
        ("undecided", looked(Finding.EQUAL, instance_id=I1), DELIVERED),
        ("undecided", looked(Finding.ABSENT), replace(PENDING, due_at=LATER, resends=1)),
        ("undecided", looked(Finding.GONE), after(UNDECIDED, looked(Finding.UNSEEN))),
        ("update undecided", looked(Finding.GONE, attempt_id=A2), GONE),
        ("sending", looked(Finding.ABSENT), SENDING),
        ("delivered", looked(Finding.ABSENT), DELIVERED),
        # Convicted, Acquitted
        ("pending", Convicted(), PENDING),
        ("suspect", Acquitted(LATER), replace(PENDING, due_at=LATER)),
        ("parked", Acquitted(LATER), PARKED),
        # Retried, ResendOrdered
        ("sending", Retried(LATER), SENDING),
        ("undecided", Retried(NOW), replace(UNDECIDED, due_at=NOW)),
        ("ambiguous", Retried(NOW), replace(UNDECIDED, due_at=NOW)),
        ("parked", Retried(LATER), replace(PENDING, due_at=LATER)),
        ("suspect", Retried(LATER), replace(PENDING, due_at=LATER)),
        ("waiting", Retried(LATER), WAITING),
        ("undecided", ResendOrdered(LATER), replace(PENDING, due_at=LATER, resends=1)),
        ("ambiguous", ResendOrdered(LATER), replace(PENDING, due_at=LATER, resends=1)),
        ("sending", ResendOrdered(LATER), SENDING),
        ("pending", ResendOrdered(LATER), PENDING),
        # Discarded
        ("sending", Discarded(), SENDING),
        ("delivered", Discarded(), DELIVERED),
        ("undecided", Discarded(), replace(UNDECIDED, block=Block.DISCARDED, due_at=None)),
    ],
)
def test_each_documented_row(before: str, event: Event, expected: RecordState):
    assert transition(STATES[before], event) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pending", VisibleState.PENDING),
        ("sending", VisibleState.SENDING),
        ("undecided", VisibleState.UNDECIDED),
        ("delivered", VisibleState.DELIVERED),
        ("update sending", VisibleState.SENDING),
        ("update undecided", VisibleState.UNDECIDED),
        ("suspect", VisibleState.PARKED),
        ("parked", VisibleState.PARKED),
        ("gone", VisibleState.PARKED),
        ("waiting", VisibleState.WAITING),
        ("ambiguous", VisibleState.PARKED),
        ("held", VisibleState.HELD),
        ("update undecided, held", VisibleState.UNDECIDED),
        ("rejected", VisibleState.REJECTED),
        ("discarded", VisibleState.DISCARDED),
        ("undecided, discarded", VisibleState.DISCARDED),
    ],
)
def test_what_people_see(name: str, expected: VisibleState):
    assert visible_state(STATES[name]) is expected


def test_a_delivered_create_is_bound_and_an_edit_behind_it_is_an_update():
    edited = after(SENDING, Staged(D2, LATER), Settled(A1, Family.DELIVERED, LATER, I1))
    assert edited.instance_id == I1
    assert edited.delivered_hash == H1
    assert visible_state(edited) is VisibleState.PENDING
    assert next_operation(edited) is Operation.UPDATE
    assert edited.due_at is not None
    assert edited.due_at <= LATER


def test_a_create_that_says_delivered_without_an_id_is_looked_for():
    state = after(SENDING, Settled(A1, Family.DELIVERED, LATER, None))
    assert visible_state(state) is VisibleState.UNDECIDED
    assert state.due_at == LATER


def test_a_refusal_of_what_is_no_longer_desired_counts_for_nothing():
    state = after(SENDING, Staged(D2, LATER), Settled(A1, Family.REFUSED, LATER, reason="code"))
    assert state == RecordState(D2, due_at=LATER)


def test_a_look_that_finds_other_content_binds_the_create_and_updates_it():
    state = after(UNDECIDED, looked(Finding.OTHER, instance_id=I1, found_hash=H2))
    assert (state.instance_id, state.delivered_hash, state.attempt) == (I1, H2, None)
    assert next_operation(state) is Operation.UPDATE
    assert visible_state(state) is VisibleState.PENDING


def test_an_update_that_is_not_shown_is_sent_again_later():
    look = replace(looked(Finding.OTHER, instance_id=I1, found_hash=H1), attempt_id=A2)
    state = after(UPDATE_UNDECIDED, look)
    assert (state.attempt, state.resends, state.due_at) == (None, 1, LATER)
    assert visible_state(state) is VisibleState.PENDING


def test_a_create_is_resent_at_most_so_often_whatever_is_edited_between():
    """No edit between two resends buys a third."""
    state = UNDECIDED
    for attempt in (2, 3):
        state = after(state, replace(looked(Finding.ABSENT), attempt_id=AttemptId(attempt - 1)))
        state = after(state, Staged(DesiredDraft(K1, ContentHash(f"edit {attempt}")), NOW))
        state = after(
            state,
            Claimed(AttemptId(attempt), NOW),
            Settled(AttemptId(attempt), Family.UNDECIDED, NOW),
        )
    state = after(state, replace(looked(Finding.ABSENT), attempt_id=AttemptId(3)))
    assert (state.block, state.block_reason) == (Block.PARKED, ParkReason.RESEND_LIMIT)
    for nudge in (Retried(NOW), Staged(D2, NOW)):
        looking = after(state, nudge)
        assert visible_state(looking) is VisibleState.UNDECIDED, "a look comes first"
        given_up = after(looking, replace(looked(Finding.ABSENT), attempt_id=AttemptId(3)))
        assert given_up.block is Block.PARKED
    assert visible_state(after(state, ResendOrdered(NOW))) is VisibleState.PENDING


def test_what_somebody_deleted_in_yida_comes_back_only_when_a_person_says_so():
    state = after(GONE, Staged(DesiredDraft(K1, ContentHash("newer")), LATER))
    assert (state.block, state.block_reason) == (Block.PARKED, ParkReason.INSTANCE_GONE)
    retried = after(state, Retried(LATER))
    assert (retried.instance_id, retried.delivered_hash, retried.block) == (None, None, None)
    assert next_operation(retried) is Operation.CREATE


def test_a_suspect_may_be_claimed_to_probe_and_is_cleared_by_its_success():
    probing = after(SUSPECT, Claimed(A2, LATER))
    assert visible_state(probing) is VisibleState.SENDING
    assert after(probing, Settled(A2, Family.TRY_LATER, LATER)).block is Block.SUSPECT
    assert visible_state(after(probing, Settled(A2, Family.DELIVERED, LATER, I1))) is VisibleState.DELIVERED


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (PENDING, {K1}),
        (WAITING, {K1}),
        (PARKED, {K1}),
        (STATES["rejected"], set()),
        (STATES["discarded"], set()),
        (after(SENDING, Staged(D2, NOW)), {K1, K2}),
        (after(UNDECIDED, Staged(REJECTED, NOW)), {K1}),
        (STATES["undecided, discarded"], {K1}),
        (after(DELIVERED, Staged(D2, NOW)), {K2}),
        (UPDATE_SENDING, {K2}),
    ],
)
def test_wanted_keys_are_the_desired_one_and_that_of_an_open_create(
    state: RecordState, expected: set[KeyValue]
):
    assert wanted_keys(state) == expected


# Properties over any order of events.


def check(state: RecordState) -> None:
    """What holds in every state a record can come to."""
    attempt = state.attempt
    if attempt is not None:
        assert attempt.phase is not Phase.IDLE
        assert (attempt.operation is Operation.CREATE) == (state.instance_id is None)
    assert state.delivered_hash is None or state.instance_id is not None
    assert state.block is not Block.WAITING or isinstance(state.desired, DesiredDraft)
    assert is_delivered(state) == (
        isinstance(state.desired, DesiredDraft)
        and state.instance_id is not None
        and state.delivered_hash == state.desired.content_hash
    )
    seen = visible_state(state)
    if seen is VisibleState.PENDING:
        assert state.due_at is not None, "a pending record that no lane ever picks up"
        claimed = transition(state, Claimed(AttemptId(999), NOW)).attempt
        assert claimed is not None
        assert claimed.operation is next_operation(state)
    if seen is VisibleState.DELIVERED:
        assert is_delivered(state)
    if block_is_set_aside(state):
        assert seen in (VisibleState.PARKED, VisibleState.DISCARDED)


def block_is_set_aside(state: RecordState) -> bool:
    return state.block in (Block.PARKED, Block.DISCARDED)


@given(walks)
def test_every_event_has_a_result_in_every_state(walk: tuple[RecordState, list[Move]]):
    start, steps = walk
    check(start)
    for _, _, state in Walk(start).go(steps):
        check(state)


@given(walks)
def test_while_a_create_is_open_nothing_opens_another(walk: tuple[RecordState, list[Move]]):
    """It ends by its own outcome, by being given back unsent, by a look, or by a person's order."""
    start, steps = walk
    for before, event, state in Walk(start).go(steps):
        if before.attempt is None or before.attempt.operation is not Operation.CREATE:
            continue
        if state.attempt is None:
            assert isinstance(event, Settled | Returned | Looked | ResendOrdered)
            if isinstance(event, Settled | Returned | Looked):
                assert event.attempt_id == before.attempt.attempt_id
        elif isinstance(event, PulledIn):
            # Only the time may move, and never ahead: a clock was wrong when it was written.
            assert sent(state.attempt)[:-1] == sent(before.attempt)[:-1]
            assert state.attempt.sent_at <= before.attempt.sent_at
        else:
            assert sent(state.attempt) == sent(before.attempt)


def sent(attempt: Attempt) -> tuple[object, ...]:
    return attempt.attempt_id, attempt.operation, attempt.key, attempt.content_hash, attempt.sent_at


@given(walks)
def test_an_undecided_create_is_sent_again_only_when_proven_absent_or_ordered(
    walk: tuple[RecordState, list[Move]],
):
    start, steps = walk
    for before, event, state in Walk(start).go(steps):
        is_open = before.attempt is not None and before.attempt.phase is Phase.UNDECIDED
        if is_open and state.attempt is None and state.instance_id is None:
            assert isinstance(event, ResendOrdered | Looked)
            assert not isinstance(event, Looked) or event.finding is Finding.ABSENT


@given(walks)
def test_what_arrives_late_changes_nothing(walk: tuple[RecordState, list[Move]]):
    start, steps = walk
    for before, event, state in Walk(start).go(steps):
        if isinstance(event, Settled | Returned | Looked):
            attempt = before.attempt
            if attempt is None or attempt.attempt_id != event.attempt_id:
                assert state == before


@given(walks)
def test_what_is_told_twice_counts_once(walk: tuple[RecordState, list[Move]]):
    start, steps = walk
    for _, event, state in Walk(start).go(steps):
        if isinstance(event, Looked) and event.finding not in (Finding.ABSENT, Finding.AMBIGUOUS):
            continue  # each look is counted; that is what tells the delays apart
        assert transition(state, event) == state


@given(walks, drafts, drafts)
def test_new_content_frees_whatever_is_parked_but_what_is_gone_or_may_be_there(
    walk: tuple[RecordState, list[Move]], one: Desired, other: Desired
):
    start, steps = walk
    for *_, state in Walk(start).go(steps):
        new = one if one != state.desired else other
        if new == state.desired:
            continue
        freed = transition(state, Staged(new, LATER))
        assert freed.desired == new
        was_gone = state.block is Block.PARKED and state.block_reason == ParkReason.INSTANCE_GONE
        is_beside = (
            state.block is Block.PARKED
            and state.block_reason == ParkReason.AMBIGUOUS
            and state.attempt is None
            and not (
                isinstance(state.desired, DesiredDraft)
                and isinstance(new, DesiredDraft)
                and new.key != state.desired.key
            )
        )
        stays_held = state.block is Block.HELD and isinstance(new, DesiredDraft) and not is_delivered(freed)
        assert freed.block is (Block.PARKED if was_gone or is_beside else Block.HELD if stays_held else None)
        if freed.block is None and (state.attempt is None or block_is_set_aside(state)):
            assert freed.due_at is not None
        assert freed.attempt == state.attempt


@given(walks)
def test_what_is_held_is_sent_by_no_other_way_than_a_persons_word(walk: tuple[RecordState, list[Move]]):
    """It may be found delivered, rejected, gone, refused or let go; nothing else makes it sendable."""
    start, steps = walk
    for before, event, state in Walk(start).go(steps):
        if before.block is not Block.HELD:
            continue
        assert not isinstance(event, Claimed) or state == before
        if state.block is None and isinstance(state.desired, DesiredDraft) and not is_delivered(state):
            assert isinstance(event, Released)


@given(walks)
def test_only_updates_are_held(walk: tuple[RecordState, list[Move]]):
    start, steps = walk
    for _, _, state in Walk(start).go(steps):
        if state.block is Block.HELD:
            assert state.instance_id is not None
            assert isinstance(state.desired, DesiredDraft)
            assert not is_delivered(state)


@given(walks)
def test_resends_of_a_create_only_grow_until_it_is_there_or_a_person_begins_anew(
    walk: tuple[RecordState, list[Move]],
):
    start, steps = walk
    for before, event, state in Walk(start).go(steps):
        is_begun_anew = isinstance(event, Retried) or lies_beside_another(before)
        if before.instance_id is None and state.instance_id is None and not is_begun_anew:
            assert state.resends >= before.resends


@settings(max_examples=30)
@given(desired, st.lists(moves, max_size=8))
def test_a_person_can_always_get_a_record_going_again(wanted: Desired, steps: list[Move]):
    walk = Walk(RecordState(wanted, due_at=NOW))
    for _ in walk.go(steps):
        pass
    state = walk.state
    retried = transition(state, Retried(LATER))
    if state.block is Block.DISCARDED and state.block_reason == FILTERED_OUT:
        # What `where` leaves out is for the configuration to say, or for OKKI: a retry would not stand.
        assert retried == state
    elif lies_beside_another(state):
        assert retried == state, "it could be a double: only an order to send it takes that risk"
        ordered = transition(state, ResendOrdered(LATER))
        assert not block_is_set_aside(ordered)
        assert ordered.due_at == LATER
    elif visible_state(state) in (VisibleState.PARKED, VisibleState.DISCARDED):
        assert not block_is_set_aside(retried)
        assert retried.due_at == LATER


def test_every_state_of_the_table_holds_the_invariants():
    for state in all_states():
        check(state)


def all_states() -> Iterable[RecordState]:
    return STATES.values()


def test_other_content_does_not_free_a_record_that_lies_beside_an_instance_like_it() -> None:
    """What adopt found to resemble it is still there: only another key, or a person, lets it be created."""
    parked = transition(RecordState(desired=D1, due_at=NOW), Resembled())
    assert (parked.block, parked.block_reason) == (Block.PARKED, ParkReason.AMBIGUOUS)
    edited = transition(parked, Staged(DesiredDraft(K1, H2), LATER))
    assert edited.desired == DesiredDraft(K1, H2)
    assert (edited.block, edited.block_reason, edited.due_at) == (Block.PARKED, ParkReason.AMBIGUOUS, None)
    rejected = transition(edited, Staged(REJECTED, LATER))
    again = transition(rejected, Staged(D1, LATER))
    assert again.block is Block.PARKED
    renamed = transition(edited, Staged(D2, LATER))
    assert (renamed.block, renamed.due_at) == (None, LATER)
    assert transition(edited, Retried(LATER)) == edited
    ordered = transition(edited, ResendOrdered(LATER))
    assert (ordered.block, ordered.due_at, ordered.resends) == (None, LATER, 0)
