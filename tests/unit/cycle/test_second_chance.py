"""How many of the products that are rejected for a cause elsewhere one cycle tries again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from xmsyncd.cycle.second_chance import ALWAYS_TRIED, LONGEST, MOST_TRIED, SecondChance, next_batch

SHORT = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("tried", "mended", "passed", "decision"),
    [
        (ALWAYS_TRIED, ALWAYS_TRIED, SHORT, SecondChance.GO_ON),
        (MOST_TRIED - 1, 1, SHORT, SecondChance.GO_ON),
        (ALWAYS_TRIED, 0, SHORT, SecondChance.STILL_REJECTED),
        (MOST_TRIED, ALWAYS_TRIED, SHORT, SecondChance.ENOUGH),
        (ALWAYS_TRIED, ALWAYS_TRIED, LONGEST, SecondChance.TIME_IS_UP),
    ],
)
def test_a_cycle_goes_on_while_some_come_right_within_a_bound(
    tried: int, mended: int, passed: timedelta, decision: SecondChance
):
    assert next_batch(tried, mended, passed) is decision


def test_what_a_long_outage_left_is_through_in_a_few_cycles():
    assert 10_000 / MOST_TRIED <= 3
