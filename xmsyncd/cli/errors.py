"""What a person reads when a command cannot do what was asked: one clear sentence each, no traceback."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

import click

from xmsyncd.cli.options import Common
from xmsyncd.errors import ConfigurationError, LedgerHeldError, XmsyncdError
from xmsyncd.operations.exit_status import ExitStatus, exit_status_of
from xmsyncd.showing import harmless
from xmsyncd.transport.masking import Mask

INTERRUPTED = 130

READER_GONE = 141
"""As of every program that SIGPIPE ends."""


def reported(common: Common, work: Callable[[], int]) -> int:
    """Run ``work`` and return its exit status, or that of the error it ended with, which is then told."""

    def tell(text: str) -> None:
        say(Mask(common.secrets).text(text))

    try:
        return work()
    except (click.ClickException, click.exceptions.Exit):
        raise  # click's own business
    except (BrokenPipeError, SystemExit):  # the latter is how rich leaves then
        return reader_gone()
    except KeyboardInterrupt:
        return INTERRUPTED
    except XmsyncdError as error:
        for sentence in sentences_of(error):
            tell(f"error: {sentence}")
        if common.debug:
            tell(traceback.format_exc().rstrip())
        return exit_status_of(error)
    except Exception as error:  # noqa: BLE001 - the outermost edge: a fault of ours is told in one sentence
        if common.debug:
            tell(traceback.format_exc().rstrip())
        else:
            words = f"{type(error).__name__}: {error}".rstrip(": ")
            tell(f"error: something unforeseen happened ({words}); the same command with --debug shows where")
        return ExitStatus.UNFORESEEN


def reader_gone() -> int:
    """The status where nobody reads what is printed any more (``… | head``); the rest goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return READER_GONE


def sentences_of(error: XmsyncdError) -> list[str]:
    """One for each fault of a configuration; else one."""
    if isinstance(error, ConfigurationError):
        return [str(fault) for fault in error.faults]
    if isinstance(error, LedgerHeldError):
        return [f"{error} (end that process, or use the configuration that it uses)"]
    return [str(error)]


def say(text: str) -> None:
    """To standard error."""
    click.echo(harmless(text), err=True)
