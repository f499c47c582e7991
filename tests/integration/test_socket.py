"""Commands reach the holder of the ledger over its socket, and hear when it does not answer."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from xmsyncd.errors import CannotWorkError, LedgerHeldError
from xmsyncd.ledger.lock import LedgerLock, socket_path
from xmsyncd.operations.exit_status import HolderError
from xmsyncd.operations.holder import Holder, NotListeningError
from xmsyncd.operations.runtime import Runtime
from xmsyncd.operations.socket import OperationServer
from xmsyncd.operations.table import Progress, Result, Told
from xmsyncd.records import StopReason

HELD = "the ledger is held by process 1"
ROOT = Path(__file__).parents[2]


async def count(runtime: Runtime, params: Mapping[str, Any]) -> AsyncGenerator[Told]:
    for number in range(int(params["to"])):
        yield Progress({"number": number})
    yield Result({"counted": params["to"]})


async def forever(runtime: Runtime, params: Mapping[str, Any]) -> AsyncGenerator[Told]:
    while True:
        yield Progress({"产品": "下一个"})
        await asyncio.sleep(0.01)


async def silence(runtime: Runtime, params: Mapping[str, Any]) -> AsyncGenerator[Told]:
    await asyncio.sleep(3600)
    yield Result(None)


async def large(runtime: Runtime, params: Mapping[str, Any]) -> AsyncGenerator[Told]:
    yield Result("长" * 2_000_000)


async def no_permission(runtime: Runtime, params: Mapping[str, Any]) -> AsyncGenerator[Told]:
    yield Progress({})
    raise CannotWorkError("no permission for 宜搭", reason=StopReason.PERMISSION)


async def fault(runtime: Runtime, params: Mapping[str, Any]) -> AsyncGenerator[Told]:
    yield Progress({})
    raise ZeroDivisionError("a secret detail")


OPERATIONS = {
    "count": count,
    "forever": forever,
    "silence": silence,
    "large": large,
    "no_permission": no_permission,
    "fault": fault,
}


FAULTS: list[tuple[str, str]] = []


def server(ledger: Path) -> OperationServer:
    runtime = SimpleNamespace(ledger=SimpleNamespace(path=ledger))
    return OperationServer(
        cast(Runtime, runtime),
        failed=lambda name, error: FAULTS.append((name, repr(error))),
        operations=OPERATIONS,
    )


def holder(ledger: Path, seconds: float = 5) -> Holder:
    return Holder(ledger, held=HELD, answer_seconds=seconds)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "xmsyncd.db"


async def test_progress_and_result_arrive_in_order(ledger: Path):
    async with server(ledger):
        told = [one async for one in holder(ledger).stream("count", {"to": 3})]
    assert told == [*(Progress({"number": number}) for number in range(3)), Result({"counted": 3})]


async def test_several_commands_are_answered_at_once(ledger: Path):
    async with server(ledger):
        results = await asyncio.gather(*(holder(ledger).call("count", {"to": n}) for n in range(20)))
    assert results == [{"counted": number} for number in range(20)]


async def test_a_large_result_arrives_whole(ledger: Path):
    async with server(ledger):
        assert await holder(ledger).call("large", {}) == "长" * 2_000_000


async def test_an_error_keeps_its_sentence_and_exit_status(ledger: Path):
    async with server(ledger):
        with pytest.raises(HolderError, match="no permission for 宜搭") as caught:
            await holder(ledger).call("no_permission", {})
    assert (caught.value.kind, caught.value.exit_status) == ("CannotWorkError", 4)


async def test_a_fault_of_ours_ends_the_conversation_and_not_the_holder(ledger: Path):
    async with server(ledger):
        with pytest.raises(HolderError, match="ZeroDivisionError") as caught:
            await holder(ledger).call("fault", {})
        assert caught.value.exit_status == 1
        assert "secret detail" not in str(caught.value)
        assert FAULTS.pop() == ("fault", "ZeroDivisionError('a secret detail')")
        assert await holder(ledger).call("count", {"to": 0}) == {"counted": 0}


async def test_an_unknown_operation_names_the_known_ones(ledger: Path):
    async with server(ledger):
        with pytest.raises(HolderError, match="one of count") as caught:
            await holder(ledger).call("nope", {})
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    "line",
    [
        b"hello\n",
        b"[]\n",
        b"{}\n",
        b'{"operation": 7}\n',
        b'{"operation": "count", "params": [1]}\n',
        b"x" * 2**21,
    ],
)
async def test_what_is_no_request_is_refused(ledger: Path, line: bytes):
    async with server(ledger):
        reader, writer = await asyncio.open_unix_connection(socket_path(ledger))
        writer.write(line)
        if not line.endswith(b"\n"):
            writer.write_eof()
        answer = json.loads(await asyncio.wait_for(reader.readline(), 10))
        writer.close()
    assert answer["error"]["exit"] == 2


async def test_a_command_that_goes_away_disturbs_nobody(ledger: Path):
    async with server(ledger):
        async for _ in (leaving := holder(ledger).stream("forever", {})):
            break
        await leaving.aclose()
        assert await asyncio.wait_for(holder(ledger).call("count", {"to": 5}), 5) == {"counted": 5}


async def test_a_stop_ends_open_conversations_within_a_second(ledger: Path):
    async with server(ledger):
        quiet = asyncio.create_task(holder(ledger).call("silence", {}))
        talking = asyncio.create_task(holder(ledger).call("forever", {}))
        await holder(ledger).call("count", {"to": 100})  # by then both have been met
        began = time.monotonic()
    assert time.monotonic() - began < 1.5
    for asking in (quiet, talking):
        with pytest.raises((HolderError, LedgerHeldError), match=r"ends|ended"):
            await asyncio.wait_for(asking, 5)
    assert not socket_path(ledger).exists()


async def test_the_socket_is_for_its_user_alone(ledger: Path):
    async with server(ledger):
        assert stat.S_IMODE(socket_path(ledger).stat().st_mode) == 0o600


async def test_what_a_dead_holder_left_is_replaced(ledger: Path):
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(os.fspath(socket_path(ledger)))
    stale.close()
    with pytest.raises(NotListeningError):
        await holder(ledger).call("count", {"to": 1})
    async with server(ledger):
        assert await holder(ledger).call("count", {"to": 1}) == {"counted": 1}


ASKING = """
import asyncio, sys
from pathlib import Path
from xmsyncd.operations.holder import Holder
print(asyncio.run(Holder(Path(sys.argv[1]), held="").call("count", {"to": 1})))
"""


@pytest.mark.parametrize("name", ["xmsyncd.db", "台账" * 30 + ".db"])
async def test_a_ledger_with_a_long_path_is_reached_whatever_the_temporary_directory_of_each_is(
    tmp_path: Path, name: str
):
    deep = tmp_path / ("很长的目录" * 8) / name
    deep.parent.mkdir()
    async with server(deep):
        assert socket_path(deep).parent == deep.parent
        assert stat.S_IMODE(socket_path(deep).stat().st_mode) == 0o600
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", ASKING, os.fspath(deep)),
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.fspath(ROOT), "TMPDIR": "/nowhere"},
        )
        out, _ = await process.communicate()
        assert out == b"{'counted': 1}\n"
    assert not socket_path(deep).exists()
    with pytest.raises(NotListeningError):
        await holder(deep).call("count", {"to": 1})


async def test_a_holder_that_listens_and_says_nothing_is_given_up(ledger: Path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fspath(socket_path(ledger)))
        listening.listen()
        with pytest.raises(LedgerHeldError, match="process 1, which does not answer"):
            await holder(ledger, seconds=0.2).call("count", {"to": 1})


HOLDING = """
import sys, time
from pathlib import Path
from xmsyncd.ledger.lock import LedgerLock
LedgerLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
time.sleep(600)
"""


@contextmanager
def held_by_another_process(ledger: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the ledger and listens nowhere."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, os.fspath(ledger)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.fspath(ROOT)},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def status(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "xmsyncd", "status", "--config", os.fspath(folder / "xmsyncd.yaml")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.fspath(ROOT), "LC_ALL": "C.UTF-8"},
        timeout=50,
    )


def write_settings(folder: Path) -> None:
    from tests.scenario import configuration

    settings = configuration("http://127.0.0.1:9", "http://127.0.0.1:9")
    (folder / "xmsyncd.yaml").write_text(json.dumps(settings), encoding="utf-8")


def test_a_holder_that_does_not_listen_is_named_and_the_exit_status_is_5(tmp_path: Path):
    write_settings(tmp_path)
    with held_by_another_process(tmp_path / "xmsyncd.db") as process:
        ended = status(tmp_path)
    assert ended.returncode == 5, ended.stderr
    assert ended.stdout == ""
    assert f"held by process {process.pid}, which does not answer" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_dead_holder_leaves_a_free_ledger(tmp_path: Path):
    write_settings(tmp_path)
    with held_by_another_process(tmp_path / "xmsyncd.db") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        ended = status(tmp_path)
    assert ended.returncode == 0, ended.stderr


def test_a_lock_that_is_soon_free_is_waited_for(tmp_path: Path):
    write_settings(tmp_path)
    lock = LedgerLock(tmp_path / "xmsyncd.db")
    lock.acquire()
    process = subprocess.Popen(
        [sys.executable, "-m", "xmsyncd", "status", "--config", os.fspath(tmp_path / "xmsyncd.yaml")],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.fspath(ROOT)},
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    lock.release()
    assert process.wait(20) == 0
