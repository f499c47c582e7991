"""One method for each thing that happens: it becomes a log line and a metric together, or neither.

What happens to each record is said at DEBUG; at INFO a cycle is one line and deliveries are summed up, so
that a day's log of a healthy daemon stays readable. WARNING is for what will be dealt with but should be
known (parked, rejected, undecided), ERROR for what a person should look at. Trouble that goes on is said
once in a while and once when it is over (:mod:`xmsyncd.observe.outages`); the metrics count all of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog

from xmsyncd import __version__
from xmsyncd.errors import XmsyncdError
from xmsyncd.heartbeat import Standing
from xmsyncd.ledger.identity import GenerationFile, Identity
from xmsyncd.observe.call_events import CallTeller
from xmsyncd.observe.cycle_events import CycleTeller
from xmsyncd.observe.delivery_events import DeliveryTeller
from xmsyncd.observe.metrics import Metrics
from xmsyncd.observe.outages import Turns
from xmsyncd.schedule import RingTrouble
from xmsyncd.watchdog import Feeding

_log = structlog.get_logger(__name__)

REPEAT_EVERY = timedelta(minutes=1)
"""The default of how often trouble that goes on is told at most."""

RECONCILE_RING = "reconcile of "
"""How the schedule names the ring of a pipeline's comparisons."""


class Events(CallTeller, CycleTeller, DeliveryTeller):
    """Implements ``DeliveryEvents``, ``CycleEvents`` and ``CallObserver``. Never raises for a strange value.

    What concerns the daemon as a whole is told here. ``monotonic`` times the summaries; trouble that goes on
    is told at most every ``repeat_every``, and ever seldomer. For the event loop's thread only.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        repeat_every: timedelta = REPEAT_EVERY,
    ) -> None:
        super().__init__(metrics, monotonic, repeat_every)
        self._status_turns = Turns(repeat_every)

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

    def tasks_cut_off(self, names: Sequence[str], bound: timedelta) -> None:
        """These had not ended by themselves when the drain was over, and were cancelled."""
        _log.warning("tasks_cut_off", tasks=list(names), after_seconds=bound.total_seconds())

    def task_left_behind(self, name: str) -> None:
        """A task does not end although it was cancelled; the process ends without it."""
        self._metrics.tasks_died.inc()
        _log.error("task_left_behind", task=name)

    def watchdog_told(self, feeding: Feeding, standing: Sequence[Standing]) -> None:
        """Whether systemd's watchdog is fed has changed, or what it is starved for: it will restart us."""
        if feeding is Feeding.FED:
            _log.warning("watchdog_fed_again")
            return
        parts = {one.part: round(one.age.total_seconds()) for one in standing}
        _log.error("watchdog_starved", reason=feeding, standing_seconds=parts)

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

    def summarise(self, *, at_once: bool = False) -> None:
        """Say what deliveries came to, if the last summary is old enough. To be called now and then."""
        self._summarise_deliveries(at_once=at_once)
        self._say_outages_due()
