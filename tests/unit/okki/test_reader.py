"""The reader against a list that drifts, lies and clamps while it is read."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.virtual_time import run_virtual
from xmsyncd.errors import PageCapError
from xmsyncd.okki.proof import ProofDecision
from xmsyncd.okki.reader import PageRead, SliceRead, Window, read_window
from xmsyncd.okki.resources import PRODUCT
from xmsyncd.okki.wire import Page, format_date, format_time, item_from
from xmsyncd.settings import SourceSettings

BEIJING = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
END = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


@dataclass
class Lister:
    """OKKI's list in memory. ``products``: id -> update time in seconds after START."""

    products: dict[int, float]
    order: str = "id"
    clamp: int = 100
    repeats_last_page: bool = False
    totals: Callable[[int, int], int | None] = lambda listed, on_page: listed
    edits: dict[int, list[int]] = field(default_factory=dict)
    """After the request with this number (from 1): ids that are edited; unknown ones are created."""
    ignores_filter: bool = False
    junk: int = 0
    """Entries without an id at the end of the list."""
    flickering: frozenset[int] = frozenset()
    """Ids that are there in one request and not in the next."""
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    timezone: ZoneInfo = BEIJING
    requests: list[dict[str, str]] = field(default_factory=list)
    edited: set[int] = field(default_factory=set)

    async def fetch_page(
        self,
        resource: Any,
        params: Mapping[str, str],
        *,
        list_key: str = "list",
        total_keys: Sequence[str] = (),
    ) -> Page:
        self.requests.append(dict(params))
        listed = self._listed(params)
        size = min(int(params["count"]), self.clamp)
        page = int(params["start_index"])
        chosen = listed[(page - 1) * size : page * size]
        if not chosen and listed and self.repeats_last_page:
            chosen = listed[(len(listed) - 1) // size * size :]
        raws: list[Any] = [self._raw(number) for number in chosen]
        result = Page(
            items=tuple(item for raw in raws if (item := item_from(raw, BEIJING)) is not None),
            unreadable=tuple(raw for raw in raws if item_from(raw, BEIJING) is None),
            total=self.totals(len(listed), len(chosen)),
            server_now=None,
        )
        for number in self.edits.get(len(self.requests), []):
            self.edited.add(number)
            # Beyond the window's end, each later than the one before: an edit happens now.
            self.products[number] = (END - START).total_seconds() + 60 + len(self.edited) + len(self.requests)
        return result

    def _raw(self, number: int) -> dict[str, Any]:
        if number < 0:
            return {"name": f"junk {number}"}
        updated = format_time(START + timedelta(seconds=self.products[number]), BEIJING)
        return {"product_id": number, "update_time": updated}

    def _listed(self, params: Mapping[str, str]) -> list[int]:
        chosen = list(self.products)
        if "start_time" in params and not self.ignores_filter:
            shape = format_time if len(params["start_time"]) > 10 else format_date
            chosen = [
                number
                for number in chosen
                if params["start_time"]
                <= shape(START + timedelta(seconds=self.products[number]), BEIJING)
                <= params["end_time"]
            ]
        chosen = [one for one in chosen if one not in self.flickering or self.chance.random() < 0.5]
        match self.order:
            case "id":
                chosen.sort()
            case "oldest first":
                chosen.sort(key=lambda number: (self.products[number], number))
            case "newest first":
                chosen.sort(key=lambda number: (-self.products[number], number))
        return chosen + [-1 - number for number in range(self.junk)]


def read(lister: Lister, window: Window, **source: Any) -> tuple[list[PageRead], list[SliceRead]]:
    async def main(loop: Any, clock: Any) -> tuple[list[PageRead], list[SliceRead]]:
        pages: list[PageRead] = []
        slices: list[SliceRead] = []
        settings_ = SourceSettings(**{"page_size": 10, **source})
        async for step in read_window(lister, PRODUCT, settings_, window):
            if isinstance(step, PageRead):
                pages.append(step)
            else:
                slices.append(step)
        return pages, slices

    return run_virtual(main)


def ids_in(pages: Sequence[PageRead]) -> set[int]:
    return {int(item.source_id) for page in pages for item in page.items}


def evenly(count: int, seconds: float = 30_000) -> dict[int, float]:
    return {number: number * seconds / (count + 1) // 1 for number in range(1, count + 1)}


WINDOW = Window(START, END)
NO_TOTALS = lambda listed, on_page: None  # noqa: E731


def test_a_quiet_window_is_proven_by_its_totals_in_one_pass():
    lister = Lister(evenly(25))
    pages, slices = read(lister, WINDOW, params={"product_type": "2"})
    assert slices == [SliceRead(WINDOW, ProofDecision.PROVEN_TOTALS, 1)]
    assert [len(page.items) for page in pages] == [10, 10, 5]
    assert [page.distinct for page in pages] == [10, 20, 25]
    assert [page.total for page in pages] == [25] * 3
    assert lister.requests[1] == {
        "start_time": "2026-11-22 16:00:00",
        "end_time": "2026-11-23 02:00:00",
        "time_type": "1",
        "start_index": "2",
        "count": "10",
        "product_type": "2",
    }


def test_an_empty_window_costs_one_request():
    lister = Lister({})
    pages, slices = read(lister, WINDOW)
    assert slices == [SliceRead(WINDOW, ProofDecision.PROVEN_TOTALS, 1)]
    assert (len(pages), len(lister.requests)) == (1, 1)


def test_an_unfiltered_window_sends_no_times():
    lister = Lister(evenly(3))
    _, slices = read(lister, Window(None, END))
    assert slices[0].decision is ProofDecision.PROVEN_TOTALS
    assert set(lister.requests[0]) == {"start_index", "count"}


def test_pages_may_be_counted_from_nought():
    lister = Lister({})
    read(lister, WINDOW, page_start=0)
    assert lister.requests[0]["start_index"] == "0"


def test_two_equal_passes_prove_what_totals_cannot():
    lister = Lister(evenly(25), totals=NO_TOTALS)
    pages, slices = read(lister, WINDOW)
    assert slices == [SliceRead(WINDOW, ProofDecision.PROVEN_PASSES, 2)]
    assert [page.repeats for page in pages] == [0, 0, 0, 10, 10, 5]
    assert pages[-1].distinct == 25


def test_the_second_pass_goes_backward_where_the_total_is_known():
    lister = Lister(evenly(25), edits={1: [1]})
    pages, slices = read(lister, WINDOW)
    assert [page.page for page in pages] == [1, 2, 3, 3, 2, 1]
    assert [page.pass_number for page in pages] == [1, 1, 1, 2, 2, 2]
    assert slices[0].decision is ProofDecision.PROVEN_TOTALS
    assert ids_in(pages) == set(range(1, 26))


def test_products_that_leave_unseen_are_explained_by_the_next_window():
    """13 and 14 are edited before the second page shows them: they are the next window's."""
    lister = Lister(evenly(25), edits={1: [13, 14]})
    pages, slices = read(lister, WINDOW)
    assert slices == [SliceRead(WINDOW, ProofDecision.PROVEN_DEPARTURES, 1)]
    assert ids_in(pages) == set(range(1, 26)) - {13, 14}


@pytest.mark.parametrize("totals", [NO_TOTALS, lambda listed, on_page: on_page, lambda listed, on_page: 7])
@pytest.mark.parametrize("repeats_last_page", [False, True])
def test_a_silent_clamp_loses_nothing(totals, repeats_last_page):
    """The first page is no shorter than the server's others, only than what was asked for."""
    lister = Lister(evenly(29), clamp=7, totals=totals, repeats_last_page=repeats_last_page)
    pages, slices = read(lister, WINDOW)
    assert slices == [SliceRead(WINDOW, ProofDecision.PROVEN_PASSES, 2)]
    assert ids_in(pages) == set(range(1, 30))


def test_a_total_that_lies_high_costs_few_requests():
    lister = Lister(evenly(25), totals=lambda listed, on_page: 10**6)
    _, slices = read(lister, WINDOW)
    assert slices == [SliceRead(WINDOW, ProofDecision.PROVEN_PASSES, 2)]
    assert len(lister.requests) <= 9


def test_entries_without_an_id_are_shown_and_do_not_spoil_the_proof():
    lister = Lister(evenly(12), junk=15)
    pages, slices = read(lister, WINDOW)
    assert slices[0].decision is ProofDecision.PROVEN_TOTALS
    assert sum(len(page.unreadable) for page in pages) == 15
    assert pages[-1].distinct == 12


def test_items_before_the_window_are_left_out_where_the_filter_is_ignored():
    products = {**evenly(12), **{100 + n: -86_400.0 * n for n in range(1, 20)}, 200: -1.0}
    lister = Lister(products, ignores_filter=True)
    pages, slices = read(lister, WINDOW)
    assert slices[0].decision is ProofDecision.PROVEN_TOTALS
    assert ids_in(pages) == {*range(1, 13), 200}  # a second of slack
    assert sum(page.outside for page in pages) == 19
    assert pages[-1].distinct == 13


def test_a_tenant_that_counts_days_is_read_with_a_day_of_slack():
    lister = Lister({1: 10.0, 2: -3600.0, 3: -90_000.0}, ignores_filter=True)
    pages, _ = read(lister, WINDOW, time_format="date")
    assert ids_in(pages) == {1, 2}
    assert lister.requests[0]["end_time"] == "2026-11-24"


def test_a_pass_that_does_not_end_is_an_error_and_no_success():
    lister = Lister(evenly(50))
    with pytest.raises(PageCapError, match="max_pages"):
        read(lister, WINDOW, max_pages=4)


def test_a_window_that_is_edited_all_the_time_is_halved_and_then_proven():
    """An edit every fifth page, as on a working day."""
    edits = {request: [60 - request // 5] for request in range(5, 200, 5)}
    lister = Lister(evenly(60), order="newest first", edits=edits)
    pages, slices = read(lister, WINDOW, page_size=2)
    assert all(piece.decision.is_proven for piece in slices)
    assert ids_in(pages) >= set(range(1, 61)) - lister.edited


def test_slices_come_in_the_order_of_time_and_leave_no_hole():
    # Without totals, and with an item that leaves during each pass, only quiet halves can be proven.
    edits = {request: [request] for request in range(1, 60, 3)}
    lister = Lister(evenly(60), order="oldest first", totals=NO_TOTALS, edits=edits)
    _, slices = read(lister, Window(None, END))
    assert len(slices) > 1
    assert slices[0].window.start == datetime(2000, 1, 1, tzinfo=UTC)
    assert slices[-1].window.end == END
    for earlier, later in pairwise(slices):
        assert later.window.start == earlier.window.end


def test_a_slice_that_cannot_be_halved_stays_unproven_and_the_next_are_read_all_the_same():
    products = dict.fromkeys(range(1, 31), 5.0) | {number: 9000.0 + number for number in range(51, 60)}
    lister = Lister(products, totals=NO_TOTALS, flickering=frozenset(range(1, 31)))
    pages, slices = read(lister, WINDOW, page_size=5)
    unproven = [piece for piece in slices if not piece.decision.is_proven]
    assert [piece.decision for piece in unproven] == [ProofDecision.UNPROVEN]
    assert unproven[0].window.end - START < timedelta(minutes=3)  # ten hours, halved eight times
    assert slices[-1].window.end == END
    assert ids_in(pages) >= set(range(51, 60))


def test_two_passes_that_miss_the_same_item_do_not_prove_each_other():
    """By oldest update, an edit moves a seen item to the end: twice, number 5 slips to an earlier page."""
    lister = Lister(evenly(8), order="oldest first", totals=NO_TOTALS, edits={2: [1], 4: [2], 6: [3]})
    pages, slices = read(lister, Window(None, END), page_size=2)
    passes: dict[int, set[str]] = defaultdict(set)
    for page in pages:
        if page.window.start is None:
            passes[page.pass_number] |= {item.source_id for item in page.items}
    assert passes[1] == passes[2] == set("1234678")
    assert passes[3] == set("12345678")
    assert all(piece.decision.is_proven for piece in slices)
    assert ids_in(pages) == set(range(1, 9))


@st.composite
def listers(draw: st.DrawFn) -> tuple[Lister, Window, int]:
    count = draw(st.integers(0, 14))
    products = {n: float(draw(st.integers(0, 35_999))) for n in range(1, count + 1)}
    filtered = draw(st.booleans())
    honest = lambda listed, on_page: listed  # noqa: E731
    hidden_at_end = lambda listed, on_page: listed if on_page else None  # noqa: E731
    rows_of_page = lambda listed, on_page: on_page  # noqa: E731
    totals = [honest, hidden_at_end, NO_TOTALS]
    if filtered:
        # A lie that happens to be the number of what was seen cannot be told from the truth, so lies here
        # are of the kinds that servers tell.
        totals += [rows_of_page, lambda listed, on_page: 0, lambda listed, on_page: 10**6]
    total = draw(st.sampled_from(totals))
    edit = st.lists(st.integers(1, count if filtered and count else count + 3), max_size=1)
    lister = Lister(
        products,
        order=draw(st.sampled_from(["id", "oldest first", "newest first"])),
        clamp=draw(st.integers(2, 6)),
        repeats_last_page=draw(st.booleans()),
        totals=total,
        # The rows of a single full page look like an honest total if just then what is behind it moves up.
        edits={} if total is rows_of_page else draw(st.dictionaries(st.integers(1, 40), edit, max_size=12)),
    )
    return lister, Window(START if filtered else None, END), draw(st.integers(2, 8))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(listers())
def test_what_is_proven_is_complete(case):
    """Nothing listed at the first page, and not edited since, is missing from a proven slice."""
    lister, window, page_size = case
    at_first = dict(lister.products)
    pages, slices = read(lister, window, page_size=page_size)
    shown = ids_in(pages)
    for piece in slices:
        event(piece.decision)
        if not piece.decision.is_proven:
            continue
        for number, seconds in at_first.items():
            moment = START + timedelta(seconds=seconds)
            inside = piece.window.start is None or piece.window.start <= moment
            if inside and moment <= piece.window.end and number not in lister.edited:
                assert number in shown
    assert pages[-1].distinct == len(shown)
