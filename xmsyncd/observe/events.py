"""One method for each thing that happens: it becomes a log line and a metric together, or neither.

What happens to each record is said at DEBUG; at INFO a cycle is one line and deliveries are summed up, so
that a day's log of a healthy daemon stays readable. WARNING is for what will be dealt with but should be
known (parked, rejected, undecided), ERROR for what a person should look at. Trouble that goes on is said
once in a while and once when it is over (:mod:`xmsyncd.observe.outages`); the metrics count all of it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from xmsyncd import __version__
from xmsyncd.errors import TryLaterError, XmsyncdError
from xmsyncd.ledger.cycles import CycleKind, CycleResult
from xmsyncd.ledger.guard import HeldReport
from xmsyncd.ledger.identity import GenerationFile, Identity
from xmsyncd.ledger.states import ParkReason
from xmsyncd.ledger.views import LookSettlement, Settlement, StageDecision, Stop
from xmsyncd.observe.call_events import CallEvents
from xmsyncd.observe.labels import (
    DELIVERY_FAILURES,
    DOUBLE,
    PROOFS,
    Api,
    DeliveryOutcome,
    Resolution,
    SourceFailure,
    Stage,
    delivery_outcome,
    park_reason,
    resolution,
    source_failure,
)
from xmsyncd.observe.metrics import Metrics, known
from xmsyncd.observe.outages import Turns
from xmsyncd.okki.proof import ProofDecision
from xmsyncd.records import Claim, Family, InstanceId, RejectionReason, RuleResult, StopReason
from xmsyncd.schedule import RingTrouble
from xmsyncd.transform.quality import RuleKind

_log = structlog.get_logger(__name__)

LARGEST_SKEW = timedelta(minutes=1)
"""A clock that differs more from a vendor's is told as wrong: schedules, months and logs are off by it."""

_SUMMARY_EVERY = timedelta(minutes=5)
REPEAT_EVERY = timedelta(minutes=1)
"""The default of how often trouble that goes on is told at most."""

RECONCILE_RING = "reconcile of "
"""How the schedule names the ring of a pipeline's comparisons."""

_PARKED = "parked"
# What in a summary makes it a warning.
_WORRYING = (DeliveryOutcome.UNDECIDED, DeliveryOutcome.REFUSED, _PARKED, Resolution.RESENT)


@dataclass(slots=True)
class _Told:
    """What has happened to a pipeline and was not said at INFO yet."""

    deliveries: Counter[str] = field(default_factory=Counter)
    summarised_at: float | None = None
    staged: Counter[StageDecision] = field(default_factory=Counter)
    rejected: Counter[RejectionReason] = field(default_factory=Counter)
    read: int = 0
    proofs: Counter[str] = field(default_factory=Counter)
    stop: tuple[StopReason, datetime] | None = None
    unsaid_stop: Stop | None = None
    stop_turns: dict[StopReason, Turns] = field(default_factory=dict)
    failed_cycles: int = 0
    failing_since: float = 0.0
    failed_for: str = ""
    failure_turns: Turns | None = None
    rejection_turns: Turns | None = None


class Events(CallEvents):
    """Implements ``DeliveryEvents``, ``CycleEvents`` and ``CallObserver``. Never raises for a strange value.

    ``monotonic`` times the summaries: the first delivery after a quiet time is told at once, what follows is
    summed up every five minutes, by the next event or by :meth:`summarise`. Trouble that goes on is told at
    most every ``repeat_every``, and ever seldomer. For the event loop's thread only.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        repeat_every: timedelta = REPEAT_EVERY,
    ) -> None:
        super().__init__(metrics, monotonic, repeat_every)
        self._pipelines: dict[str, _Told] = {}
        self._wrong_clocks: set[tuple[str, Api]] = set()
        self._status_turns = Turns(repeat_every)

    def _told(self, pipeline: str) -> _Told:
        return self._pipelines.setdefault(pipeline, _Told())

    def _failed(self, pipeline: str, stage: Stage, reason: str, number: int = 1) -> None:
        self._metrics.failures.labels(pipeline, stage, reason).inc(number)

    # The daemon

    def daemon_started(self, **facts: Any) -> None:
        """Everything is open and runs; ``facts`` (pipelines, address …) must be free of secrets."""
        _log.info("daemon_started", version=__version__, **facts)

    def ledger_opened(self, path: str, identity: Identity, *, copy_kept: str | None) -> None:
        """The memory is open; ``copy_kept`` is the copy from before a migration, if there was one.

        That it is an older copy of itself is told as the stop of each pipeline.
        """
        log = _log.error if identity.restored else _log.debug
        log("ledger_opened", ledger=path, generation=identity.generation, restored=identity.restored)
        if identity.beside in (GenerationFile.MISSING, GenerationFile.OTHER):
            _log.warning(
                "ledger_generation_unknown",
                ledger=path,
                found=identity.beside,
                advice="if an older copy of the ledger was put in its place, stop and run xmsyncd adopt",
            )
        if copy_kept is not None:
            _log.info("ledger_migrated", ledger=path, copy_kept=copy_kept)

    def ledger_thinned(self, counts: Mapping[str, int]) -> None:
        """What had become old was let go of, by table."""
        _log.info("ledger_thinned", **counts)

    def daemon_stopping(self, reason: str) -> None:
        """No new work is begun from here on."""
        self.summarise(at_once=True)
        _log.info("daemon_stopping", reason=reason)

    def task_died(self, name: str, error: BaseException | None) -> None:
        """A task ended when it should not have; the daemon stops for it."""
        self._metrics.tasks_died.inc()
        # What a ledger or a vendor says is said in words; only a fault of ours needs to be traced.
        trace = None if isinstance(error, XmsyncdError) else error
        _log.error("task_died", task=name, error=repr(error), exc_info=trace)

    def task_left_behind(self, name: str) -> None:
        """A task does not end although it was cancelled; the process ends without it."""
        self._metrics.tasks_died.inc()
        _log.error("task_left_behind", task=name)

    def operation_failed(self, operation: str, error: Exception) -> None:
        """What a command or the console asked for met a fault of ours; the daemon goes on."""
        self._metrics.operations_failed.inc()
        _log.error("operation_failed", operation=operation, exc_info=error)

    def status_unavailable(self, error: Exception) -> None:
        """The console could not be told how things stand. Told once in a while: open pages ask again."""
        self._metrics.operations_failed.inc()
        log = _log.warning if self._status_turns.take(self._monotonic()) else _log.debug
        log("status_unavailable", error=repr(error), exc_info=error)

    def ring_troubled(self, name: str, trouble: RingTrouble, detail: str = "") -> None:
        """The schedule's bell did not ring as it should."""
        # A pipeline has two bells: that of its cycles, named as it is, and that of its comparisons.
        pipeline = name.removeprefix(RECONCILE_RING)
        self._metrics.missed_rings.labels(pipeline, trouble).inc()
        log = _log.error if trouble is RingTrouble.FAILED else _log.warning
        log("ring_troubled", pipeline=pipeline, ring=name, trouble=trouble, detail=detail)

    # Cycles

    def cycle_started(
        self, pipeline: str, cycle_id: int, kind: str, start: datetime | None, end: datetime
    ) -> None:
        """A window is frozen; ``start`` is ``None`` for everything."""
        _log.debug(
            "cycle_started", pipeline=pipeline, cycle_id=cycle_id, kind=kind, start=_iso(start), end=_iso(end)
        )

    def page_staged(
        self,
        pipeline: str,
        decisions: Mapping[StageDecision, int],
        rejected: Mapping[RejectionReason, int],
        read: int,
    ) -> None:
        """A page is in the ledger; ``read`` counts its items, those met again included."""
        told = self._told(pipeline)
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
            decisions=_plain(decisions),
            rejected=_plain(rejected),
        )

    def quality_checked(self, pipeline: str, checks: Mapping[tuple[str, RuleResult], int]) -> None:
        """What the rules of quality came to for a page, by rule and result."""
        for (rule, result), number in checks.items():
            self._metrics.quality_checks.labels(pipeline, known(rule, RuleKind), result).inc(number)

    def window_proved(self, pipeline: str, result: str) -> None:
        """A slice was read to its end; ``result`` is a :class:`ProofDecision`."""
        result = known(result, PROOFS)
        self._metrics.window_proofs.labels(pipeline, result).inc()
        if result == ProofDecision.UNPROVEN:
            self._failed(pipeline, Stage.SOURCE, SourceFailure.UNPROVEN)
        self._told(pipeline).proofs[result] += 1
        _log.debug("window_proved", pipeline=pipeline, result=result)

    def products_deleted(self, pipeline: str, number: int) -> None:
        """Products that two complete reads in a row did not show any more."""
        _log.warning("products_deleted", pipeline=pipeline, number=number)

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
        _log.error("watermark_pulled_back", pipeline=pipeline, was=_iso(was), to=_iso(to))

    def group_tree_changed(self, pipeline: str, groups: int) -> None:
        """OKKI's product groups are other than they were; the next cycle reads everything."""
        self._metrics.group_tree_changes.labels(pipeline).inc()
        _log.info("group_tree_changed", pipeline=pipeline, groups=groups)

    def cycle_failed(self, pipeline: str, error: BaseException) -> None:
        """What stopped the cycle; :meth:`cycle_finished` follows with the result ``failed``."""
        reason = source_failure(error)
        self._failed(pipeline, Stage.SOURCE, reason)
        told, now = self._told(pipeline), self._monotonic()
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
            **_request_id(error),
            **({"failed_cycles": told.failed_cycles} if told.failed_cycles > 1 else {}),
            **({"exc_info": error} if unforeseen else {}),
        )

    def cycle_finished(
        self,
        pipeline: str,
        cycle_id: int,
        kind: str,
        result: str,
        seconds: float,
        balance: int,
        detail: str,
        watermark: datetime | None,
    ) -> None:
        """A cycle's line, and one for what it rejected; ``watermark`` is ``None`` where it stays."""
        kind, result = known(kind, CycleKind), known(result, CycleResult)
        self._metrics.cycles.labels(pipeline, kind, result).inc()
        self._metrics.cycle_duration.labels(pipeline).observe(seconds)
        self._metrics.balance.labels(pipeline).set(balance)
        told = self._told(pipeline)
        if balance:
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
            kind=kind,
            result=result,
            seconds=round(seconds, 3),
            read=told.read,
            decisions=_plain(told.staged),
            proofs=_plain(told.proofs),
            balance=balance,
            watermark=_iso(watermark),
            **({"detail": detail} if detail else {}),
            **after,
        )
        if told.rejected.total():
            turns = told.rejection_turns = told.rejection_turns or Turns(self._repeat_every)
            if turns.take(self._monotonic()):
                turns.begin_again()
                _log.warning(
                    "records_rejected", pipeline=pipeline, cycle_id=cycle_id, reasons=_plain(told.rejected)
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

    # Delivery

    def attempt_settled(self, settlement: Settlement) -> None:
        """A call that writes to Yida ended, and the ledger knows."""
        claim, outcome = settlement.claim, settlement.outcome
        family, pipeline = outcome.family, claim.pipeline
        word = delivery_outcome(family)
        self._metrics.deliveries.labels(pipeline, claim.operation, word).inc()
        if family in DELIVERY_FAILURES:
            self._failed(pipeline, Stage.DELIVERY, family)
        _log.debug(
            "attempt_settled",
            pipeline=pipeline,
            attempt_id=claim.attempt_id,
            operation=claim.operation,
            key=claim.key,
            family=family,
            code=outcome.code,
            message=outcome.message,
            request_id=outcome.request_id,
        )
        self._delivered(pipeline, word, *((_PARKED,) if family is Family.GONE else ()))

    def suspects_judged(self, pipeline: str, *, convicted: int, acquitted: int) -> None:
        """Another record went through: those refused before it are parked, or it was not their fault."""
        _log.debug("suspects_judged", pipeline=pipeline, convicted=convicted, acquitted=acquitted)
        if convicted:
            self._delivered(pipeline, *[_PARKED] * convicted)

    def look_settled(self, pipeline: str, settlement: LookSettlement) -> None:
        """An undecided attempt was looked for in Yida."""
        look, event = settlement.look, settlement.event
        decided = resolution(look, event.finding, event.resend_limit)
        _log.debug(
            "look_settled",
            pipeline=pipeline,
            attempt_id=look.attempt_id,
            operation=look.operation,
            key=look.key,
            finding=event.finding,
            resolution=decided,
            note=settlement.note,
        )
        if settlement.doubles:
            self._failed(pipeline, Stage.READ_BACK, DOUBLE, len(settlement.doubles))
            _log.error("double_found", pipeline=pipeline, key=look.key, doubles=list(settlement.doubles))
        if decided is None:
            return
        self._metrics.undecided.labels(pipeline, decided).inc()
        if decided is Resolution.PARKED:
            self._failed(pipeline, Stage.READ_BACK, park_reason(event.finding))
        self._delivered(pipeline, decided)

    def pipeline_stopped(self, pipeline: str, stop: Stop) -> None:
        """Delivery stands still. Told again for the same stop (each probe does), it says nothing new."""
        self._metrics.pipeline_stopped.labels(pipeline, stop.reason).set(1)
        told = self._told(pipeline)
        if told.stop == (stop.reason, stop.stopped_at):
            _log.debug(
                "pipeline_still_stopped", pipeline=pipeline, reason=stop.reason, probe_at=_iso(stop.probe_at)
            )
            return
        if told.stop is not None and told.stop[0] is not stop.reason:
            self._metrics.pipeline_stopped.labels(pipeline, told.stop[0]).set(0)
        told.stop = (stop.reason, stop.stopped_at)
        self._failed(pipeline, Stage.DELIVERY, stop.reason)
        told.unsaid_stop = stop
        self._say_stop(pipeline, told)

    def _say_stop(self, pipeline: str, told: _Told) -> None:
        """Say a stop, unless one for the same reason was said a moment ago; then :meth:`summarise` does."""
        stop = told.unsaid_stop
        if stop is None:
            return
        turns = told.stop_turns.setdefault(stop.reason, Turns(self._repeat_every))
        held_back = turns.held_back
        if not turns.take(self._monotonic()):
            return
        told.unsaid_stop = None
        _log.error(
            "pipeline_stopped",
            pipeline=pipeline,
            reason=stop.reason,
            detail=stop.detail,
            probe_at=_iso(stop.probe_at),
            **({"stops_before": held_back} if held_back else {}),
        )

    def pipeline_resumed(self, pipeline: str, reason: StopReason) -> None:
        """What the pipeline stood still for is over."""
        self._metrics.pipeline_stopped.labels(pipeline, reason).set(0)
        told = self._told(pipeline)
        told.stop = None
        log = _log.debug if told.unsaid_stop is not None else _log.info  # the stop was not said either
        told.unsaid_stop = None
        log("pipeline_resumed", pipeline=pipeline, reason=reason)

    def read_put_off(self, pipeline: str, what: str, error: XmsyncdError) -> None:
        """A look at Yida failed in a way that may pass, and is made again later."""
        self._failed(pipeline, Stage.READ_BACK, source_failure(error))
        connection = self._metrics.dingtalk_of(pipeline) or ""
        may_tell = self._outages.take_turn((Api.DINGTALK, connection), self._monotonic())
        (_log.info if may_tell else _log.debug)(
            "read_put_off", pipeline=pipeline, what=what, reason=str(error), **_request_id(error)
        )

    def search_proven(self, pipeline: str, lag: timedelta) -> None:
        """A search shows what this pipeline creates; ``lag`` is how long that took the first time."""
        _log.info("search_proven", pipeline=pipeline, lag_seconds=round(lag.total_seconds(), 3))

    def send_failed(self, claim: Claim, error: Exception) -> None:
        """A fault of ours while a call was made: it is undecided, and a person should look at the fault."""
        self._failed(claim.pipeline, Stage.DELIVERY, SourceFailure.UNFORESEEN)
        _log.error("send_failed", pipeline=claim.pipeline, key=claim.key, exc_info=error)

    def form_not_checked(self, pipeline: str, error: XmsyncdError) -> None:
        """Yida does not show the form's definition to us; sending goes on without that check."""
        self._failed(pipeline, Stage.READ_BACK, SourceFailure.REFUSED)
        _log.warning("form_not_checked", pipeline=pipeline, reason=str(error), **_request_id(error))

    def orphans_found(self, pipeline: str, number: int) -> None:
        """Calls that a dead process left on their way; they are undecided now."""
        self._failed(pipeline, Stage.DELIVERY, Family.UNDECIDED, number)
        _log.warning("orphans_found", pipeline=pipeline, number=number)

    def instance_vanished(self, pipeline: str, instance_id: InstanceId, key: str) -> None:
        """An instance that held a delivered record is no longer in Yida; the record is parked."""
        self._failed(pipeline, Stage.READ_BACK, ParkReason.INSTANCE_GONE)
        _log.warning("instance_vanished", pipeline=pipeline, instance_id=instance_id, key=key)

    def reconciled(self, pipeline: str, report: dict[str, Any]) -> None:
        """Ledger and Yida were compared by the schedule; the report stands in the ledger."""
        log = _log.warning if report["total"] else _log.info
        log(
            "reconciled",
            pipeline=pipeline,
            in_form=report["in_form"],
            differences=report["differences"],
            complete=report["complete"],
            calls=report["calls"],
        )

    def reconcile_left_out(self, pipeline: str, error: XmsyncdError) -> None:
        """A comparison could not be made, or its calls not be spared; the next ring tries again."""
        _log.warning("reconcile_left_out", pipeline=pipeline, error=str(error), **_request_id(error))

    def _delivered(self, pipeline: str, *words: str) -> None:
        told = self._told(pipeline)
        told.deliveries.update(words)
        self._summarise(pipeline, told)

    def summarise(self, *, at_once: bool = False) -> None:
        """Say what deliveries came to, if the last summary is old enough. To be called now and then."""
        for pipeline, told in self._pipelines.items():
            if at_once:
                told.summarised_at = None
            self._summarise(pipeline, told)
            self._say_stop(pipeline, told)
        self._say_outages_due()

    def _summarise(self, pipeline: str, told: _Told) -> None:
        if not told.deliveries:
            return
        now = self._monotonic()
        if told.summarised_at is not None and now - told.summarised_at < _SUMMARY_EVERY.total_seconds():
            return
        worrying = any(told.deliveries[word] for word in _WORRYING)
        (_log.warning if worrying else _log.info)("deliveries", pipeline=pipeline, **_plain(told.deliveries))
        told.deliveries.clear()
        told.summarised_at = now


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _request_id(error: BaseException) -> dict[str, str]:
    """What a vendor's support asks for first, where the vendor told it."""
    told = getattr(error, "request_id", "")
    return {"request_id": told} if told else {}


def _plain(counts: Mapping[Any, int]) -> dict[str, int]:
    return {str(name): number for name, number in counts.items() if number}
