"""DingTalk blocks the address: nothing at all is sent before that ends, whichever call met the block."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.world import World, application, until, world
from xmsyncd.clock import SystemClock
from xmsyncd.simulator.counters import Operation, Result, Vendor
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.server import Simulator

_BLOCK = 3.0
_YIDA = (
    Operation.TOKEN,
    Operation.START,
    Operation.UPDATE,
    Operation.SEARCH,
    Operation.GET,
    Operation.DEFINITIONS,
)


def sent(one: World) -> int:
    """Calls that reached DingTalk, blocked ones included."""
    return sum(one.simulated.counters.count(Vendor.YIDA, each) for each in _YIDA)


async def through_the_block(one: World, met: Operation) -> None:
    """Wait for the block, then see that nothing arrives before it ends, and all of it afterwards."""
    throttled = Result.THROTTLED
    await until(lambda: one.simulated.counters.count(Vendor.YIDA, met, throttled) > 0, "the block")
    limiters = list(one.app.limits.dingtalk["main"].values())
    await until(lambda: all(each.paused_for for each in limiters), "the pause")
    await asyncio.sleep(0.2)  # what had left before the first refusal came back
    before = sent(one)
    while (left := min(each.paused_for for each in limiters)) > timedelta(seconds=0.1):
        assert sent(one) == before
        await asyncio.sleep(min(0.1, left.total_seconds() - 0.05))
    assert sent(one) == before
    await until(lambda: sent(one) > before, "calls after the block")


@pytest.mark.parametrize("variant", ["json", "html"])
@pytest.mark.parametrize("met", [Operation.START, Operation.SEARCH, Operation.TOKEN])
async def test_nothing_is_sent_before_an_address_block_ends(
    tmp_path: Path, met: Operation, variant: str
) -> None:
    options = SimulatorOptions(products=60, product_type_in_list=True, latency=timedelta(milliseconds=40))
    changes: dict[str, Any] = {
        # A little longer than the block, as with the five minutes of both.
        "dingtalk": {"requests_per_second": 200, "address_block": f"{_BLOCK + 0.3}s"},
        "delivery": {"first_creates": 20},
    }
    async with Simulator(options) as simulated:
        after = 20 if met is Operation.START else 0
        simulated.faults.add("ip_block", operation=met, seconds=_BLOCK, times=1, after=after, variant=variant)
        async with application(tmp_path, simulated, **changes) as one:
            delivered = asyncio.ensure_future(one.sync())
            await through_the_block(one, met)
            await delivered
            verdict = one.verdict()
            assert verdict["agrees"], verdict
            blocked = sum(simulated.counters.count(Vendor.YIDA, each, Result.THROTTLED) for each in _YIDA)
            limit = {"connection": "main", "api": "dingtalk", "endpoint": met.value}
            assert one.registry.get_sample_value("xmsyncd_throttled_total", limit)
            assert blocked <= 64


async def test_a_restart_within_the_block_does_not_send_either(tmp_path: Path) -> None:
    options = SimulatorOptions(products=5, product_type_in_list=True)
    changes: dict[str, Any] = {"dingtalk": {"address_block": "20s"}}
    async with world(tmp_path, options, **changes) as one:
        one.simulated.faults.add("ip_block", operation=Operation.START, seconds=20, times=1)
        reading = asyncio.ensure_future(one.read())
        limiters = list(one.app.limits.dingtalk["main"].values())
        await until(lambda: all(each.paused_for for each in limiters), "the pause")
        await reading
        await one.app.rates.save()
        before = sent(one)
        one.app.runtime.stopping.set()
        rows = await one.query("SELECT name, value FROM notes WHERE name LIKE 'rate/%'")
        assert len(rows) == len(limiters)
        assert sent(one) == before
    async with Simulator(options) as fresh, application(tmp_path, fresh, **changes) as again:
        left = [each.paused_for for each in again.app.limits.dingtalk["main"].values()]
        assert all(timedelta(seconds=10) < each <= timedelta(seconds=20) for each in left)
        await again.read()
        assert sent(again) == 0


async def test_a_stop_does_not_wait_for_the_end_of_a_pause(tmp_path: Path) -> None:
    options = SimulatorOptions(products=5, product_type_in_list=True)
    clock = SystemClock()
    async with world(tmp_path, options, dingtalk={"address_block": "5m"}) as one:
        one.simulated.faults.add("ip_block", operation=Operation.DEFINITIONS, seconds=300, times=1)
        await one.read()
        limiters = list(one.app.limits.dingtalk["main"].values())
        await until(lambda: all(each.paused_for for each in limiters), "the pause")
        began = clock.monotonic()
    assert clock.monotonic() - began < 2
