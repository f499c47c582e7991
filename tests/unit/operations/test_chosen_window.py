"""The window that a person names, as it is read and as it is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.errors import ConfigurationError
from xmsyncd.operations.chosen_window import chosen_window

BEIJING = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)  # 10:30 in Beijing


def chosen(
    since: str | None, until: str | None = None, **request: object
) -> tuple[datetime | None, datetime | None]:
    return chosen_window(since, until, request=CycleRequest(**request), zone=BEIJING, now=NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20", datetime(2026, 11, 19, 16, tzinfo=UTC)),
        ("2026-11-20 08:00", datetime(2026, 11, 20, 0, tzinfo=UTC)),
        ("2026-11-20T08:00:30", datetime(2026, 11, 20, 0, 0, 30, tzinfo=UTC)),
        (" 2026-11-20T08:00:00Z ", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("2026-11-20 08:00:00+01:00", datetime(2026, 11, 20, 7, tzinfo=UTC)),
    ],
)
def test_a_time_is_of_beijing_unless_it_says_another(text, moment):
    assert chosen(text) == (moment, None)


def test_a_date_alone_is_the_whole_day():
    assert chosen("2026-11-20", "2026-11-20") == (
        datetime(2026, 11, 19, 16, tzinfo=UTC),
        datetime(2026, 11, 20, 15, 59, 59, tzinfo=UTC),
    )
    # Today has not ended yet; its end is where the reading ends, not a mistake.
    assert chosen("2026-11-20", "2026-11-23")[1] is not None


def test_nothing_given_is_no_window():
    assert chosen(None) == (None, None)


@pytest.mark.parametrize(
    ("since", "until", "request_", "said"),
    [
        ("2026-11-20", "2026-11-19", {}, "before --since"),
        ("2026-11-24", None, {}, "in the future"),
        ("2026-11-20", "2026-11-23 10:31", {}, "in the future"),
        ("2026-11-20", "2026-11-24", {}, "in the future"),
        (None, "2026-11-20", {}, "--until alone"),
        ("last week", None, {}, "Asia/Shanghai"),
        ("2026-13-40", None, {}, "2026-11-20 08:00"),
        ("2026-11-20 08:00 CST", None, {}, "Asia/Shanghai"),
        ("2026-11-20", None, {"full": True}, "--full"),
        ("2026-11-20", None, {"limit": 5, "only": "A"}, "--limit and --only"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(since, until, request_, said):
    with pytest.raises(ConfigurationError) as refused:
        chosen(since, until, **request_)
    assert said in str(refused.value)


def test_all_faults_are_told_at_once():
    with pytest.raises(ConfigurationError) as refused:
        chosen("soon", "later")
    assert len(refused.value.faults) == 2


def test_the_same_second_is_a_window():
    at = "2026-11-20 08:00:00"
    assert chosen(at, at) == (datetime(2026, 11, 20, tzinfo=UTC),) * 2
    assert chosen("2026-11-23 10:30:00")[0] == NOW - timedelta(0)
