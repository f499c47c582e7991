"""The nouns that travel from OKKI to Yida: frozen, and without any I/O.

An :class:`Item` is read (1), becomes a :class:`Draft` or a :class:`Rejection` (2), is staged in the
ledger (3) and leaves it as a :class:`Claim` (4); the call it causes ends in an :class:`Outcome` (5),
which settles the record (6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NewType

SourceId = NewType("SourceId", str)
"""OKKI's id of an item, always as text: 10 to 14 digits, an integer on one page, a string on the next."""

KeyValue = NewType("KeyValue", str)
"""The business key: the text in the component named by ``target.key``. Never empty."""

InstanceId = NewType("InstanceId", str)
"""Yida's process instance id (or form instance id)."""

ContentHash = NewType("ContentHash", str)
"""Hash of a canonical JSON text; equal hashes mean equal content."""

RecordId = NewType("RecordId", int)
"""The ledger's own number of a record."""

AttemptId = NewType("AttemptId", int)
"""The ledger's own number of an attempt (one call to Yida)."""

Content = Mapping[str, Any]
"""Form data by component id, values in the form in which Yida is written to."""


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of an OKKI list, as it was listed.

    ``updated_at`` is aware UTC, ``None`` where the item has no readable ``update_time``;
    ``listed_hash`` covers ``raw`` and nothing that a later detail call adds.
    """

    source_id: SourceId
    updated_at: datetime | None
    raw: Mapping[str, Any]
    listed_hash: ContentHash


class RuleResult(StrEnum):
    """What a quality rule came to for one record."""

    KEPT = "kept"
    WARNED = "warned"
    FIXED = "fixed"
    REJECTED = "rejected"
    ACCEPTED = "accepted"
    """It would have been rejected, had not a person let this content through."""


@dataclass(frozen=True, slots=True)
class QualityFinding:
    """What a quality rule found wrong; ``component`` is "" where it is about the record as a whole.

    ``found``, ``expected`` and ``fixed`` are shortened, to be shown.
    """

    component: str
    rule: str
    result: RuleResult
    found: str
    expected: str
    fixed: str = ""
    demand_hash: str = ""
    """Which of several rules of one kind about one component it is."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What Yida should hold for one item."""

    source_id: SourceId
    updated_at: datetime | None
    key: KeyValue
    content: Content
    content_hash: ContentHash
    findings: tuple[QualityFinding, ...] = ()
    """What quality rules found and did not reject: warned of, put right, or accepted by a person."""


class RejectionReason(StrEnum):
    """Why our mapping or rules turned an item away."""

    EMPTY_KEY = "empty_key"
    REQUIRED = "required"
    TYPE = "type"
    MAPPING = "mapping"
    LOOKUP = "lookup"
    """A look-up table has no entry for the value."""
    UNKNOWN_GROUP = "unknown_group"
    DETAIL_UNAVAILABLE = "detail_unavailable"
    FILTERED = "filtered"
    """No fault: ``where`` leaves the item out. What is left out is set aside, not listed as rejected."""
    HOOK = "hook"
    """The function of ``transform`` failed on it."""
    UNREADABLE = "unreadable"
    LENGTH = "length"
    PATTERN = "pattern"
    RANGE = "range"
    ONE_OF = "one_of"
    EXPRESSION = "expression"
    FRESH = "fresh"
    BAND = "band"
    CHANGE = "change"
    UNIQUE = "unique"
    CONSISTENT = "consistent"


@dataclass(frozen=True, slots=True)
class Rejection:
    """An item that is not sent, with the reason and the component at fault."""

    source_id: SourceId
    updated_at: datetime | None
    reason: RejectionReason
    detail: str
    component: str | None = None
    key: KeyValue | None = None
    findings: tuple[QualityFinding, ...] = ()
    """What quality rules found, in order; the last one rejected it, where a rule did."""
    checked: int = 0
    """How many of the rules were asked: those up to the one that rejected it, or to another fault."""


@dataclass(frozen=True, slots=True)
class Filtered:
    """An item that the pipeline is not about, and which condition of ``where`` says so."""

    source_id: SourceId
    updated_at: datetime | None
    detail: str
    key: KeyValue | None = None


class Operation(StrEnum):
    """What an attempt asks of Yida."""

    CREATE = "create"
    UPDATE = "update"


class Family(StrEnum):
    """What an answer means for what is done next (one for each row of the README's table)."""

    DELIVERED = "delivered"
    NOT_SENT = "not_sent"
    THROTTLED = "throttled"
    TRY_LATER = "try_later"
    UNDECIDED = "undecided"
    REAUTHENTICATE = "reauthenticate"
    REFUSED = "refused"
    GONE = "gone"
    STOP = "stop"


class StopReason(StrEnum):
    """Why a pipeline stands still until a person or a slow probe gets it going again."""

    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    QUOTA = "quota"
    CAPACITY = "capacity"
    """Yida holds as many records or files as the edition allows: no new month ends that."""
    CONFIGURATION = "configuration"
    ALL_REFUSED = "all_refused"
    NOT_SEARCHABLE = "not_searchable"
    FORM_NOT_EMPTY = "form_not_empty"
    RESTORED = "restored"
    """The ledger is an older copy of itself: only taking over what Yida holds (adopt) ends this stop."""
    ADOPTING = "adopting"
    """Instances of the form are being taken over; adopt ends it, also after an interruption."""
    PAUSED = "paused"
    """A person let it stand still, and only a person lets it go on."""

    @property
    def waits_for_a_person(self) -> bool:
        """Whether only a command of a person ends the stop: no probe, and no success elsewhere."""
        return self in (StopReason.RESTORED, StopReason.ADOPTING, StopReason.PAUSED)


class StopSource(StrEnum):
    """What a stop was learnt from, which decides whom it concerns."""

    WRITE = "write"
    READ = "read"
    TOKEN = "token"
    """No token is to be had: every pipeline of the connection."""
    OURSELVES = "ourselves"
    """No answer of the vendor, but what we concluded or counted."""


VOID_PERMIT = "void_permit"
"""The code of a call that was not sent because a pause began after its permit: it goes back unsent."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one call to Yida ended. Writes return it and never raise for what a vendor or network does.

    ``instance_id`` is set when a create was delivered; ``wait`` is the pause the vendor asked for;
    ``code``/``message``/``request_id`` are the vendor's own words, free of secrets.
    """

    family: Family
    instance_id: InstanceId | None = None
    wait: timedelta | None = None
    stop_reason: StopReason | None = None
    code: str = ""
    message: str = ""
    request_id: str = ""
    calls: int = 1
    """Calls that the vendor may have metered for this outcome (a proven throttle: 0)."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One record that the ledger handed out for sending, durably marked before the call.

    ``instance_id`` is the target of an update and ``None`` for a create.
    """

    attempt_id: AttemptId
    record_id: RecordId
    pipeline: str
    operation: Operation
    key: KeyValue
    content: Content
    content_hash: ContentHash
    instance_id: InstanceId | None
    claimed_at: datetime
    tries: int = 0
    """How often it was put off before."""
    from_reserve: bool = False
    """It was sent before, so the reserve of the month's calls pays for it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A Yida instance as a search or a get shows it.

    ``content`` is normalised to what a write of the same values would have held, so that its hash may
    be compared with that of a draft. ``created_at`` is aware UTC where Yida tells it.
    """

    instance_id: InstanceId
    key: str
    content: Content
    content_hash: ContentHash
    created_at: datetime | None = None
    status: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
