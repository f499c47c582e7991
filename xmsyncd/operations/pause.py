"""A person lets a pipeline stand still or go on, or asks for a cycle now without waiting for it."""

from __future__ import annotations

from typing import Any

from xmsyncd.ledger import pausing, pipelines
from xmsyncd.operations import resume
from xmsyncd.operations.runtime import PipelineRuntime, Runtime
from xmsyncd.records import StopReason


async def pause(runtime: Runtime, pipeline: PipelineRuntime, *, by: str) -> dict[str, Any]:
    """``{"pipeline", "paused", "stop"}``; not paused where another stop waits for a person. Durable."""
    stop = await runtime.ledger.write(pausing.pause, pipeline.name, by=by, now=runtime.clock.now())
    if stop is not None:
        pipeline.told.pipeline_stopped(pipeline.name, stop)
    return await _how_it_stands(runtime, pipeline)


async def go_on(runtime: Runtime, pipeline: PipelineRuntime, *, by: str) -> dict[str, Any]:
    """``{"pipeline", "paused", "stop"}``; ends a pause and no other stop. Durable; deliveries are woken."""
    if await runtime.ledger.write(pausing.go_on, pipeline.name, by=by, now=runtime.clock.now()):
        pipeline.told.pipeline_resumed(pipeline.name, StopReason.PAUSED)
    pipeline.bell.ring()
    return await _how_it_stands(runtime, pipeline)


async def run_now(runtime: Runtime, pipeline: PipelineRuntime, *, by: str) -> dict[str, Any]:
    """``{"pipeline", "paused", "stop"}``; a cycle begins, after the one that may be running.

    A stopped pipeline tries its next call at once, as for ``sync``; a pause stays.
    """
    await runtime.ledger.write(pausing.note_run, pipeline.name, by=by, now=runtime.clock.now())
    await resume.make_due(runtime, pipeline)
    pipeline.loop.ring()
    return await _how_it_stands(runtime, pipeline)


async def _how_it_stands(runtime: Runtime, pipeline: PipelineRuntime) -> dict[str, Any]:
    stop = (await runtime.ledger.read(pipelines.view, pipeline.name)).stop
    return {
        "pipeline": pipeline.name,
        "paused": stop is not None and stop.reason is StopReason.PAUSED,
        "stop": None if stop is None else {"reason": stop.reason.value, "detail": stop.detail},
    }
