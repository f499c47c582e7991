"""Expressions over an item: values are values, faults have their place, everything ends."""

import json
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from xmsyncd.transform.bounds import MAX_RESULT_LENGTH
from xmsyncd.transform.expressions import ALIASES, FUNCTIONS, compile_expression
from xmsyncd.transform.expressions.scanning import MAX_NESTING, MAX_PARTS
from xmsyncd.transform.grammar import compile_template
from xmsyncd.transform.references import TemplateError
from xmsyncd.transform.sample import SAMPLE, SAMPLE_TABLES
from xmsyncd.transform.tables import LookupTable
from xmsyncd.transform.value_types import EvaluationError

NOW = 1795424400  # 2026-11-23 17:00:00 in Beijing

ITEM = {
    "name": "Bolt",
    "product_no": "A-001",
    "unit": "PCS",
    "qty": 120,
    "price": "200.0000",
    "rate": 0.1,
    "whole": 200.0,
    "active": True,
    "remark": "",
    "nothing": None,
    "nowhere": [],
    "product_type": 2,
    "sly": "x', 1) -- {name} %",
    "percent": "100%",
    "details": [{"qty": 2, "price": "1.50"}, {"qty": 3, "price": 3}],
    "orders": [{"lines": [{"n": 1}, {"n": 2}]}, {"lines": [{"n": 3}]}, {}],
    "一级分组": "五金",
    "CURRENT_TIME": NOW,
    "LAST_SYNC_TIME": NOW - 1800,
}
TABLES = {"units": LookupTable("units", {"PCS": "件", "2": "two"})}


def evaluate(text, item=ITEM):
    return compile_expression(text, TABLES).evaluate(item)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("{{price}} * 2", 400),
        ("{price} + {rate}", 200.1),
        ("{rate} + 0.2", 0.3),
        ("CONCAT('¥', ROUND({price}, 2))", "¥200.00"),
        ("CONCAT({whole})", "200"),
        ("{whole} / 3", 66.6667),
        ("{active}", True),
        ("{active} = 1", 1),
        ("{active} = 'TRUE'", 1),
        ("CONCAT({active})", "true"),
        ("{details}", ITEM["details"]),
        ("{missing}", ""),
        ("{missing} + 1", ""),
        ("{remark} + 1", ""),
        ("IFNULL({remark}, 'x')", ""),
        ("IFNULL({nowhere}, 'x')", "x"),
        ("IF({remark}, 'x', 'y')", "y"),
        ("'{{name}} / {{price}}'", "Bolt / 200.0000"),
        ("'{name}{missing}{qty}'", "Bolt120"),
        ("'{{CURRENT_TIME|datetime}}'", "2026-11-23 17:00:00"),
        ("{{LAST_SYNC_TIME}}-(3600 * 24)", NOW - 1800 - 86400),
        ("({{LAST_SYNC_TIME}}-(3600 * 24))* 1000", (NOW - 1800 - 86400) * 1000),
        ("SUBTIME('{{LAST_SYNC_TIME|datetime}}', '00:30:01')", "2026-11-23 15:59:59"),
        ("NOW()", "2026-11-23 17:00:00"),
        ("CURRENT_DATE", "2026-11-23"),
        ("UNIX_TIMESTAMP()", NOW),
        ("DATE_FORMAT(NOW() - INTERVAL 1 MONTH, '%Y年%c月')", "2026年10月"),
        ("NOW() > '2026/11/23'", 1),
        ("DATE(NOW()) = '2026-11-23 00:00:00'", 1),
        ("SUM({details.qty})", 5),
        ("SUM({{details.price}})", 4.5),
        ("AVG({details.qty})", 2.5),
        ("COUNT({details})", 2),
        ("COUNT({missing})", 0),
        ("SUM({missing})", ""),
        ("MAX({details.price})", 3),
        ("MIN({orders.lines.n})", 1),
        ("SUM({orders.lines.n})", 6),
        ("COUNT({orders.lines.n})", 3),
        ("CONCAT_WS('、', {orders.lines.n})", "1、2、3"),
        ("{details.0.qty} + {details.1.qty}", 5),
        ("{details.5.qty}", ""),
        ("{name.deeper}", ""),
        ("{qty} IN ({details.qty})", 0),
        ("3 IN ({details.qty})", 1),
        ("LOOKUP('units', {unit})", "件"),
        ("ELT({remark}, 'a')", ""),
        ("ELT(' ', 'a')", ""),
        ("LOOKUP('units', {product_type})", "two"),
        ("{{name|upper}}", "BOLT"),
        ("{一级分组} = '五金'", 1),
        ("CASE WHEN {qty} >= 100 THEN '大' WHEN {qty} > 10 THEN '中' ELSE '小' END", "大"),
        ("case when {qty}\n >= 100\tthen 'a' end", "a"),
    ],
)
def test_values(expression, value):
    found = evaluate(expression)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'{sly}'", ITEM["sly"]),
        ("CONCAT({sly}, '!')", "x', 1) -- {name} %!"),
        ("LENGTH('{{sly}}') = LENGTH({sly})", 1),
        ("'100x' LIKE '{percent}'", 0),
        ("'100%' LIKE '{percent}'", 1),
        ("'100x' LIKE {percent}", 1),
        ("REPLACE({sly}, '{name}', '')", ITEM["sly"]),
    ],
)
def test_data_is_never_syntax(expression, value):
    """Quotes, braces and wildcards in an item are what they are; a pattern that is a field is a pattern."""
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("{name} + 1", "a number"),
        ("{details} + 1", "SUM, COUNT"),
        ("CONCAT({details})", "one text or number"),
        ("{name} > 3", "a number to compare"),
        ("IF({name}, 1, 2)", "a condition"),
        ("YEAR({name})", "a date"),
        ("DATE_ADD({name}, INTERVAL 1 DAY)", "a date"),
        ("DATE_ADD('9999-12-31', INTERVAL 1 DAY)", "1 to 9999"),
        ("SUBTIME('2024-01-01', {name})", "a time"),
        ("FROM_UNIXTIME({{CURRENT_TIME}} * 1000)", "milliseconds are divided"),
        ("LOOKUP('units', {name})", "an entry for"),
        ("LOOKUP('units', {product_type} * 1.5)", 'an entry for "3.0"'),
        ("CAST(12345 AS DECIMAL(3,1))", "DECIMAL(3,1)"),
        ("POWER(10, 66)", "65 digits"),
        ("POWER(9, 999)", "65 digits"),
        ("POWER(2, 1000000)", "a power of at most"),
        ("REPEAT('a', 1000000000)", "characters"),
        ("LPAD('a', 1000000000, 'b')", "characters"),
        ("REPLACE(REPEAT('a', 1000), 'a', REPEAT('b', 1000))", "characters"),
        ("CONCAT_WS(REPEAT('b', 100000), 1, 2, 3, 4)", "characters"),
    ],
)
def test_no_value_says_what_would_fit(expression, expected):
    with pytest.raises(EvaluationError) as caught:
        evaluate(expression)
    assert expected in caught.value.expected


@pytest.mark.parametrize(
    ("expression", "position", "found", "expected"),
    [
        ("", 0, "nothing", "an expression"),
        ("  ", 2, "nothing", "an expression"),
        ("name", 0, "the bare word name", "{name}"),
        ("CONCAT(名称)", 7, "the bare word 名称", "{名称}"),
        ("CONCATT({name})", 0, "the function CONCATT", "nearest: CONCAT"),
        ("1 + SLEEP(9)", 4, "the function SLEEP", "a function of"),
        ("`name`", 0, '"`"', "{name}"),
        ("CONCAT({name}，'x')", 13, 'the full-width "，"', 'an ordinary ","'),
        ("CONCAT（{name})", 6, 'the full-width "（"', 'an ordinary "("'),
        ("‘x’", 0, 'the full-width "‘"', "an ordinary"),
        ("1; 2", 1, '";"', "one expression"),
        ("1 -- 2", 2, "a comment", "without comments"),
        ("1 # 2", 2, "a comment", "without comments"),
        ("/* 1 */ 2", 0, "a comment", "without comments"),
        ("{a} || {b}", 4, '"|"', "OR"),
        ("@x", 0, '"@"', "a value"),
        ("'abc", 0, '"\'abc"', "' to close"),
        ("'a{x", 2, '"{x"', '"}" to close'),
        ("'a}'", 2, '"}"', 'a "{" before it'),
        ("{a.b|nofilter}", 5, "the filter nofilter", "a filter"),
        ("(1 + 2", 0, '"("', '")" to close'),
        ("1 + 2)", 5, '")"', '"(" before'),
        ("CASE WHEN 1 THEN 2", 0, "CASE", "END to close"),
        ("(CASE WHEN 1 THEN 2)", 19, '")"', '"(" before'),
        ("1 END", 2, '"END"', '"CASE" before'),
        ("CONCAT({a},,{b})", 11, '","', "a value before"),
        ("CONCAT({a},)", 11, '")"', "a value before"),
        ("CONCAT({a} {b})", 11, '"{b}"', "an operator"),
        ("{a} {b}", 4, '"{b}"', "an operator"),
        ("1 +", 2, '"+"', "a value beside"),
        ("{a} * ", 4, '"*"', "a value beside"),
        ("ROUND()", 0, "ROUND with 0 arguments", "ROUND(x, decimals)"),
        ("MAX(1, 2)", 0, "MAX with 2 arguments", "MAX({list.name})"),
        ("IF({a}, 1)", 0, "IF with 2 arguments", "IF(condition, x, y)"),
        ("COUNT(*)", 6, '"*"', "a value before"),
        ("{a} IN {b}", 0, "IN without parentheses", "values in parentheses"),
        ("{a} IS 3", 7, '"3"', "NULL, TRUE or FALSE"),
        ("1 = 2 < 3", 4, "a comparison of a comparison", "parentheses"),
        ("CAST({a} AS SIGNED(3))", 5, "a type it cannot have", "SIGNED"),
        ("CAST({a} AS DECIMAL(99,2))", 5, "a type it cannot have", "DECIMAL"),
        ("INTERVAL 1 DAY", 0, "INTERVAL", "DATE_ADD"),
        ("LEFT({a}, INTERVAL 1 DAY)", 10, "the bare word INTERVAL", "LEFT(x, n)"),
        ("DATE_ADD({a}, INTERVAL 1 FORTNIGHT)", 25, "the bare word FORTNIGHT", "a field in braces"),
        ("DATE_ADD({a}, DAY)", 14, "the bare word DAY", "DATE_ADD("),
        ("TIMESTAMPDIFF({a}, {b}, {c})", 14, "a value", "a unit: one of"),
        ("DATE_FORMAT({a}, '%Q')", 17, "the layout of a date", "not %Q"),
        ("STR_TO_DATE({a}, '%Y %Y')", 17, "the layout of a date", "once"),
        ("LOOKUP('unit', {a})", 7, 'the look-up table "unit"', "nearest: units"),
        ("LOOKUP({a}, {b})", 7, "a value", "as text"),
        ("SUBTIME('{{LAST_SYNC_TIM|datetime}}', '1')", 11, "the variable LAST_SYNC_TIM", "LAST_SYNC_TIME"),
        ("1e400", 0, '"1e400"', "65 digits"),
        ("12abc", 0, '"12abc"', "a number"),
        ("(SELECT 1)", 1, "the bare word SELECT", "a field in braces"),
        ("x.{a}", 0, "the bare word x", "{x}"),
        ("{a}.b", 3, '"."', "a value"),
        ("a", 0, "the bare word a", "{a}"),
        ("(" * 20 + "1" + ")" * 20, MAX_NESTING, "one level more", f"at most {MAX_NESTING}"),
        ("1+" * 300 + "1", MAX_PARTS, "one part more", f"at most {MAX_PARTS}"),
        ("1+" * 120 + "1", 0, "one level more", "levels of operators"),
    ],
)
def test_refused_with_its_exact_place(expression, position, found, expected):
    with pytest.raises(TemplateError) as caught:
        compile_expression(expression, TABLES)
    assert (caught.value.position, caught.value.found) == (position, found)
    assert expected in caught.value.expected
    with pytest.raises(TemplateError) as moved:
        compile_expression(expression, TABLES, offset=10)
    assert moved.value.position == position + 10


def test_what_it_looks_at():
    expression = compile_expression("CONCAT({a.b}, '{{c|upper}}', {{LAST_SYNC_TIME}}, {d})")
    assert expression.roots == {"a", "c", "d"}
    assert expression.variables == {"LAST_SYNC_TIME"}
    assert expression.inputs({"a": [{"b": 1}], "c": "x"}) == {
        "{a.b}": [1],
        "{{c|upper}}": "x",
        "{{LAST_SYNC_TIME}}": None,
        "{d}": None,
    }
    assert compile_expression("DATE(NOW())").variables == {"CURRENT_TIME"}
    assert compile_expression("'NOW()'").variables == frozenset()


def test_a_template_hands_over_to_it():
    template = compile_template("_function CONCAT({name}, '-', ROUND({price} / 3, 2))")
    assert template.evaluate(ITEM) == "Bolt-66.67"
    assert template.roots == {"name", "price"}
    with pytest.raises(TemplateError) as caught:
        compile_template("_function CONCAT({name}, nonsense)")
    assert caught.value.position == 25


def test_as_a_condition():
    assert compile_expression("{qty} > 100").holds(ITEM)
    assert not compile_expression("{missing} > 100").holds(ITEM)
    assert not compile_expression("NOT {missing} > 100").holds(ITEM)


@pytest.mark.parametrize(
    ("name", "shown", "result"),
    [
        (function.name, shown, result)
        for function in FUNCTIONS.values()
        for shown, result in function.examples
    ],
)
def test_documented_examples(name, shown, result):
    assert compile_expression(shown, SAMPLE_TABLES).evaluate(SAMPLE) == json.loads(result)
    assert f"{name}(" in shown or "INTERVAL" in shown or (name == "CAST" and "CONVERT(" in shown)


def test_registry_is_complete():
    for name, function in FUNCTIONS.items():
        assert function.name == name
        assert function.usage.startswith(f"{name}(")
        assert function.english.endswith(".")
        assert function.chinese.endswith("。")
        assert function.examples
        assert all(ALIASES[alias] is function for alias in function.aliases)


def test_sqlglot_is_imported_for_an_expression_alone():
    script = (
        "import sys; import xmsyncd.transform.expressions as e; assert 'sqlglot' not in sys.modules; "
        "e.compile_expression('1'); assert 'sqlglot' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


WORDS = (
    "CASE WHEN THEN ELSE END AND OR NOT IN LIKE BETWEEN IS NULL INTERVAL DAY CAST AS CHAR DECIMAL TRIM FROM "
    "( ) , + - * / % = < <=> {a} {a.b} {{a|upper}} '{a}' '%' 'x' 1 0 2.5 9e9 '2024-01' '' \n \" ' { -- _ .5"
)
PIECES = st.lists(
    st.sampled_from([*FUNCTIONS, *WORDS.split(" ")]) | st.text(max_size=2),
    max_size=14,
).map(" ".join)

CALLS = st.recursive(
    st.sampled_from(
        ["{a}", "{a.b}", "'{{a}}'", "1", "0", "-2.5", "'x'", "''", "NULL", "'%Y'", "1e30", "'12:00'"]
    ),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from([*FUNCTIONS, *ALIASES]), st.lists(inner, max_size=3)).map(
            lambda call: f"{call[0]}({', '.join(call[1])})"
        ),
        st.tuples(
            inner, st.sampled_from(["+", "-", "*", "/", "%", "DIV", "=", "<", "LIKE", "AND"]), inner
        ).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
        st.tuples(inner, inner, inner).map(lambda parts: "CASE WHEN {} THEN {} ELSE {} END".format(*parts)),
        st.tuples(inner, inner).map(lambda parts: "({} IN ({}, 1))".format(*parts)),
        st.tuples(inner, st.sampled_from(["CHAR", "SIGNED", "DECIMAL(9,2)", "DATE", "TIME"])).map(
            lambda parts: "CAST({} AS {})".format(*parts)
        ),
        st.tuples(inner, inner, st.sampled_from(["DAY", "MONTH", "SECOND"])).map(
            lambda parts: "({} + INTERVAL {} {})".format(*parts)
        ),
    ),
    max_leaves=8,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["2024-02-29", "200.0000", "-00:30:01", "1e9999", "NaN", "٣", " 5 "])
    | st.sampled_from([10**70, 1e308, 5e-324, 1795424400000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=5,
)


def judge(text, value):
    """A fault of the setting, a reason against the item, or a value that can be sent."""
    try:
        expression = compile_expression(text, TABLES)
    except TemplateError as error:
        fault = error
    else:
        judge_value(expression, text, value)
        return
    assert 0 <= fault.position <= len(text)
    assert fault.found
    assert fault.expected


def judge_value(expression, text, value):
    lookup = {"a": value, "CURRENT_TIME": NOW, "LAST_SYNC_TIME": NOW}
    try:
        found = expression.evaluate(lookup)
        expression.holds(lookup)
    except EvaluationError as error:
        reason = error.expected
        assert reason
        return
    if isinstance(found, str):
        assert len(found) <= max(MAX_RESULT_LENGTH, 4 * len(str(value)))
    if found != value:
        json.dumps(found)  # of JSON's types alone; too large a number or half a character is found later


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(text=PIECES | st.text(max_size=30), value=JSON)
@example(text="CAST({a} AS DECIMAL({a}))", value=1)
@example(text="INTERVAL INTERVAL", value=1)
def test_any_text_is_an_expression_or_a_fault(text, value):
    judge(text, value)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(text=CALLS, value=JSON)
def test_any_value_gives_a_value_or_a_reason(text, value):
    judge(text, value)
