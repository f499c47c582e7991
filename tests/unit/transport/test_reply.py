"""Headers of an answer, and what a reply shows of itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from xmsyncd.transport.reply import LONGEST_RETRY_AFTER, Reply, parse_retry_after, parse_server_time

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("0", timedelta()),
        (" 17 ", timedelta(seconds=17)),
        ("Sun, 22 Nov 2026 08:01:30 GMT", timedelta(seconds=90)),
        ("Sun, 22 Nov 2026 07:00:00 GMT", timedelta()),
        ("999999", LONGEST_RETRY_AFTER),
        ("9" * 40, LONGEST_RETRY_AFTER),
        ("Fri, 01 Jan 2100 00:00:00 GMT", LONGEST_RETRY_AFTER),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header, wait):
    assert parse_retry_after(header, NOW) == wait


@pytest.mark.parametrize("header", [None, "", "yesterday", "Sun, 99 Nov 2026 08:00:00 GMT"])
def test_an_unreadable_date_is_none(header):
    assert parse_server_time(header) is None


def test_a_date_is_aware_utc():
    assert parse_server_time("Sun, 22 Nov 2026 08:00:00 GMT") == NOW
    assert parse_server_time("Sun, 22 Nov 2026 16:00:00 +0800") == NOW
    assert parse_server_time("Sun, 22 Nov 2026 08:00:00 -0000") == NOW


def test_a_reply_does_not_show_its_body():
    reply = Reply(status=200, body={"access_token": "secret-token"}, is_json=True, text="secret-token")
    assert "secret-token" not in repr(reply)
