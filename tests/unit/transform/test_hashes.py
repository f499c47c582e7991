"""One text for equal JSON values."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmsyncd.transform.hashes import canonical_json, hash_of

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=[]), max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=80)
@given(JSON)
def test_the_text_holds_the_value_and_does_not_depend_on_the_order_of_keys(value):
    text = canonical_json(value)
    assert json.loads(text) == value
    assert canonical_json(reversed_keys(value)) == text


def reversed_keys(value):
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(value)}
    return [reversed_keys(inner) for inner in value] if isinstance(value, list) else value


def test_keys_are_sorted_and_nothing_is_spaced():
    assert canonical_json({"b": [1, "型号"], "a": None}) == '{"a":null,"b":[1,"型号"]}'.encode()


@pytest.mark.parametrize(
    ("value", "text"),
    [("\ud800", rb'"\ud800"'), (2**64, b"18446744073709551616"), ({"b": 2**70, "a": "中"}, None)],
)
def test_lone_surrogates_and_long_integers_do_not_crash(value, text):
    assert text is None or canonical_json(value) == text
    assert json.loads(canonical_json(value)) == value


def test_values_of_different_types_have_different_hashes():
    assert len({hash_of(value) for value in (1, 1.0, "1", True, [1], None, "")}) == 7


def test_any_mapping_counts_as_an_object():
    assert canonical_json(MappingProxyType({"a": MappingProxyType({})})) == b'{"a":{}}'


@pytest.mark.parametrize("value", [datetime(2026, 1, 1, tzinfo=UTC), {1, 2}, b"bytes"])
def test_what_is_not_json_is_refused(value):
    with pytest.raises(TypeError):
        canonical_json(value)


def test_a_hash_is_stable_between_versions():
    """It is stored in ledgers: another algorithm would make every record look changed."""
    assert hash_of({"textField_a": "螺丝", "numberField_b": 3}) == "c489aa9826939b5af1d82d4bb79c5788"
