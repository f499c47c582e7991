"""Faults: what can be switched on, and which calls it strikes."""

from __future__ import annotations

from typing import Any

import pytest

from xmsyncd.simulator.counters import Operation, Vendor
from xmsyncd.simulator.faults import KINDS, FaultName, Faults, Stage, fault_from_mapping


def struck(
    faults: Faults, calls: int, operation: Operation = Operation.START, key: str | None = None
) -> list[int]:
    """Which of so many calls were struck, at either stage."""
    return [
        number
        for number in range(calls)
        if faults.strike(Stage.BEFORE, Vendor.YIDA, operation, key)
        or faults.strike(Stage.AFTER, Vendor.YIDA, operation, key)
    ]


def test_every_name_has_a_meaning() -> None:
    """GET / of the control shows it."""
    assert set(KINDS) == set(FaultName)


def test_after_and_times_bound_a_fault() -> None:
    """It lets calls pass, strikes so many times, and is over."""
    faults = Faults(1)
    faults.add(FaultName.LOST_RESET, after=2, times=3)
    assert struck(faults, 10) == [2, 3, 4]


def test_rate_is_a_seeded_share() -> None:
    """The same seed strikes the same calls."""
    one, same = Faults(5), Faults(5)
    for faults in (one, same):
        faults.add("throttle_app", rate=0.04)
    found = struck(one, 5000)
    assert found == struck(same, 5000)
    assert 150 < len(found) < 250


def test_star_spares_the_token_call() -> None:
    """Which has to be named, as a fault there stops everything else."""
    faults = Faults(1)
    fault = faults.add("html_502")
    assert struck(faults, 1, Operation.TOKEN) == []
    assert struck(faults, 1, Operation.SEARCH) == [0]
    faults.remove(fault)
    faults.add("html_502", operation="token")
    assert struck(faults, 1, Operation.TOKEN) == [0]
    assert struck(faults, 1, Operation.START) == []
    faults.clear()
    assert faults.active == ()


def test_match_restricts_to_keys() -> None:
    """Calls about other keys, or about none, are not even seen."""
    faults = Faults(1)
    fault = faults.add("refuse", match="LED-00")
    assert struck(faults, 1, key="HW-007") == []
    assert struck(faults, 1) == []
    assert fault.seen == 0
    assert struck(faults, 1, key="LED-007") == [0]


def test_page_drift_strikes_every_nth_page() -> None:
    """Not at random: a test counts on it."""
    faults = Faults(1)
    faults.add("page_drift", every=3)
    found = [number for number in range(1, 10) if faults.strike(Stage.BESIDE, Vendor.OKKI, Operation.LIST)]
    assert found == [3, 6, 9]


def test_ambiguous_500_may_be_executed() -> None:
    """Its variant decides whether it strikes before or after."""
    assert fault_from_mapping({"name": "ambiguous_500"}).stage is Stage.BEFORE
    assert fault_from_mapping({"name": "ambiguous_500", "variant": "executed"}).stage is Stage.AFTER


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": "nonsense"}, "no such fault: 'nonsense'"),
        ({}, "no such fault: None"),
        ({"name": "slow", "speed": 1}, "no such property of a fault: speed"),
        ({"name": "refuse", "api": "okki"}, "refuse strikes yida, not 'okki'"),
        ({"name": "refuse", "operation": "search"}, "cannot strike 'search'"),
        ({"name": "slow", "operation": "dance"}, "cannot strike 'dance'"),
        ({"name": "slow", "rate": 1.5}, "between 0 and 1"),
        ({"name": "slow", "rate": "often"}, "rate: a number"),
        ({"name": "slow", "times": 1.5}, "times: a number"),
        ({"name": "page_drift", "every": 0}, "every: at least 1"),
        ({"name": "refuse", "code": 7}, "code: a text"),
        ({"name": "error_in_200", "code": "x"}, "errcode"),
    ],
)
def test_wrong_faults_are_refused_with_a_sentence(given: dict[str, Any], sentence: str) -> None:
    """A person types them."""
    with pytest.raises(ValueError, match=sentence):
        fault_from_mapping(given)


def test_every_nth_call_is_struck_from_the_first_on() -> None:
    faults = Faults(1)
    faults.add("html_502", nth=4, after=1)
    assert struck(faults, 12) == [1, 5, 9]
