"""A runtime around a real ledger file, whose pipeline maps and delivers nothing by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.unit.ledger.sample import FORM, open_pipeline
from tests.unit.operations.doubles import MappingShaper, Opened, StillClock, settings_for
from xmsyncd.delivery.waiting import Bell
from xmsyncd.ledger import Ledger
from xmsyncd.operations.runtime import PipelineRuntime, Runtime


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Opened]:
    path = tmp_path / "xmsyncd.db"
    async with Ledger(path) as ledger:
        await ledger.write(open_pipeline)
        settings = settings_for(path)
        bell = Bell()
        shaper = MappingShaper()
        clock = StillClock()
        pipeline = PipelineRuntime(
            name="products",
            form=FORM,
            settings=settings.pipelines["products"],
            loop=cast(Any, None),
            shaper=cast(Any, shaper),
            delivery=cast(Any, None),
            bell=bell,
            target=cast(Any, None),
            told=cast(Any, None),
            next_run=lambda: None,
            rehearse=cast(Any, None),
        )
        runtime = Runtime(settings, ledger, clock, asyncio.Event(), {"products": pipeline})
        yield Opened(runtime, pipeline, shaper, clock, bell.listen())
