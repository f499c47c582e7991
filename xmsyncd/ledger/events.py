"""What can happen to a record: the events, each a plain value (the table is in :mod:`.transitions`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from xmsyncd.ledger.states import Desired
from xmsyncd.records import AttemptId, ContentHash, Family, InstanceId


@dataclass(frozen=True, slots=True)
class Staged:
    """A newer reading of the item. The caller has decided that it is not older than the one known."""

    desired: Desired
    at: datetime


@dataclass(frozen=True, slots=True)
class Blocked:
    """Another record holds the key."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unblocked:
    """The key is this record's now."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """The blast-radius guard keeps this update back until a person has looked."""

    reason: str


@dataclass(frozen=True, slots=True)
class Released:
    """A person lets a held update go."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Claimed:
    """The record is about to be sent; durable before the call."""

    attempt_id: AttemptId
    at: datetime


@dataclass(frozen=True, slots=True)
class Returned:
    """The claim was not sent."""

    attempt_id: AttemptId
    at: datetime


@dataclass(frozen=True, slots=True)
class Settled:
    """The call's outcome. ``due_at``: the next send, or the first look at an undecided one."""

    attempt_id: AttemptId
    family: Family
    due_at: datetime | None
    instance_id: InstanceId | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Orphaned:
    """The process that was sending died."""

    due_at: datetime | None


class Finding(StrEnum):
    """What a look at Yida showed about an undecided attempt."""

    EQUAL = "equal"
    """The instance holds what was sent."""
    OTHER = "other"
    """The instance is there with other content."""
    ABSENT = "absent"
    """Proven not to be there, or given up on: sending again is due."""
    UNSEEN = "unseen"
    """Not seen, which proves nothing."""
    AMBIGUOUS = "ambiguous"
    """Something is there that may or may not be it."""
    GONE = "gone"
    """The instance that was to be updated is no longer there. Of a create it says nothing."""


@dataclass(frozen=True, slots=True)
class Looked:
    """``found_hash`` is the normalised content of the instance shown, where one was."""

    attempt_id: AttemptId
    finding: Finding
    due_at: datetime | None
    resend_limit: int
    instance_id: InstanceId | None = None
    found_hash: ContentHash | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PulledIn:
    """Its times lie further ahead than anything is ever put off: a clock was ahead when they were written."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Convicted:
    """Another record of the same operation went through: the refusal is this record's own."""


@dataclass(frozen=True, slots=True)
class Acquitted:
    """What refused this record lay elsewhere and is mended."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Retried:
    """A person asks for another try."""

    at: datetime


@dataclass(frozen=True, slots=True)
class ResendOrdered:
    """A person orders an undecided record to be sent again, double or not."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Discarded:
    """A person lets this content go, or OKKI has let go what was never delivered.

    ``is_deleted``: OKKI has let the product go, so that even what is delivered may be set aside: that frees
    its key.
    """

    is_deleted: bool = False
    by_okki: bool = False
    """Nobody has decided it: when OKKI lists the product again it is wanted again."""
    by_where: bool = False
    """The pipeline is not about it: what ``where`` lets in again is staged, and so wanted again."""


@dataclass(frozen=True, slots=True)
class Restored:
    """OKKI lists a product again that it had let go."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Adopted:
    """An instance that is there was found to be this record's, holding ``found_hash``.

    ``keeps``: what it holds is what is desired from now on (a pipeline that ignores changes).
    """

    instance_id: InstanceId
    found_hash: ContentHash
    at: datetime
    keeps: bool = False


@dataclass(frozen=True, slots=True)
class Resembled:
    """Instances are there whose keys are almost the record's: a create now could be a double."""


@dataclass(frozen=True, slots=True)
class Drifted:
    """Yida was found to hold other content than was delivered."""

    instance_id: InstanceId
    found_hash: ContentHash
    at: datetime


@dataclass(frozen=True, slots=True)
class Agreed:
    """What Yida holds needs no update for what is desired, although the hashes differ (:mod:`.sameness`)."""


@dataclass(frozen=True, slots=True)
class Vanished:
    """The record's instance was found to be no longer in Yida."""

    instance_id: InstanceId


Event = (
    Staged
    | Blocked
    | Unblocked
    | Held
    | Released
    | Claimed
    | Returned
    | Settled
    | Orphaned
    | Looked
    | PulledIn
    | Convicted
    | Acquitted
    | Retried
    | ResendOrdered
    | Discarded
    | Restored
    | Adopted
    | Resembled
    | Drifted
    | Agreed
    | Vanished
)
