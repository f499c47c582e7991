"""Ledger and Yida are compared: every planted difference is found, and nothing else."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.world import World, until, world
from xmsyncd.errors import StoppedError
from xmsyncd.ledger import meters, people
from xmsyncd.ledger.differences import DifferenceKind
from xmsyncd.ledger.meters import Meter
from xmsyncd.ledger.people import Selection
from xmsyncd.ledger.states import FAILED_STATES
from xmsyncd.observe.labels import LeftOut
from xmsyncd.operations.exit_status import BusyError, ScarceQuotaError
from xmsyncd.operations.reconcile import reconcile
from xmsyncd.simulator.instances import Instance
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.oracle import NAME, NUMBER, REMARK


async def compared(here: World, *, apply: bool = False, yes: bool = False) -> dict[str, Any]:
    steps = reconcile(here.app.runtime, here.pipeline, apply=apply, yes=yes)
    return [step async for step in steps][-1]


async def instance_of(here: World, product: int) -> Instance:
    found = here.simulated.form.store.get((await here.record(product))["instance_id"])
    assert found is not None
    return found


async def plant_one_of_each(here: World) -> dict[str, str]:
    """Somebody works in the form by hand: kind → the key it is about."""
    store, ids = here.simulated.form.store, here.simulated.catalogue.ids()

    def key(product: int) -> str:
        return here.simulated.oracle.expected(product)[NUMBER]

    store.delete(await instance_of(here, ids[3]))
    store.update(await instance_of(here, ids[5]), {REMARK: "有人改过", NAME: "也改了"})
    store.create(here.simulated.oracle.expected(ids[7]), user_id="somebody", status="RUNNING")
    store.create({NUMBER: "别家-1", NAME: "别家的"}, user_id="somebody", status="RUNNING")
    (await instance_of(here, ids[9])).status = "TERMINATED"
    return {
        "gone": key(ids[3]),
        "different": key(ids[5]),
        "doubled": key(ids[7]),
        "extra": "别家-1",
        "ended": key(ids[9]),
    }


async def test_every_planted_difference_is_found_repaired_where_asked_and_nothing_else(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, SimulatorOptions(products=250)) as here:
        await here.sync()
        here.simulated.counters.reset()
        clean = await compared(here)
        assert (clean["total"], clean["complete"], clean["calls"]) == (0, True, 3)

        planted = await plant_one_of_each(here)
        here.simulated.counters.reset()
        report = await compared(here)
        assert {row["kind"]: row["key"] for row in report["rows"]} == planted
        assert report["total"] == len(planted)
        [different] = [row for row in report["rows"] if row["kind"] == "different"]
        assert set(different["detail"]) == {REMARK, NAME}
        assert different["detail"][NAME]["in_yida"] == "也改了"
        assert here.calls("search") == 3
        assert here.calls("get") == 3  # gone, different, doubled: each confirmed by its id
        assert here.calls("start", "update") == 0
        assert (await here.states()) == {"delivered": 250}

        repaired = await compared(here, apply=True)
        assert repaired["repaired"] == {"parked": 1, "updates": 1}
        await here.sync()
        assert here.calls("update") == 1
        assert here.calls("start") == 0
        states = await here.states()
        assert states == {"delivered": 249, "parked": 1}
        left = await compared(here, apply=True)
        assert left["differences"] == {"doubled": 1, "extra": 1, "ended": 1}
        assert left["repaired"] == {}

        # What only a person may decide: the deleted one again, what is too many away.
        await _retry_everything(here)
        for row in left["rows"]:
            if row["kind"] in ("doubled", "extra"):
                instance = here.simulated.form.store.get(row["instance_id"])
                assert instance is not None
                here.simulated.form.store.delete(instance)
        await until(lambda: here.verdict()["agrees"], "all is in Yida once")
        assert (await compared(here))["differences"] == {"ended": 1}


async def _retry_everything(here: World) -> None:
    ledger, now = here.app.runtime.ledger, here.app.runtime.clock.now
    for record_id in await ledger.read(people.select, "products", Selection(everything=True), FAILED_STATES):
        await ledger.write(people.retry, record_id, resend=False, now=now())
    here.pipeline.bell.ring()


@pytest.mark.timeout(120)
async def test_while_the_daemon_delivers_and_the_index_lags_nothing_but_the_planted_is_found(
    tmp_path: Path,
) -> None:
    options = SimulatorOptions(
        products=400,
        latency=timedelta(milliseconds=10),
        index_lag=timedelta(seconds=2),
        index_jitter=timedelta(seconds=1),
    )
    async with world(tmp_path, options, dingtalk={"requests_per_second": 120}) as here:
        await here.sync()
        await asyncio.sleep(9)  # the margin within which the index may lag (the last look) is over
        planted = await plant_one_of_each(here)
        await asyncio.sleep(3.5)  # and what was planted can be searched
        busy = asyncio.create_task(_edit_and_create(here))
        try:
            await until(lambda: here.calls("start") > 420, "deliveries go on")
            for _ in range(3):
                report = await compared(here)
                assert {row["kind"]: row["key"] for row in report["rows"]} == planted
                assert report["total"] == len(planted)
        finally:
            busy.cancel()
            await asyncio.gather(busy, return_exceptions=True)


async def _edit_and_create(here: World) -> None:
    catalogue = here.simulated.catalogue
    ids = catalogue.ids()[20:]
    for turn in range(1000):
        for number in range(6):
            catalogue.edit(ids[(turn * 6 + number) % 300], name=f"改 {turn}")
            catalogue.create()
        await here.read()
        await asyncio.sleep(0.05)


async def test_what_no_search_shows_is_missing_only_when_it_is_old_enough(tmp_path: Path) -> None:
    delivery = {"read_back_after": ["200ms", "500ms", "1s", "2s"]}
    async with world(tmp_path, SimulatorOptions(products=30), delivery=delivery) as here:
        await here.sync()
        here.simulated.yida.app.index.freeze()
        product = here.simulated.catalogue.create()
        await here.sync()
        assert (await compared(here))["total"] == 0  # too young to be missed
        await asyncio.sleep(2.1)
        report = await compared(here)
        [row] = report["rows"]
        assert (row["kind"], row["source_id"]) == ("missing", str(product))
        here.simulated.yida.app.index.thaw()
        assert (await compared(here))["total"] == 0


QUOTA = {"monthly_calls": 1000, "reserve_calls": 100}


def _meter(here: World) -> Meter:
    return Meter("main", meters.month_of(here.app.runtime.clock.now()), 1000, 100)


async def _leave(here: World, spare: int) -> int:
    """Spend the month but for the reserve and a few calls more; returns how many are used then."""
    meter, ledger = _meter(here), here.app.runtime.ledger
    use = await ledger.read(meters.use, meter)
    spent = use.left - use.kept - spare
    await ledger.write(meters.count, "main", meter.month, "create", spent, from_reserve=False)
    here.simulated.counters.reset()
    return use.used + spent


async def test_a_reconcile_that_would_eat_what_deliveries_need_asks_first(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=250), dingtalk=QUOTA) as here:
        await here.sync()
        used = await _leave(here, spare=2)
        with pytest.raises(ScarceQuotaError, match="--yes"):
            await compared(here)
        assert here.calls("search", "get") == 0
        assert (await compared(here, yes=True))["total"] == 0
        assert (await here.app.runtime.ledger.read(meters.use, _meter(here))).used == used + 3


async def test_comparisons_leave_the_reserve_to_what_is_in_doubt(tmp_path: Path) -> None:
    """Counted as the reserve's, a year of weekly ones would leave none for looks."""
    async with world(tmp_path, SimulatorOptions(products=250), dingtalk=QUOTA) as here:
        await here.sync()
        ledger, meter = here.app.runtime.ledger, _meter(here)
        before = await ledger.read(meters.use, meter)
        for _ in range(3):
            assert (await compared(here))["complete"]
        after = await ledger.read(meters.use, meter)
        assert (after.used, after.kept) == (before.used + 9, before.kept)
        await _leave(here, spare=3)
        assert (await compared(here))["complete"]
        with pytest.raises(ScarceQuotaError):
            await compared(here)
        assert here.calls("search", "get") == 3
        assert (await ledger.read(meters.reserve_room, meter)).calls == before.kept


async def test_a_comparison_ends_before_it_uses_what_is_kept_for_looks(tmp_path: Path) -> None:
    """Somebody else of the same connection sends meanwhile what seemed to be to spare."""
    async with world(tmp_path, SimulatorOptions(products=250), dingtalk=QUOTA) as here:
        await here.sync()
        await _leave(here, spare=10)
        steps = reconcile(here.app.runtime, here.pipeline, apply=False, yes=False)
        assert [(await anext(steps))["phase"] for _ in range(2)] == ["cost", "scan"]
        await _leave(here, spare=0)
        with pytest.raises(ScarceQuotaError, match="kept for what is in doubt"):
            await anext(steps)
        assert here.calls("search", "get") == 0


async def test_a_throttle_and_a_short_outage_only_slow_it_down(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=250)) as here:
        await here.sync()
        here.simulated.faults.add("throttle_app", operation="search", times=2)
        here.simulated.faults.add("html_502", operation="search", times=2)
        report = await compared(here)
        assert (report["total"], report["complete"]) == (0, True)


async def test_two_at_once_are_one(tmp_path: Path) -> None:
    options = SimulatorOptions(products=120, latency=timedelta(milliseconds=30))
    async with world(tmp_path, options) as here:
        await here.sync()
        results = await asyncio.gather(compared(here), compared(here), return_exceptions=True)
        assert Counter(type(one) for one in results) == {dict: 1, BusyError: 1}


async def test_a_form_whose_components_read_back_otherwise_is_no_difference(tmp_path: Path) -> None:
    from xmsyncd.simulator.options import BlankText

    for blank in BlankText:
        folder = tmp_path / blank
        folder.mkdir()
        async with world(folder, SimulatorOptions(products=40, blank_text=blank)) as here:
            await here.sync()
            assert (await compared(here))["total"] == 0


async def test_the_daemon_compares_by_itself_and_leaves_out_what_it_cannot_spare(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=30)) as here:
        await here.sync()
        planted = await plant_one_of_each(here)
        here.pipeline.reconcile_due.set()

        async def listed() -> bool:
            rows = await here.query("SELECT kind, key FROM differences")
            return {row["kind"]: row["key"] for row in rows} == planted

        await until(listed, "the schedule's report is in the ledger")
        assert here.calls("update") == 0
        shown = await here.query("SELECT reconciled_ms FROM pipelines")
        assert shown[0]["reconciled_ms"] is not None


async def test_what_a_comparison_finds_moves_what_alerts_watch(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=12)) as here:

        def found() -> dict[str, float | None]:
            return {
                kind: here.value("differences_records", pipeline="products", kind=kind)
                for kind in DifferenceKind
            }

        def doubles() -> float | None:
            return here.value("failures_total", pipeline="products", stage="read_back", reason="double")

        nothing: dict[str, float | None] = dict.fromkeys(DifferenceKind, 0)
        assert (found(), doubles()) == (nothing, 0)
        await here.sync()
        await plant_one_of_each(here)
        here.pipeline.reconcile_due.set()
        await until(lambda: doubles() == 1, "the schedule's comparison tells of the double")
        await here.app.gauges.refresh()
        assert found() == {**nothing, "gone": 1, "different": 1, "doubled": 1, "extra": 1, "ended": 1}

        # One more by hand; that which is known already is no news.
        store, product = here.simulated.form.store, here.simulated.catalogue.ids()[8]
        second = store.create(here.simulated.oracle.expected(product), user_id="somebody", status="RUNNING")
        assert (await compared(here))["differences"]["doubled"] == 2
        assert doubles() == 2
        await compared(here)
        assert doubles() == 2
        store.delete(second)
        await compared(here)
        await here.app.gauges.refresh()
        assert (found()["doubled"], doubles()) == (1, 2)


async def test_a_comparison_that_is_left_out_is_counted_by_why(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=30), dingtalk=QUOTA) as here:

        def left_out() -> dict[str, float | None]:
            return {
                reason: here.value("reconciles_left_out_total", pipeline="products", reason=reason)
                for reason in LeftOut
            }

        assert left_out() == {"quota": 0, "busy": 0, "failed": 0}
        await here.sync()
        await _leave(here, spare=0)
        here.pipeline.reconcile_due.set()
        await until(lambda: left_out() == {"quota": 1, "busy": 0, "failed": 0}, "it is counted")
        assert here.calls("search") == 0


async def test_a_stop_ends_a_comparison_at_once_however_long_the_vendor_says_to_wait(tmp_path: Path) -> None:
    """A form that is being rebuilt is waited for in minutes; a stop waits for none of them."""
    async with world(tmp_path, SimulatorOptions(products=12)) as here:
        await here.sync()
        here.simulated.counters.reset()
        here.simulated.faults.add("form_busy", operation="search")
        here.pipeline.reconcile_due.set()
        await until(lambda: here.calls("search") == 1, "the comparison is under way")
        assert here.pipeline.form_in_use.locked()
        here.app.runtime.stopping.set()

        def names() -> set[str]:
            return {task.get_name() for task in asyncio.all_tasks()}

        await until(lambda: "comparisons of products" not in names(), "it has ended", seconds=3)
        assert not here.pipeline.form_in_use.locked()


async def test_a_stop_ends_a_comparison_that_a_person_asked_for_as_well(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=12)) as here:
        await here.sync()
        here.simulated.counters.reset()
        here.simulated.faults.add("form_busy", operation="search")
        asked = asyncio.create_task(compared(here))
        await until(lambda: here.calls("search") == 1, "the comparison is under way")
        here.app.runtime.stopping.set()
        with pytest.raises(StoppedError):
            async with asyncio.timeout(3):
                await asked
