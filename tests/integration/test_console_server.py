"""A daemon's HTTP side over a real socket: page, JSON, metrics and health."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import aiohttp
import orjson
import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from tests.world import world
from xmsyncd.console.acting import ACTIONS
from xmsyncd.console.charts import CHARTS
from xmsyncd.console.guarding import Refusal
from xmsyncd.console.page import Severity, bar, headline, language_of, span
from xmsyncd.console.server import ConsoleServer, Health
from xmsyncd.console.words import WORDS
from xmsyncd.errors import ConfigurationError, Fault, LedgerUnusableError
from xmsyncd.ledger import Ledger, cycles, pipelines
from xmsyncd.ledger.differences import DifferenceKind
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.states import ParkReason, VisibleState
from xmsyncd.ledger.views import StageDecision, Stop
from xmsyncd.observe.labels import PROOFS
from xmsyncd.observe.metrics import Metrics
from xmsyncd.observe.quota import Quota
from xmsyncd.operations.exit_status import UnknownRecordError
from xmsyncd.operations.status import PipelineInfo, status
from xmsyncd.operations.table import OPERATIONS
from xmsyncd.records import Family, Operation, RejectionReason, RuleResult, StopReason
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.transform.quality import OnFail, RuleKind

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def example() -> dict[str, Any]:
    """A status with something in every part, and markup where data can hold some."""
    return {
        "version": "0.1.0",
        "now": "2026-11-22T04:00:00.000+00:00",
        "pipelines": [
            {
                "name": "<script>alert(1)</script>",
                "form": "APP_X/FORM-1",
                "state": "stopped",
                "stop": {
                    "reason": "quota",
                    "detail": "5000 of 5000 <b>calls</b>",
                    "since": "2026-11-22T03:00:00.000+00:00",
                    "probe_at": "2026-11-30T16:00:00.000+00:00",
                },
                "watermark": "2026-11-22T03:57:00.000+00:00",
                "last_success": None,
                "next_run": "2026-11-22T04:10:00.000+00:00",
                "search": {"proven": True, "lag_seconds": 2.0},
                "backlog": {"delivered": 99_000, "parked": 1, "pending": 0, "undecided": 7},
                "oldest_pending_age_seconds": None,
                "oldest_undecided_age_seconds": 4000.0,
                "reading": None,
                "pace": {},
                "cycle": None,
                "cycles": [
                    {
                        "id": 3,
                        "kind": "incremental",
                        "started": "2026-11-22T03:59:00.000+00:00",
                        "finished": None,
                        "seconds": None,
                        "read": 12,
                        "decisions": {"create": 2, "unchanged": 10},
                        "result": None,
                        "detail": "",
                        "balance": None,
                    },
                    {
                        "id": 2,
                        "kind": "full",
                        "started": "2026-11-22T03:00:00.000+00:00",
                        "finished": "2026-11-22T03:10:00.000+00:00",
                        "seconds": 600.0,
                        "read": 99_008,
                        "decisions": {},
                        "result": "failed",
                        "detail": "OKKI shows no groups",
                        "balance": -2,
                    },
                ],
                "gaps": [
                    {
                        "start": "2026-11-20T00:00:00.000+00:00",
                        "end": "2026-11-20T01:00:00.000+00:00",
                        "cycles": 3,
                        "first": "2026-11-20T01:00:00.000+00:00",
                        "passed": True,
                    }
                ],
                "failures": [
                    {
                        "state": "parked",
                        "reason": "vendor.code.<i>",
                        "count": 1,
                        "first": "2026-11-21T04:00:00.000+00:00",
                        "last": "2026-11-21T04:00:00.000+00:00",
                        "sample": "A&B-<1>",
                    }
                ],
            }
        ],
        "quota": [
            {
                "connection": "main",
                "month": "2026-11",
                "used": 4900,
                "limit": 5000,
                "reserve": 250,
                "exhausted_at": "2026-11-22T04:00:00.000+00:00",
            },
            {
                "connection": "free",
                "month": "2026-11",
                "used": 9,
                "limit": 0,
                "reserve": 0,
                "exhausted_at": None,
            },
        ],
    }


def sent(slots: dict[int, dict[str, int]], latest: int = 0) -> dict[str, Any]:
    """Six hours in slots of five minutes."""
    return {
        "start": "2026-11-21T22:05:00.000+00:00",
        "slot_seconds": 300.0,
        "slots": [slots.get(place, {}) for place in range(72)],
        "last_minute": latest,
    }


class Daemon:
    """What the server asks, in the hands of a test."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] | Exception = example()
        self.asked: Counter[str] = Counter()
        self.activity: dict[str, Any] = {"<script>alert(1)</script>": sent({})}
        self.told: dict[str, Any] = {"quality.report": {"since": None, "pipelines": []}}
        self.params: list[tuple[str, dict[str, Any]]] = []
        self.token: str | None = None
        self.dead: str | None = None
        self.unready: list[str] = []
        self.registry = CollectorRegistry()

    async def ask(self, operation: str, params: Mapping[str, Any]) -> Any:
        self.asked[operation] += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        self.params.append((operation, dict(params)))
        if operation in self.told:
            told = self.told[operation]
            if isinstance(told, Exception):
                raise told
            return told
        return self.answer if operation == "status" else self.activity

    def server(self, port: int = 0) -> ConsoleServer:
        health = Health(dead=lambda: self.dead, unready=lambda: self.unready)
        return ConsoleServer(
            host="127.0.0.1", port=port, registry=self.registry, ask=self.ask, health=health, token=self.token
        )


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
async def web(daemon: Daemon) -> AsyncIterator[aiohttp.ClientSession]:
    server = daemon.server()
    await server.start()
    async with aiohttp.ClientSession(server.url) as session:
        yield session
    await server.stop()


async def test_metrics_come_with_the_type_that_was_asked_for(web, daemon):
    Metrics(daemon.registry).declare_pipeline("products")
    async with web.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = await answer.text()
    assert 'xmsyncd_source_records_total{pipeline="products"} 0.0' in text
    accept = "application/openmetrics-text; version=1.0.0,text/plain;q=0.5"
    async with web.get("/metrics", headers={"Accept": accept}) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        assert (await answer.text()).endswith("# EOF\n")
    async with web.get("/metrics", params={"name[]": "xmsyncd_gaps"}) as answer:
        assert len((await answer.text()).splitlines()) == 3


async def test_metrics_are_rendered_off_the_event_loop(web, daemon):
    """30,000 lines take 0.4 s, during which nothing would be sent, settled or answered."""

    class Watched(Collector):
        threads: ClassVar[list[int]] = []

        def collect(self) -> Iterator[Metric]:
            self.threads.append(threading.get_ident())
            yield GaugeMetricFamily("watched", "A metric that knows where it was rendered.", value=1)

    daemon.registry.register(Watched())
    Watched.threads.clear()  # registering collects once
    async with web.get("/metrics") as answer:
        assert "watched 1.0" in await answer.text()
    assert Watched.threads
    assert threading.get_ident() not in Watched.threads


async def test_liveness_fails_once_a_task_has_died(web, daemon):
    async with web.get("/livez") as answer:
        assert (answer.status, await answer.json()) == (200, {"alive": True, "reason": None})
    daemon.dead = "delivery products died: RuntimeError"
    async with web.get("/livez") as answer:
        assert (answer.status, await answer.json()) == (503, {"alive": False, "reason": daemon.dead})


async def test_readiness_names_every_reason(web, daemon):
    async with web.get("/readyz") as answer:
        assert (answer.status, await answer.json()) == (200, {"ready": True, "reasons": []})
    daemon.unready = ["the ledger is not open"]
    daemon.dead = "a task died"
    async with web.get("/readyz") as answer:
        assert answer.status == 503
        assert (await answer.json())["reasons"] == ["the ledger is not open", "a task died"]


async def test_the_status_is_the_operations_own_json_and_asked_for_once_a_second(web, daemon):
    for _ in range(5):
        async with web.get("/api/status") as answer:
            assert answer.status == 200
            assert await answer.json() == daemon.answer
    assert daemon.asked["status"] == 1


async def test_the_status_of_a_running_application_is_served_as_it_is(web, daemon, tmp_path):
    """By its own keys and values: an enum among them is text for Python and none for a strict encoder."""
    async with world(tmp_path, SimulatorOptions(products=3)) as here:
        await here.sync()
        async with contextlib.aclosing(OPERATIONS["status"](here.app.runtime, {})) as told:
            daemon.answer = [one.value async for one in told][-1]
    async with web.get("/api/status") as answer:
        assert answer.status == 200
        assert (await answer.json())["pipelines"][0]["backlog"]["delivered"] == 3
    async with web.get("/") as answer:
        assert answer.status == 200
    orjson.dumps(daemon.answer)


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


async def test_style_and_script_are_served_for_good_and_nothing_else(web):
    async with web.get("/") as answer:
        text = await answer.text()
    for kind in ("css", "javascript"):
        (path,) = re.findall(r'"(static/console\.' + ("css" if kind == "css" else "js") + r'\?\w+)"', text)
        async with web.get(f"/{path}") as answer:
            assert answer.status == 200
            assert answer.content_type == f"text/{kind}"
            assert "immutable" in answer.headers["Cache-Control"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "://" not in await answer.text()
    for path in ("/static/page.py", "/static/..%2Fpage.py", "/static/"):
        async with web.get(path) as answer:
            assert answer.status == 404


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


GROUP = {
    "pipeline": "products",
    "state": "parked",
    "reason": "vendor.code",
    "group": "vendor.code:ab12",
    "message": "number … is <taken>",
    "component": None,
    "label": "",
    "acceptable": False,
    "count": 1200,
    "first": "2026-11-21T04:00:00.000+00:00",
    "last": "2026-11-21T04:00:00.000+00:00",
    "sample": {"key": "A&B", "source_id": "77", "name": "灯", "detail": "number A&B is <taken>"},
}
FAILED = {
    "pipeline": "products",
    "key": "A&B",
    "source_id": "77",
    "state": "parked",
    "acceptable": False,
    "detail": "<taken>",
}
RULE = {
    "component": "textField_1",
    "label": "<b>单位</b>",
    "rule": "one_of",
    "on_fail": "reject",
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
SHIELD = {"Content-Type": "application/json", "Authorization": "Bearer secret-token"}
RETRY = {"operation": "failures.retry", "params": {"pipeline": "products", "key": "77"}}


@pytest.fixture
async def acting(daemon: Daemon) -> AsyncIterator[aiohttp.ClientSession]:
    daemon.token = "secret-token"
    server = daemon.server()
    await server.start()
    async with aiohttp.ClientSession(server.url) as session:
        yield session
    await server.stop()


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
    daemon.told["quality.report"]["pipelines"] = [
        {"pipeline": name, "rules": [unbroken, gone, RULE], "rejected": []}
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


async def test_what_a_rule_rejected_can_be_accepted_and_nothing_else(acting, daemon):
    rejected = {**GROUP, "state": "rejected", "reason": "one_of", "component": "f", "label": "单位"}
    listed = {"total": 1, "states": {"rejected": 1}, "groups": [rejected], "records": []}
    daemon.told["failures.list"] = listed
    for acceptable in (False, True):
        rejected["acceptable"] = acceptable
        record = {**FAILED, "state": "rejected", "acceptable": acceptable, "since": GROUP["first"]}
        listed["records"] = [record]
        params = {"pipeline": "products", "reason": "one_of", "component": "", "part": str(acceptable)}
        async with acting.get("/failures", params=params) as answer:
            text = await answer.text()
        assert ("Accept as it is" in text) is acceptable
        assert ("Accept all as they are" in text) is acceptable
        async with acting.post(  # an action, after which nothing that was kept is shown
            "/api/act",
            json={"operation": "failures.discard", "params": {"pipeline": "products", "key": "x"}},
            headers=SHIELD,
        ):
            pass
    asked = [params for name, params in daemon.params if name == "failures.list"]
    assert asked == [{"pipeline": "products", "reason": "one_of", "component": "", "limit": 100}] * 2


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


async def test_without_a_token_the_console_is_read_only(web, daemon):
    async with web.get("/") as answer:
        text = await answer.text()
    assert "<button type" not in text
    assert "Read only" in text
    async with web.post("/api/act", json=RETRY, headers=SHIELD) as answer:
        assert answer.status == 403
    assert not [name for name, _ in daemon.params if name.startswith("failures.retry")]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": ""}, 401),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
    ],
)
async def test_an_action_without_the_token_or_from_elsewhere_is_refused(acting, daemon, changes, status):
    body = orjson.dumps(RETRY)
    async with acting.post("/api/act", data=body, headers={**SHIELD, **changes}) as answer:
        assert answer.status == status
        assert "secret" not in await answer.text()
        assert "Access-Control-Allow-Origin" not in answer.headers
    async with acting.options("/api/act", headers={"Origin": "https://evil.example"}) as answer:
        assert answer.status == 405
    assert not [name for name, _ in daemon.params if name.startswith("failures.retry")]


async def test_an_action_is_done_in_the_consoles_name_and_told_in_the_readers_language(acting, daemon):
    daemon.told["failures.retry"] = {"total": 1, "counts": {"pending": 1}, "records": [], "error": None}
    async with acting.post("/api/act", json=RETRY, headers={**SHIELD, "Accept-Language": "zh"}) as answer:
        assert answer.status == 200
        assert await answer.json() == {"message": "完成 1 条：待发送 1"}
    assert daemon.params[-1] == (
        "failures.retry",
        {"pipeline": "products", "key": "77", "by": "console"},
    )


@pytest.mark.parametrize(
    ("told", "status", "words"),
    [
        (UnknownRecordError("nothing is called 77"), 404, "nothing is called 77"),
        (LedgerUnusableError("the disk is full"), 409, "the disk is full"),
        (RuntimeError("a secret place"), 500, "could not be done"),
    ],
)
async def test_an_action_that_fails_says_why(acting, daemon, told, status, words):
    daemon.told["failures.retry"] = told
    async with acting.post("/api/act", json=RETRY, headers=SHIELD) as answer:
        assert answer.status == status
        message = (await answer.json())["message"]
    assert words in message
    assert "secret" not in message


@pytest.mark.parametrize("body", [b"", b"{", b'{"operation": "ledger.backup", "params": {}}'])
async def test_an_action_that_is_none_is_refused(acting, daemon, body):
    async with acting.post("/api/act", data=body, headers=SHIELD) as answer:
        assert answer.status == 400
    assert not daemon.params


@pytest.mark.parametrize("method", ["post", "put", "delete"])
async def test_nothing_can_be_changed_here(web, method):
    async with web.request(method, "/api/status") as answer:
        assert answer.status == 405
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_an_open_connection_does_not_hold_up_the_stop(daemon):
    server = daemon.server()
    await server.start()
    port = int(re.findall(r":(\d+)/", server.url)[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readline()
    began = time.monotonic()
    await server.stop()
    assert time.monotonic() - began < 4
    writer.close()
    await server.stop()


async def test_a_port_in_use_is_a_fault_of_the_configuration(daemon):
    first = daemon.server()
    await first.start()
    port = int(re.findall(r":(\d+)/", first.url)[0])
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}"):
        await daemon.server(port).start()
    await first.stop()


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-TW", "zh"),
        ("fr,de;q=0.9", "en"),
        ("en;q=0.5,zh;q=0.9", "zh"),
        ("zh;q=0", "en"),
        ("zh;q=nonsense,*", "en"),
    ],
)
def test_the_language_is_the_heaviest_of_ours(header, language):
    assert language_of(header) == language


def test_one_parked_record_among_many_is_still_seen():
    segments = bar({"delivered": 99_999, "parked": 1, "pending": 0})
    assert [segment["state"] for segment in segments] == ["delivered", "parked"]
    assert segments[1]["width"] > 0.9
    assert segments[1]["x"] + segments[1]["width"] == pytest.approx(100, abs=0.01)
    assert bar({}) == []


async def test_a_source_that_cannot_be_read_is_told_with_what_to_do(web, daemon):
    pipeline = daemon.answer["pipelines"][0]
    pipeline["stop"] = None
    pipeline["cycles"][1] |= {"cannot_work": "credentials", "detail": "OKKI refuses <the> client"}
    async with web.get("/") as answer:
        text = await answer.text()
    assert "OKKI cannot be read" in text
    assert "OKKI refuses &lt;the&gt; client" in text
    assert "Mend the connection" in text


@pytest.mark.parametrize(
    ("changes", "severity", "words"),
    [
        ({}, "bad", "Delivery stands still"),
        ({"stop": None}, "warn", "The last cycle failed"),
        ({"stop": None, "cycles": []}, "warn", "could not be proven"),
        ({"stop": None, "cycles": [], "gaps": []}, "warn", "1 record needs a person"),
        (
            {"stop": None, "cycles": [{"result": "failed", "cannot_work": "credentials"}]},
            "bad",
            "OKKI cannot be read",
        ),
        ({"backlog": {"delivered": 5, "undecided": 7, "pending": 1}}, "busy", "7 answers were lost"),
        ({"backlog": {"delivered": 5, "pending": 1200}}, "busy", "1,200 records are on their way"),
        ({"backlog": {}, "watermark": None}, "busy", "Nothing was read yet"),
        ({"backlog": {"delivered": 5}}, "good", "in step with OKKI"),
    ],
)
def test_the_headline_names_what_matters_most(changes, severity, words):
    calm: dict[str, Any] = {"stop": None, "cycles": [], "gaps": []} if "backlog" in changes else {}
    found = headline({**example()["pipelines"][0], **calm, **changes}, WORDS["en"])
    assert found.severity == Severity(severity)
    assert words in found.text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (0, "0 s"), (61, "1 min 1 s"), (90_061, "1 d 1 h")]
)
def test_a_span_is_told_in_two_units(seconds, text):
    assert span(seconds, WORDS["en"]) == text


def test_both_languages_have_all_words_of_the_closed_sets():
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    wanted = {
        *(f"visible.{one}" for one in VisibleState),
        *(f"stop.{one}" for one in StopReason),
        *(f"kind.{one}" for one in cycles.CycleKind),
        *(f"result.{one}" for one in cycles.CycleResult),
        *(f"decision.{one}" for one in StageDecision),
        *(f"reason.{one}" for one in (*ParkReason, *RejectionReason)),
        *(f"proof.{one}" for one in PROOFS),
        *(f"title.{one}" for one in Severity),
        *(f"state.{one}" for one in ("running", "stopped", "idle")),
        *(f"pace.{one}" for one in Operation),
        *(f"life.{one}" for one in Operation),
        *(f"event.{one}" for one in HistoryEvent),
        *(f"family.{one}" for one in (*Family, "returned", "orphaned", "on_its_way")),
        *(f"refusal.{one}" for one in Refusal),
        *(f"done.{one}" for one in ACTIONS if one.startswith("pipeline.")),
        *(f"outcome.{band}" for bands in CHARTS.values() for band in bands),
        *(f"chart.{name}" for name in CHARTS),
        *(f"chart.none.{name}" for name in CHARTS),
        *(f"rule.{one}" for one in RuleKind),
        *(f"on_fail.{one}" for one in (*OnFail, "gone")),
        *(f"rule_result.{one}" for one in (*RuleResult, "unasked")),
        *(f"difference.{one}" for one in DifferenceKind),
    }
    assert wanted <= WORDS["en"].keys()
