"""How results and progress are worded."""

from __future__ import annotations

import io
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from xmsyncd.cli.explain import content_rows, timeline_of
from xmsyncd.cli.output import counts, moment, shortened, span
from xmsyncd.cli.sync_progress import Deliveries, Rate, shown_progress
from xmsyncd.cli.words import words_for

ENGLISH = words_for({})
BEIJING = ZoneInfo("Asia/Shanghai")


def progress(phase: str = "deliver", **changes: Any) -> dict[str, Any]:
    return {
        "phase": phase,
        "read": 0,
        "total": None,
        "pages": 0,
        "decisions": {},
        "backlog": {},
        "sendable": 0,
        **changes,
    }


def test_a_moment_is_shown_with_its_offset():
    assert moment("2026-11-23T02:10:21.345+00:00", BEIJING) == "2026-11-23 10:10:21 +08:00"
    assert moment("2026-11-23T02:10:21.345+00:00", BEIJING, precise=True) == "2026-11-23 10:10:21.345 +08:00"
    assert moment(None, BEIJING, none="never") == "never"


def test_counts_name_only_what_there_is_in_order():
    assert counts({"parked": 3, "delivered": 1990, "held": 0}, ("delivered", "parked"), ENGLISH).plain == (
        "delivered 1,990 · parked 3"
    )
    assert counts({}, ("delivered",), ENGLISH).plain == "nothing"


def test_a_long_text_is_one_shortened_line():
    assert shortened("a\nb") == "a b"
    assert len(shortened("长" * 500)) == 100
    assert shortened(None) == ""


@pytest.mark.parametrize(
    ("environ", "word"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "已送达"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "delivered"),
        ({"LANG": "de_DE", "LC_MESSAGES": "zh_TW"}, "已送达"),
        ({}, "delivered"),
    ],
)
def test_the_language_is_that_of_the_locale(environ, word):
    assert words_for(environ)("delivered") == word


def test_deliveries_count_what_this_sync_found_and_what_was_left_before():
    deliveries = Deliveries()
    first = deliveries.standing(progress("read", sendable=5, backlog={"delivered": 100}))
    assert (first.delivered, first.left) == (0, 5)
    staged = progress("read", sendable=13, decisions={"create": 10}, backlog={"delivered": 102, "sending": 1})
    later = deliveries.standing(staged)
    assert (later.delivered, later.left) == (1, 14)
    parked = progress(sendable=0, decisions={"create": 10}, backlog={"parked": 2, "undecided": 1})
    last = deliveries.standing(parked)
    assert (last.delivered, last.left, last.undecided, last.parked) == (12, 1, 1, 2)


def test_the_rate_is_of_the_last_seconds():
    rate = Rate()
    assert rate.add(0.0, 0) == 0
    assert rate.add(2.0, 40) == 20
    for second in range(3, 60):
        speed = rate.add(float(second), 40 + 10 * (second - 2))
    assert speed == pytest.approx(10)


def test_progress_is_plain_lines_now_and_then_where_there_is_no_terminal(capsys):
    moments = iter([100.0, 101.0, 106.0, 107.0, 112.0])
    with shown_progress("products", ENGLISH, monotonic=lambda: next(moments)) as shown:
        for number in range(5):
            shown.show(progress("read", read=50 * number, total=300, pages=number))
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 2
    assert told.err.startswith(
        "products: reading 100 of 300, 2 pages, 16.7/s, remaining 12 s; delivering 0 delivered, 0 left"
    )


def test_progress_counts_outcomes_and_says_how_long_it_will_take(capsys):
    moments = iter([100.0, 110.0])
    decisions = {"create": 50, "unchanged": 3, "rejected": 2}
    with shown_progress("products", ENGLISH, monotonic=lambda: next(moments)) as shown:
        shown.show(progress(read=55, sendable=50, decisions=decisions))
        shown.show(progress(read=55, sendable=28, decisions=decisions, backlog={"parked": 2}))
    assert capsys.readouterr().err == (
        "products: reading 55, 0 pages, 3 unchanged, 2 rejected; "
        "delivering 20 delivered, 28 left, 2.0/s, remaining 14 s, 2 parked\n"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (119, "119 s"), (121, "2 min"), (3599, "1 h"), (12000, "3 h 20 min"), (187200, "2 d 4 h")],
)
def test_a_span_has_two_units_at_most(seconds, words):
    assert span(seconds) == words


def test_progress_on_a_terminal_shows_bars(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with shown_progress("products", ENGLISH) as shown:
        shown.show(progress("read", read=150, total=300, pages=3, sendable=150, decisions={"create": 150}))
        shown.show(progress(read=300, pages=6, sendable=100, decisions={"create": 300}))
    assert "200 delivered, 100 left" in terminal.getvalue()
    assert "300 of 300" not in terminal.getvalue(), "a total is told while it is being read"


def life() -> dict[str, Any]:
    return {
        "record": {"first_seen_at": "2026-11-20T03:00:00.000+00:00"},
        "labels": {"a": "名称"},
        "desired": {"a": "新", "b": "same"},
        "delivered": {"a": "旧", "b": "same"},
        "attempts": [
            {
                "id": 7,
                "operation": "create",
                "key": "A",
                "claimed_at": "2026-11-20T03:00:01.000+00:00",
                "settled_at": "2026-11-20T03:00:03.000+00:00",
                "outcome": "undecided",
                "code": "lost",
                "message": "",
                "request_id": "r-1",
            }
        ],
        "history": [
            {
                "at": "2026-11-20T03:00:02.000+00:00",
                "event": "resend_ordered",
                "detail": {"by": "x", "n": None, "content_hash": "674a1a"},
            }
        ],
    }


def test_a_timeline_is_in_the_order_of_time():
    assert [what for _, what in timeline_of(life())] == [
        "first seen in OKKI's list",
        "create sent (attempt 7, key A)",
        "resend ordered: by x",
        "attempt 7 ended: undecided lost (request r-1)",
    ]


def test_content_shows_what_differs():
    assert content_rows(life()) == [("a (名称)", "新", "旧"), ("b", "same", "=")]


def test_lists_are_shown_as_json():
    held = {"c": [{"name": "图.png"}], "d": None}
    shown = content_rows({"desired": held, "delivered": {**held, "c": []}, "labels": {}})
    assert shown == [("c", '[{"name": "图.png"}]', "[]"), ("d", "", "=")]
