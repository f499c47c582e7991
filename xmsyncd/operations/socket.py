"""The conversation between a command and the holder of the ledger, over a Unix socket beside it.

::

    command                                   holder
    {"operation": "sync", "params": {…}}  →
                                          ←   {"accepted": {"process": 4711, "version": "…"}}
                                          ←   {"progress": …}                        any number
                                          ←   {"result": …}
                                              or {"error": {"kind", "message", "exit"}}

One conversation for each connection, one JSON line for each message. Whoever may open the ledger's folder
and is its user may ask anything: the file's mode is the whole protection.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket as sockets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Self

from xmsyncd import __version__
from xmsyncd.errors import (
    ConfigurationError,
    Fault,
    LedgerUnusableError,
    StoppedError,
    XmsyncdError,
)
from xmsyncd.ledger.lock import socket_path
from xmsyncd.operations.exit_status import ExitStatus, exit_status_of
from xmsyncd.operations.lines import line_of, value_of
from xmsyncd.operations.runtime import Runtime
from xmsyncd.operations.socket_name import short_name
from xmsyncd.operations.table import OPERATIONS, Operation, Result

_LONGEST_REQUEST: Final = 1024 * 1024
_REQUEST_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 1.0


class OperationServer:
    """Answers commands while the ledger is held: ``async with OperationServer(runtime, …):``.

    Its file is there from entering to leaving; one that a dead holder left is replaced, which is safe because
    this process holds the ledger. Leaving ends open conversations within a second. A command that goes away
    ends its conversation only: what the operation has started goes on. Raises ``LedgerUnusableError`` when
    the socket cannot be made. ``failed`` is told of faults of ours, by the operation's name.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        failed: Callable[[str, Exception], None],
        operations: Mapping[str, Operation] = OPERATIONS,
    ) -> None:
        self._runtime = runtime
        self._failed = failed
        self._operations = operations
        self._path = socket_path(runtime.ledger.path)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        # A look at a few directory entries: not worth a thread.
        try:
            listening = _bound(self._path)
        except OSError as error:
            raise LedgerUnusableError(
                f"cannot listen at {self._path}: {error.strerror or error}; other commands could not reach "
                "this process"
            ) from error
        self._server = await asyncio.start_unix_server(self._met, sock=listening, limit=_LONGEST_REQUEST)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)
        for task in self._open:
            task.cancel()
        if self._open:
            await asyncio.wait(self._open, timeout=_CLOSE_SECONDS)

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        try:
            await self._converse(reader, writer)
        except ConnectionError:
            pass  # the command went away
        except asyncio.CancelledError:
            with contextlib.suppress(ConnectionError):
                writer.write(_error_line(StoppedError.__name__, "this process ends", ExitStatus.UNFINISHED))
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            name, operation, params = await self._request(reader)
        except ConfigurationError as error:
            await _tell(writer, _error_line("ConfigurationError", str(error), ExitStatus.USAGE))
            return
        accepted = {"process": os.getpid(), "version": __version__}
        await _tell(writer, line_of({"accepted": accepted}))
        try:
            async with contextlib.aclosing(operation(self._runtime, params)) as answers:
                async for told in answers:
                    word = "result" if isinstance(told, Result) else "progress"
                    await _tell(writer, line_of({word: told.value}))
        except ConnectionError:
            raise
        except XmsyncdError as error:
            await _tell(writer, _error_line(type(error).__name__, str(error), exit_status_of(error)))
        except Exception as error:  # noqa: BLE001 - a conversation's edge: the holder goes on
            self._failed(name, error)
            message = f"{type(error).__name__} in the process that holds the ledger; its log says more"
            await _tell(writer, _error_line("Unforeseen", message, ExitStatus.UNFORESEEN))

    async def _request(self, reader: asyncio.StreamReader) -> tuple[str, Operation, Mapping[str, Any]]:
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                line = await reader.readline()
            request = value_of(line)
            name, params = request["operation"], request.get("params") or {}
        except (TimeoutError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(
                [Fault("the request", type(error).__name__, 'a line {"operation": …, "params": {…}}')]
            ) from error
        operation = self._operations.get(name) if isinstance(name, str) else None
        if operation is None or not isinstance(params, dict):
            names = ", ".join(sorted(self._operations))
            raise ConfigurationError([Fault("the operation", repr(name), f"one of {names}")])
        return name, operation, params


async def _tell(writer: asyncio.StreamWriter, line: bytes) -> None:
    writer.write(line)
    await writer.drain()


def _error_line(kind: str, message: str, exit_status: int) -> bytes:
    return line_of({"error": {"kind": kind, "message": message, "exit": int(exit_status)}})


def _bound(path: Path) -> sockets.socket:
    """A listening socket that only its user may open, from its first moment on."""
    path.unlink(missing_ok=True)
    listening = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM | sockets.SOCK_CLOEXEC)
    before = os.umask(0o177)
    try:
        with short_name(path) as name:
            listening.bind(name)
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(before)
    return listening
