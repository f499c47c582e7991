"""When the daemon compares ledger and Yida by itself."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from xmsyncd.operations.scheduled_reconcile import first_after

WEEK = timedelta(days=7)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("minute", [0, 20, 55])
def test_the_first_one_keeps_off_the_full_hour_and_does_not_begin_with_the_daemon(seed: int, minute: int):
    now = datetime(2026, 11, 23, 9, minute, tzinfo=UTC)
    after = first_after(now, None, WEEK, random.Random(seed))
    assert timedelta(0) < after <= timedelta(minutes=54)
    assert 7 <= (now + after).minute <= 53


def test_a_restart_does_not_bring_it_forward_and_what_is_overdue_comes_soon():
    now = datetime(2026, 11, 23, 9, 20, tzinfo=UTC)
    soon = first_after(now, now - timedelta(days=30), WEEK, random.Random(1))
    assert soon < timedelta(hours=1)
    later = first_after(now, now - timedelta(days=2), WEEK, random.Random(1))
    assert timedelta(days=5) < later < timedelta(days=5, hours=1)
