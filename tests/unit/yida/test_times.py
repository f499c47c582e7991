"""Points in time in the forms that vendors use."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from xmsyncd.yida.times import beijing, epoch_milliseconds, moment_of, moment_or_none

EIGHT = datetime(2024, 1, 2, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2024-01-02 08:00:00",
        "2024-01-02T08:00",
        "2024/01/02 08:00:00",
        "2024-01-02T00:00Z",
        "2024-01-02T01:00:00+01:00",
        1704153600,
        1704153600000,
        1704153600.0,
        "1704153600",
    ],
)
def test_text_without_an_offset_is_local_time_of_the_zone(value: object) -> None:
    assert moment_of(value, beijing()) == EIGHT


def test_the_zone_is_an_argument_because_yida_does_not_tell_it() -> None:
    assert moment_of("2024-01-02 00:00:00", ZoneInfo("UTC")) == EIGHT


@pytest.mark.parametrize("value", [None, "", "yesterday", True, 5, [], "9999-12-31T23:59:59-14:00"])
def test_what_is_no_time_is_none(value: object) -> None:
    assert moment_or_none(value, beijing()) is None


def test_epoch_milliseconds_are_whole() -> None:
    assert epoch_milliseconds(datetime(2024, 1, 2, 0, 0, 0, 1999, tzinfo=UTC)) == 1704153600001
