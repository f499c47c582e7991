"""OKKI's envelopes and items in all their shapes."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmsyncd.okki.wire import (
    UnreadableAnswerError,
    format_date,
    format_time,
    id_from,
    item_from,
    page_from,
    parse_envelope,
    parse_time,
    words_of,
)
from xmsyncd.transform.hashes import hash_of

BEIJING = ZoneInfo("Asia/Shanghai")


def page_of(data, **keys):
    envelope = parse_envelope({"code": 0, "data": data}, {0, 200}, BEIJING)
    return page_from(
        envelope,
        timezone=BEIJING,
        list_key=keys.get("list_key", "list"),
        total_keys=keys.get("total_keys", ("count", "totalItem", "total")),
        id_field="product_id",
        updated_field="update_time",
    )


@pytest.mark.parametrize("code", [0, 200, "0", "200"])
@pytest.mark.parametrize("key", ["message", "msg"])
def test_both_envelopes_are_successes(code, key):
    body = {"code": code, key: "ok", "now": "2026-11-22 16:00:00", "data": {"list": []}}
    envelope = parse_envelope(body, {0, 200}, BEIJING)
    assert envelope.ok
    assert envelope.words.message == "ok"
    assert envelope.server_now == datetime(2026, 11, 22, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {},
        {"code": 500},
        {"code": "x"},
        {"code": True, "data": []},
        {"code": 0.0, "data": []},
        {"code": 200, "error": "access_denied"},
    ],
)
def test_anything_else_is_no_success(body):
    assert not parse_envelope(body, {0, 200, 1}, BEIJING).ok


def test_words_come_from_either_kind_of_answer():
    assert words_of({"code": 404, "message": "Not Found Resource"})[:2] == ("404", "Not Found Resource")
    assert words_of({"error": "invalid_client", "error_description": "no", "code": 4})[:2] == (
        "invalid_client",
        "no",
    )
    assert words_of({"error_code": 401, "msg": "x" * 999})[:2] == ("401", "x" * 200)
    assert words_of("<html>") == ("", "", "")


@pytest.mark.parametrize(
    ("data", "total"),
    [
        ({"list": [], "count": 12}, 12),
        ({"list": [], "count": "12"}, 12),
        ({"list": [], "totalItem": 3, "total": 4}, 3),
        ({"list": [], "count": None, "total": "7"}, 7),
        ({"list": [], "count": "many"}, None),
        ({"list": [], "count": -1}, None),
        ({"list": [], "count": True}, None),
        ({"list": []}, None),
        ([], None),
        ({}, None),
        ({"count": 0}, 0),
        ({"count": "0", "list": None}, 0),
    ],
)
def test_totals_hide_under_several_names_and_types_and_an_empty_list_in_several_shapes(data, total):
    page = page_of(data)
    assert (page.items, page.unreadable, page.total) == ((), (), total)


@pytest.mark.parametrize(
    "data", [None, "x", 5, {"count": 3}, {"rows": []}, {"list": "x"}, {"list": {"a": 1}}]
)
def test_what_may_be_an_empty_list_or_not_is_an_error(data):
    """An empty list ends a pass: a broken answer must not be taken for one."""
    with pytest.raises(UnreadableAnswerError):
        page_of(data)


def test_an_unreadable_answer_tells_its_shape_and_not_its_data():
    with pytest.raises(UnreadableAnswerError, match="an object with rows") as caught:
        page_of({"rows": ["hush"]})
    assert "hush" not in str(caught.value)


def test_entries_without_an_id_are_kept_apart():
    entries = [{"product_id": 12345678901234}, {"name": "x"}, None, {"product_id": "12345678901235"}]
    page = page_of({"list": entries})
    assert [item.source_id for item in page.items] == ["12345678901234", "12345678901235"]
    assert page.unreadable == ({"name": "x"}, None)


def test_a_php_array_with_a_hole_is_a_list_all_the_same():
    assert len(page_of({"list": {"0": {"product_id": 1}, "2": {"product_id": 2}}}).items) == 2


def test_keys_are_settings():
    page = page_of({"rows": [{"product_id": 1}], "n": 1}, list_key="rows", total_keys=["n"])
    assert (len(page.items), page.total) == (1, 1)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12345678901234, "12345678901234"),
        (10**22 + 1, "10000000000000000000001"),
        ("0012", "0012"),
        (" 12 ", "12"),
        ("A-1", "A-1"),
        (0, None),
        ("0", None),
        ("", None),
        (None, None),
        (True, None),
        (1.2e22, None),
        ("\ud800", None),
        ([1], None),
    ],
)
def test_ids_are_text_and_a_float_is_none(value, expected):
    assert id_from(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-22 16:00:00", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        (" 2026-11-22T16:00:00 ", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("2026-11-22T08:00:00Z", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 21, 16, tzinfo=UTC)),
        ("0000-00-00 00:00:00", None),
        ("0001-01-01 00:00:00", None),
        ("gestern", None),
        ("", None),
        (None, None),
        (1763798400, None),
    ],
)
def test_times_are_beijings_outside_and_utc_inside(value, expected):
    assert parse_time(value, BEIJING) == expected


def test_times_are_written_for_beijing():
    moment = datetime(2026, 11, 22, 16, 30, 1, 999_999, tzinfo=UTC)
    assert format_time(moment, BEIJING) == "2026-11-23 00:30:01"
    assert format_date(moment, BEIJING) == "2026-11-23"


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(["product_id", "update_time", "name", "group_id"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
    )
)
def test_no_entry_makes_reading_fail(raw):
    item = item_from(raw, BEIJING)
    if item is not None:
        assert item.raw is raw
        assert item.listed_hash == hash_of(raw)
