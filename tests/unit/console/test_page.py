"""What a page says about a status: the headline, the bar, the reader's language."""

from __future__ import annotations

from typing import Any

import pytest

from tests.console_status import example, limit
from xmsyncd.console.page import Page, Severity, bar, headline, language_of, rate, severity, span
from xmsyncd.console.words import WORDS
from xmsyncd.operations.status import wanted


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


def test_what_where_leaves_out_is_no_share_of_what_is_to_be_delivered():
    one = example()["pipelines"][0]
    one |= {"backlog": {"delivered": 300, "pending": 0, "discarded": 70}, "filtered": 75, "set_aside": 68}
    assert headline(one, WORDS["en"]).more == "300 of 302 records are in Yida as OKKI showed them last"
    assert {segment["state"]: segment["number"] for segment in bar(wanted(one))} == {
        "delivered": 300,
        "discarded": 2,
    }
    one |= {"backlog": {"delivered": 300, "discarded": 68}}
    assert headline(one, WORDS["en"]).more == "All 300 records are in Yida as OKKI showed them last"


AWAY = {
    "connection": "main",
    "api": "dingtalk",
    "since": "2026-11-22T03:48:00.000+00:00",
    "seconds": 600.0,
    "failed": 1400,
    "causes": {"system<Busy>": 1400},
}


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "DingTalk (main): 1,400 failed, since 12 min ago"),
        ("zh", "钉钉（main）：失败 1,400 次，始于12分前"),
    ],
)
def test_who_is_away_is_shown_with_since_when_and_why(language, words):
    status = example()
    status["pipelines"][0]["away"] = [AWAY]
    text = Page().render(
        "overview", status, language=language, edition="", may_act=False, activity=None, quality=None
    )
    assert f"{words} · <code>system&lt;Busy&gt;</code> 1,400" in text


@pytest.mark.parametrize(
    ("changes", "severity", "words"),
    [
        ({}, "bad", "Delivery stands still"),
        ({"stop": None}, "warn", "The last cycle failed"),
        ({"stop": None, "away": [AWAY]}, "warn", "DingTalk does not answer"),
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


OKKI_PAUSED = limit("all", 0.2, 49.4, "HTTP 429", api="okki")
FAILED = [{"result": "failed", "cannot_work": None}]


@pytest.mark.parametrize(
    ("limits", "changes", "level", "text"),
    [
        ([OKKI_PAUSED], {}, "busy", "Calls to OKKI are paused for another 49 s (HTTP 429)"),
        ([{**OKKI_PAUSED, "pause_code": ""}], {}, "busy", "Calls to OKKI are paused for another 49 s"),
        ([OKKI_PAUSED], {"cycles": FAILED}, "warn", "Calls to OKKI are paused for another 49 s (HTTP 429)"),
        (
            [OKKI_PAUSED],
            {"away": [{**AWAY, "api": "okki"}]},
            "warn",
            "Calls to OKKI are paused for another 49 s (HTTP 429)",
        ),
        ([OKKI_PAUSED], {"away": [AWAY]}, "warn", "DingTalk does not answer; it is tried again by itself"),
        (
            [limit("token", 20, 9, "connect")],
            {"away": [AWAY]},
            "warn",
            "DingTalk does not answer; it is tried again by itself",
        ),
        (
            [limit("start", 20, 9, "qps")],
            {"away": [{**AWAY, "api": "okki"}]},
            "warn",
            "OKKI does not answer; it is tried again by itself",
        ),
        ([OKKI_PAUSED], {"watermark": None}, "busy", "Calls to OKKI are paused for another 49 s (HTTP 429)"),
        ([OKKI_PAUSED], {"backlog": {"pending": 7}}, "busy", "7 records are on their way"),
        ([{**OKKI_PAUSED, "connection": "other"}], {}, "good", "Yida is in step with OKKI"),
        ([limit("all", 0.2, api="okki")], {}, "good", "Yida is in step with OKKI"),
        (
            [limit("start", 1, 300, "1111"), limit("update", 20, 9, "qps")],
            {"backlog": {"pending": 7}},
            "busy",
            "Calls to Yida are paused for another 5 min (1111)",
        ),
        ([limit("start", 1, 300, "1111")], {}, "good", "Yida is in step with OKKI"),
        ([limit("start", 1, 2, "qps")], {"backlog": {"pending": 7}}, "busy", "7 records are on their way"),
        ([limit("search", 1, 60, "qps")], {"backlog": {"pending": 7}}, "busy", "7 records are on their way"),
    ],
)
def test_the_headline_tells_a_pause_that_holds_the_pipeline_up(limits, changes, level, text):
    calm: dict[str, Any] = {"stop": None, "cycles": [], "gaps": [], "backlog": {"delivered": 5}}
    found = headline({**example()["pipelines"][0], **calm, **changes}, WORDS["en"], limits)
    assert (found.severity, found.text) == (Severity(level), text)


@pytest.mark.parametrize(
    ("offset", "level"), [(None, "good"), (-59.0, "good"), (61.0, "warn"), (-61.0, "warn")]
)
def test_a_wrong_clock_wants_a_look_however_well_the_pipelines_are(offset, level):
    status = example()
    status["pipelines"][0] |= {"stop": None, "cycles": [], "gaps": [], "backlog": {"delivered": 5}}
    status["clocks"] = [{"connection": "main", "api": "okki", "offset_seconds": offset}]
    assert severity(status, WORDS["en"]) == Severity(level)


@pytest.mark.parametrize(("per_second", "text"), [(0.2, "0.2"), (19.987, "20"), (1234.5, "1,234")])
def test_a_rate_has_the_digits_that_mean_something(per_second, text):
    assert rate(per_second) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (0, "0 s"), (61, "1 min 1 s"), (90_061, "1 d 1 h")]
)
def test_a_span_is_told_in_two_units(seconds, text):
    assert span(seconds, WORDS["en"]) == text
