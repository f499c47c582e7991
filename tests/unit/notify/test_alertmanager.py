"""One webhook of Alertmanager is one notice."""

import copy
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from xmsyncd.notify.alertmanager import NoWebhookError, webhook_notice
from xmsyncd.notify.writing import Letterhead

HEAD = Letterhead(ZoneInfo("Asia/Shanghai"), "https://sync.example.com", "https://wiki.example.com/runbook")


def alert(
    number: int = 0, status: str = "firing", severity: str = "critical", **annotations: str
) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": "XmsyncdPipelineStopped", "pipeline": "products", "severity": severity},
        "annotations": {
            "summary": f"products stands still {number}",
            "summary_zh": f"products 已停止 {number}",
            "description": "Nothing is delivered.",
            "description_zh": "没有投递。",
            "runbook_url": "deploy/RUNBOOK.md#xmsyncdpipelinestopped",
            **annotations,
        },
        "startsAt": "2026-11-23T06:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-11-23T06:30:00Z",
        "generatorURL": "http://prometheus:9090/graph",
        "fingerprint": f"fp{number}",
    }


def webhook(*alerts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{pipeline="products"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "dingtalk",
        "externalURL": "http://alertmanager.example.com",
        "alerts": list(alerts),
        **changes,
    }


def test_a_problem_is_told_in_chinese_first_with_severity_and_links():
    notice = webhook_notice(webhook(alert()), HEAD)
    assert notice.title == "🔴 告警 严重：products 已停止 0"
    text = notice.text
    assert text.index("products 已停止 0") < text.index("products stands still 0")
    assert text.index("没有投递。") < text.index("Nothing is delivered.")
    assert "11-23 14:00" in text
    assert "(https://wiki.example.com/runbook#xmsyncdpipelinestopped)" in text
    assert "(https://sync.example.com/)" in text


def test_a_recovery_is_told_as_one():
    notice = webhook_notice(webhook(alert(status="resolved"), status="resolved"), HEAD)
    assert notice.title == "🟢 恢复：products 已停止 0"
    assert "11-23 14:00 – 11-23 14:30" in notice.text
    assert "Nothing is delivered." not in notice.text


def test_many_alerts_are_one_notice_the_severest_first():
    alerts = [alert(0, severity="info"), alert(1, severity="warning"), alert(2)]
    alerts += [alert(number, "resolved") for number in range(3, 30)]
    notice = webhook_notice(webhook(*alerts, truncatedAlerts=5), HEAD)
    assert "products 已停止 2（共 3 条）" in notice.title
    assert "另有 25 条" in notice.text


def test_the_same_webhook_again_is_the_same_notice_and_news_is_another():
    first = webhook(alert(1), alert(2))
    again = copy.deepcopy(first)
    again["alerts"].reverse()
    assert webhook_notice(first, HEAD).id == webhook_notice(again, HEAD).id
    ids = {
        webhook_notice(one, HEAD).id
        for one in (
            first,
            webhook(alert(1)),
            webhook(alert(1, "resolved")),
            webhook(alert(1), groupKey="other"),
        )
    }
    assert len(ids) == 4


def test_foreign_text_is_no_markdown_and_fits_into_a_ledger():
    found = webhook_notice(
        webhook(alert(summary_zh="# [点我](http://evil)\n\ud800 **x**", runbook_url="javascript:alert(1)")),
        HEAD,
    )
    assert "](http://evil)" not in found.text
    assert "javascript" not in found.text
    found.text.encode()
    found.title.encode()


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        webhook(),
        webhook(alert(), version="3"),
        webhook(alert(status="what")),
        {**webhook(), "alerts": "all"},
        {**webhook(), "alerts": [1]},
    ],
)
def test_what_is_no_webhook_is_refused(body):
    with pytest.raises(NoWebhookError):
        webhook_notice(body, HEAD)


@pytest.mark.parametrize("spoilt", ["labels", "annotations", "startsAt", "endsAt", "fingerprint"])
@pytest.mark.parametrize("value", [None, 5, [], {"severity": 3, "summary_zh": []}, "2026-99-99"])
@pytest.mark.parametrize("status", ["firing", "resolved"])
def test_oddities_inside_are_no_reason_to_say_nothing(spoilt, value, status):
    assert webhook_notice(webhook({**alert(status=status), spoilt: value}), HEAD).text
