"""The mapping is held against the form: every wrong component is named, with what would fit."""

from __future__ import annotations

from typing import Any

import pytest

from xmsyncd.operations.components import component_findings
from xmsyncd.operations.findings import Finding, FindingState
from xmsyncd.settings import FieldSettings
from xmsyncd.yida.answers import Component

FORM = (
    Component("textField_name", "TextField", "产品名称", ""),
    Component("textField_no", "TextField", "产品编码", ""),
    Component("textareaField_remark", "TextareaField", "产品备注", ""),
    Component("numberField_price", "NumberField", "价格", ""),
    Component("dateField_since", "DateField", "日期", ""),
    Component("selectField_kind", "SelectField", "种类", ""),
    Component("serialNumberField_1", "SerialNumberField", "流水号", ""),
    Component("tableField_1", "TableField", "明细", ""),
    Component("textField_inner", "TextField", "明细备注", "tableField_1"),
    Component("textField_odd", "NumberField", "其实是数字", ""),
    Component("numberField_key", "NumberField", "编号", ""),
    Component("price", "NumberField", "单价", ""),
    Component("textField_new", "NewField", "", ""),
    Component("textField_wrong", "NumberField", "数量", "tableField_1"),
    Component("tableField_2", "TableField", "别的", ""),
    Component("textField_other", "TextField", "", "tableField_2"),
)


def findings(*fields: dict[str, Any], key: str = "textField_no") -> list[Finding]:
    settings = [FieldSettings(**{"value": "{x}", **field}) for field in fields]
    return component_findings("pipelines.products", settings, key, FORM)


def test_what_fits_is_one_good_finding():
    (found,) = findings({"field": "textField_name"}, {"field": "textField_no"})
    assert found.state is FindingState.OK
    assert "2 components" in found.found


def test_an_unknown_component_is_named_with_the_nearest_one_and_its_label():
    (found,) = findings({"field": "textField_nam"}, {"field": "textField_no"})
    assert found.state is FindingState.FAILED
    assert "textField_nam" in found.found
    assert "textField_name (产品名称, TextField)" in found.expected


def test_the_same_label_is_nearer_than_a_similar_id():
    (found,) = findings({"field": "textField_nam", "label": "产品备注"})
    assert "textareaField_remark" in found.expected


def test_all_faults_are_told_at_once():
    assert len(findings({"field": "a"}, {"field": "b"}, {"field": "textField_no"})) == 2


def test_a_form_without_components_is_no_crash():
    settings = [FieldSettings(field="a", value="{x}")]
    (found,) = component_findings("p", settings, "a", ())
    assert found.expected == "a component of the form"


@pytest.mark.parametrize("component", ["numberField_key", "selectField_kind", "textField_odd"])
def test_a_key_that_is_no_text_component_is_refused(component):
    (found,) = findings({"field": component, "type": "int"}, key=component)
    assert found.state is FindingState.FAILED
    assert "TextField" in found.expected


@pytest.mark.parametrize(
    ("component", "value_type"),
    [
        ("serialNumberField_1", "string"),
        ("textField_inner", "string"),
        ("numberField_price", "object"),
        ("dateField_since", "array"),
        ("selectField_kind", "array"),
        ("tableField_1", "int"),
    ],
)
def test_what_cannot_be_written_is_refused(component, value_type):
    (found,) = findings({"field": component, "type": value_type}, {"field": "textField_no"})
    assert found.state is FindingState.FAILED


@pytest.mark.parametrize(
    ("component", "value_type"),
    [
        ("textField_name", "float"),
        ("numberField_price", "string"),
        ("numberField_price", "float"),
        ("dateField_since", "string"),
        ("selectField_kind", "string"),
        ("tableField_1", "array"),
        ("textField_name", ""),
    ],
)
def test_what_may_fit_is_let_through(component, value_type):
    (found,) = findings({"field": component, "type": value_type}, {"field": "textField_no"})
    assert found.state is FindingState.OK, found


def test_an_id_that_tells_another_type_than_the_form_is_refused_until_the_type_is_said():
    (found,) = findings({"field": "textField_odd"}, {"field": "textField_no"})
    assert found.state is FindingState.FAILED
    assert found.what.endswith("textField_odd (其实是数字)")
    assert "NumberField (数值)" in found.found
    assert found.expected == "component_name: NumberField"
    said = {"field": "textField_odd", "component_name": "NumberField"}
    (found,) = findings(said, {"field": "textField_no"})
    assert found.state is FindingState.OK


def test_an_id_that_tells_no_type_is_told_its_setting():
    entry = {"field": "price", "type": "int"}
    (found,) = findings(entry, {"field": "textField_no"})
    assert found.state is FindingState.FAILED
    assert "component_name: NumberField" in found.advice
    (found,) = findings({**entry, "component_name": "NumberField"}, {"field": "textField_no"})
    assert found.state is FindingState.OK
    (found,) = findings({**entry, "component_name": "DateField"}, {"field": "textField_no"})
    assert "component_name says DateField" in found.found


def test_a_type_that_nobody_knows_is_doubtful():
    (found,) = findings({"field": "textField_new"}, {"field": "textField_no"})
    assert found.state is FindingState.WARNING


@pytest.mark.parametrize(
    ("column", "found", "advice"),
    [
        ("textField_name", "outside tables", "out of children"),
        ("textField_inner2", "no component", "唯一标识"),
        ("textField_other", "the sub-table tableField_2 (别的)", "children of tableField_2"),
        ("textField_wrong", "NumberField", "component_name: NumberField"),
    ],
)
def test_a_column_must_be_one_of_this_table(column, found, advice):
    table = {"field": "tableField_1", "type": "array", "value": "rows", "children": [
        {"field": column, "value": "{x}"}, {"field": "textField_inner", "value": "{y}"}
    ]}  # fmt: skip
    (told,) = findings(table, {"field": "textField_no"})
    assert told.state is FindingState.FAILED
    assert column in told.what
    assert "tableField_1 column" in told.what
    assert found in told.found
    assert advice in told.advice


def test_a_table_with_its_columns_fits():
    table = {"field": "tableField_1", "type": "array", "value": "rows"}
    column = {"field": "textField_inner", "value": "{y}"}
    (told,) = findings({**table, "children": [column]}, {"field": "textField_no"})
    assert told.state is FindingState.OK
    assert "3 components" in told.found
    (told,) = findings({**table, "field": "textField_name", "children": [column]}, {"field": "textField_no"})[
        :1
    ]
    assert "has columns" in told.found
