"""The columns of a table: what each row gives, and how a bad cell is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.errors import ConfigurationError
from xmsyncd.records import ContentHash, Draft, Filtered, Item, Rejection, RejectionReason, SourceId
from xmsyncd.transform.derivation_specs import ValueSpec
from xmsyncd.transform.mapping import FieldMapping, FieldSpec, RuleSpec
from xmsyncd.transform.rows import MAX_ROWS

KEY = FieldSpec("textField_key", value="{product_no}")
CODE = FieldSpec("textField_code", "编码", "string", "{sku_code}")
PRICE = FieldSpec("numberField_price", "单价", "float", "{{sku_items.price}}")


def as_is(_component: str, _type: str, value: Any) -> Any:
    return value


def table(value: str, *children: FieldSpec, **more: Any) -> FieldSpec:
    return FieldSpec("tableField_t", "规格", "array", value, children=children, **more)


def mapped(*fields: FieldSpec, rules: tuple[RuleSpec, ...] = (), **raw: Any) -> Draft | Filtered | Rejection:
    mapping = FieldMapping((KEY, *fields), rules, "textField_key", as_is)
    item = Item(SourceId("1"), None, {"product_no": "P-1", "name": "产品", **raw}, ContentHash(""))
    return mapping.map_item(item, None, {})


def rows_of(*fields: FieldSpec, **raw: Any) -> Any:
    draft = mapped(*fields, **raw)
    assert isinstance(draft, Draft), draft
    return draft.content["tableField_t"]


@pytest.mark.parametrize("value", ["sku_items", " sku_items ", "{sku_items}", "{{sku_items}}"])
def test_each_entry_of_the_array_is_a_row(value: str) -> None:
    sku_items = [{"sku_code": "A", "price": "1.50"}, {"sku_code": "B", "price": 2}]
    assert rows_of(table(value, CODE, PRICE), sku_items=sku_items) == [
        {"textField_code": "A", "numberField_price": 1.5},
        {"textField_code": "B", "numberField_price": 2.0},
    ]


def test_a_row_reaches_the_item_by_its_name_alone() -> None:
    """A field that a row lacks is never the item's of the same name."""
    own = FieldSpec("textField_own", value="{name}")
    item = FieldSpec("textField_item", value="{item.name}: {sku_items.name}")
    (row, other) = rows_of(table("sku_items", own, item), sku_items=[{}, {"name": "红"}])
    assert row == {"textField_own": "", "textField_item": "产品: "}
    assert other == {"textField_own": "红", "textField_item": "产品: 红"}


def test_an_array_deeper_in_the_item_and_rows_that_are_no_objects() -> None:
    url = FieldSpec("textField_u", value="{{media.images}}")
    assert rows_of(table("media.images", url), media={"images": ["a", "b"]}) == [
        {"textField_u": "a"},
        {"textField_u": "b"},
    ]
    deep = FieldSpec("textField_u", value="{media.images.file_url}")
    assert rows_of(table("{media.images}", deep), media={"images": [{"file_url": "c"}]}) == [
        {"textField_u": "c"}
    ]


@pytest.mark.parametrize("nothing", [None, "", [], "[]"])
def test_no_array_is_no_row(nothing: Any) -> None:
    assert rows_of(table("sku_items", CODE), sku_items=nothing) == []


def test_the_array_may_be_json_text() -> None:
    assert rows_of(table("sku_items", CODE), sku_items='[{"sku_code": 7}]') == [{"textField_code": "7"}]


def test_a_bad_cell_names_its_row_and_column() -> None:
    found = mapped(table("sku_items", CODE, PRICE), sku_items=[{"price": 1}, {"price": "1,000"}])
    assert isinstance(found, Rejection)
    assert (found.reason, found.component, found.key) == (RejectionReason.TYPE, "tableField_t", "P-1")
    assert found.detail.startswith('tableField_t (规格): row 2, numberField_price (单价): found "1,000"')


def test_a_rule_may_guard_a_column() -> None:
    required = RuleSpec("textField_code", "required")
    found = mapped(table("sku_items", CODE), rules=(required,), sku_items=[{"sku_code": "A"}, {}])
    assert isinstance(found, Rejection)
    assert found.reason is RejectionReason.REQUIRED
    assert "row 2, textField_code (编码)" in found.detail


def test_rows_are_bounded() -> None:
    found = mapped(table("sku_items", CODE), sku_items=[{}] * (MAX_ROWS + 1))
    assert isinstance(found, Rejection)
    assert f"at most {MAX_ROWS} rows" in found.detail


def test_a_value_that_is_no_array_is_rejected() -> None:
    found = mapped(table("sku_items", CODE), sku_items={"sku_code": "A"})
    assert isinstance(found, Rejection)
    assert found.reason is RejectionReason.TYPE


def test_parsers_of_the_platform() -> None:
    several = FieldSpec("multiSelectField_m", "", "array", "{tags}", parser=("StringToArray", ","))
    one = FieldSpec("textField_one", "", "string", "{colours}", parser=("ArrayToString", "/"))
    draft = mapped(several, one, tags="红, 绿,,", colours=["蓝", "", 2])
    assert isinstance(draft, Draft)
    assert draft.content["multiSelectField_m"] == ["红", "绿"]
    assert draft.content["textField_one"] == "蓝/2"
    refused = mapped(several, tags={"a": 1})
    assert isinstance(refused, Rejection)
    assert refused.reason is RejectionReason.TYPE
    assert "StringToArray" in refused.detail


def test_faults_of_columns_are_told_with_their_place() -> None:
    columns = (
        FieldSpec("textField_a", value="{x"),
        FieldSpec("textField_b", type="text", value="{x}"),
        FieldSpec("textField_b", value="{x}", parser=("ConvertJson", "")),
        FieldSpec("tableField_in", value="rows", children=(CODE,)),
    )
    with pytest.raises(ConfigurationError) as raised:
        FieldMapping((KEY, table("rows", *columns)), (), "textField_key", as_is)
    assert [fault.where for fault in raised.value.faults] == [
        "fields.1.children.0.value, character 1",
        "fields.1.children.1.type",
        "fields.1.children.2.field",
        "fields.1.children.2.parser.name",
        "fields.1.children.3.children",
    ]


def test_columns_shape_the_context_and_labels_do_not() -> None:
    def spec_hash(column: FieldSpec) -> str:
        return FieldMapping((KEY, table("rows", column)), (), "textField_key", as_is).spec_hash

    assert spec_hash(CODE) != spec_hash(FieldSpec("textField_code", "编码", "string", "{other}"))
    assert spec_hash(CODE) == spec_hash(FieldSpec("textField_code", "", "string", "{sku_code}"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["sku_code", "price"]), inner)
    ),
    max_leaves=6,
)


@given(JSON)
def test_any_json_as_the_array_is_rows_or_a_rejection(value: Any) -> None:
    found = mapped(table("sku_items", CODE, PRICE), sku_items=value)
    if isinstance(found, Rejection):
        assert found.component == "tableField_t"
    else:
        assert isinstance(found, Draft)
        assert all(
            row.keys() == {"textField_code", "numberField_price"} for row in found.content["tableField_t"]
        )


def test_columns_reach_derived_fields_and_times_through_the_item() -> None:
    columns = (
        FieldSpec("textField_own", value="{item.own}"),
        FieldSpec("textField_level", value="{item.一级分组}"),
        FieldSpec("textField_at", value="{{CURRENT_TIME|datetime}}"),
        FieldSpec("numberField_n", value="_function {x} * 2 + {item.factor}", type="float"),
    )
    own = ValueSpec("own", "{name}!")
    mapping = FieldMapping((KEY, table("rows", *columns)), (), "textField_key", as_is, derive=[own])
    assert {"rows", "factor", "name", "一级分组"} <= mapping.needs
    assert mapping.derived_needs == {"一级分组"}
    assert mapping.volatile == {"tableField_t"}
    raw = {"product_no": "P-1", "name": "产品", "factor": 1, "rows": [{"x": 2}]}
    item = Item(SourceId("1"), None, raw, ContentHash(""))
    found = mapping.map_item(item, None, {"一级分组": "五金", "CURRENT_TIME": 1_795_424_400})
    assert isinstance(found, Draft), found
    assert found.content["tableField_t"] == [
        {
            "textField_own": "产品!",
            "textField_level": "五金",
            "textField_at": "2026-11-23 17:00:00",
            "numberField_n": 5.0,
        }
    ]
    unknown = mapping.map_item(item, None, {"CURRENT_TIME": 1_795_424_400})
    assert isinstance(unknown, Rejection)
    assert unknown.reason is RejectionReason.MAPPING


def test_the_array_may_be_derived() -> None:
    rows = ValueSpec("lines", "{sku_items}")
    mapping = FieldMapping((KEY, table("lines", CODE)), (), "textField_key", as_is, derive=[rows])
    raw = {"product_no": "P-1", "sku_items": [{"sku_code": "A"}]}
    found = mapping.map_item(Item(SourceId("1"), None, raw, ContentHash("")), None, {})
    assert isinstance(found, Draft), found
    assert found.content["tableField_t"] == [{"textField_code": "A"}]
