"""Alertmanager's file: its own tool accepts it, each alert finds its way, and it names only what there is."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.deploy.programs import alertmanager, fetch, free_port, webhook
from tests.deploy.test_rules import ALERTS
from tests.deploy.tools import ALERTMANAGER, run, tool
from tests.scenario import wait_until

pytestmark = pytest.mark.deploy

CONFIG: dict[str, Any] = YAML(typ="safe").load(ALERTMANAGER.read_text(encoding="utf-8"))


def test_amtool_accepts_the_file():
    ended = run(tool("amtool"), "check-config", ALERTMANAGER)
    assert ended.returncode == 0, ended.stdout
    assert "SUCCESS" in ended.stdout


def test_every_alert_goes_to_dingtalk_except_that_the_daemon_is_down():
    amtool = tool("amtool")
    for alert, rule in ALERTS.items():
        ended = run(
            amtool,
            "config",
            "routes",
            "test",
            f"--config.file={ALERTMANAGER}",
            f"alertname={alert}",
            f"severity={rule['labels']['severity']}",
            "service=xmsyncd",
        )
        assert ended.returncode == 0, ended.stdout
        expected = "beside-the-daemon" if alert == "XmsyncdDown" else "dingtalk"
        # In one stream with a note about where its configuration comes from, in either order.
        assert re.findall(r"dingtalk|beside-the-daemon", ended.stdout) == [expected], alert


def test_the_more_urgent_the_sooner_and_the_oftener():
    routes = {str(route["matchers"]): route for route in CONFIG["route"]["routes"]}
    critical, info = routes["['severity=\"critical\"']"], routes["['severity=\"info\"']"]
    for name in ("group_wait", "group_interval", "repeat_interval"):
        waits = [_seconds(one[name]) for one in (critical, CONFIG["route"], info)]
        assert waits == sorted(set(waits)), name


def test_what_suppresses_and_what_is_suppressed_are_alerts_of_the_rules():
    for rule in CONFIG["inhibit_rules"]:
        for side in ("source_matchers", "target_matchers"):
            for matcher in rule[side]:
                label, _, value = _parts(matcher)
                if label == "alertname":
                    assert set(value.split("|")) <= {*ALERTS}, matcher
                else:
                    assert label in ("service", "reason", "instance")


def test_nothing_suppresses_itself_or_what_matters_more():
    order = ["info", "warning", "critical"]
    for rule in CONFIG["inhibit_rules"]:
        sources, targets = (_alerts(rule[side]) for side in ("source_matchers", "target_matchers"))
        assert not sources & targets
        for target in targets - {"XmsyncdFreshnessBurnsFast"} if "XmsyncdDown" not in sources else ():
            weakest = min(order.index(ALERTS[source]["labels"]["severity"]) for source in sources)
            assert order.index(ALERTS[target]["labels"]["severity"]) <= weakest, (sources, target)


PARKED = "XmsyncdRecordsParked"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("down", "muted"),
    [({"instance": "one:9464"}, {"one:9464"}), ({}, {"one:9464", "two:9464"})],
    ids=["one of two is down", "none is known"],
)
def test_a_daemon_that_is_down_mutes_its_own_alerts_and_not_those_of_another(
    tmp_path: Path, down: dict[str, str], muted: set[str]
):
    port = free_port()
    with webhook() as hook, alertmanager(tmp_path, port=port, hooks=hook.url):
        address = f"http://127.0.0.1:{port}/api/v2/alerts"
        _post(address, [_alert("XmsyncdDown", **down)])
        wait_until(lambda: bool(hook.told("XmsyncdDown", "firing")), 20, "that it is down is told")
        _post(
            address, [_alert(PARKED, instance=one, pipeline="products") for one in ("one:9464", "two:9464")]
        )

        def inhibited() -> dict[str, bool]:
            return {
                alert["labels"]["instance"]: bool(alert["status"]["inhibitedBy"])
                for alert in json.loads(fetch(address) or b"[]")
                if alert["labels"]["alertname"] == PARKED
            }

        wait_until(lambda: len(inhibited()) == 2, 20, "both alerts have come in")
        assert inhibited() == {one: one in muted for one in ("one:9464", "two:9464")}
        told = {"one:9464", "two:9464"} - muted
        wait_until(
            lambda: {one[2]["labels"]["instance"] for one in hook.told(PARKED, "firing")} == told,
            20,
            "the other daemon's alert is told",
        )


def _alert(name: str, **labels: str) -> dict[str, Any]:
    severity = ALERTS[name]["labels"]["severity"]
    return {
        "labels": {"alertname": name, "severity": severity, "service": "xmsyncd", "job": "xmsyncd", **labels}
    }


def _post(address: str, alerts: list[dict[str, Any]]) -> None:
    request = urllib.request.Request(  # noqa: S310 - an address of this machine
        address, json.dumps(alerts).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5):
        pass


def _parts(matcher: str) -> tuple[str, str, str]:
    found = re.fullmatch(r'(\w+)(=~|!~|!=|=)"([^"]*)"', matcher)
    assert found is not None, matcher
    label, operator, value = found.groups()
    return label, operator, value


def _alerts(matchers: list[str]) -> set[str]:
    chosen = set(ALERTS)
    for matcher in matchers:
        label, operator, value = _parts(matcher)
        if label == "alertname":
            named = set(value.split("|"))
            chosen = chosen - named if operator.startswith("!") else chosen & named
    return chosen


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]
