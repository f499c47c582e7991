"""What a cycle tells and keeps: its progress, its report, and what it has come to so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from xmsyncd.cycle.plan import CyclePlan
from xmsyncd.ledger.cycles import CycleCounts, CycleKind, CycleResult
from xmsyncd.ledger.guard import HeldReport
from xmsyncd.ledger.staging import SetAside
from xmsyncd.ledger.views import StageDecision
from xmsyncd.records import ContentHash, RejectionReason, RuleResult, SourceId


class CycleEvents(Protocol):
    """Who is told what a cycle does."""

    def cycle_started(
        self, pipeline: str, cycle_id: int, kind: str, start: datetime | None, end: datetime
    ) -> None: ...
    def page_staged(
        self,
        pipeline: str,
        decisions: Mapping[StageDecision, int],
        rejected: Mapping[RejectionReason, int],
        read: int,
    ) -> None: ...
    def quality_checked(self, pipeline: str, checks: Mapping[tuple[str, str, RuleResult], int]) -> None: ...
    def records_set_aside(self, pipeline: str, set_aside: Sequence[SetAside]) -> None: ...
    def window_proved(self, pipeline: str, result: str) -> None: ...
    def records_deleted(self, pipeline: str, number: int) -> None: ...
    def absences_doubted(self, pipeline: str, number: int) -> None: ...
    def watermark_pulled_back(self, pipeline: str, was: datetime, to: datetime) -> None: ...
    def cycle_finished(self, pipeline: str, report: CycleReport, seconds: float) -> None: ...
    def updates_held(self, pipeline: str, report: HeldReport) -> None: ...
    def cycle_failed(self, pipeline: str, error: Exception) -> None: ...


@dataclass(slots=True)
class CycleProgress:
    """What a running cycle has done so far, for whoever watches."""

    kind: str = ""
    reason: str = ""
    pages: int = 0
    read: int = 0
    total: int | None = None
    repeats: int = 0
    filtered: int = 0
    decisions: Counter[StageDecision] = field(default_factory=Counter)
    absent: int = 0
    """Taken for deleted, since complete reads lack them."""
    doubted: int = 0
    """Lacking, but so many that none was taken for deleted."""
    chosen: list[SourceId] = field(default_factory=list)
    """Of a first try: the products it has taken, in the order of the list."""


@dataclass(frozen=True, slots=True)
class CycleReport:
    """How a cycle ended. ``error`` is what stopped it, where something did."""

    cycle_id: int | None
    kind: CycleKind
    result: CycleResult
    progress: CycleProgress
    details: int
    balance: int
    watermark: datetime | None
    error: Exception | None = None


@dataclass(slots=True)
class Running:
    """What a cycle has come to so far."""

    progress: CycleProgress
    plan: CyclePlan | None = None
    accepts_absences: bool = False
    """A person has said that what the read lacks is gone."""
    cycle_id: int | None = None
    context: ContentHash | None = None
    context_parts: Mapping[str, ContentHash] = field(default_factory=dict)
    watermark: datetime | None = None
    """Where it stood when the cycle began."""
    okki_now: datetime | None = None
    proven_to: datetime | None = None
    is_contiguous: bool = True
    is_enough: bool = False
    is_complete: bool = False
    """Everything was read in one piece without a time filter, and proven."""
    proofs: set[str] = field(default_factory=set)
    read_in_window: int = 0
    gap_ids: set[SourceId] = field(default_factory=set)
    met_again: set[SourceId] = field(default_factory=set)
    chosen: set[SourceId] = field(default_factory=set)
    filtered: set[SourceId] = field(default_factory=set)
    unreadable: set[SourceId] = field(default_factory=set)

    def counts(self, details: int) -> CycleCounts:
        """The numbers so far; an id met in a gap and again in the window is one."""
        read = self.progress.read - len(self.met_again)
        return CycleCounts(
            pages=self.progress.pages,
            items_read=read + (0 if self.chosen else len(self.unreadable)),
            repeats=self.progress.repeats,
            details=details,
            filtered=len(self.filtered),
        )
