"""The simulation as a service: runs until it is told to stop, for the command line and for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from xmsyncd.simulator.options import SimulatorOptions, options_from_mapping
from xmsyncd.simulator.server import Simulator

__all__ = ["SimulatorOptions", "options_from_mapping", "serve"]


async def serve(
    options: SimulatorOptions, *, ready: Callable[[Simulator], None], stop: asyncio.Event
) -> None:
    """Start, call `ready` once all three URLs are set, and stop when the event is set.

    Raises OSError when a port is taken.
    """
    async with Simulator(options) as simulator:
        ready(simulator)
        await stop.wait()
