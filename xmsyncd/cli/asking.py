"""An operation asked for from the command line, with its progress; a question before it decides much."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from xmsyncd.cli.errors import say
from xmsyncd.cli.options import Common

if TYPE_CHECKING:
    from xmsyncd.settings import Settings


@dataclass(slots=True)
class Asked:
    """What an operation came to. ``status`` is not 0 only where a signal ended the asking."""

    value: dict[str, Any]
    is_local: bool
    """Whether this process held the ledger: then no daemon runs."""
    status: int


def ask(common: Common, settings: Settings, name: str, params: Mapping[str, Any]) -> Asked:
    """Ask the holder of the ledger, or this process if nobody holds it; the ledger is free again afterwards.

    Progress (``{"done", "total"}``) is shown on a terminal. Raises what the operation raises.
    """
    from xmsyncd.cli.access import operator
    from xmsyncd.cli.running import run_to_end
    from xmsyncd.operations.table import Result

    asked = Asked({}, is_local=False, status=0)

    async def work() -> int:
        async with operator(settings, needs_delivery=False) as reached:
            async with contextlib.aclosing(reached.stream(name, params)) as told:
                async for one in told:
                    if isinstance(one, Result):
                        asked.value = dict(one.value)
                    elif sys.stderr.isatty() and one.value["done"] < one.value["total"]:
                        say(f"{one.value['done']:,} / {one.value['total']:,}")
            asked.is_local = reached.is_local
        return 0

    asked.status = run_to_end(common, settings, work)
    return asked


def is_confirmed(question: str, *, yes: bool) -> bool:
    """Ask a person at a terminal; where nobody can be asked, the command line itself was the answer."""
    if yes or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    return click.confirm(question, default=False)
