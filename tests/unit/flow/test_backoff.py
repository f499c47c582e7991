"""Delays between tries."""

from __future__ import annotations

import random
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from xmsyncd.flow.backoff import jittered_delay

BASE = timedelta(seconds=2)
CAP = timedelta(minutes=10)


@settings(max_examples=50)
@given(tries=st.integers(min_value=0, max_value=10_000), seed=st.integers())
def test_a_delay_lies_between_nothing_and_the_doubled_base_below_the_cap(tries, seed):
    delay = jittered_delay(tries, BASE, CAP, random.Random(seed))
    assert timedelta() <= delay <= CAP
    if tries <= 1:
        assert delay <= BASE
    elif tries < 9:
        assert delay <= BASE * 2 ** (tries - 1)


def test_delays_are_spread_over_the_whole_span():
    """Records that failed together must not come back together."""
    source = random.Random(7)
    delays = [jittered_delay(4, BASE, CAP, source) for _ in range(400)]
    assert min(delays) < timedelta(seconds=1)
    assert max(delays) > timedelta(seconds=15)
