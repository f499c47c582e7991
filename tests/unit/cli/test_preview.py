"""A product from a file through the mapping: no network, no secret, no ledger."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.unit.cli.command_line import CommandLine
from tests.unit.ledger.opened import opened
from xmsyncd.cli.preview_picture import show_preview
from xmsyncd.cli.words import words_for
from xmsyncd.ledger import documents, lookups

ITEM = {
    "product_id": 37400000000001,
    "product_no": " LED-1 ",
    "name": "灯",
    "group_id": 0,
    "product_type": 2,
    "update_time": "2026-11-20 10:00:00",
}


@pytest.fixture
def bare(tmp_path: Path) -> CommandLine:
    """A configuration without anything that only a vendor needs."""
    line = CommandLine(tmp_path)
    del line.settings["okki"]["main"]["client_secret"]
    del line.settings["okki"]["main"]["client_id"]
    del line.settings["dingtalk"]["main"]["app_secret"]
    del line.settings["pipelines"]["products"]["target"]["system_token"]
    line.write()
    return line


def previewed(line: CommandLine, given: Any) -> Any:
    file = line.config.parent / "item.json"
    file.write_text(json.dumps(given), encoding="utf-8")
    result = line("preview", "--item", str(file), "--json")
    assert result.exit_code == 0, result.output
    (product,) = json.loads(result.stdout)["products"]
    return product


@pytest.mark.parametrize(
    "given",
    [
        ITEM,
        {"item": ITEM, "detail": {"product_type": 2}},
        {"code": 0, "data": ITEM},
        {"code": 0, "data": {"list": [ITEM], "count": 1}},
        [ITEM],
    ],
    ids=["as listed", "with its detail", "an answer", "a list's answer", "a list"],
)
def test_a_product_from_a_file_is_mapped_step_by_step(bare: CommandLine, given):
    product = previewed(bare, given)
    steps = {one["label"]: one for one in product["steps"]}
    assert steps["产品编码"] == {
        "component": "textField_lq23ags2",
        "label": "产品编码",
        "type": "string",
        "kind": "text",
        "template": "{product_no}",
        "inputs": {"{product_no}": " LED-1 "},
        "given": " LED-1 ",
        "rules": [{"rule": "required", "result": "kept"}],
        "output": "LED-1",
        "fault": "",
    }
    assert product["decision"] == "create"
    assert product["result"]["content"]["textField_lstsv908"] == "2"
    assert product["missing"] == ["product_remark"]
    assert not product["groups_known"]
    assert not bare.ledger.exists()


def test_what_is_rejected_says_so_at_its_step(bare: CommandLine):
    product = previewed(bare, {**ITEM, "product_no": ""})
    assert product["result"]["reason"] == "empty_key"
    assert product["decision"] == "rejected"
    faults = [one["label"] for one in product["steps"] if one["fault"]]
    assert faults == ["产品编码"]


def test_each_rule_says_what_it_came_to(bare: CommandLine):
    name = "textField_lq0sj9h9"
    bare.settings["pipelines"]["products"]["quality"] = [
        {"field": name, "rule": "required"},
        {"field": name, "rule": "length", "max": 3, "on_fail": "fix"},
        {"field": name, "rule": "pattern", "pattern": "[A-Z]+", "on_fail": "warn"},
        {"field": "textField_lq23ags2", "rule": "length", "max": 2},
        {"field": "textField_lq23ags2", "rule": "required"},
    ]
    bare.write()
    product = previewed(bare, {**ITEM, "name": "五六七八九"})
    steps = {one["label"]: one for one in product["steps"]}
    results = [(one["rule"], one["result"]) for one in steps["产品名称"]["rules"]]
    assert results == [("required", "kept"), ("length", "fixed"), ("pattern", "warned")]
    assert (steps["产品名称"]["given"], steps["产品名称"]["output"]) == ("五六七八九", "五六七")
    assert [one["result"] for one in steps["产品编码"]["rules"]] == ["rejected"]
    assert product["result"]["reason"] == "length"
    bare.settings["pipelines"]["products"]["quality"][3:] = []
    bare.write()
    told = [
        (one["rule"], one["result"], one["label"])
        for one in previewed(bare, {**ITEM, "name": "五六七八"})["findings"]
    ]
    assert told == [("length", "fixed", "产品名称"), ("pattern", "warned", "产品名称")]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("{", "which is no JSON"),
        ("[]", "a list of 0"),
        ('{"name": "灯"}', "without a usable product_id"),
        ('"灯"', "str"),
        ("[" * 100_000, "which is no JSON"),
    ],
)
def test_a_file_without_a_product_is_named_with_what_was_expected(bare: CommandLine, content, found):
    file = bare.config.parent / "item.json"
    file.write_text(content, encoding="utf-8")
    result = bare("preview", "--item", str(file))
    assert result.exit_code == 2
    assert found in result.stderr
    assert "expected" in result.stderr


def test_either_a_key_or_a_file(bare: CommandLine):
    assert bare("preview").exit_code == 2
    assert bare("preview", "K", "--item", "x.json").exit_code == 2
    assert "No such file" in bare("preview", "--item", "nowhere.json").stderr


def test_without_a_file_the_secrets_are_needed(bare: CommandLine):
    result = bare("preview", "LED-1")
    assert result.exit_code == 2
    assert "client_secret" in result.stderr


def test_custom_fields_without_a_dictionary_are_those_that_the_file_shows(bare: CommandLine):
    pipeline = bare.settings["pipelines"]["products"]
    pipeline["derive"] = {"保修": {"custom": "保修期"}, "结算": {"custom": "结算方式"}}
    pipeline["fields"][0]["value"] = "{保修}/{结算}"
    bare.write()
    shown = [{"id": 30001, "name": "保修期", "value": "2年"}]
    product = previewed(bare, {**ITEM, "external_field_data": shown})
    assert product["result"]["content"][pipeline["fields"][0]["field"]] == "2年/"
    assert not product["fields_known"]
    assert product["fields_unknown"] == ["结算方式"]
    assert product["missing"] == ["product_remark"]


def test_a_custom_field_that_no_value_needs_does_not_stop_the_preview(bare: CommandLine):
    pipeline = bare.settings["pipelines"]["products"]
    pipeline["derive"] = {"保修": {"custom": "保修期"}}
    pipeline["derive"]["结算"] = {"custom": "结算方式"}
    pipeline["fields"][0]["value"] = "{结算}"
    bare.write()
    product = previewed(bare, ITEM)
    assert product["steps"][0]["component"] == "derive.结算"
    assert product["fields_unknown"] == ["结算方式"]


def test_a_custom_field_that_the_remembered_dictionary_lacks_is_empty_and_named(bare: CommandLine):
    pipeline = bare.settings["pipelines"]["products"]
    pipeline["derive"] = {
        "保修": {"custom": "保修期"},
        "结算": {"custom": "结算方式"},
        "产地": {"custom": "产地"},
    }
    pipeline["fields"][0]["value"] = "{保修}/{结算}/{产地}"
    bare.settings["okki"]["main"]["client_id"] = "id"  # or the ledger might be another tenant's
    bare.write()
    with opened(bare.ledger) as connection:
        body = documents.dump([["30001", "保修期", True]])
        lookups.remember(connection, "main", "product_fields", "h", body, datetime.now(UTC))
    shown = [{"id": 7, "name": "产地", "value": "宁波"}, {"id": 30001, "name": "不同", "value": "2年"}]
    given = {**ITEM, "external_field_data": shown}
    product = previewed(bare, given)
    assert product["result"]["content"][pipeline["fields"][0]["field"]] == "2年//宁波"
    assert product["fields_known"]
    assert product["fields_unknown"] == ["结算方式"]
    file = bare.config.parent / "item.json"
    assert "custom fields not known here, taken as empty: 结算方式" in bare(
        "preview", "--item", str(file)
    ).stdout.replace("\n", " ")


def test_what_a_function_makes_is_not_missing_in_the_file(bare: CommandLine):
    hooks = bare.config.parent / "hooks"
    hooks.mkdir()
    body = "def sized(product):\n    return {**product, '尺寸': '60'}\n"
    (hooks / "mine.py").write_text(body, encoding="utf-8")
    pipeline = bare.settings["pipelines"]["products"]
    pipeline["transform"] = "mine:sized"
    pipeline["fields"][0]["value"] = "{尺寸}{有吗}"
    bare.write()
    product = previewed(bare, ITEM)
    assert product["missing"] == ["product_remark", "有吗"]
    assert product["result"]["content"][pipeline["fields"][0]["field"]] == "60"


def test_a_person_reads_it(bare: CommandLine):
    file = bare.config.parent / "item.json"
    file.write_text(json.dumps(ITEM), encoding="utf-8")
    result = bare("preview", "--item", str(file))
    assert result.exit_code == 0
    for text in (
        "产品名称 (textField_lq0sj9h9)",
        "{product_no}",
        '" LED-1 "',
        "create",
        "Nothing was written",
    ):
        assert text in result.stdout


def test_a_function_and_derived_fields_are_steps_of_their_own(bare: CommandLine):
    hooks = bare.config.parent / "hooks"
    hooks.mkdir()
    function = "def clean(product):\n    if product['name'] == '样品':\n        return None\n"
    function += "    product['name'] += '！'\n    return product\n"
    (hooks / "mine.py").write_text(function, encoding="utf-8")
    pipeline = bare.settings["pipelines"]["products"]
    pipeline["transform"] = "mine:clean"
    pipeline["derive"] = {"类型": {"enum": "product_type"}, "全名": "{{类型}} {{name}}"}
    first, *others = pipeline["fields"]  # the list itself is every test's
    pipeline["fields"] = [{**first, "value": "{全名}"}, *others]
    bare.write()
    steps = {one["component"]: one for one in previewed(bare, ITEM)["steps"]}
    assert steps["transform"]["output"] == {"name": "灯！"}
    assert steps["derive.类型"]["output"] == "多规格"
    assert steps["derive.全名"]["output"] == "多规格 灯！"
    assert previewed(bare, {**ITEM, "product_type": 9})["result"]["reason"] == "lookup"
    assert previewed(bare, {**ITEM, "name": "样品"})["result"]["is"] == "filtered"


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("language", ["C.UTF-8", "zh_CN.UTF-8"])
def test_at_any_width_no_component_and_no_short_template_is_broken_in_two(
    bare: CommandLine, width: int, language: str
):
    stream = io.StringIO()
    told = previewed(bare, {"item": ITEM, "detail": {"product_type": 2}})
    words = words_for({"LANG": language})
    show_preview(Console(file=stream, width=width), told, ZoneInfo("Asia/Shanghai"), words)
    lines = stream.getvalue().splitlines()
    assert max(cell_len(line) for line in lines) <= width
    for whole in ("textField_lq23ags2", "textareaField_lq23ags6", "{product_remark}", "{{一级分组}}"):
        assert any(whole in line for line in lines), whole
    is_below = [line.split() for line in lines].count([words("template"), "{product_no}"])
    assert is_below == (width == 80)
