"""What is counted and said about deliveries: calls that write, looks, stops, comparisons (steps 4 to 6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from xmsyncd.errors import ThrottledError, XmsyncdError
from xmsyncd.ledger.states import ParkReason
from xmsyncd.ledger.views import LookSettlement, Settlement, Stop
from xmsyncd.observe.labels import (
    DELIVERY_FAILURES,
    DOUBLE,
    NO_TOKEN,
    Api,
    DeliveryOutcome,
    LeftOut,
    Resolution,
    SourceFailure,
    Stage,
    delivery_outcome,
    park_reason,
    resolution,
    source_failure,
)
from xmsyncd.observe.metrics import Metrics
from xmsyncd.observe.outages import Turns
from xmsyncd.observe.teller import Teller, iso, plain, request_id
from xmsyncd.records import Claim, Family, InstanceId, StopReason

_log = structlog.get_logger(__name__)

_SUMMARY_EVERY = timedelta(minutes=5)

# Doubles that one line names; an old copy of a ledger can make thousands.
_EXAMPLES = 10

_PARKED = "parked"
# What in a summary makes it a warning.
_WORRYING = (DeliveryOutcome.UNDECIDED, DeliveryOutcome.REFUSED, _PARKED, Resolution.RESENT)


@dataclass(slots=True)
class _Told:
    """What has happened to a pipeline's deliveries and was not said at INFO yet."""

    deliveries: Counter[str] = field(default_factory=Counter)
    summarised_at: float | None = None
    stop: tuple[StopReason, datetime] | None = None
    unsaid_stop: Stop | None = None
    stop_turns: dict[StopReason, Turns] = field(default_factory=dict)


class DeliveryTeller(Teller):
    """Implements ``DeliveryEvents``.

    The first delivery after a quiet time is told at once; what follows is summed up every five minutes, by
    the next event or by :meth:`_summarise_deliveries`.
    """

    def __init__(self, metrics: Metrics, monotonic: Callable[[], float], repeat_every: timedelta) -> None:
        super().__init__(metrics, monotonic, repeat_every)
        self._deliveries: dict[str, _Told] = {}

    def _deliveries_of(self, pipeline: str) -> _Told:
        return self._deliveries.setdefault(pipeline, _Told())

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
        told = self._deliveries_of(pipeline)
        if told.stop == (stop.reason, stop.stopped_at):
            _log.debug(
                "pipeline_still_stopped", pipeline=pipeline, reason=stop.reason, probe_at=iso(stop.probe_at)
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
            probe_at=iso(stop.probe_at),
            **({"stops_before": held_back} if held_back else {}),
        )

    def pipeline_resumed(self, pipeline: str, reason: StopReason) -> None:
        """What the pipeline stood still for is over."""
        self._metrics.pipeline_stopped.labels(pipeline, reason).set(0)
        told = self._deliveries_of(pipeline)
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
            "read_put_off", pipeline=pipeline, what=what, reason=str(error), **request_id(error)
        )

    def authorisation_failed(self, pipeline: str, error: XmsyncdError) -> None:
        """There was no token to be had: nothing is claimed, and it is asked for again later.

        As for a call that writes, a throttle is no failure. That the vendor is away is told of the calls.
        """
        if not isinstance(error, ThrottledError):
            self._failed(pipeline, Stage.DELIVERY, NO_TOKEN)
        _log.debug("authorisation_failed", pipeline=pipeline, reason=str(error), **request_id(error))

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
        _log.warning("form_not_checked", pipeline=pipeline, reason=str(error), **request_id(error))

    def orphans_found(self, pipeline: str, number: int) -> None:
        """Calls that a dead process left on their way; they are undecided now."""
        self._failed(pipeline, Stage.DELIVERY, Family.UNDECIDED, number)
        _log.warning("orphans_found", pipeline=pipeline, number=number)

    def instance_vanished(self, pipeline: str, instance_id: InstanceId, key: str) -> None:
        """An instance that held a delivered record is no longer in Yida; the record is parked."""
        self._failed(pipeline, Stage.READ_BACK, ParkReason.INSTANCE_GONE)
        _log.warning("instance_vanished", pipeline=pipeline, instance_id=instance_id, key=key)

    def doubles_found(self, pipeline: str, doubles: Sequence[tuple[str, InstanceId]]) -> None:
        """A comparison met instances beside those of their records: key and instance of each that is news."""
        self._failed(pipeline, Stage.READ_BACK, DOUBLE, len(doubles))
        _log.error(
            "doubles_found",
            pipeline=pipeline,
            number=len(doubles),
            examples=dict(doubles[:_EXAMPLES]),
            advice="xmsyncd reconcile lists them all",
        )

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

    def reconcile_left_out(self, pipeline: str, reason: LeftOut, error: XmsyncdError) -> None:
        """A comparison could not be made, or its calls not be spared; the next ring tries again."""
        self._metrics.reconciles_left_out.labels(pipeline, reason).inc()
        _log.warning(
            "reconcile_left_out", pipeline=pipeline, reason=reason, error=str(error), **request_id(error)
        )

    def _delivered(self, pipeline: str, *words: str) -> None:
        told = self._deliveries_of(pipeline)
        told.deliveries.update(words)
        self._summarise(pipeline, told)

    def _summarise_deliveries(self, *, at_once: bool) -> None:
        for pipeline, told in self._deliveries.items():
            if at_once:
                told.summarised_at = None
            self._summarise(pipeline, told)
            self._say_stop(pipeline, told)

    def _summarise(self, pipeline: str, told: _Told) -> None:
        if not told.deliveries:
            return
        now = self._monotonic()
        if told.summarised_at is not None and now - told.summarised_at < _SUMMARY_EVERY.total_seconds():
            return
        worrying = any(told.deliveries[word] for word in _WORRYING)
        (_log.warning if worrying else _log.info)("deliveries", pipeline=pipeline, **plain(told.deliveries))
        told.deliveries.clear()
        told.summarised_at = now
