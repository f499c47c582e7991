"""How a command reaches the ledger: opens it where it is free, else asks its holder; one interface."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Final, Protocol

from prometheus_client import CollectorRegistry

from xmsyncd.app import App, open_app
from xmsyncd.clock import Clock, SystemClock
from xmsyncd.errors import LedgerHeldError, StoppedError
from xmsyncd.ledger.lock import LedgerLock
from xmsyncd.ledger.snapshot import Snapshot
from xmsyncd.operations.holder import ANSWER_SECONDS, Holder, HolderEndedError, NotListeningError, silent
from xmsyncd.operations.runtime import Runtime
from xmsyncd.operations.socket import OperationServer
from xmsyncd.operations.table import OPERATIONS, Result, Told
from xmsyncd.settings import Settings

_RETRY_SECONDS: Final = 0.1
_AROUND_A_DRAIN_SECONDS: Final = 15.0


class Operator(Protocol):
    """Whoever carries out operations."""

    @property
    def is_local(self) -> bool:
        """Whether this process holds the ledger."""
        ...

    def stream(self, name: str, params: Mapping[str, Any]) -> AsyncGenerator[Told]:
        """An operation's progress and its result. Raises what it raises, or ``HolderError``."""
        ...


async def call(operator: Operator, name: str, params: Mapping[str, Any]) -> Any:
    """An operation's result, its progress unheard."""
    async with contextlib.aclosing(operator.stream(name, params)) as told:
        async for one in told:
            if isinstance(one, Result):
                return one.value
    raise RuntimeError(f"the operation {name} ended without a result")


@contextlib.asynccontextmanager
async def operator(
    settings: Settings,
    *,
    needs_delivery: bool,
    delivers: bool = True,
    clock: Clock | None = None,
    answer_seconds: float = ANSWER_SECONDS,
    on_snapshot: bool = False,
    asks_holder: bool = True,
) -> AsyncIterator[Operator]:
    """The ledger's holder if there is one, else this process.

    With ``needs_delivery`` this process, if it is the holder, runs deliveries and cycles inside the block and
    answers other commands; leaving drains within ``delivery.drain``; without ``delivers`` only cycles run. A
    ledger that is held by another command
    for a moment is waited for, and one whose holder ends before its answer is taken over: operations are safe
    to repeat. With ``on_snapshot`` this process works on a copy that vanishes: the ledger stays as it is, to
    the byte, and free; where there is none, none is made. Unless it ``asks_holder``, it does so beside a
    holder as well. Raises ``LedgerHeldError`` for a holder that does not answer.
    """
    async with contextlib.AsyncExitStack() as stack:
        reached = _Reached(
            settings,
            stack,
            clock or SystemClock(),
            needs_delivery,
            answer_seconds,
            delivers,
            on_snapshot,
            asks_holder,
        )
        await reached.reach()
        yield reached


class _Reached:
    """An operator that is in this process or in another; which of them may change when the other ends."""

    def __init__(
        self,
        settings: Settings,
        stack: contextlib.AsyncExitStack,
        clock: Clock,
        needs_delivery: bool,
        answer_seconds: float,
        delivers: bool,
        on_snapshot: bool,
        asks_holder: bool,
    ) -> None:
        self._settings = settings
        self._on_snapshot = on_snapshot
        self._asks_holder = asks_holder
        self._stack = stack
        self._clock = clock
        self._needs_delivery = needs_delivery
        self._delivers = delivers
        self._answer_seconds = answer_seconds
        self._runtime: Runtime | None = None
        self._holder: Holder | None = None

    @property
    def is_local(self) -> bool:
        return self._runtime is not None

    async def stream(self, name: str, params: Mapping[str, Any]) -> AsyncGenerator[Told]:
        # A holder that ends drains first, and until then listens without doing anything any more.
        patience = self._settings.delivery.drain.total_seconds() + _AROUND_A_DRAIN_SECONDS
        deadline = self._clock.monotonic() + patience
        while self._runtime is None:
            try:
                async with contextlib.aclosing(self._remote().stream(name, params)) as answers:
                    async for told in answers:
                        yield told
                return
            except (HolderEndedError, NotListeningError):
                if self._clock.monotonic() >= deadline:
                    raise
                await self._clock.sleep(_RETRY_SECONDS)
                await self.reach()
        here = {"live": self._needs_delivery, **params}
        async with contextlib.aclosing(OPERATIONS[name](self._runtime, here)) as answers:
            async for told in answers:
                yield told

    def _remote(self) -> Holder:
        if self._holder is None:
            raise RuntimeError("nobody has been reached")
        return self._holder

    async def reach(self) -> None:
        """Open the ledger, or find who holds it."""
        deadline = self._clock.monotonic() + self._answer_seconds
        while True:
            try:
                app = await self._stack.enter_async_context(self._opened())
            except LedgerHeldError as error:
                holder = Holder(
                    self._settings.ledger.path, held=str(error), answer_seconds=self._answer_seconds
                )
                try:
                    await holder.greet()
                except NotListeningError:
                    # A command that is done in a moment does not listen; a daemon may only be starting.
                    if self._clock.monotonic() >= deadline:
                        raise silent(str(error)) from None
                    await self._clock.sleep(_RETRY_SECONDS)
                    continue
                self._holder = holder
                return
            if self._needs_delivery:
                await self._stack.enter_async_context(
                    _delivering(app, delivers=self._delivers, answers=not self._on_snapshot)
                )
            self._runtime = app.runtime
            return

    @contextlib.asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[Snapshot]:
        path = self._settings.ledger.path
        async with contextlib.AsyncExitStack() as stack:
            with contextlib.ExitStack() as lock:
                is_quiet = True
                try:
                    lock.enter_context(LedgerLock(path))
                except LedgerHeldError:
                    if self._asks_holder:
                        raise
                    is_quiet = False
                snapshot = Snapshot(path, is_quiet=is_quiet, clock=self._clock)
                await stack.enter_async_context(snapshot)
            yield snapshot

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[App]:
        async with contextlib.AsyncExitStack() as stack:
            snapshot = None
            if self._on_snapshot:
                snapshot = await stack.enter_async_context(self._snapshot())
            yield await stack.enter_async_context(
                open_app(
                    self._settings,
                    clock=self._clock,
                    rng=random.Random(),
                    registry=CollectorRegistry(),
                    opened=snapshot,
                )
            )


@contextlib.asynccontextmanager
async def _delivering(app: App, *, delivers: bool, answers: bool) -> AsyncIterator[None]:
    """Deliveries run, and other commands are answered; a part that dies ends the block with its error."""
    async with contextlib.AsyncExitStack() as stack:
        if answers:  # for the ledger itself alone: its socket is not a snapshot's
            server = OperationServer(app.runtime, failed=app.events.operation_failed)
            await stack.enter_async_context(server)
        tasks = await stack.enter_async_context(app.running(delivers=delivers))
        try:
            yield
        except StoppedError:
            if tasks.death is None:
                raise
            # Leaving the block raises what the part died of, which says more.
