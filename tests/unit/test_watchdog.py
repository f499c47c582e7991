"""What systemd's watchdog is fed by: decided without a loop, from when each part last moved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from xmsyncd.heartbeat import Heartbeats, Standing, beat, waiting
from xmsyncd.watchdog import Feeding, Watchdog, decide_feeding, longest_standstill

MINUTE = timedelta(minutes=1)
BOUND = 10 * MINUTE
HELD = (Standing("cycle of products", BOUND),)


class Passing:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds

    def by(self, duration: timedelta) -> None:
        self.seconds += duration.total_seconds()


@pytest.fixture
def time() -> Passing:
    return Passing()


@pytest.fixture
def heartbeats(time: Passing) -> Heartbeats:
    return Heartbeats(time)


@pytest.mark.parametrize(
    ("died", "ledger_answers", "standing", "decision"),
    [
        (False, True, (), Feeding.FED),
        (True, True, (), Feeding.PART_DIED),
        (False, False, (), Feeding.LEDGER_SILENT),
        (False, True, HELD, Feeding.STANDING_STILL),
        (True, False, HELD, Feeding.PART_DIED),
    ],
)
def test_it_is_fed_while_nothing_died_the_ledger_answers_and_all_parts_move(
    died: bool, ledger_answers: bool, standing: Sequence[Standing], decision: Feeding
):
    assert decide_feeding(died=died, ledger_answers=ledger_answers, standing=standing) is decision


def test_no_call_that_may_take_long_is_taken_for_a_standstill():
    assert longest_standstill([timedelta(seconds=60), timedelta(seconds=30)]) == BOUND
    assert longest_standstill([20 * MINUTE]) == 60 * MINUTE


def test_a_part_that_moves_waits_or_has_nothing_to_do_does_not_stand_still(
    heartbeats: Heartbeats, time: Passing
):
    beat()  # nobody's
    with heartbeats.watched("cycle of products"):
        for _ in range(5):
            time.by(9 * MINUTE)
            assert heartbeats.standing_still(BOUND) == ()
            beat()
        with waiting():
            with waiting():
                time.by(100 * MINUTE)
            time.by(100 * MINUTE)
            assert heartbeats.standing_still(BOUND) == ()
        time.by(9 * MINUTE)
        assert heartbeats.standing_still(BOUND) == ()
        time.by(MINUTE)
        assert heartbeats.standing_still(BOUND) == (Standing("cycle of products", BOUND),)
    assert heartbeats.standing_still(BOUND) == ()


def test_each_part_beats_for_itself(heartbeats: Heartbeats, time: Passing):
    with heartbeats.watched("send create of products"):
        time.by(5 * MINUTE)
        with heartbeats.watched("create call of products"):
            time.by(5 * MINUTE)
            beat()
            assert [one.part for one in heartbeats.standing_still(BOUND)] == ["send create of products"]
        beat()
        assert heartbeats.standing_still(BOUND) == ()


def test_a_change_is_told_once_with_the_parts_that_stand_still(heartbeats: Heartbeats, time: Passing):
    told: list[tuple[Feeding, list[str]]] = []
    watchdog = Watchdog(
        heartbeats,
        BOUND,
        died=lambda: False,
        ledger_answers=lambda: True,
        told=lambda feeding, standing: told.append((feeding, [one.part for one in standing])),
    )
    assert watchdog.is_fed()
    with heartbeats.watched("cycle of products"):
        time.by(BOUND)
        assert [watchdog.is_fed() for _ in range(3)] == [False] * 3
        beat()
        assert watchdog.is_fed()
    assert told == [(Feeding.STANDING_STILL, ["cycle of products"]), (Feeding.FED, [])]
