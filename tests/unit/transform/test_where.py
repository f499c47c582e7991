"""Filters: expressions and the platform's arrays, what they let in, and where a wrong one is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.errors import ConfigurationError
from xmsyncd.records import ContentHash, Draft, Filtered, Item, Rejection, SourceId
from xmsyncd.transform.derivation_specs import ValueSpec
from xmsyncd.transform.fields import FieldSpec
from xmsyncd.transform.mapping import FieldMapping
from xmsyncd.transform.value_types import EvaluationError
from xmsyncd.transform.where import WhereError, compile_where

NOW = 1795424400
ITEM = {
    "status": 1,
    "number": "A-001",
    "zeros": "001",
    "power": "1E5",
    "huge": "9" * 5000,
    "minus": "-0.00",
    "price": "200.0000",
    "weight": 2.5,
    "name": "不锈钢螺栓 M8",
    "remark": "",
    "nothing": None,
    "tags": ["new", "steel"],
    "lines": [{"qty": 5}, {"qty": "12"}],
    "none": [],
    "update_time": "2026-11-23 16:30:00",
    "created": NOW - 3600,
    "active": True,
    "CURRENT_TIME": NOW,
}


def matches(conditions, item=ITEM):
    return compile_where(json.dumps(conditions)).matches(item)


def condition(field, logic, value=None, **more):
    return {"field": field, "logic": logic, **({} if value is None else {"value": value}), **more}


@pytest.mark.parametrize(
    ("field", "logic", "value", "fits"),
    [
        ("status", "eq", "1", True),
        ("status", "eq", 1, True),
        ("status", "EQ", "1.0", True),
        ("status", "neq", "1", False),
        ("zeros", "eq", "1", False),
        ("zeros", "eq", "001", True),
        ("zeros", "in", "1,2", False),
        ("zeros", "neq", "1", True),
        ("power", "eq", "100000", False),
        ("huge", "eq", "9" * 5000, True),
        ("huge", "eq", "1", False),
        ("remark", "eq", "0", False),
        ("price", "eq", "200", True),
        ("price", "eq", 200, True),
        ("price", "eq", "200.00", True),
        ("price", "eq", "2000", False),
        ("price", "neq", "200", False),
        ("price", "neq", 200.5, True),
        ("price", "in", "100,200", True),
        ("price", "in", [100, 200.0], True),
        ("price", "in", "100,20", False),
        ("minus", "eq", "0", True),
        ("lines.qty", "eq", "12.0", True),
        ("number", "in", "a-001", False),
        ("name", "like", "M8", True),
        ("name", "notlike", "m8", False),
        ("number", "eq", "a-001", False),
        ("active", "eq", "true", True),
        ("missing", "neq", "x", True),
        ("missing", "eq", "", True),
        ("price", "gt", "199.5", True),
        ("price", "gt", "1000", False),
        ("price", "egt", "200", True),
        ("weight", "lt", "10", True),
        ("weight", "elt", "2.5", True),
        ("remark", "gt", "0", False),
        ("nothing", "lt", "0", False),
        ("number", "gt", "A-000", True),
        ("price", "between", "100,200", True),
        ("price", "between", [201, 300], False),
        ("update_time", "between", "2026-11-23 00:00:00,2026-11-23 23:59:59", True),
        ("status", "in", "1,2,3", True),
        ("status", "in", [2, 3], False),
        ("number", "in", "B, A-001", True),
        ("name", "like", "螺栓", True),
        ("name", "like", "%m8", True),
        ("name", "like", "m8%", False),
        ("name", "notlike", "铜", True),
        ("remark", "isnull", None, True),
        ("none", "isnull", "", True),
        ("none", "eq", "1", False),
        ("none", "neq", "1", True),
        ("none", "in", "1,2", False),
        ("none", "gt", "1", False),
        ("status", "notnull", None, True),
        ("remark", "notnull", None, False),
        ("tags", "eq", "steel", True),
        ("tags", "in", "a,new", True),
        ("lines.qty", "gt", "10", True),
        ("lines.qty", "gt", "12", False),
        ("lines.0.qty", "eq", "5", True),
        ("update_time", "egt", f"timestamp:{NOW - 1800}", True),
        ("update_time", "gt", f"timestamp:{NOW - 1800}", False),
        ("created", "lt", f"timestamp:{NOW}", True),
        ("update_time", "gt", "timestamp:{{DAYS_AGO_1}}", True),
        ("update_time", "gt", "{{CURRENT_TIME|datetime}}", False),
    ],
)
def test_one_condition(field, logic, value, fits):
    assert matches([[condition(field, logic, value)]]) is fits
    assert matches([[condition(field, logic, value), condition("status", "eq", "1")]]) is fits
    assert matches([[condition(field, logic, value)], [condition("status", "eq", "9")]]) is fits


def test_of_a_list_one_element_fits_and_with_strict_mode_each_must():
    assert matches([[condition("lines.qty", "gt", "10")]])
    assert not matches([[condition("lines.qty", "gt", "10", strictMode=True)]])
    assert matches([[condition("lines.qty", "gt", "4", strictMode=True)]])


def test_outer_or_inner_and():
    yes, no = condition("status", "eq", 1), condition("status", "eq", 2)
    assert matches([[no], [yes]])
    assert not matches([[no, yes]])
    assert not matches([[yes, no], [no]])


def test_an_expression_is_a_filter_too():
    where = compile_where("{status} = 1 AND {name} LIKE '%螺栓%'")
    assert where.matches(ITEM)
    assert where.roots == {"status", "name"}
    assert not where.matches({**ITEM, "status": 2})
    assert compile_where("_function {status} = 1").matches(ITEM)
    assert not compile_where("{missing} = 1").matches(ITEM)
    assert compile_where("{update_time} > NOW() - INTERVAL 1 DAY").variables == {"CURRENT_TIME"}


def test_it_says_what_keeps_an_item_out():
    out = {**ITEM, "status": 2}
    where = compile_where(json.dumps([[condition("status", "eq", "1")], [condition("number", "in", "B,C")]]))
    assert where.reason(out) == 'status eq "1" does not hold for 2; number in "B,C" does not hold for "A-001"'
    assert compile_where("{status} = 1").reason(out) == '{status} = 1 does not hold with {"{status}": 2}'


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([[condition("name", "gt", "timestamp:1700000000")]], "a time"),
        ([[condition("lines", "gt", "1")]], "a value to compare"),
        ([[condition("active", "gt", "1")]], "a value to compare"),
    ],
)
def test_what_cannot_be_judged_says_so(conditions, expected):
    with pytest.raises(EvaluationError, match=expected):
        matches(conditions)


@pytest.mark.parametrize(
    ("text", "path", "position", "found", "expected"),
    [
        ("{a} = b", (), 6, "the bare word b", "{b}"),
        ("  _function {a} = b", (), 18, "the bare word b", "{b}"),
        ("[", (), None, '"["', "a list of lists"),
        ("[]", (), None, "no condition", "a list of lists"),
        ("[[]]", (0,), None, "[]", "a list of lists"),
        ('[{"field": "a"}]', (0,), None, '{"field": "a"}', "a list of lists"),
        ('[["a"]]', (0, 0), None, '"a"', "a condition"),
        ('[[{"logic": "eq", "value": "1"}]]', (0, 0, "field"), None, "nothing", "the name of a field"),
        ('[[{"field": "{a}", "logic": "eq"}]]', (0, 0, "field"), None, '"{a}"', "without braces"),
        ('[[{"field": "a", "logic": "eqq", "value": 1}]]', (0, 0, "logic"), None, '"eqq"', "nearest: eq"),
        ('[[{"field": "a", "value": 1}]]', (0, 0, "logic"), None, "nothing", "one of eq"),
        ('[[{"field": "a", "logic": "eq"}]]', (0, 0, "value"), None, "nothing", "text or a number"),
        ('[[{"field": "a", "logic": "between", "value": "1"}]]', (0, 0, "value"), None, '"1"', "two values"),
        ('[[{"field": "a", "logic": "eq", "value": [1]}]]', (0, 0, "value"), None, "[1]", "text or a number"),
        ('[[{"field": "a", "logic": "eq", "value": 1e999}]]', (0, 0, "value"), None, "Infinity", "finite"),
        ('[[{"field": "a", "logic": "eq", "value": "{x"}]]', (0, 0, "value"), 0, '"{x"', '"}" to close'),
        (
            '[[{"field": "a", "logic": "eq", "value": 1, "strictmode": true}]]',
            (0, 0, "strictmode"),
            None,
            'the unknown key "strictmode"',
            "a known key (nearest: strictMode)",
        ),
        (
            '[[{"feld": "a", "logic": "eq", "value": 1}]]',
            (0, 0, "feld"),
            None,
            'the unknown key "feld"',
            "a known key (nearest: field)",
        ),
        (
            '[[{"field": "a", "logic": "eq", "value": 1, "foo": 2}]]',
            (0, 0, "foo"),
            None,
            'the unknown key "foo"',
            "one of the keys field, logic, value, strictMode",
        ),
        (
            '[[{"field": "a", "logic": "eq", "value": 1, "strictMode": "ja"}]]',
            (0, 0, "strictMode"),
            None,
            '"ja"',
            "true or false",
        ),
    ],
)
def test_refused_with_its_place(text, path, position, found, expected):
    with pytest.raises(WhereError) as caught:
        compile_where(text)
    [fault] = caught.value.faults
    assert (fault.path, fault.position, fault.found) == (path, position, found)
    assert expected in fault.expected


def test_all_faults_at_once():
    with pytest.raises(WhereError) as caught:
        compile_where('[[{"field": "", "logic": "eq"}, {"field": "a", "logic": "x"}], 7]')
    assert [fault.path for fault in caught.value.faults] == [(0, 0, "field"), (0, 1, "logic"), (1,)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=5,
)
CONDITIONS = st.lists(
    st.lists(
        st.fixed_dictionaries(
            {
                "field": st.sampled_from(["a", "a.b", "a.0", ""]),
                "logic": st.sampled_from(["eq", "neq", "gt", "elt", "like", "between", "in", "isnull", "?"]),
                "value": JSON | st.sampled_from(["1,2", "timestamp:1700000000", "%x%", "{{b}}", "{a}"]),
            }
        )
        | JSON,
        max_size=2,
    )
    | JSON,
    max_size=3,
)


@given(conditions=CONDITIONS, value=JSON)
def test_any_conditions_and_any_value(conditions, value):
    try:
        where = compile_where(json.dumps(conditions))
    except WhereError as error:
        faults = error.faults
        assert all(fault.found and fault.expected for fault in faults)
        return
    lookup = {"a": value, "b": value, "CURRENT_TIME": NOW}
    try:
        if not where.matches(lookup):
            assert where.reason(lookup)
    except EvaluationError as error:
        expected = error.expected
        assert expected


# The mapping with a filter.

FIELDS = [FieldSpec("key", value="{product_no}"), FieldSpec("name", value="{name}")]


def mapping(only, **further):
    return FieldMapping(
        FIELDS,
        (),
        "key",
        lambda _component, _type, value: value,
        where="pipelines.products",
        only=only,
        **further,
    )


def item(**raw):
    return Item(SourceId("7"), None, {"product_no": "A-1", "name": "Bolt", **raw}, ContentHash("h"))


def test_what_is_left_out_is_neither_a_draft_nor_a_rejection():
    found = mapping("{status} = 1").map_item(item(status=2, name=float("nan")), None, {})
    assert isinstance(found, Filtered)
    assert found.key == "A-1"
    assert "{status} = 1 does not hold" in found.detail
    assert isinstance(mapping("{status} = 1").map_item(item(status=1), None, {}), Draft)


def test_what_cannot_be_judged_is_rejected():
    found = mapping("{status} > 1").map_item(item(status="abc"), None, {})
    assert isinstance(found, Rejection)
    assert found.reason == "mapping"
    assert found.detail == 'where: found {"status": "abc"}, expected a number to compare with a number'


def test_it_may_ask_for_derived_fields_and_the_detail():
    one = mapping("{kind} = 'x2'", derive=[ValueSpec("kind", "x{product_type}")])
    assert one.item_needs >= {"product_type", "product_no", "name"}
    assert isinstance(one.map_item(item(), {"product_type": 2}, {}), Draft)
    assert isinstance(one.map_item(item(), {"product_type": 3}, {}), Filtered)
    assert one.filtered_early(item(), None, {}, frozenset({"product_type"})) is None
    assert isinstance(one.filtered_early(item(product_type=3), None, {}, frozenset()), Filtered)


def test_the_filter_is_part_of_what_is_mapped():
    assert mapping("{status} = 1").spec_hash != mapping("{status} = 2").spec_hash != mapping("").spec_hash
    assert not mapping("{status} = 1").is_filter_volatile
    assert mapping("{update_time} > CURDATE()").is_filter_volatile


def test_a_fault_names_the_setting():
    with pytest.raises(ConfigurationError) as caught:
        mapping("{status} = eins")
    assert "pipelines.products.where, character 12" in str(caught.value)
