"""The clients of both vendors, built from settings: for the daemon, and without a ledger for ``check``."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

import aiohttp

from xmsyncd.clock import Clock
from xmsyncd.flow.limiter import Limiter
from xmsyncd.hook.process import Hook
from xmsyncd.ledger.tombstones import Mark
from xmsyncd.okki.client import OkkiClient
from xmsyncd.okki.resources import PRODUCT, RESOURCES
from xmsyncd.operations.limits import make_limits
from xmsyncd.settings import (
    ColumnSettings,
    FieldSettings,
    OnDelete,
    OptionPart,
    PipelineSettings,
    Settings,
    TargetSettings,
    read_tables,
)
from xmsyncd.transform.custom_fields import FieldDictionary
from xmsyncd.transform.derivation_specs import BUILT_IN_TABLES
from xmsyncd.transform.fields import FieldSpec
from xmsyncd.transform.mapping import FieldMapping
from xmsyncd.transform.tables import Tables
from xmsyncd.transport.classify import Verdict
from xmsyncd.transport.reply import Reply
from xmsyncd.transport.session import CallObserver, Transport, open_session
from xmsyncd.yida.client import YidaClient
from xmsyncd.yida.kinds import Shape, shape_of
from xmsyncd.yida.values import Encoder, encode
from xmsyncd.yida.writers import ProcessWriter


class VendorObserver(CallObserver, Protocol):
    """Who counts calls, and knows what their answers meant."""

    def answer_judged(self, connection: str, api: str, endpoint: str, reply: Reply, verdict: Verdict) -> None:
        """What came back from one call, and what it means."""
        ...


def okki_client(
    settings: Settings,
    name: str,
    session: aiohttp.ClientSession,
    *,
    limiter: Limiter,
    clock: Clock,
    rng: random.Random,
    observer: VendorObserver,
) -> OkkiClient:
    """The client of the OKKI connection ``name``."""
    one = settings.okki[name]
    if one.scope is None:
        one = one.model_copy(update={"scope": " ".join(needed_scopes(settings, name))})
    transport = Transport(
        session,
        base_url=one.base_url,
        connection=name,
        api="okki",
        total=one.timeout,
        connect=one.connect_timeout,
        clock=clock,
        observer=observer,
    )
    return OkkiClient(
        one,
        name=name,
        transport=transport,
        limiter=limiter,
        clock=clock,
        random=rng,
        timezone=settings.zone,
        judged=partial(observer.answer_judged, name, "okki"),
    )


def needed_scopes(settings: Settings, connection: str) -> tuple[str, ...]:
    """The scopes that the pipelines of one OKKI connection need, each once, in the order of the file."""
    readers = [one for one in settings.pipelines.values() if settings.okki_of(one)[0] == connection]
    return tuple(dict.fromkeys(RESOURCES[one.source.resource].scope for one in readers)) or (PRODUCT.scope,)


def yida_client(
    settings: Settings,
    name: str,
    session: aiohttp.ClientSession,
    *,
    limiters: Mapping[str, Limiter],
    clock: Clock,
    observer: VendorObserver,
) -> YidaClient:
    """The client of the DingTalk connection ``name``."""
    one = settings.dingtalk[name]
    transport = Transport(
        session,
        base_url=one.base_url,
        connection=name,
        api="dingtalk",
        total=settings.delivery.call_timeout,
        connect=one.connect_timeout,
        clock=clock,
        observer=observer,
    )
    judged = partial(observer.answer_judged, name, "dingtalk")
    return YidaClient(one, name=name, transport=transport, limiters=limiters, clock=clock, judged=judged)


class _Tally:
    """Counts calls in memory, for a command that enters them into the ledger at its end."""

    def __init__(self, counted: Counter[str]) -> None:
        self._counted = counted

    async def take(self, kind: str) -> None:
        """A person asked for it: it goes in any case."""
        self._counted[kind] += 1

    async def give_back(self, kind: str, calls: int) -> None:
        """As told."""
        self._counted[kind] -= calls


class _NobodyCounts:
    """A command that ends in a moment has nobody who reads its metrics."""

    def call_done(self, connection: str, api: str, endpoint: str, result: str, seconds: float) -> None:
        """Nothing."""

    def answer_judged(self, connection: str, api: str, endpoint: str, reply: Reply, verdict: Verdict) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Vendors:
    """Connections by name, mappings and forms by pipeline.

    ``metered`` counts DingTalk's metered calls by connection and kind.
    """

    okki: Mapping[str, OkkiClient]
    yida: Mapping[str, YidaClient]
    mappings: Mapping[str, FieldMapping]
    targets: Mapping[str, ProcessWriter]
    metered: Mapping[str, Counter[str]] = field(default_factory=dict)


@contextlib.asynccontextmanager
async def open_vendors(settings: Settings, *, clock: Clock, rng: random.Random) -> AsyncIterator[Vendors]:
    """Everything that needs no ledger, opened; closed on leaving. Sends nothing by itself."""
    observer: VendorObserver = _NobodyCounts()
    limits = make_limits(settings, clock=clock)
    async with open_session() as session:
        okki = {
            name: okki_client(
                settings,
                name,
                session,
                limiter=limiter,
                clock=clock,
                rng=rng,
                observer=observer,
            )
            for name, limiter in limits.okki.items()
        }
        yida = {
            name: yida_client(settings, name, session, limiters=limiters, clock=clock, observer=observer)
            for name, limiters in limits.dingtalk.items()
        }
        tables = read_tables(settings.lookups)
        for name in settings.pipelines:
            async with open_hook(settings, name):
                pass  # to be told here of what is wrong with it
        mappings = {name: mapping_of(name, pipeline, tables) for name, pipeline in settings.pipelines.items()}
        metered: dict[str, Counter[str]] = {name: Counter() for name in settings.dingtalk}
        targets = {}
        for name, pipeline in settings.pipelines.items():
            connection, _ = settings.dingtalk_of(pipeline)
            tally = metered[connection]
            targets[name] = writer_of(yida[connection], pipeline, pipeline.target, mappings[name], tally)
        yield Vendors(okki, yida, mappings, targets, metered)


def writer_of(
    client: YidaClient,
    pipeline: PipelineSettings,
    target: TargetSettings,
    mapping: FieldMapping,
    metered: Counter[str],
) -> ProcessWriter:
    """The writer of one form; the calls of its reads are counted in ``metered`` by API.

    ``target`` is the pipeline's own, or as a probe tries it.
    """
    return ProcessWriter(
        client,
        target,
        shapes_of(pipeline.written, pipeline.target),
        client.permit,
        meter=_Tally(metered),
        volatile=mapping.volatile,
    )


def shapes_of(entries: Sequence[FieldSettings], target: TargetSettings) -> dict[str, Shape]:
    """How each component is read, in the order of the configuration."""
    by_value = target.options_by is OptionPart.VALUE
    return {
        one.field: shape_of(one.field, one.component_name, one.children, option_values=by_value)
        for one in entries
        if one.field
    }


def mark_of(pipeline: PipelineSettings) -> Mark | None:
    """How a deleted record is marked in Yida; ``None``: it is not."""
    mark = pipeline.target.deleted_mark
    if pipeline.target.on_delete is not OnDelete.MARK or mark is None:
        return None
    return Mark(mark.field, encode(mark.field, "string", mark.value), pipeline.target.key)


@contextlib.asynccontextmanager
async def open_hook(settings: Settings, name: str) -> AsyncIterator[Hook | None]:
    """The function of a pipeline's ``transform``, loaded; ``None`` without one. Raises ConfigurationError."""
    pipeline = settings.pipelines[name]
    if pipeline.transform is None:
        yield None
        return
    hook = Hook(
        Path(settings.hooks_dir),
        pipeline.transform,
        timeout=pipeline.transform_timeout,
        where=f"pipelines.{name}.transform",
    )
    try:
        await hook.load()
        yield hook
    finally:
        await hook.close()


def mapping_of(
    name: str,
    pipeline: PipelineSettings,
    tables: Tables = BUILT_IN_TABLES,
    custom_fields: FieldDictionary | None = None,
) -> FieldMapping:
    """A pipeline's field mapping; raises ``ConfigurationError`` with all of its faults.

    Without OKKI's dictionary custom fields have no value; their names are not judged then.
    """
    return FieldMapping(
        [_field_spec(one, one.children) for one in pipeline.written if one.field],
        [rule.spec() for rule in pipeline.quality],
        pipeline.target.key,
        Encoder(shapes_of(pipeline.written, pipeline.target)),
        where=f"pipelines.{name}",
        derive=[one.spec(derived) for derived, one in pipeline.derive.items()],
        tables=tables,
        custom_fields=custom_fields,
        only=pipeline.where or "",
    )


def _field_spec(entry: ColumnSettings, columns: Sequence[ColumnSettings] = ()) -> FieldSpec:
    parser = entry.parser
    return FieldSpec(
        component=entry.field,
        label=entry.label,
        type=entry.type.value,
        value=entry.value,
        component_name=entry.component_name or "",
        parser=None if parser is None else (parser.name.value, parser.params),
        children=tuple(_field_spec(column) for column in columns if column.field),
    )
