"""The metrics of the contract are there before anything happens, and only with labels of closed sets."""

from __future__ import annotations

import itertools
import re

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from xmsyncd import __version__
from xmsyncd.errors import CannotWorkError, LedgerUnusableError, PageCapError, RefusedError, ThrottledError
from xmsyncd.errors import TryLaterError as Later
from xmsyncd.observe.events import Events
from xmsyncd.observe.labels import FAILURE_REASONS, Stage, delivery_outcome, source_failure
from xmsyncd.observe.metrics import Metrics, known
from xmsyncd.records import Family, RejectionReason, RuleResult, StopReason

CONTRACT = re.findall(
    r"\w+",
    """
source_records_total staged_records_total deliveries_total failures_total backlog_records
oldest_pending_age_seconds oldest_undecided_age_seconds cycles_total cycle_duration_seconds
window_proofs_total gaps watermark_timestamp_seconds last_success_timestamp_seconds balance_records
pipeline_stopped undecided_total http_requests_total http_request_duration_seconds throttled_total
rate_limit_per_second quota_calls_used quota_calls_limit quota_exhaustion_timestamp_seconds
clock_skew_seconds build_info
""",
)


def exposed(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()


@pytest.mark.parametrize("name", CONTRACT)
def test_every_name_of_the_contract_is_exposed(metrics, name):
    assert re.search(rf"^# TYPE xmsyncd_{name} ", exposed(metrics), re.MULTILINE)


def test_every_series_exists_at_zero_before_its_first_event(metrics):
    text = exposed(metrics)
    for line in (
        'xmsyncd_failures_total{pipeline="products",reason="required",stage="transform"} 0.0',
        'xmsyncd_failures_total{pipeline="products",reason="cannot_work:permission",stage="source"} 0.0',
        'xmsyncd_failures_total{pipeline="products",reason="refused",stage="delivery"} 0.0',
        'xmsyncd_failures_total{pipeline="products",reason="resend_limit",stage="read_back"} 0.0',
        'xmsyncd_staged_records_total{decision="pending",pipeline="products"} 0.0',
        'xmsyncd_deliveries_total{operation="update",outcome="undecided",pipeline="products"} 0.0',
        'xmsyncd_undecided_total{pipeline="products",resolution="resent"} 0.0',
        'xmsyncd_cycles_total{kind="full",pipeline="products",result="failed"} 0.0',
        'xmsyncd_window_proofs_total{pipeline="products",result="unproven"} 0.0',
        'xmsyncd_pipeline_stopped{pipeline="products",reason="quota"} 0.0',
        'xmsyncd_http_requests_total{api="okki",connection="main",endpoint="list",result="lost"} 0.0',
        'xmsyncd_throttled_total{api="dingtalk",connection="main",endpoint="start"} 0.0',
        f'xmsyncd_build_info{{version="{__version__}"}} 1.0',
    ):
        assert line in text.splitlines()


def test_times_that_are_not_known_yet_are_absent_instead_of_1970(metrics):
    assert not re.search(r"^xmsyncd_(watermark|last_success)_timestamp_seconds\{", exposed(metrics), re.M)


def test_no_line_tells_when_a_series_was_created(metrics):
    assert "_created" not in exposed(metrics)
    assert "_created" not in generate_openmetrics(metrics.registry).decode()


def test_the_process_is_measured_on_the_same_registry(metrics):
    text = exposed(metrics)
    assert "process_resident_memory_bytes" in text
    assert "python_info" in text


def test_several_daemons_fit_in_one_process():
    one, other = Metrics(CollectorRegistry()), Metrics(CollectorRegistry())
    one.declare_pipeline("products")
    one.source_records.labels("products").inc(7)
    assert "products" not in exposed(other)


def test_declaring_again_keeps_what_was_counted(metrics):
    metrics.source_records.labels("products").inc(7)
    metrics.declare_pipeline("products", "main")
    assert metrics.registry.get_sample_value("xmsyncd_source_records_total", {"pipeline": "products"}) == 7


def test_a_pipeline_and_two_connections_stay_below_seven_hundred_lines(metrics):
    assert len(exposed(metrics).splitlines()) < 700


def series(metrics: Metrics) -> int:
    return sum(len(one.samples) for one in metrics.registry.collect())


def test_fifty_pipelines_are_eight_and_a_half_thousand_series_from_the_start_and_for_ever():
    """A pipeline costs at most 160, a connection 260: a small Prometheus holds a hundred times as many."""
    metrics = Metrics(CollectorRegistry())
    for api in ("okki", "dingtalk"):
        metrics.declare_connection(api, "main")
    assert series(metrics) < 520
    before = series(metrics)
    for number in range(50):
        metrics.declare_pipeline(f"pipeline{number}", "main")
    each = (series(metrics) - before) / 50
    assert each <= 160
    assert series(metrics) < 8500
    declared = series(metrics)
    events = Events(metrics)
    for number in range(50):
        for strange in ("2xx", "a vendor's code", "P-100317", "第一个"):
            events.window_proved(f"pipeline{number}", strange)
            events.call_done("main", "okki", strange, strange, 0.1)
    # "other" stands once for all that no closed set knows.
    assert series(metrics) - declared <= 50 * 2 + 20


def test_a_rule_of_quality_costs_four_series_for_its_field_from_the_start_and_for_ever():
    """They are as many as the configuration has rules, whatever records hold; so no limit is set for them."""
    metrics = Metrics(CollectorRegistry())
    metrics.declare_pipeline("products", "main")
    before = series(metrics)
    rules = [("length", "textField_1"), ("length", "textField_2"), ("group", ""), ("length", "textField_1")]
    metrics.declare_pipeline("products", "main", rules=rules)
    assert series(metrics) - before == 3 * 4, "two rules of one kind about one field share theirs"
    events = Events(metrics)
    for rule, field in rules:
        checks: dict[tuple[str, str, RuleResult], int] = {
            (field, rule, result): 1 for result in RuleResult if result is not RuleResult.ACCEPTED
        }
        events.quality_checked("products", checks)
    assert series(metrics) - before == 3 * 4
    told = {"pipeline": "products", "rule": "length", "result": "warned"}
    value = metrics.registry.get_sample_value
    assert value("xmsyncd_quality_checks_total", {**told, "field": "textField_1"}) == 2
    assert value("xmsyncd_quality_checks_total", {**told, "field": "textField_2"}) == 1


def test_buckets_fit_the_job(metrics):
    """A call takes 30 ms to 30 s, a cycle a second to hours."""
    bounds = {
        name: [
            float(bound)
            for bound in re.findall(rf'xmsyncd_{name}_bucket{{.*le="([0-9.]+)".*}}', exposed(metrics))
        ]
        for name in ("http_request_duration_seconds", "cycle_duration_seconds")
    }
    calls, cycles = bounds.values()
    assert min(calls) <= 0.03
    assert max(calls) >= 30
    assert min(cycles) <= 1
    assert max(cycles) >= 3 * 3600
    for some in (sorted(set(calls)), sorted(set(cycles))):
        assert len(some) <= 12
        assert all(after <= 5 * before for before, after in itertools.pairwise(some)), "no hole"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Later("away"), "try_later"),
        (ThrottledError("slow down"), "throttled"),
        (RefusedError("no"), "refused"),
        (CannotWorkError("no", reason=StopReason.CREDENTIALS, code="40014"), "cannot_work:credentials"),
        (PageCapError("endless"), "cycle"),
        (LedgerUnusableError("full"), "ledger"),
        (RuntimeError("bug"), "unforeseen"),
    ],
)
def test_an_error_of_a_cycle_has_a_reason_of_the_closed_set(error, reason):
    assert source_failure(error) == reason
    assert reason in FAILURE_REASONS[Stage.SOURCE]


def test_every_family_and_reason_has_its_place():
    for family in Family:
        delivery_outcome(family)
        failed = family in FAILURE_REASONS[Stage.DELIVERY]
        assert failed == (family not in (Family.DELIVERED, Family.THROTTLED))
    assert set(RejectionReason) == set(FAILURE_REASONS[Stage.TRANSFORM])
    assert set(StopReason) <= set(FAILURE_REASONS[Stage.DELIVERY])


def test_no_reason_of_one_stage_means_two_things():
    for reasons in FAILURE_REASONS.values():
        assert len(set(reasons)) == len(reasons)


def test_a_value_outside_its_closed_set_becomes_other():
    assert known("2xx", RejectionReason) == "other"
    assert known("required", RejectionReason) == "required"
