"""What a time expression means is found by asking it, not by guessing from its text."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.importing.times import BeforeLastSync, BeforeNow, Fixed, Unclear, meaning_of, without_aliases

HALF_AN_HOUR = timedelta(minutes=30, seconds=1)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("_function SUBTIME('{{LAST_SYNC_TIME|datetime}}', '00:30:01')", BeforeLastSync(HALF_AN_HOUR, False)),
        ("{{LAST_SYNC_TIME|datetime}}", BeforeLastSync(timedelta(0), False)),
        ("{{LAST_SYNC_TIME|dateTime}}", BeforeLastSync(timedelta(0), False)),
        ("{LAST_SYNC_TIME}", BeforeLastSync(timedelta(0), False)),
        ("{{LAST_SYNC_TIME}}000", BeforeLastSync(timedelta(0), False)),
        ("{{LAST_SYNC_TIME|date}}", BeforeLastSync(timedelta(0), True)),
        ("_function ({{LAST_SYNC_TIME}}-(3600 * 24))* 1000", BeforeLastSync(timedelta(days=1), False)),
        ("_function FROM_UNIXTIME({{LAST_SYNC_TIME}} - 1801)", BeforeLastSync(HALF_AN_HOUR, False)),
        (
            "_function DATE_SUB('{{LAST_SYNC_TIME|datetime}}', INTERVAL 2 HOUR)",
            BeforeLastSync(timedelta(hours=2), False),
        ),
        ("{{CURRENT_TIME|datetime}}", BeforeNow(timedelta(0), False)),
        ("{{DAYS_AGO_2|datetime}}", BeforeNow(timedelta(days=2), False)),
        (
            "2026-01-31 08:00:00",
            Fixed(datetime(2026, 1, 31, 8, tzinfo=ZoneInfo("Asia/Shanghai")), False),
        ),
        ("2026-01-31", Fixed(datetime(2026, 1, 31, tzinfo=ZoneInfo("Asia/Shanghai")), True)),
    ],
)
def test_what_published_documents_write(text, meaning):
    assert meaning_of(text) == meaning


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{update_time}", "which no request can know"),
        ("yesterday", "its value is no time"),
        ("", "its value is no time"),
        ("{{LAST_SYNC_TIME|nonsense}}", "nonsense"),
        ("_function NONSENSE({{LAST_SYNC_TIME}})", "NONSENSE"),
        ("_findCollection find a from b where c={{d}}", "_findCollection"),
        ("2026-02-31 00:00:00", "its value is no time"),
        (
            "_function IF({{CURRENT_TIME}} > 1800000000, {{LAST_SYNC_TIME}}, {{CURRENT_TIME}})",
            "not always the same",
        ),
    ],
)
def test_anything_else_is_unclear_with_a_reason(text, why):
    meaning = meaning_of(text)
    assert isinstance(meaning, Unclear)
    assert why in meaning.why


@given(st.integers(0, 90 * 86_400))
def test_every_distance_is_found(seconds):
    meaning = meaning_of(f"_function FROM_UNIXTIME({{{{LAST_SYNC_TIME}}}} - {seconds})")
    assert meaning == BeforeLastSync(timedelta(seconds=seconds), False)


@given(st.text(max_size=40) | st.text("{}|'_()LASTSYNCTIMEdatefunction 0123456789-:", max_size=60))
def test_any_text_has_a_meaning_or_none(text):
    assert isinstance(meaning_of(text), BeforeLastSync | BeforeNow | Fixed | Unclear)


def test_spellings_of_articles_are_those_of_the_platform():
    assert without_aliases("{{current_page}}") == "{{PAGINATION_START_PAGE}}"
    assert without_aliases(" {PAGINATION_PAGE_SIZE} ") == "{{PAGINATION_PAGE_SIZE}}"
    assert without_aliases("20") == "20"
