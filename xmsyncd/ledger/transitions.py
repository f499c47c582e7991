"""The one pure function that changes a record's state, and the only writer of its attempt half.

A record has two independent halves. ``desired`` is what OKKI last showed, mapped; ``attempt`` is a call
to Yida that is open. What people see (:func:`visible_state`) is derived from both.

:func:`transition` is total: every event has a defined result in every state. An event that does not
apply (a late answer to an attempt that has been decided, a claim of something already on its way)
returns the state unchanged, so that callers may repeat themselves safely.

==============  ==========================================================================
event           what it does
==============  ==========================================================================
Staged          a new desired half; frees what was parked, suspected or discarded (what is
                held stays held, unless Yida has this content already)
Blocked         the key belongs to another record: waits
Unblocked       the key is free again
Held            the guard keeps an update back
Released        a person lets a held update go
Claimed         idle → sending, with the key and hash that are about to be sent
Returned        sending → idle: the claim was not sent
Settled         sending → idle (delivered, refused, later …) or undecided
Orphaned        sending → undecided: the process that sent it is gone
Looked          undecided → idle (found, absent) or a later look
PulledIn        due, and sent, no later than now: a clock was ahead when that was written
Convicted       a suspect is parked: another record went through
Acquitted       a suspect goes back: the fault lay elsewhere
Retried         a person asks for another try (of an undecided one: another look)
ResendOrdered   a person takes the risk of a double: sent again, or created beside what may be it
Discarded       a person lets this content go; OKKI or ``where`` what was never delivered
Restored        OKKI lists again what it had let go: no longer discarded
Adopted         idle: bound to an instance that was there; what differs is due as an update
Resembled       idle, without an instance: parked, because a create could be a double
Agreed          idle: what Yida holds needs no update for what is desired
Drifted         idle: what Yida holds instead of the delivered content is known; an update is due
Vanished        idle: parked, because its instance is gone from Yida
==============  ==========================================================================
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from xmsyncd.ledger.events import (
    Acquitted,
    Adopted,
    Agreed,
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
    Vanished,
)
from xmsyncd.ledger.states import (
    DELETED_IN_OKKI,
    FILTERED_OUT,
    Attempt,
    Block,
    DesiredDraft,
    ParkReason,
    Phase,
    RecordState,
    is_delivered,
    is_gone,
    lies_beside_another,
    next_operation,
)
from xmsyncd.records import AttemptId, ContentHash, Family, InstanceId, Operation
from xmsyncd.transform.hashes import as_shown


def transition(state: RecordState, event: Event) -> RecordState:
    """The state after ``event``. Total, pure, and the only writer of the attempt half."""
    match event:
        case Staged():
            return _staged(state, event)
        case Blocked():
            if not isinstance(state.desired, DesiredDraft) or state.block in _OUTRANK_A_KEY:
                return state
            return replace(state, block=Block.WAITING, block_reason=event.reason)
        case Unblocked():
            if state.block is not Block.WAITING:
                return state
            return replace(state, block=None, block_reason="", due_at=_sooner(state, event.at))
        case Held():
            return _held(state, event)
        case Released():
            if state.block is not Block.HELD:
                return state
            return replace(state, block=None, block_reason="", due_at=_sooner(state, event.at))
        case Claimed():
            return _claimed(state, event)
        case Returned():
            if not _is_open(state, event.attempt_id, Phase.SENDING):
                return state
            return replace(state, attempt=None, due_at=event.at)
        case Settled():
            return _settled(state, event)
        case Orphaned():
            if state.attempt is None or state.attempt.phase is not Phase.SENDING:
                return state
            return replace(
                state, attempt=replace(state.attempt, phase=Phase.UNDECIDED, looks=0), due_at=event.due_at
            )
        case Looked():
            return _looked(state, event)
        case PulledIn():
            return _pulled_in(state, event)
        case Convicted():
            return replace(state, block=Block.PARKED, due_at=None) if state.block is Block.SUSPECT else state
        case Acquitted():
            if state.block is not Block.SUSPECT:
                return state
            return replace(state, block=None, block_reason="", due_at=event.at)
        case Retried():
            return _retried(state, event)
        case ResendOrdered():
            if lies_beside_another(state):
                return _unparked(replace(state, due_at=event.at, tries=0, resends=0))
            if state.attempt is None or state.attempt.phase is not Phase.UNDECIDED:
                return state
            # Whether its update has gone through is not known, and so neither is what Yida holds.
            return _unparked(
                replace(state, attempt=None, delivered_hash=None, resends=state.resends + 1, due_at=event.at)
            )
        case Discarded():
            return _discarded(state, event)
        case Restored():
            # What a person has let go stays so until OKKI shows something new of it.
            if state.block is not Block.DISCARDED or state.block_reason != DELETED_IN_OKKI:
                return state
            return replace(state, block=None, block_reason="", due_at=event.at)
        case Adopted():
            return _adopted(state, event)
        case Resembled():
            return _resembled(state)
        case Agreed():
            return _agreed(state)
        case Drifted():
            return _drifted(state, event)
        case Vanished():
            return _vanished(state, event)
        case _:
            assert_never(event)


# A record that a person has to look at says so, whether its key is free or not; it is settled afterwards.
_OUTRANK_A_KEY = (Block.PARKED, Block.DISCARDED, Block.HELD)


def _is_open(state: RecordState, attempt_id: AttemptId, phase: Phase) -> bool:
    attempt = state.attempt
    return attempt is not None and attempt.attempt_id == attempt_id and attempt.phase is phase


def _sooner(state: RecordState, at: datetime) -> datetime | None:
    """The due time once a block has gone: an open attempt keeps its own schedule of looks."""
    return state.due_at if state.attempt is not None else at


def _unparked(state: RecordState) -> RecordState:
    if state.block in (Block.PARKED, Block.SUSPECT, Block.DISCARDED):
        return replace(state, block=None, block_reason="")
    return state


def _staged(state: RecordState, event: Staged) -> RecordState:
    if event.desired == state.desired:
        return state
    was_set_aside = state.block in (Block.PARKED, Block.DISCARDED)
    after = replace(state, desired=event.desired, block=None, block_reason="")
    if after.attempt is None:
        # How often its create was sent in doubt outlives an edit.
        resends = state.resends if state.instance_id is None else 0
        after = replace(after, due_at=event.at, tries=0, resends=resends)
    elif was_set_aside and after.attempt.phase is Phase.UNDECIDED:
        after = replace(after, due_at=event.at)
    if state.block is Block.HELD and isinstance(after.desired, DesiredDraft) and not is_delivered(after):
        # Nobody has looked yet: an edit of what is held does not let it go.
        after = replace(after, block=Block.HELD, block_reason=state.block_reason)
    if lies_beside_another(state) and not _has_another_key(state, after):
        # Other content makes it no less likely to be the instance that is there already.
        return replace(after, block=Block.PARKED, block_reason=state.block_reason, due_at=None)
    if is_gone(state):
        # New content cannot bring back what somebody deleted in Yida: only a person's retry may.
        after = replace(after, block=Block.PARKED, block_reason=ParkReason.INSTANCE_GONE, due_at=None)
    return after


def _has_another_key(before: RecordState, after: RecordState) -> bool:
    was, now = before.desired, after.desired
    return isinstance(was, DesiredDraft) and isinstance(now, DesiredDraft) and was.key != now.key


def _held(state: RecordState, event: Held) -> RecordState:
    """Only an update can be held: what Yida does not have yet cannot be spoilt there."""
    is_update = isinstance(state.desired, DesiredDraft) and state.instance_id is not None
    if not is_update or is_delivered(state) or state.block not in (None, Block.WAITING):
        return state
    return replace(state, block=Block.HELD, block_reason=event.reason)


def _claimed(state: RecordState, event: Claimed) -> RecordState:
    may_be_sent = state.block in (None, Block.SUSPECT)
    if state.attempt is not None or not may_be_sent or is_delivered(state):
        return state
    if not isinstance(state.desired, DesiredDraft):
        return state
    attempt = Attempt(
        attempt_id=event.attempt_id,
        phase=Phase.SENDING,
        operation=next_operation(state),
        key=state.desired.key,
        content_hash=state.desired.content_hash,
        sent_at=event.at,
    )
    return replace(state, attempt=attempt, due_at=None)


def _settled(state: RecordState, event: Settled) -> RecordState:
    attempt = state.attempt
    if attempt is None or not _is_open(state, event.attempt_id, Phase.SENDING):
        return state
    idle = replace(state, attempt=None, due_at=event.due_at)
    match event.family:
        case Family.DELIVERED:
            instance_id = event.instance_id or state.instance_id
            if instance_id is None:
                # Created, they say, and not what: without an id it can only be looked for.
                return replace(idle, attempt=replace(attempt, phase=Phase.UNDECIDED, looks=0))
            return _delivered(state, instance_id, attempt.content_hash)
        case Family.NOT_SENT | Family.THROTTLED | Family.STOP | Family.REAUTHENTICATE:
            return idle
        case Family.TRY_LATER:
            return replace(idle, tries=state.tries + 1)
        case Family.UNDECIDED:
            return replace(idle, attempt=replace(attempt, phase=Phase.UNDECIDED, looks=0))
        case Family.REFUSED:
            if not _still_desired(state, attempt):
                return idle  # newer content stands behind it and deserves its own answer
            return replace(idle, block=Block.SUSPECT, block_reason=event.reason)
        case Family.GONE:
            return _gone(idle)
        case _:
            assert_never(event.family)


def _still_desired(state: RecordState, attempt: Attempt) -> bool:
    return (
        isinstance(state.desired, DesiredDraft)
        and state.desired.content_hash == attempt.content_hash
        and state.desired.key == attempt.key
    )


def _delivered(state: RecordState, instance_id: InstanceId, found: ContentHash | None) -> RecordState:
    """Bound to its instance, holding ``found``; whatever is desired beyond that is due at once."""
    after = replace(state, attempt=None, instance_id=instance_id, delivered_hash=found, tries=0, resends=0)
    if after.block in (Block.SUSPECT, Block.PARKED):
        after = replace(after, block=None, block_reason="")
    after = _released_if_delivered(after)
    return replace(after, due_at=state.attempt.sent_at if state.attempt is not None else state.due_at)


def _released_if_delivered(state: RecordState) -> RecordState:
    """What Yida holds already needs nobody's approval."""
    if state.block is Block.HELD and is_delivered(state):
        return replace(state, block=None, block_reason="")
    return state


def _gone(state: RecordState) -> RecordState:
    return replace(
        state, attempt=None, block=Block.PARKED, block_reason=ParkReason.INSTANCE_GONE, due_at=None
    )


def _looked(state: RecordState, event: Looked) -> RecordState:
    attempt = state.attempt
    if attempt is None or not _is_open(state, event.attempt_id, Phase.UNDECIDED):
        return state
    unseen = replace(state, attempt=replace(attempt, looks=attempt.looks + 1), due_at=event.due_at)
    instance_id = event.instance_id or state.instance_id
    match event.finding:
        case Finding.EQUAL:
            if instance_id is None:
                return unseen  # what has no id can be bound to nothing
            return _delivered(state, instance_id, attempt.content_hash)
        case Finding.OTHER:
            if instance_id is None:
                return unseen
            bound = _delivered(state, instance_id, event.found_hash)
            if attempt.operation is Operation.UPDATE:
                # Not applied: sent again, each time a little later.
                return replace(bound, resends=state.resends + 1, due_at=event.due_at)
            return bound
        case Finding.ABSENT:
            if state.resends >= event.resend_limit:
                # The attempt stays open: whatever frees the record looks once more and sends nothing blindly.
                return replace(state, block=Block.PARKED, block_reason=ParkReason.RESEND_LIMIT, due_at=None)
            return replace(state, attempt=None, resends=state.resends + 1, due_at=event.due_at)
        case Finding.UNSEEN:
            return unseen
        case Finding.AMBIGUOUS:
            reason = event.reason or ParkReason.AMBIGUOUS
            return replace(state, block=Block.PARKED, block_reason=reason, due_at=None)
        case Finding.GONE:
            # Only what was there can be gone: of a create it proves as little as an empty look.
            return unseen if attempt.operation is Operation.CREATE else _gone(state)
        case _:
            assert_never(event.finding)


def _retried(state: RecordState, event: Retried) -> RecordState:
    if state.attempt is not None:
        if state.attempt.phase is Phase.SENDING:
            return state
        return replace(_unparked(state), due_at=event.at)
    if state.block in (Block.WAITING, Block.HELD) or state.block_reason == FILTERED_OUT:
        return state
    if lies_beside_another(state):
        return state  # a create could be a double: only who says so takes that risk
    recreate = is_gone(state)
    # Only what was given up begins anew: a create on its way to be resent stays the one that is.
    resends = 0 if state.block is Block.PARKED else state.resends
    after = replace(_unparked(state), due_at=event.at, tries=0, resends=resends)
    return replace(after, instance_id=None, delivered_hash=None) if recreate else after


def _pulled_in(state: RecordState, event: PulledIn) -> RecordState:
    attempt = state.attempt
    if attempt is not None and attempt.phase is Phase.SENDING:
        return state
    if attempt is not None and attempt.sent_at > event.at:
        attempt = replace(attempt, sent_at=event.at)
    due_at = event.at if state.due_at is not None and state.due_at > event.at else state.due_at
    return replace(state, attempt=attempt, due_at=due_at)


def _discarded(state: RecordState, event: Discarded) -> RecordState:
    if state.attempt is not None and state.attempt.phase is Phase.SENDING:
        return state
    if is_delivered(state) and state.attempt is None and not event.is_deleted:
        return state
    if event.by_where:
        if state.block is Block.DISCARDED and state.block_reason == FILTERED_OUT:
            return state
        return replace(state, block=Block.DISCARDED, block_reason=FILTERED_OUT, due_at=None)
    if event.by_okki:
        if state.block is Block.DISCARDED:
            return state
        return replace(state, block=Block.DISCARDED, block_reason=DELETED_IN_OKKI, due_at=None)
    # An undecided attempt stays open underneath: new content is decided first, never sent blindly.
    reason = "" if state.block_reason == DELETED_IN_OKKI else state.block_reason
    return replace(state, block=Block.DISCARDED, block_reason=reason, due_at=None)


def _adopted(state: RecordState, event: Adopted) -> RecordState:
    if state.attempt is not None:
        return state  # the open call is decided first, by the key that was sent
    if state.instance_id not in (None, event.instance_id) and not is_gone(state):
        return state
    desired, found_hash = state.desired, _known_as(state, event.found_hash)
    if event.keeps and isinstance(desired, DesiredDraft):
        desired = replace(desired, content_hash=found_hash)
    after = replace(
        state, desired=desired, instance_id=event.instance_id, delivered_hash=found_hash, resends=0
    )
    if after.block in (Block.PARKED, Block.SUSPECT):
        # What kept it from being created says nothing about an update.
        after = replace(after, block=None, block_reason="")
    if after == state:
        return state
    after = _released_if_delivered(after)
    return replace(after, due_at=event.at, tries=0) if after.block is None else after


def _known_as(state: RecordState, found: ContentHash) -> ContentHash:
    """What was delivered, where the instance shows just that; else as it is shown, which tells less."""
    known = state.delivered_hash
    return known if known is not None and as_shown(known) == found else found


def _resembled(state: RecordState) -> RecordState:
    if (
        state.attempt is not None
        or state.instance_id is not None
        or not isinstance(state.desired, DesiredDraft)
    ):
        return state
    if state.block in (Block.WAITING, Block.DISCARDED):
        return state  # the key is another record's, or nobody wants this one
    return replace(state, block=Block.PARKED, block_reason=ParkReason.AMBIGUOUS, due_at=None)


def _drifted(state: RecordState, event: Drifted) -> RecordState:
    is_its_own = state.instance_id == event.instance_id and not is_gone(state)
    found_hash = _known_as(state, event.found_hash)
    if state.attempt is not None or not is_its_own or state.delivered_hash == found_hash:
        return state
    after = _released_if_delivered(replace(state, delivered_hash=found_hash))
    return after if after.block in (Block.PARKED, Block.DISCARDED) else replace(after, due_at=event.at)


def _agreed(state: RecordState) -> RecordState:
    if state.attempt is not None or state.instance_id is None or state.delivered_hash is None:
        return state
    if not isinstance(state.desired, DesiredDraft) or state.block not in (None, Block.HELD, Block.WAITING):
        return state
    return _released_if_delivered(replace(state, delivered_hash=state.desired.content_hash))


def _vanished(state: RecordState, event: Vanished) -> RecordState:
    if state.attempt is not None or state.instance_id != event.instance_id:
        return state  # an update that is open comes to the same by its own outcome
    return state if state.block is Block.DISCARDED else _gone(state)
