"""What a lane sends: each product once and newest, bounded, after pauses and refusals."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.delivery.running import MS, OPTIONS, RULES, running
from tests.unit.ledger import sample
from tests.world import SteppedClock
from xmsyncd.clock import SystemClock
from xmsyncd.delivery import lane
from xmsyncd.errors import ThrottledError
from xmsyncd.ledger import people
from xmsyncd.records import Family, StopReason
from xmsyncd.steps import Step

HOUR = timedelta(hours=1)


async def test_products_are_created_and_a_changed_one_is_updated(tmp_path: Path):
    async with running(tmp_path) as one:
        await one.products(1, 30)
        await one.until_states(every="delivered")
        assert one.yida.contents == {f"K{n}": "" for n in range(1, 31)}
        await one.products(7, 7, "edited")
        await one.until_states(every="delivered")
        assert one.yida.contents["K7"] == "edited"
        assert one.yida.calls == ["create"] * 30 + ["update"]
        await one.products(1, 6)
        assert len(one.yida.calls) == 31


async def test_the_slots_bound_the_calls_on_their_way(tmp_path: Path):
    async with running(tmp_path, options=replace(OPTIONS, in_flight=3)) as one:
        await one.products(1, 40)
        await one.until_states(every="delivered")
        assert one.yida.most_on_their_way <= 3


async def test_a_bell_wakes_whoever_waits_for_work(tmp_path: Path):
    """Without it the lanes would look again only after half a minute."""
    async with running(tmp_path) as one:
        for n in range(1, 4):
            await one.products(n, n)
            await one.until_states(every="delivered")


async def test_an_instance_deleted_in_yida_parks_its_product_and_a_retry_recreates_it(tmp_path: Path):
    async with running(tmp_path) as one:
        await one.products(1, 1)
        await one.until_states(every="delivered")
        one.yida.instances.clear()
        await one.products(1, 1, "edited")
        await one.until_states(K1="parked")
        assert await one.column("1", "block_reason") == "instance_gone"
        record_id = await one.ledger.read(sample.record_id, "1")
        await one.ledger.write(people.retry, record_id, resend=False, now=SystemClock().now())
        one.bell.ring()
        await one.until_states(every="delivered")
        assert one.yida.contents == {"K1": "edited"}


async def test_a_refused_product_is_parked_when_another_goes_through(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.append(one.yida.answer(Family.REFUSED))
        await one.products(1, 1)
        await one.until_states(K1="parked")
        assert await one.column("1", "block") == "suspect"
        await one.products(2, 2)
        await one.until_states(K2="delivered")
        assert await one.column("1", "block") == "parked"
        assert one.told.judged == [(1, 0)]


async def test_refused_creates_do_not_hold_up_updates(tmp_path: Path):
    async with running(tmp_path, probe_every=timedelta(hours=1)) as one:
        await one.products(1, 1)
        await one.until_states(every="delivered")
        one.yida.script.extend([one.yida.answer(Family.REFUSED)] * 7)
        await one.products(2, 10)

        async def stopped() -> bool:
            return (await one.view()).stop is not None

        await one.until(stopped)
        await one.products(1, 1, "edited")
        await one.until_states(K1="delivered")
        assert one.yida.contents == {"K1": "edited"}
        stop = (await one.view()).stop
        assert stop is not None
        assert stop.reason is StopReason.ALL_REFUSED


async def test_what_was_not_sent_pauses_the_way_and_goes_out_once(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.extend([one.yida.answer(Family.NOT_SENT, calls=0)] * 12)
        await one.products(1, 8)
        await one.until_states(every="delivered")
        assert len(one.yida.contents) == 8
        assert await one.column("1", "calls") == 1


async def test_calls_that_fail_together_on_the_way_pause_it_as_one(tmp_path: Path):
    """A second without network must not cost ten minutes because sixty-four calls met it."""
    cap = timedelta(minutes=10)
    rules = replace(RULES, retry_base=50 * MS, retry_cap=cap, suspects_before_stop=100)
    async with running(tmp_path, options=replace(OPTIONS, rules=rules, in_flight=64)) as one:
        release = asyncio.Event()

        async def fail_together(instance_id: object, content: object) -> object:
            await release.wait()
            return await one.yida.answer(Family.NOT_SENT, calls=0)(None, {})

        one.yida.script.extend([fail_together] * 40)  # type: ignore[list-item]
        await one.products(1, 40)

        async def all_on_their_way() -> bool:
            return one.yida.on_their_way == 40

        await one.until(all_on_their_way)
        release.set()
        await one.until_states(every="delivered")


async def test_a_claim_whose_permit_a_pause_has_made_void_goes_back_unsent(tmp_path: Path):
    async with running(tmp_path) as one:
        paused = False

        def pause(step: Step) -> None:
            nonlocal paused
            if step is Step.CLAIMED and not paused:
                paused = True
                assert one.yida.calls == []
                for limiter in one.limiters.values():
                    limiter.pause(200 * MS)

        one.on_step = pause
        began = time.monotonic()
        await one.products(1, 3)
        await one.until_states(every="delivered")
        assert paused
        assert time.monotonic() - began >= 0.2
        assert one.yida.calls.count("create") == 3
        assert await one.column("1", "calls") == 1
        assert await one.column("1", "tries") == 0


async def test_a_machine_that_was_suspended_between_claim_and_call_sends_nothing_on_the_old_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lane, "_OLDEST_CLAIM", 150 * MS)
    async with running(tmp_path) as one:
        was_suspended = False
        claims_made = 0

        def suspend(step: Step) -> None:
            nonlocal was_suspended, claims_made
            if step is Step.CLAIMED:
                claims_made += 1
                if not was_suspended:
                    was_suspended = True
                    time.sleep(0.2)  # nothing of this process runs

        one.on_step = suspend
        await one.products(1, 1)
        await one.until_states(every="delivered")
        assert was_suspended
        assert claims_made >= 2
        assert one.yida.calls.count("create") == 1
        assert await one.column("1", "calls") == 1


async def test_without_a_token_nothing_is_claimed_and_no_record_is_put_off(tmp_path: Path):
    async with running(tmp_path, start=False) as one:
        tries = 0

        async def authorise() -> None:
            nonlocal tries
            tries += 1
            if tries <= 2:
                raise ThrottledError("the token", wait=50 * MS)

        one.authorise = authorise
        claimed = []
        one.on_step = lambda step: claimed.append(tries) if step is Step.CLAIMED else None
        await one.products(1, 3)
        await one.start()
        await one.until_states(every="delivered")
        assert min(claimed) > 2
        assert await one.column("1", "tries") == 0
        assert one.told.stops == []
        assert [str(error) for error in one.told.without_token] == ["the token"] * 2


async def test_a_throttled_call_goes_out_again_and_costs_nothing(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.append(one.yida.answer(Family.THROTTLED, wait=30 * MS, calls=0))
        await one.products(1, 3)
        await one.until_states(every="delivered")
        assert await one.column("1", "calls") == 1


async def test_what_is_put_off_comes_again_by_itself(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.extend([one.yida.answer(Family.TRY_LATER)] * 6)
        await one.products(1, 3)
        await one.until_states(every="delivered")
        assert await one.column("1", "tries") == 0


async def test_an_error_of_our_own_leaves_the_record_in_doubt_and_not_lost(tmp_path: Path):
    async def broken(instance_id: object, content: object) -> object:
        raise ZeroDivisionError

    async with running(tmp_path) as one:
        one.yida.script.append(broken)  # type: ignore[arg-type]
        await one.products(1, 1)
        await one.until_states(every="delivered")
        assert one.yida.contents == {"K1": ""}
        # Asked of the past: on a busy machine the doubt is over before anybody has seen the state.
        first = await one.ledger.read(lambda c: c.execute("SELECT outcome, code FROM attempts").fetchone())
        assert tuple(first) == ("undecided", "unforeseen")


async def test_a_clock_that_is_set_back_prolongs_no_wait(tmp_path: Path):
    clock = SteppedClock()
    async with running(tmp_path, clock=clock, undecided_streak=1, read_back_after=(20 * MS, HOUR)) as one:
        one.yida.script.append(one.yida.lose_the_answer)
        await one.products(1, 1)

        async def in_doubt() -> bool:
            return len(one.told.settled) == 1

        await one.until(in_doubt)
        assert one.yida.calls[0] == "create"
        clock.ahead = -HOUR
        await one.products(2, 2)
        await one.until_states(K2="delivered")
