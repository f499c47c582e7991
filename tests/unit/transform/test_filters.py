"""Filters: every example of the documentation, and what the examples do not show."""

import json
import re

import pytest

from xmsyncd.transform.bounds import MAX_ELEMENTS, MAX_RESULT_LENGTH
from xmsyncd.transform.filters import FILTERS
from xmsyncd.transform.grammar import compile_template, reference_at
from xmsyncd.transform.sample import SAMPLE, SAMPLE_TABLES
from xmsyncd.transform.value_types import EvaluationError
from xmsyncd.transform.variables import VARIABLES

EXAMPLES = [
    *(example for known in FILTERS.values() for example in known.examples),
    *(example for variable in VARIABLES.values() for example in variable.examples),
]


@pytest.mark.parametrize(("template", "value"), EXAMPLES)
def test_examples_are_true(template, value):
    found = compile_template(template, SAMPLE_TABLES).evaluate(SAMPLE)
    assert json.dumps(found, ensure_ascii=False, separators=(",", ":")) == value


@pytest.mark.parametrize("known", FILTERS.values(), ids=lambda known: known.name)
def test_every_filter_is_shown(known):
    """Its usage names it, and the first example uses it."""
    assert re.findall(r"\w+", known.usage)[0] == known.name == known.name.lower()
    assert f"|{known.name}" in known.examples[0][0]
    assert known.english
    assert known.chinese


def filtered(chain, value):
    return compile_template("{x|" + chain + "}", SAMPLE_TABLES).evaluate({"x": value})


@pytest.mark.parametrize(
    ("chain", "value", "expected"),
    [
        ("datetime", 1795424400, "2026-11-23 17:00:00"),
        ("datetime", 1795424400999, "2026-11-23 17:00:00"),
        ("datetime", "1795424400", "2026-11-23 17:00:00"),
        ("datetime", 1795424400.7, "2026-11-23 17:00:00"),
        ("datetime", "2026-11-23", "2026-11-23 00:00:00"),
        ("datetime", "2026/1/2 3:04", "2026-01-02 03:04:00"),
        ("datetime", "2026-11-23T09:00:00Z", "2026-11-23 17:00:00"),
        ("datetime", "2026-11-23T09:00:00.123+0000", "2026-11-23 17:00:00"),
        ("datetime", "2026-11-23 09:00:00 +01:00", "2026-11-23 16:00:00"),
        ("datetime", "0000-00-00 00:00:00", ""),
        ("datetime", 0, ""),
        ("datetime", "0", ""),
        ("date", None, ""),
        ("timestamp", "1969-12-31 23:59:59", -28801),
        ("timestamp_ms", "2026-11-23 17:00:00.5", 1795424400500),
        ("timestamp", [], ""),
        ("number", "1,234.50", 1234.5),
        ("number", " 7 ", 7),
        ("number", "1e3", 1000),
        ("number", 3.0, 3),
        ("number", "", ""),
        ("number", {}, ""),
        ("int", "-12.000", -12),
        ("int", 2**63 - 1, 2**63 - 1),
        ("round", "2.5", 3),
        ("round", -2.5, -3),
        ("round(2)", 1.005, 1.01),
        ("round(2)", 1e15 + 0.5, 1e15 + 0.5),
        ("decimals(2)", "-0.001", "0.00"),
        ("decimals(0)", "9.5", "10"),
        ("decimals(3)", 12345678901234567, "12345678901234567.000"),
        ("bool", "是", True),
        ("bool", "No", False),
        ("bool", None, False),
        ("bool", 1.0, True),
        ("choose(在售, 停售)", "1", "在售"),
        ("choose(1, 0)", "", 0),
        ("trim", "\u3000a b\u200b", "a b"),
        ("trim", 5, "5"),
        ("upper", "straße", "STRASSE"),
        ("truncate(3, '...')", "abcdef", "..."),
        ("truncate(2, '...')", "abcdef", ".."),
        ("truncate(6, '...')", "abcdef", "abcdef"),
        ("replace('}}', '{')", "a}}b", "a{b"),
        ("replace(\"'\", '\"')", "it's", 'it"s'),
        ("split('|')", "a|b||", ["a", "b", "", ""]),
        ("split(',')", "", []),
        ("join", ["a", None, " ", 2, ["x"]], 'a, 2, ["x"]'),
        ("join('\\n')", "alone", "alone"),
        ("first", [], ""),
        ("last", "alone", "alone"),
        ("count", "alone", 1),
        ("pluck('a.b')", [{"a": {"b": 0}}, {"a": None}, 5], [0]),
        ("pluck(a)", {"a": 1}, [1]),
        ("get('a.1')", {"a": [1, 2]}, 2),
        ("get(a)", "text", ""),
        ("named(材质)", [{"name": " 材质 ", "value": 0}], 0),
        ("named(材质)", {"name": "材质", "value": "x"}, "x"),
        ("named(材质)", [1, {"name": "other"}], ""),
        ("pairs", [{"name": "a", "value": 1}, {"name": "b", "value": ""}], ["a：1"]),
        ("unique", [1, "1", 1, [1], [1], None], [1, "1", [1], None]),
        ("default(false)", " ", False),
        ("default('x')", 0, 0),
        ("json", "a", '"a"'),
        ("json", [], ""),
        ("from_json|get(0)", "[1]", 1),
        ("from_json", {"a": 1}, {"a": 1}),
        ("strip_html", "a<br/>b<script>x</script>c<!-- d -->e", "a\nbce"),
        ("strip_html", "1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("strip_html", "a<script>b", "a"),
        ("strip_html", "a<SCRIPT x='1'>İ</ScRiPt >b", "ab"),
        ("one_line", " a\n\t\u3000b ", "a b"),
        ("TRIM | Upper", " a ", "A"),
        ("text", True, "true"),
    ],
)
def test_what_filters_make_of_values(chain, value, expected):
    found = filtered(chain, value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("chain", "value", "expected"),
    [
        ("datetime", 20261123, "a time"),
        ("datetime", "yesterday", "a time"),
        ("datetime", "2026-13-01", "a time"),
        ("datetime", "9999-12-31 23:59:59 -10:00", "a time"),
        ("datetime", "2026-11-23 00:00:00 +99:00", "a time"),
        ("datetime", 10**15, "a time"),
        ("datetime", float("nan"), "a time"),
        ("datetime", True, "a time"),
        ("datetime", {"a": 1}, "a time"),
        ("number", "1,23", "a number"),
        ("number", "12个", "a number"),
        ("number", True, "a number"),
        ("number", [1], "a number"),
        ("number", 2**63, "a number"),
        ("number", float("inf"), "a number"),
        ("number", "9" * 401, "a number"),
        ("int", "1.5", "a whole number"),
        ("bool", "vielleicht", "true or false"),
        ("bool", 2, "true or false"),
        ("pairs", ["a"], "a list of {name, value}"),
        ("lookup(kinds)", 9, 'an entry for "9" in the look-up table kinds'),
        ("from_json", "{", "JSON"),
        ("from_json", "NaN", "JSON"),
        ("from_json", "[" * 100 + "]" * 100, "levels"),
        ("text", float("nan"), "a finite number"),
        ("json", float("nan"), "JSON"),
        ("replace(a, " + "b" * 200 + ")", "a" * 10_000, f"at most {MAX_RESULT_LENGTH} characters"),
        ("join('" + "-" * 200 + "')", ["a"] * 10_000, f"at most {MAX_RESULT_LENGTH} characters"),
        ("pairs('" + "-" * 200 + "')", [{"name": 1, "value": 2}] * 10_000, "characters"),
        ("unique", [1] * (MAX_ELEMENTS + 1), f"at most {MAX_ELEMENTS} elements"),
        ("split(a)", "a" * MAX_ELEMENTS, f"at most {MAX_ELEMENTS} parts"),
        ("trim", "a" * (MAX_RESULT_LENGTH + 1), f"at most {MAX_RESULT_LENGTH} characters"),
        ("json|json|json", '"' * 40_000, f"at most {MAX_RESULT_LENGTH} characters"),
    ],
)
def test_what_filters_refuse(chain, value, expected):
    with pytest.raises(EvaluationError) as caught:
        filtered(chain, value)
    assert expected in caught.value.expected


def test_text_put_together_is_bounded():
    template = compile_template("{x}" * 100)
    with pytest.raises(EvaluationError, match="at most"):
        template.evaluate({"x": "a" * 10_000})


def test_a_reference_in_the_middle_of_a_text():
    """What expressions build on: the reference at a place, where it ends, and its value with its type."""
    found = reference_at("IF({{ a.b | number|round( 1 ) }} > 1", 3)
    assert (found.path, found.position, found.end) == (("a", "b"), 3, 32)
    assert str(found) == "{{a.b|number|round(1)}}"
    assert found.compiled()({"a": {"b": "1.25"}}) == 1.3
    assert found.raw()({"a": {"b": "1.25"}}) == "1.25"


def test_inputs_are_told_before_the_filters():
    template = compile_template("{{a|upper}}-{CURRENT_TIME|date}")
    assert template.inputs({"a": "x"}) == {"{{a|upper}}": "x", "{CURRENT_TIME|date}": None}
    assert template.roots == {"a"}
    assert template.variables == {"CURRENT_TIME"}
    with pytest.raises(EvaluationError, match="CURRENT_TIME is known"):
        template.evaluate({"a": "x"})
