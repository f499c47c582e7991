"""DingTalk's simulated gateway: tokens, limits, quota."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.simulator.conftest import Tick
from xmsyncd.simulator.counters import Counters, Operation, Result, Vendor
from xmsyncd.simulator.gateway import Gateway
from xmsyncd.simulator.options import RateWindow, SimulatorOptions
from xmsyncd.simulator.refusals import RefusedError
from xmsyncd.simulator.times import SimulatedClock


def make(tick: Tick, **options: Any) -> Gateway:
    return Gateway(SimulatorOptions(**options), SimulatedClock(wall=tick, monotonic=tick))


def passes(gateway: Gateway, calls: int) -> int:
    """How many of so many calls at this moment pass."""
    passed = 0
    for _ in range(calls):
        with contextlib.suppress(RefusedError):
            gateway.admit("start")
            passed += 1
    return passed


def test_the_same_token_while_it_is_valid(tick: Tick) -> None:
    """Asking extends it; after its end there is a new one."""
    gateway = make(tick, yida_token_life=timedelta(seconds=100))
    token, life = gateway.issue_token("demo-app-key", "demo-app-secret")
    assert life == 100
    tick.now += 90
    assert gateway.issue_token("demo-app-key", "demo-app-secret")[0] == token
    tick.now += 90
    gateway.check_token(token)
    tick.now += 20
    with pytest.raises(RefusedError, match="InvalidAuthentication"):
        gateway.check_token(token)
    assert gateway.issue_token("demo-app-key", "demo-app-secret")[0] != token


def test_wrong_credentials_and_missing_token(tick: Tick) -> None:
    """With the codes of the vendor's probes."""
    gateway = make(tick)
    with pytest.raises(RefusedError, match="invalidClientIdOrSecret"):
        gateway.issue_token("demo-app-key", "wrong")
    with pytest.raises(RefusedError, match="MissingParameter"):
        gateway.check_token(None)
    with pytest.raises(RefusedError, match="InvalidAuthentication"):
        gateway.check_token("guess")


def test_fixed_window_forgets_at_the_full_second(tick: Tick) -> None:
    """So two full windows may touch."""
    gateway = make(tick, qps=20)
    tick.now += 0.95
    assert passes(gateway, 30) == 20
    tick.now += 0.1
    assert passes(gateway, 30) == 20


def test_sliding_window_never_lets_more_through_in_a_second(tick: Tick) -> None:
    """Wherever the second begins."""
    gateway = make(tick, qps=20, window=RateWindow.SLIDING)
    tick.now += 0.95
    assert passes(gateway, 30) == 20
    tick.now += 0.1
    assert passes(gateway, 30) == 0
    tick.now += 0.9
    assert passes(gateway, 30) == 20


def test_bucket_leaks(tick: Tick) -> None:
    """A second's worth at once, then at the rate."""
    gateway = make(tick, qps=20, window=RateWindow.BUCKET)
    assert passes(gateway, 30) == 20
    tick.now += 0.25
    assert passes(gateway, 30) == 5


def test_limits_are_of_each_api_by_itself(tick: Tick) -> None:
    """Searching does not use up starting."""
    gateway = make(tick, qps=1)
    gateway.admit("start")
    gateway.admit("search")
    with pytest.raises(RefusedError, match="QpsLimitForAppkeyAndApi") as refused:
        gateway.admit("start")
    assert refused.value.status == 403


def test_quota_counts_what_was_not_throttled_and_begins_anew_each_month(tick: Tick) -> None:
    """The calendar month of the vendor's zone."""
    gateway = make(tick, monthly_calls=3, qps=2)
    assert passes(gateway, 5) == 2
    tick.now += 1
    gateway.admit("start")
    assert gateway.metered == 3
    with pytest.raises(RefusedError, match="ApiCountLimitForOrg"):
        gateway.admit("start")
    tick.now += 32 * 86_400
    gateway.admit("start")
    assert gateway.metered == 1


def test_counters_find_the_fullest_second() -> None:
    """Half open, wherever it starts."""
    counters = Counters()
    for at in (0.0, 0.5, 0.9, 1.0, 1.4, 3.0):
        counters.arrived(Vendor.YIDA, Operation.START, at, Result.THROTTLED if at == 0.9 else Result.OK)
    assert counters.most_in_one_second(Vendor.YIDA, Operation.START) == 4  # 0.5, 0.9, 1.0, 1.4
    assert counters.seconds(Vendor.YIDA, Operation.START) == [[3, 1], [2, 0], [0, 0], [1, 0]]
    assert counters.count(Vendor.YIDA, Operation.START) == 6
    assert counters.to_json()["calls"] == {"yida.start.ok": 5, "yida.start.throttled": 1}
    counters.reset()
    assert counters.count(Vendor.YIDA, Operation.START) == 0
