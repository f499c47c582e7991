"""The long-running daemon: everything open, the schedule ringing, until a signal or the death of a part."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from prometheus_client import CollectorRegistry

from xmsyncd.app import App, open_app
from xmsyncd.clock import SystemClock
from xmsyncd.console.server import ConsoleServer, Health
from xmsyncd.errors import LedgerError, LedgerHeldError, XmsyncdError
from xmsyncd.lifecycle import Notifier, Tasks, handle_signals
from xmsyncd.notify.notifier import tell_without_ledger
from xmsyncd.operations.socket import OperationServer
from xmsyncd.operations.table import result_of
from xmsyncd.settings import Settings
from xmsyncd.steps import StepListener, nobody_listens
from xmsyncd.watchdog import Watchdog, longest_standstill

# What every open page asks for again and again.
_ASKED_BY_OPEN_PAGES = ("status", "activity")

# Without a word from the ledger for so long, systemd's watchdog is no longer fed. The gauges read it every
# 15 s; behind a backup or a check of a large ledger they may wait for minutes.
_LONGEST_SILENCE = timedelta(minutes=3)

# Commands beside it that open the ledger themselves are done in a moment; another daemon is not.
_A_MOMENT_SECONDS: Final = 5.0
_LOOK_EVERY_SECONDS: Final = 0.1


def nobody_waits(url: str) -> None:
    """What a daemon in service does when it is ready."""


async def run_daemon(
    settings: Settings,
    *,
    bootstrap: bool = False,
    step: StepListener = nobody_listens,
    ready: Callable[[str], None] = nobody_waits,
) -> int:
    """Run until SIGTERM or SIGINT (exit status 143 or 130 after a clean drain); a second one exits at once.

    ``ready`` is told the console's address once everything runs. Raises ``LedgerError`` when the ledger
    cannot be held, ``ConfigurationError`` for an address that cannot be bound, and what a part died of.
    """
    notifier = Notifier(os.environ)
    async with contextlib.AsyncExitStack() as stack:
        try:
            app = await _opened(stack, settings, bootstrap=bootstrap, step=step)
        except LedgerError as error:
            if not isinstance(error, LedgerHeldError):  # then another daemon is at work
                await tell_without_ledger(settings, str(error), SystemClock())
            raise
        runtime = app.runtime

        def told(received: signal.Signals) -> None:
            app.events.daemon_stopping(received.name)

        signals = stack.enter_context(handle_signals(runtime.stopping, told=told))
        await stack.enter_async_context(OperationServer(runtime, failed=app.events.operation_failed))
        async with app.running() as tasks:
            console = _console(app, tasks)
            await console.start()

            watchdog = _watchdog(app, tasks)

            try:
                tasks.start("gauges", app.gauges.run(runtime.stopping, also=app.events.summarise))
                tasks.start("watchdog", notifier.beat(runtime.stopping, healthy=watchdog.is_fed))
                tasks.start("notifications", app.notifier.run(runtime.stopping))
                app.schedule.start()
                app.events.daemon_started(pipelines=sorted(runtime.pipelines), console=console.url)
                notifier.ready()
                ready(console.url)
                await runtime.stopping.wait()
            finally:
                notifier.stopping()
                await app.schedule.shutdown()
                if tasks.death is not None:
                    await app.notifier.died(str(tasks.death))
                await console.stop()
        return 0 if signals.received is None else 128 + signals.received


async def _opened(
    stack: contextlib.AsyncExitStack, settings: Settings, *, bootstrap: bool, step: StepListener
) -> App:
    """The application with its ledger; one that a command holds for a moment is waited for."""
    clock = SystemClock()
    deadline = clock.monotonic() + _A_MOMENT_SECONDS
    while True:
        opening = open_app(
            settings,
            clock=clock,
            rng=random.Random(),
            registry=CollectorRegistry(),
            bootstrap=bootstrap,
            step=step,
        )
        try:
            return await stack.enter_async_context(opening)
        except LedgerHeldError:
            if clock.monotonic() >= deadline:
                raise
            await clock.sleep(_LOOK_EVERY_SECONDS)


def _watchdog(app: App, tasks: Tasks) -> Watchdog:
    settings = app.runtime.settings
    timeouts = [
        settings.delivery.call_timeout,
        *(one.timeout for one in settings.okki.values()),
        *(one.transform_timeout for one in settings.pipelines.values()),
    ]
    return Watchdog(
        app.heartbeats,
        longest_standstill(timeouts),
        died=lambda: tasks.death is not None,
        ledger_answers=lambda: app.gauges.answered_within(_LONGEST_SILENCE),
        told=app.events.watchdog_told,
    )


def _console(app: App, tasks: Tasks) -> ConsoleServer:
    runtime = app.runtime

    async def ask(operation: str, params: Mapping[str, Any]) -> Any:
        try:
            return await result_of(runtime, operation, params)
        except Exception as error:
            if operation in _ASKED_BY_OPEN_PAGES:
                app.events.status_unavailable(error)
            elif not isinstance(error, XmsyncdError):
                app.events.operation_failed(operation, error)
            raise

    def dead() -> str | None:
        return None if tasks.death is None else str(tasks.death)

    def unready() -> list[str]:
        return ["the daemon is stopping"] if runtime.stopping.is_set() else []

    http = runtime.settings.http
    return ConsoleServer(
        host=http.host,
        port=http.port,
        registry=app.registry,
        ask=ask,
        health=Health(dead, unready),
        token=None if http.token is None else http.token.get_secret_value(),
        routes=app.notifier.routes(),
    )
