"""The fault matrix: each fault on each operation, once, on 5 % of calls, and as an outage."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import re
from pathlib import Path
from typing import Any

import pytest

from tests.matrix.kinds import KINDS, Cell, Kind, cells_of
from tests.matrix.running import Watch, run_cell
from xmsyncd.observe.logs import configure_logging
from xmsyncd.transport.classify import Rule
from xmsyncd.yida import auth, client, codes, push_back

_AT_ONCE = 30

pytestmark = [pytest.mark.matrix, pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Thousands of calls would else be said at DEBUG, to nobody."""
    configure_logging("error", "json", io.StringIO(), ())


@pytest.fixture(autouse=True)
def _waits_in_hundredths(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the vendor's limits and busy forms ask for, a second to five minutes, a hundred times faster."""

    def scaled(rule: Rule) -> Rule:
        return rule if rule.wait is None else dataclasses.replace(rule, wait=rule.wait / 100)

    tables = {table: tuple(scaled(rule) for rule in rows) for table, rows in codes.TABLES.items()}
    for module in (client, auth):
        monkeypatch.setattr(module, "TABLES", tables)
    for name in ("SECOND", "IP_BLOCK"):
        monkeypatch.setattr(push_back, name, getattr(codes, name) / 100)
    monkeypatch.setattr(auth, "HOLD_SECONDS", auth.HOLD_SECONDS / 10)


def _named(kinds: tuple[Kind, ...]) -> str:
    return "-".join(re.sub(r"\W+", "_", kind.name).strip("_") for kind in kinds)


@pytest.mark.parametrize("kinds", [KINDS[at : at + 3] for at in range(0, len(KINDS), 3)], ids=_named)
async def test_faults(kinds: tuple[Kind, ...], tmp_path: Path) -> None:
    slots = asyncio.Semaphore(_AT_ONCE)
    cells = [cell for kind in kinds for cell in cells_of(kind)]
    for number in range(len(cells)):
        (tmp_path / str(number)).mkdir()

    async def run(number: int, cell: Cell) -> None:
        async with slots:
            try:
                await run_cell(cell, tmp_path / str(number), watch)
            except BaseException as error:
                error.add_note(str(cell))
                raise

    async with Watch().open() as watch:
        ended: list[Any] = await asyncio.gather(
            *(run(number, cell) for number, cell in enumerate(cells)), return_exceptions=True
        )
    failed = [
        f"{cell}: {type(error).__name__}: {error}"
        for cell, error in zip(cells, ended, strict=True)
        if isinstance(error, BaseException)
    ]
    assert not failed, "\n".join(["", *failed])
