"""The long-running daemon: everything open, the schedule ringing, until a signal or the death of a part."""

from __future__ import annotations

import os
import random
from prometheus_client import CollectorRegistry

from xmsyncd.app import open_app
from xmsyncd.clock import SystemClock
from xmsyncd.lifecycle import Notifier, handle_signals
from xmsyncd.settings import Settings
from xmsyncd.steps import StepListener, nobody_listens


async def run_daemon(
    settings: Settings, *, bootstrap: bool = False, step: StepListener = nobody_listens
) -> int:
    """Run until SIGTERM or SIGINT (exit status 143 or 130 after a clean drain); a second signal exits at once.

    Raises ``LedgerError`` when the ledger cannot be held, and the error of a part that died.
    """
    notifier = Notifier(os.environ)
    async with open_app(
        settings,
        clock=SystemClock(),
        rng=random.Random(),
        registry=CollectorRegistry(),
        bootstrap=bootstrap,
        step=step,
    ) as app:
        stopping = app.runtime.stopping
        with handle_signals(stopping) as signals:
            async with app.running() as tasks:
                tasks.start("watchdog", notifier.beat(stopping))
                app.schedule.start()
                notifier.ready()
                await stopping.wait()
                notifier.stopping()
                await app.schedule.shutdown()
        return 0 if signals.received is None else 128 + signals.received
