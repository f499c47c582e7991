"""When the daemon compares ledger and Yida by itself."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from xmsyncd.errors import CannotWorkError, RefusedError, ReserveSpentError, TryLaterError, XmsyncdError
from xmsyncd.observe.labels import LeftOut
from xmsyncd.operations.exit_status import BusyError, ScarceQuotaError
from xmsyncd.operations.scheduled_reconcile import first_after, left_out_for
from xmsyncd.records import StopReason

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


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ScarceQuotaError("few"), LeftOut.QUOTA),
        (ReserveSpentError("main", "spent"), LeftOut.QUOTA),
        (BusyError("read already"), LeftOut.BUSY),
        (TryLaterError("away"), LeftOut.FAILED),
        (RefusedError("no"), LeftOut.FAILED),
        (CannotWorkError("no", reason=StopReason.PERMISSION), LeftOut.FAILED),
    ],
)
def test_why_one_was_left_out_is_a_word_of_a_closed_set(error: XmsyncdError, reason: LeftOut):
    assert left_out_for(error) is reason
