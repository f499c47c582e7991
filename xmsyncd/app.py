"""The composition root: opens every part in order in one stack, and closes them in reverse.

What all pipelines share is opened here; what each has of its own is put together in :mod:`xmsyncd.wiring`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from prometheus_client import CollectorRegistry

from xmsyncd.clock import Clock
from xmsyncd.flow.limiter import Limiter
from xmsyncd.heartbeat import Heartbeats
from xmsyncd.ledger import Ledger
from xmsyncd.lifecycle import Tasks
from xmsyncd.notify.notifier import Notifier
from xmsyncd.observe.events import Events
from xmsyncd.observe.gauges import Gauges, RateSource, SkewSource
from xmsyncd.observe.labels import Api
from xmsyncd.observe.metrics import Metrics
from xmsyncd.observe.notify_events import NotifyEvents
from xmsyncd.observe.quota import Quota
from xmsyncd.okki.client import OkkiClient
from xmsyncd.operations.limits import Limits, RateKeeper, make_limits
from xmsyncd.operations.runtime import ClockOffset, LimitNow, PipelineRuntime, Runtime
from xmsyncd.operations.scheduled_reconcile import ScheduledReconcile
from xmsyncd.operations.upkeep import Upkeep
from xmsyncd.operations.vendors import (
    okki_client,
    open_hook,
    yida_client,
)
from xmsyncd.schedule import Schedule
from xmsyncd.settings import Settings, read_tables
from xmsyncd.steps import StepListener, nobody_listens
from xmsyncd.transport.session import open_session
from xmsyncd.wiring import Shared, wire_pipeline
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
    heartbeats: Heartbeats
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
            bound = self.runtime.settings.delivery.drain + _SETTLING
            late = await tasks.drain(bound)
            if late:
                self.events.tasks_cut_off(late, bound)
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
            away=events.vendors_away,
        )
        heartbeats = Heartbeats(clock.monotonic)
        schedule = Schedule(settings.zone, trouble=events.ring_troubled)
        runtimes: dict[str, PipelineRuntime] = {}
        targets: dict[str, ProcessWriter] = {}
        shared = Shared(
            settings=settings,
            ledger=ledger,
            schedule=schedule,
            limits=limits,
            okki=okki,
            yida=yida,
            tables=read_tables(settings.lookups),
            metrics=metrics,
            events=events,
            gauges=gauges,
            heartbeats=heartbeats,
            stopping=stopping,
            clock=clock,
            rng=rng,
            step=step,
            bootstrap=bootstrap,
        )
        for name in settings.pipelines:
            hook = await stack.enter_async_context(open_hook(settings, name))
            runtimes[name], targets[name] = await wire_pipeline(shared, name, hook)
        runtime = Runtime(
            settings=settings,
            ledger=ledger,
            clock=clock,
            stopping=stopping,
            pipelines=runtimes,
            limits=lambda: [_limit_now(one) for one in limits],
            away=events.vendors_away,
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
            heartbeats,
            targets,
            okki,
            yida,
            limits,
            RateKeeper(ledger, limits, clock=clock),
            Notifier(settings, ledger, session, clock=clock, events=notify_events, away=events.vendors_away),
        )


def _limit_now(one: Limiter) -> LimitNow:
    name = one.name
    return LimitNow(
        name.connection, name.api, name.endpoint, one.rate, one.ceiling, one.paused_for, one.pause_code
    )


def _rate_of(limiter: Limiter) -> Callable[[], float]:
    return lambda: limiter.rate


def _offset_of(client: OkkiClient | YidaClient) -> Callable[[], timedelta | None]:
    return lambda: client.clock_offset
