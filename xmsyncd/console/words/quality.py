"""The words about the rules of quality: which there are, and what they came to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from xmsyncd.phrases.phrase import Phrase

QUALITY: Final[Mapping[str, Phrase]] = {
    "quality": Phrase("Rules of quality", "数据质量规则"),
    "quality.rule": Phrase("Rule", "规则"),
    "quality.seen": Phrase("Checked", "检查"),
    "quality.failed": Phrase("Failed", "不符"),
    "quality.fixed": Phrase("Put right", "已修正"),
    "quality.standing": Phrase("Rejected now", "当前被拒"),
    "quality.sample": Phrase("Last value that broke it", "最近不符的值"),
    "quality.when": Phrase("When", "时间"),
    "quality.record": Phrase("the record", "整条记录"),
    "quality.none": Phrase("No record broke a rule.", "没有记录违反规则。"),
    "quality.unbroken.one": Phrase("1 rule that no record broke", "1 条规则没有记录违反"),
    "quality.unbroken": Phrase("{} rules that no record broke", "{} 条规则没有记录违反"),
    "quality.result": Phrase("Result", "结果"),
    "quality.found": Phrase("What was found", "发现"),
    "quality.expected": Phrase("expected {}", "应为 {}"),
    "on_fail.reject": Phrase("rejects", "拒绝"),
    "on_fail.warn": Phrase("warns", "警告"),
    "on_fail.fix": Phrase("puts right", "修正"),
    "on_fail.gone": Phrase("not configured now", "已不在配置中"),
    "on_fail.several": Phrase("counted together before", "以前多条规则合并计数"),
    "rule_result.kept": Phrase("kept", "符合"),
    "rule_result.warned": Phrase("warned of", "已警告"),
    "rule_result.fixed": Phrase("put right", "已修正"),
    "rule_result.rejected": Phrase("rejected", "已拒绝"),
    "rule_result.accepted": Phrase("accepted", "已人工放行"),
    "rule_result.unasked": Phrase("not asked", "未检查"),
    "rule.required": Phrase("required", "必填"),
    "rule.type": Phrase("type", "类型"),
    "rule.length": Phrase("length", "长度"),
    "rule.pattern": Phrase("pattern", "格式"),
    "rule.range": Phrase("range", "范围"),
    "rule.one_of": Phrase("one of a list", "允许的取值"),
    "rule.expression": Phrase("expression", "表达式"),
    "rule.group": Phrase("group exists", "分组存在"),
    "rule.fresh": Phrase("still current", "时效"),
    "rule.band": Phrase("likely value", "合理区间"),
    "rule.change": Phrase("likely change", "合理变化"),
    "rule.unique": Phrase("only once", "唯一"),
    "rule.consistent": Phrase("same for all", "一致"),
}
