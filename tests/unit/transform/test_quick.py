"""The short way of a text field gives what the long way gives, for any product."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmsyncd.records import ContentHash, Draft, Item, SourceId
from xmsyncd.transform.fields import FieldSpec
from xmsyncd.transform.mapping import FieldMapping, RuleSpec
from xmsyncd.yida.kinds import Kind, Shape
from xmsyncd.yida.values import Encoder

KEY, NAME, FIRST = "textField_key", "textField_name", "textField_first"
FIELDS = (
    FieldSpec(KEY, value="{{no}}"),
    FieldSpec(NAME, "产品名称", value="{name}"),
    FieldSpec(FIRST, value="{list.0|trim}-{{name}}"),
    FieldSpec("numberField_n", type="float", value="{n}"),
)
RULES = (RuleSpec(NAME, "required"), RuleSpec(NAME, "type", "string"))
ENCODER = Encoder(
    {name: Shape(Kind.TEXT) for name in (KEY, NAME, FIRST)} | {"numberField_n": Shape(Kind.NUMBER)}
)

SHORT = FieldMapping(FIELDS, RULES, KEY, ENCODER)
LONG = FieldMapping(FIELDS, RULES, KEY, lambda *value: ENCODER(*value))

SCALAR = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from([" A-1 ", "\ud800", "　", "", "9" * 5000]),
)
VALUE = st.one_of(
    SCALAR, st.lists(SCALAR, max_size=2), st.dictionaries(st.text(max_size=2), SCALAR, max_size=2)
)


def item(product: dict[str, Any]) -> Item:
    return Item(SourceId("1"), None, product, ContentHash("h"))


@settings(max_examples=1000)
@given(st.dictionaries(st.sampled_from(["no", "name", "list", "n"]), VALUE))
def test_both_ways_end_the_same(product):
    assert SHORT.map_item(item(product), None, {}) == LONG.map_item(item(product), None, {})


@pytest.mark.parametrize("product", [{"no": "A-1", "name": "螺栓"}, {"no": 7, "name": 8.50, "list": [" x "]}])
def test_what_is_plain_goes_the_short_way(product, monkeypatch):
    """Else this would all be for nothing."""
    monkeypatch.setattr(
        "xmsyncd.transform.fields.require_writable", lambda _value: pytest.fail("the long way")
    )
    fields = FieldMapping(FIELDS[:3], RULES, KEY, ENCODER)
    assert isinstance(fields.map_item(item(product), None, {}), Draft)
