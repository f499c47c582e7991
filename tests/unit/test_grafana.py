"""The dashboard asks only for what the daemon shows: every expression, against the registry itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prometheus_client import CollectorRegistry
from ruamel.yaml import YAML

from xmsyncd.console.page import NEED_A_PERSON, ON_THEIR_WAY
from xmsyncd.observe.labels import Api
from xmsyncd.observe.metrics import Metrics

GRAFANA = Path(__file__).resolve().parents[2] / "deploy" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards" / "xmsyncd.json").read_text(encoding="utf-8"))
PANELS = [one for one in DASHBOARD["panels"] if one["type"] != "row"]

# What Prometheus itself adds to each series.
SCRAPED = {"instance", "job"}
FUNCTIONS = {
    "abs", "histogram_quantile", "increase", "max_over_time", "rate", "time", "label_values",
    "max", "min", "sum", "topk",
}  # fmt: skip
KEYWORDS = {"by", "on", "and", "or", "unless", "group_left", "bool"}
LABEL_LISTS = {"by", "on", "group_left"}
TOKEN = re.compile(
    r"""\s*(?:
      (?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<range>\[(?:\d+[smhd]|\$__rate_interval|\$__range|\$__interval)\])
    | (?P<text>"(?:[^"\\]|\\.)*")
    | (?P<operator>=~|!~|!=|==|>=|<=|[-+*/=<>,(){}])
    )""",
    re.VERBOSE,
)


class Selector(NamedTuple):
    """A metric with its matchers: label, operator, value."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]


class Reading(NamedTuple):
    """What an expression asks for."""

    selectors: list[Selector]
    grouped: set[str]


def read(expression: str) -> Reading:
    """Every selector and grouping label. Fails for what is no PromQL of the kind the dashboard uses."""
    tokens = list(tokens_of(expression))
    assert balanced(tokens), f"brackets: {expression}"
    selectors: list[Selector] = []
    grouped: set[str] = set()
    position = 0
    while position < len(tokens):
        kind, text = tokens[position]
        following = tokens[position + 1][1] if position + 1 < len(tokens) else ""
        position += 1
        if kind != "word":
            continue
        if text in LABEL_LISTS:
            assert following == "("
            end = tokens.index(("operator", ")"), position)
            grouped |= {word for found, word in tokens[position:end] if found == "word"}
            position = end + 1
        elif text in KEYWORDS:
            continue
        elif following == "(" or (text in FUNCTIONS and following in LABEL_LISTS):
            assert text in FUNCTIONS, f"unknown function {text}"
        elif following == "{":
            end = tokens.index(("operator", "}"), position)
            selectors.append(Selector(text, matchers_of(tokens[position + 1 : end])))
            position = end + 1
        else:
            selectors.append(Selector(text, ()))
    return Reading(selectors, grouped)


def tokens_of(expression: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(expression.rstrip()):
        found = TOKEN.match(expression, position)
        assert found is not None, f"unreadable from: {expression[position:]}"
        assert found.lastgroup is not None
        yield found.lastgroup, found[found.lastgroup]
        position = found.end()


def balanced(tokens: list[tuple[str, str]]) -> bool:
    pairs, opened = {")": "(", "}": "{"}, []
    for _, text in tokens:
        if text in pairs.values():
            opened.append(text)
        elif text in pairs and (not opened or opened.pop() != pairs[text]):
            return False
    return not opened


def matchers_of(tokens: list[tuple[str, str]]) -> tuple[tuple[str, str, str], ...]:
    found = []
    for start in range(0, len(tokens), 4):
        (kind, label), (_, operator), (value_kind, value) = tokens[start : start + 3]
        assert (kind, value_kind) == ("word", "text")
        assert operator in ("=", "!=", "=~", "!~")
        assert tokens[start + 3 : start + 4] in ([], [("operator", ",")])
        found.append((label, operator, re.sub(r"\$\w+", ".*", value[1:-1])))
    return tuple(found)


@pytest.fixture(scope="module")
def series() -> dict[str, list[dict[str, str]]]:
    """All series of a daemon with one of everything, by metric."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.declare_pipeline("products", "main", rules=[("required", "textField_key")])
    for api in Api:
        metrics.declare_connection(api, "main")
    metrics.declare_robot("ops")
    # Those that stay absent until they are known.
    metrics.watermark.labels("products")
    metrics.last_success.labels("products")
    for gauge in (metrics.quota_used, metrics.quota_limit, metrics.quota_exhaustion):
        gauge.labels("main")
    for api in Api:
        metrics.clock_skew.labels("main", api)
        metrics.rate_limit.labels("main", api, "all")
    found: dict[str, list[dict[str, str]]] = {}
    for family in registry.collect():
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def expressions() -> Iterator[tuple[str, str]]:
    for panel in PANELS:
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for annotation in DASHBOARD["annotations"]["list"]:
        if "expr" in annotation:
            yield f"annotation {annotation['name']}", annotation["expr"]


@pytest.mark.parametrize(("where", "expression"), list(expressions()), ids=lambda text: text[:40])
def test_every_expression_asks_for_series_that_exist(where, expression, series):
    reading = read(expression)
    assert reading.selectors, where
    known: set[str] = set()
    for selector in reading.selectors:
        assert selector.metric in series, f"{where}: no metric {selector.metric}"
        shown = series[selector.metric]
        labels = {label for one in shown for label in one}
        known |= labels | SCRAPED
        for label, operator, value in selector.matchers:
            assert label in labels | SCRAPED, f"{where}: {selector.metric} has no label {label}"
            if label in SCRAPED:
                continue
            values = {one[label] for one in shown}
            for alternative in value.split("|"):
                pattern = alternative if "~" in operator else re.escape(alternative)
                assert any(re.fullmatch(pattern, one) for one in values), (
                    f"{where}: {label} is never {alternative}"
                )
    assert reading.grouped <= known, f"{where}: no label {reading.grouped - known}"


def test_legends_name_labels_that_the_expression_keeps():
    for panel in PANELS:
        for target in panel["targets"]:
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            lists = re.findall(r"by \(([^)]*)\)", target["expr"])
            if lists:
                kept = {label.strip() for one in lists for label in one.split(",")}
                assert named <= kept, panel["title"]


@pytest.mark.parametrize(
    "wrong",
    [
        'sum(xmsyncd_nothing{pipeline="x"})',
        'sum(xmsyncd_gaps{connection="x"})',
        'sum(xmsyncd_backlog_records{state="lost"})',
        "sum by (reason) (xmsyncd_gaps)",
    ],
)
def test_this_test_can_fail(wrong, series):
    with pytest.raises(AssertionError):
        test_every_expression_asks_for_series_that_exist("wrong", wrong, series)


@pytest.mark.parametrize("wrong", ["sum(xmsyncd_gaps", "foo(xmsyncd_gaps)", "xmsyncd_gaps{a=b}", "a ; b"])
def test_what_is_no_promql_is_not_read(wrong):
    with pytest.raises((AssertionError, ValueError)):
        read(wrong)


def test_what_rules_of_quality_found_is_drawn():
    asked = [target["expr"] for panel in PANELS for target in panel["targets"]]
    assert any("xmsyncd_quality_checks_total" in expression for expression in asked)


@pytest.mark.parametrize(
    ("title", "states"), [("需要人工 Needs a person", NEED_A_PERSON), ("在途 On their way", ON_THEIR_WAY)]
)
def test_what_is_counted_together_is_what_the_console_counts_together(title, states):
    [panel] = [one for one in PANELS if one["title"] == title]
    [(_, matchers)] = read(panel["targets"][0]["expr"]).selectors
    [chosen] = [value for label, _, value in matchers if label == "state"]
    assert set(chosen.split("|")) == set(states)


def test_every_question_has_a_row_and_every_title_both_languages():
    rows = [one["title"] for one in DASHBOARD["panels"] if one["type"] == "row"]
    for question in ("everything in", "How old", "failed, and why", "How fast", "quota last"):
        assert any(question in row for row in rows)
    for panel in DASHBOARD["panels"]:
        assert re.search(r"[\u4e00-\u9fff]", panel["title"]), panel["title"]
        assert re.search(r"[A-Za-z]{3}", panel["title"]), panel["title"]


def test_panels_have_ids_of_their_own_do_not_overlap_and_use_the_chosen_source():
    panels = DASHBOARD["panels"]
    assert len({one["id"] for one in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
    for panel in PANELS:
        for one in (panel, *panel["targets"]):
            assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_variables_are_asked_for_and_annotations_tell_cycles_and_starts(series):
    variables = {one["name"]: one for one in DASHBOARD["templating"]["list"]}
    assert set(variables) == {"datasource", "instance", "pipeline", "connection"}
    for name in ("instance", "pipeline", "connection"):
        query = variables[name]["query"]["query"]
        found = re.fullmatch(r"label_values\((\w+)(?:\{[^}]*\})?, (\w+)\)", query)
        assert found is not None
        assert found[1] in series
        assert found[2] == name
    used = {name for _, text in expressions() for name in re.findall(r'"\$(\w+)"', text)}
    assert used == {"instance", "pipeline", "connection"}
    names = " ".join(one["name"] for one in DASHBOARD["annotations"]["list"])
    assert "Cycles" in names
    assert "Starts" in names


def test_provisioning_can_be_read_and_names_what_the_dashboard_uses():
    source = YAML(typ="safe").load((GRAFANA / "provisioning" / "datasources" / "xmsyncd.yaml").read_text())
    assert source["datasources"][0]["type"] == "prometheus"
    provider = YAML(typ="safe").load((GRAFANA / "provisioning" / "dashboards" / "xmsyncd.yaml").read_text())
    assert provider["providers"][0]["options"]["path"]
