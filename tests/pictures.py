"""The pictures of the console in docs/images: ``python -m tests.pictures docs/images``. Needs Chromium.

The application is real, and so is all that it tells but the charts: six hours are not waited for.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tests.integration.test_console_browser import console
from tests.scenario import KEY, REMARK
from tests.world import World, until, world
from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.ledger.times import to_ms
from xmsyncd.simulator.options import SimulatorOptions

_NAME, _SPECIFICATION = "textField_lq0sj9h9", "textField_lstsv908"
_RULES: Final[list[dict[str, Any]]] = [
    {"field": KEY, "rule": "pattern", "pattern": "[A-Z]+-[0-9]{4}-[0-9]+"},
    {"field": _NAME, "rule": "required"},
    {"field": _NAME, "rule": "length", "max": 24, "on_fail": "fix"},
    {"field": _SPECIFICATION, "rule": "one_of", "values": ["1", "2", "3"]},
    {"field": REMARK, "rule": "unique", "on_fail": "warn"},
    {"rule": "group"},
    {"rule": "fresh", "max_age": "3650d"},
]
_LOOKS: Final[dict[str, dict[str, Any]]] = {
    "en": {"locale": "en-US", "color_scheme": "light"},
    "zh-CN": {"locale": "zh-CN", "color_scheme": "dark"},
}


async def make(folder: Path) -> None:
    """Write all six."""
    options = SimulatorOptions(products=400, dirty_products=0, okki_latency=timedelta(milliseconds=60))
    changes: dict[str, Any] = {
        "quality": {"replace": _RULES},
        "source": {"page_size": 20},
        "schedule": {"every": "10m"},
        "okki": {"requests_per_second": 10},
        "dingtalk": {"requests_per_second": 20, "monthly_calls": 50_000, "reserve_calls": 2500},
        "pipeline": {"where": "{product_no} NOT LIKE 'HM-%'"},
    }
    with tempfile.TemporaryDirectory() as place:
        async with world(Path(place), options, **changes) as here:
            odd = await _lived_in(here)
            here.app.schedule.start()
            for language, look in _LOOKS.items():
                profile = Path(place) / language
                profile.mkdir()
                size = {"width": 1180, "height": 800}
                async with console(
                    here, profile, viewport=size, timezone_id="Asia/Shanghai", **look
                ) as opened:
                    page = opened.page
                    await _under_way(here)
                    for name, path in (
                        ("status", ""),
                        ("failures", "failures"),
                        ("record", "record?id=" + odd),
                    ):
                        await page.goto(opened.url + path)
                        if name == "status":
                            await page.get_by_role("progressbar").wait_for()
                        await page.screenshot(path=folder / f"{name}-{language}.png", full_page=True)
                    await until(lambda: here.pipeline.loop.running is None, "the cycle ends", 120)
            await here.app.schedule.shutdown()


async def _lived_in(here: World) -> str:
    """A first synchronisation with a few faults; the OKKI id of a record that a rule rejects."""
    catalogue = here.simulated.catalogue
    products = catalogue.ids()
    here.simulated.faults.add("refuse", operation="start", match="BAD-2026-")
    for place in (30, 31, 32):
        catalogue.edit(products[place], product_no=f"BAD-2026-{place}")
    for place in (50, 51):
        catalogue.edit(products[place], product_type=9)
    catalogue.edit(products[60], product_no="neu 7")
    catalogue.edit(products[70], name=" ")
    catalogue.edit(products[80], group_id=999_999)
    await here.app.runtime.ledger.write(_six_hours)
    await here.sync(wait=120)
    return str(products[50])


async def _under_way(here: World) -> None:
    for product in here.simulated.catalogue.ids()[100:380]:
        here.simulated.catalogue.edit(product, product_remark=f"第 {random.randrange(10**6)} 版")
    here.pipeline.loop.ask(CycleRequest())
    await until(lambda: (here.pipeline.loop.running or _NOTHING).read >= 60, "some of it is read")


class _NOTHING:
    read = 0


def _six_hours(connection: sqlite3.Connection) -> None:
    """Calls of the last hours; those that are really made follow them."""
    rng = random.Random(7)
    start = to_ms(datetime.now(UTC) - timedelta(hours=6))
    for slot in range(70):
        wave = {"create": 18, "update": 95} if not 18 <= slot <= 31 else {"create": 700, "update": 30}
        calls = [
            (one, "delivered")
            for one, number in wave.items()
            for _ in range(rng.randrange(number, 2 * number))
        ]
        trouble = "undecided" if slot < 35 else "throttled" if slot < 45 else "try_later"
        calls += [("create", trouble)] * rng.randrange(0, 60 if slot in (40, 41) else 7)
        connection.executemany(
            """INSERT INTO attempts (pipeline, operation, claimed_ms, settled_ms, outcome)
               VALUES (?, ?, ?, ?, ?)""",
            [
                ("products", operation, start + slot * 300_000, start + slot * 300_000 + 200, outcome)
                for operation, outcome in calls
            ],
        )


if __name__ == "__main__":
    asyncio.run(make(Path(sys.argv[1])))
