"""The holder of the ledger, as a command in another process speaks to it (the protocol: :mod:`.socket`)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from xmsyncd.errors import LedgerHeldError, StoppedError, XmsyncdError
from xmsyncd.ledger.lock import socket_path
from xmsyncd.operations.exit_status import HolderError
from xmsyncd.operations.lines import line_of, value_of
from xmsyncd.operations.socket_name import short_name
from xmsyncd.operations.table import Progress, Result, Told

_T = TypeVar("_T")

_LONGEST_ANSWER: Final = 64 * 1024 * 1024

ANSWER_SECONDS: Final = 5.0
"""How long a command waits for a holder to take its request."""


class HolderEndedError(LedgerHeldError):
    """The holder ended before its answer. What it had done by then is done; asking again is safe."""


class NotListeningError(XmsyncdError):
    """No process listens at the ledger's socket (yet, or any more)."""


class Holder:
    """The process that holds the ledger, as a command speaks to it."""

    def __init__(self, ledger: Path, *, held: str, answer_seconds: float = ANSWER_SECONDS) -> None:
        """``held`` is the sentence that names the holder."""
        self._path = socket_path(ledger)
        self._held = held
        self._answer_seconds = answer_seconds

    async def greet(self) -> None:
        """See that somebody listens; raises :class:`NotListeningError` or ``LedgerHeldError``."""
        _, writer = await self._connected()
        writer.close()

    async def stream(self, name: str, params: Mapping[str, Any]) -> AsyncGenerator[Told]:
        """The operation's progress and its result.

        Raises :class:`NotListeningError` before anything was asked; ``LedgerHeldError`` for a holder that
        does not take the request in time and :class:`HolderEndedError` for one that ends before its answer;
        ``HolderError`` for the operation's own errors.
        """
        reader, writer = await self._connected()
        try:
            writer.write(line_of({"operation": name, "params": dict(params)}))
            answer = await self._soon(_line(reader))
            while answer is not None:
                if (told := self._told(answer)) is not None:
                    yield told
                    if isinstance(told, Result):
                        return
                answer = await _line(reader)
        except ConnectionError as error:
            raise self._gone() from error
        finally:
            writer.close()
        raise self._gone()

    async def call(self, name: str, params: Mapping[str, Any]) -> Any:
        """The operation's result; errors as :meth:`stream`."""
        async with contextlib.aclosing(self.stream(name, params)) as answers:
            async for told in answers:
                if isinstance(told, Result):
                    return told.value
        raise self._gone()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            with short_name(self._path) as name:
                return await self._soon(asyncio.open_unix_connection(name, limit=_LONGEST_ANSWER))
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NotListeningError(self._held) from error
        except OSError as error:
            raise LedgerHeldError(
                f"{self._held}, which cannot be asked: {error.strerror or error} ({self._path})"
            ) from error

    async def _soon(self, awaitable: Awaitable[_T]) -> _T:
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await awaitable
        except TimeoutError as error:
            raise silent(self._held) from error

    def _told(self, answer: Mapping[str, Any]) -> Told | None:
        if "error" in answer:
            error = answer["error"]
            if error["kind"] == StoppedError.__name__:
                raise self._gone()
            raise HolderError(str(error["kind"]), str(error["message"]), int(error["exit"]))
        if "result" in answer:
            return Result(answer["result"])
        return Progress(answer["progress"]) if "progress" in answer else None

    def _gone(self) -> HolderEndedError:
        return HolderEndedError(f"{self._held}, which ended before it answered")


def silent(held: str) -> LedgerHeldError:
    """The error for a holder that does not answer."""
    return LedgerHeldError(f"{held}, which does not answer")


async def _line(reader: asyncio.StreamReader) -> Mapping[str, Any] | None:
    """The next message; ``None`` at the end."""
    try:
        line = await reader.readline()
        answer = value_of(line) if line.endswith(b"\n") else None
    except ValueError as error:
        raise LedgerHeldError(f"the holder of the ledger answers something else: {error}") from error
    return answer if isinstance(answer, dict) else None
