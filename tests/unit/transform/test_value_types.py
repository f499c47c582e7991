"""Values as text, in their declared type, empty, writable and shortened."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.transform.value_types import (
    MAX_DEPTH,
    MismatchError,
    UnwritableError,
    ValueType,
    converter_for,
    is_empty,
    require_writable,
    shortened,
    text_of,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        ("  原样 ", "  原样 "),
        ("200.0000", "200.0000"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-12, "-12"),
        (20240000000017, "20240000000017"),
        (200.0, "200"),
        (-0.0, "0"),
        (1.5, "1.5"),
        (0.1, "0.1"),
        (1e16, "10000000000000000"),
        (1e23, "100000000000000000000000"),
        (1e-7, "0.0000001"),
        (-2.5e-8, "-0.000000025"),
        ([], ""),
        ({}, ""),
        ([1, "二", None, True], '[1,"二",null,true]'),
        ({"b": 1, "a": [2.5]}, '{"a":[2.5],"b":1}'),
    ],
)
def test_text(value, text):
    assert text_of(value) == text


def deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


HUGE = pytest.param(10**5000, id="huge")
DEEP = pytest.param(deep(100_000), id="deep")


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, [math.nan], HUGE, pytest.param([10**5000], id="list"), DEEP, object(), [object()]],
)
def test_what_no_text_can_hold_is_refused(value):
    with pytest.raises(UnwritableError):
        text_of(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_as_text_is_the_same_number_in_plain_digits(number):
    text = text_of(number)
    assert float(text) == number
    assert set(text) <= set("-.0123456789")
    assert not text.endswith((".", ".0"))


@pytest.mark.parametrize(
    ("kind", "value", "result"),
    [
        ("string", 12, "12"),
        ("string", None, ""),
        ("int", "12", 12),
        ("int", " +12\u3000", 12),
        ("int", "200.0000", 200),
        ("int", 12.0, 12),
        ("int", "00012", 12),
        ("int", "", ""),
        ("int", None, ""),
        ("int", [], ""),
        ("float", "1.50", 1.5),
        ("float", ".5", 0.5),
        ("float", "1e3", 1000.0),
        ("float", 3, 3.0),
        ("float", "\u3000", ""),
        ("bool", True, True),
        ("bool", 0, False),
        ("bool", "1", True),
        ("bool", " FALSE ", False),
        ("bool", "", ""),
        ("object", {"a": 1}, {"a": 1}),
        ("object", '{"a": 1}', {"a": 1}),
        ("object", {}, {}),
        ("object", [], ""),
        ("object", None, ""),
        ("array", [1], [1]),
        ("array", "[1, 2]", [1, 2]),
        ("array", [], []),
        ("array", "", ""),
        ("", 12, 12),
        ("", None, ""),
        ("", [1], [1]),
    ],
)
def test_declared_type(kind, value, result):
    """Nothing stays "", whatever the type; numbers come as text in OKKI's answers."""
    found = converter_for(ValueType(kind))(value)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "12.5"),
        ("int", "1,200"),
        ("int", "１２"),
        ("int", "12元"),
        ("int", True),
        ("int", 1.5),
        ("int", math.inf),
        ("int", 2**63),
        pytest.param("int", "9" * 5000, id="long int"),
        ("int", [1]),
        ("float", "1,200.50"),
        ("float", "nan"),
        ("float", "1e999"),
        pytest.param("float", "9" * 5000, id="long float"),
        ("float", 10**400),
        ("float", False),
        ("float", {"a": 1}),
        ("bool", "yes"),
        ("bool", 2),
        ("bool", 1.0),
        ("object", [1]),
        ("object", "[1]"),
        ("object", "text"),
        pytest.param("object", "[" * 100_000, id="deep object"),
        ("array", {"a": 1}),
        ("array", "a,b"),
        ("array", 5),
    ],
)
def test_a_value_of_another_type_is_refused(kind, value):
    with pytest.raises(MismatchError, match=rf"\({kind}\)"):
        converter_for(ValueType(kind))(value)


@pytest.mark.parametrize("value", [None, "", " \t\n", "\u3000", "\xa0", "\ufeff", "\u200b \u2060", [], {}])
def test_empty(value):
    assert is_empty(value)


@pytest.mark.parametrize("value", [0, 0.0, False, "0", "x", [None], {"a": None}, "-"])
def test_not_empty(value):
    assert not is_empty(value)


@given(st.characters())
def test_every_blank_that_python_strips_is_empty(character):
    if not character.strip():
        assert is_empty(character)


@pytest.mark.parametrize(
    "value",
    [
        "\ud800",
        ["a", {"b": "\udfff"}],
        {"\ud800": 1},
        math.nan,
        [math.inf],
        2**63,
        {"a": -(2**63) - 1},
        deep(MAX_DEPTH + 1),
        DEEP,
        {1: "a"},
        object(),
    ],
)
def test_unwritable(value):
    with pytest.raises(UnwritableError):
        require_writable(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e9, 1e9) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_is_writable(value):
    require_writable(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\nb", '"a\\nb"'),
        ("产品", '"产品"'),
        ("\u3000\u200b", '"\\u3000\\u200b"'),
        ("\ud800", '"\\ud800"'),
        (12, "12"),
        (None, "null"),
    ],
)
def test_shortened(value, text):
    assert shortened(value) == text


@given(st.recursive(st.floats() | st.text() | st.integers(), st.lists))
def test_shortened_is_one_short_line_that_can_be_written(value):
    text = shortened(value)
    assert len(text) <= 80
    assert text.isprintable()
    text.encode()


def test_shortened_survives_what_cannot_be_shown():
    assert shortened(deep(100_000)) == "a list that cannot be shown"
    assert shortened("x" * 1_000_000).endswith("…")
