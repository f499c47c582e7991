"""Which window a cycle reads, decided from what the ledger remembers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from xmsyncd.cycle.plan import (
    WATERMARK_AHEAD,
    CyclePlan,
    CycleRequest,
    plan_cycle,
    until_end_is_over,
    window_end,
)
from xmsyncd.ledger.cycles import CycleKind, Gap
from xmsyncd.ledger.views import PipelineView
from xmsyncd.okki.windows import Window
from xmsyncd.records import ContentHash

NOW = datetime(2026, 11, 23, 2, 30, 15, 400_000, tzinfo=UTC)
SECOND = NOW.replace(microsecond=0)
CONTEXT = ContentHash("context")
KNOWN = PipelineView(
    name="products",
    form="APP/FORM",
    watermark=NOW - timedelta(minutes=10),
    context_hash=CONTEXT,
    last_full_at=NOW - timedelta(days=1),
    last_success_at=NOW - timedelta(minutes=10),
    bootstrap_at=NOW - timedelta(days=9),
    search_proven_at=NOW - timedelta(days=9),
    search_lag=timedelta(seconds=1),
    stop=None,
)


def planned(view: PipelineView = KNOWN, request: CycleRequest = CycleRequest(), **changes: Any) -> CyclePlan:  # noqa: B008 - frozen
    values: dict[str, Any] = {
        "context_hash": CONTEXT,
        "overlap": timedelta(minutes=30, seconds=1),
        "full_every": timedelta(days=7),
        "start_from": None,
        "gaps": (),
        "okki_offset": timedelta(0),
        "now": NOW,
        **changes,
    }
    return plan_cycle(view, request, **values)


def test_an_incremental_window_goes_from_the_watermark_less_the_overlap_to_now():
    plan = planned()
    assert plan.kind is CycleKind.INCREMENTAL
    assert plan.window == Window(NOW - timedelta(minutes=40, seconds=1), SECOND)


def test_the_first_cycle_reads_everything_or_from_a_configured_start():
    fresh = replace(KNOWN, watermark=None)
    assert planned(fresh).window.start is None
    assert planned(fresh).kind is CycleKind.FIRST
    start = NOW - timedelta(days=30)
    assert planned(fresh, start_from=start).window.start == start
    assert planned(fresh, CycleRequest(full=True), start_from=start).window.start is None


@pytest.mark.parametrize(
    ("view", "request_", "changes", "reason"),
    [
        (KNOWN, CycleRequest(full=True), {}, "asked_for"),
        (KNOWN, CycleRequest(), {"context_hash": ContentHash("other")}, "context_changed"),
        (KNOWN, CycleRequest(), {"full_every": timedelta(hours=23)}, "full_every"),
        (replace(KNOWN, last_full_at=None), CycleRequest(), {}, "full_every"),
    ],
)
def test_a_full_read_has_a_reason_with_a_name(view, request_, changes, reason):
    plan = planned(view, request_, **changes)
    assert (plan.kind, plan.reason, plan.window.start) == (CycleKind.FULL, reason, None)


def test_a_fast_clock_here_ends_the_window_at_okkis_time():
    """45 minutes fast: what is edited there in these minutes would otherwise fall before the next window."""
    end = window_end(NOW, timedelta(minutes=-45))
    assert end <= NOW - timedelta(minutes=45) + timedelta(seconds=1)
    assert window_end(NOW, None) == SECOND


def test_a_slow_clock_here_does_not_keep_what_was_edited_meanwhile_waiting():
    end = window_end(NOW, timedelta(minutes=45))
    assert timedelta(minutes=45) <= end - SECOND <= timedelta(minutes=45, seconds=1)
    assert window_end(NOW, timedelta(milliseconds=900)) == SECOND


@pytest.mark.parametrize("offset_minutes", [None, 0, -45, 45])
def test_a_watermark_ahead_of_okkis_clock_makes_everything_be_read(offset_minutes):
    """Nobody knows since when the clock was wrong that set it, so no window that begins later is safe."""
    offset = None if offset_minutes is None else timedelta(minutes=offset_minutes)
    theirs = NOW + (offset or timedelta(0))
    ahead = planned(replace(KNOWN, watermark=theirs + timedelta(minutes=1)), okki_offset=offset)
    assert (ahead.kind, ahead.reason, ahead.window.start) == (CycleKind.FULL, WATERMARK_AHEAD, None)
    assert abs(ahead.window.end - theirs) <= timedelta(seconds=2)
    # Before OKKI's time, though after ours: nothing is wrong with it.
    fine = planned(replace(KNOWN, watermark=theirs - timedelta(seconds=1)), okki_offset=offset)
    assert fine.kind is CycleKind.INCREMENTAL


def test_a_watermark_a_moment_ahead_is_no_more_than_the_difference_between_okkis_machines():
    ahead = replace(KNOWN, watermark=NOW + timedelta(seconds=3))
    assert planned(ahead).window == Window(SECOND - timedelta(minutes=30, seconds=1), SECOND)


def test_a_full_read_remembered_from_the_future_does_not_put_the_next_one_off():
    assert planned(replace(KNOWN, last_full_at=NOW + timedelta(days=400))).kind is CycleKind.FULL
    assert planned(replace(KNOWN, last_full_at=NOW + timedelta(minutes=1))).kind is CycleKind.INCREMENTAL


def test_a_window_of_a_persons_choice_is_no_part_of_the_cycles_in_their_order():
    since, until = SECOND - timedelta(days=3), SECOND - timedelta(days=2)
    gap = Gap(SECOND - timedelta(days=9), SECOND - timedelta(days=8), 3, passed=True)
    plan = planned(request=CycleRequest(since=since, until=until), gaps=(gap,))
    assert (plan.window, plan.is_reread, plan.reason) == (Window(since, until), True, "asked_for")
    assert plan.gaps == ()
    for view in (replace(KNOWN, watermark=None), replace(KNOWN, context_hash=ContentHash("other"))):
        assert planned(view, CycleRequest(since=since)).window == Window(since, SECOND)


def test_a_chosen_window_never_ends_beyond_okkis_clock():
    request = CycleRequest(since=SECOND - timedelta(minutes=1), until=SECOND + timedelta(hours=1))
    late = timedelta(minutes=-45)
    end = window_end(NOW, late)
    assert planned(request=request, okki_offset=late).window == Window(end, end)


@pytest.mark.parametrize("offset_ms", [-999, -500, -1, 0, 400, 90_000])
def test_reading_begins_when_the_last_second_of_the_window_is_surely_over(offset_ms):
    offset = timedelta(milliseconds=offset_ms)
    end = window_end(NOW, offset)
    wait = until_end_is_over(end, NOW, offset)
    assert timedelta(0) <= wait <= timedelta(seconds=3)
    assert NOW + wait + offset >= end + timedelta(seconds=1)


def test_a_try_of_a_part_is_partial_and_reads_no_gaps():
    gap = Gap(NOW - timedelta(days=3), NOW - timedelta(days=2), 3, passed=True)
    assert planned(gaps=(gap,)).gaps == (Window(gap.start, gap.end),)
    for request in (CycleRequest(limit=5), CycleRequest(only="SKU-1")):
        plan = planned(KNOWN, request, gaps=(gap,))
        assert (plan.kind, plan.gaps) == (CycleKind.PARTIAL, ())


def test_a_gap_that_still_holds_the_watermark_is_no_window_of_its_own():
    gap = Gap(NOW - timedelta(days=3), NOW - timedelta(days=2), 1, passed=False)
    assert planned(gaps=(gap,)).gaps == ()
