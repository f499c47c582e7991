"""A ledger file for each test, as the daemon opens it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.unit.ledger.opened import opened
from tests.unit.ledger.sample import open_pipeline
from xmsyncd.ledger import Ledger


@pytest.fixture
def db(tmp_path: Path) -> Iterator[object]:
    """A bare connection to a migrated ledger with the pipeline ``products``."""
    with opened(tmp_path / "xmsyncd.db") as connection:
        open_pipeline(connection)
        yield connection


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    """An open ledger with the pipeline ``products``."""
    async with Ledger(tmp_path / "xmsyncd.db") as opened_ledger:
        await opened_ledger.write(open_pipeline)
        yield opened_ledger
