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
    Component("attachmentField_a", "AttachmentField"),
    Component("linkField_a", "LinkField"),
    Component("associationFormField_a", "AssociationFormField"),
    Component("cascadeDateField_a", "CascadeDateField"),
    Component("countrySelectField_a", "CountrySelectField"),
    Component("serialNumberField_a", "SerialNumberField"),
    Component("tableField_a", "TableField"),
    Component("textField_row", parent_id="tableField_a"),
)

IMAGE = {
    "name": "a.png",
    "url": "https://example.com/a.png",
    "downloadUrl": "https://example.com/a.png",
    "previewUrl": "https://example.com/a.png",
}
ADDRESS = {"address": "路", "regionIds": [330000], "regionText": [{"zh_CN": "浙江", "en_US": "Zhejiang"}]}
ASSOCIATION = {
    "appType": "APP_1",
    "formUuid": "FORM-1",
    "formType": "receipt",
    "instanceId": "FINST-1",
    "title": "",
    "subTitle": "",
}


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
        {"imageField_a": [IMAGE]},
        {"addressField_a": ADDRESS},
        {"attachmentField_a": [{**IMAGE, "ext": "png"}]},
        {"linkField_a": [{"link": "https://example.com", "text": "x"}]},
        {"associationFormField_a": [ASSOCIATION]},
        {"cascadeDateField_a": ["", "1700000000000"]},
        {"countrySelectField_a": [{"value": "CN"}]},
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
        ({"addressField_a": {"address": "宁波"}}, "invalidFormData"),
        ({"imageField_a": "https://example.com/a.png"}, "invalidFormData"),
        ({"imageField_a": [{"url": "https://example.com/a.png"}]}, "invalidFormData"),
        ({"imageField_a": [{**IMAGE, "url": "a.png"}]}, "invalidFormData"),
        ({"imageField_a": [{**IMAGE, "size": "1"}]}, "invalidFormData"),
        ({"attachmentField_a": [IMAGE]}, "invalidFormData"),
        ({"linkField_a": "https://example.com"}, "invalidFormData"),
        ({"linkField_a": [{"link": "https://example.com"}]}, "invalidFormData"),
        ({"associationFormField_a": ASSOCIATION}, "invalidFormData"),
        ({"associationFormField_a": [{**ASSOCIATION, "instanceId": ""}]}, "invalidFormData"),
        ({"cascadeDateField_a": [1, 2]}, "invalidFormData"),
        ({"cascadeDateField_a": ["1700000000000"]}, "invalidFormData"),
        ({"cascadeDateField_a": ["2", "1"]}, "invalidFormData"),
        ({"cascadeDateField_a": ["1", ""]}, "invalidFormData"),
        ({"countrySelectField_a": "CN"}, "invalidFormData"),
        ({"countrySelectField_a": ["CN"]}, "invalidFormData"),
        ({"numberField_a": None}, "expectDoubleButNonNumeric"),
        ({"radioField_a": "x" * 256}, "invalidFormData"),
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
            "addressField_a": {
                "address": "路",
                "regionIds": [],
                "regionText": [{"zh_CN": "宁波", "en_US": ""}],
            },
            "tableField_a": [{"textField_row": "x"}],
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
        "addressField_a": '{"address":"路","regionIds":[],"regionText":[{"zh_CN":"宁波","en_US":""}]}',
        "addressField_a_id": "宁波 路",
        "tableField_a": [{"textField_row": "x"}],
    }


def test_an_update_empties_a_number_with_null() -> None:
    """A guess; a create leaves such components out."""
    form = make()
    form.check({"numberField_a": None, "dateField_a": None, "addressField_a": None}, complete=False)
    with pytest.raises(RefusedError, match="invalidFormData"):
        form.check({"imageField_a": None}, complete=False)
    assert form.shown({"numberField_a": None}) == {}


def test_empty_text_may_read_back_as_nothing() -> None:
    """Unknown at the vendor, so all three."""
    assert make(BlankText.ABSENT).shown({"textField_a": ""}) == {}
    assert make(BlankText.NULL).shown({"textField_a": ""}) == {"textField_a": None}
