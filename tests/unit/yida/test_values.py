"""Values by component kind: what is written, and that what Yida shows turns back into it."""

from __future__ import annotations

import contextlib
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shapes import shapes_of_ids
from xmsyncd.yida.kinds import COMPONENT_TYPES, Kind, kind_of, search_component_name
from xmsyncd.yida.values import encode, normalise


@pytest.mark.parametrize(
    ("component", "value", "written"),
    [
        ("textField_a", "ZP-001", "ZP-001"),
        ("textField_a", 3, "3"),
        ("textField_a", 200.0, "200"),
        ("textField_a", 0.1, "0.1"),
        ("textField_a", True, "true"),
        ("textField_a", None, ""),
        ("textField_a", [], ""),
        ("textareaField_a", "一\n二  ", "一\n二  "),
        ("numberField_a", "200.0000", 200),
        ("numberField_a", 12.5, 12.5),
        ("numberField_a", " 0.10 ", 0.1),
        ("numberField_a", "", None),
        ("rateField_a", 4.0, 4),
        ("radioField_a", 1, "1"),
        ("selectField_a", None, ""),
        ("checkboxField_a", "红", ["红"]),
        ("multiSelectField_a", ["红", 2, "", "红"], ["2", "红"]),
        ("multiSelectField_a", '["红","绿"]', ["红", "绿"]),
        ("checkboxField_a", "", []),
        ("employeeField_a", "user-1", ["user-1"]),
        ("dateField_a", "2024-01-02 08:00:00", 1704153600000),
        ("dateField_a", "2024-01-02", 1704124800000),
        ("dateField_a", "2024-01-02T00:00:00Z", 1704153600000),
        ("dateField_a", datetime(2024, 1, 2, tzinfo=UTC), 1704153600000),
        ("dateField_a", 1704153600, 1704153600000),
        ("dateField_a", "1704153600000", 1704153600000),
        ("dateField_a", "0000-00-00 00:00:00", None),
        ("dateField_a", "", None),
        (
            "imageField_a",
            '[{"name":"a","url":"https://x.test/a"}]',
            [
                {
                    "name": "a",
                    "url": "https://x.test/a",
                    "downloadUrl": "https://x.test/a",
                    "previewUrl": "https://x.test/a",
                }
            ],
        ),
        ("addressField_a", {"address": "路"}, {"address": "路", "regionIds": [], "regionText": []}),
        ("imageField_a", "", []),
        ("myAlias", {"a": [1]}, {"a": [1]}),
        ("myAlias", None, ""),
    ],
)
def test_a_value_is_written_as_its_component_expects(component: str, value: Any, written: Any) -> None:
    result = encode(component, "", value)
    assert result == written
    assert type(result) is type(written)


@pytest.mark.parametrize(
    ("component", "value", "expected"),
    [
        ("numberField_a", "1,234", "plain digits"),
        ("numberField_a", True, "plain digits"),
        ("numberField_a", math.nan, "plain digits"),
        ("numberField_a", 12345678901234567890, "15 digits"),
        ("numberField_a", "1e999", "15 digits"),
        ("rateField_a", 2.5, "whole number"),
        ("radioField_a", ["a", "b"], "one option"),
        ("checkboxField_a", [{"a": 1}], "list of texts"),
        ("dateField_a", "soon", "epoch milliseconds"),
        ("dateField_a", 12, "epoch milliseconds"),
        ("dateField_a", 10**20, "epoch milliseconds"),
        ("dateField_a", datetime(2024, 1, 2), "zone"),  # noqa: DTZ001 - the naive time is the fault
        ("imageField_a", "picture.png", "address that begins with https"),
        ("serialNumberField_a", "1", "generates"),
    ],
)
def test_a_value_that_does_not_fit_says_what_would(component: str, value: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        encode(component, "", value)


@pytest.mark.parametrize(
    ("component", "value"),
    [
        ("imageField_a", "，" * 100_000),
        ("imageField_a", "https://a.example/" + "," * 100_000 + "x"),
        ("linkField_a", "https://" + "a" * 100_000 + " "),
        ("cascadeDateField_a", "1 " * 50_000),
        ("cascadeSelectField_a", "/" * 100_000),
        ("cascadeSelectField_a", "a/" * 100_000),
        ("tableField_a", [{"textField_a": "x"}] * 501),
        ("tableField_a", [{"sku_code": "x"}]),
        ("tableField_a", [{"tableField_b": []}]),
        ("tableField_a", [{"numberField_b": "x"}]),
        ("imageField_a", ["https://a.example/1"] * 201),
        ("imageField_a", {"url": "https://[broken"}),
        ("imageField_a", {"url": "javascript:alert(1)"}),
        ("imageField_a", {"url": "https://a.example/1", "name": "n" * 201}),
        ("linkField_a", "https://a.example/" + "a" * 2048),
        ("addressField_a", {"address": "路" * 2001}),
        ("addressField_a", {"address": "路", "regionIds": ["x"]}),
        ("addressField_a", {"address": "路", "regionText": [1]}),
        ("countrySelectField_a", 86),
        ("cascadeDateField_a", ["2026-01-02", "2026-01-01"]),
        ("cascadeDateField_a", ["2026-01-02"]),
        ("associationFormField_a", "FINST-1"),
        ("radioField_a", '["a"]'),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.timeout(5)
def test_a_value_of_several_parts_is_bounded_and_refused_in_words(component: str, value: Any) -> None:
    """In no time, however long a text is."""
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        encode(component, "", value)


def test_long_texts_that_hold_little_are_read_in_no_time() -> None:
    assert encode("cascadeDateField_a", "", " " * 100_000 + "~") == []
    assert encode("employeeField_a", "", ", " * 100_000 + "user") == ["user"]
    assert encode("imageField_a", "", []) == encode("imageField_a", "", [{"file_url": ""}]) == []


def test_the_declared_type_decides_only_where_the_id_tells_nothing() -> None:
    assert encode("textField_a", "int", 3) == "3"
    assert encode("myAlias", "string", 3) == "3"
    assert encode("myAlias", "float", "2.50") == 2.5
    assert encode("myAlias", "string", None) == encode("myAlias", "int", "") == ""
    assert kind_of("employeeField_x", "string") is Kind.MEMBERS


def test_component_names_for_the_search() -> None:
    assert search_component_name("textField_lq23ags2") == "TextField"
    assert search_component_name("textareaField_lq23ags6") == "TextareaField"
    assert search_component_name("numberField_1") is None


@pytest.mark.parametrize(
    ("component", "shown", "content"),
    [
        ("textField_a", {}, ""),
        ("textField_a", {"textField_a": None}, ""),
        ("textField_a", {"textField_a": "  "}, "  "),
        ("textField_a", {"textField_a": 7}, "7"),
        ("numberField_a", {"numberField_a": 200, "numberField_a_value": "200.0000"}, 200),
        ("numberField_a", {"numberField_a_value": "12.50"}, 12.5),
        ("numberField_a", {"numberField_a": ""}, None),
        ("numberField_a", {"numberField_a": "n/a"}, "n/a"),
        ("dateField_a", {"dateField_a": 1704153600000}, 1704153600000),
        ("dateField_a", {"dateField_a": "1704153600000"}, 1704153600000),
        ("radioField_a", {"radioField_a": "是", "radioField_a_id": "1"}, "是"),
        ("radioField_a", {"radioField_a": ["是"]}, "是"),
        ("checkboxField_a", {"checkboxField_a": ["红"]}, ["红"]),
        ("checkboxField_a", {"checkboxField_a": '["红"]'}, ["红"]),
        ("checkboxField_a", {}, []),
        ("employeeField_a", {"employeeField_a": ["张三"], "employeeField_a_id": ["user-1"]}, ["user-1"]),
        ("imageField_a", {"imageField_a": '[{"name":"a"}]'}, '[{"name":"a"}]'),
        ("imageField_a", {"imageField_a": "[]"}, []),
        ("addressField_a", {"addressField_a": "", "addressField_a_id": ""}, None),
        ("addressField_a", {"addressField_a": "[1]"}, "[1]"),
        ("serialNumberField_a", {"serialNumberField_a": "S1"}, "S1"),
        ("myAlias", {"myAlias": 5}, 5),
    ],
)
def test_what_yida_shows_becomes_what_was_written(
    component: str, shown: dict[str, Any], content: Any
) -> None:
    assert normalise(shapes_of_ids([component]), {**shown, "unmapped": 1}) == {component: content}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
PREFIXES = st.sampled_from([*COMPONENT_TYPES, "other"])


@given(PREFIXES, JSON)
def test_any_json_is_written_or_refused_and_normalising_never_raises(prefix: str, value: Any) -> None:
    component = f"{prefix}_a"
    normalise(
        shapes_of_ids([component]), {component: value, f"{component}_id": value, f"{component}_value": value}
    )
    with contextlib.suppress(ValueError):
        encode(component, "", value)


@given(
    st.sampled_from(["textField", "numberField", "rateField", "selectField", "checkboxField", "dateField"]),
    st.none() | st.integers(-(2**40), 2**40) | st.text(max_size=12) | st.floats(allow_nan=False),
)
def test_a_store_that_keeps_what_is_written_shows_the_same_content(prefix: str, value: Any) -> None:
    component = f"{prefix}_a"
    try:
        written = encode(component, "", value)
    except ValueError:
        return
    assert normalise(shapes_of_ids([component]), {component: written}) == {component: written}
