"""Calls whose reply was lost: decided by looking, never by sending blindly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.world import World, application, until, world
from xmsyncd.ledger import people
from xmsyncd.ledger.people import Selection
from xmsyncd.ledger.states import FAILED_STATES
from xmsyncd.operations.sync import exit_status
from xmsyncd.simulator.options import SimulatorOptions

LOST = ("lost_reset", "lost_timeout", "lost_502")
LOOKS = {
    "read_back_after": ["300ms", "1500ms", "4s", "6s"],
    "call_timeout": "2s",
    "drain": "3s",
    "in_flight": 16,
}


async def _doubts(here: World) -> int:
    rows = await here.query(
        """SELECT count(DISTINCT r.record_id) AS n
           FROM attempts a JOIN attempt_records r ON r.attempt_id = a.id
           WHERE a.outcome IN ('orphaned', 'undecided')"""
    )
    return int(rows[0]["n"])


async def _retry(here: World, key: str, *, resend: bool = False) -> None:
    ledger, clock = here.app.runtime.ledger, here.app.runtime.clock
    chosen = await ledger.read(people.select, "products", Selection(key=key), FAILED_STATES)
    for record_id in chosen:
        await ledger.write(people.retry, record_id, resend=resend, now=clock.now())
    here.pipeline.bell.ring()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_four_percent_of_replies_lost_after_commit(tmp_path: Path, seed: int) -> None:
    options = SimulatorOptions(
        products=500, seed=seed, index_lag=timedelta(seconds=3), latency=timedelta(milliseconds=10)
    )
    async with world(tmp_path, options, delivery=LOOKS, dingtalk={"requests_per_second": 100}) as here:
        for name in LOST:
            here.simulated.faults.add(name, operation="start", rate=0.04 / len(LOST))
        result = await here.sync(wait=150)
        assert exit_status(result) == 0, result
        verdict = here.verdict()
        assert verdict["agrees"], verdict
        assert verdict["instances"] == 500
        doubts = await _doubts(here)
        assert doubts > 0
        assert here.calls("start", "update", "search", "get") <= 500 + 6 * doubts + 12


@pytest.mark.timeout(120)
async def test_with_the_index_frozen_from_the_start_nothing_is_doubled_and_every_doubt_is_listed(
    tmp_path: Path,
) -> None:
    delivery = {**LOOKS, "read_back_after": ["200ms", "500ms", "1s", "1500ms"], "probe_every": "1s"}
    async with world(tmp_path, SimulatorOptions(products=60), delivery=delivery) as here:
        here.simulated.yida.app.index.freeze()
        here.simulated.faults.add("lost_reset", operation="start", rate=0.5)
        await here.read()

        async def stopped() -> bool:
            return bool(await here.query("SELECT 1 FROM pipelines WHERE stop_reason = 'not_searchable'"))

        await until(stopped, "the pipeline says that its creates cannot be searched for")
        await asyncio.sleep(3)
        assert here.verdict()["doubled"] == []
        assert here.calls("start") <= 5 + 1
        states = await here.states()
        in_yida = here.simulated.counters.to_json()["committed"]["yida.start"]
        assert states.get("undecided", 0) + states.get("delivered", 0) >= in_yida

        here.simulated.faults.clear()
        here.simulated.yida.app.index.thaw()
        await until(lambda: here.verdict()["agrees"], "after the thaw all is decided by itself", 60)
        await until(_settled(here), "nothing is left in doubt")
        assert here.verdict()["instances"] == 60


@pytest.mark.timeout(120)
async def test_with_the_index_frozen_under_way_nothing_is_resent_blindly(tmp_path: Path) -> None:
    delivery = {**LOOKS, "read_back_after": ["200ms", "500ms", "1s", "1500ms"]}
    options = SimulatorOptions(products=200, latency=timedelta(milliseconds=5))
    async with world(tmp_path, options, delivery=delivery, dingtalk={"requests_per_second": 100}) as here:
        await here.sync(limit=10)
        here.simulated.yida.app.index.freeze()
        lost = here.simulated.faults.add("lost_reset", operation="start", rate=0.1)
        here.simulated.counters.reset()
        await here.read()

        async def all_sent() -> bool:
            states = await here.states()
            return not states.get("pending", 0) and not states.get("sending", 0)

        await until(all_sent, "everything was sent once", 60)
        here.simulated.faults.remove(lost)
        await asyncio.sleep(4)  # longer than the last look
        doubts = (await here.states())["undecided"]
        assert doubts > 3
        assert here.verdict()["doubled"] == []
        assert here.calls("start") <= 190 + 1

        here.simulated.yida.app.index.thaw()
        await until(lambda: here.verdict()["agrees"], "all is decided", 60)
        await until(_settled(here), "nothing is left in doubt", 60)
        assert here.verdict()["instances"] == 200


def _settled(here: World) -> Callable[[], Awaitable[bool]]:
    async def settled() -> bool:
        return set(await here.states()) == {"delivered"}

    return settled


@pytest.mark.parametrize("meanwhile", ["edited", "retried", "renamed"])
@pytest.mark.parametrize("committed", [True, False])
async def test_a_create_in_doubt_whose_product_changes_meanwhile_is_one_instance_with_the_newest_content(
    tmp_path: Path, meanwhile: str, committed: bool
) -> None:
    delivery = {**LOOKS, "read_back_after": ["1s", "2s", "3s", "4s"]}
    options = SimulatorOptions(products=12, index_lag=timedelta(milliseconds=500))
    async with world(tmp_path, options, delivery=delivery) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        product = catalogue.create()
        number = catalogue.product(product)["product_no"]
        fault = "lost_reset" if committed else "dropped_before"
        here.simulated.faults.add(fault, operation="start", times=1)
        await here.read()
        await until(_in_doubt(here), "the create is in doubt")

        if meanwhile == "edited":
            catalogue.edit(product, name="改过的名字")
        elif meanwhile == "renamed":
            catalogue.rename_number(product, number + "-新")
        else:
            await _retry(here, number)
        await here.sync()
        verdict = here.verdict()
        assert verdict["agrees"], verdict
        assert verdict["instances"] == 13
        assert await here.states() == {"delivered": 13}


def _in_doubt(here: World) -> Callable[[], Awaitable[bool]]:
    async def in_doubt() -> bool:
        return (await here.states()).get("undecided", 0) == 1

    return in_doubt


@pytest.mark.parametrize("committed", [True, False])
async def test_an_update_in_doubt_with_an_edit_behind_it_ends_with_the_newest_content(
    tmp_path: Path, committed: bool
) -> None:
    async with world(tmp_path, SimulatorOptions(products=12), delivery=LOOKS) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        product = catalogue.ids()[4]
        fault = "lost_reset" if committed else "dropped_before"
        here.simulated.faults.add(fault, operation="update", times=1)
        catalogue.edit(product, name="第一次修改")
        await here.read()
        await until(_in_doubt(here), "the update is in doubt")
        catalogue.edit(product, name="第二次修改")
        await here.sync()
        assert here.verdict()["agrees"], here.verdict()
        assert here.verdict()["instances"] == 12


async def test_a_person_may_have_an_undecided_record_sent_again(tmp_path: Path) -> None:
    target = {"read_back": "never"}
    async with world(tmp_path, SimulatorOptions(products=8), delivery=LOOKS, target=target) as here:
        here.simulated.faults.add("dropped_before", operation="start", times=1)
        result = await here.sync(wait=3)
        assert exit_status(result) == 3
        assert result["backlog"]["undecided"] == 1
        [doubt] = await here.query("SELECT sent_key FROM records WHERE state = 'undecided'")
        await _retry(here, doubt["sent_key"], resend=True)
        await until(_settled(here), "it was sent again")
        assert here.verdict()["agrees"]


@pytest.mark.timeout(90)
async def test_an_instance_deleted_in_yida_is_parked_and_a_retry_recreates_it(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=6), delivery=LOOKS) as here:
        await here.sync()
        catalogue = here.simulated.catalogue
        product = catalogue.ids()[2]
        number = catalogue.product(product)["product_no"]
        row = await here.record(product)
        instance = here.simulated.form.store.get(row["instance_id"])
        assert instance is not None
        here.simulated.form.store.delete(instance)
        catalogue.edit(product, name="又改了")
        result = await here.sync(wait=10)
        assert result["backlog"]["parked"] == 1
        [parked] = await here.query("SELECT block_reason FROM records WHERE state = 'parked'")
        assert parked["block_reason"] == "instance_gone"
        await _retry(here, number)
        await until(_settled(here), "it was created again")
        assert here.verdict()["agrees"]


async def test_a_call_in_flight_at_the_bound_of_a_stop_is_undecided_and_found(tmp_path: Path) -> None:
    from xmsyncd.simulator.server import Simulator

    delivery = {**LOOKS, "call_timeout": "2s", "drain": "2100ms"}
    async with Simulator(SimulatorOptions(products=40)) as simulated:
        async with application(tmp_path, simulated, delivery=delivery) as here:
            await here.sync(limit=10)
            simulated.faults.add("lost_timeout", operation="start", times=3)
            await here.read()
            await until(lambda: here.calls("start") >= 30, "calls hang")
        simulated.faults.clear()
        async with application(tmp_path, simulated, delivery=delivery) as here:
            result = await here.sync()
            assert exit_status(result) == 0
            assert here.verdict()["agrees"]
            assert here.verdict()["instances"] == 40
