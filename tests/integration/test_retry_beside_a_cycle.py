"""A person tries something again while a cycle runs: neither takes the other's word for its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.scenario import FIELDS
from tests.world import EVERYTHING, World, application, until, world
from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.ledger import pages
from xmsyncd.operations import failures
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.server import Simulator

NAME, FIRST_GROUP = "textField_lq0sj9h9", "textField_lq0sj9h3"
RARELY = {"every": "1d"}
WORD = """
def transform(product):
    product["name"] = "{word} " + product["product_no"]
    return product
"""


def write_function(folder: Path, text: str) -> None:
    (folder / "hooks").mkdir(exist_ok=True)
    (folder / "hooks" / "mine.py").write_text(text, encoding="utf-8")


def names(here: World) -> set[str]:
    return {one.latest.data()[NAME] for one in here.simulated.form.store if not one.deleted}


async def test_a_page_that_was_cut_short_stays_so_although_somebody_retries_meanwhile(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async with world(tmp_path, SimulatorOptions(products=12), schedule=RARELY, okki={"tries": 1}) as here:
        catalogue, ledger = here.simulated.catalogue, here.app.runtime.ledger
        catalogue.edit(catalogue.ids()[0], name="")
        await here.sync()
        assert await here.states() == {"delivered": 11, "rejected": 1}
        for product in catalogue.ids()[1:]:
            catalogue.edit(product, product_remark="改过")
        for product in catalogue.ids()[4:8]:  # more in a row than one product can be blamed for
            here.simulated.faults.add(
                "error_in_200", api="okki", operation="detail", code="777", match=str(product)
            )
        write: Callable[..., Any] = ledger.write
        retried = 0

        async def write_after_a_retry(function: Any, *args: Any, **named: Any) -> Any:
            nonlocal retried
            if function is pages.write_page:
                retried += 1
                await failures.retry(here.app.runtime, [here.pipeline], EVERYTHING)
            return await write(function, *args, **named)

        with monkeypatch.context() as patched:
            patched.setattr(
                type(ledger), "write", lambda _, *args, **named: write_after_a_retry(*args, **named)
            )
            report = await here.pipeline.loop.ask(CycleRequest()).report
        assert retried
        assert report.result == "failed", "the rest of the page was never seen"
        assert report.balance == 0
        here.simulated.faults.clear()
        await here.sync()
        await here.sync()
        assert await here.states() == {"delivered": 11, "rejected": 1}
        assert here.verdict()["agrees"]


async def test_what_was_made_by_the_function_of_before_is_made_again(tmp_path: Path) -> None:
    """A retry loads the mended file while the cycle waits for the group tree with an old product in hand."""
    write_function(tmp_path, WORD.format(word="old"))
    async with Simulator(SimulatorOptions(products=3)) as simulated:
        catalogue = simulated.catalogue
        one, other, bad = catalogue.ids()
        catalogue.edit(bad, product_no="")
        changes: dict[str, Any] = {
            "schedule": RARELY,
            "fields": {"replace": FIELDS},
            "pipeline": {"transform": "mine:transform"},
        }
        async with application(tmp_path, simulated, **changes) as here:
            await here.sync()
            assert len(names(here)) == 2
            catalogue.edit(one, group_id=987654321)  # unknown: the tree is fetched once more
            slow = simulated.faults.add("slow", api="okki", operation="groups", seconds=2.0)
            cycle = asyncio.create_task(here.read())
            await until(lambda: slow.struck, "the tree is asked for")
            simulated.catalogue.groups.rename(next(iter(simulated.catalogue.groups.groups)), "改名")
            write_function(tmp_path, WORD.format(word="new"))
            await failures.retry(here.app.runtime, [here.pipeline], EVERYTHING)
            assert not cycle.done(), "the product was in hand all the while"
            await cycle
            simulated.faults.clear()
            catalogue.edit(other, product_remark="noch")
            await here.sync()
            await here.sync()
            assert {name.split()[0] for name in names(here)} == {"new"}


async def test_a_function_that_hung_and_was_mended_is_used_by_a_retry_at_once(tmp_path: Path) -> None:
    write_function(tmp_path, "def transform(product):\n    while True:\n        pass\n")
    changes: dict[str, Any] = {
        "schedule": RARELY,
        "pipeline": {"transform": "mine:transform", "transform_timeout": "200ms"},
    }
    async with world(tmp_path, SimulatorOptions(products=5), **changes) as here:
        report = await here.pipeline.loop.ask(CycleRequest()).report
        assert report.result == "failed"
        assert await here.states() == {"rejected": 3}
        write_function(tmp_path, WORD.format(word="good"))
        told = await failures.retry(here.app.runtime, [here.pipeline], EVERYTHING)
        assert (told["error"], told["counts"]) == (None, {"pending": 3})
