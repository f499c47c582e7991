"""The demo from its first to its last stage; a signal ends whichever runs, and the judge speaks last."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import socket
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TextIO, TypeVar

from rich.cells import cell_len
from rich.text import Text

from xmsyncd.cli.access import operator
from xmsyncd.cli.demo_place import Folder, command_name, made_folder, reserved_port
from xmsyncd.cli.demo_texts import Texts
from xmsyncd.cli.demo_vendors import Vendors, VendorsError, VendorsGoneError, simulated_vendors
from xmsyncd.cli.demo_verdict import ON_THE_WAY, in_states, judge
from xmsyncd.cli.demo_watch import FAILED, Watch, shown_progress
from xmsyncd.cli.errors import say
from xmsyncd.cli.output import out
from xmsyncd.cli.simulate_configuration import Habits, configuration_for, write_configuration
from xmsyncd.cli.words import words
from xmsyncd.daemon import run_daemon
from xmsyncd.lifecycle import handle_signals
from xmsyncd.observe.logs import configure_logging
from xmsyncd.operations.exit_status import ExitStatus
from xmsyncd.operations.table import Result
from xmsyncd.settings import Settings, load_settings
from xmsyncd.simulator.options import SimulatorOptions

_T = TypeVar("_T")

_PIPELINE: Final = "products"
_CONFIG: Final = "xmsyncd.yaml"
_LEDGER: Final = "xmsyncd.db"
_LOG: Final = "daemon.log"
_SIMULATION_LOG: Final = "simulation.log"


_LATENCY: Final = timedelta(milliseconds=100)
_INDEX_LAG: Final = timedelta(milliseconds=800)
_LOOKS: Final = tuple(timedelta(seconds=n) for n in (1, 3, 10, 30))
_EVERY: Final = timedelta(seconds=5)
_FIRST_SYNC_SECONDS: Final = 120.0
_MONTHLY_CALLS: Final = 50_000
_WRITES: Final = ("start", "update")
_LOST_MORE_OFTEN: Final = 5

# Left to the pacer: at the very limit, a call that arrives early would be throttled now and then.
_BELOW_THE_LIMIT: Final = 0.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the demo was asked to be."""

    products: int
    dirty: int
    seed: int
    edits_per_second: float
    lost: float
    qps: float
    port: int | None
    folder: Path | None
    debug: bool


class _StoppedError(Exception):
    """A signal ended the stage."""


class Demo:
    """One demo: set up, synchronise, go on as the daemon, judge."""

    def __init__(self, plan: Plan, text: Texts) -> None:
        self._plan = plan
        self._text = text
        self._console = out()
        self._stopping = asyncio.Event()

    async def run(self) -> int:
        """The exit status: 130 or 143 for the signal that ended it; 1 where the judge found a fault."""
        with handle_signals(self._stopping, told=lambda _: self._say(self._text("stopping"))) as signals:
            status: int | None = None
            try:
                with made_folder(self._plan.folder) as folder:
                    status = await self._in(folder)
            except _StoppedError:
                pass
            except VendorsError as error:
                say(f"error: {error}")
                return ExitStatus.UNFORESEEN
            if status:
                return status
            return ExitStatus.WELL if signals.received is None else 128 + signals.received

    async def _in(self, folder: Folder) -> int:
        with (folder.path / _LOG).open("a", encoding="utf-8", buffering=1) as log:
            self._log_to(log, set())
            async with contextlib.AsyncExitStack() as stack:
                port = stack.enter_context(reserved_port(self._plan.port))
                vendors = await self._unless_stopped(
                    stack.enter_async_context(
                        simulated_vendors(_arguments(self._plan), folder.path / _SIMULATION_LOG)
                    )
                )
                settings = self._configured(folder.path, vendors, port)
                self._log_to(log, settings.secret_values())
                self._tell_the_world()
                status = 0
                try:
                    await self._unless_stopped(self._synchronise(settings, vendors), vendors)
                    port.close()
                    status = await self._unless_stopped(self._live(settings, vendors, folder), vendors)
                except _StoppedError:
                    pass
                except VendorsGoneError:
                    log_of_it = folder.keep() / _SIMULATION_LOG
                    raise VendorsError(self._text("wrong.vendors_gone", log=log_of_it)) from None
                return await self._judged(settings, vendors, folder) or status

    @property
    def _often_lost(self) -> float:
        """A daemon writes so little that the share of the first synchronisation would hardly be seen."""
        return min(1.0, self._plan.lost * _LOST_MORE_OFTEN)

    def _log_to(self, log: TextIO, secrets: set[str]) -> None:
        configure_logging("debug" if self._plan.debug else "info", "json", log, secrets)

    async def _unless_stopped(self, work: Coroutine[Any, Any, _T], vendors: Vendors | None = None) -> _T:
        """The work's result; a signal cancels it, and so does the end of the vendors' process."""
        task = asyncio.create_task(work)
        others: list[asyncio.Task[Any]] = [asyncio.create_task(self._stopping.wait())]
        if vendors is not None:
            others.append(asyncio.create_task(vendors.gone()))
        try:
            await asyncio.wait({task, *others}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
            return await task
        except asyncio.CancelledError:
            if self._stopping.is_set():
                raise _StoppedError from None
            raise VendorsGoneError from None
        finally:
            for other in others:
                other.cancel()

    def _configured(self, folder: Path, vendors: Vendors, port: socket.socket) -> Settings:
        habits = Habits(
            ledger=_LEDGER,
            every=_EVERY,
            requests_per_second=round(self._plan.qps * _BELOW_THE_LIMIT, 1),
            monthly_calls=_MONTHLY_CALLS,
            read_back_after=_LOOKS,
            port=port.getsockname()[1],
        )
        path = folder / _CONFIG
        options = SimulatorOptions()
        write_configuration(path, configuration_for(options, vendors.okki_url, vendors.yida_url, habits))
        # Nothing from around the demo: neither XMSYNCD_… variables nor secret files are meant for it.
        return load_settings(path, {}, ())

    def _tell_the_world(self) -> None:
        plan, text = self._plan, self._text
        self._say("   " + text("world.okki", products=plan.products, dirty=plan.dirty))
        self._say(
            "   " + text("world.yida", qps=plan.qps, latency=_seconds(_LATENCY), lag=_seconds(_INDEX_LAG))
        )
        if plan.lost:
            self._say("   " + text("world.lost", lost=100 * plan.lost))

    async def _synchronise(self, settings: Settings, vendors: Vendors) -> None:
        self._heading("first")
        loop = asyncio.get_running_loop()
        began = loop.time()
        params = {"pipeline": _PIPELINE, "wait_seconds": _FIRST_SYNC_SECONDS}
        result: dict[str, Any] = {}
        with shown_progress(self._console, self._text) as show:
            async with operator(settings, needs_delivery=True) as asked:
                async with contextlib.aclosing(asked.stream("sync", params)) as told:
                    async for one in told:
                        if isinstance(one, Result):
                            result = one.value
                        else:
                            show(one.value)
                seconds = loop.time() - began
        await self._tell_result(result["backlog"], vendors, seconds)

    async def _tell_result(self, backlog: dict[str, int], vendors: Vendors, seconds: float) -> None:
        text, word = self._text, words()
        calls = (await vendors.ask("GET", "/counters"))["calls"]
        starts = {name: number for name, number in calls.items() if name.startswith("yida.start.")}
        self._say(
            "   "
            + text(
                "first.done",
                delivered=backlog.get("delivered", 0),
                seconds=seconds,
                calls=sum(starts.values()),
            )
        )
        if lost := starts.get("yida.start.lost", 0):
            self._say("   " + text("first.lost", n=lost))
        if doubt := backlog.get("undecided", 0):
            self._say("   " + text("first.doubt", n=doubt))
        failed = {state: backlog.get(state, 0) for state in FAILED if backlog.get(state, 0)}
        if failed:
            reasons = ", ".join(f"{word(state)} {number:,}" for state, number in failed.items())
            self._say("   " + text("first.failed", n=sum(failed.values()), reasons=reasons))

    async def _live(self, settings: Settings, vendors: Vendors, folder: Folder) -> int:
        """The real daemon, which takes the signals from here on; its exit status is theirs."""
        key = await _interesting_key(vendors)
        watching: list[asyncio.Task[None]] = []

        def ready(url: str) -> None:
            self._tell_where(url, key, vendors, folder)
            watch = Watch(vendors, url, self._console, self._text)
            watching.append(asyncio.create_task(watch.run(), name="demo's watch"))

        await vendors.ask("POST", "/edit", {"per_second": self._plan.edits_per_second})
        await vendors.ask("DELETE", "/faults")
        if self._plan.lost:
            fault = {"name": "lost_502", "rate": self._often_lost}
            faults = [{**fault, "operation": one} for one in _WRITES]
            await vendors.ask("POST", "/faults", {"faults": faults})
        try:
            return await run_daemon(settings, ready=ready)
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)

    def _tell_where(self, url: str, key: str, vendors: Vendors, folder: Folder) -> None:
        text, command = self._text, command_name()
        self._heading("daemon")
        rows = (("look.page", url), ("look.metrics", f"{url}metrics"), ("look.files", str(folder.path)))
        width = max(cell_len(text(name)) for name, _ in rows)
        for name, value in rows:
            label = text(name)
            self._say(f"   {label}{' ' * (width - cell_len(label))}   {value}")
        self._say(f"   {text('look.commands')}")
        self._say(f"      export XMSYNCD_CONFIG={shlex.quote(str(folder.path / _CONFIG))}")
        for words_of_it in ("status", f"explain {shlex.quote(key)}", "failures list", "sync --full"):
            self._say(f"      {command} {words_of_it}")
        self._say(f"   {text('look.edit')}")
        self._say(f"      curl {vendors.control_url}/edit -d '{{\"random\": 1}}'")
        if self._plan.lost:
            self._say(f"   {text('look.lost', n=100 * self._often_lost)}")
        self._say(f"   {text('look.end')}")
        self._say("")

    async def _judged(self, settings: Settings, vendors: Vendors, folder: Folder) -> int:
        text = self._text
        verdict = await judge(settings, vendors)
        self._say("")
        self._say(
            f"{text('end')}: "
            + text(
                "end.counts",
                products=verdict.products,
                instances=verdict.instances,
                missing=verdict.missing,
                doubled=verdict.doubled,
            ),
            style="bold green" if verdict.is_right else "bold red",
        )
        for name, states in (("listed", FAILED), ("left", ON_THE_WAY)):
            if number := in_states(verdict.backlog, states):
                self._say("   " + text(f"end.{name}", n=number))
        if not verdict.was_read:
            self._say("   " + text("end.early"))
        elif verdict.late:
            self._say("   " + text("end.late", n=verdict.late))
        if not verdict.is_right:
            folder.keep()
            self._say("   " + text("wrong.verdict"), style="bold red")
        kept = text("end.kept", folder=folder.path) if folder.is_kept else text("end.removed")
        self._say("   " + kept, style="dim")
        return 0 if verdict.is_right else ExitStatus.UNFORESEEN

    def _heading(self, name: str) -> None:
        self._say("")
        self._say(self._text(name), style="bold")

    def _say(self, words_: str, *, style: str = "") -> None:
        self._console.print(Text(words_, style=style), soft_wrap=True)


def _arguments(plan: Plan) -> list[str]:
    """For ``xmsyncd simulate``; the edits begin with the daemon."""
    arguments = {
        "--products": plan.products,
        "--dirty": plan.dirty,
        "--seed": plan.seed,
        "--qps": plan.qps,
        "--latency": f"{_LATENCY.total_seconds():g}s",
        "--index-lag": f"{_INDEX_LAG.total_seconds():g}s",
        "--option": "okki_latency=20ms",
    }
    flat = [part for name, value in arguments.items() for part in (name, str(value))]
    if plan.lost:
        for operation in _WRITES:
            flat += ["--fault", f"lost_502:operation={operation},rate={plan.lost}"]
    return flat


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():g} s"


async def _interesting_key(vendors: Vendors) -> str:
    """A product number whose life is worth reading: one that was looked for, if there is one."""
    calls = (await vendors.ask("GET", "/counters?keys=1"))["by_key"]
    looked_for = [key for key, numbers in calls.items() if "search" in numbers and "start" in numbers]
    if looked_for:
        return str(looked_for[-1])
    return str(next(iter(calls), "…"))
