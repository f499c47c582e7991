"""What people read where a pipeline stands still."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from xmsyncd.phrases.phrase import Phrase
from xmsyncd.records import StopReason


@dataclass(frozen=True, slots=True)
class Stop:
    """``name`` stands in Chinese beside the reason itself; ``advice`` says what it means and what to do."""

    name: str
    advice: Phrase


STOPS: Final[Mapping[str, Stop]] = {
    StopReason.CREDENTIALS: Stop(
        "凭据被拒绝",
        Phrase(
            "Credentials are refused. Mend the connection's key or secret in the configuration.",
            "凭据被拒绝。请在配置中更正该连接的密钥。",
        ),
    ),
    StopReason.PERMISSION: Stop(
        "缺少权限",
        Phrase(
            "A permission is missing. Grant it to the DingTalk application or to the acting user.",
            "缺少权限。请为钉钉应用或操作人授权。",
        ),
    ),
    StopReason.QUOTA: Stop(
        "本月调用次数已用完",
        Phrase(
            "The calls of this month are spent. Deliveries go on next month, or with a higher quota.",
            "本月调用次数已用完。下月自动继续，或提高额度。",
        ),
    ),
    StopReason.CAPACITY: Stop(
        "宜搭容量已达上限",
        Phrase(
            "Yida holds as many records or files as this edition allows: make room or buy more.",
            "宜搭的数据量或附件容量已达版本上限：请清理数据或扩容。",
        ),
    ),
    StopReason.CONFIGURATION: Stop(
        "表单、应用或组件配置不正确",
        Phrase(
            "Yida does not know the form or a component as configured. Run “xmsyncd check”.",
            "宜搭不认识所配置的表单、应用或组件。请运行“xmsyncd check”。",
        ),
    ),
    StopReason.ALL_REFUSED: Stop(
        "宜搭拒绝所有记录",
        Phrase(
            "Yida refuses every record: the form or the mapping must have changed.",
            "宜搭接连拒绝且没有接受任何记录：表单或映射可能已改变。",
        ),
    ),
    StopReason.NOT_SEARCHABLE: Stop(
        "检索不到已创建的记录",
        Phrase(
            "No search shows what was created, so doubtful records could never be decided.",
            "检索不到已创建的记录，存疑的记录将无法判定。",
        ),
    ),
    StopReason.FORM_NOT_EMPTY: Stop(
        "表单里已有本账本不认识的记录",
        Phrase(
            "The form holds records that this ledger does not know: creates could double.",
            "表单里已有本账本不认识的记录，继续创建可能造成重复。",
        ),
    ),
    StopReason.RESTORED: Stop(
        "账本是恢复的旧副本",
        Phrase(
            "The ledger is an older copy and does not know what came after it. Run “xmsyncd adopt”.",
            "账本是恢复的旧副本，不知道此后发生的事。请运行“xmsyncd adopt”。",
        ),
    ),
    StopReason.ADOPTING: Stop(
        "正在接管已有记录",
        Phrase(
            "Records of the form are being taken over; nothing is sent before that is done.",
            "正在接管表单中已有的记录，完成之前不会发送任何内容。",
        ),
    ),
    StopReason.PAUSED: Stop(
        "已由人工暂停",
        Phrase("A person paused it. Resume it when the reason is gone.", "已由人工暂停。原因消除后请恢复。"),
    ),
}


def stop_advice(reason: str, language: str) -> str:
    """What it means that a pipeline stands still for this reason, and what to do."""
    known = STOPS.get(reason)
    return known.advice.told(language) if known else reason
