"""One token for everybody."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.virtual_time import VirtualClock, VirtualLoop, run_virtual
from xmsyncd.transport.token import Token, TokenSource

HOUR = timedelta(hours=1)


class Vendor:
    """Hands out t1, t2 …, each after a second, and fails when told to."""

    def __init__(self, clock: VirtualClock, lifetime: timedelta = HOUR) -> None:
        self.clock = clock
        self.lifetime = lifetime
        self.fetches = 0
        self.at_once = 0
        self.error: Exception | None = None

    async def fetch(self) -> tuple[str, timedelta]:
        self.fetches += 1
        assert self.at_once == 0
        self.at_once += 1
        try:
            await self.clock.sleep(1)
        finally:
            self.at_once -= 1
        if self.error is not None:
            raise self.error
        return f"t{self.fetches}", self.lifetime


def scene(test):
    """Run a test coroutine that takes (source, vendor, clock) on a virtual loop."""

    async def main(loop: VirtualLoop, clock: VirtualClock) -> None:
        vendor = Vendor(clock)
        source = TokenSource(vendor.fetch, renew_before=timedelta(minutes=5), clock=clock)
        await test(source, vendor, clock)

    run_virtual(main)


def test_many_who_ask_at_once_cause_one_fetch():
    async def test(source, vendor, clock):
        assert await asyncio.gather(*(source.get() for _ in range(10))) == ["t1"] * 10
        assert vendor.fetches == 1

    scene(test)


def test_it_is_renewed_early_and_meanwhile_the_others_go_on_with_the_old_one():
    async def test(source, vendor, clock):
        await source.get()
        await clock.sleep(55 * 60 - 5)
        assert await source.get() == "t1"
        await clock.sleep(10)
        assert list(await asyncio.gather(source.get(), source.get())) == ["t2", "t1"]
        assert await source.get() == "t2"

    scene(test)


def test_a_failed_early_renewal_costs_nothing_and_is_not_repeated_with_every_call():
    async def test(source, vendor, clock):
        await source.get()
        await clock.sleep(56 * 60)
        vendor.error = OSError("away")
        assert [await source.get() for _ in range(5)] == ["t1"] * 5
        assert vendor.fetches == 2
        await clock.sleep(31)
        vendor.error = None
        assert await source.get() == "t3"

    scene(test)


def test_after_its_end_a_failure_is_raised_to_everybody_who_waits():
    async def test(source, vendor, clock):
        await source.get()
        await clock.sleep(61 * 60)
        vendor.error = OSError("away")
        results = await asyncio.gather(*(source.get() for _ in range(4)), return_exceptions=True)
        assert results == [vendor.error] * 4
        assert vendor.fetches == 2
        vendor.error = None
        assert await source.get() == "t3"

    scene(test)


def test_a_stale_token_is_replaced_once_for_all_who_met_it():
    async def test(source, vendor, clock):
        stale = await source.get()
        assert await asyncio.gather(*(source.renew(stale) for _ in range(5))) == ["t2"] * 5
        assert await source.renew(stale) == "t2"
        assert vendor.fetches == 2

    scene(test)


def test_a_stale_token_is_not_offered_again_when_its_renewal_fails():
    async def test(source, vendor, clock):
        stale = await source.get()
        vendor.error = OSError("away")
        with pytest.raises(OSError, match="away"):
            await source.renew(stale)
        with pytest.raises(OSError, match="away"):
            await source.get()
        vendor.error = None
        assert await source.get() == "t4"

    scene(test)


def test_a_cancelled_fetch_is_taken_over_by_the_next_who_waits():
    async def test(source, vendor, clock):
        first, second = asyncio.create_task(source.get()), asyncio.create_task(source.get())
        await clock.sleep(0.5)
        first.cancel()
        assert await second == "t2"
        assert vendor.fetches == 2

    scene(test)


def test_a_token_that_lives_shorter_than_the_margin_is_still_used_for_half_its_life():
    async def test(source, vendor, clock):
        vendor.lifetime = timedelta(seconds=60)
        assert await source.get() == "t1"
        await clock.sleep(25)
        assert await source.get() == "t1"
        await clock.sleep(10)
        assert await source.get() == "t2"

    scene(test)


def test_a_token_does_not_show_itself():
    assert "secret" not in repr(Token("secret", 1.0))
