"""The metrics of the contract, on a registry that is passed in: several daemons fit in one process.

Every label set is created when its pipeline or connection is declared, because ``increase()`` cannot see
the first event of a series that did not exist before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from xmsyncd import __version__
from xmsyncd.ledger.cycles import CycleKind, CycleResult
from xmsyncd.ledger.differences import DifferenceKind
from xmsyncd.ledger.states import VisibleState
from xmsyncd.ledger.views import StageDecision
from xmsyncd.observe.labels import (
    CHECK_RESULTS,
    ENDPOINTS,
    FAILURE_REASONS,
    LIMITS,
    OTHER,
    PROOFS,
    Api,
    DeliveryOutcome,
    HookRefusal,
    LeftOut,
    Notified,
    Resolution,
    Stage,
)
from xmsyncd.records import Family, Operation, StopReason
from xmsyncd.schedule import RingTrouble
from xmsyncd.transform.quality import RuleKind
from xmsyncd.transport.session import CallResult

# A few changed items take seconds, a full read of 100,000 at two requests a second a quarter of an hour.
_CYCLE_BUCKETS = (1, 5, 15, 60, 180, 600, 1800, 3600, 10800)
# Yida answers in tenths of a second to a few seconds; the time-outs are at 30 s and 60 s.
_CALL_BUCKETS = (0.03, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """All metrics, as attributes named like them without the prefix ``xmsyncd_`` and the unit.

    Counters and histograms are written by :class:`xmsyncd.observe.events.Events`, gauges by
    :class:`xmsyncd.observe.gauges.Gauges`. Thread-safe, as the client library is.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        # The library has no switch for one registry; nothing in this process wants these lines.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._declare_source()
        self._declare_delivery()
        self._declare_state()
        self._declare_connections()
        self._declare_daemon()
        self._dingtalk_of: dict[str, str] = {}

    def _declare_source(self) -> None:
        self.source_records = self._counter(
            "source_records", "Items that OKKI listed, those met again included.", "pipeline"
        )
        self.staged_records = self._counter(
            "staged_records", "What staging an item came to.", "pipeline", "decision"
        )
        self.cycles = self._counter(
            "cycles", "Cycles that ended, by what they read and how they ended.", "pipeline", "kind", "result"
        )
        self.cycle_duration = Histogram(
            "xmsyncd_cycle_duration_seconds",
            "Time from the start of a cycle to its end, deliveries not included.",
            ["pipeline"],
            buckets=_CYCLE_BUCKETS,
            registry=self.registry,
        )
        self.window_proofs = self._counter(
            "window_proofs", "Slices of time that were read, by how they were proven.", "pipeline", "result"
        )
        self.group_tree_changes = self._counter(
            "group_tree_changes", "How often OKKI's product groups were found changed.", "pipeline"
        )
        self.quality_checks = self._counter(
            "quality_checks",
            "Checks of quality rules, by what they came to; field is empty for a rule about the record.",
            "pipeline",
            "rule",
            "field",
            "result",
        )
        self.missed_rings = self._counter(
            "missed_rings",
            "Rings of the schedule that came late, twice or to nothing.",
            "pipeline",
            "trouble",
        )

    def _declare_delivery(self) -> None:
        self.deliveries = self._counter(
            "deliveries", "Calls that write to Yida, by how they ended.", "pipeline", "operation", "outcome"
        )
        self.undecided = self._counter(
            "undecided",
            "Undecided attempts that were decided, by what they came to.",
            "pipeline",
            "resolution",
        )
        self.failures = self._counter(
            "failures", "What went wrong, by where and why.", "pipeline", "stage", "reason"
        )
        self.reconciles_left_out = self._counter(
            "reconciles_left_out",
            "Scheduled comparisons of ledger and Yida that were not made.",
            "pipeline",
            "reason",
        )

    def _declare_state(self) -> None:
        self.backlog = self._gauge("backlog_records", "Records by state.", "pipeline", "state")
        self.oldest_pending_age = self._gauge(
            "oldest_pending_age_seconds",
            "How long the oldest pending record has waited; 0: none.",
            "pipeline",
        )
        self.oldest_undecided_age = self._gauge(
            "oldest_undecided_age_seconds",
            "How long ago the oldest undecided call was sent; 0: none.",
            "pipeline",
        )
        self.gaps = self._gauge("gaps", "Stretches of time that could not be proven complete.", "pipeline")
        self.watermark = self._gauge(
            "watermark_timestamp_seconds",
            "Up to when OKKI was read; absent before the first read.",
            "pipeline",
        )
        self.last_success = self._gauge(
            "last_success_timestamp_seconds",
            "When a cycle last ended well; absent before the first.",
            "pipeline",
        )
        self.balance = self._gauge(
            "balance_records", "Read minus decided in the last cycle; anything but 0 is a fault.", "pipeline"
        )
        self.differences = self._gauge(
            "differences_records", "What the last comparison of ledger and Yida found.", "pipeline", "kind"
        )
        self.pipeline_stopped = self._gauge(
            "pipeline_stopped", "1 while delivery stands still for this reason.", "pipeline", "reason"
        )

    def _declare_connections(self) -> None:
        self.http_requests = self._counter(
            "http_requests",
            "Calls to a vendor, by how they ended.",
            "connection",
            "api",
            "endpoint",
            "result",
        )
        self.http_request_duration = Histogram(
            "xmsyncd_http_request_duration_seconds",
            "Time a call to a vendor took, the wait for its permit not included.",
            ["connection", "api", "endpoint"],
            buckets=_CALL_BUCKETS,
            registry=self.registry,
        )
        self.throttled = self._counter(
            "throttled", "Calls that a vendor refused for their pace.", "connection", "api", "endpoint"
        )
        self.answers = self._counter(
            "answers",
            "Calls to a vendor, by what their end means (a failure may come with HTTP 200).",
            "connection",
            "api",
            "endpoint",
            "family",
        )
        self.unknown_answers = self._counter(
            "unknown_answers",
            "Answers that no table of the vendor's codes knows; each is in the log once.",
            "connection",
            "api",
            "endpoint",
        )
        self.vendor_away = self._gauge(
            "vendor_away_seconds",
            "How long calls have failed without a success, up to the latest failure; 0: they succeed.",
            "connection",
            "api",
        )
        self.rate_limit = self._gauge(
            "rate_limit_per_second", "Calls a second that are allowed now.", "connection", "api", "endpoint"
        )
        self.quota_used = self._gauge("quota_calls_used", "Metered calls of this month.", "connection")
        self.quota_limit = self._gauge("quota_calls_limit", "Metered calls a month may have.", "connection")
        self.quota_exhaustion = self._gauge(
            "quota_exhaustion_timestamp_seconds",
            "When the quota will be spent at this month's pace; +Inf: not within this month.",
            "connection",
        )
        self.clock_skew = self._gauge(
            "clock_skew_seconds",
            "The vendor's clock minus ours; absent until it was told.",
            "connection",
            "api",
        )

    def _declare_daemon(self) -> None:
        self.notifications = self._counter(
            "notifications", "Messages sent to a robot, by how that ended.", "robot", "result"
        )
        self.notices_waiting = self._gauge("notices_waiting", "What a robot has still to say.", "robot")
        self.hooks_refused = self._counter(
            "hooks_refused", "Posts to /hooks/alertmanager that were not taken, by why.", "reason"
        )
        _create(self.hooks_refused, HookRefusal)
        build = Info("xmsyncd_build", "The version that runs.", registry=self.registry)
        build.info({"version": __version__})
        self.tasks_died = self._counter(
            "tasks_died", "Tasks of the daemon that ended when they should not have."
        )
        self.operations_failed = self._counter(
            "operations_failed", "What a command or the console asked for that met a fault of ours."
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"xmsyncd_{name}_total", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"xmsyncd_{name}", text, labels, registry=self.registry)

    def declare_pipeline(
        self, name: str, dingtalk: str | None = None, rules: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Create every label set of a pipeline; ``dingtalk`` is the connection it writes through.

        ``rules`` are its quality rules, each by its kind and the component it is about, "" for the record:
        what it has not is not counted, so the series are as many as the configuration has rules.

        Safe to repeat. Watermark and last success stay absent until they are known: a 0 would be a time.
        """
        if dingtalk is not None:
            self._dingtalk_of[name] = dingtalk
        for counter in (self.source_records, self.group_tree_changes):
            counter.labels(name)
        self.cycle_duration.labels(name)
        for gauge in (self.oldest_pending_age, self.oldest_undecided_age, self.gaps, self.balance):
            gauge.labels(name)
        _create(self.staged_records, [name], StageDecision)
        _create(self.cycles, [name], CycleKind, CycleResult)
        _create(self.window_proofs, [name], PROOFS)
        for rule, component in rules:
            _create(self.quality_checks, [name], [known(rule, RuleKind)], [component], CHECK_RESULTS)
        _create(self.missed_rings, [name], RingTrouble)
        _create(self.deliveries, [name], Operation, DeliveryOutcome)
        _create(self.undecided, [name], Resolution)
        _create(self.backlog, [name], VisibleState)
        _create(self.differences, [name], DifferenceKind)
        _create(self.reconciles_left_out, [name], LeftOut)
        _create(self.pipeline_stopped, [name], StopReason)
        for stage in Stage:
            _create(self.failures, [name], [stage], FAILURE_REASONS[stage])

    def declare_connection(self, api: str, name: str) -> None:
        """Create every label set of a connection. Safe to repeat. ``ValueError`` for an unknown API."""
        of = Api(api)
        _create(self.http_requests, [name], [of], ENDPOINTS[of], CallResult)
        _create(self.http_request_duration, [name], [of], ENDPOINTS[of])
        _create(self.answers, [name], [of], ENDPOINTS[of], Family)
        _create(self.unknown_answers, [name], [of], ENDPOINTS[of])
        _create(self.throttled, [name], [of], LIMITS[of])
        _create(self.vendor_away, [name], [of])

    def declare_robot(self, name: str) -> None:
        """Create every label set of a robot. Safe to repeat."""
        _create(self.notifications, [name], Notified)
        self.notices_waiting.labels(name)

    def dingtalk_of(self, pipeline: str) -> str | None:
        """The connection a pipeline writes through, if it was declared with one."""
        return self._dingtalk_of.get(pipeline)


def _create(metric: Counter | Gauge | Histogram, *values: Iterable[str]) -> None:
    for labels in product(*values):
        metric.labels(*labels)


def known(value: str, closed: Iterable[str]) -> str:
    """``value`` if it is in its closed set, else ``other``: counting must not break what is counted."""
    return value if any(value == one for one in closed) else OTHER
