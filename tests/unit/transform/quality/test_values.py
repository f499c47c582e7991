"""Rules about one value: what keeps them, what breaks them, and what is put right."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.records import RejectionReason
from xmsyncd.transform.quality import RuleSpec, compile_rule
from xmsyncd.transform.quality.kinds import UNFIXED, Breach
from xmsyncd.transform.value_types import ValueType

EMPTY: tuple[Any, ...] = (None, "", " ", "\u3000", "\u200b", [], {})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def breach_of(
    value: Any, rule: str, declared: ValueType = ValueType.AS_IS, **parameters: Any
) -> Breach | None:
    compiled = compile_rule(RuleSpec("textField_x", rule, **parameters), declared)
    assert compiled is not None
    return compiled.check(value, {})


@pytest.mark.parametrize("value", EMPTY)
def test_required_is_broken_by_whatever_looks_empty(value):
    breach = breach_of(value, "required")
    assert breach is not None
    assert breach.reason is RejectionReason.REQUIRED
    assert breach.expected == "a value (rule required)"


@pytest.mark.parametrize("value", ["x", 0, False, [0]])
def test_required_is_kept_by_zero_and_false(value):
    assert breach_of(value, "required") is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *((kind, empty) for kind in ValueType for empty in EMPTY),
        ("string", "x"),
        ("string", 12),
        ("int", "200.00"),
        ("float", "1.5"),
        ("bool", "true"),
        ("object", {"a": 1}),
        ("array", [1]),
        ("", object()),
    ],
)
def test_type_is_kept(kind, value):
    """Empty values keep every type rule; whether they may be empty is what required says."""
    assert breach_of(value, "type", ValueType(kind)) is None


@pytest.mark.parametrize(
    ("kind", "value", "fixed"),
    [
        ("string", {"a": 1}, '{"a":1}'),
        ("string", True, "true"),
        ("int", "1.5", UNFIXED),
        ("int", "１２", 12),
        ("int", "1,200", 1200),
        ("int", "1,20", UNFIXED),
        ("float", "1,200.5", 1200.5),
        ("float", "1.200,5", UNFIXED),
        ("float", "about 3", UNFIXED),
        ("bool", 10**5, UNFIXED),
        ("bool", " 是", True),
        ("bool", "No", False),
        ("object", "x", UNFIXED),
        ("array", {"a": 1}, [{"a": 1}]),
    ],
)
def test_type_is_broken_and_put_right_where_it_has_one_meaning(kind, value, fixed):
    breach = breach_of(value, "type", ValueType(kind))
    assert breach is not None
    assert breach.reason is RejectionReason.TYPE
    assert kind in breach.expected
    assert breach.fixed == fixed
    assert type(breach.fixed) is type(fixed)


@pytest.mark.parametrize(
    ("parameters", "value", "expected"),
    [
        ({"max": 3}, "产品规", None),
        ({"max": 3}, "产品规格", "at most 3 characters, not 4 (rule length)"),
        ({"min": 2}, "产", "at least 2 characters, not 1 (rule length)"),
        ({"min": 1, "max": 2}, 123, "1 to 2 characters, not 3 (rule length)"),
        ({"max": 1}, ["a", "b"], "at most 1 entries, not 2 (rule length)"),
        ({"min": 5}, "", None),
    ],
)
def test_length(parameters, value, expected):
    breach = breach_of(value, "length", **parameters)
    assert (None if breach is None else breach.expected) == expected


@pytest.mark.parametrize(
    ("text", "most", "cut"),
    [
        ("产品规格", 3, "产品规"),
        ("e\u0301e\u0301", 3, "e\u0301"),  # an accent stays with its letter
        ("ab👍🏽", 3, "ab"),  # a skin colour with its hand
        ("a👨\u200d👩\u200d👧", 4, "a"),  # a family is one
        ("🇨🇳🇩🇪", 3, "🇨🇳"),  # a flag is two
        ("❤\ufe0fx", 1, UNFIXED),  # the first alone is longer
        ("\ud83d\ude00", 1, UNFIXED),  # two halves that JSON left apart
        ("a\r\nb", 2, "a"),
        ("\u1100\u1161\u11a8\u1100\u1161\u11a8", 4, "\u1100\u1161\u11a8"),  # Hangul in parts
        ("한글", 1, "한"),
    ],
)
def test_what_is_too_long_is_cut_where_a_character_ends(text, most, cut):
    breach = breach_of(text, "length", max=most)
    assert breach is not None
    assert breach.fixed == cut


@given(st.text(st.characters(categories=["L", "M", "So", "Sk", "Cs", "Cf"])), st.integers(1, 9))
def test_a_cut_text_begins_the_whole_and_keeps_the_rule(text, most):
    breach = breach_of(text, "length", max=most)
    if breach is not None and breach.fixed is not UNFIXED:
        assert text.startswith(breach.fixed)
        assert breach_of(breach.fixed, "length", max=most) is None


@pytest.mark.parametrize(
    ("pattern", "value", "kept"),
    [
        (r"[A-Z]{2}-\d+", "AB-12", True),
        (r"[A-Z]{2}-\d+", "x AB-12", False),
        (r"\p{Han}+", "规格", True),
        (r"\d+", 12, True),
        (r"\d+", "", True),
        (r".*", "\ud800", False),  # half a character is no text
        (r"(a+)+b", "a" * 100_000, False),
        (r"(x|x|x)*y", "x" * 100_000, False),
    ],
)
def test_pattern(pattern, value, kept):
    """The last two would keep a backtracking engine busy for longer than the test may run."""
    assert (breach_of(value, "pattern", pattern=pattern) is None) is kept


@pytest.mark.parametrize(
    ("parameters", "value", "kept", "fixed"),
    [
        ({"min": 0, "max": 10}, 10, True, UNFIXED),
        ({"min": 0, "max": 10}, "10.01", False, 10),
        ({"min": 0}, -3, False, 0),
        ({"max": 0.5}, 1, False, 0.5),
        ({"min": 0}, "cheap", False, UNFIXED),
        ({"min": 0}, True, False, UNFIXED),
        ({"min": 0}, None, True, UNFIXED),
        ({"max": 10}, 10**400, False, 10),
        ({"min": 0}, float("nan"), False, UNFIXED),
        ({"min": 0}, [1], False, UNFIXED),
    ],
)
def test_range(parameters, value, kept, fixed):
    breach = breach_of(value, "range", **parameters)
    assert (breach is None) is kept
    if breach is not None:
        assert breach.reason is RejectionReason.RANGE
        assert breach.fixed == fixed


def test_a_band_has_a_reason_of_its_own():
    breach = breach_of(50_000, "band", max=5000)
    assert breach is not None
    assert (breach.reason, breach.expected) == (RejectionReason.BAND, "a number of at most 5000 (rule band)")


@pytest.mark.parametrize(
    ("values", "value", "kept", "fixed"),
    [
        (("PCS", "SET"), "SET", True, UNFIXED),
        (("PCS", "SET"), "ｐcs ", False, "PCS"),
        (("PCS", "pcs"), "Pcs", False, UNFIXED),  # it may be either
        (("1", "2"), 2, True, UNFIXED),
        (("1", "2"), 3, False, UNFIXED),
    ],
)
def test_one_of(values, value, kept, fixed):
    breach = breach_of(value, "one_of", values=values)
    assert (breach is None) is kept
    if breach is not None:
        assert breach.fixed == fixed


@pytest.mark.parametrize(
    ("rule", "parameters"),
    [
        ("required", {}),
        *(("type", {"type": kind.value}) for kind in ValueType if kind),
        ("length", {"min": 1, "max": 2}),
        ("pattern", {"pattern": "a*"}),
        ("range", {"min": -1, "max": 1}),
        ("band", {"min": -1, "max": 1}),
        ("one_of", {"values": ("a", "1")}),
    ],
)
def test_any_json_is_judged_and_what_a_rule_puts_right_keeps_it(rule, parameters):
    compiled = compile_rule(RuleSpec("textField_x", rule, **parameters), ValueType.AS_IS)
    assert compiled is not None

    @given(JSON)
    def judge(value):
        breach = compiled.check(value, {})
        if breach is not None and breach.fixed is not UNFIXED:
            assert compiled.check(breach.fixed, {}) is None

    judge()
