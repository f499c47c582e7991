"""The words of messages, Chinese first; a test holds them to the closed sets."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from xmsyncd.notify.picture import Kind
from xmsyncd.phrases.reasons import REASONS
from xmsyncd.phrases.stops import STOPS
from xmsyncd.showing import cut_to

TITLES: Final = {
    Kind.STOPPED: ("送达已停止", "delivery stands still"),
    Kind.FAILING: ("读取持续失败", "cycles keep failing"),
    Kind.GAP: ("有时间段无法证明已读取完整", "stretches of time could not be proven"),
    Kind.PARKED: ("有记录待人工处理", "records need a person"),
    Kind.HELD: ("有更新被保护规则暂扣", "updates are held by the guard"),
    Kind.QUOTA: ("本月调用额度即将用完", "the month's calls will be spent"),
    Kind.DIED: ("守护进程因故障退出", "the daemon died"),
    Kind.AWAY: ("厂商服务没有正常应答", "the vendor does not answer as it should"),
    Kind.SILENT: ("没有任何周期运行", "nothing ran"),
    Kind.BACKLOG: ("有记录等待过久", "records have been waiting for long"),
    Kind.UNDECIDED: ("有调用长时间结果未定", "a call has been undecided for long"),
    Kind.DOUBLE: ("有记录在宜搭中重复", "a record is in Yida twice"),
    Kind.BALANCE: ("上一周期对账不平", "the last cycle does not balance"),
}
RECOVERED: Final = {
    Kind.STOPPED: ("送达已恢复", "delivery goes on"),
    Kind.FAILING: ("读取已恢复", "cycles succeed again"),
    Kind.GAP: ("所有时间段均已证明读取完整", "every stretch of time is proven"),
    Kind.PARKED: ("待人工处理的记录已清零", "no record needs a person"),
    Kind.HELD: ("暂扣的更新已全部处理", "no update is held"),
    Kind.QUOTA: ("本月调用额度够用", "the month's calls suffice"),
    Kind.DIED: ("守护进程运行正常", "the daemon runs again"),
    Kind.AWAY: ("厂商服务恢复应答", "the vendor answers again"),
    Kind.SILENT: ("周期恢复运行", "cycles run again"),
    Kind.BACKLOG: ("没有等待过久的记录", "no record has been waiting for long"),
    Kind.UNDECIDED: ("没有长时间结果未定的调用", "no call has been undecided for long"),
    Kind.DOUBLE: ("一小时内没有再发现重复", "no further one was found for an hour"),
    Kind.BALANCE: ("对账已平", "the cycles balance again"),
}
RUNBOOK: Final = {
    Kind.STOPPED: "xmsyncdpipelinestopped",
    Kind.FAILING: "xmsyncdcyclesfail",
    Kind.GAP: "xmsyncdgaps",
    Kind.PARKED: "xmsyncdrecordsparked",
    Kind.HELD: "xmsyncdrecordsheld",
    Kind.QUOTA: "xmsyncdquotaendswithinaweek",
    Kind.DIED: "xmsyncddown",
    Kind.AWAY: "xmsyncdvendoraway",
    Kind.SILENT: "xmsyncdnothingran",
    Kind.BACKLOG: "xmsyncdbacklogold",
    Kind.UNDECIDED: "xmsyncdundecidedtoolong",
    Kind.DOUBLE: "xmsyncddoublefound",
    Kind.BALANCE: "xmsyncdbalance",
}
"""The section of the runbook for each: those of the alerts that watch the same."""

SEVERITIES: Final = {"critical": "严重", "warning": "警告", "info": "提示"}

_MARKDOWN: Final = str.maketrans({"[": "［", "]": "］", "<": "＜", ">": "＞", "`": "'", "*": "＊", "#": "＃"})


def plain(text: object, most: int = 300) -> str:
    """Foreign text on one line, in which nothing is markdown; what fits into no message is replaced."""
    one_line = re.sub(r"\s+", " ", str(text)).strip().encode("utf-8", "replace").decode()
    return cut_to(one_line.translate(_MARKDOWN), most)


def at(moment: datetime, zone: ZoneInfo) -> str:
    """Month, day and minute, where the reader lives."""
    return moment.astimezone(zone).strftime("%m-%d %H:%M")


def stop_text(reason: str) -> str:
    """``凭据被拒绝 (credentials)``; an unknown one as it is."""
    stop = STOPS.get(reason)
    return f"{stop.name} ({reason})" if stop else plain(reason)


def reason_text(reason: str) -> str:
    """Why a record is parked or held; a vendor's code as it is."""
    known = REASONS.get(reason)
    return f"{known.name.chinese} ({reason})" if known else plain(reason, 80)


def links(console_url: str | None, runbook_url: str | None, anchor: str = "") -> str:
    """A line of links, empty where none is known."""
    found = []
    if console_url:
        found.append(f"[控制台 Console]({console_url}/)")
    if runbook_url:
        found.append(f"[处理手册 Runbook]({runbook_url}{'#' + anchor if anchor else ''})")
    return " · ".join(found)
