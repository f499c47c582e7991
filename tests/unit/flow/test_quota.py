"""The two shares of a month: each decision by its named reason, and what holds for all of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.flow.quota import (
    UNLIMITED,
    MonthUse,
    RoomReason,
    room_for_questions,
    room_for_reserve,
    room_for_sends,
)


@pytest.mark.parametrize(
    ("use", "waiting", "calls", "reason"),
    [
        (MonthUse(), 10**9, UNLIMITED, RoomReason.UNMETERED),
        (MonthUse(500, 25, 400, 5), 2000, 20, RoomReason.WITHIN_RESERVE),
        (MonthUse(500, 25, 490, 5), 2000, 10, RoomReason.WITHIN_RESERVE),
        (MonthUse(500, 25, 400, 25), 90, 10, RoomReason.PLENTY_LEFT),
        (MonthUse(500, 25, 400, 25), 100, 0, RoomReason.KEPT_FOR_SENDING),
        (MonthUse(500, 25, 500, 25), 0, 0, RoomReason.MONTH_SPENT),
    ],
)
def test_the_reserve(use: MonthUse, waiting: int, calls: int, reason: RoomReason):
    room = room_for_reserve(use, waiting)
    assert (room.calls, room.reason) == (calls, reason)


def test_a_reserve_of_nothing_keeps_no_pipeline_from_its_first_record():
    use = MonthUse(500, 0, 0, 0)
    assert room_for_reserve(use, 2000).calls == 0
    assert room_for_questions(use).reason is RoomReason.BEYOND_RESERVE
    assert room_for_questions(MonthUse(500, 0, 500)).calls == 0


numbers = st.integers(0, 600)


@given(st.integers(1, 500), numbers, numbers, numbers, st.integers(0, 3000))
def test_no_share_ever_exceeds_what_is_left(limit: int, reserve: int, used: int, looked: int, waiting: int):
    use = MonthUse(limit, min(reserve, limit), used, min(looked, used))
    sends, looks = room_for_sends(use), room_for_reserve(use, waiting).calls
    assert 0 <= sends <= use.left
    assert 0 <= looks <= use.left
    if looks and use.reserve_used < use.reserve:
        assert sends + looks <= use.left
    if use.left and not waiting:
        assert looks > 0  # never idle while records stay undecided
