"""What is in doubt is waited for by the time that has passed: setting a clock makes no look the last one."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.delivery.running import FakeYida, Running, running
from tests.world import SteppedClock
from xmsyncd.records import Content, Found, InstanceId, KeyValue, Outcome

DAY = timedelta(days=1)


class SlowYida(FakeYida):
    """Carries a create out whose answer was lost, and shows it only after two searches for it."""

    def __init__(self) -> None:
        super().__init__()
        self.searches = 0
        self.script.append(self.lose_the_answer)

    async def lose_the_answer(self, instance_id: InstanceId | None, content: Content) -> Outcome:
        outcome = await super().lose_the_answer(instance_id, content)
        self.hidden.update(self.instances)
        return outcome

    async def search(self, key: KeyValue) -> tuple[Found, ...]:
        shown = await super().search(key)
        self.searches += key == "K1"
        if self.searches >= 2:
            self.hidden.clear()
        return shown


async def in_doubt(one: Running) -> None:
    await one.products(1, 1)
    await one.until_states(K1="undecided")


async def test_a_clock_that_is_set_while_a_lone_create_is_in_doubt_doubles_nothing(tmp_path: Path):
    """A step forward used to make its first look the last, after which it is sent again without a witness."""
    clock = SteppedClock()
    async with running(tmp_path, SlowYida(), clock=clock) as one:
        await in_doubt(one)
        clock.ahead = DAY
        one.bell.ring()
        await one.until_states(every="delivered")
        assert one.yida.created == 1


@pytest.mark.parametrize("ahead", [DAY, -DAY])
async def test_a_clock_that_is_set_while_nothing_runs_doubles_nothing(tmp_path: Path, ahead: timedelta):
    yida = SlowYida()
    async with running(tmp_path, yida) as one:
        await in_doubt(one)
    async with running(tmp_path, yida, clock=SteppedClock(ahead)) as one:
        await one.until_states(every="delivered")
        assert yida.created == 1


async def test_a_clock_that_is_set_lets_no_witness_speak_too_early(tmp_path: Path):
    """The call may still be carried out: what was made since proves nothing of it before the second look."""
    clock = SteppedClock()
    async with running(tmp_path, SlowYida(), clock=clock) as one:
        await in_doubt(one)
        clock.ahead = DAY
        await one.products(2, 2)
        await one.until_states(every="delivered")
        assert one.yida.contents == {"K1": "", "K2": ""}


class HeldClock(SteppedClock):
    """A clock whose monotonic time passes only as the test says, however busy the machine is."""

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        super().__init__(ahead)
        self.passed = timedelta(0)

    def monotonic(self) -> float:
        return 1000.0 + self.passed.total_seconds()


async def test_an_update_in_doubt_is_not_sent_again_earlier_for_a_clock_that_is_set(tmp_path: Path):
    """Carried out late, an older content would be put over the newer one."""
    clock = HeldClock()
    async with running(tmp_path, clock=clock) as one:
        await one.products(1, 1)
        await one.until_states(every="delivered")
        one.yida.script.append(one.yida.lose_the_call)
        await one.products(1, 1, "second")
        await one.until_states(K1="undecided")
        clock.ahead = DAY
        one.bell.ring()

        async def looked() -> bool:
            return bool(one.told.looked)

        await one.until(looked)
        assert {look.note for look in one.told.looked} == {"too_early"}
        assert one.yida.contents == {"K1": ""}
        clock.passed = timedelta(seconds=1)
        clock.ahead = 2 * DAY
        one.bell.ring()
        await one.until_states(every="delivered")
        assert one.yida.contents == {"K1": "second"}


async def test_what_was_waited_for_outlives_the_process_and_the_time_between_does_not_count(tmp_path: Path):
    """So short runs come to an end too: each goes on where the one before was stopped."""
    yida = FakeYida()
    yida.script.append(yida.lose_the_call)
    delays = tuple(timedelta(milliseconds=ms) for ms in (20, 60, 600))
    async with running(tmp_path, yida, clock=HeldClock(), read_back_after=delays) as one:
        await in_doubt(one)
    waited: list[int] = []
    for run in range(1, 7):
        clock = HeldClock(run * DAY)
        async with running(tmp_path, yida, clock=clock, read_back_after=delays) as one:
            waited.append(await one.ledger.read(_waited_ms))
            clock.passed = timedelta(milliseconds=100)
        assert yida.created == 0
    async with running(tmp_path, yida, clock=HeldClock(7 * DAY), read_back_after=delays) as one:
        waited.append(await one.ledger.read(_waited_ms))
        await one.until_states(every="delivered")
    assert waited == [0, 100, 200, 300, 400, 500, 600]
    assert yida.created == 1


def _waited_ms(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT max(waited_ms) FROM attempts").fetchone()[0])
