"""From what OKKI was seen to do to the setting that fits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from xmsyncd.okki.groups import Group, GroupTree
from xmsyncd.okki.resources import PRODUCT
from xmsyncd.okki.wire import parse_envelope
from xmsyncd.operations.probe import okki_answers as decide
from xmsyncd.operations.probe.answers import AnswerState
from xmsyncd.operations.probe.listed import Listed, listed_from
from xmsyncd.operations.probe.okki_answers import TimeFilter
from xmsyncd.records import ContentHash, Item, SourceId
from xmsyncd.settings import FetchDetail, SourceSettings, TokenBody

ZONE = ZoneInfo("Asia/Shanghai")
AT = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
WHERE = ("pipelines", "products", "source")


def item(number: int, at: datetime | None = AT, **raw: Any) -> Item:
    return Item(SourceId(str(number)), at, {"product_id": number, **raw}, ContentHash("h"))


def page(*items: Item, total: int | None = None, key: str | None = "count") -> Listed:
    return Listed("0", "list", key, total, items, len(items), None)


def items(number: int, first: int = 1) -> list[Item]:
    return [item(first + n) for n in range(number)]


@pytest.mark.parametrize(
    ("data", "list_key", "total_key", "total", "entries"),
    [
        ({"list": [{"product_id": 1}], "count": 7}, "list", "count", 7, 1),
        ({"list": [{"product_id": 1}], "totalItem": "7"}, "list", "totalItem", 7, 1),
        ({"rows": [{"product_id": 1}, {}], "totalCount": 7, "x": []}, "rows", "totalCount", 7, 2),
        ({"rows": [{"product_id": 1}], "others": [{"product_id": 2}]}, None, None, None, 0),
        ({"list": [{"product_id": 1}] * 3, "page_count": 1}, "list", None, None, 3),
        ({"list": [], "count": 0}, "list", "count", 0, 0),
        ([], None, None, None, 0),
        (None, None, None, None, 0),
    ],
)
def test_what_a_page_is_called(data, list_key, total_key, total, entries):
    envelope = parse_envelope({"code": 0, "data": data}, {0}, ZONE)
    shown = listed_from(envelope, SourceSettings(), PRODUCT, ZONE)
    assert (shown.list_key, shown.total_key, shown.total, shown.entries) == (
        list_key,
        total_key,
        total,
        entries,
    )


@pytest.mark.parametrize(
    ("current", "json", "form", "fits"),
    [
        (TokenBody.JSON, True, True, "json"),
        (TokenBody.FORM, True, True, "form"),
        (TokenBody.JSON, False, True, "form"),
        (TokenBody.FORM, True, False, "json"),
        (TokenBody.JSON, False, False, None),
    ],
)
def test_token_body(current, json, form, fits):
    answer = decide.token_body(("okki", "main"), current, {TokenBody.JSON: json, TokenBody.FORM: form})
    assert answer.fitting == fits
    assert (answer.state is AnswerState.FAILED) == (fits is None)
    assert (answer.state is AnswerState.CHANGE) == (fits not in (None, current))


@pytest.mark.parametrize(
    ("current", "page", "state", "fits"),
    [
        (50, page(*items(100), total=300), AnswerState.FITS, 50),
        (100, page(*items(100), total=300), AnswerState.FITS, 100),
        (50, page(*items(30), total=300), AnswerState.CHANGE, 30),
        (20, page(*items(30), total=300), AnswerState.FITS, 20),
        (50, page(*items(30), total=30), AnswerState.UNKNOWN, None),
        (50, page(*items(30)), AnswerState.UNKNOWN, None),
        (50, page(total=0), AnswerState.UNKNOWN, None),
        (50, None, AnswerState.UNKNOWN, None),
    ],
)
def test_page_size(current, page, state, fits):
    answer = decide.page_size(WHERE, current, 100, page)
    assert (answer.state, answer.fitting) == (state, fits)


@pytest.mark.parametrize(
    ("zeroth", "current", "state", "fits"),
    [
        (None, 1, AnswerState.FITS, 1),
        (page(), 1, AnswerState.FITS, 1),
        (page(*items(5)), 1, AnswerState.FITS, 1),
        (page(*items(5)), 0, AnswerState.CHANGE, 1),
        (page(*items(5, first=90)), 1, AnswerState.CHANGE, 0),
        (page(*items(5, first=3)), 1, AnswerState.UNKNOWN, None),
    ],
)
def test_page_start(zeroth, current, state, fits):
    answer = decide.page_start(WHERE, current, page(*items(5)), zeroth)
    assert (answer.state, answer.fitting) == (state, fits)


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ([3, 2, 1], "by update time, falling"),
        ([1, 2, 3], "by update time, rising"),
        ([2, 3, 1], "by id, rising"),
    ],
)
def test_order(hours, said):
    listed = [item(n, AT + timedelta(hours=hour)) for n, hour in enumerate(hours, start=1)]
    assert decide.order(listed).found == said
    assert "none" in decide.order([item(2), item(3), item(1), item(9, None)]).found


SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
PIVOT = item(5)
NEAR = item(6, AT + timedelta(hours=3))
FAR = item(7, AT - 30 * DAY)


@pytest.mark.parametrize(
    ("exact", "rest", "whole", "kind"),
    [
        (page(PIVOT), page(), None, TimeFilter.SECONDS),
        (page(PIVOT), page(NEAR), None, TimeFilter.SECONDS),
        (page(PIVOT), page(PIVOT), None, TimeFilter.DAYS),
        (page(PIVOT, NEAR), page(PIVOT, NEAR), None, TimeFilter.DAYS),
        (page(), None, page(PIVOT), TimeFilter.DAYS),
        (None, None, page(PIVOT, NEAR), TimeFilter.DAYS),
        (page(PIVOT, FAR), page(PIVOT, FAR), None, TimeFilter.IGNORED),
        (page(FAR), None, None, TimeFilter.IGNORED),
        (page(), None, page(PIVOT, FAR), TimeFilter.IGNORED),
        (page(), None, page(), TimeFilter.UNCLEAR),
        (None, None, None, TimeFilter.UNCLEAR),
        (page(PIVOT), None, None, TimeFilter.UNCLEAR),
    ],
)
def test_time_filter(exact, rest, whole, kind):
    assert decide.decide_time_filter(PIVOT, exact, rest, whole) is kind


@pytest.mark.parametrize(
    ("kind", "without", "changes"),
    [
        (TimeFilter.SECONDS, None, {}),
        (TimeFilter.DAYS, None, {"time_format": "date"}),
        (TimeFilter.IGNORED, None, {}),
        (TimeFilter.IGNORED, TimeFilter.IGNORED, {}),
        (TimeFilter.IGNORED, TimeFilter.SECONDS, {"time_type": None}),
        (TimeFilter.UNCLEAR, TimeFilter.DAYS, {"time_type": None, "time_format": "date"}),
        (TimeFilter.UNCLEAR, None, {}),
    ],
)
def test_what_follows_from_the_time_filter(kind, without, changes):
    answers = decide.time_filter(WHERE, SourceSettings(), kind, without)
    assert {a.setting[-1]: a.fitting for a in answers if a.state is AnswerState.CHANGE} == changes


def test_the_pivot_is_neither_the_newest_nor_near_midnight():
    midnight = datetime(2026, 11, 22, 16, 0, 1, tzinfo=UTC)  # in Beijing
    newest, older, odd = item(1, AT), item(2, AT - timedelta(days=9)), item(3, midnight)
    assert decide.pivot_of([newest, odd, older, item(4, None)], ZONE, {}) == older
    assert decide.pivot_of([newest], ZONE, {}) == newest, "a single one has to do"
    assert decide.pivot_of([odd, item(4, None)], ZONE, {}) is None
    made = {SourceId("2"): AT - timedelta(days=9), SourceId("5"): AT - timedelta(days=300)}
    changed_long_after = item(5, AT - timedelta(days=5))
    assert decide.pivot_of([newest, older, changed_long_after], ZONE, made) == changed_long_after


@pytest.mark.parametrize(
    ("listed", "detail", "chosen", "setting", "fits"),
    [
        ({"product_type": 1}, None, FetchDetail.AUTO, None, None),
        ({"product_type": 1}, None, FetchDetail.ALWAYS, "fetch_detail", "auto"),
        ({}, {"product_type": 1}, FetchDetail.AUTO, "fetch_detail", "auto"),
        ({}, {"product_type": 1}, FetchDetail.NEVER, "fetch_detail", "auto"),
        ({}, {"product_type": 1}, FetchDetail.ALWAYS, "fetch_detail", "always"),
        ({}, {"name": "x"}, FetchDetail.AUTO, "fetch_detail", "never"),
        ({}, None, FetchDetail.AUTO, None, None),
    ],
)
def test_details(listed, detail, chosen, setting, fits):
    source = SourceSettings(fetch_detail=chosen)
    answer = decide.details(WHERE, source, {"product_type"}, [item(1, **listed)], detail)
    assert (answer.setting[-1] if answer.setting else None, answer.fitting) == (setting, fits)


def test_a_mapped_field_that_only_the_detail_shows_is_added():
    answer = decide.details(WHERE, SourceSettings(), {"cn_name"}, [item(1)], {"cn_name": "灯"})
    assert answer.setting[-1] == "detail_fields"
    assert answer.fitting == ["product_type", "cn_name"]


def test_totals_and_lists_under_other_names():
    other = Listed("0", "rows", "totalCount", 7, (), 0, None)
    assert decide.list_key(WHERE, "list", other).fitting == "rows"
    assert decide.total_key(WHERE, ["count"], other).fitting == ["count", "totalCount"]
    none = Listed("0", None, None, None, (), 0, None)
    assert decide.list_key(WHERE, "list", none).state is AnswerState.UNKNOWN
    assert decide.total_key(WHERE, ["count"], none).state is AnswerState.TOLD


def test_clocks_and_zones():
    hour = timedelta(hours=1)
    assert decide.clock(None, None).state is AnswerState.TOLD
    assert decide.clock(-SECOND, -SECOND).state is AnswerState.TOLD
    assert decide.clock(timedelta(minutes=-45), None).state is AnswerState.FAILED
    assert "-8.0 h" in decide.clock(SECOND, SECOND - 8 * hour).found
    assert decide.update_times([item(1)], AT + hour).state is AnswerState.TOLD
    assert decide.update_times([item(1)], AT - 8 * hour).state is AnswerState.FAILED
    assert decide.update_times([item(1, None)], AT).state is AnswerState.UNKNOWN


def test_groups_and_deleted_products():
    tree = GroupTree([Group("1", "灯", None), Group("2", "吊灯", "1")])
    listed = [item(1, group_id=2, enable_flag=1), item(2, group_id=99, enable_flag=0)]
    answer = decide.groups(tree, listed)
    assert "level 2" in answer.found
    assert "99" in answer.note
    assert decide.groups(GroupTree([]), listed).found == "none"
    assert "1 of the 2" in decide.deleted(listed, "enable_flag").found
    assert "none" in decide.deleted(listed[:1], "enable_flag").found
