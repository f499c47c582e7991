"""What may be wrong with an entry of quality itself, and what every rule says of itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from ruamel.yaml import YAML

from xmsyncd.records import ContentHash, Item, SourceId
from xmsyncd.transform.derived import GROUP_EXISTS
from xmsyncd.transform.quality import RULES, RuleKind, RuleSpec, compile_rule, rule_problems
from xmsyncd.transform.quality.kinds import OnFail
from xmsyncd.transform.quality.registry import STANDING
from xmsyncd.transform.quality.standing import (
    Other,
    comparable,
    judge_change,
    judge_consistent,
    judge_unique,
    most_common,
    standing_rules,
)
from xmsyncd.transform.value_types import ValueType


def problems(
    rule: str, component: str = "textField_x", is_key: bool = False, **parameters: Any
) -> dict[str, str]:
    spec = RuleSpec(component, rule, **parameters)
    return {problem.key: problem.expected for problem in rule_problems(spec, is_key=is_key)}


@pytest.mark.parametrize(
    ("rule", "parameters", "key", "expected"),
    [
        ("lenght", {}, "rule", "one of required"),
        (
            "required",
            {"max": 3},
            "max",
            "a max only with rule: length or range or band; the rule required stands with value",
        ),
        ("unique", {"value": "x"}, "value", "a value only with rule: required or type or length"),
        ("length", {}, "min", "min or max, as in"),
        ("length", {"max": 1.5}, "max", "a whole number of characters"),
        ("length", {"max": 0}, "max", "a whole number of characters"),
        ("length", {"min": 5, "max": 3}, "max", "at least min (5)"),
        ("range", {"min": 5, "max": 3}, "max", "at least min (5)"),
        ("pattern", {}, "pattern", "pattern, as in"),
        ("pattern", {"pattern": "(a"}, "pattern", "a regular expression of RE2"),
        ("pattern", {"pattern": r"(a)\1"}, "pattern", "a regular expression of RE2"),
        ("pattern", {"pattern": "(?=a)"}, "pattern", "a regular expression of RE2"),
        ("pattern", {"pattern": "((a{500}){500}){500}"}, "pattern", "a regular expression of RE2"),
        ("pattern", {"pattern": "a" * 2000}, "pattern", "a regular expression of RE2"),
        ("one_of", {"values": ()}, "values", "at least one text"),
        ("type", {"type": "text"}, "type", "one of string"),
        ("type", {"type": ""}, "type", "one of string"),
        ("change", {"factor": 1}, "factor", "a number above 1"),
        ("required", {"on_fail": "drop"}, "on_fail", "one of reject, warn, fix"),
        ("required", {"on_fail": "fix"}, "value", "the value to take"),
        ("required", {"on_fail": "fix", "value": " "}, "value", "a value that keeps the rule"),
        (
            "one_of",
            {"on_fail": "fix", "values": ("a",), "value": "b"},
            "value",
            "a value that keeps the rule",
        ),
        ("required", {"value": "x"}, "value", "a value only with on_fail: fix"),
        ("band", {"max": 3, "on_fail": "fix"}, "on_fail", "reject or warn"),
        (
            "length",
            {"max": 3, "on_fail": "fix", "is_key": True},
            "on_fail",
            "reject or warn for the",
        ),
        ("length", {"max": 3, "component": ""}, "field", "the component that the rule length is about"),
        ("group", {}, "field", "no field: the rule group is about the record"),
    ],
)
def test_a_faulty_entry_says_what_is_expected(rule, parameters, key, expected):
    assert problems(rule, **parameters)[key].startswith(expected)


@pytest.mark.parametrize(
    ("rule", "parameters"),
    [
        ("required", {"on_fail": "fix", "value": "x"}),
        ("length", {"max": 3, "on_fail": "fix"}),
        ("fresh", {"component": "", "max_age": timedelta(days=1), "on_fail": "warn"}),
        ("type", {}),
        ("unique", {"is_key": True}),
    ],
)
def test_a_good_entry_has_no_problem(rule, parameters):
    assert problems(rule, **parameters) == {}


def test_every_rule_has_an_entry_under_its_name():
    assert set(RULES) == set(RuleKind)
    assert all(entry.english and entry.chinese and entry.usage for entry in RULES.values())


VALUE_EXAMPLES = [
    example
    for name, entry in RULES.items()
    if name not in (*STANDING, RuleKind.GROUP, RuleKind.FRESH)
    for example in entry.examples
]


@pytest.mark.parametrize(("entry", "outcome"), VALUE_EXAMPLES)
def test_the_examples_of_the_documentation_are_true(entry, outcome):
    text, _, tried = entry.partition(" with ")
    parameters = YAML(typ="safe").load(text)
    if "values" in parameters:
        parameters["values"] = tuple(parameters["values"])
    for key in ("min", "max"):
        if key in parameters:
            parameters[key] = float(parameters[key])
    spec = RuleSpec("textField_x", **parameters)
    assert list(rule_problems(spec)) == []
    rule = compile_rule(spec, ValueType.STRING)
    assert rule is not None
    value = orjson.loads(tried)
    breach = rule.check(value, value if spec.rule == RuleKind.EXPRESSION else {})
    came_to = "kept"
    if breach is not None:
        judgement = rule.judge(value, breach, ruled=True)
        came_to = judgement.finding.result.value
        if rule.on_fail is OnFail.FIX and came_to == "fixed":
            came_to = f"fixed: {orjson.dumps(judgement.value).decode()}"
    assert came_to == outcome


@pytest.mark.parametrize(
    ("entry", "outcome"), [one for name in (RuleKind.GROUP, RuleKind.FRESH) for one in RULES[name].examples]
)
def test_the_examples_about_records_are_true(entry, outcome):
    """Of group: whether it exists; of fresh: the age in days."""
    text, _, tried = entry.partition(" with ")
    parameters = YAML(typ="safe").load(text)
    if "max_age" in parameters:
        parameters["max_age"] = timedelta(days=int(parameters["max_age"].removesuffix("d")))
    rule = compile_rule(RuleSpec("", **parameters), ValueType.AS_IS)
    assert rule is not None
    value = orjson.loads(tried)
    now = datetime(2026, 11, 23, tzinfo=UTC)
    updated_at = now - timedelta(days=value)
    item = Item(SourceId("1"), updated_at, {}, ContentHash(""))
    breach = rule.check(item, {GROUP_EXISTS: bool(value), "CURRENT_TIME": now.timestamp()})
    assert ("kept" if breach is None else "rejected") == outcome


@pytest.mark.parametrize(("entry", "outcome"), [one for name in STANDING for one in RULES[name].examples])
def test_the_examples_of_rules_that_compare_are_true(entry, outcome):
    text, _, tried = entry.partition(" with ")
    spec = RuleSpec("textField_x", **YAML(typ="safe").load(text))
    (rule,) = standing_rules([spec], {})
    value, _, other = tried.partition(" after " if rule.kind is RuleKind.CHANGE else " beside ")
    mine, theirs = orjson.loads(value), orjson.loads(other)
    match rule.kind:
        case RuleKind.CHANGE:
            breach = judge_change(rule, {"textField_x": theirs}, {"textField_x": mine})
        case RuleKind.UNIQUE:
            breach = judge_unique(Other("7", "A-7") if comparable(mine) == comparable(theirs) else None)
        case _:
            breach = judge_consistent(comparable(mine), most_common({comparable(theirs): 9}, [mine]))
    assert ("kept" if breach is None else "rejected") == outcome
