"""The text of what the daemon says by itself: markdown, Chinese first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from xmsyncd.ledger.states import VisibleState
from xmsyncd.ledger.times import to_ms
from xmsyncd.notify.changes import Change, Problem
from xmsyncd.notify.outbox import Notice
from xmsyncd.notify.picture import Condition, Day, Kind, PipelineDay
from xmsyncd.notify.words import (
    RECOVERED,
    RUNBOOK,
    TITLES,
    at,
    links,
    plain,
    reason_text,
    stop_text,
)
from xmsyncd.observe.quota import QuotaReading
from xmsyncd.phrases.states import STATES

_SHOWN: Final = (
    VisibleState.DELIVERED,
    VisibleState.PENDING,
    VisibleState.UNDECIDED,
    VisibleState.PARKED,
    VisibleState.HELD,
    VisibleState.REJECTED,
    VisibleState.WAITING,
)


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all messages have in common."""

    zone: ZoneInfo
    console_url: str | None = None
    runbook_url: str | None = None

    def links(self, anchor: str = "") -> str:
        """The line of links at the end."""
        return links(self.console_url, self.runbook_url, anchor)


def change_notice(change: Change, now: datetime, head: Letterhead) -> Notice:
    """A problem, or that it is over."""
    if isinstance(change, Problem):
        kind, subject = change.condition.kind, change.condition.subject
        lines = _facts(change.condition, head.zone)
    else:
        kind, subject = change.kind, change.subject
        lines = [f"- 自 Since: {at(change.since, head.zone)} – {at(now, head.zone)}"]
    is_problem = isinstance(change, Problem)
    sign = ("🔴" if kind.is_critical else "🟠") if is_problem else "🟢"
    zh, en = (TITLES if is_problem else RECOVERED)[kind]
    word = "故障" if is_problem else "恢复"
    title = f"{sign} {word} {plain(subject, 60)}：{zh}"
    parts = [f"### {title}", en, *lines, head.links(RUNBOOK[kind] if is_problem else "")]
    key = f"{kind}:{subject}:{word}:{to_ms(now)}"
    return Notice(key, title, "\n\n".join(part for part in parts if part))


def _facts(one: Condition, zone: ZoneInfo) -> list[str]:
    facts: list[str] = []
    if one.kind is Kind.STOPPED:
        facts.append(f"- 原因 Reason: {stop_text(one.what)}")
    if one.kind is Kind.QUOTA and one.until is not None:
        facts.append(f"- 已用 Used: {one.number:,} / {int(one.detail):,}")
        facts.append(f"- 预计用完 Spent by: {at(one.until, zone)}")
        return facts
    if one.number:
        facts.append(f"- 数量 Number: {one.number:,}")
    facts += [f"- {reason_text(reason)}: {number:,}" for reason, number in one.reasons]
    if one.since is not None:
        facts.append(f"- 自 Since: {at(one.since, zone)}")
    if one.detail:
        facts.append(f"- 详情 Detail: {plain(one.detail)}")
    return facts


def digest_notice(day: Day, since: datetime, now: datetime, head: Letterhead) -> Notice:
    """The daily digest."""
    local = now.astimezone(head.zone)
    title = f"📋 每日简报 {local:%Y-%m-%d}"
    parts = [f"### {title}", f"Daily digest, since {at(since, head.zone)}"]
    for one in day.pipelines:
        parts += _pipeline_lines(one, now, head.zone)
    parts += [_quota_line(one, head.zone) for one in day.quotas]
    parts.append(head.links())
    return Notice(f"digest:{local:%Y-%m-%d}", title, "\n\n".join(part for part in parts if part))


def _pipeline_lines(one: PipelineDay, now: datetime, zone: ZoneInfo) -> list[str]:
    lines = [f"**{plain(one.name, 60)}**"]
    if one.stop is not None:
        lines.append(f"- 🔴 {TITLES[Kind.STOPPED][0]} Stopped: {stop_text(one.stop)}")
    if one.watermark is None:
        lines.append("- 尚未读取 Nothing read yet")
    else:
        minutes = round((now - one.watermark).total_seconds() / 60)
        lines.append(f"- 已读取至 Read up to: {at(one.watermark, zone)} ({minutes:,} min)")
    cycles = one.cycles
    failed = cycles.get("failed", 0) + cycles.get("unproven", 0)
    lines.append(f"- 周期 Cycles: {sum(cycles.values()):,}，失败或未证明 failed or unproven: {failed:,}")
    delivered = one.delivered
    lines.append(
        f"- 写入宜搭 Delivered: 新建 created {delivered.get('create', 0):,}，"
        f"更新 updated {delivered.get('update', 0):,}"
    )
    states = [f"{STATES[state].chinese} {one.backlog[state]:,}" for state in _SHOWN if one.backlog[state]]
    lines.append(f"- 记录 Records: {'，'.join(states) or '无 none'}")
    if one.gaps:
        lines.append(f"- 🟠 缺口 Gaps: {one.gaps:,}")
    for group in one.failures:
        state = STATES[VisibleState(str(group["state"]))].chinese
        lines.append(f"- {state} – {reason_text(str(group['reason']))}: {group['count']:,}")
    return lines


def _quota_line(one: QuotaReading, zone: ZoneInfo) -> str:
    name = plain(one.quota.connection, 60)
    if not one.quota.limit:
        return f"**额度 Quota {name}**: 不计费 not metered，{one.used:,}"
    when = "本月够用 lasts" if one.exhausted_at is None else f"预计用完 spent by {at(one.exhausted_at, zone)}"
    return f"**额度 Quota {name}**: {one.used:,} / {one.quota.limit:,}，{when}"
