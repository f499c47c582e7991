"""The rules as data: what each takes, what it can put right, and its words for the documentation (step 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from xmsyncd.records import RejectionReason
from xmsyncd.transform.quality.kinds import RuleKind


class Fix(StrEnum):
    """How far a rule can put a value right."""

    NEVER = "never"
    """What it finds is for a person; ``on_fail`` is reject or warn."""
    BY_VALUE = "by_value"
    """Only by the configured ``value``."""
    ITSELF = "itself"
    """By what the rule knows, else by the configured ``value``, if there is one."""


class About(StrEnum):
    """What a rule looks at, which decides whether its entry has a ``field``."""

    VALUE = "value"
    RECORD = "record"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """One kind of rule.

    ``takes`` are its keys beside ``field``, ``rule`` and ``on_fail``, ``needs`` those of which at least one
    must be there. ``examples`` are (entry, and what it is tried with; what comes of it).
    """

    name: RuleKind
    usage: str
    english: str
    chinese: str
    examples: tuple[tuple[str, str], ...]
    reason: RejectionReason
    fix: Fix
    about: About = About.VALUE
    takes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


_ENTRIES: Final = (
    RuleEntry(
        RuleKind.REQUIRED,
        "{field: …, rule: required}",
        "The value must not be empty: nothing, blanks, an empty list or object. 0 and false are values. "
        "fix: takes `value` in its place.",
        "值不能为空（空白、空列表、空对象都算空；0 和 false 不算空）。fix：以 `value` 代替。",
        (
            ('{rule: required} with "A-1"', "kept"),
            ('{rule: required} with "　"', "rejected"),
            ('{rule: required, on_fail: fix, value: 未填写} with ""', 'fixed: "未填写"'),
        ),
        RejectionReason.REQUIRED,
        Fix.BY_VALUE,
        takes=("value",),
    ),
    RuleEntry(
        RuleKind.TYPE,
        "{field: …, rule: type, type: float}",
        "The value must fit a type: `type`, or that of the field. An empty value fits. fix: reads "
        "what people write (thousands separators, full-width digits, yes and no), else takes `value`.",
        "值须符合类型：`type`，未写时为字段的类型。空值符合。fix：识别人工写法（千分位、全角数字、是/"
        "否），仍不符合时以 `value` 代替。",
        (
            ('{rule: type, type: float} with "1.5"', "kept"),
            ('{rule: type, type: float} with "约 1.5"', "rejected"),
            ('{rule: type, type: float, on_fail: fix} with "１,２00.5"', "fixed: 1200.5"),
            ('{rule: type, type: bool, on_fail: fix} with "是"', "fixed: true"),
        ),
        RejectionReason.TYPE,
        Fix.ITSELF,
        takes=("type", "value"),
    ),
    RuleEntry(
        RuleKind.LENGTH,
        "{field: …, rule: length, min: 2, max: 200}",
        "Text (or a list) of at least `min` and at most `max` characters (entries), by Unicode code "
        "points. fix: cuts off what is too much, never within a character with its accents, an emoji "
        "or half a pair; what is too short takes `value`.",
        "文本（或列表）的长度须在 `min` 与 `max` 之间，按 Unicode 码点计。fix：截去多余部分，不会截断"
        "带组合符号的字、表情或代理对；过短时以 `value` 代替。",
        (
            ('{rule: length, max: 4} with "产品规格"', "kept"),
            ('{rule: length, max: 3} with "产品规格"', "rejected"),
            ('{rule: length, max: 3, on_fail: fix} with "产品规格"', 'fixed: "产品规"'),
            ('{rule: length, max: 3, on_fail: fix} with "ab👍🏽"', 'fixed: "ab"'),
        ),
        RejectionReason.LENGTH,
        Fix.ITSELF,
        takes=("min", "max", "value"),
        needs=("min", "max"),
    ),
    RuleEntry(
        RuleKind.PATTERN,
        '{field: …, rule: pattern, pattern: "[A-Z]{2}-\\\\d+"}',
        "The whole text must match the regular expression (RE2 syntax: no look-around, no "
        "back-references, so that none can hang; `\\p{Han}` is a Chinese character). fix: takes "
        "`value` in its place.",
        "整个文本须匹配正则表达式（RE2 语法：没有环视和反向引用，因此不会卡死；`\\p{Han}` 为汉字）。"
        "fix：以 `value` 代替。",
        (
            ('{rule: pattern, pattern: "[A-Z]{2}-\\\\d+"} with "AB-12"', "kept"),
            ('{rule: pattern, pattern: "[A-Z]{2}-\\\\d+"} with "see AB-12"', "rejected"),
            (
                '{rule: pattern, pattern: "(a+)+b", on_fail: warn} with "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"',
                "warned",
            ),
        ),
        RejectionReason.PATTERN,
        Fix.BY_VALUE,
        takes=("pattern", "value"),
        needs=("pattern",),
    ),
    RuleEntry(
        RuleKind.RANGE,
        "{field: …, rule: range, min: 0, max: 100000}",
        "A number from `min` to `max`, both included. fix: the nearer bound; what is no number takes "
        "`value`.",
        "数值须在 `min` 与 `max` 之间（含两端）。fix：取较近的端点；不是数值时以 `value` 代替。",
        (
            ('{rule: range, min: 0} with "12.5"', "kept"),
            ("{rule: range, min: 0, max: 10} with 11", "rejected"),
            ("{rule: range, min: 0, max: 10, on_fail: fix} with 11", "fixed: 10"),
        ),
        RejectionReason.RANGE,
        Fix.ITSELF,
        takes=("min", "max", "value"),
        needs=("min", "max"),
    ),
    RuleEntry(
        RuleKind.ONE_OF,
        "{field: …, rule: one_of, values: [个, 套, 箱]}",
        "The text must be one of `values`. fix: the one that differs only in case, width or blanks "
        "around it, else `value`.",
        "文本须为 `values` 之一。fix：取仅大小写、全半角或首尾空白不同的一个，否则以 `value` 代替。",
        (
            ('{rule: one_of, values: [PCS, SET]} with "PCS"', "kept"),
            ('{rule: one_of, values: [PCS, SET]} with "pcs"', "rejected"),
            ('{rule: one_of, values: [PCS, SET], on_fail: fix} with "ｐcs "', 'fixed: "PCS"'),
        ),
        RejectionReason.ONE_OF,
        Fix.ITSELF,
        takes=("values", "value"),
        needs=("values",),
    ),
    RuleEntry(
        RuleKind.EXPRESSION,
        '{rule: expression, expect: "{cost} <= {fob.price_min}"}',
        "The expression (as behind `_function`) must be true for the record; it may use every field, "
        "derived name and variable. With `field` it stands beside that component. No result (NULL) "
        "is not true. fix (with `field`): takes `value`.",
        "表达式（写法同 `_function` 之后的部分）对该记录须为真，可使用所有字段、派生名和变量。写了 "
        "`field` 时归于该组件。结果为 NULL 视为不真。fix（须有 `field`）：以 `value` 代替。",
        (
            ('{rule: expression, expect: "{cost} < {price}"} with {"cost": 3, "price": 5}', "kept"),
            ('{rule: expression, expect: "{cost} < {price}"} with {"cost": 8, "price": 5}', "rejected"),
        ),
        RejectionReason.EXPRESSION,
        Fix.BY_VALUE,
        About.EITHER,
        takes=("expect", "value"),
        needs=("expect",),
    ),
    RuleEntry(
        RuleKind.GROUP,
        "{rule: group}",
        "The group that the record refers to must be in OKKI's tree of product groups; a record without a "
        "group keeps the rule.",
        "记录所属的分组须存在于 OKKI 的产品分组树中；没有分组的记录不违反此规则。",
        (("{rule: group} with true", "kept"), ("{rule: group} with false", "rejected")),
        RejectionReason.UNKNOWN_GROUP,
        Fix.NEVER,
        About.RECORD,
    ),
    RuleEntry(
        RuleKind.FRESH,
        "{rule: fresh, max_age: 730d}",
        "OKKI's `update_time` must not be older than `max_age` when the record is read.",
        "读取时，OKKI 的 `update_time` 距今不得超过 `max_age`。",
        (("{rule: fresh, max_age: 2d} with 1", "kept"), ("{rule: fresh, max_age: 2d} with 3", "rejected")),
        RejectionReason.FRESH,
        Fix.NEVER,
        About.RECORD,
        takes=("max_age",),
        needs=("max_age",),
    ),
    RuleEntry(
        RuleKind.BAND,
        "{field: …, rule: band, min: 1, max: 5000}",
        "Anomaly: a number outside this band is unlikely, and waits until a person has looked; "
        "`failures accept` lets this very content through.",
        "异常值：超出此范围的数值可疑，待人工复核；`failures accept` 放行这一内容。",
        (("{rule: band, max: 5000} with 4999", "kept"), ('{rule: band, max: 5000} with "50000"', "rejected")),
        RejectionReason.BAND,
        Fix.NEVER,
        takes=("min", "max"),
        needs=("min", "max"),
    ),
    RuleEntry(
        RuleKind.CHANGE,
        "{field: …, rule: change, factor: 3}",
        "Anomaly: a number more than `factor` times what Yida was given last, or less than that part "
        "of it, waits until a person has looked; so do one that falls to 0 and one that changes its "
        "sign. The first value, and one after 0 or nothing, is not judged. `failures accept` lets "
        "this very content through.",
        "异常变化：数值超过上次写入宜搭的 `factor` 倍，或低于其若干分之一，待人工复核；降为 0 或变号"
        "同样如此。首次写入，以及上次为 0 或空的，不作判断。`failures accept` 放行这一内容。",
        (
            ("{rule: change, factor: 3} with 250 after 100", "kept"),
            ('{rule: change, factor: 3} with 400 after "100"', "rejected"),
            ("{rule: change, factor: 3} with 0 after 100", "rejected"),
            ('{rule: change, factor: 3} with 400 after ""', "kept"),
        ),
        RejectionReason.CHANGE,
        Fix.NEVER,
        takes=("factor",),
        needs=("factor",),
    ),
    RuleEntry(
        RuleKind.UNIQUE,
        "{field: …, rule: unique}",
        "No other record of the pipeline may have this value; the one that had it first keeps it. "
        "Products that OKKI has deleted and discarded ones do not count. Tried again in each cycle.",
        "同一管道中不得有其他记录取相同的值，先有者保留。OKKI 已删除的和已放弃的记录不计。每个周期重新判断。",
        (
            ('{rule: unique} with "690001" beside "690002"', "kept"),
            ('{rule: unique} with "690001" beside "690001"', "rejected"),
        ),
        RejectionReason.UNIQUE,
        Fix.NEVER,
    ),
    RuleEntry(
        RuleKind.CONSISTENT,
        "{field: …, rule: consistent}",
        "All records of the pipeline must have one value, such as one currency: the one that most "
        "of them have, by what is wanted in Yida and the page that is read. Tried again in each "
        "cycle.",
        "管道中所有记录须取同一个值，例如同一币种：以宜搭应有内容连同当前页中最多的值为准。每个周期重"
        "新判断。",
        (
            ('{rule: consistent} with "USD" beside "USD"', "kept"),
            ('{rule: consistent} with "USD" beside "CNY"', "rejected"),
        ),
        RejectionReason.CONSISTENT,
        Fix.NEVER,
    ),
)

RULES: Final[Mapping[str, RuleEntry]] = {entry.name.value: entry for entry in _ENTRIES}
"""Every kind of rule by its name."""

STANDING: Final = (RuleKind.CHANGE, RuleKind.UNIQUE, RuleKind.CONSISTENT)
"""The rules that need to know what the ledger holds: they are judged last, when a page is staged."""
