"""The daemon's side of a function of the user: starts its process, asks it, and ends it where it hangs."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.records import ContentHash

_WORKER: Final = Path(__file__).with_name("worker.py")
_LOADING: Final = timedelta(seconds=20)
_ENDING: Final = timedelta(seconds=1)
_LONGEST_LINE: Final = 8 * 1024 * 1024
# Nothing of the daemon's own environment, which may hold its secrets.
_ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "HOME", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Kept:
    """The product as the function returned it."""

    product: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The function returned None."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The function has no answer for this product; ``ended``: its process is gone with it."""

    detail: str
    ended: bool = False


Answer = Kept | LeftOut | Failed


@dataclass(frozen=True, slots=True)
class _Running:
    process: asyncio.subprocess.Process
    products: asyncio.StreamWriter
    answers: asyncio.StreamReader

    @property
    def is_alive(self) -> bool:
        return self.process.returncode is None


class Hook:
    """One function of ``hooks_dir``; products go through it one at a time."""

    def __init__(self, folder: Path, name: str, *, timeout: timedelta, where: str) -> None:
        """``where`` names the setting, for the faults."""
        self._folder = folder
        self.name = name
        self._timeout = timeout.total_seconds()
        self._where = where
        self._one_at_a_time = asyncio.Lock()
        self._running: _Running | None = None
        self.source_hash = ContentHash("")
        """Of the name and all Python files of the folder, as they were when it was loaded."""

    async def load(self) -> None:
        """Have the function as its files are now; cheap where it is so already. Raises ConfigurationError."""
        async with self._one_at_a_time:
            found = await asyncio.to_thread(_source_hash, self._folder, self.name)
            if self._running is not None and self._running.is_alive and found == self.source_hash:
                return
            await self._end()
            await self._start()
            self.source_hash = found

    async def apply(self, product: Mapping[str, Any]) -> Answer:
        """What the function makes of a product, which itself stays as it is.

        Raises ConfigurationError where the function cannot be had any more.
        """
        mark = secrets.token_hex(8).encode()
        line = mark + b" " + json.dumps(product, default=dict).encode() + b"\n"
        async with self._one_at_a_time:
            running = self._running
            if running is None or not running.is_alive:
                if await asyncio.to_thread(_source_hash, self._folder, self.name) != self.source_hash:
                    raise self._fault(
                        "files that changed while a cycle runs", "the next cycle, which uses them"
                    )
                running = await self._start()
            try:
                async with asyncio.timeout(self._timeout):
                    with contextlib.suppress(ConnectionError):  # then there is no answer either
                        running.products.write(line)
                        await running.products.drain()
                    answer = await running.answers.readline()
            except TimeoutError:
                await self._end()
                return Failed(f"no answer within {self._timeout:g} s", ended=True)
            except ValueError:  # a line without end
                answer = b"\n"
            except BaseException:
                # Cancelled while an answer is under way: it must not be taken for that of the next product.
                await asyncio.shield(self._end())
                raise
            if not answer.endswith(b"\n"):
                status = await self._end()
                return Failed(f"its process ended (status {status})", ended=True)
            marked, _, body = answer.partition(b" ")
            if marked != mark:
                await self._end()
                return Failed(
                    "something else than its answer: it writes where only answers stand", ended=True
                )
        return _opened(body)

    async def close(self) -> None:
        """End the process. Safe to repeat."""
        async with self._one_at_a_time:
            await self._end()

    async def _start(self) -> _Running:
        """Raises ConfigurationError."""
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",  # nothing from the working directory, PYTHONPATH or the user's own packages
            "-B",
            str(_WORKER),
            str(self._folder),
            self.name,
            str(2 * self._timeout + 1),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd="/",
            env=environment,
            start_new_session=True,
            limit=_LONGEST_LINE,
        )
        if process.stdin is None or process.stdout is None:
            raise AssertionError("pipes were asked for")
        running = self._running = _Running(process, process.stdin, process.stdout)
        try:
            async with asyncio.timeout(_LOADING.total_seconds()):
                told = await running.answers.readline()
        except TimeoutError:
            await self._end()
            raise self._fault(
                "a module that is not imported within 20 s", "an import that comes back"
            ) from None
        except BaseException:
            await asyncio.shield(self._end())
            raise
        first = json.loads(told) if told.endswith(b"\n") else {}
        if not first.get("ready"):
            status = await self._end()
            fault = first.get("fault", {})
            raise self._fault(
                fault.get("found", f"a module that ends its process (status {status})"),
                fault.get("expected", "a module that can be imported"),
            )
        return running

    async def _end(self) -> int | None:
        """Kill the process, if there is one, and wait until it is gone."""
        running, self._running = self._running, None
        if running is None:
            return None
        if running.answers.at_eof():
            # It is ending by itself: to kill it at this moment would lose its status.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(running.process.wait(), _ENDING.total_seconds())
        # With all that it has started: such processes hold its pipes, and would outlive the daemon.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(running.process.pid, signal.SIGKILL)
        status = await running.process.wait()
        running.products.close()
        return status

    def _fault(self, found: str, expected: str) -> ConfigurationError:
        return ConfigurationError([Fault(self._where, found, expected)])


def _opened(answer: bytes) -> Answer:
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError):
        told = {"error": "returned a product that cannot be read as JSON"}
    match told:
        case {"result": dict(product)}:
            return Kept(product)
        case {"result": None}:
            return LeftOut()
        case {"error": str(text)}:
            return Failed(text)
        case _:
            return Failed("returned something that is no product")


def _source_hash(folder: Path, name: str) -> ContentHash:
    """Whatever Python file of the folder changes, the function may be another one."""
    digest = hashlib.blake2b(name.encode(), digest_size=16)
    for path in sorted(folder.rglob("*.py")):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue  # a mounted configuration keeps its files in hidden folders of changing names
        with contextlib.suppress(OSError):
            body = path.read_bytes()
            digest.update(f"\0{path.relative_to(folder)}\0{len(body)}\0".encode(errors="surrogateescape"))
            digest.update(body)
    return ContentHash(digest.hexdigest())
