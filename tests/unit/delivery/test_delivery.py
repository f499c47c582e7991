"""A delivery as a whole: each product once and newest, through lost calls, stops and drains."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.delivery.running import MS, OPTIONS, RULES, FakeYida, Running, running
from tests.unit.ledger import sample
from xmsyncd.clock import SystemClock
from xmsyncd.delivery import lane
from xmsyncd.errors import CannotWorkError, LedgerUnusableError, RefusedError, ThrottledError, TryLaterError
from xmsyncd.ledger import claims, people, pipelines
from xmsyncd.ledger.views import Stop
from xmsyncd.records import Family, InstanceId, Operation, StopReason
from xmsyncd.steps import Step


def searches(one: Running) -> int:
    return sum(call.startswith("search") for call in one.yida.calls)


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


async def test_a_create_whose_answer_is_lost_is_found_and_not_sent_again(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.append(one.yida.lose_the_answer)
        await one.products(1, 1)
        await one.until_states(every="delivered")
        assert one.yida.calls == ["create", "search K1"]


async def test_a_create_that_never_arrived_is_sent_again_beside_a_witness(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.append(one.yida.lose_the_call)
        await one.products(1, 1)
        await one.until_states(K1="undecided")
        await one.products(2, 2)
        await one.until_states(every="delivered")
        assert one.yida.contents == {"K1": "", "K2": ""}
        notes = [settled.note for settled in one.told.looked]
        assert notes[-1] in ("witnessed", "no_witness")


async def test_without_a_witness_only_one_is_sent_again_and_then_it_is_the_witness(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.extend([one.yida.lose_the_call] * 4)
        await one.products(1, 4)
        await one.until_states(every="delivered")
        assert sorted(one.yida.contents) == ["K1", "K2", "K3", "K4"]
        notes = [look.note for look in one.told.looked if look.event.finding == "absent"]
        assert notes == ["no_witness", "witnessed", "witnessed", "witnessed"]


async def test_the_one_that_is_sent_again_does_not_stand_in_its_own_way(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.extend([one.yida.lose_the_call] * 2)
        await one.products(1, 1)
        await one.until_states(every="delivered")
        assert one.yida.contents == {"K1": ""}
        notes = [look.note for look in one.told.looked if look.event.finding == "absent"]
        assert notes == ["no_witness", "no_witness"]


async def test_one_that_never_arrives_is_parked_after_two_resends_and_lets_the_others_go_on(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.always = one.yida.lose_the_call
        await one.products(1, 2)
        await one.until_states(every="parked")
        assert one.yida.calls.count("create") == 6
        assert one.yida.contents == {}


async def test_a_frozen_index_leads_to_no_double_and_after_the_thaw_all_is_decided(tmp_path: Path):
    async with running(tmp_path) as one:
        await one.products(1, 2)
        await one.until_states(every="delivered")
        one.yida.is_frozen = True
        one.yida.script.extend([one.yida.lose_the_answer] * 3)
        await one.products(3, 6)
        await one.until_states(K6="delivered")
        at_first = searches(one)

        async def looked_often() -> bool:
            return searches(one) > at_first + 20

        await one.until(looked_often)
        assert (await one.states())["3"] == "undecided"
        assert one.yida.created == 6
        one.yida.is_frozen = False
        one.yida.hidden.clear()
        await one.until_states(every="delivered")
        assert sorted(one.yida.contents) == [f"K{n}" for n in range(1, 7)]


async def test_a_create_in_doubt_whose_product_is_renamed_and_edited_is_one_instance(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.append(one.yida.lose_the_answer)
        await one.products(1, 1)
        await one.until_states(K1="undecided")
        await one.stage(sample.draft_entry("1", "K9", "renamed", SystemClock().now()))
        await one.until_states(every="delivered")
        assert one.yida.contents == {"K9": "renamed"}
        assert one.yida.created == 1


async def test_a_witness_that_is_gone_from_yida_parks_its_own_product_at_once(tmp_path: Path):
    """It used to say delivered until its product changed the next time."""
    async with running(tmp_path) as one:
        await one.products(1, 2)
        await one.until_states(every="delivered")
        (gone,) = [
            found for found in one.yida.instances if one.yida.instances[found]["textField_key"] == "K2"
        ]
        del one.yida.instances[gone]
        one.yida.script.append(one.yida.lose_the_call)
        await one.products(3, 3)
        await one.until_states(K1="delivered", K2="parked", K3="delivered")
        assert await one.column("2", "block_reason") == "instance_gone"
        assert one.told.vanished == [(gone, "K2")]


async def test_an_update_in_doubt_is_sent_again_until_it_shows(tmp_path: Path):
    async with running(tmp_path) as one:
        await one.products(1, 1)
        await one.until_states(every="delivered")
        one.yida.script.extend([one.yida.lose_the_call, one.yida.lose_the_answer])
        await one.products(1, 1, "second")
        await one.until_states(K1="undecided")
        await one.products(1, 1, "third")
        await one.until_states(every="delivered")
        assert one.yida.contents == {"K1": "third"}


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

        for each in one.delivery.lanes:
            each._authorise = authorise
        claimed = []
        one.on_step = lambda step: claimed.append(tries) if step is Step.CLAIMED else None
        await one.products(1, 3)
        await one.start()
        await one.until_states(every="delivered")
        assert min(claimed) > 2
        assert await one.column("1", "tries") == 0
        assert one.told.stops == []


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


# How it stops


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


# The first day


async def test_a_handful_goes_out_until_a_search_shows_the_first(tmp_path: Path):
    yida = FakeYida()
    yida.is_frozen = True
    async with running(tmp_path, yida, proven=False, read_back_after=(20 * MS, timedelta(seconds=60))) as one:
        await one.products(1, 20)

        async def looked() -> bool:
            return yida.created == 5 and searches(one) >= 3

        await one.until(looked)
        assert yida.created == 5
        yida.hidden.clear()
        yida.is_frozen = False
        await one.until_states(every="delivered")
        assert len(one.told.proven) == 1
        assert yida.calls.count("count") == 1


async def test_a_form_with_instances_and_an_empty_ledger_is_refused(tmp_path: Path):
    yida = FakeYida()
    yida.instances[InstanceId("old")] = {"textField_key": "K1", "textField_name": "old"}
    async with running(tmp_path, yida, proven=False, probe_every=timedelta(hours=1)) as one:
        await one.products(1, 3)

        async def stopped() -> bool:
            return one.told.stops == [StopReason.FORM_NOT_EMPTY]

        await one.until(stopped)
        assert yida.calls == ["count"]
    async with running(tmp_path, yida, proven=False, options=replace(OPTIONS, bootstrap=True)) as again:
        await again.until_states(every="delivered")
        assert StopReason.FORM_NOT_EMPTY in again.told.resumed
        assert (await again.view()).stop is None


async def test_a_form_that_is_never_searchable_stops_and_read_back_never_lets_it_go_on(tmp_path: Path):
    yida = FakeYida()
    yida.is_frozen = True
    hour = timedelta(hours=1)
    async with running(tmp_path, yida, proven=False, probe_every=hour) as one:
        await one.products(1, 20)

        async def stopped() -> bool:
            return one.told.stops == [StopReason.NOT_SEARCHABLE]

        await one.until(stopped)
        assert yida.created == 5
    async with running(tmp_path, yida, proven=False, probe_every=hour, read_back=False) as again:
        await again.until_states(every="delivered")
        assert again.told.resumed == [StopReason.NOT_SEARCHABLE]


async def test_first_creates_that_all_lost_their_answers_prove_the_search_by_being_found(tmp_path: Path):
    """No create ever answered, so none could be looked for as the first, and nothing went on."""
    async with running(tmp_path, proven=False) as one:
        one.yida.script.extend([one.yida.lose_the_answer] * 5)
        await one.products(1, 12)
        await one.until_states(every="delivered")
        assert len(one.told.proven) == 1
        assert len(one.yida.contents) == 12


async def test_first_creates_that_never_arrived_are_sent_again_past_the_gate(tmp_path: Path):
    async with running(tmp_path, proven=False) as one:
        one.yida.script.extend([one.yida.lose_the_call] * 5)
        await one.products(1, 12)
        await one.until_states(every="delivered")
        assert len(one.yida.contents) == 12


# Looks that fail


async def test_one_that_yida_will_not_show_does_not_hold_up_the_others(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.extend([one.yida.lose_the_answer] * 3)
        one.yida.read_error = lambda key: RefusedError("no") if key == "K1" else None
        await one.products(1, 3)
        await one.until_states(K2="delivered", K3="delivered")
        assert (await one.states())["1"] == "undecided"
        one.yida.read_error = lambda key: None
        await one.until_states(every="delivered")


async def test_what_was_looked_at_before_an_error_counts(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.extend([one.yida.lose_the_answer] * 3)
        one.yida.read_error = lambda key: TryLaterError("busy") if key == "K2" else None
        await one.products(1, 3)
        await one.until_states(K1="delivered")
        one.yida.read_error = lambda key: None
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


async def test_without_reading_back_nobody_looks_until_a_person_asks_and_then_once(tmp_path: Path):
    async with running(tmp_path, read_back=False) as one:
        one.yida.script.append(one.yida.lose_the_call)
        await one.products(1, 2)
        await one.until_states(K1="undecided", K2="delivered")
        record_id = await one.ledger.read(sample.record_id, "1")
        await one.ledger.write(people.retry, record_id, resend=False, now=SystemClock().now())
        one.bell.ring()

        async def looked() -> bool:
            return len(one.told.looked) == 1

        await one.until(looked)
        assert (await one.states())["1"] == "undecided"
        assert await one.column("1", "due_ms") is None
        await one.ledger.write(people.retry, record_id, resend=True, now=SystemClock().now())
        one.bell.ring()
        await one.until_states(every="delivered")


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


def _forget_first_day(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE pipelines SET search_proven_ms = NULL")


def _calls_counted(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT sum(calls) FROM meters").fetchone()[0] or 0)
