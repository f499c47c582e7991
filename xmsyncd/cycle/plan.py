"""Which window a cycle reads, and why: decided from what the ledger remembers, without any I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from xmsyncd.ledger.cycles import CycleKind, Gap
from xmsyncd.ledger.views import PipelineView
from xmsyncd.okki.windows import Window
from xmsyncd.records import ContentHash

_OFFSET_RESOLUTION = timedelta(seconds=1)
_LONGEST_WAIT_FOR_THE_END = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class CycleRequest:
    """What somebody asks of a cycle; the plain one is what the schedule asks.

    ``limit`` (stage at most so many products) and ``only`` (one product, by its key or OKKI id) are
    for a first try: what they read proves nothing, so the watermark stays.
    """

    full: bool = False
    limit: int | None = None
    only: str | None = None

    @property
    def is_partial(self) -> bool:
        """Whether only a chosen part is staged."""
        return self.limit is not None or self.only is not None


@dataclass(frozen=True, slots=True)
class CyclePlan:
    """The windows of a cycle: gaps of earlier ones first, then the cycle's own."""

    kind: CycleKind
    reason: str
    window: Window
    gaps: tuple[Window, ...] = ()


def window_end(now: datetime, okki_offset: timedelta | None) -> datetime:
    """The second that the earlier of our clock and OKKI's shows at the latest.

    With a fast clock here, edits made there would fall before the next window. OKKI tells its time in whole
    seconds, rounded down, so it may be almost one more; the cycle waits until the second is surely over.
    """
    earlier = now if okki_offset is None else min(now, now + okki_offset + _OFFSET_RESOLUTION)
    return earlier.replace(microsecond=0)


def until_end_is_over(end: datetime, now: datetime, okki_offset: timedelta | None) -> timedelta:
    """How long to wait until OKKI's clock has left the second in which a window ends.

    OKKI's times are whole seconds. While that second lasts, an edit made in it still enters the window, and
    then a window loses *and* gains products while it is read, which no count can prove complete.
    """
    okki_now = now + (okki_offset or timedelta(0))
    return max(timedelta(0), min(end + timedelta(seconds=1) - okki_now, _LONGEST_WAIT_FOR_THE_END))


def plan_cycle(
    view: PipelineView,
    request: CycleRequest,
    *,
    context_hash: ContentHash,
    overlap: timedelta,
    full_every: timedelta,
    start_from: datetime | None,
    gaps: tuple[Gap, ...],
    okki_offset: timedelta | None,
    now: datetime,
) -> CyclePlan:
    """The kind and windows of the cycle that begins now, with the reason for a full read by name."""
    end = window_end(now, okki_offset)
    everything = Window(None, end)
    if request.only is not None:
        return CyclePlan(CycleKind.PARTIAL, "only", everything)
    if view.watermark is None:
        kind = CycleKind.PARTIAL if request.is_partial else CycleKind.FIRST
        start = None if request.full or start_from is None else min(start_from, end)
        return CyclePlan(kind, "never_read", Window(start, end))
    full_reason = _full_reason(view, request, context_hash, full_every, now)
    if full_reason is not None:
        kind = CycleKind.PARTIAL if request.is_partial else CycleKind.FULL
        return CyclePlan(kind, full_reason, everything)
    # A watermark ahead of OKKI's clock cannot be right: reading from there would skip what is edited now.
    start = min(view.watermark, end) - overlap
    kind = CycleKind.PARTIAL if request.is_partial else CycleKind.INCREMENTAL
    passed = tuple(Window(gap.start, gap.end) for gap in gaps if gap.passed and gap.start < start)
    return CyclePlan(kind, "due", Window(start, end), () if request.is_partial else passed)


def _full_reason(
    view: PipelineView,
    request: CycleRequest,
    context_hash: ContentHash,
    full_every: timedelta,
    now: datetime,
) -> str | None:
    if request.full:
        return "asked_for"
    if view.context_hash != context_hash:
        return "context_changed"
    if view.last_full_at is None or now - view.last_full_at >= full_every:
        return "full_every"
    return None
