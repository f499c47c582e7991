"""The first creates of a pipeline: a handful, until a search shows the first of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.unit.delivery.running import MS, OPTIONS, FakeYida, Running, running
from xmsyncd.records import InstanceId, StopReason


def searches(one: Running) -> int:
    return sum(call.startswith("search") for call in one.yida.calls)


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
