"""One message to a robot: its signature, its size, and what an answer means."""

import asyncio
from datetime import timedelta
from urllib.parse import quote_plus

import pytest
from pydantic import SecretStr

from tests.unit.notify.conftest import WEBHOOK
from xmsyncd.notify.codes import THROTTLED_FOR, judge
from xmsyncd.notify.robot import cut, signature
from xmsyncd.records import Family
from xmsyncd.settings import RobotSettings
from xmsyncd.transport.reply import Fault, Reply


def test_the_signature_is_that_of_the_vendors_rule():
    """HMAC-SHA256 over timestamp, line feed and secret, keyed with the secret; here already for a URL."""
    encoded = quote_plus(signature("1700000000000", "SECtest"))
    assert encoded == "aZLLrriXgn05YbwaGR7knYsLeJADjr9NwLaNNKpxh4g%3D"


@pytest.mark.parametrize(
    ("body", "family"),
    [
        ({"errcode": 0, "errmsg": "ok"}, Family.DELIVERED),
        ({"errcode": "0", "errmsg": "ok"}, Family.DELIVERED),
        ({"errcode": -1, "errmsg": "系统繁忙"}, Family.TRY_LATER),
        ({"errcode": 410100, "errmsg": "发送速度太快而限流"}, Family.THROTTLED),
        ({"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}, Family.THROTTLED),
        ({"errcode": 660026, "errmsg": "sending too many messages per minute"}, Family.THROTTLED),
        ({"status": 1111, "punish": "deny"}, Family.THROTTLED),
        ({"errcode": 310000, "errmsg": "keywords not in content, more: [x]"}, Family.REFUSED),
        ({"errcode": 310000, "errmsg": "sign not match"}, Family.STOP),
        ({"errcode": 310000, "errmsg": "invalid timestamp"}, Family.STOP),
        ({"errcode": 310000, "errmsg": "ip 1.2.3.4 not in whitelist"}, Family.STOP),
        ({"errcode": 300005, "errmsg": "token is not exist"}, Family.STOP),
        ({"errcode": 400101, "errmsg": "access_token不存在"}, Family.STOP),
        ({"errcode": 400102, "errmsg": "机器人已停用"}, Family.STOP),
        ({"errcode": 400106, "errmsg": "机器人不存在"}, Family.STOP),
        ({"errcode": 400013, "errmsg": "群已被解散"}, Family.STOP),
        ({"errcode": 40035, "errmsg": "缺少参数 json"}, Family.REFUSED),
        ({"errcode": 43004, "errmsg": "无效的HTTP HEADER Content-Type"}, Family.REFUSED),
        ({"errcode": 400105, "errmsg": "不支持的消息类型"}, Family.REFUSED),
        ({"errcode": 400402, "errmsg": "markdown"}, Family.REFUSED),
        *(
            ({"errcode": code, "errmsg": "含有不合适的内容"}, Family.REFUSED)
            for code in range(430101, 430105)
        ),
        ({"errcode": 987654, "errmsg": "?"}, Family.TRY_LATER),
        ({}, Family.TRY_LATER),
        (None, Family.TRY_LATER),
        ([], Family.TRY_LATER),
    ],
)
def test_an_answer_inside_200_means_what_its_code_says(body, family):
    assert judge(Reply(status=200, body=body, is_json=True)).family is family


def test_a_robot_that_was_pushed_rests_ten_minutes():
    assert judge(Reply(status=200, body={"errcode": 410100})).wait == THROTTLED_FOR == timedelta(minutes=10)


@pytest.mark.parametrize(
    ("reply", "family"),
    [
        (Reply(fault=Fault.NOT_SENT), Family.NOT_SENT),
        (Reply(fault=Fault.LOST), Family.UNDECIDED),
        (Reply(status=502), Family.TRY_LATER),
        (Reply(status=429), Family.THROTTLED),
        (Reply(status=404), Family.STOP),
        (Reply(status=502, body={"errcode": 0}), Family.TRY_LATER),
    ],
)
def test_other_ends(reply, family):
    assert judge(reply).family is family


def test_a_long_text_is_cut_at_whole_characters():
    text = "宜" * 10_000
    assert len(cut(text, 18_000).encode()) <= 18_000
    assert cut(text, 18_000).endswith("…")
    assert cut("短", 18_000) == "短"


def test_settings_take_the_webhook_apart_and_hide_it():
    robot = RobotSettings(webhook=SecretStr(WEBHOOK))
    assert (robot.base_url, robot.path) == ("https://oapi.dingtalk.com", "/robot/send")
    assert robot.access_token == "robot-canary-token"
    assert "canary" not in repr(robot)


async def test_a_message_is_signed_keeps_its_key_and_holds_the_keyword(robot, group):
    group.answer({"errcode": 0})
    verdict = await robot(keyword="同步", secret="SECtest").send(group.message("uuid-1", "标题", "正文"))
    assert verdict.family is Family.DELIVERED
    sent = group.sent[0]
    assert sent["body"] == {
        "msgtype": "markdown",
        "markdown": {"title": "同步 标题", "text": "正文\n\n同步"},
        "msgUuid": "uuid-1",
    }
    assert sent["query"]["sign"] == signature(sent["query"]["timestamp"], "SECtest")
    assert sent["query"]["access_token"] == "robot-canary-token"


async def test_a_robot_that_does_not_answer_is_no_error(robot, group):
    group.hang()
    verdict = await asyncio.wait_for(robot(timeout="200ms").send(group.message("u", "t", "x")), 5)
    assert verdict.family is Family.UNDECIDED
    assert "canary" not in str(verdict)
