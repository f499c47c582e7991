"""Each fault that the simulated vendors can have moves the series that its alert watches.

The series is looked for in the alert's own expression, recording rules included, so that neither can be
renamed alone. That the alert then fires is shown by the rule tests in ``tests/deploy``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.matrix.running import cycles_without_end
from tests.world import World, until, world
from xmsyncd.simulator.faults import FaultName, fault_from_mapping
from xmsyncd.simulator.options import SimulatorOptions

RULES = Path(__file__).resolve().parents[2] / "deploy" / "prometheus" / "xmsyncd.rules.yml"
pytestmark = [pytest.mark.matrix, pytest.mark.slow]

PRODUCTS, CREATED = 3, 3


@dataclass(frozen=True, slots=True)
class Watched:
    """One fault as it is switched on, and the series that moves while it lasts.

    ``alert`` is None for what nobody has to be told: it does no harm, and the test shows that.
    """

    alert: str | None
    series: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    operation: str = "start"
    fault: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, Any] | None = None
    """A second fault, without which this one is not met."""

    @property
    def vendor(self) -> str:
        """Whose the fault is, where it is not said."""
        return "okki" if self.operation in ("list", "detail", "groups") else "yida"


def _delivery_fails(reason: str, **fault: Any) -> Watched:
    labels = {"stage": "delivery", "reason": reason}
    return Watched("XmsyncdFailuresRising", "xmsyncd_failures_total", labels, fault=fault)


def _throttled(api: str, operation: str = "start", **fault: Any) -> Watched:
    return Watched("XmsyncdThrottled", "xmsyncd_throttled_total", {"api": api}, operation, fault)


def _cycles_fail(**fault: Any) -> Watched:
    labels = {"result": "failed"}
    return Watched("XmsyncdCyclesFail", "xmsyncd_cycles_total", labels, "list", fault)


def _stopped(alert: str, reason: str, **fault: Any) -> Watched:
    return Watched(alert, "xmsyncd_pipeline_stopped", {"reason": reason}, fault=fault)


WATCHED: dict[FaultName, Watched] = {
    FaultName.THROTTLE_APP: _throttled("dingtalk"),
    FaultName.THROTTLE_API: _throttled("dingtalk"),
    FaultName.THROTTLE_MINUTE: _throttled("dingtalk"),
    FaultName.IP_BLOCK: _throttled("dingtalk", seconds=0.5),
    FaultName.TOO_FAST: _throttled("dingtalk"),
    FaultName.TOO_MANY_VISITORS: _throttled("dingtalk"),
    FaultName.SYSTEM_BUSY: _throttled("dingtalk"),
    FaultName.STALE_TOKEN: _delivery_fails("try_later"),
    FaultName.QUOTA_SPENT: _stopped("XmsyncdPipelineStopped", "quota"),
    FaultName.PERMISSION: _stopped("XmsyncdCredentialsRefused", "permission"),
    FaultName.FORM_BUSY: _delivery_fails("try_later"),
    FaultName.AMBIGUOUS_500: _delivery_fails("undecided"),
    FaultName.LOST_RESET: _delivery_fails("undecided"),
    FaultName.LOST_TIMEOUT: _delivery_fails("undecided", seconds=4),
    FaultName.LOST_502: _delivery_fails("undecided"),
    FaultName.DROPPED_BEFORE: _delivery_fails("undecided"),
    FaultName.HANG_BEFORE: _delivery_fails("undecided", seconds=4),
    FaultName.HTML_502: _delivery_fails("undecided"),
    FaultName.ERROR_IN_200: Watched(
        "XmsyncdUnknownAnswers", "xmsyncd_unknown_answers_total", fault={"code": "12345"}
    ),
    FaultName.SUCCESS_FALSE_200: _delivery_fails("undecided"),
    FaultName.EMPTY_BODY: _delivery_fails("undecided"),
    FaultName.TRUNCATED_JSON: _delivery_fails("undecided"),
    FaultName.TRUNCATED_BODY: _delivery_fails("undecided"),
    FaultName.TRICKLE: _delivery_fails("undecided", seconds=4),
    FaultName.WRONG_TYPE: Watched(None),
    FaultName.SLOW: Watched(
        "XmsyncdBacklogOld", "xmsyncd_oldest_pending_age_seconds", fault={"seconds": 1.2}
    ),
    FaultName.REFUSE: Watched(
        "XmsyncdRecordsParked",
        "xmsyncd_backlog_records",
        {"state": "parked"},
        fault={"times": 1},
    ),
    FaultName.CODED: Watched("XmsyncdUnknownAnswers", "xmsyncd_unknown_answers_total"),
    FaultName.SEARCH_BLIND: Watched(
        "XmsyncdUndecidedTooLong",
        "xmsyncd_oldest_undecided_age_seconds",
        operation="search",
        beside={"name": "lost_reset", "operation": "start"},
    ),
    FaultName.OKKI_THROTTLE_200: _throttled("okki", "list"),
    FaultName.OKKI_429: _throttled("okki", "list"),
    FaultName.OKKI_SERVER_ERROR: _cycles_fail(),
    FaultName.OKKI_OAUTH: Watched(
        "XmsyncdCredentialsRefused",
        "xmsyncd_failures_total",
        {"stage": "source", "reason": "cannot_work:credentials"},
        "list",
    ),
    FaultName.OKKI_HTML: _cycles_fail(),
    FaultName.OKKI_TRUNCATED: _cycles_fail(),
    # Both only cost a second pass: the proof of a window does not rest on totals or on still pages.
    FaultName.PAGE_DRIFT: Watched(None, operation="list", fault={"every": 2, "times": 4}),
    FaultName.LYING_TOTAL: Watched(None, operation="list"),
}


def _token(alert: str, series: str, name: FaultName, at: str, **labels: str) -> Watched:
    return Watched(alert, series, labels, "token", {"name": name.value, "api": at})


_AWAY, _FAILED = "xmsyncd_vendor_away_seconds", "xmsyncd_failures_total"

# Where there is no token no record is tried: what is told of records does not tell these.
WATCHED_AT_THE_TOKEN_CALL: dict[str, Watched] = {
    "DingTalk is away": _token("XmsyncdVendorAway", _AWAY, FaultName.HTML_502, "yida", api="dingtalk"),
    "DingTalk's answers get lost": _token(
        "XmsyncdVendorAway", _AWAY, FaultName.LOST_RESET, "yida", api="dingtalk"
    ),
    "DingTalk is busy": _token("XmsyncdVendorAway", _AWAY, FaultName.SYSTEM_BUSY, "yida", api="dingtalk"),
    "nothing can be sent": _token(
        "XmsyncdFailuresRising",
        _FAILED,
        FaultName.AMBIGUOUS_500,
        "yida",
        stage="delivery",
        reason="no_token",
    ),
    "OKKI is away": _token("XmsyncdVendorAway", _AWAY, FaultName.OKKI_SERVER_ERROR, "okki", api="okki"),
    "nothing can be read": _token(
        "XmsyncdCyclesFail", "xmsyncd_cycles_total", FaultName.OKKI_HTML, "okki", result="failed"
    ),
    "OKKI refuses the secret": _token(
        "XmsyncdCredentialsRefused",
        _FAILED,
        FaultName.OKKI_OAUTH,
        "okki",
        stage="source",
        reason="cannot_work:credentials",
    ),
}

SETTINGS: dict[str, Any] = {
    "okki": {"timeout": "1500ms", "connect_timeout": "500ms", "tries": 1},
    "dingtalk": {"connect_timeout": "500ms", "address_block": "1s"},
    "delivery": {
        "in_flight": 1,
        "call_timeout": "1500ms",
        "read_back_after": ["100ms", "300ms", "600ms", "1s"],
        "drain": "2s",
        "retry_base": "50ms",
        "retry_cap": "300ms",
        "probe_every": "300ms",
    },
    "source": {"page_size": 1},
    "log": {"repeat_every": "600ms"},
}


def test_every_fault_of_the_simulation_is_in_the_list():
    assert set(WATCHED) == set(FaultName)


@pytest.mark.parametrize(
    "watched",
    [*(one for one in WATCHED.values() if one.alert), *WATCHED_AT_THE_TOKEN_CALL.values()],
    ids=[*(name for name in FaultName if WATCHED[name].alert), *WATCHED_AT_THE_TOKEN_CALL],
)
def test_the_alert_watches_the_series_that_is_said_to_move(watched: Watched):
    rules = [rule for group in YAML(typ="safe").load(RULES)["groups"] for rule in group["rules"]]
    recorded = {rule["record"]: rule["expr"] for rule in rules if "record" in rule}
    alerts = {rule["alert"]: rule["expr"] for rule in rules if "alert" in rule}
    expression = alerts[watched.alert]
    for _ in range(3):  # a recording rule may be made of others
        expression = re.sub(r"xmsyncd:[\w:]+", lambda found: recorded.get(found[0], found[0]), expression)
    assert re.search(rf"\b{watched.series}\b", expression)


@pytest.mark.parametrize("name", list(FaultName))
async def test_a_fault_moves_the_series_that_its_alert_watches(name: FaultName, tmp_path: Path):
    await _moves(WATCHED[name], name, tmp_path)


@pytest.mark.parametrize("name", list(WATCHED_AT_THE_TOKEN_CALL))
async def test_a_fault_at_the_token_call_moves_the_series_that_its_alert_watches(name: str, tmp_path: Path):
    watched = WATCHED_AT_THE_TOKEN_CALL[name]
    await _moves(watched, FaultName(watched.fault["name"]), tmp_path)


async def _moves(watched: Watched, name: FaultName, folder: Path) -> None:
    """Switch the fault on: the series moves; switch it off: everything arrives, once."""
    options = SimulatorOptions(products=PRODUCTS, index_lag=timedelta(milliseconds=20))
    async with world(folder, options, **SETTINGS) as here:
        await here.sync()
        assert await here.states() == {"delivered": PRODUCTS}
        gauges = here.app.gauges
        await gauges.refresh()
        before = _value(here, watched)
        failures = _failures(here)
        fault = fault_from_mapping(
            {"name": name.value, "api": watched.vendor, "operation": watched.operation, **watched.fault}
        )
        here.simulated.faults.append(fault)
        if watched.beside is not None:
            here.simulated.faults.append(fault_from_mapping({"api": watched.vendor, **watched.beside}))
        if watched.operation == "token":
            here.simulated.okki.revoke_tokens()
            here.simulated.yida.revoke_tokens()
        for _ in range(CREATED):
            here.simulated.catalogue.create()
        async with cycles_without_end(here):
            await until(lambda: fault.struck > 0, f"{name} strikes")
            if watched.alert is not None:

                async def moved() -> bool:
                    await gauges.refresh()
                    return _value(here, watched) > before

                await until(moved, f"{watched.series}{dict(watched.labels)} moves")
            here.simulated.faults.clear()

            async def all_is_in() -> bool:
                states = await here.states()
                return states == {"delivered": PRODUCTS + CREATED} and bool(here.verdict()["agrees"])

            if name is FaultName.REFUSE:
                return  # a person has to look: the record stands in the list
            await until(all_is_in, "all is delivered once the fault is gone", 45)
        if watched.alert is None:
            assert _failures(here) == failures
        assert here.verdict()["doubled"] == []


def _value(here: World, watched: Watched) -> float:
    """The sum of the series over all labels that are not given."""
    return sum(
        sample.value
        for metric in here.registry.collect()
        for sample in metric.samples
        if sample.name == watched.series
        and all(sample.labels.get(label) == value for label, value in watched.labels.items())
    )


def _failures(here: World) -> float:
    return _value(here, Watched("", "xmsyncd_failures_total"))
