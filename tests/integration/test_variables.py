"""Times of a cycle in a field: sent with what else changes, and never themselves a reason to send."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tests.scenario import FIELDS
from tests.world import EVERYTHING, World, application, until
from xmsyncd.operations import failures
from xmsyncd.operations.adopt import adopt
from xmsyncd.operations.reconcile import reconcile
from xmsyncd.operations.table import OPERATIONS
from xmsyncd.simulator.options import EXAMPLE_COMPONENTS, Component, SimulatorOptions
from xmsyncd.simulator.server import Simulator

AT, SINCE, NAME = "textField_at", "textField_since", "textField_lq0sj9h9"
FORM = (*EXAMPLE_COMPONENTS, Component(AT, "TextField", "同步时间"), Component(SINCE, "TextField", "上次"))
TIMED = {
    "replace": [
        *FIELDS,
        {"field": AT, "label": "同步时间", "type": "string", "value": "{{CURRENT_TIME|datetime}}"},
        {"field": SINCE, "label": "上次", "type": "string", "value": "{{LAST_SYNC_TIME}}"},
    ]
}
BEIJING = timezone(timedelta(hours=8))


def simulated_vendors() -> Simulator:
    return Simulator(SimulatorOptions(products=10, components=FORM))


async def the_second_is_over() -> None:
    second = int(time.time())
    await until(lambda: int(time.time()) > second, "the second is over")


async def held(here: World, product: int) -> dict[str, Any]:
    """What Yida holds for a product."""
    found = here.simulated.form.store.get((await here.record(product))["instance_id"])
    assert found is not None
    return dict(found.latest.data())


async def read_up_to(here: World) -> int:
    return int((await here.query("SELECT watermark_ms AS at FROM pipelines"))[0]["at"]) // 1000


async def test_time_alone_never_sends_and_every_update_carries_the_newest(tmp_path: Path) -> None:
    async with simulated_vendors() as simulated, application(tmp_path, simulated, fields=TIMED) as here:
        begun = time.time()
        await here.sync()
        product, other = simulated.catalogue.ids()[:2]
        first = await held(here, product)
        shown = datetime.strptime(first[AT], "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
        assert begun - 1 <= shown.astimezone(UTC).timestamp() <= time.time()
        assert begun - 1 <= int(first[SINCE]) <= time.time()
        for one in simulated.catalogue.ids():
            simulated.catalogue.edit(one, hs_code="7318.15")
        await the_second_is_over()

        simulated.counters.reset()
        assert (await here.sync())["cycle"]["decisions"]["unchanged"] == 10
        assert here.calls("start", "update") == 0
        assert await held(here, product) == first
        before = await read_up_to(here)

        simulated.catalogue.edit(product, name="改过的名字")
        await the_second_is_over()
        await here.sync()
        assert here.calls("update") == 1
        later = await held(here, product)
        assert later[NAME] == "改过的名字"
        assert later[AT] > first[AT]
        assert later[SINCE] == str(before)
        assert (await held(here, other))[AT] == first[AT]

        steps = reconcile(here.app.runtime, here.pipeline, apply=False, yes=False)
        assert [step async for step in steps][-1]["differences"] == {}
        checked = [one async for one in OPERATIONS["ledger.check"](here.app.runtime, {})][-1]
        assert checked.value["violations"] == 0


async def test_what_stands_beside_a_time_and_nowhere_else_arrives(tmp_path: Path) -> None:
    """The remark is mapped together with the time alone: no time sends, another remark does."""
    replaced = [one for one in FIELDS if one["value"] != "{product_remark}"]
    timed = {"field": AT, "type": "string", "value": "{{product_remark}} ({{CURRENT_TIME|datetime}})"}
    options: dict[str, Any] = {"fields": {"replace": [*replaced, timed]}}
    async with simulated_vendors() as simulated, application(tmp_path, simulated, **options) as here:
        await here.sync()
        product, other, *_ = simulated.catalogue.ids()
        simulated.catalogue.edit(other, hs_code="7318.15")
        simulated.catalogue.edit(product, product_remark="改过的备注")
        await the_second_is_over()
        simulated.counters.reset()
        await here.sync()
        assert here.calls("start", "update") == 1
        assert (await held(here, product))[AT].startswith("改过的备注 (")

        await here.sync(full=True)
        steps = reconcile(here.app.runtime, here.pipeline, apply=True, yes=False)
        assert [step async for step in steps][-1]["differences"] == {}
        async for _ in adopt(here.app.runtime, here.pipeline, yes=True):
            pass
        await here.sync()
        assert here.calls("start", "update") == 1, "what is known stays known"
        checked = [one async for one in OPERATIONS["ledger.check"](here.app.runtime, {})][-1]
        assert checked.value["violations"] == 0

        simulated.faults.add("dropped_before", operation="update", times=1)
        simulated.catalogue.edit(product, product_remark="noch eine")
        await the_second_is_over()
        await here.sync()
        assert (await held(here, product))[AT].startswith("noch eine ("), "nothing else told it from before"


async def test_instances_with_other_times_are_taken_over_as_they_are(tmp_path: Path) -> None:
    """A second ledger for the same form: only the times differ from what it would write."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    async with simulated_vendors() as simulated:
        async with application(tmp_path / "first", simulated, fields=TIMED) as here:
            await here.sync()
        await the_second_is_over()
        async with application(tmp_path / "second", simulated, fields=TIMED) as here:
            await here.sync(wait=5)
            simulated.counters.reset()
            taken = [step async for step in adopt(here.app.runtime, here.pipeline, yes=False)][-1]
            assert (taken["adopted"], taken["updates"], taken["creates"]) == (10, 0, 0)
            await here.sync()
            assert here.calls("start", "update") == 0
            assert await here.states() == {"delivered": 10}


async def test_a_retry_between_cycles_is_mapped_at_a_moment_of_its_own(tmp_path: Path) -> None:
    """What was rejected is mapped again later: its time is that of the retry, not of the last cycle."""
    async with simulated_vendors() as simulated:
        product = simulated.catalogue.ids()[3]
        simulated.catalogue.edit(product, name="")
        async with application(tmp_path, simulated, fields=TIMED) as here:
            await here.sync()
            assert await here.states() == {"delivered": 9, "rejected": 1}
        await the_second_is_over()
        then = datetime.now(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
        async with application(tmp_path, simulated, fields=TIMED, quality={"replace": []}) as here:
            await failures.retry(here.app.runtime, [here.pipeline], EVERYTHING)
            await until(lambda: here.calls("start") == 10, "the retried product is sent")

            async def is_delivered() -> bool:
                return bool((await here.record(product))["state"] == "delivered")

            await until(is_delivered, "it is known to be there")
            assert (await held(here, product))[AT] >= then
