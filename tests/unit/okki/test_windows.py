"""Windows and their halves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from xmsyncd.okki.windows import Window, earliest_accepted, filters_of, halves_of
from xmsyncd.settings import SourceSettings

BEIJING = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 11, 22, 8, 0, 0, 700_000, tzinfo=UTC)
END = datetime(2026, 11, 22, 18, 0, 0, 1, tzinfo=UTC)
SOURCE = SourceSettings()
BY_DATE = SourceSettings(time_format="date")


def test_a_window_is_asked_for_in_beijing_time_rounded_outwards():
    assert filters_of(Window(START, END), SOURCE, BEIJING) == {
        "start_time": "2026-11-22 16:00:00",
        "end_time": "2026-11-23 02:00:01",
        "time_type": "1",
    }


def test_a_tenant_that_counts_days_is_asked_up_to_the_day_after():
    assert filters_of(Window(START, END), BY_DATE, BEIJING) == {
        "start_time": "2026-11-22",
        "end_time": "2026-11-24",
        "time_type": "1",
    }


def test_time_type_can_be_left_out_and_an_unfiltered_window_sends_nothing():
    assert "time_type" not in filters_of(Window(START, END), SourceSettings(time_type=None), BEIJING)
    assert filters_of(Window(None, END), SOURCE, BEIJING) == {}


def test_slack_follows_the_resolution():
    assert earliest_accepted(Window(None, END), SOURCE) is None
    assert earliest_accepted(Window(START, END), SOURCE) == START - timedelta(seconds=1)
    assert earliest_accepted(Window(START, END), BY_DATE) == START - timedelta(days=1)


def test_an_unfiltered_window_is_halved_where_items_were_seen_and_begins_before_all_of_them():
    halves = halves_of(Window(None, END), END - timedelta(hours=2), SOURCE, BEIJING)
    assert halves is not None
    earlier, later = halves
    assert earlier.start == datetime(2000, 1, 1, tzinfo=UTC)
    assert later.start == earlier.end
    assert END - timedelta(hours=1, seconds=2) < earlier.end < END - timedelta(minutes=59)
    assert later.end == END


def test_what_okki_could_not_tell_apart_is_not_halved():
    second = timedelta(seconds=1)
    assert halves_of(Window(END - second / 2, END), None, SOURCE, BEIJING) is None
    assert halves_of(Window(END - timedelta(hours=1), END), None, BY_DATE, BEIJING) is None
    assert halves_of(Window(END - timedelta(days=9), END), None, BY_DATE, BEIJING) is not None


@settings(max_examples=80)
@given(
    length=st.integers(min_value=0, max_value=10**7),
    micro=st.integers(min_value=0, max_value=999_999),
    seen=st.none() | st.integers(min_value=-(10**6), max_value=2 * 10**7),
    by_date=st.booleans(),
)
def test_halves_cover_the_window_and_are_smaller(length, micro, seen, by_date):
    source = BY_DATE if by_date else SOURCE
    window = Window(START, START + timedelta(seconds=length, microseconds=micro))
    earliest = None if seen is None else START + timedelta(seconds=seen)
    halves = halves_of(window, earliest, source, BEIJING)
    if halves is None:
        return
    earlier, later = halves
    assert (earlier.start, later.end) == (window.start, window.end)
    assert later.start == earlier.end
    assert START < earlier.end < window.end
    assert filters_of(window, source, BEIJING) not in [filters_of(half, source, BEIJING) for half in halves]
