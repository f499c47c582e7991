"""What is counted and said about cycles: pages, proofs, clocks, how they end (steps 1, 2, 3 and 7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from xmsyncd.clock import LARGEST_SKEW
from xmsyncd.cycle.progress import CycleReport
from xmsyncd.errors import TryLaterError
from xmsyncd.ledger.cycles import CycleResult
from xmsyncd.ledger.guard import HeldReport
from xmsyncd.ledger.staging import SetAside
from xmsyncd.ledger.views import StageDecision
from xmsyncd.observe.labels import PROOFS, Api, SourceFailure, Stage, source_failure
from xmsyncd.observe.metrics import Metrics, known
from xmsyncd.observe.outages import Turns
from xmsyncd.observe.teller import Teller, iso, plain, request_id
from xmsyncd.okki.proof import ProofDecision
from xmsyncd.records import RejectionReason, RuleResult
from xmsyncd.transform.quality import RuleKind

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Told:
    """What has happened to a pipeline's cycles and was not said at INFO yet."""

    staged: Counter[StageDecision] = field(default_factory=Counter)
    rejected: Counter[RejectionReason] = field(default_factory=Counter)
    read: int = 0
    proofs: Counter[str] = field(default_factory=Counter)
    failed_cycles: int = 0
    failing_since: float = 0.0
    failed_for: str = ""
    failure_turns: Turns | None = None
    rejection_turns: Turns | None = None


class CycleTeller(Teller):
    """Implements ``CycleEvents``."""

    def __init__(self, metrics: Metrics, monotonic: Callable[[], float], repeat_every: timedelta) -> None:
        super().__init__(metrics, monotonic, repeat_every)
        self._cycles: dict[str, _Told] = {}
        self._wrong_clocks: set[tuple[str, Api]] = set()

    def _cycles_of(self, pipeline: str) -> _Told:
        return self._cycles.setdefault(pipeline, _Told())

    def cycle_started(
        self, pipeline: str, cycle_id: int, kind: str, start: datetime | None, end: datetime
    ) -> None:
        """A window is frozen; ``start`` is ``None`` for everything."""
        _log.debug(
            "cycle_started", pipeline=pipeline, cycle_id=cycle_id, kind=kind, start=iso(start), end=iso(end)
        )

    def page_staged(
        self,
        pipeline: str,
        decisions: Mapping[StageDecision, int],
        rejected: Mapping[RejectionReason, int],
        read: int,
    ) -> None:
        """A page is in the ledger; ``read`` counts its items, those met again included."""
        told = self._cycles_of(pipeline)
        self._metrics.source_records.labels(pipeline).inc(read)
        told.read += read
        for decision, number in decisions.items():
            self._metrics.staged_records.labels(pipeline, decision).inc(number)
            told.staged[decision] += number
        for reason, number in rejected.items():
            self._failed(pipeline, Stage.TRANSFORM, reason, number)
            told.rejected[reason] += number
        _log.debug(
            "page_staged",
            pipeline=pipeline,
            read=read,
            decisions=plain(decisions),
            rejected=plain(rejected),
        )

    def quality_checked(self, pipeline: str, checks: Mapping[tuple[str, str, RuleResult], int]) -> None:
        """What the rules of quality came to for a page, by component, kind and result.

        The components are those of the configuration, so the series are those declared.
        """
        for (component, rule, result), number in checks.items():
            kind = known(rule, RuleKind)
            self._metrics.quality_checks.labels(pipeline, kind, component, result).inc(number)

    def records_set_aside(self, pipeline: str, set_aside: Sequence[SetAside]) -> None:
        """Which records of a page are rejected, wait or are held; :meth:`page_staged` counts them."""
        for one in set_aside:
            _log.debug(
                f"record_{one.decision}",
                pipeline=pipeline,
                key=one.key,
                source_id=one.source_id,
                **({"reason": one.reason} if one.reason else {}),
            )

    def window_proved(self, pipeline: str, result: str) -> None:
        """A slice was read to its end; ``result`` is a :class:`ProofDecision`."""
        result = known(result, PROOFS)
        self._metrics.window_proofs.labels(pipeline, result).inc()
        if result == ProofDecision.UNPROVEN:
            self._failed(pipeline, Stage.SOURCE, SourceFailure.UNPROVEN)
        self._cycles_of(pipeline).proofs[result] += 1
        _log.debug("window_proved", pipeline=pipeline, result=result)

    def records_deleted(self, pipeline: str, number: int) -> None:
        """Records that two complete reads in a row did not show any more."""
        _log.warning("records_deleted", pipeline=pipeline, number=number)

    def absences_doubted(self, pipeline: str, number: int) -> None:
        """So many are missing from a complete read that it is not believed; nothing is done about them."""
        self._failed(pipeline, Stage.SOURCE, SourceFailure.ABSENCES)
        _log.error("absences_doubted", pipeline=pipeline, number=number)

    def times_pulled_in(self, pipeline: str, number: int) -> None:
        """Times further ahead than anything is put off: a clock was ahead when they were written."""
        _log.warning("times_pulled_in", pipeline=pipeline, number=number)

    def clock_told(self, connection: str, api: Api, offset: timedelta) -> None:
        """A vendor's clock minus ours. Said aloud when it begins to be too large, and when that is over."""
        self._metrics.clock_skew.labels(connection, api).set(offset.total_seconds())
        is_wrong = abs(offset) > LARGEST_SKEW
        was_wrong = (connection, api) in self._wrong_clocks
        if is_wrong and not was_wrong:
            self._wrong_clocks.add((connection, api))
            _log.warning(
                "clock_differs",
                connection=connection,
                api=api,
                offset_seconds=round(offset.total_seconds(), 3),
                advice="set this machine's clock (NTP); reading goes by OKKI's clock meanwhile",
            )
        elif was_wrong and not is_wrong:
            self._wrong_clocks.discard((connection, api))
            _log.info("clock_agrees", connection=connection, api=api)

    def watermark_pulled_back(self, pipeline: str, was: datetime, to: datetime) -> None:
        """The watermark lay in OKKI's future: a clock was wrong when it was set. Everything is read again."""
        self._failed(pipeline, Stage.SOURCE, SourceFailure.CLOCK)
        _log.error("watermark_pulled_back", pipeline=pipeline, was=iso(was), to=iso(to))

    def group_tree_changed(self, pipeline: str, groups: int) -> None:
        """OKKI's product groups are other than they were; the next cycle reads everything."""
        self._metrics.group_tree_changes.labels(pipeline).inc()
        _log.info("group_tree_changed", pipeline=pipeline, groups=groups)

    def cycle_failed(self, pipeline: str, error: BaseException) -> None:
        """What stopped the cycle; :meth:`cycle_finished` follows with the result ``failed``."""
        reason = source_failure(error)
        self._failed(pipeline, Stage.SOURCE, reason)
        told, now = self._cycles_of(pipeline), self._monotonic()
        if not told.failed_cycles:
            told.failing_since = now
        told.failed_cycles += 1
        if told.failed_for != reason or told.failure_turns is None:
            told.failed_for, told.failure_turns = reason, Turns(self._repeat_every)
        if isinstance(error, TryLaterError) and error.connection:
            # The outage of the connection is one thing, however many cycles it fails.
            may_tell = self._outages.take_turn((Api.OKKI, error.connection), now)
        else:
            may_tell = told.failure_turns.take(now)
        if not may_tell:
            log = _log.debug
        elif isinstance(error, TryLaterError):
            log = _log.warning
        else:
            log = _log.error
        unforeseen = reason == SourceFailure.UNFORESEEN
        log(
            "cycle_failed",
            pipeline=pipeline,
            reason=reason,
            error=str(error),
            **request_id(error),
            **({"failed_cycles": told.failed_cycles} if told.failed_cycles > 1 else {}),
            **({"exc_info": error} if unforeseen else {}),
        )

    def cycle_finished(self, pipeline: str, report: CycleReport, seconds: float) -> None:
        """A cycle's line, and one for what it rejected."""
        result = report.result
        cycle_id = report.cycle_id or 0
        detail = "" if report.error is None else str(report.error)
        self._metrics.cycles.labels(pipeline, report.kind, result).inc()
        self._metrics.cycle_duration.labels(pipeline).observe(seconds)
        self._metrics.balance.labels(pipeline).set(report.balance)
        told = self._cycles_of(pipeline)
        if report.balance:
            log = _log.error
        elif result == CycleResult.UNPROVEN:
            log = _log.warning
        elif result == CycleResult.FAILED:
            log = _log.debug  # cycle_failed has said it, or has it held back
        else:
            log = _log.info
        after: dict[str, Any] = {}
        if result in (CycleResult.DONE, CycleResult.UNPROVEN) and told.failed_cycles:
            lasted = round(self._monotonic() - told.failing_since, 3)
            after = {"after_failed_cycles": told.failed_cycles, "failed_for_seconds": lasted}
            told.failed_cycles, told.failed_for = 0, ""
        log(
            "cycle_finished",
            pipeline=pipeline,
            cycle_id=cycle_id,
            kind=report.kind,
            result=result,
            seconds=round(seconds, 3),
            read=told.read,
            decisions=plain(told.staged),
            proofs=plain(told.proofs),
            balance=report.balance,
            watermark=iso(report.watermark),
            **({"detail": detail} if detail else {}),
            **after,
        )
        if told.rejected.total():
            turns = told.rejection_turns = told.rejection_turns or Turns(self._repeat_every)
            if turns.take(self._monotonic()):
                turns.begin_again()
                _log.warning(
                    "records_rejected", pipeline=pipeline, cycle_id=cycle_id, reasons=plain(told.rejected)
                )
                told.rejected.clear()
        told.read = 0
        for counter in (told.staged, told.proofs):
            counter.clear()

    def updates_held(self, pipeline: str, report: HeldReport) -> None:
        """The guard keeps updates back; said once for each cycle that holds more of them."""
        _log.error(
            "updates_held",
            pipeline=pipeline,
            held=report.held,
            updates=report.updates,
            limit=report.limit,
            reasons=dict(report.reasons),
            detail=f"held {report.held:,} of {report.updates:,} updates until a person has looked",
            advice="xmsyncd approve",
        )
