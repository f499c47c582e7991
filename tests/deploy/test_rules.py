"""The Prometheus rules: every alert fires and stays silent, and asks only for what the daemon exposes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from prometheus_client import CollectorRegistry
from ruamel.yaml import YAML

from tests.deploy.rule_cases import CASES, HEALTHY, INSTANCE, LATEST, Case, Series
from tests.deploy.tools import DEPLOY, ROOT, RULES, RUNBOOK, run, tool
from xmsyncd.cli import main
from xmsyncd.ledger.states import VisibleState
from xmsyncd.observe.labels import Api
from xmsyncd.observe.metrics import Metrics

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(180)]

GROUPS: list[dict[str, Any]] = YAML(typ="safe").load(RULES.read_text(encoding="utf-8"))["groups"]
ALERTS = {rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule}
RECORDS = {rule["record"]: rule for group in GROUPS for rule in group["rules"] if "record" in rule}
TEXTS = ("summary", "summary_zh", "description", "description_zh")


# Daemons that are seen side by side, each in its own state; the rules must keep them apart.
Daemons = dict[str, Series]


def in_trouble(case: Case) -> Series:
    return {name: values for name, values in {**HEALTHY, **case.trouble}.items() if name not in case.absent}


def scene(daemons: Daemons, expected: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """One test of promtool's: what is seen of these daemons, and what follows from it."""
    series = [
        {"series": name.replace(INSTANCE, daemon), "values": values}
        for daemon, seen in daemons.items()
        for name, values in seen.items()
    ]
    return {"interval": "1m", "input_series": series, "promql_expr_test": expected, **more}


def firing(at: int, daemon: str, *alerts: str, **labels: str) -> dict[str, Any]:
    """promtool's expectation: at this minute these alerts of a daemon fire, and no other."""
    chosen = ", ".join(f'{name}="{value}"' for name, value in {"instance": daemon, **labels}.items())
    return {
        "expr": f'count by (alertname) (ALERTS{{alertstate="firing", {chosen}}})',
        "eval_time": f"{at}m",
        "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in alerts],
    }


def expectations(case: Case) -> Iterator[dict[str, Any]]:
    """What a case expects of the daemon in trouble, and of the one that is nearly in it."""
    daemon = "" if case.absent else case.name
    yield firing(case.at, daemon, case.alert, *case.also)
    if case.labels:
        yield firing(case.at, daemon, case.alert, **case.labels)
    if case.near:
        yield firing(case.at, f"near-{case.name}", *case.near_also)


def scenes_of(cases: Sequence[Case]) -> Iterator[dict[str, Any]]:
    """One scene for all cases that can be seen side by side, and one for each that cannot."""
    side_by_side = [[case for case in cases if not case.absent and case.at <= LATEST]]
    alone = [[case] for case in cases if case.absent or case.at > LATEST]
    for together in [*side_by_side, *alone]:
        daemons = {case.name: in_trouble(case) for case in together}
        daemons |= {f"near-{case.name}": {**HEALTHY, **case.near} for case in together if case.near}
        yield scene(daemons, [one for case in together for one in expectations(case)])


def promtool_tests(folder: Path, *scenes: dict[str, Any]) -> str:
    """Run promtool over these scenes; what it finds wrong, empty for nothing."""
    path = folder / "scenes.json"
    content = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": scenes}
    path.write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
    ended = run(tool("promtool"), "test", "rules", path)
    return "" if ended.returncode == 0 else ended.stdout


def test_promtool_finds_nothing_wrong_with_rules_and_sample():
    promtool = tool("promtool")
    for ended in (
        run(promtool, "check", "rules", RULES),
        run(promtool, "check", "config", DEPLOY / "prometheus" / "prometheus.yml"),
    ):
        assert ended.returncode == 0, ended.stdout
        assert "SUCCESS" in ended.stdout


def test_every_alert_has_a_case():
    assert {case.alert for case in CASES} == set(ALERTS)
    for case in CASES:
        assert case.trouble != case.near or case.absent, case.name


def test_every_alert_fires_in_its_trouble_and_stays_silent_just_short_of_it(tmp_path):
    assert {case.alert for case in CASES if case.near} == set(ALERTS)
    assert promtool_tests(tmp_path, *scenes_of(CASES)) == ""


def test_nothing_fires_while_all_is_well(tmp_path):
    moments = [firing(at, "well") for at in (60, 90, 150)]
    assert promtool_tests(tmp_path, scene({"well": HEALTHY}, moments)) == ""


def test_an_alert_that_fires_or_not_against_expectation_is_noticed(tmp_path):
    case = CASES[0]
    assert promtool_tests(tmp_path, scene({"daemon": in_trouble(case)}, [firing(case.at, "daemon")])) != ""
    assert promtool_tests(tmp_path, scene({"daemon": HEALTHY}, [firing(case.at, "daemon", case.alert)])) != ""


def test_texts_are_filled_in_in_both_languages(tmp_path):
    """promtool shows the alerts that nobody expected, texts included."""
    unexpected = [
        {"eval_time": f"{case.at}m", "alertname": case.alert, "exp_alerts": []}
        for case in CASES
        if not case.absent and case.at <= LATEST
    ]
    daemons = {case.name: in_trouble(case) for case in CASES if not case.absent and case.at <= LATEST}
    shown = promtool_tests(tmp_path, scene(daemons, [], alert_rule_test=unexpected))
    seen = set()
    for labels_shown, texts_shown in re.findall(r"Labels:\{(.*)\}\s+Annotations:\{(.*)\}", shown):
        labels, texts = pairs(labels_shown), pairs(texts_shown)
        alert = ALERTS[labels["alertname"]]
        seen.add(labels["alertname"])
        assert {*texts} == {*TEXTS, "runbook_url"}
        for name in TEXTS:
            assert set(re.findall(r"\$labels\.(\w+)", alert["annotations"][name])) <= {*labels}, (
                alert,
                labels,
            )
            assert not re.search(r"\{\{|<|error|NaN|Inf", texts[name]), texts[name]
    assert seen >= {*ALERTS} - {case.alert for case in CASES if case.at > LATEST}


def pairs(shown: str) -> dict[str, str]:
    """What promtool shows as ``name="text", name="text"``."""
    return dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', shown))


def has_chinese(text: str) -> bool:
    return re.search(r"[\u4e00-\u9fff]", text) is not None


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_it_is_in_both_languages_and_where_to_read_on(alert):
    rule = ALERTS[alert]
    assert re.fullmatch(r"Xmsyncd[A-Z]\w+", alert)
    assert rule["labels"].keys() == {"severity", "service"}
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    for name in TEXTS:
        assert has_chinese(rule["annotations"][name]) is name.endswith("_zh"), name
    file, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert ROOT / file == RUNBOOK
    assert anchor == alert.lower()


def test_the_runbook_has_a_section_for_every_alert_and_for_no_other():
    text = RUNBOOK.read_text(encoding="utf-8")
    sections = re.split(r"^## (Xmsyncd\w+)\n", text, flags=re.MULTILINE)
    names, bodies = sections[1::2], sections[2::2]
    assert sorted(names) == sorted(ALERTS)
    for name, body in zip(names, bodies, strict=True):
        english, chinese = body.split("\n**中文**", 1)
        for part in ("**Means.**", "**Look at.**", "**Do.**"):
            assert part in english, (name, part)
        for part in ("**含义：**", "**查看：**", "**处理：**"):
            assert part in chinese, (name, part)
        assert ALERTS[name]["labels"]["severity"] in english.splitlines()[1], name


def test_the_runbook_names_only_commands_and_options_that_there_are():
    named = set(re.findall(r"`xmsyncd ([^`]+)`", RUNBOOK.read_text(encoding="utf-8")))
    assert len(named) > 10
    for line in named:
        command: click.Command = main
        words = re.sub(r'"[^"]*"', "VALUE", line).split()
        while words and isinstance(command, click.Group):
            found = command.get_command(click.Context(command), words.pop(0))
            assert found is not None, line
            command = found
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= options, line
        assert all(
            word.isupper() or word.isdigit() or word in options for word in words if word != "undecided"
        )


def exposed() -> dict[str, list[dict[str, str]]]:
    """Every series of a daemon in which everything is known, by metric."""
    metrics = Metrics(CollectorRegistry())
    metrics.declare_pipeline("products", "main")
    for api in Api:
        metrics.declare_connection(api, "main")
        metrics.clock_skew.labels("main", api).set(0)
        metrics.rate_limit.labels("main", api, "all").set(1)
    for of_pipeline in (metrics.watermark, metrics.last_success):
        of_pipeline.labels("products").set(0)
    for of_connection in (metrics.quota_used, metrics.quota_limit, metrics.quota_exhaustion):
        of_connection.labels("main").set(0)
    series: dict[str, list[dict[str, str]]] = {"up": [{"job": "xmsyncd"}]}
    for family in metrics.registry.collect():
        for sample in family.samples:
            series.setdefault(sample.name, []).append({"job": "xmsyncd", "instance": "h", **sample.labels})
    return series


def matches(labels: Mapping[str, str], matcher: tuple[str, str, str]) -> bool:
    name, operator, value = matcher
    found = labels.get(name, "")
    is_equal = bool(re.fullmatch(value, found)) if "~" in operator else value == found
    return is_equal is not operator.startswith("!")


@pytest.mark.parametrize("rule", [*ALERTS.values(), *RECORDS.values()], ids=[*ALERTS, *RECORDS])
def test_a_rule_asks_only_for_series_that_the_daemon_exposes(rule):
    series = exposed()
    expr = rule["expr"]
    for name, selector in re.findall(r"\b(xmsyncd_\w+|up)\b(?!:)(?:\{([^}]*)\})?", expr):
        assert name in series, name
        matchers = re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', selector)
        assert len(matchers) == selector.count('"') / 2
        for matcher in matchers:
            assert all(matcher[0] in labels for labels in series[name]), (name, matcher)
        assert any(all(matches(labels, one) for one in matchers) for labels in series[name]), selector
        # Each word of an alternative is a value, too: a name that was changed would go unnoticed otherwise.
        for label, _, value in matchers:
            for word in re.findall(r"[a-z_]+", value.replace("cannot_work:", "")):
                values = {labels[label].replace("cannot_work:", "") for labels in series[name]}
                assert word in values, (name, label, word)
    for name in re.findall(r"\bxmsyncd:[\w:]+", expr):
        assert name in RECORDS, name
    for listed in re.findall(r"\bby \(([^)]*)\)", expr):
        for label in listed.split(", "):
            assert any(
                label in labels for name in re.findall(r"\bxmsyncd_\w+", expr) for labels in series[name]
            )


def test_the_healthy_daemon_of_the_cases_has_the_series_of_a_real_one():
    series = exposed()
    for shown in HEALTHY:
        name, _, labels = shown.partition("{")
        assert any(matches_all(one, pairs(labels)) for one in series[name]), shown
    for state in VisibleState:
        assert any(f'state="{state}"' in shown for shown in HEALTHY) or state is VisibleState.SENDING


def matches_all(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(
        labels[name] == value for name, value in wanted.items() if name != "instance" and name in labels
    )
