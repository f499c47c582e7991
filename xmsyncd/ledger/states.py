"""The states of one record: what is desired, which call is open, and what people see. Pure values.

A record has two independent halves. ``desired`` is what OKKI last showed, mapped; ``attempt`` is a call
to Yida that is open. What people see (:func:`visible_state`) is derived from both. What changes a state is
an event (:mod:`.events`), and the one function that says how is :func:`.transitions.transition`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from xmsyncd.records import AttemptId, ContentHash, InstanceId, KeyValue, Operation, RejectionReason


class Phase(StrEnum):
    """The half that says whether a call is open."""

    IDLE = "idle"
    SENDING = "sending"
    UNDECIDED = "undecided"


class Block(StrEnum):
    """What keeps an idle record from being sent although it differs from Yida."""

    WAITING = "waiting"
    HELD = "held"
    SUSPECT = "suspect"
    PARKED = "parked"
    DISCARDED = "discarded"


class ParkReason(StrEnum):
    """Why a person is needed; a refusal by Yida carries its own code instead."""

    AMBIGUOUS = "ambiguous"
    RESEND_LIMIT = "resend_limit"
    INSTANCE_GONE = "instance_gone"


class HoldReason(StrEnum):
    """Why the guard holds an update."""

    CONTEXT_CHANGED = "context_changed"
    """The mapping, a setting or the group tree has changed since the product was last mapped."""
    MANY_CHANGES = "many_changes"
    """OKKI shows other content than before, and does so for many products at once."""
    ADOPTED = "adopted"
    """Instances that were taken over hold other content than OKKI shows, and very many of them do."""


KEY_CONFLICT = "key_conflict"
"""Why a record waits: another one has its key."""

DELETED_IN_OKKI = "deleted"
"""Why a record is discarded without a person: it was never in Yida, and OKKI has let the product go."""

FILTERED_OUT = "filtered"
"""Why a record is discarded without a person: it was never in Yida, and ``where`` leaves the product out."""


class VisibleState(StrEnum):
    """What people see. ``discarded`` is what a person let go until OKKI shows something new."""

    DELIVERED = "delivered"
    PENDING = "pending"
    SENDING = "sending"
    UNDECIDED = "undecided"
    REJECTED = "rejected"
    WAITING = "waiting"
    HELD = "held"
    PARKED = "parked"
    DISCARDED = "discarded"


FAILED_STATES = (VisibleState.PARKED, VisibleState.UNDECIDED, VisibleState.REJECTED)
"""What a person is asked about, and what ``--all`` means; waiting and held records are listed beside them."""


@dataclass(frozen=True, slots=True)
class DesiredDraft:
    """OKKI's product as it should stand in Yida."""

    key: KeyValue
    content_hash: ContentHash


@dataclass(frozen=True, slots=True)
class DesiredRejection:
    """OKKI's product cannot be sent; the raw item is kept beside it."""

    reason: RejectionReason


Desired = DesiredDraft | DesiredRejection


@dataclass(frozen=True, slots=True)
class Attempt:
    """An open call: what was sent, and when. ``looks`` counts the searches and gets made for it since."""

    attempt_id: AttemptId
    phase: Phase
    operation: Operation
    key: KeyValue
    content_hash: ContentHash
    sent_at: datetime
    looks: int = 0


@dataclass(frozen=True, slots=True)
class RecordState:
    """One record.

    ``due_at`` is when it may be sent (idle) or looked for (undecided); ``None``: not by itself.
    """

    desired: Desired
    attempt: Attempt | None = None
    instance_id: InstanceId | None = None
    delivered_hash: ContentHash | None = None
    block: Block | None = None
    block_reason: str = ""
    due_at: datetime | None = None
    tries: int = 0
    resends: int = 0


def lies_beside_another(state: RecordState) -> bool:
    """Parked without a call of its own that could be looked for: an instance may be its own, or may not."""
    return (
        state.block is Block.PARKED and state.block_reason == ParkReason.AMBIGUOUS and state.attempt is None
    )


def next_operation(state: RecordState) -> Operation:
    """The call that would close the difference: a record without an instance is created."""
    return Operation.CREATE if state.instance_id is None else Operation.UPDATE


def is_delivered(state: RecordState) -> bool:
    """Whether Yida is known to hold what is desired."""
    return (
        isinstance(state.desired, DesiredDraft)
        and state.instance_id is not None
        and state.desired.content_hash == state.delivered_hash
    )


def is_gone(state: RecordState) -> bool:
    """Whether somebody has deleted its instance in Yida: only a person's retry makes it anew."""
    return state.block is Block.PARKED and state.block_reason == ParkReason.INSTANCE_GONE


def visible_state(state: RecordState) -> VisibleState:
    """The one word people see. The schema derives the same word in SQL; a test holds the two together."""
    if state.attempt is not None and state.attempt.phase is Phase.SENDING:
        return VisibleState.SENDING
    if state.block is Block.PARKED:
        return VisibleState.PARKED
    if state.block is Block.DISCARDED:
        return VisibleState.DISCARDED
    if state.attempt is not None:
        return VisibleState.UNDECIDED
    if state.block is Block.SUSPECT:
        # Refused, and listed as such at once: in a quiet pipeline nothing may come that judges it.
        return VisibleState.PARKED
    if isinstance(state.desired, DesiredRejection):
        return VisibleState.REJECTED
    if state.block is Block.WAITING:
        return VisibleState.WAITING
    if is_delivered(state):
        return VisibleState.DELIVERED
    if state.block is Block.HELD:
        return VisibleState.HELD
    return VisibleState.PENDING


def wanted_keys(state: RecordState) -> frozenset[KeyValue]:
    """The keys no other record of the form may use: the desired one, and that of an open create."""
    keys = set()
    if isinstance(state.desired, DesiredDraft) and state.block is not Block.DISCARDED:
        keys.add(state.desired.key)
    if state.attempt is not None and state.attempt.operation is Operation.CREATE:
        keys.add(state.attempt.key)
    return frozenset(keys)


def keeps_its_keys(state: RecordState) -> bool:
    """Whether what it holds stays its own although it is rejected: its instance still answers to it.

    A product that has lost its number, or that a person has let go, leaves it to another.
    """
    return (
        isinstance(state.desired, DesiredRejection)
        and state.desired.reason is not RejectionReason.EMPTY_KEY
        and state.instance_id is not None
        and (state.block is not Block.DISCARDED or state.block_reason == FILTERED_OUT)
    )
