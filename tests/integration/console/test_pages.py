"""The pages, as a reader gets them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from tests.console_status import example
from tests.integration.console.conftest import FAILED, GROUP, sent
from xmsyncd.console.words import WORDS
from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.ledger import Ledger, cycles, pipelines
from xmsyncd.ledger.views import Stop
from xmsyncd.observe.quota import Quota
from xmsyncd.operations.exit_status import UnknownRecordError
from xmsyncd.operations.status import PipelineInfo, status
from xmsyncd.records import StopReason

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
RULE = {
    "component": "textField_1",
    "label": "<b>单位</b>",
    "rule": "one_of",
    "demand": "pcs, <u>set</u>",
    "on_fail": "reject",
    "is_of_several": False,
    "reason": "one_of",
    "seen": 1500,
    "kept": 1488,
    "warned": 0,
    "fixed": 0,
    "rejected": 12,
    "standing": 11,
    "sample": '"<i>pieces</i>"',
    "sample_key": "A&B",
    "sample_at": "2026-11-22T03:58:00.000+00:00",
}


async def test_a_status_that_fails_is_told_without_its_words(web, daemon):
    daemon.answer = RuntimeError("a secret place")
    for path in ("/api/status", "/"):
        async with web.get(path) as answer:
            assert answer.status == 503
            assert "secret" not in await answer.text()
    daemon.answer = example()
    async with web.get("/api/status") as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("accept", "language", "words"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh", ["已停止", "本月调用次数已用完", "待人工处理", "3分前"]),
        ("en-GB,en;q=0.9", "en", ["stopped", "calls of this month are spent", "parked", "3 min ago"]),
    ],
)
async def test_the_page_speaks_the_readers_language(web, accept, language, words):
    async with web.get("/", headers={"Accept-Language": accept}) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Language"] == language
        text = await answer.text()
    for word in words:
        assert word in text


async def test_the_page_escapes_data_and_loads_nothing_from_elsewhere(web):
    async with web.get("/") as answer:
        text = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "vendor.code.&lt;i&gt;" in text
    assert "A&amp;B-&lt;1&gt;" in text
    assert not re.search(r"""(src|href)=["'](//|\w+:(?!image))""", text)
    assert "://" not in text
    assert not re.search(r"<[^>]+\sstyle=|<[^>]+\son\w+=|<style|<script(?! defer src=)", text)
    assert "unsafe" not in policy
    assert "script-src 'self';" in policy


async def test_the_page_shows_what_is_going_on_and_what_was_sent(web, daemon):
    daemon.answer["pipelines"][0] |= {
        "stop": None,
        "backlog": {"pending": 1200, "delivered": 5},
        "reading": {"kind": "first", "reason": "", "pages": 12, "read": 1200, "total": 5000},
        "pace": {
            "create": {"per_second": 20.0, "paused_seconds": 0.0},
            "update": {"per_second": 0.5, "paused_seconds": 3.0},
        },
    }
    daemon.activity = {
        "<script>alert(1)</script>": sent(
            {70: {"create": 1234, "update": 1}, 3: {"throttled": 7}}, latest=300
        )
    }
    async with web.get("/") as answer:
        text = " ".join((await answer.text()).split())
    assert '<progress max="100" value="24.0"' in text
    assert "1,200 of 5,000 records, page 12" in text
    assert "about 4 min more, at 300 in the last minute" in text
    assert "up to 20 a second" in text
    assert "paused for 3 s" in text
    assert "<strong>1,235</strong>" in text
    assert "throttled 7" in text


async def test_without_the_charts_the_page_is_still_shown(web, daemon):
    daemon.activity = {}
    async with web.get("/") as answer:
        assert answer.status == 200
        assert "<figure" not in await answer.text()


async def test_the_page_shows_what_a_real_ledger_holds(web, daemon, tmp_path):
    async with Ledger(tmp_path / "ledger.db") as ledger:
        await ledger.write(pipelines.register, "products", "APP_X/FORM-1", "key")
        await ledger.write(cycles.begin, "products", cycles.CycleKind.FIRST, None, NOW, NOW)
        await ledger.write(
            pipelines.stop, "products", Stop(StopReason.FORM_NOT_EMPTY, "12 instances", NOW, None)
        )
        daemon.answer = await status(
            ledger, [PipelineInfo("products", "APP_X/FORM-1", Quota("main", 5000, 250))], NOW
        )
    async with web.get("/") as answer:
        text = await answer.text()
    assert "12 instances" in text
    assert WORDS["en"]["stop.form_not_empty"] in text
    assert WORDS["en"]["no_records"] in text


async def test_failures_are_shown_by_reason_and_one_by_one(acting, daemon):
    daemon.told["failures.list"] = {
        "total": 1200,
        "states": {"parked": 1200},
        "groups": [GROUP],
        "records": [{**FAILED, "since": GROUP["first"]}],
    }
    async with acting.get("/failures") as answer:
        text = await answer.text()
    assert '<strong class="count">1,200</strong>' in text
    assert "number … is &lt;taken&gt;" in text
    assert "failures?pipeline=products&amp;reason=vendor.code%3Aab12" in text
    assert "One by one" not in text
    assert "Retry all of these" in text
    async with acting.get(
        "/failures", params={"pipeline": "products", "reason": "vendor.code:ab12"}
    ) as answer:
        text = await answer.text()
    assert "One by one" in text
    assert "The first 1 of 1,200." in text
    limits = [params["limit"] for name, params in daemon.params if name == "failures.list"]
    assert limits == [0, 100]


async def test_the_panel_of_rules_tells_what_each_found_and_leads_to_what_it_rejected(web, daemon):
    name = daemon.answer["pipelines"][0]["name"] = "products"
    unbroken = {**RULE, "rule": "required", "standing": 0, "rejected": 0, "sample": None, "sample_at": None}
    gone = {**RULE, "component": "", "label": "", "rule": "expression", "on_fail": None, "standing": 0}
    old = {**gone, "is_of_several": True}
    daemon.told["quality.report"]["pipelines"] = [
        {"pipeline": name, "rules": [unbroken, gone, old, RULE], "rejected": []}
    ]
    daemon.answer["pipelines"][0] |= {
        "filtered": 7,
        "reconcile": {"at": "2026-11-22T01:00:00.000+00:00", "differences": {"gone": 0, "different": 3}},
    }
    for _ in range(3):
        async with web.get("/") as answer:
            text = " ".join((await answer.text()).split())
    assert daemon.asked["quality.report"] == 1
    assert "&lt;b&gt;单位&lt;/b&gt;" in text
    assert "&lt;i&gt;pieces&lt;/i&gt;" in text
    assert "pcs, &lt;u&gt;set&lt;/u&gt;" in text
    assert "counted together before" in text
    assert "failures?pipeline=products&amp;reason=one_of&amp;component=textField_1" in text
    assert "record?pipeline=products&amp;id=A%26B" in text
    for told in ("1,500", "12", "11", "2 min ago", "not configured now", "1 rule that no record broke"):
        assert f">{told}<" in text or told in text, told
    assert "7 records" in text
    assert "3 h ago<" in text
    assert "other content 3" in text
    assert "deleted in Yida" not in text
    async with web.get("/", headers={"Accept-Language": "zh-CN"}) as answer:
        text = await answer.text()
    for told in ("数据质量规则", "允许的取值", "当前被拒", "被 where 排除", "与宜搭核对", "内容不同 3"):
        assert told in text


async def test_open_failure_pages_ask_once_a_second(web, daemon):
    daemon.told["failures.list"] = {"total": 0, "states": {}, "groups": [], "records": []}
    for _ in range(5):
        async with web.get("/failures") as answer:
            assert answer.status == 200
    assert daemon.asked["failures.list"] == 1


async def test_a_search_shows_what_was_found_and_that_nothing_was(web, daemon):
    daemon.told["search"] = {
        "text": "灯",
        "is_cut": True,
        "records": [
            {
                "pipeline": "products",
                "source_id": "77",
                "key": "A&B",
                "name": "<b>灯</b>",
                "state": "delivered",
                "instance_id": "i",
            }
        ],
    }
    async with web.get("/records", params={"q": " 灯 "}) as answer:
        text = await answer.text()
    assert "&lt;b&gt;灯&lt;/b&gt;" in text
    assert "record?pipeline=products&amp;id=77" in text
    assert "There are more" in text
    assert ("search", {"text": "灯"}) in daemon.params
    daemon.told["search"] = {"text": '"><script>', "is_cut": False, "records": []}
    async with web.get("/records", params={"q": '"><script>'}) as answer:
        text = await answer.text()
    assert "<script>" not in text
    assert "Nothing known is called" in text
    async with web.get("/records") as answer:
        assert "Enter a number" in await answer.text()


async def test_a_record_that_nobody_knows_is_not_found(web, daemon):
    daemon.told["explain"] = UnknownRecordError("no such record")
    async with web.get("/record", params={"id": "<X>"}) as answer:
        assert answer.status == 404
        assert "&lt;X&gt;" in await answer.text()
    daemon.told["failures.list"] = ConfigurationError([Fault("pipeline", "'x'", "one of products")])
    async with web.get("/failures", params={"pipeline": "x"}) as answer:
        assert answer.status == 404
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_source_that_cannot_be_read_is_told_with_what_to_do(web, daemon):
    pipeline = daemon.answer["pipelines"][0]
    pipeline["stop"] = None
    pipeline["cycles"][1] |= {"cannot_work": "credentials", "detail": "OKKI refuses <the> client"}
    async with web.get("/") as answer:
        text = await answer.text()
    assert "OKKI cannot be read" in text
    assert "OKKI refuses &lt;the&gt; client" in text
    assert "Mend the connection" in text
