"""Each event is counted and said, at the level it deserves, and healthy days are quiet."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.unit.observe.conftest import NOW
from xmsyncd.cycle.progress import CycleEvents, CycleProgress, CycleReport
from xmsyncd.delivery.parts import DeliveryEvents
from xmsyncd.errors import CannotWorkError, EmptyGroupTreeError, RefusedError, ThrottledError, TryLaterError
from xmsyncd.heartbeat import Standing
from xmsyncd.ledger.cycles import CycleKind, CycleResult
from xmsyncd.ledger.events import Finding, Looked, Settled
from xmsyncd.ledger.views import Look, LookSettlement, Settlement, StageDecision, Stop
from xmsyncd.observe.events import Events
from xmsyncd.okki.proof import ProofDecision
from xmsyncd.records import (
    AttemptId,
    Claim,
    ContentHash,
    Family,
    InstanceId,
    KeyValue,
    Operation,
    Outcome,
    RecordId,
    RejectionReason,
    StopReason,
)
from xmsyncd.schedule import RingTrouble
from xmsyncd.transport.classify import Rule, Verdict
from xmsyncd.transport.reply import Fault, Reply
from xmsyncd.transport.session import CallObserver
from xmsyncd.watchdog import Feeding

INSTANCE = InstanceId("i-1")


def settlement(family: Family, operation: Operation = Operation.CREATE) -> Settlement:
    claim = Claim(
        AttemptId(1),
        RecordId(1),
        "products",
        operation,
        KeyValue("P-1"),
        {},
        ContentHash("h"),
        INSTANCE if operation is Operation.UPDATE else None,
        NOW,
    )
    outcome = Outcome(family, code="some.vendor.code.4711")
    return Settlement(claim, outcome, Settled(claim.attempt_id, family, NOW))


def look(finding: Finding, operation: Operation = Operation.CREATE, resends: int = 0) -> LookSettlement:
    one = Look(RecordId(1), AttemptId(1), operation, KeyValue("P-1"), ContentHash("h"), NOW, None, 1, resends)
    return LookSettlement(one, Looked(one.attempt_id, finding, NOW, resend_limit=2), calls=1)


def value(events: Events, name: str, **labels: str) -> float | None:
    return events._metrics.registry.get_sample_value(f"xmsyncd_{name}", {"pipeline": "products", **labels})


def test_events_are_what_delivery_cycle_and_transport_ask_for(events):
    delivery: DeliveryEvents = events
    cycle: CycleEvents = events
    transport: CallObserver = events
    assert len({id(part) for part in (delivery, cycle, transport)}) == 1


@pytest.mark.parametrize(
    ("family", "outcome"),
    [
        (Family.DELIVERED, "delivered"),
        (Family.THROTTLED, "retry"),
        (Family.TRY_LATER, "retry"),
        (Family.UNDECIDED, "undecided"),
        (Family.REFUSED, "refused"),
        (Family.GONE, "refused"),
    ],
)
def test_an_attempt_is_counted_by_outcome_and_failed_by_family(events, family, outcome):
    events.attempt_settled(settlement(family))
    assert value(events, "deliveries_total", operation="create", outcome=outcome) == 1
    failed = 0 if family is Family.DELIVERED else 1
    expected = None if family in (Family.DELIVERED, Family.THROTTLED) else failed
    assert value(events, "failures_total", stage="delivery", reason=family) == expected


def test_no_code_of_a_vendor_becomes_a_label(events, metrics):
    for family in Family:
        events.attempt_settled(settlement(family))
    events.api_paused("main", "okki", 3, "some.vendor.code.4711")
    samples = [sample for metric in metrics.registry.collect() for sample in metric.samples]
    assert not [sample for sample in samples if "4711" in str(sample.labels)]


def test_a_throttled_write_counts_for_its_connection(events, metrics):
    events.attempt_settled(settlement(Family.THROTTLED, Operation.UPDATE))
    throttled = Verdict(Family.THROTTLED, code="429", rule=Rule(Family.THROTTLED))
    events.answer_judged("main", "dingtalk", "update", Reply(status=403), throttled)
    events.answer_judged("main", "okki", "info", Reply(status=429), throttled)
    for api, limit, endpoint in (("dingtalk", "update", "update"), ("okki", "all", "info")):
        labels = {"connection": "main", "api": api, "endpoint": limit}
        assert metrics.registry.get_sample_value("xmsyncd_throttled_total", labels) == 1
        labels = {"connection": "main", "api": api, "endpoint": endpoint, "family": "throttled"}
        assert metrics.registry.get_sample_value("xmsyncd_answers_total", labels) == 1


@pytest.mark.parametrize(
    ("settled", "resolution"),
    [
        (look(Finding.EQUAL), "found"),
        (look(Finding.OTHER), "found"),
        (look(Finding.OTHER, Operation.UPDATE), "resent"),
        (look(Finding.ABSENT), "resent"),
        (look(Finding.ABSENT, resends=2), "parked"),
        (look(Finding.AMBIGUOUS), "parked"),
        (look(Finding.GONE, Operation.UPDATE), "parked"),
        (look(Finding.UNSEEN), None),
    ],
)
def test_a_look_is_counted_by_what_it_decided(events, settled, resolution):
    events.look_settled("products", settled)
    counted = {
        name: value(events, "undecided_total", resolution=name) for name in ("found", "resent", "parked")
    }
    assert counted == {name: float(name == resolution) for name in counted}


def test_a_parked_doubt_and_a_double_are_failures_of_the_read_back(events):
    settled = look(Finding.EQUAL)
    with capture_logs() as lines:
        events.look_settled("products", look(Finding.AMBIGUOUS))
        events.look_settled(
            "products", LookSettlement(settled.look, settled.event, 1, doubles=(INSTANCE, InstanceId("i-2")))
        )
    assert value(events, "failures_total", stage="read_back", reason="ambiguous") == 1
    assert value(events, "failures_total", stage="read_back", reason="double") == 2
    assert [line["log_level"] for line in lines if line["event"] == "double_found"] == ["error"]


def test_deliveries_are_told_at_once_and_then_summed_up(events, clock):
    with capture_logs() as lines:
        for _ in range(500):
            events.attempt_settled(settlement(Family.DELIVERED))
        events.summarise()
        clock.seconds += 301
        events.summarise()
    told = [line for line in lines if line["log_level"] != "debug"]
    assert [(line["log_level"], line["delivered"]) for line in told] == [("info", 1), ("info", 499)]


def test_what_is_undecided_makes_the_summary_a_warning(events):
    with capture_logs() as lines:
        events.attempt_settled(settlement(Family.UNDECIDED))
    assert [line["log_level"] for line in lines] == ["debug", "warning"]


def test_convicted_suspects_are_told_as_parked(events, clock):
    with capture_logs() as lines:
        events.suspects_judged("products", convicted=3, acquitted=0)
    assert lines[-1]["log_level"] == "warning"
    assert lines[-1]["parked"] == 3


def test_the_same_stop_is_an_error_once_and_again_after_it_was_over(events, clock):
    stop = Stop(StopReason.PERMISSION, "no right", NOW, NOW + timedelta(hours=1))
    later = Stop(StopReason.PERMISSION, "no right", NOW + timedelta(days=1), None)
    with capture_logs() as lines:
        events.pipeline_stopped("products", stop)
        events.pipeline_stopped("products", stop)
        assert value(events, "pipeline_stopped", reason="permission") == 1
        events.pipeline_resumed("products", StopReason.PERMISSION)
        assert value(events, "pipeline_stopped", reason="permission") == 0
        clock.seconds += 86400
        events.pipeline_stopped("products", later)
    errors = [line for line in lines if line["log_level"] == "error"]
    assert [line["event"] for line in errors] == ["pipeline_stopped"] * 2
    assert value(events, "failures_total", stage="delivery", reason="permission") == 2


def test_a_new_reason_to_stop_takes_the_place_of_the_old(events):
    events.pipeline_stopped("products", Stop(StopReason.PERMISSION, "", NOW, None))
    events.pipeline_stopped("products", Stop(StopReason.QUOTA, "", NOW, None))
    assert value(events, "pipeline_stopped", reason="permission") == 0
    assert value(events, "pipeline_stopped", reason="quota") == 1


def report(number: int = 1, *, balance: int = 0, error: Exception | None = None) -> CycleReport:
    result = CycleResult.DONE if error is None else CycleResult.FAILED
    watermark = NOW if error is None else None
    return CycleReport(number, CycleKind.INCREMENTAL, result, CycleProgress(), 0, balance, watermark, error)


def run_cycle(events: Events, number: int = 1, rejected: int = 0) -> None:
    events.cycle_started("products", number, "incremental", NOW, NOW)
    decisions = Counter({StageDecision.UNCHANGED: 40, StageDecision.REJECTED: rejected})
    reasons = Counter({RejectionReason.REQUIRED: rejected})
    for _ in range(3):
        events.page_staged("products", decisions, reasons, 50)
    events.window_proved("products", ProofDecision.PROVEN_TOTALS)
    events.cycle_finished("products", report(number), 2.5)


def test_a_cycle_is_one_line_with_its_numbers(events):
    with capture_logs() as lines:
        run_cycle(events)
    told = [line for line in lines if line["log_level"] != "debug"]
    assert [line["event"] for line in told] == ["cycle_finished"]
    assert told[0]["decisions"] == {"unchanged": 120}
    assert told[0]["read"] == 150
    assert value(events, "source_records_total") == 150
    assert value(events, "staged_records_total", decision="unchanged") == 120
    assert value(events, "window_proofs_total", result="proven_totals") == 1
    assert value(events, "cycles_total", kind="incremental", result="done") == 1
    assert value(events, "cycle_duration_seconds_sum") == 2.5


def test_rejections_are_one_warning_for_a_cycle(events):
    with capture_logs() as lines:
        run_cycle(events, rejected=2)
    warnings = [line for line in lines if line["log_level"] == "warning"]
    assert [line["reasons"] for line in warnings] == [{"required": 6}]
    assert value(events, "failures_total", stage="transform", reason="required") == 6


@pytest.mark.parametrize(
    ("error", "level", "reason"),
    [
        (TryLaterError("OKKI is away"), "warning", "try_later"),
        (EmptyGroupTreeError("no groups"), "error", "cycle"),
        (CannotWorkError("no", reason=StopReason.CREDENTIALS), "error", "cannot_work:credentials"),
    ],
)
def test_a_failed_cycle_says_why_once(events, error, level, reason):
    with capture_logs() as lines:
        events.cycle_failed("products", error)
        events.cycle_finished("products", report(error=error), 1.0)
    assert [line["log_level"] for line in lines] == [level, "debug"]
    assert value(events, "failures_total", stage="source", reason=reason) == 1


def test_a_balance_other_than_zero_is_an_error(events):
    with capture_logs() as lines:
        events.cycle_finished("products", report(balance=-2), 1.0)
    assert lines[-1]["log_level"] == "error"
    assert value(events, "balance_records") == -2


def test_an_unproven_window_counts_as_a_failure_of_the_source(events):
    events.window_proved("products", ProofDecision.UNPROVEN)
    assert value(events, "failures_total", stage="source", reason="unproven") == 1


def test_a_day_of_cycles_every_ten_minutes_stays_below_two_thousand_lines(events, clock):
    with capture_logs() as lines:
        events.daemon_started(pipelines=["products"])
        for number in range(144):
            run_cycle(events, number, rejected=1)
            for _ in range(20):
                events.attempt_settled(settlement(Family.DELIVERED))
                events.call_done("main", "dingtalk", "start", "2xx", 0.2)
            for _ in range(40):
                clock.seconds += 15
                events.summarise()
        events.daemon_stopping("SIGTERM")
    assert len([line for line in lines if line["log_level"] != "debug"]) < 1000


def test_calls_are_counted_and_strange_labels_do_not_hurt(events, metrics):
    events.call_done("main", "okki", "list", "2xx", 0.2)
    events.call_done("main", "okki", "nonsense", "nonsense", 0.2)
    events.call_done("main", "nonsense", "list", "2xx", 0.2)
    labels = {"connection": "main", "api": "okki", "endpoint": "list", "result": "2xx"}
    assert metrics.registry.get_sample_value("xmsyncd_http_requests_total", labels) == 1
    labels = {"connection": "main", "api": "okki", "endpoint": "other", "result": "other"}
    assert metrics.registry.get_sample_value("xmsyncd_http_requests_total", labels) == 1


def test_a_long_pause_is_a_warning_a_short_one_is_not(events):
    with capture_logs() as lines:
        events.api_paused("main", "okki", 1, "429")
        events.api_paused("main", "okki", 300, "429")
    assert [line["log_level"] for line in lines] == ["info", "warning"]


def test_a_dead_task_is_an_error_with_its_traceback(events, metrics):
    error = RuntimeError("gone")
    with capture_logs() as lines:
        events.task_died("delivery products", error)
    assert lines[0]["log_level"] == "error"
    assert lines[0]["exc_info"] is error
    assert metrics.registry.get_sample_value("xmsyncd_tasks_died_total") == 1


def test_the_rest_is_said_and_counted(events, metrics):
    with capture_logs() as lines:
        events.orphans_found("products", 3)
        events.instance_vanished("products", InstanceId("i1"), "K1")
        events.search_proven("products", timedelta(seconds=2))
        events.group_tree_changed("products", 12)
        events.ring_troubled("products", RingTrouble.MISSED)
        events.ring_troubled("products", RingTrouble.FAILED, "RuntimeError('x')")
        events.form_not_checked("products", RefusedError("no", request_id="R-1"))
        events.task_left_behind("cycles of products")
        events.watchdog_told(Feeding.STANDING_STILL, [Standing("cycle of products", timedelta(minutes=11))])
        events.watchdog_told(Feeding.FED, [])
        events.operation_failed("sync", ZeroDivisionError())
        events.status_unavailable(ZeroDivisionError())
        events.status_unavailable(ZeroDivisionError())
    assert [line["log_level"] for line in lines[:5]] == ["warning", "warning", "info", "info", "warning"]
    assert [(line["event"], line["log_level"]) for line in lines[5:]] == [
        ("ring_troubled", "error"),
        ("form_not_checked", "warning"),
        ("task_left_behind", "error"),
        ("watchdog_starved", "error"),
        ("watchdog_fed_again", "warning"),
        ("operation_failed", "error"),
        ("status_unavailable", "warning"),
        ("status_unavailable", "debug"),
    ]
    assert lines[6]["request_id"] == "R-1"
    assert lines[8]["standing_seconds"] == {"cycle of products": 660}
    assert metrics.registry.get_sample_value("xmsyncd_operations_failed_total") == 3
    assert value(events, "failures_total", stage="delivery", reason="undecided") == 3
    assert value(events, "failures_total", stage="read_back", reason="instance_gone") == 1
    assert value(events, "group_tree_changes_total") == 1
    assert value(events, "missed_rings_total", trouble="missed") == 1


def judged(events: Events, verdict: Verdict, endpoint: str = "start", status: int | None = 400) -> None:
    events.answer_judged("main", "dingtalk", endpoint, Reply(status=status), verdict)


LOST = Verdict(Family.UNDECIDED, code="lost")
WELL = Verdict(Family.DELIVERED)


def test_an_unknown_answer_is_a_warning_once_and_counted_each_time(events, metrics):
    unknown = Verdict(Family.UNDECIDED, code="brand.new", message="怎么了", request_id="R-7")
    with capture_logs() as lines:
        for _ in range(50):
            judged(events, unknown)
    [told] = [line for line in lines if line["event"] == "unknown_answer"]
    assert told["log_level"] == "warning"
    assert (told["code"], told["message"], told["request_id"], told["status"]) == (
        "brand.new",
        "怎么了",
        "R-7",
        400,
    )
    labels = {"connection": "main", "api": "dingtalk", "endpoint": "start"}
    assert metrics.registry.get_sample_value("xmsyncd_unknown_answers_total", labels) == 50


def test_what_a_row_knows_and_what_got_lost_are_no_unknown_answers(events):
    rule = Rule(Family.REFUSED, code="known")
    with capture_logs() as lines:
        judged(events, Verdict(Family.REFUSED, code="known", rule=rule))
        judged(events, LOST, status=None)
        judged(events, Verdict(Family.NOT_SENT, code="not_sent"), status=None)
    assert not [line for line in lines if line["event"] == "unknown_answer"]


def test_a_token_that_cannot_be_had_is_a_failure_of_the_delivery_and_a_throttle_is_none(events):
    with capture_logs() as lines:
        events.authorisation_failed("products", TryLaterError("away", connection="main", endpoint="token"))
        events.authorisation_failed("products", ThrottledError("too fast", connection="main"))
    assert value(events, "failures_total", stage="delivery", reason="no_token") == 1
    assert [line["event"] for line in lines] == ["authorisation_failed"] * 2


def test_an_outage_of_an_hour_with_its_failing_cycles_is_a_few_lines(events, clock):
    away = TryLaterError("OKKI is away", connection="main", endpoint="list")
    with capture_logs() as lines:
        for _ in range(720):
            clock.seconds += 5
            events.answer_judged("main", "okki", "list", Reply(fault=Fault.LOST), LOST)
            events.cycle_failed("products", away)
            events.cycle_finished("products", report(error=away), 1.0)
            events.read_put_off("products", "look", TryLaterError("Yida is away", connection="main"))
            events.summarise()
        clock.seconds += 5
        events.answer_judged("main", "okki", "list", Reply(status=200), WELL)
        events.cycle_finished("products", report(2), 1.0)
    told = [line for line in lines if line["log_level"] != "debug"]
    about_okki = [line["event"] for line in told if line["event"] != "read_put_off"]
    assert about_okki[0] == "cycle_failed"
    assert about_okki[-2:] == ["vendor_back", "cycle_finished"]
    assert len(about_okki) <= 12
    assert len(told) - len(about_okki) <= 10
    assert told[-1]["after_failed_cycles"] == 720
    assert "error" in {line["log_level"] for line in told}
    assert value(events, "failures_total", stage="source", reason="try_later") == 720
    assert value(events, "failures_total", stage="read_back", reason="try_later") == 720


def test_a_short_hiccup_is_no_matter_for_a_person(events, clock):
    with capture_logs() as lines:
        for _ in range(40):
            judged(events, LOST, status=None)
            clock.seconds += 0.1
            judged(events, WELL, status=200)
            events.summarise()
    [told] = [line for line in lines if line["log_level"] != "debug"]
    assert (told["event"], told["log_level"]) == ("calls_failed", "info")


def test_a_stop_that_comes_and_goes_is_told_once_a_minute_and_not_forgotten(events, clock):
    with capture_logs() as lines:
        for number in range(30):
            clock.seconds += 1
            moment = NOW + timedelta(seconds=number)
            events.pipeline_stopped("products", Stop(StopReason.PERMISSION, "403", moment, moment))
            clock.seconds += 1
            events.pipeline_resumed("products", StopReason.PERMISSION)
        moment = NOW + timedelta(seconds=100)
        events.pipeline_stopped("products", Stop(StopReason.PERMISSION, "403", moment, moment))
        for _ in range(60):
            clock.seconds += 1
            events.summarise()
    told = [line["event"] for line in lines if line["log_level"] in ("info", "error")]
    assert told == ["pipeline_stopped", "pipeline_resumed", "pipeline_stopped"]
    assert value(events, "failures_total", stage="delivery", reason="permission") == 31
