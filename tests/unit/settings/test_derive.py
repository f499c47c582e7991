"""Derived fields, look-up tables and functions as settings: what they become, each fault with its place."""

from __future__ import annotations

from typing import Any

import pytest

from xmsyncd.transform.derivation_specs import (
    CustomSpec,
    GroupPlace,
    GroupShow,
    GroupSpec,
    LookupSpec,
    RowsSpec,
    UrlsSpec,
    ValueSpec,
)
from xmsyncd.transform.tables import MissingEntry

DERIVE = "pipelines.products.derive"


@pytest.mark.parametrize(
    ("written", "spec"),
    [
        ("{a}-{b}", ValueSpec("x", "{a}-{b}")),
        ({"value": "{a}"}, ValueSpec("x", "{a}")),
        ({"lookup": "colours", "of": "{c}"}, LookupSpec("x", "colours", "{c}")),
        (
            {"lookup": "colours", "of": "{c}", "missing": "empty"},
            LookupSpec("x", "colours", "{c}", MissingEntry.EMPTY),
        ),
        ({"enum": "product_type"}, LookupSpec("x", "product_type", "{product_type}", setting="enum")),
        ({"group": 3}, GroupSpec("x", 3)),
        ({"group": "2", "show": "id"}, GroupSpec("x", 2, GroupShow.ID)),
        ({"group": "path", "separator": " > "}, GroupSpec("x", GroupPlace.PATH, separator=" > ")),
        ({"custom": "保修期"}, CustomSpec("x", "保修期")),
        ({"urls": "{images}"}, UrlsSpec("x", "{images}")),
        ({"rows": "{sku_items}", "columns": {"a": "{b}"}}, RowsSpec("x", "{sku_items}", {"a": "{b}"})),
    ],
)
def test_each_kind_becomes_what_the_mapping_takes(load, written: Any, spec: Any):
    load.put("lookups.colours", {"entries": {"R": "红"}})
    load.put(DERIVE, {"x": written})
    assert load().pipelines["products"].derive["x"].spec("x") == spec


@pytest.mark.parametrize(
    ("written", "where", "words"),
    [
        ({}, "x", ["nothing of it", "exactly one of value, lookup"]),
        ({"value": "a", "custom": "b"}, "x", ["value and custom"]),
        ({"lookup": "colours"}, "x.of", ["nothing", "what is looked up"]),
        ({"lookup": "colour", "of": "{c}"}, "x.lookup", ['"colour"', "nearest: colours"]),
        ({"enum": "product_typ"}, "x.enum", ["product_typ", "product_type"]),
        ({"group": 0}, "x.group", ["0", "a level from 1 to 20, leaf or path"]),
        ({"group": "top"}, "x.group", ["top", "leaf"]),
        ({"custom": "b", "show": "id"}, "x.show", ["show beside custom", "show beside group"]),
        ({"value": "{a"}, "x.value", ["character 1"]),
        ("{x}", "x", ["a circle: x → x"]),
        ({"valeu": "a"}, "x.valeu", ["nearest: value"]),
    ],
)
def test_each_fault_names_its_place(load, written: Any, where: str, words: list[str]):
    load.put("lookups.colours", {"entries": {"R": "红"}})
    load.put(DERIVE, {"x": written})
    faults = [fault for fault in load.faults() if fault.where.startswith(f"{DERIVE}.{where} (")]
    assert len(faults) == 1, [str(fault) for fault in load.faults()]
    for word in words:
        assert word in str(faults[0])


@pytest.mark.parametrize(
    ("lookup", "where", "words"),
    [
        ({}, "lookups.t", "neither entries nor file"),
        ({"entries": {"R": "红"}, "file": "t.csv"}, "lookups.t", "both entries and file"),
        ({"entries": {"R": "红"}, "key": "代码"}, "lookups.t.key", "a key only beside a file"),
        ({"entries": {"R": 1}}, "lookups.t.entries.R", "text in quotes"),
        ({"entries": {"R": "红"}, "missing": "blank"}, "lookups.t.missing", "reject, empty, keep"),
    ],
)
def test_each_fault_of_a_table_names_its_place(load, lookup: Any, where: str, words: str):
    load.put("lookups", {"t": lookup})
    fault = load.fault()
    assert fault.where.startswith(f"{where} (")
    assert words in str(fault)


def test_a_template_may_name_a_table_and_an_unknown_one_is_told(load):
    load.put("lookups.colours", {"entries": {"R": "红"}})
    load.put("pipelines.products.fields.0.value", "{name|lookup(colours)}")
    load()
    load.put("pipelines.products.fields.0.value", "{name|lookup(colour)}")
    assert "colours" in str(load.fault())


def test_files_and_folders_are_found_from_the_configuration_file(load, tmp_path):
    load.put("lookups.colours", {"file": "tables/colours.csv"})
    settings = load()
    assert settings.lookups["colours"].file == str(tmp_path / "tables" / "colours.csv")
    assert settings.hooks_dir == str(tmp_path / "hooks")
    load.put("hooks_dir", "/srv/hooks")
    assert load().hooks_dir == "/srv/hooks"


def test_a_function_is_named_by_module_and_name(load):
    load.put("pipelines.products.transform", "own.products:clean")
    assert load().pipelines["products"].transform == "own.products:clean"
    for wrong in ("own.products", "own:clean()", "own/products.py:clean", "1own:clean"):
        load.put("pipelines.products.transform", wrong)
        assert "module:function" in load.fault().expected


def test_a_time_limit_without_a_function_is_a_fault(load):
    load.put("pipelines.products.transform_timeout", "2s")
    assert "only beside transform" in load.fault().expected


def test_other_lists_have_custom_fields_and_no_groups(load):
    load.put("pipelines.products.source", {"resource": "supplier"})
    load.put(DERIVE, {"路径": {"group": "path"}, "自定": {"custom": "x"}, "名": "{name}"})
    assert {fault.where.split(" ")[0] for fault in load.faults()} == {f"{DERIVE}.路径"}
