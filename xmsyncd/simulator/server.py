"""The simulation as a whole: both vendors and the control on loopback ports, in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web

from xmsyncd.simulator.catalogue import Catalogue
from xmsyncd.simulator.control import Control
from xmsyncd.simulator.counters import Counters, Vendor
from xmsyncd.simulator.faults import Faults
from xmsyncd.simulator.forms import Form
from xmsyncd.simulator.group_tree import GroupTree
from xmsyncd.simulator.lists import LISTS
from xmsyncd.simulator.okki import Okki
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.oracle import Oracle
from xmsyncd.simulator.times import SimulatedClock
from xmsyncd.simulator.wire import Line
from xmsyncd.simulator.yida import Yida

_SHUTDOWN_SECONDS = 0.2  # callers of a simulation that ends have nothing to wait for


class Simulator:
    """Both vendors, usable in-process with `async with` or through its URLs.

    `catalogue` is OKKI's store of the list `options.resource` (`catalogues` has all of them), `form` the
    Yida form, `faults` what goes wrong, `counters` what was called, `oracle` the judge. All of them may be
    used directly while it runs, from its own event loop.
    """

    def __init__(
        self,
        options: SimulatorOptions | None = None,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.options = options = options or SimulatorOptions()
        self.clock = SimulatedClock(
            offset=options.clock_offset, timezone=options.timezone, wall=wall, monotonic=monotonic
        )
        self.faults = Faults(options.seed)
        self.counters = Counters()
        groups = GroupTree()
        groups.shape = options.groups_shape
        self.catalogues = {
            name: Catalogue(
                size=options.products if name is options.resource else options.records,
                seed=options.seed,
                clock=self.clock,
                groups=groups,
                deleted_listed=options.deleted_listed,
                kind=kind,
            )
            for name, kind in LISTS.items()
        }
        self.catalogue = self.catalogues[options.resource]
        for dirt, product in zip(
            self.catalogue.dirts * options.dirty_products, range(options.dirty_products), strict=False
        ):
            self.catalogue.spoil(dirt, only=self.catalogue.id_at(product))
        self._line = Line()
        self.okki = Okki(
            options,
            catalogues=self.catalogues,
            clock=self.clock,
            faults=self.faults,
            counters=self.counters,
            line=self._line,
        )
        self.yida = Yida(
            options, clock=self.clock, faults=self.faults, counters=self.counters, line=self._line
        )
        self.oracle = Oracle(self.catalogue, self.form)
        self.edits_per_second = options.edits_per_second
        self.okki_url = ""
        self.yida_url = ""
        self.control_url = ""
        self._exit = contextlib.AsyncExitStack()
        self._runners: dict[Vendor, web.AppRunner] = {}
        self._kept: dict[Vendor, socket.socket] = {}
        """The ports of the vendors that are unplugged, so that nobody else gets one meanwhile."""

    @property
    def form(self) -> Form:
        """The form of the options."""
        return self.yida.app.form

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; from here on the three URLs are set. Raises OSError when a port is taken."""
        async with contextlib.AsyncExitStack() as exit_stack:
            exit_stack.callback(self._line.close)
            options = self.options
            for vendor in Vendor:
                exit_stack.push_async_callback(self._close, vendor)
            self.okki_url = await self._plug(Vendor.OKKI, options.okki_port)
            self.yida_url = await self._plug(Vendor.YIDA, options.yida_port)
            control = await self._listen(Control(self).application(), options.control_port)
            exit_stack.push_async_callback(control.cleanup)
            self.control_url = self._url(control)
            editor = asyncio.create_task(self._edit_now_and_then(), name="simulated-edits")
            exit_stack.push_async_callback(_cancelled, editor)
            # Hanging calls are let go before the servers are asked to finish theirs.
            exit_stack.callback(self._line.close)
            self._exit = exit_stack.pop_all()

    async def stop(self) -> None:
        """Stop listening; what is stored stays readable. Safe to call twice."""
        await self._exit.aclose()

    async def unplug(self, vendor: Vendor) -> None:
        """Drop a vendor's connections and refuse new ones. Safe to repeat."""
        if (runner := self._runners.pop(vendor, None)) is not None:
            address = runner.addresses[0]
            await runner.cleanup()
            self._kept[vendor] = _bound(address)

    async def plug_in(self, vendor: Vendor) -> None:
        """Listen again where the vendor was. Safe to repeat."""
        if vendor not in self._runners:
            if (kept := self._kept.pop(vendor, None)) is not None:
                kept.close()
            url = self.okki_url if vendor is Vendor.OKKI else self.yida_url
            await self._plug(vendor, int(url.rpartition(":")[2]))

    async def _close(self, vendor: Vendor) -> None:
        if (runner := self._runners.pop(vendor, None)) is not None:
            await runner.cleanup()
        if (kept := self._kept.pop(vendor, None)) is not None:
            kept.close()

    async def _plug(self, vendor: Vendor, port: int) -> str:
        api = self.okki if vendor is Vendor.OKKI else self.yida
        self._runners[vendor] = await self._listen(api.application(), port)
        return self._url(self._runners[vendor])

    def _url(self, runner: web.AppRunner) -> str:
        return f"http://{self.options.host}:{runner.addresses[0][1]}"

    async def _listen(self, application: web.Application, port: int) -> web.AppRunner:
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.options.host, port, backlog=1024).start()
        except BaseException:
            await runner.cleanup()
            raise
        return runner

    async def _edit_now_and_then(self) -> None:
        while True:
            if self.edits_per_second <= 0:
                await asyncio.sleep(0.2)
                continue
            await asyncio.sleep(1 / self.edits_per_second)
            self.catalogue.edit_random()


def _bound(address: tuple[Any, ...]) -> socket.socket:
    """Holds a port without listening: connections are refused. A free port could be given away meanwhile,
    even to a caller, who would then be connected with itself."""
    kept = socket.socket(socket.AF_INET if len(address) == 2 else socket.AF_INET6)
    try:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # old connections may still linger there
        kept.bind(address)
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # but nobody is to share it
    except OSError:
        kept.close()
        raise
    return kept


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
