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


def test_an_id_that_tells_another_type_than_the_form_is_a_warning():
    (found,) = findings({"field": "textField_odd"}, {"field": "textField_no"})
    assert found.state is FindingState.WARNING
