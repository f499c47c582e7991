"""Alertmanager's file: its own tool accepts it, each alert finds its way, and it names only what there is."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.deploy.test_rules import ALERTS
from tests.deploy.tools import ALERTMANAGER, run, tool

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
                    assert label in ("service", "reason")


def test_nothing_suppresses_itself_or_what_matters_more():
    order = ["info", "warning", "critical"]
    for rule in CONFIG["inhibit_rules"]:
        sources, targets = (_alerts(rule[side]) for side in ("source_matchers", "target_matchers"))
        assert not sources & targets
        for target in targets - {"XmsyncdFreshnessBurnsFast"} if "XmsyncdDown" not in sources else ():
            weakest = min(order.index(ALERTS[source]["labels"]["severity"]) for source in sources)
            assert order.index(ALERTS[target]["labels"]["severity"]) <= weakest, (sources, target)


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
