"""One pipeline put together from its settings and what it shares with the others."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from xmsyncd.clock import Clock
from xmsyncd.cycle.current_mapping import CurrentMapping
from xmsyncd.cycle.cycle import Cycle
from xmsyncd.cycle.loop import CycleLoop
from xmsyncd.cycle.parts import CycleParts
from xmsyncd.cycle.shape import Shaper
from xmsyncd.delivery.delivery import Delivery
from xmsyncd.delivery.parts import DeliveryOptions, DeliveryParts, FormCheck
from xmsyncd.delivery.policy import SendingRules
from xmsyncd.delivery.read_meter import ReadMeter
from xmsyncd.delivery.waiting import Bell
from xmsyncd.flow.limiter import Limiter
from xmsyncd.flow.quota import Account
from xmsyncd.heartbeat import Heartbeats
from xmsyncd.hook.process import Hook
from xmsyncd.ledger import Ledger, meters, pipelines
from xmsyncd.ledger.meters import Meter
from xmsyncd.ledger.views import PipelineView
from xmsyncd.observe.events import RECONCILE_RING, Events
from xmsyncd.observe.gauges import Gauges
from xmsyncd.observe.metrics import Metrics
from xmsyncd.okki.client import OkkiClient
from xmsyncd.okki.resources import resource_of
from xmsyncd.operations.approve import guard_rules
from xmsyncd.operations.components import component_findings
from xmsyncd.operations.findings import FindingState
from xmsyncd.operations.limits import Limits
from xmsyncd.operations.rehearsal import Overheard, Rehearsal
from xmsyncd.operations.runtime import Pace, PipelineRuntime
from xmsyncd.operations.scheduled_reconcile import first_after
from xmsyncd.operations.vendors import mapping_of, mark_of, shapes_of
from xmsyncd.records import Operation, StopReason
from xmsyncd.schedule import Schedule
from xmsyncd.settings import DingtalkSettings, PipelineSettings, ReadBack, Settings, read_tables
from xmsyncd.steps import StepListener, nobody_listens
from xmsyncd.transform import derived
from xmsyncd.transform.mapping import FieldMapping
from xmsyncd.transform.tables import Tables
from xmsyncd.yida import wire
from xmsyncd.yida.client import YidaClient
from xmsyncd.yida.writers import ProcessWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all pipelines share."""

    settings: Settings
    ledger: Ledger
    schedule: Schedule
    limits: Limits
    okki: Mapping[str, OkkiClient]
    yida: Mapping[str, YidaClient]
    tables: Tables
    metrics: Metrics
    events: Events
    gauges: Gauges
    heartbeats: Heartbeats
    stopping: asyncio.Event
    clock: Clock
    rng: random.Random
    step: StepListener
    bootstrap: bool
    bells: dict[str, Bell] = field(default_factory=dict)
    """By form: a key that one pipeline frees may wake a record of another that writes to the same form."""


async def wire_pipeline(
    shared: Shared, name: str, hook: Hook | None
) -> tuple[PipelineRuntime, ProcessWriter]:
    """One pipeline and its target, registered in the ledger and on the schedule; nothing of it runs yet."""
    settings, ledger, clock, events = shared.settings, shared.ledger, shared.clock, shared.events
    pipeline = settings.pipelines[name]
    form = pipeline.target.form
    registered = await _registered(shared, name)
    client = shared.okki[settings.okki_of(pipeline)[0]]
    mapping_for = functools.partial(_current_mapping, settings, name, shared.tables, clock, hook)
    current = mapping_for(client)
    bell = shared.bells.setdefault(form, Bell())
    shaper = _shaper(
        name,
        pipeline,
        current,
        client,
        ledger,
        clock,
        tree_changed=functools.partial(events.group_tree_changed, name),
    )
    cycle_parts = CycleParts(
        pipeline=name,
        form=form,
        ledger=ledger,
        client=client,
        resource=resource_of(pipeline.source),
        source=pipeline.source,
        on_change=pipeline.target.on_change,
        guard=guard_rules(pipeline.guard),
        mark=mark_of(pipeline),
        shaper=shaper,
        staged=bell.ring,
        clock=clock,
        events=events,
        step=shared.step,
    )
    loop = CycleLoop(
        Cycle(cycle_parts),
        shared.stopping,
        finished=lambda report: shared.gauges.tell_clocks(),
        watched=functools.partial(shared.heartbeats.watched, f"cycle of {name}"),
    )
    targets = _targets(shared, pipeline, current.mapping)
    target = targets[Account.QUESTIONS]
    delivery_parts = _delivery_parts(shared, name, current.mapping, target, targets[Account.LOOKS], bell)
    reconcile_due = asyncio.Event()
    _schedule(shared, name, registered, loop, reconcile_due)
    runtime = PipelineRuntime(
        name=name,
        form=form,
        settings=pipeline,
        loop=loop,
        shaper=shaper,
        delivery=Delivery(delivery_parts),
        bell=bell,
        target=targets[Account.COMPARISONS],
        told=events,
        reconcile_due=reconcile_due,
        next_run=functools.partial(shared.schedule.next_ring, name),
        pace=_pace_of(delivery_parts.limiters),
        rehearse=functools.partial(_rehearsal, cycle_parts, pipeline, mapping_for),
        mapping_hash=current.mapping.spec_hash,
    )
    return runtime, target


async def _registered(shared: Shared, name: str) -> PipelineView:
    pipeline = shared.settings.pipelines[name]
    dingtalk_name, _ = shared.settings.dingtalk_of(pipeline)
    registered = await shared.ledger.write(
        pipelines.register,
        name,
        pipeline.target.form,
        pipeline.target.key,
        account=shared.settings.okki_of(pipeline)[1].client_id,
        resource=pipeline.source.resource,
        target_connection=dingtalk_name,
    )
    rules = [(rule.rule.value, rule.field or "") for rule in pipeline.quality]
    shared.metrics.declare_pipeline(name, dingtalk_name, rules=rules)
    if registered.stop is not None and registered.stop.reason is StopReason.RESTORED:
        shared.events.pipeline_stopped(name, registered.stop)
    return registered


def _targets(
    shared: Shared, pipeline: PipelineSettings, mapping: FieldMapping
) -> Mapping[Account, ProcessWriter]:
    """The same form for each who reads it: what a read costs is told by who asks."""
    dingtalk_name, dingtalk = shared.settings.dingtalk_of(pipeline)
    client = shared.yida[dingtalk_name]
    meter = _meter(dingtalk_name, dingtalk, shared.clock)
    return {
        account: ProcessWriter(
            client,
            pipeline.target,
            shapes_of(pipeline.written, pipeline.target),
            permit_for=client.permit,
            meter=ReadMeter(shared.ledger, meter, account),
            volatile=mapping.volatile,
        )
        for account in (Account.QUESTIONS, Account.LOOKS, Account.COMPARISONS)
    }


def _delivery_parts(
    shared: Shared, name: str, mapping: FieldMapping, target: ProcessWriter, looks: ProcessWriter, bell: Bell
) -> DeliveryParts:
    pipeline = shared.settings.pipelines[name]
    dingtalk_name, dingtalk = shared.settings.dingtalk_of(pipeline)
    limiters = shared.limits.dingtalk[dingtalk_name]
    return DeliveryParts(
        pipeline=name,
        form=pipeline.target.form,
        ledger=shared.ledger,
        target=target,
        looks=looks,
        limiters={Operation.CREATE: limiters[wire.START], Operation.UPDATE: limiters[wire.UPDATE]},
        authorise=shared.yida[dingtalk_name].authenticate,
        options=_delivery_options(shared.settings, pipeline, mapping, bootstrap=shared.bootstrap),
        check_form=_form_check(name, pipeline, target),
        meter=_meter(dingtalk_name, dingtalk, shared.clock),
        bell=bell,
        heartbeats=shared.heartbeats,
        stopping=shared.stopping,
        clock=shared.clock,
        rng=shared.rng,
        events=shared.events,
        step=shared.step,
    )


def _schedule(
    shared: Shared, name: str, registered: PipelineView, loop: CycleLoop, reconcile_due: asyncio.Event
) -> None:
    pipeline = shared.settings.pipelines[name]
    cycles, comparisons = pipeline.schedule, pipeline.reconcile
    shared.schedule.add(name, every=cycles.every, cron=cycles.cron, ring=loop.ring, first_after=timedelta(0))
    if not comparisons.scheduled:
        return
    by_clock = comparisons.cron
    shared.schedule.add(
        RECONCILE_RING + name,
        every=None if by_clock else comparisons.every,
        cron=by_clock,
        ring=reconcile_due.set,
        first_after=None
        if by_clock
        else first_after(shared.clock.now(), registered.reconciled_at, comparisons.every, shared.rng),
    )


def _current_mapping(
    settings: Settings, name: str, tables: Tables, clock: Clock, hook: Hook | None, client: OkkiClient
) -> CurrentMapping:
    pipeline = settings.pipelines[name]
    return CurrentMapping(
        functools.partial(mapping_of, name, pipeline),
        tables=tables,
        read_tables=functools.partial(_file_tables, settings),
        fetch_fields=functools.partial(client.fetch_fields, resource_of(pipeline.source)),
        keep_fields=pipeline.source.group_cache,
        clock=clock,
        hook=hook,
    )


def _file_tables(settings: Settings, used: frozenset[str]) -> Tables:
    """Those of the used look-up tables that stand in files, as they are now."""
    files = {name: one for name, one in settings.lookups.items() if name in used and one.file is not None}
    tables = read_tables(files)
    return {name: tables[name] for name in files}


def _shaper(
    name: str,
    pipeline: PipelineSettings,
    mapping: CurrentMapping,
    client: OkkiClient,
    ledger: Ledger,
    clock: Clock,
    *,
    tree_changed: Callable[[int], None] = lambda groups: None,
) -> Shaper:
    return Shaper(
        name,
        client,
        resource_of(pipeline.source),
        pipeline.source,
        mapping,
        _group_policies(pipeline),
        mark=mark_of(pipeline),
        on_change=pipeline.target.on_change,
        ledger=ledger,
        clock=clock,
        tree_changed=tree_changed,
    )


def _rehearsal(
    parts: CycleParts,
    pipeline: PipelineSettings,
    mapping_for: Callable[[OkkiClient], CurrentMapping],
    on: Ledger,
    *,
    asks: bool = True,
) -> Rehearsal:
    """The pipeline's cycle on another ledger: the same parts, but nobody else hears of it."""
    requests: Counter[str] = Counter()
    client = parts.client.counting(requests) if asks else parts.client.silent()
    shaper = _shaper(parts.pipeline, pipeline, mapping_for(client), client, on, parts.clock)
    overheard = Overheard()
    own = dataclasses.replace(
        parts,
        ledger=on,
        client=client,
        shaper=shaper,
        staged=lambda: None,
        shaped=overheard.shaped,
        events=overheard,
        step=nobody_listens,
    )
    return Rehearsal(own, overheard, requests)


def _group_policies(pipeline: PipelineSettings) -> derived.GroupPolicies:
    source = pipeline.source
    return derived.GroupPolicies(
        unknown_group=source.unknown_group,
        deeper_groups=source.deeper_groups,
        single_level=source.single_level,
    )


def _delivery_options(
    settings: Settings,
    pipeline: PipelineSettings,
    mapping: FieldMapping,
    *,
    bootstrap: bool,
) -> DeliveryOptions:
    chosen = settings.delivery
    rules = SendingRules(
        read_back=pipeline.target.read_back is ReadBack.ALWAYS,
        read_back_after=tuple(chosen.read_back_after),
        first_creates=chosen.first_creates,
        suspects_before_stop=chosen.suspects_before_stop,
        undecided_streak=chosen.undecided_streak,
        retry_base=chosen.retry_base,
        retry_cap=chosen.retry_cap,
        probe_every=chosen.probe_every,
        mapping_hash=mapping.spec_hash,
    )
    return DeliveryOptions(
        rules=rules,
        in_flight=chosen.in_flight,
        resend_limit=chosen.resends,
        drain=chosen.drain,
        bootstrap=bootstrap,
    )


def _form_check(name: str, pipeline: PipelineSettings, target: ProcessWriter) -> FormCheck:
    async def check_form() -> str:
        found = component_findings(
            f"pipelines.{name}", pipeline.written, pipeline.target.key, await target.definitions()
        )
        return "; ".join(
            f"{one.what}: {one.found}, {one.expected}" for one in found if one.state is FindingState.FAILED
        )

    return check_form


def _meter(name: str, dingtalk: DingtalkSettings, clock: Clock) -> Callable[[], Meter]:
    def meter() -> Meter:
        month = meters.month_of(clock.now())
        return Meter(name, month, dingtalk.monthly_calls, dingtalk.reserve_calls)

    return meter


def _pace_of(limiters: Mapping[Operation, Limiter]) -> Callable[[], Mapping[str, Pace]]:
    return lambda: {operation: Pace(one.rate, one.paused_for) for operation, one in limiters.items()}
