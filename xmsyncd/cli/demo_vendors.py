"""The simulated vendors of the demo: in their own process, which ends with ours however ours ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 5.0
_CONTROL_SECONDS: Final = 20.0


class VendorsError(Exception):
    """The simulation did not start, ended, or does not answer; the message is one sentence."""


class VendorsGoneError(VendorsError):
    """Its process has ended by itself."""


@dataclass(frozen=True, slots=True)
class Vendors:
    """A running simulation: its addresses, and its control."""

    okki_url: str
    yida_url: str
    control_url: str
    _session: aiohttp.ClientSession
    _process: asyncio.subprocess.Process

    async def gone(self) -> None:
        """Returns when the process has ended."""
        await self._process.wait()

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the control. Raises :class:`VendorsError`."""
        try:
            async with self._session.request(method, self.control_url + path, json=body) as answer:
                told = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise VendorsError(
                f"the simulation's control does not answer ({type(error).__name__})"
            ) from error
        if answer.status != 200:
            raise VendorsError(f"the simulation's control refuses {method} {path}: {told}")
        return told


@contextlib.asynccontextmanager
async def simulated_vendors(arguments: Sequence[str], log: Path) -> AsyncIterator[Vendors]:
    """``xmsyncd simulate`` with these arguments; what it says on standard error goes into ``log``.

    It has a session of its own, so that Ctrl-C at the terminal is for us alone, and ends when its standard
    input does: on leaving the block, or when this process dies. Raises :class:`VendorsError`.
    """
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "xmsyncd", "simulate", "--json", "--until-eof", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    try:
        told = await _first_line(process, log)
        timeout = aiohttp.ClientTimeout(total=_CONTROL_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            yield Vendors(told["okki_url"], told["yida_url"], told["control_url"], session, process)
    finally:
        await _end(process)


async def _first_line(process: asyncio.subprocess.Process, log: Path) -> dict[str, str]:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    line = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_START_SECONDS):
            line = await process.stdout.readline()
    try:
        told: dict[str, str] = json.loads(line)
    except ValueError:
        raise VendorsError(f"the simulated vendors did not start: {_last_words(log)}") from None
    return told


def _last_words(log: Path) -> str:
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return said[-1].removeprefix("error: ") if said else "they said nothing"


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except (TimeoutError, asyncio.CancelledError) as error:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if isinstance(error, asyncio.CancelledError):
            raise
