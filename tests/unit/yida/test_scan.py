"""A form is read whole: no deeper than Yida shows, each instance once, and trusted only when it adds up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.errors import RefusedError
from xmsyncd.records import ContentHash, Found, InstanceId
from xmsyncd.yida.scan import Created, FormPage, FormScan, Scanned
from xmsyncd.yida.wire import PAGE_SIZE

NOW = datetime(2026, 11, 23, 13, 5, 7)  # noqa: DTZ001 - local time of Yida
DEPTH = 200


class Form:
    """Rows by their creation time (naive local seconds), and a search that pages no deeper than ``DEPTH``."""

    def __init__(self, created: list[datetime]) -> None:
        self.rows = [(f"i{number:05}", at) for number, at in enumerate(sorted(created))]
        self.asked: list[tuple[tuple[str | None, str | None], int]] = []
        self.honours_time = True
        self.before_page: Callable[[int], None] = lambda calls: None

    async def page(self, bounds: tuple[str | None, str | None], number: int) -> FormPage:
        self.asked.append((bounds, number))
        assert number * PAGE_SIZE <= DEPTH, "too deep"
        self.before_page(len(self.asked))
        rows = [row for row in self.rows if not self.honours_time or _within(row[1], bounds)]
        shown = rows[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        found = tuple(_found(name, at) for name, at in shown if not name.startswith("unreadable"))
        return FormPage(found, len(shown) - len(found), len(rows))


def _within(at: datetime, bounds: tuple[str | None, str | None]) -> bool:
    first, last = bounds
    if first is not None and at < datetime.fromisoformat(first):
        return False
    if last is None:
        return True
    return at < datetime.fromisoformat(last) + timedelta(days=1 if len(last) == 10 else 0, seconds=1)


def _found(name: str, at: datetime) -> Found:
    return Found(InstanceId(name), name, {}, ContentHash(name), at.replace(tzinfo=UTC))


async def scanned(form: Form, *, settled: bool = True) -> tuple[FormScan, list[str], Scanned]:
    scan = FormScan(form.page, depth=DEPTH, now=NOW, settled=settled)
    pages = [page async for page in scan.pages()]
    return scan, [row.instance_id for page in pages for row in page.rows], pages[-1]


def spread(number: int, step: timedelta) -> list[datetime]:
    return [NOW - step * index for index in range(number)]


@pytest.mark.parametrize("number", [0, 1, 99, 100, 101, 200])
async def test_what_a_search_shows_whole_costs_a_call_for_each_hundred(number: int):
    form = Form(spread(number, timedelta(hours=1)))
    scan, ids, last = await scanned(form)
    assert len(ids) == len(set(ids)) == len(scan.seen) == number
    assert last.is_complete
    assert len(form.asked) == max(1, -(-number // PAGE_SIZE))


@pytest.mark.parametrize(
    "step", [timedelta(days=3), timedelta(hours=3), timedelta(seconds=40), timedelta(seconds=1)]
)
async def test_a_deeper_form_is_cut_by_creation_time(step: timedelta):
    form = Form(spread(900, step))
    _, ids, last = await scanned(form)
    assert sorted(ids) == [name for name, _ in form.rows]
    assert last.is_complete


async def test_whole_days_are_asked_for_as_dates_and_the_ends_stay_open():
    form = Form(spread(900, timedelta(days=1)))
    await scanned(form)
    bounds = [bounds for bounds, _ in form.asked]
    assert all(one is None or len(one) == 10 for pair in bounds for one in pair)
    assert (None, None) in bounds
    assert any(first is None and last is not None for first, last in bounds)
    assert any(first is not None and last is None for first, last in bounds)


async def test_more_than_that_in_one_second_is_said():
    form = Form([NOW] * 250)
    with pytest.raises(RefusedError, match="within a second of 2026-11-23 13:05:0"):
        await scanned(form)


async def test_a_time_filter_without_effect_is_said_after_two_questions():
    form = Form(spread(900, timedelta(hours=1)))
    form.honours_time = False
    with pytest.raises(RefusedError, match="has no effect"):
        await scanned(form)
    assert len(form.asked) == 3


async def test_rows_that_are_added_meanwhile_are_read_too():
    form = Form(spread(150, timedelta(hours=1)))

    def add(calls: int) -> None:
        if calls <= 2:
            form.rows.append((f"new{calls}", NOW))

    form.before_page = add
    _, ids, last = await scanned(form, settled=False)
    assert len(ids) == 152
    assert last.is_complete
    assert len(form.asked) == 2


async def test_a_deletion_between_two_pages_hides_a_row_and_the_second_pass_finds_it():
    form = Form(spread(150, timedelta(hours=1)))

    def delete(calls: int) -> None:
        if calls == 2:
            del form.rows[10]

    form.before_page = delete
    _, ids, last = await scanned(form)
    assert {name for name, _ in form.rows} <= set(ids)
    assert last.is_complete


async def test_a_form_that_never_holds_still_is_not_called_complete_where_that_matters():
    form = Form(spread(150, timedelta(hours=1)))
    form.before_page = lambda calls: form.rows.append((f"new{calls}", NOW))
    _, _, last = await scanned(form)
    assert not last.is_complete
    _, _, last = await scanned(form, settled=False)
    assert last.is_complete


async def test_a_search_that_counts_more_than_it_shows_is_not_complete():
    form = Form(spread(50, timedelta(hours=1)))

    async def page(bounds: tuple[str | None, str | None], number: int) -> FormPage:
        shown = await form.page(bounds, number)
        return FormPage(shown.rows[:-1], shown.unreadable, shown.total)

    scan = FormScan(page, depth=DEPTH, now=NOW, settled=False)
    assert not [one async for one in scan.pages()][-1].is_complete


async def test_rows_without_form_data_are_counted():
    form = Form(spread(50, timedelta(hours=1)))
    form.rows[7] = ("unreadable", form.rows[7][1])
    scan = FormScan(form.page, depth=DEPTH, now=NOW, settled=True)
    pages = [one async for one in scan.pages()]
    assert sum(page.unreadable for page in pages) == 1
    assert pages[-1].is_complete


moments = st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1)).map(lambda at: at.replace(microsecond=0))  # noqa: DTZ001 - local times


@given(moments, st.timedeltas(timedelta(0), timedelta(days=900)))
def test_halves_share_nothing_and_leave_nothing_out(first: datetime, length: timedelta):
    whole = Created(first, first + timedelta(seconds=length // timedelta(seconds=1)), False, False)
    halves = whole.halves()
    if halves is None:
        assert whole.first == whole.last
        return
    left, right = halves
    assert (left.first, right.last) == (whole.first, whole.last)
    assert left.last + timedelta(seconds=1) == right.first
    assert left.first <= left.last
    assert right.first <= right.last
