"""The last word of a demo: what the oracle of the vendors sees, and what of it the ledger accounts for."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from xmsyncd.cli.access import call, operator
from xmsyncd.cli.demo_vendors import Vendors, VendorsError
from xmsyncd.settings import Settings

ON_THE_WAY: Final = ("pending", "sending", "undecided")
"""States of records that will still come."""

_JUDGED_ONE_BY_ONE: Final = 100


@dataclass(frozen=True, slots=True)
class Verdict:
    """``missing`` and ``doubled`` are faults of the program; ``late`` changed after the last read."""

    products: int
    instances: int
    missing: int
    doubled: int
    late: int
    is_right: bool
    was_read: bool
    """Whether OKKI was ever read to its end."""
    backlog: Mapping[str, int]


async def judge(settings: Settings, vendors: Vendors) -> Verdict:
    """Ends the edits, asks the oracle, and compares with the ledger. The daemon must have ended."""
    with contextlib.suppress(VendorsError):
        await vendors.ask("POST", "/edit", {"per_second": 0})
    seen = await vendors.ask("GET", "/oracle")
    async with operator(settings, needs_delivery=False) as asked:
        (pipeline,) = (await call(asked, "status", {}))["pipelines"]
    open_keys = {*seen["missing"], *(one["key"] for one in seen["different"])}
    late = await _changed_since(pipeline["watermark"], open_keys, vendors, settings.zone)
    unaccounted = _unaccounted(open_keys - late, pipeline["backlog"])
    return Verdict(
        products=seen["products"],
        instances=seen["instances"],
        missing=len(unaccounted & set(seen["missing"])),
        doubled=len(seen["doubled"]),
        late=len(late),
        is_right=not unaccounted and not seen["doubled"],
        was_read=pipeline["watermark"] is not None,
        backlog=pipeline["backlog"],
    )


def in_states(backlog: Mapping[str, int], states: tuple[Any, ...]) -> int:
    """How many records stand in one of these."""
    return sum(backlog.get(state, 0) for state in states)


def _unaccounted(keys: set[str], backlog: Mapping[str, int]) -> set[str]:
    """What Yida lacks although the ledger does not say that so many are still to come."""
    return keys if len(keys) > in_states(backlog, ON_THE_WAY) else set()


async def _changed_since(watermark: str | None, keys: set[str], vendors: Vendors, zone: ZoneInfo) -> set[str]:
    """Of these product numbers, those that changed in OKKI after it was last read to its end."""
    if watermark is None:
        return keys
    read_up_to = datetime.fromisoformat(watermark)
    late = set()
    for key in sorted(keys)[:_JUDGED_ONE_BY_ONE]:
        for product in await vendors.ask("GET", "/products", {"product_no": key}):
            changed = datetime.fromisoformat(product["fields"]["update_time"]).replace(tzinfo=zone)
            if changed >= read_up_to:
                late.add(key)
    return late
