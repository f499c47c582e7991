"""What the ledger shows to the deciders, and what they answer: plain values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from xmsyncd.flow.quota import UNLIMITED, MonthUse
from xmsyncd.ledger.events import Looked, Settled
from xmsyncd.records import (
    AttemptId,
    Claim,
    Content,
    ContentHash,
    Draft,
    Filtered,
    InstanceId,
    Item,
    KeyValue,
    Operation,
    Outcome,
    RecordId,
    Rejection,
    StopReason,
    StopSource,
)


class StageDecision(StrEnum):
    """What staging one item came to. ``pending``: already waiting to be sent with this very content."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    FILTERED = "filtered"
    REJECTED = "rejected"
    WAITING = "waiting"
    HELD = "held"
    REPEAT = "repeat"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Listed:
    """What is remembered of an item as it was last listed."""

    listed_hash: ContentHash
    context_hash: ContentHash
    updated_at: datetime | None
    rejection: str | None
    detail: Content | None
    accepted: ContentHash | None = None
    """The content that a person let through in spite of a rule."""


@dataclass(frozen=True, slots=True)
class StageEntry:
    """One item of a page on its way into the ledger.

    ``result`` is ``None`` for an item that is listed as before and was mapped under the same context.
    """

    item: Item
    result: Draft | Rejection | Filtered | None
    detail: Content | None = None
    """What the detail call told of the item *as it is listed here*, now or before."""
    context_hash: ContentHash | None = None
    """The context it was mapped under, where that is not the page's (a group tree fetched in between)."""
    ruled: bool = True
    """Whether the rules of ``quality`` may reject it; not, where a person let this content through."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A pipeline stands still; ``probe_at`` is when one call may try whether it still must."""

    reason: StopReason
    detail: str
    stopped_at: datetime
    probe_at: datetime | None
    source: StopSource = StopSource.WRITE

    @property
    def is_own_quota(self) -> bool:
        """By our own count the share of sending is spent: looks and resends go on, and no probe is needed."""
        return self.reason is StopReason.QUOTA and self.source is StopSource.OURSELVES

    @property
    def is_shared(self) -> bool:
        """Whether it concerns every pipeline of the connection, so that one of them probes for all."""
        told_spent = self.reason is StopReason.QUOTA and self.source is not StopSource.OURSELVES
        return told_spent or self.source is StopSource.TOKEN

    @property
    def halts_reads(self) -> bool:
        """Whether looks and questions stand still too: where a read was answered so, or everybody is."""
        return self.source is StopSource.READ or self.is_shared


@dataclass(frozen=True, slots=True)
class PipelineView:
    """A pipeline as the ledger knows it."""

    name: str
    form: str
    watermark: datetime | None
    context_hash: ContentHash | None
    last_full_at: datetime | None
    last_success_at: datetime | None
    bootstrap_at: datetime | None
    search_proven_at: datetime | None
    search_lag: timedelta | None
    stop: Stop | None
    checked_hash: str | None = None
    """The mapping whose components were last found on the form."""
    reconciled_at: datetime | None = None
    """When ledger and Yida were last compared in full."""


@dataclass(frozen=True, slots=True)
class LaneView:
    """What is known, inside the claiming transaction, about one operation of one pipeline."""

    pipeline: PipelineView
    operation: Operation
    now: datetime
    suspects: int
    creates_sent: int
    """Creates that were executed or may have been, counted no further than is asked."""
    use: MonthUse
    """The metered calls of this connection and month."""
    waiting: int = 0
    """Records that wait for their first sending; counted once the reserve is used up."""
    suspects_elsewhere: int = 0
    """Suspects of the other operation."""
    sending_elsewhere: int = 0
    """Calls of the other operation on their way."""
    refusal: str = ""
    """The vendor's words to the latest suspect of either."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many records may be claimed, and why not more."""

    limit: int
    reason: str = ""
    shuffle: bool = False
    """Take them from anywhere in the backlog: a run of bad neighbours must not look like bad settings."""
    include_suspects: bool = False
    stop: Stop | None = None
    """To be written together with the answer."""
    retry_at: datetime | None = None
    """When asking again makes sense, if a clock decides it."""
    sends: int = UNLIMITED
    """How many of them may be records that were never sent before."""
    resends: int = UNLIMITED
    """How many of them may be records that were."""

    @property
    def is_probe(self) -> bool:
        """Whether it lets a stopped pipeline try one call."""
        return self.reason == "probe"


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a worker got."""

    claims: tuple[Claim, ...]
    allowance: Allowance
    resumed: StopReason | None = None
    """The stop that ended because the month has room again."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """One attempt's outcome and the event it means for each of its records."""

    claim: Claim
    outcome: Outcome
    event: Settled
    stop: Stop | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """An undecided attempt that is to be looked for."""

    record_id: RecordId
    attempt_id: AttemptId
    operation: Operation
    key: KeyValue
    content_hash: ContentHash
    sent_at: datetime
    instance_id: InstanceId | None
    looks: int
    resends: int
    settled_after: AttemptId | None = None
    """The newest attempt there was when the call had ended for us; ``None``: unknown."""
    waited: timedelta = timedelta(0)
    """How long it had certainly been waited for at the last look, whatever clocks were set to since."""
    renamed_to: KeyValue | None = None
    """The key that the record has taken since, if it is another than was sent."""


@dataclass(frozen=True, slots=True)
class LookSettlement:
    """What a look came to; ``doubles`` are further instances that hold the same key."""

    look: Look
    event: Looked
    calls: int
    doubles: tuple[InstanceId, ...] = ()
    note: str = ""
    waited: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class KnownInstance:
    """An instance that we know by id because its own create answered, newest first where listed."""

    instance_id: InstanceId
    key: KeyValue
    created_at: datetime
    attempt_id: AttemptId | None = None
    """The create that made it; ``None``: it was made before creates were noted."""


@dataclass(frozen=True, slots=True)
class SettleReport:
    """What a group of settlements changed beside the records themselves."""

    convicted: int = 0
    acquitted: int = 0
    stopped: tuple[Stop, ...] = ()
    cleared: tuple[StopReason, ...] = ()
    visible: dict[RecordId, str] = field(default_factory=dict)
