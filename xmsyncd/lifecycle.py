"""How the daemon lives and ends: named tasks, signals, a drain with a bound, and the word to systemd."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from typing import Any

# After a task was cancelled it gets this long for its own clean-up before it is left behind.
_CANCELLED_SECONDS = 5.0

# A signal that follows the first this closely was passed on by what runs us, not sent by a person.
_SAME_SIGNAL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Death:
    """A task that ended when it should not have; ``error`` is ``None`` where it simply returned."""

    name: str
    error: BaseException | None

    def __str__(self) -> str:
        if self.error is None:
            return f"{self.name} ended by itself"
        return f"{self.name} died: {type(self.error).__name__}: {self.error}"


class Tasks:
    """The tasks of the daemon. All are kept; the first that dies sets ``stopping``, with its reason.

    A task is expected to run until ``stopping`` is set and then to return by itself. One that returns
    earlier has died too, unless it was started with ``may_end``.
    """

    def __init__(
        self,
        stopping: asyncio.Event,
        *,
        died: Callable[[str, BaseException | None], None] | None = None,
        left_behind: Callable[[str], None] | None = None,
    ) -> None:
        self.stopping = stopping
        self.death: Death | None = None
        """The first death: why the daemon stops. Later ones are told to ``died`` only."""
        self._died = died
        self._left_behind = left_behind
        self._tasks: dict[asyncio.Task[Any], bool] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """What runs at this moment."""
        return tuple(task.get_name() for task in self._tasks)

    def start(self, name: str, work: Coroutine[Any, Any, Any], *, may_end: bool = False) -> asyncio.Task[Any]:
        """Run ``work`` as a task of this name."""
        task = asyncio.create_task(work, name=name)
        self._tasks[task] = may_end
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        may_end = self._tasks.pop(task)
        if task.cancelled():
            error: BaseException | None = None
            fine = may_end or self.stopping.is_set()
        else:
            error = task.exception()
            fine = error is None and (may_end or self.stopping.is_set())
        if fine:
            return
        death = Death(task.get_name(), error)
        self.death = self.death or death
        if self._died is not None:
            self._died(death.name, error)
        self.stopping.set()

    async def drain(self, bound: timedelta) -> tuple[str, ...]:
        """Ask all to stop and wait; what has not ended within ``bound`` is cancelled and named in the result.

        Never raises for what a task does: that is in :attr:`death`. Returns in bounded time even when a
        task swallows its cancellation.
        """
        self.stopping.set()
        # A task that is about to stop may start another, so look again until none is left.
        deadline = asyncio.get_running_loop().time() + bound.total_seconds()
        while self._tasks:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            await asyncio.wait(set(self._tasks), timeout=left)
            await asyncio.sleep(0)  # the callbacks that strike finished tasks run a turn later
        late = tuple(self._tasks)
        for task in late:
            task.cancel()
        if late:
            _, stuck = await asyncio.wait(late, timeout=_CANCELLED_SECONDS)
            await asyncio.sleep(0)
            for task in stuck:
                if self._left_behind is not None:
                    self._left_behind(task.get_name())
        return tuple(task.get_name() for task in late)


class Signals:
    """What the first SIGTERM or SIGINT was, if there was one: it decides the exit status (128 + number)."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None


@contextlib.contextmanager
def handle_signals(
    stopping: asyncio.Event,
    *,
    told: Callable[[signal.Signals], None] | None = None,
    exit_now: Callable[[int], Any] = os._exit,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[Signals]:
    """Inside the block the first SIGTERM or SIGINT sets ``stopping``, a later one ends the process at once.

    What comes within a second of the first is the first once more: a terminal signals a whole group, and what
    runs us (``timeout``, ``make``, a shell) passes on what we were told already. A person takes longer. That
    goes for a process that has drained within that second, too: leaving the block gives the signals back
    later only, that is to nobody.
    At once means without any clean-up, which the ledger is made for. The handlers are Python's own, not
    the loop's: those would never run while the loop is blocked, which is when a person sends the second
    signal. To be used in the main thread, inside the running loop.
    """
    loop = asyncio.get_running_loop()
    signals = Signals()
    first_at = 0.0

    def is_still_the_first() -> bool:
        return signals.received is not None and monotonic() - first_at < _SAME_SIGNAL_SECONDS

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal first_at
        if signals.received is not None:
            if not is_still_the_first():
                exit_now(128 + number)
            return
        first_at = monotonic()
        signals.received = signal.Signals(number)
        loop.call_soon_threadsafe(_first, signals.received)

    def _first(received: signal.Signals) -> None:
        if told is not None:
            told(received)
        stopping.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield signals
    finally:
        if is_still_the_first():
            # The interpreter puts the system's own handlers back at its end, and those would kill.
            atexit.register(_ignore, tuple(before))
        for number, handler in before.items():
            # An inner block of this kind may have kept them, for the same reason.
            if signal.getsignal(number) is handle and not is_still_the_first():
                signal.signal(number, handler)


def _ignore(numbers: tuple[signal.Signals, ...]) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)


class Notifier:
    """Tells systemd how the service is, by datagrams to ``$NOTIFY_SOCKET``; without one, says nothing.

    The protocol is that of sd_notify(3): one datagram of ``NAME=value`` lines; an address that begins with
    ``@`` is in Linux's abstract namespace. Nothing here raises or blocks: systemd is no reason to fail.
    """

    def __init__(self, environ: Mapping[str, str], *, pid: int | None = None) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_interval = _watchdog_interval(environ, os.getpid() if pid is None else pid)
        """Half of what the unit's ``WatchdogSec=`` allows; ``None``: it has none, or not for this process."""

    def send(self, state: str) -> bool:
        """Send one state; returns whether it left."""
        if not self._address.startswith(("/", "\0")):
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as datagrams:
                datagrams.setblocking(False)
                datagrams.sendto(state.encode(), self._address)
        except (OSError, AttributeError):  # AttributeError: a system without Unix sockets
            return False
        return True

    def ready(self) -> bool:
        """The service works."""
        return self.send("READY=1")

    def stopping(self) -> bool:
        """The service is on its way out."""
        return self.send("STOPPING=1")

    def status(self, text: str) -> bool:
        """One line for ``systemctl status``."""
        return self.send(f"STATUS={' '.join(text.splitlines())}")

    async def beat(self, stopping: asyncio.Event, *, healthy: Callable[[], bool] = lambda: True) -> None:
        """Feed the watchdog while ``healthy``, until asked to stop: while this runs, so does the loop."""
        if self.watchdog_interval is None:
            await stopping.wait()
            return
        while not stopping.is_set():
            if healthy():
                self.send("WATCHDOG=1")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.watchdog_interval.total_seconds()):
                    await stopping.wait()


def _watchdog_interval(environ: Mapping[str, str], pid: int) -> timedelta | None:
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    try:
        interval = timedelta(microseconds=int(environ.get("WATCHDOG_USEC", "0"))) / 2
    except (ValueError, OverflowError):
        return None
    return interval if interval > timedelta(0) else None
