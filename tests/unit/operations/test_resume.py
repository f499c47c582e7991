"""A person's word makes a stopped pipeline try at once, and is waited for."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import timedelta

from tests.unit.ledger import sample
from tests.unit.ledger.sample import draft_entry
from tests.unit.operations.doubles import Opened
from xmsyncd.ledger import pipelines
from xmsyncd.ledger.views import Stop
from xmsyncd.operations import resume
from xmsyncd.records import StopReason

HOUR = timedelta(hours=1)


async def stop(opened: Opened, reason: StopReason = StopReason.CREDENTIALS) -> None:
    now = opened.clock.now()
    await opened.ledger.write(pipelines.stop, "products", Stop(reason, "why", now, now + HOUR))


def stage_one(connection: sqlite3.Connection) -> None:
    sample.stage(connection, draft_entry("1", "A"))


async def test_a_running_pipeline_is_left_alone(opened: Opened):
    await opened.ledger.write(stage_one)
    await resume.try_again(opened.runtime, opened.pipeline)
    assert opened.clock.seconds == 0


async def test_nothing_to_probe_with_is_not_waited_for(opened: Opened):
    await stop(opened)
    await resume.try_again(opened.runtime, opened.pipeline)
    assert opened.clock.seconds == 0


async def test_the_end_of_the_probe_is_waited_for(opened: Opened):
    await opened.ledger.write(stage_one)
    await stop(opened)
    trying = asyncio.create_task(resume.try_again(opened.runtime, opened.pipeline))
    await asyncio.wait_for(opened.rung.wait(), 5)
    view = await opened.ledger.read(pipelines.view, "products")
    assert view.stop is not None
    assert view.stop.probe_at is not None
    assert view.stop.probe_at <= opened.clock.now()
    await opened.ledger.write(pipelines.resume, "products", opened.clock.now())
    await asyncio.wait_for(trying, 5)


async def test_a_probe_that_never_comes_is_given_up(opened: Opened):
    await opened.ledger.write(stage_one)
    await stop(opened)
    await asyncio.wait_for(resume.try_again(opened.runtime, opened.pipeline), 20)
    assert 35 <= opened.clock.seconds <= 36  # call_timeout and five seconds


async def test_bootstrap_clears_the_stop_it_answers_and_no_other(opened: Opened):
    await stop(opened, StopReason.FORM_NOT_EMPTY)
    await resume.allow_creates(opened.runtime, opened.pipeline)
    view = await opened.ledger.read(pipelines.view, "products")
    assert view.stop is None
    assert view.bootstrap_at is not None
    await stop(opened)
    await resume.allow_creates(opened.runtime, opened.pipeline)
    assert (await opened.ledger.read(pipelines.view, "products")).stop is not None
