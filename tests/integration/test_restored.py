"""An older copy of the ledger in its place, and then `adopt`: nothing doubled, and it goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.world import World, application, until
from xmsyncd.clock import SystemClock
from xmsyncd.ledger.backup import back_up
from xmsyncd.ledger.reading import ReadingLedger
from xmsyncd.operations.adopt import adopt
from xmsyncd.operations.ledger_care import check
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.server import Simulator


def _backup(ledger: Path, copy: Path) -> None:
    back_up(ledger, copy, now=SystemClock().now())


def _plain_copy(ledger: Path, copy: Path) -> None:
    shutil.copy(ledger, copy)


async def _adopted(here: World) -> dict[str, Any]:
    return [step async for step in adopt(here.app.runtime, here.pipeline, yes=False)][-1]


async def _violations(ledger: Path) -> list[Any]:
    async with ReadingLedger(ledger) as opened:
        *_, result = [told async for told in check(opened, SystemClock().now())]
        return list(result["rules"])


@pytest.mark.parametrize("copied", [_backup, _plain_copy])
async def test_a_copy_restored_a_day_late_doubles_nothing(
    tmp_path: Path, copied: Callable[[Path, Path], None]
) -> None:
    """The day after: products were created, changed, and swapped their numbers."""
    ledger, copy = tmp_path / "xmsyncd.db", tmp_path / "copy.db"
    async with Simulator(SimulatorOptions(products=60)) as simulated:
        async with application(tmp_path, simulated) as here:
            await here.sync(limit=40)
        copied(ledger, copy)
        catalogue = simulated.catalogue
        async with application(tmp_path, simulated) as here:
            for product in catalogue.ids()[:5]:
                catalogue.edit(product, name="之后改的")
            await here.sync()
            assert here.verdict()["agrees"]
        shutil.copy(copy, ledger)
        catalogue.edit(catalogue.ids()[7], name="恢复之后改的")
        late = catalogue.create()
        simulated.counters.reset()
        async with application(tmp_path, simulated) as here:
            result = await here.sync(wait=3)
            assert result["stop"]["reason"] == "restored"
            assert here.calls("start", "update") == 0
            await _adopted(here)
            await here.sync()

            async def all_is_in() -> bool:
                return await here.states() == {"delivered": 61}

            await until(all_is_in, "it goes on after adopt")
            assert here.calls("start") == 1, f"only {late} was missing"
            assert here.calls("update") == 1
            verdict = here.verdict()
            assert verdict["agrees"], verdict
            assert verdict["doubled"] == []
        async with application(tmp_path, simulated) as here:
            assert (await here.sync())["stop"] is None
        assert await _violations(ledger) == []


async def test_what_was_in_doubt_in_the_copy_is_decided_after_adopt(tmp_path: Path) -> None:
    """The copy does not know how its doubts ended; some of them are in Yida, some are not."""
    ledger, copy = tmp_path / "xmsyncd.db", tmp_path / "copy.db"
    async with Simulator(SimulatorOptions(products=20)) as simulated:
        async with application(tmp_path, simulated) as here:
            await here.sync(limit=8)
            lost = simulated.faults.add("lost_reset", operation="start")
            await here.read()

            async def is_in_doubt() -> bool:
                return (await here.states()).get("undecided", 0) > 3

            await until(is_in_doubt, "some are in doubt")
            _backup(ledger, copy)
            simulated.faults.remove(lost)

            async def all_is_in() -> bool:
                return await here.states() == {"delivered": 20}

            await until(all_is_in, "every doubt is decided")
        shutil.copy(copy, ledger)
        simulated.counters.reset()
        async with application(tmp_path, simulated) as here:
            await _adopted(here)
            await here.sync()
            await until(lambda: here.verdict()["agrees"], "Yida agrees with OKKI")
            assert (await here.states()).get("delivered") == 20
            assert here.calls("start") == 0
            assert here.verdict()["doubled"] == []
        assert await _violations(ledger) == []


async def test_what_was_in_doubt_in_the_copy_and_renamed_since_is_not_created_again(tmp_path: Path) -> None:
    """The copy looks for the number that was sent, and Yida shows it under the new one only."""
    ledger, copy = tmp_path / "xmsyncd.db", tmp_path / "copy.db"
    async with Simulator(SimulatorOptions(products=12)) as simulated:
        async with application(tmp_path, simulated) as here:
            await here.sync(limit=8)
            known = {row["source_id"] for row in await here.query("SELECT source_id FROM records")}
            lost = simulated.faults.add("lost_reset", operation="start")
            await here.read()

            async def is_in_doubt() -> bool:
                return (await here.states()).get("undecided", 0) == 4

            await until(is_in_doubt, "some are in doubt")
            _backup(ledger, copy)
            simulated.faults.remove(lost)

            async def all_is_in() -> bool:
                return await here.states() == {"delivered": 12}

            await until(all_is_in, "every doubt is decided")
            for product in simulated.catalogue.ids():
                if str(product) not in known:
                    simulated.catalogue.rename_number(product, f"NEW-{product}")
            await here.sync()
            assert here.verdict()["agrees"]
        shutil.copy(copy, ledger)
        simulated.counters.reset()
        async with application(tmp_path, simulated) as here:
            await _adopted(here)
            await here.sync()
            assert here.calls("start") == 0
            assert here.verdict()["doubled"] == []
            assert await here.states() == {"delivered": 12}
            assert here.verdict()["agrees"]
        assert await _violations(ledger) == []


async def test_what_was_created_just_before_the_copy_took_its_place_is_waited_for(tmp_path: Path) -> None:
    """The search shows an instance two seconds late, and adopt is run at once."""
    ledger, copy = tmp_path / "xmsyncd.db", tmp_path / "copy.db"
    options = SimulatorOptions(products=12, index_lag=timedelta(seconds=2))
    async with Simulator(options) as simulated:
        async with application(tmp_path, simulated) as here:
            await here.sync()
            _backup(ledger, copy)
            for _ in range(3):
                simulated.catalogue.create()
            await here.sync()
            assert here.verdict()["agrees"]
        shutil.copy(copy, ledger)
        simulated.counters.reset()
        async with application(tmp_path, simulated) as here:
            await _adopted(here)
            await here.sync()
            assert here.calls("start") == 0
            assert here.verdict()["doubled"] == []
            assert await here.states() == {"delivered": 15}
