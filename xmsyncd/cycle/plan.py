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

# How far ahead of OKKI's clock a watermark may be without a doubt: its machines differ among themselves.
_WATERMARK_DOUBT = timedelta(seconds=5)
# A full read that is remembered as later than this from now was made under a clock that was wrong.
_FULL_READ_DOUBT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class CycleRequest:
    """What somebody asks of a cycle; the plain one is what the schedule asks.

    ``limit`` (stage at most so many products) and ``only`` (one product, by its key or OKKI id) are
    for a first try: what they read proves nothing, so the watermark stays. ``since`` and ``until`` (both
    inclusive, aware UTC; ``None``: until now) read a window again: it is proven, and the watermark stays.
    ``accept_absences`` is a person's word, beside ``full``, that what this read lacks is gone, however much.
    """

    full: bool = False
    limit: int | None = None
    only: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    accept_absences: bool = False

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
    is_reread: bool = False
    """A window of a person's choice: it closes gaps, and neither moves the watermark nor lists new gaps."""


WATERMARK_AHEAD = "watermark_ahead"
"""The reason of the full read that follows a watermark in OKKI's future."""

ASKED_FOR = "asked_for"

CONTEXT_CHANGED = "context_changed"
"""The reason of the full read that follows another mapping, look-up, hook or group tree."""


def window_end(now: datetime, okki_offset: timedelta | None) -> datetime:
    """The second that OKKI's clock shows at the latest, for it is OKKI's clock that stamps the edits.

    By a fast clock here, edits made there would fall before the next window; by a slow one they would wait.
    OKKI tells its time in whole seconds, rounded down, so it may be almost one more; the cycle waits until
    the second is surely over. Where both clocks agree to that second, or OKKI tells no time, ours counts.
    """
    if okki_offset is None:
        return now.replace(microsecond=0)
    theirs = now + okki_offset + _OFFSET_RESOLUTION
    agree = okki_offset <= _OFFSET_RESOLUTION
    return (min(now, theirs) if agree else theirs).replace(microsecond=0)


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
    if request.since is not None:
        until = end if request.until is None else min(request.until, end)
        window = Window(min(request.since, until), until)
        return CyclePlan(CycleKind.INCREMENTAL, ASKED_FOR, window, is_reread=True)
    if view.watermark is None:
        kind = CycleKind.PARTIAL if request.is_partial else CycleKind.FIRST
        start = None if request.full or start_from is None else min(start_from, end)
        return CyclePlan(kind, "never_read", Window(start, end))
    full_reason = _full_reason(view, request, context_hash, full_every, end, now)
    if full_reason is not None:
        kind = CycleKind.PARTIAL if request.is_partial else CycleKind.FULL
        return CyclePlan(kind, full_reason, everything)
    start = min(view.watermark, end) - overlap
    kind = CycleKind.PARTIAL if request.is_partial else CycleKind.INCREMENTAL
    passed = tuple(Window(gap.start, gap.end) for gap in gaps if gap.passed and gap.start < start)
    return CyclePlan(kind, "due", Window(start, end), () if request.is_partial else passed)


def _full_reason(
    view: PipelineView,
    request: CycleRequest,
    context_hash: ContentHash,
    full_every: timedelta,
    end: datetime,
    now: datetime,
) -> str | None:
    if view.watermark is not None and view.watermark > end + _WATERMARK_DOUBT:
        # It was set by a clock that was wrong, nobody knows since when: every window since then may have
        # begun too late. No earlier watermark is sure to be right, so no window is; reading all of it is.
        return WATERMARK_AHEAD
    if request.full:
        return ASKED_FOR
    if view.context_hash != context_hash:
        return CONTEXT_CHANGED
    if view.last_full_at is None or now - view.last_full_at >= full_every:
        return "full_every"
    if view.last_full_at > now + _FULL_READ_DOUBT:
        return "full_every"
    return None
