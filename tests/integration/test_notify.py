"""What people are told in DingTalk, over sockets: once, durably, and never at the cost of the work."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import generate_latest

from tests.world import World, application, settings_of, until
from xmsyncd.clock import SystemClock
from xmsyncd.errors import ConfigurationError
from xmsyncd.notify import picture
from xmsyncd.notify.outbox import Notice
from xmsyncd.notify.sender import Sender
from xmsyncd.observe.labels import HookRefusal
from xmsyncd.operations.robots import send_test
from xmsyncd.settings import Settings
from xmsyncd.simulator.faults import FaultName
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.robot import RobotTrouble, SimulatedRobot
from xmsyncd.simulator.server import Simulator
from xmsyncd.yida import auth

OPTIONS = SimulatorOptions(
    products=5, robot_token="robot-token-canary", robot_secret="SECcanary-of-the-robot", robot_keyword="同步"
)
TOKEN = "hook-token-canary"


def notify(simulated: Simulator, **changes: Any) -> dict[str, Any]:
    """The section of the configuration."""
    robot = {
        "webhook": f"{simulated.yida_url}/robot/send?access_token={OPTIONS.robot_token}",
        "secret": OPTIONS.robot_secret,
        "keyword": OPTIONS.robot_keyword,
    }
    return {
        "robots": {"ops": {**robot, **changes.pop("robot", {})}},
        "every": "100ms",
        "recovered_for": "0s",
        "console_url": "https://sync.example.com",
        **changes,
    }


@contextlib.asynccontextmanager
async def telling(folder: Path, simulated: Simulator, **changes: Any) -> AsyncIterator[World]:
    """The application with its notifications running, as the daemon runs them."""
    section = notify(simulated, **changes.pop("notify", {}))
    async with application(folder, simulated, notify=section, **changes) as opened:
        stopping = asyncio.Event()
        task = asyncio.create_task(opened.app.notifier.run(stopping))
        try:
            yield opened
        finally:
            stopping.set()
            await asyncio.wait_for(task, 5)


def robot_of(simulated: Simulator) -> SimulatedRobot:
    return simulated.yida.robot


def titles(simulated: Simulator) -> list[str]:
    return [one.title for one in robot_of(simulated).messages]


async def say(opened: World, *texts: str) -> None:
    """Something to tell, as Alertmanager's hook would put it."""
    await opened.app.notifier.keep([Notice(text, text, text) for text in texts], ["ops"])


@pytest.fixture
async def simulated() -> AsyncIterator[Simulator]:
    async with Simulator(OPTIONS) as running:
        yield running


async def test_a_pipeline_that_stops_is_told_once_and_so_is_that_it_goes_on(tmp_path, simulated):
    # Delivery alone is refused: OKKI's side goes on, cycle after cycle.
    fault = simulated.faults.add(FaultName.PERMISSION, api="yida", operation="start")
    async with telling(tmp_path, simulated) as opened:
        await opened.read()
        await until(lambda: any("送达已停止" in one for one in titles(simulated)), "the stop is told")
        message = robot_of(simulated).messages[0]
        assert "缺少权限 (permission)" in message.text
        assert "https://sync.example.com/" in message.text
        seen = robot_of(simulated).calls
        await opened.read()
        await opened.read()
        for _ in range(5):
            assert await opened.app.notifier.look() == 0
        assert robot_of(simulated).calls == seen
        simulated.faults.remove(fault)
        await until(lambda: any("送达已恢复" in one for one in titles(simulated)), "the recovery is told")
        assert len(titles(simulated)) == 2
    assert opened.verdict()["missing"] == []


async def test_a_vendor_that_is_away_is_told_once_although_no_record_was_tried(
    tmp_path, simulated, monkeypatch
):
    monkeypatch.setattr(picture, "_AWAY_SECONDS", 0.3)
    fault = simulated.faults.add(FaultName.HTML_502, api="yida", operation="token")
    quick = {"log": {"repeat_every": "300ms"}, "delivery": {"retry_base": "50ms", "retry_cap": "100ms"}}
    monkeypatch.setattr(auth, "HOLD_SECONDS", 0.05)
    async with telling(tmp_path, simulated, **quick) as opened:
        await opened.read()
        await until(lambda: titles(simulated), "that DingTalk is away")
        assert await opened.query("SELECT * FROM attempts") == []
        for _ in range(5):
            assert await opened.app.notifier.look() == 0
        simulated.faults.remove(fault)
        await until(lambda: len(titles(simulated)) == 2, "that it is back")
        await opened.sync()
    problem, recovery = (one.removeprefix("同步 ") for one in titles(simulated))
    assert problem == "🟠 故障 dingtalk main：厂商服务没有正常应答"
    assert recovery == "🟢 恢复 dingtalk main：厂商服务恢复应答"
    assert "not-json" in robot_of(simulated).messages[0].text
    assert opened.verdict()["missing"] == []


async def test_a_restart_neither_repeats_nor_forgets(tmp_path, simulated):
    fault = simulated.faults.add(FaultName.PERMISSION, api="yida", operation="start")
    async with telling(tmp_path, simulated) as opened:
        await opened.read()
        await until(lambda: titles(simulated), "the stop is told")
    for _ in range(2):
        async with telling(tmp_path, simulated) as opened:
            assert await opened.app.notifier.look() == 0
    assert len(titles(simulated)) == 1
    simulated.faults.remove(fault)
    async with telling(tmp_path, simulated):
        await until(lambda: len(titles(simulated)) == 2, "the recovery is told by a later process")
    assert robot_of(simulated).calls == 2


async def test_an_answer_that_was_lost_leaves_one_message(tmp_path, simulated):
    robot_of(simulated).troubles.append(RobotTrouble(0, cut=True, after_all=True))
    async with telling(tmp_path, simulated) as opened:
        await say(opened, "同步 eins")
        await until(lambda: robot_of(simulated).calls == 1, "it was sent")
    # The process ends within the wait for the next try; the next one sends the same message again.
    assert len(titles(simulated)) == 1
    async with application(tmp_path, simulated, notify=notify(simulated)) as opened:
        await opened.app.runtime.ledger.write(_due_now)
        await opened.app.notifier.senders["ops"].say()
    assert (robot_of(simulated).calls, robot_of(simulated).repeats) == (2, 1)
    assert len(titles(simulated)) == 1


async def test_what_accumulates_is_told_together_well_below_the_limit(tmp_path, simulated):
    async with telling(tmp_path, simulated, notify={"robot": {"messages_per_minute": 2}}) as opened:
        for number in range(60):
            await say(opened, f"同步 {number}")
            await asyncio.sleep(0.01)
        await until(lambda: len(titles(simulated)) == 2, "two messages")
        await say(opened, "同步 one more")
        await asyncio.sleep(0.3)
        box = await opened.query("SELECT value FROM notes WHERE name = 'notify.robot.ops'")
        waiting = [one["id"] for one in json.loads(box[0]["value"])["waiting"]]
        said = "".join(one.text for one in robot_of(simulated).messages)
        assert robot_of(simulated).calls == 2
        assert all(f"同步 {number}" in said or f"同步 {number}" in waiting for number in range(60))


async def test_the_robot_that_is_pushed_too_far_shuts_for_ten_minutes(simulated):
    """The simulated robot itself: the 21st message of a minute is refused, and all that follow."""
    async with aiohttp.ClientSession() as session:
        codes = [await _send(session, simulated, f"u{number}") for number in range(23)]
    assert codes == [0] * 20 + [410100] * 3


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"webhook": "/robot/send?access_token=another-token"}, "300005"),
        ({"secret": "SECwrong"}, "310000"),
        ({"secret": ""}, "310000"),
    ],
)
async def test_a_robot_that_takes_nothing_holds_up_nothing(tmp_path, simulated, wrong, code):
    if "webhook" in wrong:
        wrong = {"webhook": simulated.yida_url + wrong["webhook"]}
    with structlog.testing.capture_logs() as lines:
        await _work_with(tmp_path, simulated, wrong)
    assert robot_of(simulated).calls == 1
    said = [(one["log_level"], one["code"]) for one in lines if one["event"] == "robot_stopped"]
    assert said == [("error", code)]


async def _work_with(folder: Path, simulated: Simulator, wrong: dict[str, str]) -> None:
    async with telling(folder, simulated, notify={"robot": wrong}) as opened:
        await say(opened, "同步 eins")
        await until(lambda: _count(opened, "stopped") == 1, "the robot refuses")
        await opened.sync()
        assert opened.verdict()["missing"] == []


@pytest.mark.parametrize(
    ("trouble", "result"),
    [
        (RobotTrouble(-1, "系统繁忙"), "put_off"),
        (RobotTrouble(410100, "too fast"), "throttled"),
        (RobotTrouble(130101, "send too fast"), "throttled"),
        (RobotTrouble(0, cut=True), "put_off"),
    ],
)
async def test_what_may_pass_is_sent_again_and_counted(tmp_path, simulated, trouble, result):
    robot_of(simulated).troubles.append(RobotTrouble(trouble.code, trouble.message, cut=trouble.cut))
    async with telling(tmp_path, simulated) as opened:
        await say(opened, "同步 eins")
        await until(lambda: _count(opened, result) == 1, "the first try failed")
        await opened.app.runtime.ledger.write(_due_now)
        opened.app.notifier.senders["ops"].wake()
        await until(lambda: _count(opened, "sent") == 1, "sent again")
    assert len(titles(simulated)) == 1


async def test_a_refused_text_is_told_by_its_title(tmp_path, simulated):
    robot_of(simulated).troubles.append(RobotTrouble(430101, "含有不合适的内容"))
    async with telling(tmp_path, simulated) as opened:
        await opened.app.notifier.keep([Notice("x", "同步 Titel", "同步 Text")], ["ops"])
        await until(lambda: titles(simulated), "its title")
    assert robot_of(simulated).messages[0].text == "- 同步 Titel"


async def test_a_ledger_that_fails_the_notifications_does_not_end_them(tmp_path, simulated, monkeypatch):
    async with telling(tmp_path, simulated) as opened:
        notifier = opened.app.notifier
        troubled = 0

        async def fail(*_: object) -> int:
            nonlocal troubled
            troubled += 1
            raise RuntimeError("simulated")

        monkeypatch.setattr(notifier, "look", fail)
        monkeypatch.setattr(Sender, "say", fail)
        await until(lambda: troubled > 2, "several looks failed")
        monkeypatch.undo()
        await opened.sync()
        assert opened.verdict()["missing"] == []


async def test_a_test_message_says_whether_a_robot_takes_it(tmp_path, simulated):
    settings = settings_of(tmp_path, simulated, notify=notify(simulated))
    result = await send_test(settings, None, SystemClock())
    assert (result["failed"], result["robots"][0]["result"]) == (0, "sent")
    robot_of(simulated).troubles.append(RobotTrouble(310000, "sign not match"))
    result = await send_test(settings, "ops", SystemClock())
    assert result["failed"] == 1
    assert result["robots"][0] == {
        "robot": "ops",
        "result": "stopped",
        "code": "310000",
        "message": "sign not match",
        "sent": False,
    }
    with pytest.raises(ConfigurationError):
        await send_test(settings, "nobody", SystemClock())
    assert len(titles(simulated)) == 1


# Alertmanager's hook


@contextlib.asynccontextmanager
async def hooked(folder: Path, simulated: Simulator, **changes: Any) -> AsyncIterator[tuple[World, str]]:
    async with telling(folder, simulated, notify={"hook_token": TOKEN, **changes}) as opened:
        app = web.Application()
        app.router.add_routes(opened.app.notifier.routes())
        server = TestServer(app, shutdown_timeout=0.1)
        await server.start_server()
        try:
            yield opened, str(server.make_url("/hooks/alertmanager"))
        finally:
            await server.close()


def webhook(status: str = "firing", name: str = "产品停止") -> dict[str, Any]:
    alert = {
        "status": status,
        "labels": {"alertname": "XmsyncdPipelineStopped", "severity": "critical"},
        "annotations": {"summary_zh": name, "runbook_url": "https://wiki.example.com/r#stopped"},
        "startsAt": "2026-11-23T06:00:00Z",
        "endsAt": "2026-11-23T07:00:00Z",
        "fingerprint": "f1",
    }
    return {"version": "4", "groupKey": "g", "receiver": "dingtalk", "status": status, "alerts": [alert]}


async def post(url: str, body: Any, token: str | None = TOKEN) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    async with aiohttp.ClientSession() as session, session.post(url, data=data, headers=headers) as answer:
        await answer.read()
        return answer.status


async def test_a_webhook_is_one_message_however_often_it_is_delivered(tmp_path, simulated):
    async with hooked(tmp_path, simulated) as (_, url):
        assert [await post(url, webhook()) for _ in range(3)] == [200] * 3
        await until(lambda: titles(simulated), "the alert is told")
        assert await post(url, webhook("resolved")) == 200
        await until(lambda: len(titles(simulated)) == 2, "the recovery is told")
        assert await post(url, webhook()) == 200
        await asyncio.sleep(0.3)
    assert [one.removeprefix("同步 ") for one in titles(simulated)] == [
        "🔴 告警 严重：产品停止",
        "🟢 恢复：产品停止",
    ]
    assert "(https://wiki.example.com/r#stopped)" in robot_of(simulated).messages[0].text


async def test_the_hook_refuses_who_has_no_token_and_what_is_no_webhook(tmp_path, simulated):
    async with hooked(tmp_path, simulated) as (opened, url):
        assert await post(url, webhook(), token=None) == 401
        assert await post(url, webhook(), token="wrong") == 401
        assert await post(url, webhook(), token=TOKEN + "x") == 401
        assert await post(url, b"no json") == 400
        assert await post(url, {"version": "4", "alerts": []}) == 400
        assert await post(url, b"[" * 100_000) == 400
        assert await post(url, b" " * (1024 * 1024 + 1)) == 413
        assert await post(f"{url}?robot=nobody", webhook()) == 404
        assert await opened.query("SELECT * FROM notes WHERE name = 'notify.robot.ops'") == []
        assert await post(f"{url}?robot=ops", webhook()) == 200
        refused = {
            reason: opened.registry.get_sample_value("xmsyncd_hooks_refused_total", {"reason": reason})
            for reason in HookRefusal
        }
        assert refused == {
            "not_set_up": 0,
            "token": 3,
            "robot": 1,
            "too_large": 1,
            "no_webhook": 3,
            "ledger": 0,
        }


async def test_a_ledger_that_cannot_keep_a_webhook_asks_for_it_again(tmp_path, simulated, monkeypatch):
    from xmsyncd.errors import LedgerStorageError

    async with hooked(tmp_path, simulated) as (opened, url):

        async def full(*_: object) -> None:
            raise LedgerStorageError("disk full")

        monkeypatch.setattr(opened.app.runtime.ledger, "write", full)
        assert await post(url, webhook()) == 503
        monkeypatch.undo()
        assert await post(url, webhook()) == 200
        await until(lambda: titles(simulated), "told after all")


async def test_with_a_hook_the_daemon_leaves_state_changes_to_alertmanager(tmp_path, simulated):
    simulated.faults.add(FaultName.PERMISSION, api="yida", operation="start")
    async with hooked(tmp_path, simulated) as (opened, _):
        await opened.read()
        await until(lambda: _stopped(opened), "the pipeline stops")
        assert await opened.app.notifier.look() == 0
    assert titles(simulated) == []


async def test_last_words_are_said_once_and_the_return_after_them(tmp_path, simulated):
    async with application(tmp_path, simulated, notify=notify(simulated)) as opened:
        await opened.app.notifier.died("gauges died: LedgerStorageError: disk full")
        await opened.app.notifier.died("gauges died: LedgerStorageError: disk full")
    assert len(titles(simulated)) == 1
    assert "disk full" in robot_of(simulated).messages[0].text
    async with telling(tmp_path, simulated):
        await until(lambda: len(titles(simulated)) == 2, "that it runs again")
    assert "守护进程运行正常" in titles(simulated)[1]


async def test_no_secret_of_a_robot_stands_anywhere(tmp_path, simulated):
    """Not even before the log's redactor has seen it."""
    robot_of(simulated).troubles += [
        RobotTrouble(310000, "sign not match"),
        RobotTrouble(0, cut=True),
        RobotTrouble(-1, "busy"),
    ]
    lines: list[Any]
    with structlog.testing.capture_logs() as lines:
        shown, settings = await _tell_in_trouble(tmp_path, simulated)
    assert len([one for one in lines if one["event"].startswith("robot_")]) > 3
    shown.append(str(lines))
    secrets = {OPTIONS.robot_token, OPTIONS.robot_secret, TOKEN}
    assert secrets <= settings.secret_values()
    assert [one for one in secrets for text in shown if one in text] == []


async def _tell_in_trouble(folder: Path, simulated: Simulator) -> tuple[list[str], Settings]:
    async with hooked(folder, simulated) as (opened, url):
        settings = opened.app.runtime.settings
        for number in range(4):
            await post(url, webhook(name=f"n{number}"))
            tries = robot_of(simulated).calls + 1
            await opened.app.runtime.ledger.write(_due_now)
            opened.app.notifier.senders["ops"].wake()
            await until(functools.partial(_tried, simulated, tries), "a try")
        await until(lambda: titles(simulated), "sent at last")
        await post(url, webhook(), token="wrong")
        shown = [repr(settings), settings.model_dump_json(), generate_latest(opened.registry).decode()]
    shown += _files(folder)
    shown += [one.title + one.text for one in robot_of(simulated).messages]
    return shown, settings


def _tried(simulated: Simulator, times: int) -> bool:
    return robot_of(simulated).calls >= times or bool(titles(simulated))


def _files(folder: Path) -> list[str]:
    return [path.read_bytes().decode("latin-1") for path in folder.iterdir() if path.suffix != ".yaml"]


def _due_now(connection: Any) -> None:
    """Make the next try due at once: waits are told in minutes."""
    row = connection.execute("SELECT value FROM notes WHERE name = 'notify.robot.ops'").fetchone()
    value = {**json.loads(row["value"]), "not_before_ms": 0, "sent_ms": []}
    connection.execute("UPDATE notes SET value = ? WHERE name = 'notify.robot.ops'", (json.dumps(value),))


def _count(opened: World, result: str) -> float:
    labels = {"robot": "ops", "result": result}
    return opened.registry.get_sample_value("xmsyncd_notifications_total", labels) or 0.0


async def _stopped(opened: World) -> bool:
    return bool(await opened.query("SELECT 1 FROM pipelines WHERE stop_reason IS NOT NULL"))


async def _send(session: aiohttp.ClientSession, simulated: Simulator, uuid: str) -> int:
    from xmsyncd.notify.robot import signature

    timestamp = str(round(SystemClock().now().timestamp() * 1000))
    sign = signature(timestamp, OPTIONS.robot_secret)
    params = {"access_token": OPTIONS.robot_token, "timestamp": timestamp, "sign": sign}
    body = {"msgtype": "markdown", "markdown": {"title": "t", "text": "同步"}, "msgUuid": uuid}
    url = f"{simulated.yida_url}/robot/send"
    async with session.post(url, params=params, json=body) as answer:
        assert answer.status == 200
        return int((await answer.json())["errcode"])
