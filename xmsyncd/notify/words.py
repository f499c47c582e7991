"""The words of messages, Chinese first; a test holds them to the closed sets."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from xmsyncd.ledger.states import HoldReason, ParkReason, VisibleState
from xmsyncd.notify.picture import Kind
from xmsyncd.records import StopReason

TITLES: Final = {
    Kind.STOPPED: ("送达已停止", "delivery stands still"),
    Kind.FAILING: ("读取持续失败", "cycles keep failing"),
    Kind.GAP: ("有时间段无法证明已读取完整", "stretches of time could not be proven"),
    Kind.PARKED: ("有记录待人工处理", "records need a person"),
    Kind.HELD: ("有更新被保护规则暂扣", "updates are held by the guard"),
    Kind.QUOTA: ("本月调用额度即将用完", "the month's calls will be spent"),
    Kind.DIED: ("守护进程因故障退出", "the daemon died"),
}
RECOVERED: Final = {
    Kind.STOPPED: ("送达已恢复", "delivery goes on"),
    Kind.FAILING: ("读取已恢复", "cycles succeed again"),
    Kind.GAP: ("所有时间段均已证明读取完整", "every stretch of time is proven"),
    Kind.PARKED: ("待人工处理的记录已清零", "no record needs a person"),
    Kind.HELD: ("暂扣的更新已全部处理", "no update is held"),
    Kind.QUOTA: ("本月调用额度够用", "the month's calls suffice"),
    Kind.DIED: ("守护进程运行正常", "the daemon runs again"),
}
RUNBOOK: Final = {
    Kind.STOPPED: "xmsyncdpipelinestopped",
    Kind.FAILING: "xmsyncdcyclesfail",
    Kind.GAP: "xmsyncdgaps",
    Kind.PARKED: "xmsyncdrecordsparked",
    Kind.HELD: "xmsyncdrecordsheld",
    Kind.QUOTA: "xmsyncdquotaendswithinaweek",
    Kind.DIED: "xmsyncddown",
}
"""The section of the runbook for each: those of the alerts that watch the same."""

STOPS: Final = {
    StopReason.CREDENTIALS: "凭据被拒绝",
    StopReason.PERMISSION: "缺少权限",
    StopReason.QUOTA: "本月调用次数已用完",
    StopReason.CAPACITY: "宜搭容量已达上限",
    StopReason.CONFIGURATION: "表单、应用或组件配置不正确",
    StopReason.ALL_REFUSED: "宜搭拒绝所有记录",
    StopReason.NOT_SEARCHABLE: "检索不到已创建的记录",
    StopReason.FORM_NOT_EMPTY: "表单里已有本账本不认识的记录",
    StopReason.RESTORED: "账本是恢复的旧副本",
    StopReason.ADOPTING: "正在接管已有记录",
    StopReason.PAUSED: "已由人工暂停",
}
REASONS: Final = {
    ParkReason.AMBIGUOUS: "已有相似记录",
    ParkReason.RESEND_LIMIT: "多次重发仍未到达",
    ParkReason.INSTANCE_GONE: "已在宜搭中删除",
    HoldReason.CONTEXT_CHANGED: "映射或分组有变化",
    HoldReason.MANY_CHANGES: "一次更新过多",
}
STATES: Final = {
    VisibleState.DELIVERED: "已送达",
    VisibleState.PENDING: "待发送",
    VisibleState.SENDING: "发送中",
    VisibleState.UNDECIDED: "结果未定",
    VisibleState.REJECTED: "已拒绝",
    VisibleState.WAITING: "等待主键",
    VisibleState.HELD: "已暂扣",
    VisibleState.PARKED: "待人工处理",
    VisibleState.DISCARDED: "已放弃",
}
SEVERITIES: Final = {"critical": "严重", "warning": "警告", "info": "提示"}

_MARKDOWN: Final = str.maketrans({"[": "［", "]": "］", "<": "＜", ">": "＞", "`": "'", "*": "＊", "#": "＃"})


def plain(text: object, most: int = 300) -> str:
    """Foreign text on one line, in which nothing is markdown; what fits into no message is replaced."""
    one_line = re.sub(r"\s+", " ", str(text)).strip().encode("utf-8", "replace").decode()
    shown = one_line.translate(_MARKDOWN)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def at(moment: datetime, zone: ZoneInfo) -> str:
    """Month, day and minute, where the reader lives."""
    return moment.astimezone(zone).strftime("%m-%d %H:%M")


def stop_text(reason: str) -> str:
    """``凭据被拒绝 (credentials)``; an unknown one as it is."""
    if reason in tuple(StopReason):
        return f"{STOPS[StopReason(reason)]} ({reason})"
    return plain(reason)


def reason_text(reason: str) -> str:
    """Why a record is parked or held; a vendor's code as it is."""
    word = REASONS.get(reason)  # type: ignore[call-overload]  # a str is found by its enum's key
    return f"{word} ({reason})" if word else plain(reason, 80)


def links(console_url: str | None, runbook_url: str | None, anchor: str = "") -> str:
    """A line of links, empty where none is known."""
    found = []
    if console_url:
        found.append(f"[控制台 Console]({console_url}/)")
    if runbook_url:
        found.append(f"[处理手册 Runbook]({runbook_url}{'#' + anchor if anchor else ''})")
    return " · ".join(found)
