"""Edits, filters, rules, look-up files, a function, faults and people in any order: what must hold, holds.

Each walk is drawn from its number. Now and then it comes to rest: the store of Yida is compared with what
this file, and nothing of the daemon, makes of OKKI's products. A clock that runs faster keeps it short.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.scenario import KEY
from tests.world import EVERYTHING, World, application
from xmsyncd.clock import SystemClock
from xmsyncd.operations import failures
from xmsyncd.operations.table import OPERATIONS
from xmsyncd.simulator.options import EXAMPLE_COMPONENTS, Component, SimulatorOptions
from xmsyncd.simulator.server import Simulator

NAME, UNIT, MODEL = "textField_lq0sj9h9", "textField_lq0sj9h3", "textField_lstsv908"
COST, REMARK, PRODUCT, MARK = "numberField_cost", "textareaField_lq23ags6", "textField_id", "selectField_gone"
FORM = (
    *EXAMPLE_COMPONENTS,
    Component(COST, "NumberField", "成本"),
    Component(PRODUCT, "TextField", "编号"),
    Component(MARK, "SelectField", "状态", options=("在用", "停用")),
)
FIELDS = [
    {"field": NAME, "value": "{name}"},
    {"field": KEY, "value": "{product_no}"},
    {"field": UNIT, "value": "{{unit|lookup(units)}}"},
    {"field": COST, "value": "{cost}"},
    {"field": MODEL, "value": "{model}"},
    {"field": REMARK, "value": "{{product_remark}} ({{CURRENT_TIME|datetime}})"},
    {"field": PRODUCT, "value": "{product_id}"},
]
PLAIN = [{"field": NAME, "rule": "required"}, {"field": COST, "rule": "band", "max": 1000}]
STRICT = [*PLAIN, {"field": MODEL, "rule": "unique"}, {"field": COST, "rule": "change", "factor": 3}]
WHERES = ("", "IFNULL({product_remark}, '') NOT LIKE '%停售%'", "{cost} < 500 AND UNIX_TIMESTAMP() > 0")
TABLES = ({"PCS": "件", "SET": "套"}, {"PCS": "个", "SET": "套"}, {"PCS": "件", "SET": "套", "BOX": "箱"})
FUNCTION = """
def transform(product):
    remark = product.get("product_remark") or ""
    return None if "钩" in remark else {{**product, "product_remark": remark + "{mark}"}}
"""
EDITS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("name", ("甲", "乙", "")),
    ("product_no", tuple(f"K{number}" for number in range(1, 8))),
    ("unit", ("PCS", "SET", "BOX")),
    ("cost", (10, 20, 400, 600, 2000)),
    ("model", tuple(f"m{number}" for number in range(1, 8))),
    ("product_remark", ("", "a", "停售", "钩")),
)
FASTER = 25


class FastClock(SystemClock):
    """Time as the simulation and the daemon have it; what waits for a moment waits for a part of it."""

    def __init__(self) -> None:
        self._wall, self._begun = time.time(), time.monotonic()

    def seconds(self) -> float:
        """The wall clock."""
        return self._wall + (time.monotonic() - self._begun) * FASTER

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)

    def monotonic(self) -> float:
        return self._begun + (time.monotonic() - self._begun) * FASTER

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / FASTER)


@dataclass
class Settled:
    """How things are set: what a restart, or the next cycle, brings to bear."""

    where: int = 0
    is_strict: bool = False
    marks: bool = False
    function: str | None = None
    table: int = 0

    def changes(self) -> dict[str, Any]:
        """As a configuration."""
        pipeline = {"where": WHERES[self.where]} if self.where else {}
        if self.function is not None:
            pipeline["transform"] = "mine:transform"
        mark = {"field": MARK, "value": "停用", "otherwise": "在用"}
        return {
            "fields": {"replace": FIELDS},
            "quality": {"replace": STRICT if self.is_strict else PLAIN},
            "lookups": {"units": {"file": "units.csv"}},
            "schedule": {"every": "1d"},
            "pipeline": pipeline,
            "target": {"on_delete": "mark", "deleted_mark": mark} if self.marks else {},
            "delivery": {
                "read_back_after": ["100ms", "300ms", "600ms", "1s"],
                "retry_base": "50ms",
                "retry_cap": "200ms",
            },
        }

    def write(self, folder: Path) -> None:
        """The files that the configuration names."""
        rows = [f"{unit},{word}" for unit, word in TABLES[self.table].items()]
        (folder / "units.csv").write_text("\n".join(["a,b", *rows, ""]), encoding="utf-8")
        (folder / "hooks").mkdir(exist_ok=True)
        text = FUNCTION.format(mark=self.function or "")
        (folder / "hooks" / "mine.py").write_text(text, encoding="utf-8")

    def wanted(self, product: dict[str, Any]) -> dict[str, Any] | str:
        """What Yida should hold; or why it should hold nothing new: ``filtered``, ``rejected``."""
        remark = product.get("product_remark") or ""
        if self.function is not None and "钩" in remark:
            return "filtered"
        remark += self.function or ""
        if (self.where == 1 and "停售" in remark) or (self.where == 2 and product["cost"] >= 500):
            return "filtered"
        word = TABLES[self.table].get(product["unit"])
        if not product["name"] or word is None or product["cost"] > 1000:
            return "rejected"
        texts = {NAME: product["name"], KEY: product["product_no"], UNIT: word, MODEL: product["model"]}
        return {**texts, COST: product["cost"], REMARK: remark, PRODUCT: str(product["product_id"])}


@dataclass
class Walk:
    """One daemon after the other, on one ledger, between the same vendors."""

    rng: random.Random
    folder: Path
    simulated: Simulator
    clock: FastClock
    settled: Settled = field(default_factory=Settled)
    here: World | None = None
    log: list[str] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[World]:
        """The daemon, as things are set now."""
        self.settled.write(self.folder)
        async with application(
            self.folder, self.simulated, clock=self.clock, **self.settled.changes()
        ) as self.here:
            yield self.here

    async def step(self, here: World) -> bool:
        """Something happens; whether the daemon is to be started anew."""
        kinds: list[tuple[Callable[[World], Any], int]] = [
            (self._edit, 12),
            (self._delete_or_restore, 2),
            (self._other_files, 2),
            (self._fault, 3),
            (self._read, 5),
            (self._sync, 3),
            (self._person, 3),
        ]
        if self.rng.random() < 0.1:
            return True
        (chosen,) = self.rng.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])
        self.log.append(f"{chosen.__name__}: {await chosen(here)}")
        return False

    def set_otherwise(self) -> None:
        """Somebody changes the configuration, or only starts it again."""
        now, draw = self.settled, self.rng.random
        self.settled = Settled(
            self.rng.randrange(3) if draw() < 0.6 else now.where,
            self.rng.random() < 0.5 if draw() < 0.3 else now.is_strict,
            not now.marks if draw() < 0.2 else now.marks,
            self.rng.choice([None, "!", "?"]) if draw() < 0.3 else now.function,
            now.table,
        )
        self.log.append(str(self.settled))

    def _product(self) -> int:
        return self.rng.choice(self.simulated.catalogue.ids())

    async def _edit(self, here: World) -> str:
        product, (name, values) = self._product(), self.rng.choice(EDITS)
        value = self.rng.choice(values)
        self.simulated.catalogue.edit(product, **{name: value})
        return f"{product} {name}={value}"

    async def _delete_or_restore(self, here: World) -> str:
        product, deletes = self._product(), self.rng.random() < 0.5
        (self.simulated.catalogue.delete if deletes else self.simulated.catalogue.restore)(product)
        return f"{product} {deletes}"

    async def _other_files(self, here: World) -> str:
        self.settled.table = self.rng.randrange(3)
        if self.settled.function is not None:
            self.settled.function = self.rng.choice(["!", "?"])
        self.settled.write(self.folder)
        return str(self.settled)

    async def _fault(self, here: World) -> str:
        name = self.rng.choice(["lost_reset", "dropped_before", "throttle_app"])
        operation = self.rng.choice(["start", "update"])
        self.simulated.faults.add(name, operation=operation, times=self.rng.choice([1, 2]))
        return f"{name} {operation}"

    async def _read(self, here: World) -> str:
        return str((await here.read(full=self.rng.random() < 0.2))["decisions"])

    async def _sync(self, here: World) -> str:
        return str((await here.sync(wait=3))["backlog"])

    async def _person(self, here: World) -> str:
        """Retries beside a cycle, mostly."""
        reading = asyncio.create_task(here.read())
        await asyncio.sleep(self.rng.random() * 0.05)
        told = await failures.retry(here.app.runtime, [here.pipeline], EVERYTHING)
        await reading
        return str(told["counts"])

    async def rest(self, here: World) -> None:
        """Nothing happens any more: all is done, and what is not in Yida is listed rightly."""
        self.simulated.faults.clear()
        for _ in range(3):
            result = await here.sync(wait=200)
            assert (result["cycle"]["result"], result["cycle"]["balance"]) == ("done", 0)
        self.simulated.counters.reset()
        await here.sync(full=True, wait=200)
        assert here.calls("start", "update") == 0, "an update every cycle"
        rows = {int(one["source_id"]): one for one in await here.query("SELECT * FROM records")}
        taken = await here.query("SELECT k.key, r.source_id FROM keys k JOIN records r ON r.id = k.record_id")
        holders = {one["key"]: int(one["source_id"]) for one in taken}
        held: dict[int, list[dict[str, Any]]] = {}
        for instance in self.simulated.form.store:
            data = instance.latest.data()
            held.setdefault(int(data[PRODUCT]), []).append(data)
        catalogue = self.simulated.catalogue
        for product in catalogue.ids():
            shown = held.get(product, [])
            assert len(shown) <= 1, f"a double of {product}"
            if not catalogue.is_deleted(catalogue.position_of(product)):
                first = shown[0] if shown else None
                self._judge(catalogue.product(product), rows[product], first, holders)
        checked = [one async for one in OPERATIONS["ledger.check"](here.app.runtime, {})][-1]
        assert checked.value["violations"] == 0, checked.value["rules"]

    def _judge(
        self,
        product: dict[str, Any],
        row: dict[str, Any],
        shown: dict[str, Any] | None,
        holders: dict[str, int],
    ) -> None:
        wanted, state = self.settled.wanted(product), row["state"]
        about = f"{product['product_id']} is {state} ({row['rejection']}), wanted {wanted}, shown {shown}"
        if wanted == "filtered":
            assert state in ("delivered", "discarded", "waiting"), about
            assert row["filtered_by"] is not None, about
            is_marked = shown is not None and shown.get(MARK) == "停用"
            assert is_marked or shown is None or not self.settled.marks or state == "waiting", about
        elif wanted == "rejected":
            assert state == "rejected", about
        elif state == "rejected":
            assert self.settled.is_strict, about
            assert row["rejection"] in ("unique", "change"), about
        elif state == "waiting":
            assert holders[product["product_no"]] != product["product_id"], about
        else:
            assert isinstance(wanted, dict)
            assert state == "delivered", about
            assert shown is not None, about
            remark = shown[REMARK].rpartition(" (")[0]
            assert {**{name: shown.get(name) for name in wanted}, REMARK: remark} == wanted, about
            assert shown.get(MARK) in (("在用",) if self.settled.marks else ("在用", None, "停用")), about


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_product_is_in_yida_once_as_it_is_now_or_listed_rightly(
    tmp_path: Path, seed: int
) -> None:
    clock = FastClock()
    simulator = Simulator(
        SimulatorOptions(products=6, components=FORM), wall=clock.seconds, monotonic=clock.monotonic
    )
    async with simulator as simulated:
        for number, product in enumerate(simulated.catalogue.ids(), 1):
            simulated.catalogue.edit(
                product,
                name=f"名{number}",
                product_no=f"K{number}",
                unit="PCS",
                cost=20,
                model=f"m{number}",
                product_remark="",
            )
        walk = Walk(random.Random(seed), tmp_path, simulated, clock)
        try:
            for _ in range(5):
                async with walk.running() as here:
                    await here.sync(wait=200)
                    for _ in range(10):
                        if await walk.step(here):
                            break
                    else:
                        await walk.rest(here)
                walk.set_otherwise()
            async with walk.running() as here:
                await walk.rest(here)
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *walk.log])) from error
