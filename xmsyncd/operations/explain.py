"""The life of one record, as the ledger tells it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xmsyncd.ledger import queries
from xmsyncd.operations import quality
from xmsyncd.operations.exit_status import UnknownRecordError
from xmsyncd.operations.failure_list import name_component
from xmsyncd.operations.runtime import PipelineRuntime, Runtime


async def explain(runtime: Runtime, pipelines: Sequence[PipelineRuntime], name: str) -> dict[str, Any]:
    """``{"name", "records": [{"pipeline", "labels", "name", …}]}``, the rest as in :func:`queries.explain`.

    ``name`` is a key, an OKKI id or an instance id; ``labels`` are the components' names by id,
    a record's ``name`` is what people call the product. Raises
    ``UnknownRecordError`` when no pipeline has such a record.
    """
    records: list[dict[str, Any]] = []
    for pipeline in pipelines:
        labels = {one.field: one.label for one in pipeline.settings.written if one.label}
        records += [
            {"pipeline": pipeline.name, "labels": labels, **life}
            for life in await runtime.ledger.read(queries.explain, pipeline.name, name)
        ]
        component = name_component(pipeline)
        for life in records:
            if life["pipeline"] == pipeline.name:
                life["quality"] = quality.story(
                    pipeline.settings, pipeline.shaper.quality, life["record"], life["findings"]
                )
                life["name"] = await runtime.ledger.read(queries.name_of, life["record"]["id"], component)
    if not records:
        raise unknown_record(name, pipelines)
    return {"name": name, "records": records}


def unknown_record(name: str, pipelines: Sequence[PipelineRuntime]) -> UnknownRecordError:
    """The sentence for a name that nothing answers to."""
    names = ", ".join(pipeline.name for pipeline in pipelines)
    where = f"pipeline {names}" if len(pipelines) == 1 else f"the pipelines {names}"
    return UnknownRecordError(
        f"no record of {where} has {name!r} as its key, its OKKI id or its Yida instance id; "
        "what no cycle has read yet is not known: `xmsyncd preview KEY` asks OKKI for it"
    )
