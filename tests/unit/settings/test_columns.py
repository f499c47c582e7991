"""Tables in ``fields``: columns nested or as a flat list, types and parsers, and what is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.settings.conftest import Loader
from xmsyncd.settings import ComponentName
from xmsyncd.transform.parsers import ParserName
from xmsyncd.yida.kinds import COMPONENT_TYPES, Kind

TABLE = {"field": "tableField_t", "label": "规格", "type": "array", "value": "sku_items"}
CODE = {"field": "textField_code", "label": "编码", "type": "string", "value": "{{sku_items.sku_code}}"}
PRICE = {"field": "numberField_price", "type": "float", "value": "{price}"}


def put(load: Loader, *entries: dict[str, Any]) -> None:
    load.tree["pipelines"]["products"]["fields"] += entries


def test_columns_nested_and_as_a_flat_list_are_the_same(load: Loader) -> None:
    put(load, {**TABLE, "children": [CODE, PRICE, {"field": "", "value": ""}]})
    nested = load().pipelines["products"].fields
    load.tree["pipelines"]["products"]["fields"][2:] = [
        {**CODE, "parent": "tableField_t"},
        {**TABLE, "id": "t1", "parent": None},
        {**PRICE, "parent": "t1"},
    ]
    flat = load().pipelines["products"].fields
    for fields in (nested, flat):
        assert [one.field for one in fields] == ["textField_name", "textField_no", "tableField_t"]
        columns = fields[2].children
        assert [(one.field, one.label, one.type.value, one.value) for one in columns] == [
            ("textField_code", "编码", "string", "{{sku_items.sku_code}}"),
            ("numberField_price", "", "float", "{price}"),
        ]


def test_a_whole_entry_of_the_platform_is_taken_as_it_stands(load: Loader) -> None:
    rest = {"describe": "", "is_required": False, "id": "x", "parent": None, "children": None, "mapping": ""}
    put(load, {**rest, "field": "multiSelectField_m", "type": "array", "value": "{tags}",
               "parser": {"name": "StringToArray", "params": ","}})  # fmt: skip
    put(load, {**rest, "field": "textField_b", "value": "{b}", "children": [], "parser": {}})
    entry, other = load().pipelines["products"].fields[2:]
    assert entry.parser is not None
    assert (entry.parser.name, entry.parser.params) == (ParserName.STRING_TO_ARRAY, ",")
    assert other.parser is None
    assert other.children == []


@pytest.mark.parametrize(
    ("entry", "where", "found", "expected"),
    [
        ({**PRICE, "parent": "tableField_x"}, "[3].parent", "tableField_x", "nearest: tableField_t"),
        ({**PRICE, "parent": "textField_name"}, "[3].parent", "textField_name", "a table"),
        ({**TABLE, "field": "textField_t", "children": [CODE]}, "[3].children", "textField_t", "TableField"),
        (
            {**TABLE, "field": "tableField_u", "children": [{**CODE, "children": [PRICE]}]},
            "[3].children[0].children",
            "columns of a column",
            "no columns",
        ),
        (
            {**TABLE, "field": "tableField_u", "children": [{**CODE, "value": "{x"}]},
            "[3].children[0].value",
            "character 1",
            "close",
        ),
        (
            {**TABLE, "field": "tableField_u", "children": [{**CODE, "lable": "x"}]},
            "[3].children[0].lable",
            "unknown key",
            "nearest: label",
        ),
        ({**PRICE, "component_name": "NumbrField"}, "[3].component_name", "NumbrField", "NumberField"),
        ({**PRICE, "parser": {"name": "ConvertJson"}}, "[3].parser.name", "ConvertJson", "StringToArray"),
    ],
)
def test_what_is_wrong_with_a_table_is_told(
    load: Loader, entry: dict[str, Any], where: str, found: str, expected: str
) -> None:
    put(load, {**TABLE, "children": [CODE]}, entry)
    (fault,) = load.faults()
    assert where in fault.where
    assert found in fault.found
    assert expected in fault.expected


def test_the_key_is_no_other_component_than_text(load: Loader) -> None:
    load.put("pipelines.products.fields.1.component_name", "NumberField")
    (fault,) = load.faults()
    assert fault.where.startswith("pipelines.products.target.key")


def test_the_settings_know_the_types_that_can_be_written() -> None:
    writable = [name for name, one in COMPONENT_TYPES.items() if one.kind is not Kind.SERIAL]
    assert sorted(ComponentName) == sorted(writable)
