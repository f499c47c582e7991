"""A dead task stops the daemon, a drain ends in bounded time, signals and systemd are heard and told."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from datetime import timedelta
from pathlib import Path

import pytest

from xmsyncd import lifecycle
from xmsyncd.lifecycle import Notifier, Tasks, handle_signals

SECOND = timedelta(seconds=1)


@pytest.fixture
async def stopping() -> asyncio.Event:
    return asyncio.Event()


async def test_a_task_that_dies_stops_the_others_with_its_reason(stopping):
    told: list[tuple[str, BaseException | None]] = []
    tasks = Tasks(stopping, died=lambda name, error: told.append((name, error)))

    async def dies() -> None:
        raise RuntimeError("the disk is full")

    tasks.start("delivery products", dies())
    waiting = tasks.start("cycles products", stopping.wait())
    await asyncio.wait_for(stopping.wait(), 5)
    assert str(tasks.death) == "delivery products died: RuntimeError: the disk is full"
    assert [name for name, _ in told] == ["delivery products"]
    assert await tasks.drain(SECOND) == ()
    assert waiting.done()


async def test_a_task_that_returns_too_early_has_died_as_well(stopping):
    tasks = Tasks(stopping)
    tasks.start("cycles", asyncio.sleep(0))
    await asyncio.wait_for(stopping.wait(), 5)
    assert str(tasks.death) == "cycles ended by itself"


async def test_a_task_that_may_end_does_not_stop_the_daemon(stopping):
    tasks = Tasks(stopping)
    await tasks.start("first look", asyncio.sleep(0), may_end=True)
    await asyncio.sleep(0)
    assert not stopping.is_set()
    assert tasks.names == ()


async def test_the_first_death_is_the_reason(stopping):
    tasks = Tasks(stopping)

    async def dies(words: str, gate: asyncio.Event | None = None) -> None:
        if gate is not None:
            await gate.wait()
        raise RuntimeError(words)

    tasks.start("one", dies("first"))
    tasks.start("two", dies("second", stopping))
    await tasks.drain(SECOND)
    assert tasks.death is not None
    assert tasks.death.name == "one"


async def test_a_drain_waits_for_tasks_that_end_by_themselves(stopping):
    tasks = Tasks(stopping)
    ended: list[str] = []

    async def works(name: str) -> None:
        await stopping.wait()
        await asyncio.sleep(0.02)
        ended.append(name)

    tasks.start("one", works("one"))
    tasks.start("two", works("two"))
    assert await tasks.drain(5 * SECOND) == ()
    assert sorted(ended) == ["one", "two"]
    assert tasks.death is None


async def test_a_drain_cancels_what_is_late_and_names_it(stopping):
    tasks = Tasks(stopping)
    cleaned: list[bool] = []

    async def hangs() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)

    tasks.start("hanging", hangs())
    await asyncio.sleep(0)
    began = time.monotonic()
    assert await tasks.drain(timedelta(milliseconds=50)) == ("hanging",)
    assert time.monotonic() - began < 2
    assert cleaned
    assert tasks.death is None


async def test_a_drain_ends_although_a_task_swallows_its_cancellation(stopping, monkeypatch):
    monkeypatch.setattr(lifecycle, "_CANCELLED_SECONDS", 0.05)
    tasks = Tasks(stopping)
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    task = tasks.start("stubborn", stubborn())
    await asyncio.sleep(0)
    assert await tasks.drain(timedelta(0)) == ("stubborn",)
    release.set()
    await task


async def test_a_drain_waits_for_what_a_stopping_task_starts(stopping):
    tasks = Tasks(stopping)
    ended: list[str] = []

    async def last_words() -> None:
        await asyncio.sleep(0.02)
        ended.append("last words")

    async def works() -> None:
        await stopping.wait()
        tasks.start("last words", last_words())

    tasks.start("one", works())
    await asyncio.sleep(0)
    assert await tasks.drain(5 * SECOND) == ()
    assert ended == ["last words"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
async def test_the_first_signal_asks_and_the_second_ends(
    stopping: asyncio.Event, number: signal.Signals, status: int
):
    told: list[signal.Signals] = []
    exits: list[int] = []
    before = signal.getsignal(number)
    now = 100.0
    with handle_signals(stopping, told=told.append, exit_now=exits.append, monotonic=lambda: now) as signals:
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stopping.wait(), 5)
        assert signals.received == number
        assert told == [number]
        now += 0.9
        os.kill(os.getpid(), number)
        await asyncio.sleep(0)
        assert exits == [], "passed on by what runs us: still the first one"
        assert told == [number]
        now += 0.1
        os.kill(os.getpid(), number)
        await asyncio.sleep(0)
        assert exits == [status]
    assert signal.getsignal(number) is before


async def test_a_second_signal_ends_although_the_loop_is_blocked(stopping):
    exits: list[int] = []
    now = 100.0
    with handle_signals(stopping, exit_now=exits.append, monotonic=lambda: now):
        os.kill(os.getpid(), signal.SIGTERM)
        now += 2
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)  # noqa: ASYNC251 - the loop does not get to run in between
        assert exits == [143]


@pytest.fixture
def systemd(tmp_path: Path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.setblocking(False)
        yield server


async def test_systemd_is_told_ready_status_and_stopping(systemd):
    notifier = Notifier({"NOTIFY_SOCKET": systemd.getsockname()})
    assert notifier.ready()
    assert notifier.status("two\nlines")
    assert notifier.stopping()
    assert [systemd.recv(100) for _ in range(3)] == [b"READY=1", b"STATUS=two lines", b"STOPPING=1"]


async def test_an_abstract_address_is_understood():
    name = f"xmsyncd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind("\0" + name)
        assert Notifier({"NOTIFY_SOCKET": "@" + name}).ready()
        assert server.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/at/all", "@xmsyncd-nobody-listens"])
async def test_without_systemd_nothing_happens(address):
    assert not Notifier({"NOTIFY_SOCKET": address}).ready()
    assert not Notifier({}).ready()


async def test_the_watchdog_is_fed_twice_in_its_time_while_all_is_well(systemd, stopping):
    notifier = Notifier({"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": "20000"})
    assert notifier.watchdog_interval == timedelta(milliseconds=10)
    well = True
    beating = asyncio.create_task(notifier.beat(stopping, healthy=lambda: well))
    loop = asyncio.get_running_loop()
    for _ in range(3):
        assert await asyncio.wait_for(loop.sock_recv(systemd, 100), 5) == b"WATCHDOG=1"
    well = False
    await asyncio.sleep(0.03)
    while True:
        try:
            systemd.recv(100)
        except BlockingIOError:
            break
    await asyncio.sleep(0.05)
    with pytest.raises(BlockingIOError):
        systemd.recv(100)
    stopping.set()
    await asyncio.wait_for(beating, 5)


@pytest.mark.parametrize(
    "environ",
    [{}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}],
)
async def test_without_a_watchdog_nothing_is_fed(environ, stopping):
    notifier = Notifier(environ, pid=4711)
    assert notifier.watchdog_interval is None
    stopping.set()
    await asyncio.wait_for(notifier.beat(stopping), 5)


def test_the_lifecycle_knows_neither_cycle_nor_delivery():
    source = Path(lifecycle.__file__).read_text(encoding="utf-8")
    assert "from xmsyncd" not in source
    assert "import xmsyncd" not in source
