"""What a component accepts, and how it reads back."""

from __future__ import annotations

from typing import Any

import pytest

from xmsyncd.simulator.forms import Form
from xmsyncd.simulator.options import BlankText, Component, SimulatorOptions
from xmsyncd.simulator.refusals import RefusedError
from xmsyncd.simulator.times import SimulatedClock
from xmsyncd.simulator.yida_app import YidaApp

COMPONENTS = (
    Component("textField_a"),
    Component("numberField_a", "NumberField"),
    Component("rateField_a", "RateField"),
    Component("radioField_a", "RadioField", options=("红", "绿")),
    Component("multiSelectField_a", "MultiSelectField", options=("红", "绿")),
    Component("dateField_a", "DateField"),
    Component("employeeField_a", "EmployeeField"),
    Component("imageField_a", "ImageField"),
    Component("addressField_a", "AddressField"),
    Component("serialNumberField_a", "SerialNumberField"),
    Component("tableField_a", "TableField"),
    Component("textField_row", parent_id="tableField_a"),
)


def make(blank_text: BlankText = BlankText.SHOWN) -> Form:
    options = SimulatorOptions(components=COMPONENTS, blank_text=blank_text)
    return YidaApp(options, SimulatedClock()).form


@pytest.mark.parametrize(
    "data",
    [
        {"textField_a": ""},
        {"numberField_a": 1.5},
        {"rateField_a": 4},
        {"radioField_a": "红"},
        {"multiSelectField_a": ["红", "绿"]},
        {"dateField_a": 1_700_000_000_000},
        {"employeeField_a": ["user1"]},
        {"imageField_a": [{"url": "https://example.com/a.png"}]},
        {"addressField_a": {"address": "宁波"}},
        {"tableField_a": [{"textField_row": "x"}]},
    ],
)
def test_documented_values_are_accepted(data: dict[str, Any]) -> None:
    """One of each kind."""
    make().check(data, complete=True)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"textField_a": 1}, "invalidFormData"),
        ({"textField_a": None}, "invalidFormData"),
        ({"numberField_a": "1"}, "expectDoubleButNonNumeric"),
        ({"numberField_a": True}, "expectDoubleButNonNumeric"),
        ({"rateField_a": 4.5}, "invalidFormData"),
        ({"radioField_a": "蓝"}, "invalidFormData"),
        ({"multiSelectField_a": "红"}, "invalidFormData"),
        ({"multiSelectField_a": ["蓝"]}, "invalidFormData"),
        ({"dateField_a": "2024-01-01"}, "invalidFormData"),
        ({"employeeField_a": "user1"}, "invalidFormData"),
        ({"addressField_a": "宁波"}, "invalidFormData"),
        ({"serialNumberField_a": "1"}, "invalidFormData"),
        ({"tableField_a": [1]}, "invalidFormData"),
        ({"tableField_a": [{"textField_a": "x"}]}, "invalidComponentID"),
        ({"textField_row": "x"}, "invalidComponentID"),
        ({"textField_nobody": "x"}, "invalidComponentID"),
    ],
)
def test_other_values_are_refused(data: dict[str, Any], code: str) -> None:
    """With the vendor's codes."""
    with pytest.raises(RefusedError, match=code):
        make().check(data, complete=True)


def test_required_components_count_for_creates_only() -> None:
    """An update may leave them out."""
    form = make()
    form.set_components([Component("textField_a", required=True), Component("textField_b")])
    with pytest.raises(RefusedError, match="invalidFormData"):
        form.check({"textField_b": "x"}, complete=True)
    form.check({"textField_b": "x"}, complete=False)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ({"textField_a": "x"}, "invalidFormat"),
        ("{", "invalidFormat"),
        ("[]", "invalidFormat"),
        ("{}", "formDataIsBlank"),
    ],
)
def test_form_data_is_a_string_that_holds_an_object(text: Any, code: str) -> None:
    """An object instead of the string is the usual slip."""
    with pytest.raises(RefusedError, match=code):
        make().parsed(text, "formDataJson")


def test_reading_back_differs_from_writing() -> None:
    """More keys, names for ids, JSON as text."""
    shown = make().shown(
        {
            "textField_a": "",
            "numberField_a": 1.5,
            "radioField_a": "红",
            "employeeField_a": ["user1"],
            "imageField_a": [{"url": "u"}],
            "addressField_a": {"address": "宁波"},
        }
    )
    assert shown == {
        "textField_a": "",
        "numberField_a": 1.5,
        "numberField_a_value": "1.5",
        "radioField_a": "红",
        "radioField_a_id": "红",
        "employeeField_a": ["名称user1"],
        "employeeField_a_id": ["user1"],
        "imageField_a": '[{"url":"u"}]',
        "addressField_a": '{"address":"宁波"}',
        "addressField_a_id": "宁波",
    }


def test_empty_text_may_read_back_as_nothing() -> None:
    """Unknown at the vendor, so all three."""
    assert make(BlankText.ABSENT).shown({"textField_a": ""}) == {}
    assert make(BlankText.NULL).shown({"textField_a": ""}) == {"textField_a": None}
