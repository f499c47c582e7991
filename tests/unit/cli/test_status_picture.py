"""The picture of ``status`` and ``status --watch``."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import structlog
from rich.console import Console

from tests.console_status import limit
from tests.unit.cli.command_line import CommandLine
from xmsyncd.cli.reasons import proof_label, stop_advice
from xmsyncd.cli.status_picture import picture
from xmsyncd.cli.status_watch import watch_status
from xmsyncd.cli.sync import _advice as advice_of_sync
from xmsyncd.cli.words import words_for
from xmsyncd.okki.proof import ProofDecision
from xmsyncd.records import StopReason
from xmsyncd.settings import load_settings

BEIJING = ZoneInfo("Asia/Shanghai")


@pytest.fixture(autouse=True)
def _log_elsewhere() -> Iterator[None]:
    """Unconfigured, structlog writes to standard output."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


def life() -> dict[str, Any]:
    cycle = {
        "kind": "incremental",
        "started": "2026-11-23T02:00:00.000+00:00",
        "result": "done",
        "detail": None,
        "proof": "proven_totals",
        "read": 12,
        "decisions": {"create": 10, "unchanged": 2},
    }
    return {
        "now": "2026-11-23T02:10:21.345+00:00",
        "pipelines": [
            {
                "name": "products",
                "state": "stopped",
                "stop": {
                    "reason": "permission",
                    "detail": "no permission for 宜搭",
                    "since": "2026-11-23T02:10:00.000+00:00",
                },
                "watermark": "2026-11-23T02:00:00.000+00:00",
                "last_success": None,
                "next_run": None,
                "backlog": {"delivered": 1990, "parked": 3},
                "oldest_pending_age_seconds": 90.0,
                "oldest_undecided_age_seconds": None,
                "reading": {"kind": "full", "pages": 3, "read": 300, "total": 1200},
                "cycle": cycle,
                "cycles": [cycle],
                "gaps": [],
                "deleted": {"count": 0, "first": None},
                "failures": [
                    {"state": "parked", "reason": "required", "count": 3, "sample": "P-7"},
                ],
            }
        ],
        "quota": [],
        "clocks": [],
        "limits": [
            limit("start", 4.2, 42.0, "Forbidden.AccessDenied.QpsLimitForApi"),
            limit("update", 20.0),
            limit("all", 20.0, api="okki"),
        ],
    }


def shown(environ: dict[str, str], **changes: Any) -> str:
    stream = io.StringIO()
    status = life()
    status["pipelines"][0] |= changes
    Console(file=stream, width=200).print(picture(status, BEIJING, words_for(environ)))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("environ", "found", "words"),
    [
        ({}, {}, "last comparison 2026-11-23 10:00:00 +08:00 no differences"),
        ({}, {"different": 3, "gone": 0}, "2026-11-23 10:00:00 +08:00 different 3"),
        ({"LANG": "zh_CN.UTF-8"}, {"gone": 1, "different": 3}, "宜搭已删除 1 · 内容不同 3"),
    ],
)
def test_the_last_comparison_with_yida_is_told(environ, found, words):
    compared = {"at": "2026-11-23T02:00:00.000+00:00", "differences": found}
    assert words in " ".join(shown(environ, reconcile=compared).split())


def test_what_to_do_next_is_told_in_the_persons_language():
    assert "`xmsyncd failures list` says what did not go through" in shown({})
    assert "`xmsyncd failures list` 显示未能送达的记录" in shown({"LANG": "zh_CN.UTF-8"})


def test_every_advice_of_a_sync_is_worded_in_chinese():
    backlog = dict.fromkeys(("parked", "held", "pending"), 1)
    cycle = {"cannot_work": "credentials", "kind": "full", "result": "done"}
    lines = advice_of_sync({"stop": None, "cycle": cycle, "backlog": backlog})
    lines += advice_of_sync(
        {"stop": None, "cycle": {**cycle, "cannot_work": None, "kind": "partial"}, "backlog": {}}
    )
    chinese = words_for({"LANG": "zh_CN.UTF-8"})
    assert len(lines) == 5
    assert [line for line in lines if chinese(line) == line] == []


def test_before_the_first_comparison_nothing_is_said_of_it():
    assert "comparison" not in shown({}, reconcile={"at": None, "differences": {}})


def test_it_answers_the_questions_of_the_page():
    text = shown({})
    for words in (
        "delivered 1,990 · parked 3",
        "300 of 1,200, 3 pages",
        "pending 90 s",
        "permission (since 2026-11-23 10:10:00 +08:00): no permission for 宜搭",
        "A permission is missing. Grant it",
        "required value missing (required)",
        "P-7",
        "done (totals and ids agree)",
        "dingtalk main: start 4.2 of 20/s, paused 42 s (Forbidden.AccessDenied.QpsLimitForApi)",
        " · full speed 20/s",
        "okki main: full speed 20/s",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "dingtalk main: calls fail, since 2026-11-23 10:00:00 +08:00: systemBusy 14×"),
        ({"LANG": "zh_CN.UTF-8"}, "dingtalk main: 调用失败, 始于 2026-11-23 10:00:00 +08:00: systemBusy 14×"),
    ],
)
def test_of_a_vendor_that_is_away_nobody_is_told_its_speed(environ, words):
    status = life()
    status["away"] = [
        {
            "connection": "main",
            "api": "dingtalk",
            "since": "2026-11-23T02:00:00.000+00:00",
            "causes": {"systemBusy": 14},
        }
    ]
    stream = io.StringIO()
    Console(file=stream, width=200).print(picture(status, BEIJING, words_for(environ)))
    (line,) = [line for line in stream.getvalue().splitlines() if "dingtalk main" in line]
    assert line.split(maxsplit=1)[1].strip() == words
    assert "okki main" in stream.getvalue()


def test_it_is_told_in_the_language_of_the_locale(monkeypatch):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    text = shown({"LC_ALL": "zh_CN.UTF-8"})
    for words in ("已停止", "缺少权限", "缺少必填值", "全速", "已暂停 42 s", "总数与 ID 相符"):
        assert words in text


@pytest.mark.parametrize("language", ["C.UTF-8", "zh_CN.UTF-8"])
def test_every_reason_to_stop_and_every_proof_has_its_words(monkeypatch, language):
    monkeypatch.setenv("LC_ALL", language)
    assert all(stop_advice(reason) != reason for reason in StopReason)
    assert all(proof_label(proof) != proof for proof in ProofDecision if proof.is_proven)


async def test_without_a_terminal_pictures_follow_each_other(run: CommandLine, capsys):
    settings = load_settings(run.config, {})
    assert await watch_status(settings, as_json=False, plain_every=0.01, times=3) == 0
    assert capsys.readouterr().out.count("as of") == 3


async def test_as_json_each_line_is_a_status(run: CommandLine, capsys):
    settings = load_settings(run.config, {})
    await watch_status(settings, as_json=True, plain_every=0.01, times=2)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["pipelines"][0]["name"] for line in lines] == ["products"] * 2
    assert {one["endpoint"] for one in json.loads(lines[0])["limits"]} > {"start", "update", "all"}


async def test_on_a_terminal_the_picture_is_drawn_over(run: CommandLine, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    await watch_status(load_settings(run.config, {}), as_json=False, every=0.01, times=2)
    assert terminal.getvalue().count("\x1b[?1049h") == 1, "one screen of its own"
    assert terminal.getvalue().endswith("\x1b[?25h\x1b[?1049l"), "cursor and screen are as they were"
    assert terminal.getvalue().count("products") == 2
