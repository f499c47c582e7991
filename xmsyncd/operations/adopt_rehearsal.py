"""``adopt --dry-run``: the whole of it, on a snapshot of the ledger; only its calls are real."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from xmsyncd.ledger import meters
from xmsyncd.ledger.snapshot import Snapshot
from xmsyncd.operations.adopt import adopt
from xmsyncd.operations.runtime import PipelineRuntime, Runtime


async def dry_run(
    runtime: Runtime, pipeline: PipelineRuntime, *, yes: bool
) -> AsyncGenerator[dict[str, Any]]:
    """As :func:`adopt`; its result has ``made``, the metered calls by connection and kind, to be entered.

    ``runtime`` must work on a snapshot: raises ``ValueError`` otherwise.
    """
    if not isinstance(runtime.ledger, Snapshot):
        raise ValueError("a dry run of adopt on the ledger itself")
    connection, _ = runtime.settings.dingtalk_of(pipeline.settings)
    month = meters.month_of(runtime.clock.now())
    before = await runtime.ledger.read(meters.kinds, connection, month)
    async with contextlib.aclosing(adopt(runtime, pipeline, yes=yes, is_heard=False)) as steps:
        async for told in steps:
            if told["phase"] == "done":
                after = await runtime.ledger.read(meters.kinds, connection, month)
                made = {kind: number - before.get(kind, 0) for kind, number in after.items()}
                told = {
                    **told,
                    "made": {connection: {kind: number for kind, number in made.items() if number}},
                }
            elif told["phase"] == "pause":
                continue  # nothing is
            yield told
