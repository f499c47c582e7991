"""OKKI's dictionary of fields, from whatever shape it is shown in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.okki.fields import dictionary_from
from xmsyncd.transform.custom_fields import CustomField, FieldDictionary, UnknownFieldError

ROWS = [
    {"id": "name", "name": "产品名称", "base": 1},
    {"id": 30001, "name": " 保修期 ", "base": 0},
    {"id": "30002", "name": "认证"},
    {"id": "", "name": "无编号", "base": 0},
    {"id": "30003", "name": "", "base": 0},
    None,
]
FIELDS = (
    CustomField("name", "产品名称", is_custom=False),
    CustomField("30001", "保修期"),
    CustomField("30002", "认证"),
)


@pytest.mark.parametrize("data", [ROWS, {"list": ROWS}, {"fields": ROWS}])
def test_bare_or_under_a_key(data: Any):
    assert dictionary_from(data).fields == FIELDS


@pytest.mark.parametrize("data", [None, [], {}])
def test_nothing_is_an_empty_dictionary(data: Any):
    assert len(dictionary_from(data)) == 0


@pytest.mark.parametrize("data", ["x", 3, {"rows": 1}])
def test_a_strange_answer_is_no_empty_dictionary(data: Any):
    with pytest.raises(ValueError, match="array"):
        dictionary_from(data)


def test_it_is_read_back_from_what_the_ledger_keeps():
    dictionary = dictionary_from(ROWS)
    assert FieldDictionary.from_rows(dictionary.to_rows()).fields == dictionary.fields
    assert FieldDictionary.from_rows(dictionary.to_rows()).hash == dictionary.hash


def test_a_name_that_is_not_there_is_told():
    with pytest.raises(UnknownFieldError, match="not in the field dictionary"):
        dictionary_from(ROWS).find("质保")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "name", "base", "list"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(JSON)
def test_whatever_okki_answers_it_is_a_dictionary_or_a_value_error(data: Any):
    try:
        dictionary = dictionary_from(data)
    except ValueError:
        return
    assert all(field.id and field.name for field in dictionary.fields)
