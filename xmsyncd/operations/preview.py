"""One product through the mapping, step by step, and what would become of it; nothing is written."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, assert_never

from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.cycle.progress import CycleReport
from xmsyncd.cycle.shape import TRANSFORM, Explained
from xmsyncd.errors import ConfigurationError, Fault, UnknownProductError
from xmsyncd.ledger import Ledger, documents, rows, staging
from xmsyncd.ledger.queries import iso
from xmsyncd.ledger.sameness import Holding
from xmsyncd.ledger.states import visible_state
from xmsyncd.ledger.times import to_ms
from xmsyncd.ledger.views import StageDecision, StageEntry
from xmsyncd.okki.wire import item_from
from xmsyncd.operations.changes import differing, labels_of
from xmsyncd.operations.rehearsal import Rehearsal, read_progress, rehearsed_on
from xmsyncd.operations.runtime import PipelineRuntime, Runtime
from xmsyncd.records import Draft, Filtered, Item, QualityFinding, Rejection, RejectionReason, SourceId
from xmsyncd.settings import FieldSettings
from xmsyncd.transform.mapping import Step
from xmsyncd.yida.kinds import kind_of

Json = dict[str, Any]


async def preview(
    runtime: Runtime, pipelines: Sequence[PipelineRuntime], key: str
) -> AsyncGenerator[dict[str, Any]]:
    """Yields ``{"phase": "read", …}`` and at last ``{"phase": "done", "products": […]}``, one for each
    pipeline that has the product, as :func:`_told` has it.

    Raises the errors of a read, and ``UnknownProductError`` where OKKI shows none of them such a product.
    """
    products: list[Json] = []
    unknown: UnknownProductError | None = None
    async with rehearsed_on(runtime.ledger) as snapshot:
        for pipeline in pipelines:
            rehearsal = pipeline.rehearse(snapshot)
            rehearsal.overheard.keeps_entries = True
            try:
                steps = rehearsal.run(CycleRequest(only=key), runtime.stopping)
                async with contextlib.aclosing(steps):
                    async for step in steps:
                        if not isinstance(step, CycleReport):
                            yield read_progress(pipeline.name, step)
            except UnknownProductError as error:
                unknown = error
                continue
            entries = rehearsal.overheard.entries
            if not entries:
                products.append({"pipeline": pipeline.name, "is_deleted": True, "key": key})
                continue
            products.append(await _of_entry(pipeline, snapshot, rehearsal, entries[-1]))
    if not products and unknown is not None:
        raise unknown
    yield {"phase": "done", "products": products}


async def preview_item(runtime: Runtime, pipeline: PipelineRuntime, given: Any) -> Json:
    """The same for a product that a person has in a file; OKKI is not asked.

    ``given`` is the product as the list shows it, alone or under ``item`` (with its ``detail`` beside it), or
    an answer of OKKI's with one product in it. Raises ``ConfigurationError`` for anything else.
    """
    raw, detail = _product_in(given)
    async with rehearsed_on(runtime.ledger) as snapshot:
        rehearsal = pipeline.rehearse(snapshot, asks=False)
        resource = rehearsal.parts.resource
        item = item_from(
            raw,
            runtime.settings.zone,
            id_field=resource.id_field,
            updated_field=resource.updated_field,
        )
        if item is None:
            raise _no_product(f"an object without a usable {resource.id_field}")
        shown = {**(detail or {}), **raw}
        recalled = await rehearsal.shaper.recall(shown)
        explained = await rehearsal.shaper.explain(item, detail)
        await rehearsal.stage(StageEntry(item, explained.result, detail, rehearsal.shaper.context))
        told = await _told(pipeline, snapshot, rehearsal, item, detail, explained)
        return {
            **told,
            "missing": sorted(explained.needs - shown.keys() - _made_by_function(explained)),
            "groups_known": recalled.groups,
            "fields_known": recalled.fields,
            "fields_unknown": list(recalled.unknown_fields),
        }


def _made_by_function(explained: Explained) -> set[str]:
    """The fields that a product has from the function of ``transform``, not from OKKI."""
    return {name for step in explained.steps if step.component == TRANSFORM for name in step.output or ()}


def _product_in(given: Any) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
    found = given
    if isinstance(found, Mapping) and isinstance(found.get("data"), (Mapping, list)):
        found = found["data"]
    if isinstance(found, Mapping) and isinstance(found.get("list"), list):
        found = found["list"]
    if isinstance(found, list):
        if len(found) != 1:
            raise _no_product(f"a list of {len(found)}")
        found = found[0]
    if isinstance(found, Mapping) and isinstance(found.get("item"), Mapping):
        detail = found.get("detail")
        return found["item"], detail if isinstance(detail, Mapping) else None
    if not isinstance(found, Mapping):
        raise _no_product(type(found).__name__)
    return found, None


def _no_product(found: str) -> ConfigurationError:
    expected = 'one record as OKKI lists it, {"product_id": …}, or {"item": {…}, "detail": {…}}'
    return ConfigurationError([Fault("--item", found, expected)])


async def _of_entry(
    pipeline: PipelineRuntime, snapshot: Ledger, rehearsal: Rehearsal, entry: StageEntry
) -> Json:
    item, detail = entry.item, entry.detail
    if entry.result is None:
        known = await snapshot.read(staging.listed, pipeline.name, [item.source_id])
        detail = known[item.source_id].detail
    explained = await rehearsal.shaper.explain(item, detail)
    return await _told(pipeline, snapshot, rehearsal, item, detail, explained)


async def _told(
    pipeline: PipelineRuntime,
    snapshot: Ledger,
    rehearsal: Rehearsal,
    item: Item,
    detail: Mapping[str, Any] | None,
    explained: Explained,
) -> Json:
    """``item`` and ``detail`` as OKKI shows them, ``used`` (the fields that the mapping looks at), ``beside``
    (what it uses besides), ``steps`` (one for each component), ``result``, ``decision`` and ``record`` (what
    the ledger knows), ``changes``."""
    labels = labels_of(pipeline)
    entries = {one.field: one for one in pipeline.settings.written}
    record = await snapshot.read(_record, pipeline.name, item.source_id)
    return {
        "pipeline": pipeline.name,
        "is_deleted": False,
        "source_id": item.source_id,
        "updated_at": iso(to_ms(item.updated_at)),
        "item": dict(item.raw),
        "detail": None if detail is None else dict(detail),
        "used": sorted(explained.needs),
        "beside": dict(explained.beside),
        "steps": [_step(one, entries.get(one.component)) for one in explained.steps],
        "result": _result(explained.result),
        "findings": [
            {**asdict(one), "label": labels.get(one.component, "")} for one in _findings(explained.result)
        ],
        **record,
        "changes": _changes(explained.result, record, labels),
        "okki": dict(rehearsal.requests),
    }


def _step(step: Step, entry: FieldSettings | None) -> Json:
    declared = entry.type if entry else ""
    named = entry.component_name if entry else None
    return {
        "component": step.component,
        "label": step.label,
        "type": str(declared),
        "kind": str(kind_of(named or step.component, declared)),
        "template": step.template,
        "inputs": dict(step.inputs),
        "given": step.given,
        "rules": [{"rule": rule, "result": result} for rule, result in step.rules],
        "output": step.output,
        "fault": step.fault,
    }


def _findings(result: Draft | Filtered | Rejection) -> tuple[QualityFinding, ...]:
    """What rules found of it, those about the record as a whole among them."""
    return () if isinstance(result, Filtered) else result.findings


def _result(result: Draft | Filtered | Rejection) -> Json:
    match result:
        case Draft():
            return {"is": "draft", "key": result.key, "content": dict(result.content)}
        case Rejection():
            return {
                "is": "rejection",
                "key": result.key,
                "reason": result.reason,
                "component": result.component,
                "detail": result.detail,
            }
        case Filtered():
            return {
                "is": "filtered",
                "key": result.key,
                "reason": RejectionReason.FILTERED,
                "component": None,
                "detail": result.detail,
            }
        case _:
            assert_never(result)


def _record(connection: sqlite3.Connection, pipeline: str, source_id: SourceId) -> Json:
    """What staging has made of it. A record that OKKI's list left out has none."""
    row = connection.execute(
        """SELECT r.id, r.decision, r.block_detail, r.instance_id, r.delivered_ms, c.delivered,
               c.left_in_yida,
               r.desired, r.rejection, r.rejection_detail
           FROM records r JOIN contents c ON c.record_id = r.id WHERE r.pipeline = ? AND r.source_id = ?""",
        (pipeline, source_id),
    ).fetchone()
    if row is None:
        return {"decision": StageDecision.FILTERED, "record": None}
    return {
        "decision": row["decision"],
        "record": {
            "state": visible_state(rows.load(connection, row["id"]).state),
            "reason": row["rejection"] if row["desired"] == "rejection" else None,
            "detail": row["rejection_detail"] if row["desired"] == "rejection" else row["block_detail"],
            "instance_id": row["instance_id"],
            "delivered_at": iso(row["delivered_ms"]),
            "delivered": None if row["delivered"] is None else documents.load(row["delivered"]),
            "left_in_yida": None if row["left_in_yida"] is None else documents.load(row["left_in_yida"]),
        },
    }


def _changes(result: Draft | Filtered | Rejection, record: Json, labels: Mapping[str, str]) -> list[Json]:
    if not isinstance(result, Draft) or record["decision"] == StageDecision.UNCHANGED:
        return []
    known = record["record"] or {}
    delivered = known.get("delivered")
    holding = None if delivered is None else Holding(delivered, known["left_in_yida"])
    return differing(holding, result.content, labels)
