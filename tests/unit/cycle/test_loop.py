"""One cycle at a time: rings while one runs become one more, a stop interrupts at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.world import until
from xmsyncd.cycle.loop import CycleLoop
from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.cycle.progress import CycleProgress, CycleReport
from xmsyncd.heartbeat import Heartbeats, Standing
from xmsyncd.ledger.cycles import CycleKind, CycleResult

MINUTE = timedelta(minutes=1)


class SlowCycle:
    """Counts its runs; each lasts until it is let go."""

    def __init__(self) -> None:
        self.requests: list[CycleRequest] = []
        self.interrupted = 0
        self.let_go = asyncio.Event()

    async def run(self, request: CycleRequest, progress: CycleProgress | None = None) -> CycleReport:
        self.requests.append(request)
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.interrupted += 1
            raise
        return CycleReport(
            1, CycleKind.INCREMENTAL, CycleResult.DONE, progress or CycleProgress(), 0, 0, None
        )


async def _started(cycle: SlowCycle, number: int) -> None:
    await until(lambda: len(cycle.requests) >= number, f"cycle {number} has begun", 5)


async def test_rings_while_a_cycle_runs_are_coalesced_into_one_more():
    cycle, stopping = SlowCycle(), asyncio.Event()
    finished: list[CycleReport] = []
    loop = CycleLoop(cycle, stopping, finished.append)  # type: ignore[arg-type]
    running = asyncio.create_task(loop.run())
    loop.ring()
    await _started(cycle, 1)
    for _ in range(5):
        loop.ring()
    cycle.let_go.set()
    await _started(cycle, 2)
    await asyncio.sleep(0.05)
    assert len(cycle.requests) == 2
    stopping.set()
    await running
    assert len(finished) == 2


async def test_a_cycle_that_is_asked_for_gets_its_own_report_after_the_running_one():
    cycle, stopping = SlowCycle(), asyncio.Event()
    loop = CycleLoop(cycle, stopping, lambda report: None)  # type: ignore[arg-type]
    running = asyncio.create_task(loop.run())
    loop.ring()
    await _started(cycle, 1)
    asked = loop.ask(CycleRequest(full=True))
    cycle.let_go.set()
    report = await asyncio.wait_for(asked.report, 5)
    assert report.result is CycleResult.DONE
    assert cycle.requests == [CycleRequest(), CycleRequest(full=True)]
    stopping.set()
    await running


async def test_a_stop_interrupts_the_running_cycle_and_those_that_wait():
    cycle, stopping = SlowCycle(), asyncio.Event()
    loop = CycleLoop(cycle, stopping, lambda report: None)  # type: ignore[arg-type]
    running = asyncio.create_task(loop.run())
    loop.ring()
    await _started(cycle, 1)
    asked = loop.ask(CycleRequest())
    stopping.set()
    await asyncio.wait_for(running, 5)
    assert cycle.interrupted == 1
    assert asked.report.cancelled()


async def test_a_fault_of_ours_ends_the_loop_and_those_that_wait_are_told():
    class Broken(SlowCycle):
        async def run(self, request: CycleRequest, progress: CycleProgress | None = None) -> CycleReport:
            raise ZeroDivisionError

    loop = CycleLoop(Broken(), asyncio.Event(), lambda report: None)  # type: ignore[arg-type]
    asked = loop.ask(CycleRequest())
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(loop.run(), 5)
    assert asked.report.cancelled()


async def test_a_cycle_that_never_ends_stands_still_and_a_loop_without_one_does_not():
    now = 0.0
    heartbeats = Heartbeats(lambda: now)
    cycle, stopping = SlowCycle(), asyncio.Event()
    finished: list[CycleReport] = []
    loop = CycleLoop(
        cycle,  # type: ignore[arg-type]
        stopping,
        finished.append,
        watched=lambda: heartbeats.watched("cycle of products"),
    )
    running = asyncio.create_task(loop.run())
    await asyncio.sleep(0)
    now += 3600
    assert heartbeats.standing_still(MINUTE) == ()
    loop.ring()
    await _started(cycle, 1)
    assert heartbeats.standing_still(MINUTE) == ()
    now += 60
    assert heartbeats.standing_still(MINUTE) == (Standing("cycle of products", MINUTE),)
    cycle.let_go.set()
    await until(lambda: len(finished) == 1, "it has ended", 5)
    now += 3600
    assert heartbeats.standing_still(MINUTE) == ()
    stopping.set()
    await running
