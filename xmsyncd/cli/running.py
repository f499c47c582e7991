"""Runs a command's coroutine: log, signals, and the exit status they mean."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

from xmsyncd.cli.errors import reader_gone, say
from xmsyncd.cli.options import Common
from xmsyncd.lifecycle import Signals, handle_signals
from xmsyncd.observe.logs import configure_logging

if TYPE_CHECKING:
    import signal

    from xmsyncd.settings import Settings


def run_to_end(
    common: Common,
    settings: Settings,
    work: Callable[[], Awaitable[int]],
    *,
    stopping_text: Callable[[], str] = str,
) -> int:
    """The exit status of ``work``; 130 or 143 after SIGINT or SIGTERM.

    The first signal cancels ``work``, which then ends what it has begun (its ``finally`` and ``async with``
    blocks), told by ``stopping_text``; the second ends the process at once.
    """
    log_to_stderr(common, settings)
    return asyncio.run(_run(work, stopping_text))


async def _run(work: Callable[[], Awaitable[int]], stopping_text: Callable[[], str]) -> int:
    stopping = asyncio.Event()

    def told(received: signal.Signals) -> None:
        text = stopping_text()
        if text:
            say(text)

    with handle_signals(stopping, told=told) as signals:
        task = asyncio.ensure_future(_read_to_the_end(work))
        stop = asyncio.ensure_future(stopping.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
            return await task
        except asyncio.CancelledError:
            return _status_of(signals)
        finally:
            stop.cancel()


async def _read_to_the_end(work: Callable[[], Awaitable[int]]) -> int:
    """The status of ``work``, or that of a program whose reader has gone (``… | head``).

    Rich leaves by ``SystemExit`` then, which must not pass through a task: it would end the loop around it.
    """
    try:
        status = await work()
        click.echo(
            "", nl=False
        )  # flushed here, not at the interpreter's end, where a traceback is all it can do
    except (BrokenPipeError, SystemExit):
        return reader_gone()
    return status


def _status_of(signals: Signals) -> int:
    if signals.received is None:
        raise RuntimeError("the command was cancelled, and not by a signal")
    return 128 + signals.received


def log_to_stderr(common: Common, settings: Settings) -> None:
    """Warnings and above; as JSON where a program reads them and the configuration says so."""
    level = "debug" if common.debug else "warning"
    log_format = "console" if sys.stderr.isatty() else settings.log.format.value
    configure_logging(level, log_format, cast(TextIO, _StandardError()), settings.secret_values())


class _StandardError:
    """Whatever standard error is at the moment of writing: a progress bar puts itself in its place."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)
