"""The fault matrix: each fault on each operation, once, on 5 % of calls, and as an outage."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.matrix.kinds import KINDS, Cell, Kind, cells_of
from tests.matrix.running import Watch, run_cell

_AT_ONCE = 30

pytestmark = [pytest.mark.matrix, pytest.mark.slow, pytest.mark.timeout(240)]


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
