"""Alertmanager's webhook (version 4 of its JSON, vendor doc) as one notice."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from xmsyncd.notify.outbox import Notice
from xmsyncd.notify.words import SEVERITIES, at, plain
from xmsyncd.notify.writing import Letterhead

_VERSION: Final = "4"
_MOST_ALERTS: Final = 10
_SEVEREST_FIRST: Final = tuple(SEVERITIES)


class NoWebhookError(ValueError):
    """The JSON is not what Alertmanager sends; the message says where."""


def webhook_notice(body: Any, head: Letterhead) -> Notice:
    """One webhook, one notice; the same webhook given again has the same ``id``. Raises NoWebhookError."""
    if not isinstance(body, dict) or str(body.get("version")) != _VERSION:
        raise NoWebhookError(f"no webhook of version {_VERSION}")
    alerts = body.get("alerts")
    if not isinstance(alerts, list) or not alerts or not all(isinstance(one, dict) for one in alerts):
        raise NoWebhookError("no alerts")
    firing = [one for one in alerts if one.get("status") == "firing"]
    resolved = [one for one in alerts if one.get("status") == "resolved"]
    if len(firing) + len(resolved) != len(alerts):
        raise NoWebhookError("an alert that is neither firing nor resolved")
    firing.sort(key=_rank)
    shown = [*firing, *resolved][:_MOST_ALERTS]
    title = _title(firing, resolved)
    parts = [f"### {title}", *(_alert(one, head) for one in shown)]
    hidden = len(alerts) - len(shown) + _whole(body.get("truncatedAlerts"))
    if hidden:
        parts.append(f"另有 {hidden} 条 / {hidden} more")
    parts.append(_footer(body, head))
    return Notice(_identity(body, alerts), title, "\n\n".join(part for part in parts if part))


def _title(firing: list[dict[str, Any]], resolved: list[dict[str, Any]]) -> str:
    if firing:
        severity = _text(firing[0], "labels", "severity")
        sign = "🔴" if severity == "critical" else "🟠"
        word = f"告警 {SEVERITIES.get(severity, plain(severity, 20))}".strip()
        name, number = _headline(firing[0]), len(firing)
    else:
        sign, word, name, number = "🟢", "恢复", _headline(resolved[0]), len(resolved)
    more = f"（共 {number} 条）" if number > 1 else ""
    return f"{sign} {word}：{name}{more}"


def _headline(alert: dict[str, Any]) -> str:
    for name in ("summary_zh", "summary"):
        if text := _text(alert, "annotations", name):
            return plain(text, 120)
    return plain(_text(alert, "labels", "alertname") or "?", 80)


def _alert(alert: dict[str, Any], head: Letterhead) -> str:
    is_firing = alert["status"] == "firing"
    severity = _text(alert, "labels", "severity")
    word = SEVERITIES.get(severity, plain(severity, 20)) if is_firing else "已恢复 resolved"
    lines = [f"**{'🔴' if is_firing else '🟢'} {_headline(alert)}** {word}".rstrip()]
    english = _text(alert, "annotations", "summary")
    if english and _text(alert, "annotations", "summary_zh"):
        lines.append(plain(english))
    if is_firing:
        lines += [
            plain(text, 500)
            for name in ("description_zh", "description")
            if (text := _text(alert, "annotations", name))
        ]
    lines.append(f"自 Since: {_when(alert, 'startsAt', head.zone)}")
    if not is_firing:
        lines[-1] += f" – {_when(alert, 'endsAt', head.zone)}"
    if is_firing and (link := _runbook(_text(alert, "annotations", "runbook_url"), head)):
        lines.append(f"[处理手册 Runbook]({link})")
    return "\n\n".join(lines)


def _runbook(given: str, head: Letterhead) -> str:
    """The annotation if it is an address, else its section of the runbook as readers reach it."""
    if _is_address(given):
        return given
    if head.runbook_url is None or not given:
        return ""
    anchor = given.partition("#")[2]
    return f"{head.runbook_url}#{anchor}" if re.fullmatch(r"[\w-]+", anchor) else head.runbook_url


def _footer(body: Mapping[str, Any], head: Letterhead) -> str:
    found = []
    if head.console_url:
        found.append(f"[控制台 Console]({head.console_url}/)")
    external = body.get("externalURL")
    if isinstance(external, str) and _is_address(external):
        found.append(f"[Alertmanager]({external})")
    return " · ".join(found)


def _is_address(text: str) -> bool:
    return re.fullmatch(r"https?://[^\s()\[\]<>]{1,500}", text) is not None


def _identity(body: Mapping[str, Any], alerts: list[dict[str, Any]]) -> str:
    parts = sorted(
        "|".join(str(one.get(name, "")) for name in ("fingerprint", "status", "startsAt") if name in one)
        + (f"|{one.get('endsAt', '')}" if one.get("status") == "resolved" else f"|{one.get('labels')}")
        for one in alerts
    )
    text = "\n".join([str(body.get("groupKey", "")), *parts])
    return "alerts:" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _text(alert: Mapping[str, Any], part: str, name: str) -> str:
    values = alert.get(part)
    value = values.get(name) if isinstance(values, dict) else None
    return value.strip() if isinstance(value, str) else ""


def _when(alert: Mapping[str, Any], name: str, zone: ZoneInfo) -> str:
    value = alert.get(name)
    if not isinstance(value, str):
        return "?"
    try:
        moment = datetime.fromisoformat(value)
        return "?" if moment.tzinfo is None or moment.year < 2000 else at(moment, zone)
    except (ValueError, OverflowError):
        return "?"


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _rank(alert: Mapping[str, Any]) -> int:
    severity = _text(alert, "labels", "severity")
    return _SEVEREST_FIRST.index(severity) if severity in _SEVEREST_FIRST else len(_SEVEREST_FIRST)
