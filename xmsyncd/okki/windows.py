"""Windows of time as OKKI's list is asked for them, and their halves (pure, step 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, assert_never
from zoneinfo import ZoneInfo

from xmsyncd.okki.wire import format_date, format_time
from xmsyncd.settings import SourceSettings
from xmsyncd.settings.choices import TimeFormat

_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)
# Where the first half of an unfiltered window begins: before the vendor existed.
BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of update times, both ends inclusive, aware UTC; without ``start`` it is not filtered at all."""

    start: datetime | None
    end: datetime


def filters_of(window: Window, source: SourceSettings, timezone: ZoneInfo) -> Mapping[str, str]:
    """The query parameters that ask for a window, empty for an unfiltered one.

    Outwards to OKKI's resolution: start down and end up to a second; in ``date`` mode ``end_time`` is the
    day after the end's, for a bare date may exclude its own day (inferred).
    """
    if window.start is None:
        return {}
    match source.time_format:
        case TimeFormat.DATETIME:
            end = window.end if window.end.microsecond == 0 else window.end + _SECOND
            filters = {
                "start_time": format_time(window.start, timezone),
                "end_time": format_time(end, timezone),
            }
        case TimeFormat.DATE:
            filters = {
                "start_time": format_date(window.start, timezone),
                "end_time": format_date(window.end + _DAY, timezone),
            }
        case _:
            assert_never(source.time_format)
    if source.time_type is not None:
        filters["time_type"] = str(source.time_type)
    return filters


def earliest_accepted(window: Window, source: SourceSettings) -> datetime | None:
    """Items updated before this are not of the window: the server ignored the filter, or rounded it."""
    if window.start is None:
        return None
    return window.start - (_DAY if source.time_format is TimeFormat.DATE else _SECOND)


def halves_of(
    window: Window, earliest_seen: datetime | None, source: SourceSettings, timezone: ZoneInfo
) -> tuple[Window, Window] | None:
    """Two windows that together ask for all of this one, ``None`` when OKKI could not tell them from it.

    They meet, and overlap, in one second in the middle of the part where items were seen; the earlier half
    still begins at the window's own start. An unfiltered window becomes two filtered ones, of which the
    first begins before the vendor existed: an item that no pass has seen may be older than all that were.
    """
    start = window.start or BEGINNING
    lower = start
    if earliest_seen is not None and start < earliest_seen < window.end:
        lower = max(start, earliest_seen - _SECOND)
    middle = (lower + (window.end - lower) / 2).replace(microsecond=0)
    if not start < middle < window.end:
        return None
    halves = Window(start, middle), Window(middle, window.end)
    whole = filters_of(window, source, timezone)
    if any(filters_of(half, source, timezone) == whole for half in halves):
        return None
    return halves
