"""Durations, addresses, cron expressions and the other kinds of value."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.settings import format_duration, parse_duration
from xmsyncd.settings.values import BadValueError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("10m", 600),
        ("2h", 7200),
        ("7d", 604_800),
        ("00:30:01", 1801),
        ("100:00:00", 360_000),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("1.5h", 5400),
        ("500ms", 0.5),
        ("0.25s", 0.25),
        ("0s", 0),
    ],
)
def test_reads_durations(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", [30, 1.5, "30", " 30 ", "-5"])
def test_a_bare_number_is_asked_for_its_unit(value):
    with pytest.raises(BadValueError, match="the bare number") as caught:
        parse_duration(value)
    assert "30s, 10m, 2h, 7d" in caught.value.expected


@pytest.mark.parametrize(
    "value", ["", "s", "-5s", "5 minutes", "10:30", "00:61:00", "5s5s", "5s1m", "1y", "5S", True, None, [5]]
)
def test_refuses_what_is_no_duration(value):
    with pytest.raises(BadValueError):
        parse_duration(value)


def test_refuses_a_duration_beyond_what_time_spans_hold():
    with pytest.raises(BadValueError, match="too long"):
        parse_duration("99999999999999999999d")


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=100_000)))
def test_a_formatted_duration_is_read_back_as_it_was(value):
    assert parse_duration(format_duration(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(days=7), "7d"),
        (timedelta(seconds=1801), "30m1s"),
        (timedelta(seconds=5400), "1h30m"),
        (timedelta(milliseconds=500), "500ms"),
        (timedelta(seconds=1.5), "1.5s"),
        (timedelta(0), "0s"),
        (timedelta(microseconds=1), "0.000001s"),
    ],
)
def test_formats_durations_as_a_person_would(value, text):
    assert format_duration(value) == text


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("okki.main.base_url", "api.example.com", "does not begin with http"),
        ("okki.main.base_url", "https://u:hunter2@api.example.com", "user or password"),
        ("okki.main.base_url", "https://api.example.com?token=hunter2", "query"),
        ("okki.main.base_url", "https://", "https://"),
        ("okki.main.base_url", "https://h:99999", "cannot be read"),
        ("timezone", "Asia/Shangai", "unknown time zone"),
        ("timezone", "../etc", "unknown time zone"),
        ("ledger.url", "postgresql://u:hunter2@db/x", "postgresql://…"),
        ("ledger.url", "sqlite://x.db", "two slashes"),
        ("ledger.url", "sqlite:///:memory:", ":memory:"),
        ("ledger.url", "sqlite:///x.db?mode=ro", "query"),
        ("ledger.url", "x.db", "does not begin with sqlite"),
        ("pipelines.products.schedule.cron", "* * * *", "* * * *"),
        ("pipelines.products.schedule.cron", "70 * * * *", '"70" as minute'),
        ("pipelines.products.schedule.cron", "0 8 * * 1-5", "as weekday"),
        ("pipelines.products.schedule.cron", "0 8 * * */2", "as weekday"),
        ("pipelines.products.schedule.cron", "0 0 31 2 *", "never comes"),
        ("pipelines.products.source.start_from", "yesterday", "yesterday"),
        ("pipelines.products.source.start_from", 20260101, "no date"),
        ("dingtalk.main.app_key", "…", "placeholder"),
        ("dingtalk.main.app_secret", "", "empty secret"),
        ("dingtalk.main.monthly_calls", True, "true"),
    ],
)
def test_wrong_values_are_named_without_what_they_may_hide(load, path, value, found):
    load.put(path, value)
    fault = load.fault()
    assert path in fault.where
    assert found in fault.found
    assert "hunter2" not in str(fault)


@pytest.mark.parametrize(
    "cron", ["10,40 * * * *", "0 8 * * mon-fri", "0 8 last jan,jul *", "*/15 8-18 * * SAT"]
)
def test_accepts_cron_with_weekdays_by_name(load, cron):
    load.put("pipelines.products.schedule", {"cron": cron})
    assert load().pipelines["products"].schedule.cron == cron


def test_a_trailing_slash_of_an_address_is_dropped(load):
    load.put("okki.main.base_url", "http://127.0.0.1:8080/proxy/")
    assert load().okki["main"].base_url == "http://127.0.0.1:8080/proxy"
