"""Which settings belong to which list of OKKI, and the page that tells them apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from xmsyncd.settings.resource_reference import render_resources
from xmsyncd.settings.resources import RESOURCES

ROOT = Path(__file__).parents[3]
SOURCE = "pipelines.products.source"


@pytest.mark.parametrize(("page", "chinese"), [("resources.md", False), ("resources.zh-CN.md", True)])
def test_the_committed_page_of_the_lists_is_the_table(page: str, chinese: bool):
    """If this fails: python -m xmsyncd.settings.resource_reference [zh-CN] > docs/resources[.zh-CN].md"""
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == render_resources(chinese=chinese)


@pytest.mark.parametrize("row", RESOURCES.values(), ids=lambda row: row.name)
def test_a_list_comes_with_its_own_defaults(load, row):
    load.put(f"{SOURCE}.resource", row.name)
    source = load().pipelines["products"].source
    assert source.time_type == (1 if row.time_types else None)
    assert source.detail_fields == list(row.detail_fields)
    assert source.total_keys == list(row.total_keys)


def test_what_somebody_has_set_stays(load):
    load.put(SOURCE, {"resource": "company", "time_type": 2, "detail_fields": ["star"], "total_keys": ["n"]})
    source = load().pipelines["products"].source
    assert (source.time_type, source.detail_fields, source.total_keys) == (2, ["star"], ["n"])
    load.put(SOURCE, {"resource": "company", "time_type": None})
    assert load().pipelines["products"].source.time_type is None


def test_products_are_read_as_ever(load):
    source = load().pipelines["products"].source
    assert (source.resource, source.time_type) == ("product", 1)
    assert source.detail_fields == ["product_type"]
    assert source.total_keys == ["count", "totalItem", "total"]


def test_an_unknown_list_is_told_the_known_ones(load):
    load.put(f"{SOURCE}.resource", "suppliers")
    fault = load.fault()
    assert "suppliers" in fault.found
    assert "supplier" in fault.expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("group_cache", "5m"),
        ("unknown_group", "reject"),
        ("deeper_groups", "leaf"),
        ("single_level", "repeat"),
    ],
)
def test_a_setting_of_product_groups_is_a_fault_beside_another_list(load, name, value):
    load.put(f"{SOURCE}.{name}", value)
    load()
    load.put(f"{SOURCE}.resource", "supplier")
    fault = load.fault()
    assert f"source.{name}" in fault.where
    assert "supplier" in fault.found
    assert "only products have groups" in fault.expected


def test_group_levels_in_a_template_are_a_fault_beside_another_list(load):
    load.put(f"{SOURCE}.resource", "order")
    load.put("pipelines.products.fields.0.value", "{{一级分组}} / {name}")
    fault = load.fault()
    assert "fields[0].value" in fault.where
    assert "一级分组" in fault.found


def test_a_list_without_time_type_takes_none(load):
    load.put(SOURCE, {"resource": "supplier", "time_type": 1})
    assert "/v1/supplier/list has no such parameter" in load.fault().expected


def test_details_that_nothing_is_wanted_of_are_a_fault(load):
    load.put(SOURCE, {"resource": "supplier", "fetch_detail": "always"})
    assert "fetch_detail always" in load.fault().found
    load.put(f"{SOURCE}.detail_fields", ["partner_account"])
    load()


def test_the_page_parameters_of_a_list_are_its_own(load):
    load.put(SOURCE, {"resource": "supplier", "params": {"page_no": "2", "is_delete": "1"}})
    assert "page_no, which xmsyncd sets itself" in load.fault().found
    load.put(SOURCE, {"resource": "order", "params": {"page_no": "2"}})
    load()
