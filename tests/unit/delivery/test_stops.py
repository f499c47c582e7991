"""What stops a pipeline and what gets it going again; how a delivery ends, and what a crash leaves."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.delivery.running import MS, OPTIONS, FakeYida, running
from tests.unit.ledger import sample
from xmsyncd.clock import SystemClock
from xmsyncd.errors import CannotWorkError, LedgerUnusableError, TryLaterError
from xmsyncd.ledger import claims, pipelines
from xmsyncd.ledger.views import Stop
from xmsyncd.records import Family, InstanceId, Operation, StopReason
from xmsyncd.steps import Step


async def test_a_form_that_refuses_everything_stops_and_all_goes_through_when_it_is_mended(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.always = one.yida.answer(Family.REFUSED)
        await one.products(1, 24)

        async def stopped() -> bool:
            return (await one.view()).stop is not None

        await one.until(stopped)
        assert len(one.yida.calls) <= 8
        assert one.told.stops[0] is StopReason.ALL_REFUSED

        async def probed() -> bool:
            return len(one.yida.calls) >= 10

        await one.until(probed)
        one.yida.always = None
        await one.until_states(every="delivered")
        assert StopReason.ALL_REFUSED in one.told.resumed
        assert (await one.view()).stop is None


async def test_a_handful_that_is_all_refused_stops_it_although_nothing_else_is_due(tmp_path: Path):
    """Unsaid, the next success would convict them all of what the form did."""
    async with running(tmp_path) as one:
        one.yida.always = one.yida.answer(Family.REFUSED)
        await one.products(1, 8)

        async def stopped() -> bool:
            return StopReason.ALL_REFUSED in one.told.stops

        await one.until(stopped)
        one.yida.always = None
        await one.until_states(every="delivered")
        assert one.told.judged == [(0, 7)]


async def test_wrong_credentials_stop_it_and_a_probe_gets_it_going(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.always = one.yida.answer(Family.STOP, stop_reason=StopReason.CREDENTIALS)
        await one.products(1, 20)

        async def probed() -> bool:
            return len(one.told.settled) > 20 or one.yida.calls.count("create") > 10

        await one.until(probed)
        one.yida.always = None
        await one.until_states(every="delivered")
        assert one.told.resumed == [StopReason.CREDENTIALS]
        assert len(one.yida.contents) == 20


async def test_a_restart_probes_at_once(tmp_path: Path):
    """Whoever starts the daemon may have mended what it stopped for."""
    async with running(tmp_path, start=False) as one:
        now = SystemClock().now()
        tomorrow = Stop(StopReason.QUOTA, "", now, now + timedelta(days=1))
        await one.ledger.write(pipelines.stop, "products", tomorrow)
        await one.products(1, 3)
        await one.start()
        await one.until_states(every="delivered")


async def test_a_look_that_may_not_be_made_stops_it_and_the_next_one_gets_it_going(tmp_path: Path):
    async with running(tmp_path) as one:
        error = CannotWorkError("not allowed", reason=StopReason.PERMISSION)
        one.yida.read_error = lambda key: error
        one.yida.script.append(one.yida.lose_the_answer)
        await one.products(1, 1)

        async def stopped() -> bool:
            return StopReason.PERMISSION in one.told.stops

        await one.until(stopped)
        one.yida.read_error = lambda key: None
        await one.until_states(every="delivered")

        async def resumed() -> bool:
            return (await one.view()).stop is None and one.told.resumed == [StopReason.PERMISSION]

        await one.until(resumed)


async def test_a_spent_quota_stops_sending_and_looking(tmp_path: Path):
    async with running(tmp_path, quota=(6, 2)) as one:
        one.yida.script.append(one.yida.lose_the_call)
        await one.products(1, 10)

        async def reserve_spent() -> bool:
            return await one.ledger.read(_calls_counted) >= 6

        await one.until(reserve_spent)
        assert StopReason.QUOTA in one.told.stops
        assert one.yida.calls.count("create") == 4
        spent = len(one.yida.calls)
        one.bell.ring()
        await asyncio.sleep(0.3)  # another look would have been due
        assert len(one.yida.calls) == spent <= 8


@pytest.mark.parametrize("reason", [StopReason.NOT_SEARCHABLE, StopReason.FORM_NOT_EMPTY, StopReason.QUOTA])
async def test_a_lane_that_may_not_send_waits_and_does_not_spin(tmp_path: Path, reason: StopReason):
    async with running(tmp_path, start=False, quota=(2, 2)) as one:
        await one.products(1, 5)
        now = SystemClock().now()
        halted = Stop(reason, "", now, now - timedelta(minutes=1))
        asked = 0

        async def count(operation: Operation) -> None:
            nonlocal asked
            acquire = one.limiters[operation].acquire

            async def counted() -> None:
                nonlocal asked
                asked += 1
                await acquire()

            setattr(one.limiters[operation], "acquire", counted)  # noqa: B010

        for operation in Operation:
            await count(operation)
        one.yida.read_error = lambda key: TryLaterError("busy", wait=timedelta(minutes=1))
        await one.ledger.write(_forget_first_day)
        await one.ledger.write(pipelines.stop, "products", halted)
        await one.start()
        await asyncio.sleep(0.2)
        assert asked < 10
        assert one.yida.calls.count("create") == 0


async def test_a_stop_waits_for_the_calls_on_their_way(tmp_path: Path):
    async with running(tmp_path) as one:
        release = asyncio.Event()

        async def slow(instance_id: InstanceId | None, content: object) -> object:
            await release.wait()
            return await one.yida.succeed(instance_id, content)  # type: ignore[arg-type]

        one.yida.script.extend([slow] * 4)  # type: ignore[list-item]
        await one.products(1, 4)
        await one.until_states(every="sending")
        stopping = asyncio.create_task(one.stop())
        await asyncio.sleep(0.02)
        assert not stopping.done()
        release.set()
        await stopping
        assert set((await one.states()).values()) == {"delivered"}


async def test_a_call_on_its_way_at_the_bound_is_undecided_and_found_by_the_next_start(tmp_path: Path):
    yida = FakeYida()
    async with running(tmp_path, yida, options=replace(OPTIONS, drain=30 * MS)) as one:
        yida.script.extend([yida.hang] * 4)
        await one.products(1, 4)
        await one.until_states(every="sending")
        await one.stop()
        assert set((await one.states()).values()) == {"undecided"}
    async with running(tmp_path, yida) as again:
        await again.until_states(every="delivered")
        assert again.told.orphans == 0
        assert yida.created == 4


async def test_a_hard_end_leaves_nothing_sending(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.extend([one.yida.hang] * 2)
        await one.products(1, 2)
        await one.until_states(every="sending")
        assert one.task is not None
        one.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await one.task
        assert set((await one.states()).values()) == {"undecided"}


async def test_claims_that_a_stop_overtakes_go_back(tmp_path: Path):
    async with running(tmp_path, start=False) as one:

        def stop_when_claimed(step: Step) -> None:
            if step is Step.CLAIMED:
                one.stopping.set()

        one.on_step = stop_when_claimed
        await one.products(1, 3)
        await one.start()
        assert one.task is not None
        await asyncio.wait_for(one.task, 10)
        assert one.yida.calls == []
        assert set((await one.states()).values()) == {"pending"}
        assert await one.column("1", "calls") == 0


async def test_a_ledger_that_fails_ends_the_delivery_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*args: object, **kwargs: object) -> object:
        raise LedgerUnusableError("the disk is full")

    async with running(tmp_path) as one:
        monkeypatch.setattr(claims, "settle", full)
        await one.products(1, 6)
        assert one.task is not None
        with pytest.raises(LedgerUnusableError, match="disk is full"):
            await asyncio.wait_for(one.task, 10)
        assert "sending" in (await one.states()).values()


async def test_a_settlement_that_fails_during_the_drain_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*args: object, **kwargs: object) -> object:
        raise LedgerUnusableError("the disk is full")

    async with running(tmp_path, options=replace(OPTIONS, drain=30 * MS)) as one:
        one.yida.script.append(one.yida.hang)
        await one.products(1, 1)
        await one.until_states(every="sending")
        monkeypatch.setattr(claims, "settle", full)
        one.stopping.set()
        assert one.task is not None
        with pytest.raises(LedgerUnusableError):
            await asyncio.wait_for(one.task, 10)


async def test_a_crash_between_claim_and_settlement_is_found_by_the_next_start(tmp_path: Path):
    yida = FakeYida()
    async with running(tmp_path, yida, start=False) as one:
        await one.products(1, 4)
        taken = await one.ledger.write(sample.claim, now=SystemClock().now())
        for claim in taken[:2]:
            yida.carry_out(None, claim.content)
    async with running(tmp_path, yida) as again:
        assert again.told.orphans == 4
        await again.until_states(every="delivered")
        assert sorted(yida.contents) == ["K1", "K2", "K3", "K4"]


def _forget_first_day(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE pipelines SET search_proven_ms = NULL")


def _calls_counted(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT sum(calls) FROM meters").fetchone()[0] or 0)
