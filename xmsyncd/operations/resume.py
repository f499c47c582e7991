"""A person asks a pipeline that stands still to try again now instead of at its next probe."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from xmsyncd.ledger import pipelines
from xmsyncd.ledger.times import to_ms
from xmsyncd.operations.runtime import PipelineRuntime, Runtime
from xmsyncd.records import StopReason

_TICK = timedelta(milliseconds=100)
# Beyond the time-out of the call itself: permit, claim and settling.
_AROUND_A_CALL = timedelta(seconds=5)


async def allow_creates(runtime: Runtime, pipeline: PipelineRuntime) -> None:
    """Let the pipeline create although its form was not empty when it began (``--bootstrap``). Durable."""
    await runtime.ledger.write(_allow, pipeline.name, runtime.clock.now())
    pipeline.bell.ring()


def _allow(connection: sqlite3.Connection, name: str, now: datetime) -> None:
    pipelines.bootstrap(connection, name, now, 0)
    stop = pipelines.view(connection, name).stop
    # Also an adoption that cannot be finished: whoever says --bootstrap takes the risk of doubles.
    if stop is not None and stop.reason in (StopReason.FORM_NOT_EMPTY, StopReason.ADOPTING):
        pipelines.resume(connection, name, now, by_person=True)


async def make_due(runtime: Runtime, pipeline: PipelineRuntime) -> bool:
    """A stopped pipeline may probe at once; returns whether there is something to probe with."""
    due = await runtime.ledger.write(_make_due, pipeline.name, runtime.clock.now())
    pipeline.bell.ring()
    return due


def _make_due(connection: sqlite3.Connection, name: str, now: datetime) -> bool:
    stop = pipelines.view(connection, name).stop
    if stop is None or stop.reason.waits_for_a_person:
        return False  # it has nothing to try: adopt ends it
    pipelines.put_off_probe(connection, name, now)
    return _is_busy(connection, name) or _has_something_to_send(connection, name, now)


async def try_again(runtime: Runtime, pipeline: PipelineRuntime) -> None:
    """Make a stopped pipeline's probe due and wait for its end; the deliveries must be running.

    Returns at once for a pipeline that is not stopped, and whatever the probe showed: the ledger has it.
    """
    if not await make_due(runtime, pipeline):
        return
    bound = runtime.settings.delivery.call_timeout + _AROUND_A_CALL
    deadline = runtime.clock.monotonic() + bound.total_seconds()
    while runtime.clock.monotonic() < deadline:
        await runtime.clock.sleep(_TICK.total_seconds())
        if await runtime.ledger.read(_is_probed, pipeline.name, runtime.clock.now()):
            return


def _is_probed(connection: sqlite3.Connection, name: str, now: datetime) -> bool:
    stop = pipelines.view(connection, name).stop
    if stop is None:
        return True
    is_put_off = stop.probe_at is None or stop.probe_at > now
    return is_put_off and not _is_busy(connection, name)


def _is_busy(connection: sqlite3.Connection, name: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM records WHERE pipeline = ? AND state = 'sending' LIMIT 1", (name,)
    )
    return found.fetchone() is not None


def _has_something_to_send(connection: sqlite3.Connection, name: str, now: datetime) -> bool:
    """Whether a lane would try something now: what is due, or a suspect where nothing else is left."""
    first_due = connection.execute(
        "SELECT min(due_ms) AS ms FROM records WHERE pipeline = ? AND lane IN ('create', 'update')", (name,)
    ).fetchone()["ms"]
    if first_due is not None:
        return bool(first_due <= to_ms(now))
    suspect = connection.execute(
        "SELECT 1 FROM records WHERE pipeline = ? AND lane = 'suspect' LIMIT 1", (name,)
    )
    return suspect.fetchone() is not None
