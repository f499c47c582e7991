"""What each part of a condition does, for the documentation; the examples are conditions on the sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from xmsyncd.transform.conditions import TIMESTAMP, Logic


@dataclass(frozen=True, slots=True)
class ConditionPart:
    """One logic, or what else may stand in a condition; ``examples`` are conditions and whether they hold."""

    usage: str
    english: str
    chinese: str
    examples: tuple[tuple[str, str], ...]


def _example(field: str, logic: Logic, value: str = "", more: str = "") -> str:
    asked = f', "value": {value}' if value else ""
    return f'{{"field": "{field}", "logic": "{logic}"{asked}{more}}}'


_LOGIC: Final[Mapping[Logic, tuple[str, str, tuple[tuple[str, str], ...]]]] = {
    Logic.EQ: (
        "Equal: two numbers as numbers, also where both are text; all else as text, upper and lower case "
        "apart. A text of OKKI with leading zeros equals only itself.",
        "相等：双方都是数字时按数字（写成文本也一样），其余按文本，区分大小写。"
        "OKKI 中带前导零的文本只等于自身。",
        (
            (_example("cost", Logic.EQ, '"200"'), "true"),
            (_example("product_no", Logic.EQ, '"a-001"'), "false"),
        ),
    ),
    Logic.NEQ: (
        "The contrary of eq.",
        "与 eq 相反。",
        ((_example("disable_flag", Logic.NEQ, "1"), "true"),),
    ),
    Logic.GT: (
        "More: two numbers as numbers, else text. Nothing is neither more nor less than anything.",
        "大于：双方都是数字时按数字，否则按文本。空值不大于也不小于任何值。",
        ((_example("qty", Logic.GT, '"99"'), "true"), (_example("missing", Logic.GT, '"-1"'), "false")),
    ),
    Logic.EGT: ("More or equal.", "大于等于。", ((_example("qty", Logic.EGT, '"120"'), "true"),)),
    Logic.LT: ("Less.", "小于。", ((_example("weight", Logic.LT, "0.2"), "true"),)),
    Logic.ELT: ("Less or equal.", "小于等于。", ((_example("weight", Logic.ELT, "0.1"), "false"),)),
    Logic.LIKE: (
        "With % a pattern as behind LIKE, without % a part of the text; upper and lower case are the same.",
        "含 % 时与 LIKE 的模式相同，不含 % 时表示“包含”；不分大小写。",
        (
            (_example("product_no", Logic.LIKE, '"a-0"'), "true"),
            (_example("product_no", Logic.LIKE, '"%-002"'), "false"),
        ),
    ),
    Logic.NOTLIKE: (
        "The contrary of like.",
        "与 like 相反。",
        ((_example("name", Logic.NOTLIKE, '"螺母"'), "true"),),
    ),
    Logic.BETWEEN: (
        "Between two values with a comma between them, or a list of two; both ends included.",
        "在两个值之间，含两端；两个值以逗号分隔，或写成列表。",
        (
            (_example("cost", Logic.BETWEEN, '"100,200"'), "true"),
            (_example("qty", Logic.BETWEEN, "[1, 9]"), "false"),
        ),
    ),
    Logic.NOTNULL: (
        "Not empty. Without a value.",
        "不为空。不写值。",
        ((_example("name", Logic.NOTNULL), "true"),),
    ),
    Logic.ISNULL: (
        "Empty: nothing, blanks, an empty list or object. Without a value.",
        "为空：无值、空白、空列表、空对象。不写值。",
        ((_example("remark", Logic.ISNULL), "true"),),
    ),
    Logic.IN: (
        "Equal to one of the values, as eq; with commas between them, or a list.",
        "与其中一个值相等，规则同 eq；各值以逗号分隔，或写成列表。",
        (
            (_example("unit", Logic.IN, '"KG,PCS"'), "true"),
            (_example("product_type", Logic.IN, "[1, 3]"), "false"),
        ),
    ),
}

_FURTHER: Final = (
    ConditionPart(
        f"{TIMESTAMP}…",
        "A value that is a time, in seconds since 1970; the field is read as a time, too.",
        "值为时间（自 1970 年起的秒数）；字段也按时间理解。",
        ((_example("update_time", Logic.LT, f'"{TIMESTAMP}{{{{CURRENT_TIME}}}}"'), "true"),),
    ),
    ConditionPart(
        "{{name}}",
        "References in a value are those of templates.",
        "值中可以使用模板的引用。",
        ((_example("一级分组", Logic.NEQ, '"{{二级分组}}"'), "true"),),
    ),
    ConditionPart(
        "strictMode",
        "Of a list one element must match; with strictMode true, each of them.",
        "列表有一个元素符合即可；strictMode 为 true 时须全部符合。",
        (
            (_example("sku_items.stock", Logic.GT, '"20"'), "true"),
            (_example("sku_items.stock", Logic.GT, '"20"', ', "strictMode": true'), "false"),
        ),
    ),
)

CONDITIONS: Final[Mapping[str, ConditionPart]] = MappingProxyType(
    {
        **{logic.value: ConditionPart(logic.value, *_LOGIC[logic]) for logic in Logic},
        **{part.usage: part for part in _FURTHER},
    }
)
"""By how they are written; each logic there is, in its order, then the rest."""
