"""What people read for the reason why a record is not in Yida as OKKI shows it: what it is, and what to do.

The reason of a refusal is the vendor's own code, which stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from xmsyncd.ledger.states import DELETED_IN_OKKI, KEY_CONFLICT, HoldReason, ParkReason, VisibleState
from xmsyncd.phrases.phrase import Phrase
from xmsyncd.records import RejectionReason


class Reason(NamedTuple):
    """``name`` is short enough for a table; ``advice`` is a sentence."""

    name: Phrase
    advice: Phrase


REASONS: Final[Mapping[str, Reason]] = {
    ParkReason.AMBIGUOUS: Reason(
        Phrase("something similar is there", "已有相似记录"),
        Phrase(
            "If the instance in Yida is this product: make its key equal, then retry and adopt.",
            "若宜搭中的相似记录就是本产品：改成相同主键，再重试并运行 adopt。",
        ),
    ),
    ParkReason.RESEND_LIMIT: Reason(
        Phrase("sent again too often", "多次重发仍未到达"),
        Phrase(
            "Look for it in Yida; if it is not there, retry it with --resend.",
            "在宜搭中查找；确实没有时用 --resend 重试。",
        ),
    ),
    ParkReason.INSTANCE_GONE: Reason(
        Phrase("deleted in Yida", "已在宜搭中删除"),
        Phrase("Retry it to create it again, or discard it.", "重试以重新创建，或放弃。"),
    ),
    HoldReason.CONTEXT_CHANGED: Reason(
        Phrase("the mapping or the groups changed", "映射或分组有变化"),
        Phrase(
            "See with “xmsyncd approve” what would change; then let it go or give it up.",
            "用“xmsyncd approve”查看会改变什么，然后放行或放弃。",
        ),
    ),
    HoldReason.MANY_CHANGES: Reason(
        Phrase("very many changes at once", "一次更新过多"),
        Phrase(
            "See with “xmsyncd approve” what would change; then let it go or give it up.",
            "用“xmsyncd approve”查看会改变什么，然后放行或放弃。",
        ),
    ),
    HoldReason.ADOPTED: Reason(
        Phrase("very many instances that were taken over differ", "接管的实例与 OKKI 不同的过多"),
        Phrase(
            "See with “xmsyncd approve” what would change; then let it go or give it up.",
            "用“xmsyncd approve”查看会改变什么，然后放行或放弃。",
        ),
    ),
    DELETED_IN_OKKI: Reason(
        Phrase("deleted in OKKI", "已在 OKKI 中删除"),
        Phrase(
            "Nothing: OKKI let it go before it came to Yida.", "无需处理：它在送达宜搭之前已在 OKKI 中删除。"
        ),
    ),
    KEY_CONFLICT: Reason(
        Phrase("another record has this key", "主键属于另一条记录"),
        Phrase("Give one of the two another number in OKKI.", "在 OKKI 中为其中一条记录更换编号。"),
    ),
    VisibleState.UNDECIDED: Reason(
        Phrase("the answer was lost; being looked for", "应答丢失，正在查找"),
        Phrase(
            "Nothing: it is decided before anything is sent again.", "无需处理：判定之后才会决定是否重发。"
        ),
    ),
    RejectionReason.EMPTY_KEY: Reason(
        Phrase("empty key", "主键为空"), Phrase("Give the record a number in OKKI.", "在 OKKI 中填写编号。")
    ),
    RejectionReason.REQUIRED: Reason(
        Phrase("required value missing", "缺少必填值"),
        Phrase(
            "Fill in the missing value in OKKI, or accept the record as it is.",
            "在 OKKI 中补填缺少的值，或用 accept 原样放行。",
        ),
    ),
    RejectionReason.TYPE: Reason(
        Phrase("wrong type", "类型不符"),
        Phrase(
            "Correct the value in OKKI, or the type of the field in the configuration.",
            "在 OKKI 中更正该值，或更正配置中的字段类型。",
        ),
    ),
    RejectionReason.MAPPING: Reason(
        Phrase("mapping failed", "映射失败"),
        Phrase(
            "Correct the value in OKKI, or the field's template in the configuration.",
            "在 OKKI 中更正该值，或更正配置中的字段模板。",
        ),
    ),
    RejectionReason.LOOKUP: Reason(
        Phrase("no entry in the look-up table", "对照表中没有此值"),
        Phrase(
            "Add the value to the look-up table, or say there by missing: empty or keep what is to be.",
            "在对照表中补上该值，或用 missing: empty 或 keep 规定没有条目时如何处理。",
        ),
    ),
    RejectionReason.UNKNOWN_GROUP: Reason(
        Phrase("unknown group", "未知分组"),
        Phrase("Put the product into an existing group in OKKI.", "在 OKKI 中将产品移到现有分组。"),
    ),
    RejectionReason.DETAIL_UNAVAILABLE: Reason(
        Phrase("detail unavailable", "无法获取详情"),
        Phrase(
            "See whether OKKI still has the record; then retry it.", "确认 OKKI 中是否仍有该记录，然后重试。"
        ),
    ),
    RejectionReason.FILTERED: Reason(
        Phrase("left out by where", "被 where 排除"),
        Phrase(
            "Nothing: the pipeline is not about it. It comes back once where lets it in.",
            "无需处理：该管道不包含此记录；符合 where 后会自动恢复。",
        ),
    ),
    RejectionReason.HOOK: Reason(
        Phrase("transform failed", "transform 函数失败"),
        Phrase(
            "Correct the function of transform, or the product in OKKI; the next cycle uses it.",
            "更正 transform 函数，或在 OKKI 中更正该产品；下一轮同步即用新的。",
        ),
    ),
    RejectionReason.UNREADABLE: Reason(
        Phrase("unreadable", "无法解析"),
        Phrase(
            "See with “xmsyncd explain” what OKKI shows for it.", "用“xmsyncd explain”查看 OKKI 返回的内容。"
        ),
    ),
    RejectionReason.LENGTH: Reason(
        Phrase("text too long or too short", "长度不符"),
        Phrase(
            "Correct the text in OKKI, or let the rule cut it off (on_fail: fix).",
            "在 OKKI 中更正文本，或让规则截断（on_fail: fix）。",
        ),
    ),
    RejectionReason.PATTERN: Reason(
        Phrase("does not match the pattern", "格式不符"),
        Phrase(
            "Correct the value in OKKI or the pattern; or accept it as it is.",
            "在 OKKI 中更正该值，或更正配置中的格式；或用 accept 原样放行。",
        ),
    ),
    RejectionReason.RANGE: Reason(
        Phrase("outside the range", "超出范围"),
        Phrase(
            "Correct the number in OKKI, or the range in the configuration; or accept it as it is.",
            "在 OKKI 中更正该数值，或更正配置中的范围；或用 accept 原样放行。",
        ),
    ),
    RejectionReason.ONE_OF: Reason(
        Phrase("not one of the allowed values", "不在允许的取值中"),
        Phrase(
            "Choose an allowed value in OKKI, or add this one to the rule; or accept it as it is.",
            "在 OKKI 中改为允许的取值，或把它加入规则；或用 accept 原样放行。",
        ),
    ),
    RejectionReason.EXPRESSION: Reason(
        Phrase("breaks a rule", "不满足表达式规则"),
        Phrase(
            "Correct the record in OKKI, or the rule; or accept it as it is.",
            "在 OKKI 中更正表达式所涉及的字段，或更正规则；或用 accept 原样放行。",
        ),
    ),
    RejectionReason.FRESH: Reason(
        Phrase("not changed for too long", "久未更新"),
        Phrase(
            "See whether the record is still current: touch it in OKKI, or accept it as it is.",
            "确认记录是否仍有效：在 OKKI 中更新它，或用 accept 原样放行。",
        ),
    ),
    RejectionReason.BAND: Reason(
        Phrase("unlikely value", "数值可疑"),
        Phrase(
            "Look whether the value is right: accept it if so, else correct it in OKKI.",
            "核对该数值：无误则用 accept 放行，否则在 OKKI 中更正。",
        ),
    ),
    RejectionReason.CHANGE: Reason(
        Phrase("unlikely change", "变化可疑"),
        Phrase(
            "Look whether the change is meant: accept it if so, else correct it in OKKI.",
            "核对这一变化：属实则用 accept 放行，否则在 OKKI 中更正。",
        ),
    ),
    RejectionReason.UNIQUE: Reason(
        Phrase("another product has this value", "与其他产品的值重复"),
        Phrase(
            "Give one of the two another value in OKKI; the next cycle tries it again.",
            "在 OKKI 中为其中一条记录改用其他值；下个周期会重新判断。",
        ),
    ),
    RejectionReason.CONSISTENT: Reason(
        Phrase("differs from the other products", "与其他产品不一致"),
        Phrase(
            "Correct the value in OKKI, or accept it if it is meant to differ.",
            "在 OKKI 中更正该值；确应不同时用 accept 放行。",
        ),
    ),
}
REFUSED: Final = Phrase(
    "Yida refuses it: correct the record or the form, then retry it.", "宜搭拒绝了它：更正记录或表单后重试。"
)
_HELD: Final = Phrase("held: {}", "已暂扣：{}")


def reason_name(reason: str, language: str) -> str:
    """The reason in a few words; for a hold, that it is one."""
    known = REASONS.get(reason)
    if known is None:
        return reason
    name = known.name.told(language)
    return _HELD.told(language).format(name) if reason in tuple(HoldReason) else name


def reason_advice(reason: str, language: str) -> str:
    """What to do about it."""
    known = REASONS.get(reason)
    return (known.advice if known else REFUSED).told(language)
