"""The composition root: opens every part in order in one stack, and closes them in reverse.

One long, straight function builds everything, so that what depends on what can be read from top to bottom.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry

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
from xmsyncd.hook.process import Hook
from xmsyncd.ledger import Ledger, meters, pipelines
from xmsyncd.ledger.meters import Meter
from xmsyncd.lifecycle import Tasks
from xmsyncd.notify.notifier import Notifier
from xmsyncd.observe.events import RECONCILE_RING, Events
from xmsyncd.observe.gauges import Gauges, RateSource, SkewSource
from xmsyncd.observe.labels import Api
from xmsyncd.observe.metrics import Metrics
from xmsyncd.observe.notify_events import NotifyEvents
from xmsyncd.observe.quota import Quota
from xmsyncd.okki.client import OkkiClient
from xmsyncd.okki.resources import resource_of
from xmsyncd.operations.approve import guard_rules
from xmsyncd.operations.components import component_findings
from xmsyncd.operations.findings import FindingState
from xmsyncd.operations.limits import Limits, RateKeeper, make_limits
from xmsyncd.operations.rehearsal import Overheard, Rehearsal
from xmsyncd.operations.runtime import ClockOffset, LimitNow, Pace, PipelineRuntime, Runtime
from xmsyncd.operations.scheduled_reconcile import ScheduledReconcile, first_after
from xmsyncd.operations.upkeep import Upkeep
from xmsyncd.operations.vendors import (
    mapping_of,
    mark_of,
    okki_client,
    open_hook,
    shapes_of,
    yida_client,
)
from xmsyncd.records import Operation, StopReason
from xmsyncd.schedule import Schedule
from xmsyncd.settings import DingtalkSettings, PipelineSettings, ReadBack, Settings, read_tables
from xmsyncd.steps import StepListener, nobody_listens
from xmsyncd.transform import derived
from xmsyncd.transform.mapping import FieldMapping
from xmsyncd.transform.tables import Tables
from xmsyncd.transport.session import open_session
from xmsyncd.yida import wire
from xmsyncd.yida.client import YidaClient
from xmsyncd.yida.writers import ProcessWriter

# What a delivery may need after its drain to commit the calls that it cut off.
_SETTLING = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class App:
    """The open daemon. ``runtime`` is what operations work on; the rest is for whoever runs it."""

    runtime: Runtime
    schedule: Schedule
    events: Events
    registry: CollectorRegistry
    gauges: Gauges
    targets: Mapping[str, ProcessWriter]
    okki: Mapping[str, OkkiClient]
    yida: Mapping[str, YidaClient]
    limits: Limits
    rates: RateKeeper
    notifier: Notifier

    async def start(self, tasks: Tasks, *, delivers: bool = True) -> None:
        """Start the deliveries and cycle loops; what a dead process left on its way is undecided first."""
        for pipeline in self.runtime.pipelines.values():
            await pipeline.delivery.prepare()
        tasks.start("rates", self.rates.run(self.runtime.stopping))
        for pipeline in self.runtime.pipelines.values():
            if delivers:
                tasks.start(f"delivery of {pipeline.name}", pipeline.delivery.run())
                compared = ScheduledReconcile(self.runtime, pipeline, self.events)
                tasks.start(f"comparisons of {pipeline.name}", compared.run())
            tasks.start(f"cycles of {pipeline.name}", pipeline.loop.run())
        runtime = self.runtime
        upkeep = Upkeep(
            runtime.ledger,
            runtime.settings.ledger,
            clock=runtime.clock,
            thinned=self.events.ledger_thinned,
        )
        tasks.start("upkeep of the ledger", upkeep.run(runtime.stopping))

    @contextlib.asynccontextmanager
    async def running(self, *, delivers: bool = True) -> AsyncIterator[Tasks]:
        """Deliveries and cycle loops run inside this block; on leaving it they drain within their bound.

        Without ``delivers`` only the cycles run: everything is staged, and nothing is sent.
        A task that dies sets ``stopping``; its error is raised when the block is left.
        """
        tasks = Tasks(
            self.runtime.stopping, died=self.events.task_died, left_behind=self.events.task_left_behind
        )
        try:
            await self.start(tasks, delivers=delivers)
            yield tasks
        finally:
            # A little longer than the deliveries' own bound, after which they settle what they cut off.
            await tasks.drain(self.runtime.settings.delivery.drain + _SETTLING)
        if tasks.death is not None:
            raise tasks.death.error or RuntimeError(str(tasks.death))


@contextlib.asynccontextmanager
async def open_app(
    settings: Settings,
    *,
    clock: Clock,
    rng: random.Random,
    registry: CollectorRegistry,
    bootstrap: bool = False,
    step: StepListener = nobody_listens,
    opened: Ledger | None = None,
) -> AsyncIterator[App]:
    """Open everything in order; close it in reverse. Nothing is sent before :meth:`App.running`.

    ``opened`` is a ledger that is open already, and stays so; without one that of the settings is opened.
    Raises ``LedgerHeldError`` when another process holds the ledger and ``LedgerError`` when it cannot
    be used. ``bootstrap`` allows the first create into a form that is not empty.
    """
    async with contextlib.AsyncExitStack() as stack:
        stopping = asyncio.Event()
        metrics = Metrics(registry)
        for name in settings.okki:
            metrics.declare_connection(Api.OKKI, name)
        for name in settings.dingtalk:
            metrics.declare_connection(Api.DINGTALK, name)
        events = Events(metrics, monotonic=clock.monotonic, repeat_every=settings.log.repeat_every)
        ledger = opened
        if ledger is None:
            ledger = await stack.enter_async_context(Ledger(settings.ledger.path, clock=clock))
        kept = None if ledger.migrated is None else str(ledger.migrated)
        events.ledger_opened(str(ledger.path), ledger.identity, copy_kept=kept)
        session = await stack.enter_async_context(open_session())
        zone = settings.zone
        limits = make_limits(
            settings, clock=clock, told=events.api_paused, remembered=await RateKeeper.load(ledger)
        )
        okki = {
            name: okki_client(settings, name, session, limiter=limiter, clock=clock, rng=rng, observer=events)
            for name, limiter in limits.okki.items()
        }
        yida = {
            name: yida_client(settings, name, session, limiters=limiters, clock=clock, observer=events)
            for name, limiters in limits.dingtalk.items()
        }
        gauges = Gauges(
            ledger,
            metrics,
            clock=clock,
            pipelines=tuple(settings.pipelines),
            quotas=[
                Quota(name, one.monthly_calls, one.reserve_calls) for name, one in settings.dingtalk.items()
            ],
            rates=[
                RateSource(one.name.connection, Api(one.name.api), one.name.endpoint, _rate_of(one))
                for one in limits
            ],
            skews=[
                *(SkewSource(name, Api.OKKI, _offset_of(client)) for name, client in okki.items()),
                *(SkewSource(name, Api.DINGTALK, _offset_of(client)) for name, client in yida.items()),
            ],
            clock_told=events.clock_told,
        )
        schedule = Schedule(zone, trouble=events.ring_troubled)
        tables = read_tables(settings.lookups)
        targets: dict[str, ProcessWriter] = {}
        bells: dict[str, Bell] = {}
        runtimes: dict[str, PipelineRuntime] = {}
        for name, pipeline in settings.pipelines.items():
            form = pipeline.target.form
            okki_name, okki_settings = settings.okki_of(pipeline)
            dingtalk_name, dingtalk = settings.dingtalk_of(pipeline)
            registered = await ledger.write(
                pipelines.register,
                name,
                form,
                pipeline.target.key,
                account=okki_settings.client_id,
                resource=pipeline.source.resource,
                target_connection=dingtalk_name,
            )
            metrics.declare_pipeline(
                name, dingtalk_name, rules=[rule.rule.value for rule in pipeline.quality]
            )
            if registered.stop is not None and registered.stop.reason is StopReason.RESTORED:
                events.pipeline_stopped(name, registered.stop)
            limiters = limits.dingtalk[dingtalk_name]
            hook = await stack.enter_async_context(open_hook(settings, name))
            mapping_for = functools.partial(_current_mapping, settings, name, tables, clock, hook)
            current = mapping_for(okki[okki_name])
            mapping, shapes = current.mapping, shapes_of(pipeline.written, pipeline.target)
            meter = _meter(dingtalk_name, dingtalk, clock)
            targets[name], looks, compares = (
                ProcessWriter(
                    yida[dingtalk_name],
                    pipeline.target,
                    shapes,
                    permit_for=yida[dingtalk_name].permit,
                    meter=ReadMeter(ledger, meter, account),
                    volatile=mapping.volatile,
                )
                for account in (Account.QUESTIONS, Account.LOOKS, Account.COMPARISONS)
            )
            # A key that one pipeline frees may wake a record of another that writes to the same form.
            bell = bells.setdefault(form, Bell())
            resource = resource_of(pipeline.source)
            shaper = _shaper(
                name,
                pipeline,
                current,
                okki[okki_name],
                ledger,
                clock,
                tree_changed=functools.partial(events.group_tree_changed, name),
            )
            parts = CycleParts(
                pipeline=name,
                form=form,
                ledger=ledger,
                client=okki[okki_name],
                resource=resource,
                source=pipeline.source,
                on_change=pipeline.target.on_change,
                guard=guard_rules(pipeline.guard),
                mark=mark_of(pipeline),
                shaper=shaper,
                staged=bell.ring,
                clock=clock,
                events=events,
                step=step,
            )
            cycle = Cycle(parts)
            loop = CycleLoop(cycle, stopping, finished=lambda report: gauges.tell_clocks())
            own_limits = {Operation.CREATE: limiters[wire.START], Operation.UPDATE: limiters[wire.UPDATE]}
            delivery_parts = DeliveryParts(
                pipeline=name,
                form=form,
                ledger=ledger,
                target=targets[name],
                looks=looks,
                limiters=own_limits,
                authorise=yida[dingtalk_name].authenticate,
                options=_delivery_options(settings, pipeline, mapping, bootstrap=bootstrap),
                check_form=_form_check(name, pipeline, targets[name]),
                meter=meter,
                bell=bell,
                stopping=stopping,
                clock=clock,
                rng=rng,
                events=events,
                step=step,
            )
            schedule.add(
                name,
                every=pipeline.schedule.every,
                cron=pipeline.schedule.cron,
                ring=loop.ring,
                first_after=timedelta(0),
            )
            reconcile_due = asyncio.Event()
            chosen = pipeline.reconcile
            if chosen.scheduled:
                schedule.add(
                    RECONCILE_RING + name,
                    every=None if chosen.cron else chosen.every,
                    cron=chosen.cron,
                    ring=reconcile_due.set,
                    first_after=None
                    if chosen.cron
                    else first_after(clock.now(), registered.reconciled_at, chosen.every, rng),
                )
            runtimes[name] = PipelineRuntime(
                name=name,
                form=form,
                settings=pipeline,
                loop=loop,
                shaper=shaper,
                delivery=Delivery(delivery_parts),
                bell=bell,
                target=compares,
                told=events,
                reconcile_due=reconcile_due,
                next_run=_next_run(schedule, name),
                pace=_pace_of(own_limits),
                rehearse=functools.partial(_rehearsal, parts, pipeline, mapping_for),
                mapping_hash=mapping.spec_hash,
            )
        runtime = Runtime(
            settings=settings,
            ledger=ledger,
            clock=clock,
            stopping=stopping,
            pipelines=runtimes,
            limits=lambda: [_limit_now(one) for one in limits],
            clocks=lambda: [ClockOffset(one.connection, one.api, one.offset()) for one in gauges.skews],
        )
        notify_events = NotifyEvents(
            metrics, monotonic=clock.monotonic, repeat_every=settings.log.repeat_every
        )
        yield App(
            runtime,
            schedule,
            events,
            registry,
            gauges,
            targets,
            okki,
            yida,
            limits,
            RateKeeper(ledger, limits, clock=clock),
            Notifier(settings, ledger, session, clock=clock, events=notify_events),
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


def _limit_now(one: Limiter) -> LimitNow:
    name = one.name
    return LimitNow(
        name.connection, name.api, name.endpoint, one.rate, one.ceiling, one.paused_for, one.pause_code
    )


def _rate_of(limiter: Limiter) -> Callable[[], float]:
    return lambda: limiter.rate


def _pace_of(limiters: Mapping[Operation, Limiter]) -> Callable[[], Mapping[str, Pace]]:
    return lambda: {operation: Pace(one.rate, one.paused_for) for operation, one in limiters.items()}


def _offset_of(client: OkkiClient | YidaClient) -> Callable[[], timedelta | None]:
    return lambda: client.clock_offset


def _next_run(schedule: Schedule, name: str) -> Callable[[], datetime | None]:
    def next_run() -> datetime | None:
        return schedule.next_ring(name)

    return next_run
