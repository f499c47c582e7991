"""A call or a look that never ends is known to stand still; waits of any length are not taken for that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from datetime import timedelta
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.delivery.running import Running, running
from tests.virtual_time import VirtualClock, VirtualLoop
from xmsyncd.observe.events import Events
from xmsyncd.observe.metrics import Metrics
from xmsyncd.records import Family, KeyValue, StopReason
from xmsyncd.watchdog import Watchdog, longest_standstill

HOUR = timedelta(hours=1)


class LedgerInLoop(VirtualLoop):
    """Virtual time must not pass while the ledger's thread works, so what it does is done at once."""

    def run_in_executor(self, executor: Executor | None, func: Any, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except BaseException as error:  # noqa: BLE001 - the caller's, as from a thread
            future.set_exception(error)
        return future


def watch(
    tmp_path: Path, during: Callable[[Running], Awaitable[None]], *, lasts: timedelta = 3 * HOUR
) -> Sequence[tuple[bool, list[dict[str, Any]]]]:
    """What came of feeding once a minute after ``during``: whether it was fed, and what was logged."""
    fed: list[tuple[bool, list[dict[str, Any]]]] = []
    loop = LedgerInLoop()

    async def main() -> None:
        async with running(tmp_path, clock=VirtualClock(loop), probe_every=HOUR) as one:
            watchdog = Watchdog(
                one.heartbeats,
                longest_standstill([timedelta(seconds=60)]),
                died=lambda: False,
                ledger_answers=lambda: True,
                told=Events(Metrics(CollectorRegistry()), monotonic=loop.time).watchdog_told,
            )
            await during(one)
            end = loop.time() + lasts.total_seconds()
            while loop.time() < end:
                await asyncio.sleep(60)
                with capture_logs() as lines:
                    fed.append((watchdog.is_fed(), [dict(line) for line in lines]))
            assert one.task is not None
            assert not one.task.done()

    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
    return fed


def assert_starved(fed: Sequence[tuple[bool, list[dict[str, Any]]]], part: str) -> None:
    assert [one for one, _ in fed[:9]] == [True] * 9
    assert [one for one, _ in fed[11:]] == [False] * len(fed[11:])
    [line] = [line for _, lines in fed for line in lines]
    assert (line["event"], line["reason"], line["log_level"]) == (
        "watchdog_starved",
        "standing_still",
        "error",
    )
    assert list(line["standing_seconds"]) == [part]


def assert_fed(fed: Sequence[tuple[bool, list[dict[str, Any]]]]) -> None:
    assert len(fed) > 100
    assert [(one, lines) for one, lines in fed if not one or lines] == []


def test_a_call_that_never_ends_starves_it_although_its_lane_goes_on(tmp_path: Path):
    async def during(one: Running) -> None:
        one.yida.script.append(one.yida.hang)
        await one.products(1, 3)
        await one.until_states(K1="sending", K2="delivered", K3="delivered")

    assert_starved(watch(tmp_path, during, lasts=HOUR), "create call of products")


def test_a_look_that_never_ends_starves_it(tmp_path: Path):
    async def during(one: Running) -> None:
        hanging = asyncio.Event()

        async def search(key: KeyValue) -> tuple[()]:
            hanging.set()
            await asyncio.Event().wait()
            return ()

        one.yida.script.append(one.yida.lose_the_answer)
        one.yida.search = search  # type: ignore[method-assign]
        await one.products(1, 1)
        await hanging.wait()

    assert_starved(watch(tmp_path, during, lasts=HOUR), "read back of products")


def test_a_lane_that_never_gets_its_token_starves_it(tmp_path: Path):
    async def during(one: Running) -> None:
        one.authorise = asyncio.Event().wait  # type: ignore[assignment]
        await one.products(1, 1)

    assert_starved(watch(tmp_path, during, lasts=HOUR), "send create of products")


def test_it_is_fed_while_there_is_nothing_to_do(tmp_path: Path):
    async def during(one: Running) -> None:
        await one.products(1, 3)
        await one.until_states(every="delivered")

    assert_fed(watch(tmp_path, during))


def test_it_is_fed_while_the_pipeline_stands_still_for_a_person(tmp_path: Path):
    async def during(one: Running) -> None:
        stop = one.yida.answer(Family.STOP, stop_reason=StopReason.PERMISSION)
        one.yida.always = stop
        await one.products(1, 3)

        async def stopped() -> bool:
            return (await one.view()).stop is not None

        await one.until(stopped)

    assert_fed(watch(tmp_path, during))


def test_it_is_fed_through_a_long_pause_of_the_vendors_with_all_slots_taken_or_none(tmp_path: Path):
    async def during(one: Running) -> None:
        for limiter in one.limiters.values():
            limiter.pause(2 * HOUR)
        await one.products(1, 30)

    assert_fed(watch(tmp_path, during))
