"""What has changed of the context is named as people know it, in both languages."""

from __future__ import annotations

import pytest

from xmsyncd.cli.context_parts import part_name
from xmsyncd.cli.words import words_for

ENGLISH, CHINESE = words_for({}), words_for({"LANG": "zh_CN.UTF-8"})


@pytest.mark.parametrize(
    ("part", "label", "english", "chinese"),
    [
        (
            "mapping.fields.textField_x",
            "产品名称",
            "the field 产品名称 (textField_x)",
            "字段 产品名称 (textField_x)",
        ),
        ("mapping.fields.textField_x", "", "the field textField_x", "字段 textField_x"),
        (
            "mapping.fields.textField_x",
            "on_delete",
            "the mark of deleted records (textField_x)",
            "已删除记录的标记 (textField_x)",
        ),
        ("mapping.rules.textField_x", "", "the rules of textField_x", "规则： textField_x"),
        ("mapping.rules.", "", "the rules about the record as a whole", "整条记录的规则"),
        ("mapping.derive.a.b", "", "the derived field a.b", "派生字段 a.b"),
        ("mapping.tables.kinds", "", "the look-up table kinds", "对照表 kinds"),
        ("mapping.rendering", "", "how this version writes values", "本版本写入值的方式"),
        ("mapping.where", "", "the filter", "过滤条件"),
        ("groups.tree", "", "the group tree", "分组树"),
        ("groups.unknown_group", "", "the setting source.unknown_group", "配置项 source.unknown_group"),
        ("further.detail_fields", "", "the setting source.detail_fields", "配置项 source.detail_fields"),
        ("further.on_change", "", "the setting target.on_change", "配置项 target.on_change"),
        ("further.mark", "", "the mark of deleted records", "已删除记录的标记"),
        ("further.params.removed.x", "", "the query parameter removed.x", "查询参数 removed.x"),
        ("something.new", "", "something.new", "something.new"),
    ],
)
def test_each_part_has_a_name(part: str, label: str, english: str, chinese: str):
    one = {"part": part, "change": "changed", "label": label}
    assert part_name(one, ENGLISH) == english
    assert part_name(one, CHINESE) == chinese
