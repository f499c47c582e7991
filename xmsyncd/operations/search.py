"""Find records as people remember them: by a number, an id, or a part of a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from xmsyncd.ledger import queries, searching
from xmsyncd.ledger.searching import Match
from xmsyncd.operations.failure_list import name_component
from xmsyncd.operations.runtime import PipelineRuntime, Runtime

SHOWN: Final = 50

# Enough to choose the best from; whoever meant one of more has to say more.
_COLLECTED: Final = 500


async def search(runtime: Runtime, pipelines: Sequence[PipelineRuntime], text: str) -> dict[str, Any]:
    """``{"text", "is_cut", "records": [{"pipeline", "source_id", "key", "name", "state", "instance_id"}]}``.

    The best matches first, at most :data:`SHOWN`; ``is_cut`` where there were more.
    """
    text = text.strip()
    found: list[tuple[PipelineRuntime, Match]] = []
    for pipeline in pipelines if text else ():
        after: int | None = 0
        while after is not None and len(found) < _COLLECTED:
            some, after = await runtime.ledger.read(searching.search, pipeline.name, text, after)
            found += [(pipeline, one) for one in some]
    found.sort(key=lambda one: one[1].rank)
    return {
        "text": text,
        "is_cut": len(found) > SHOWN,
        "records": [await _told(runtime, pipeline, one) for pipeline, one in found[:SHOWN]],
    }


async def _told(runtime: Runtime, pipeline: PipelineRuntime, one: Match) -> dict[str, Any]:
    return {
        "pipeline": pipeline.name,
        "source_id": one.source_id,
        "key": one.key,
        "name": await runtime.ledger.read(queries.name_of, one.record_id, name_component(pipeline)),
        "state": one.state,
        "instance_id": one.instance_id,
    }
