"""``status --watch``: the picture of how things stand, again and again."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import Iterable
from typing import Any, Final

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from xmsyncd.cli.output import moment, out
from xmsyncd.cli.status_asking import asked, exit_status
from xmsyncd.cli.status_picture import picture
from xmsyncd.cli.words import Words, words
from xmsyncd.errors import LedgerError
from xmsyncd.operations.exit_status import HolderError
from xmsyncd.operations.holder import NotListeningError
from xmsyncd.operations.lines import json_of
from xmsyncd.settings import Settings

_EVERY_SECONDS: Final = 2.0
_PLAIN_EVERY_SECONDS: Final = 10.0


async def watch_status(
    settings: Settings,
    *,
    as_json: bool,
    every: float = _EVERY_SECONDS,
    plain_every: float = _PLAIN_EVERY_SECONDS,
    times: int | None = None,
) -> int:
    """Until cancelled, or so many ``times``; returns the exit status of the last picture.

    On a terminal the picture stays in its place; elsewhere pictures, or lines of JSON, follow each
    other, more seldom. A daemon that starts, drains or ends meanwhile is waited for; raises what
    the first look raises.
    """
    shown = await asked(settings)
    if as_json or not _can_redraw():
        return await _follow(shown, settings, as_json=as_json, every=plain_every, times=times)
    told = words()
    with Live(console=out(), screen=True, auto_refresh=False) as live:
        live.update(_framed(shown, "", settings, told), refresh=True)
        for _ in _rounds(times):
            await asyncio.sleep(every)
            trouble, shown = await _asked_again(shown, settings)
            live.update(_framed(shown, trouble, settings, told), refresh=True)
    return exit_status(shown)


def _can_redraw() -> bool:
    # A terminal that cannot move its cursor (TERM=dumb) shows one picture below the other.
    return sys.stdout.isatty() and os.environ.get("TERM") not in (None, "dumb", "unknown")


def _rounds(times: int | None) -> Iterable[int]:
    return itertools.count() if times is None else range(times - 1)


async def _asked_again(last: dict[str, Any], settings: Settings) -> tuple[str, dict[str, Any]]:
    """What is wrong, empty where nothing is, and the newest status there is."""
    try:
        return "", await asked(settings)
    except (LedgerError, HolderError, NotListeningError) as error:
        return str(error), last


def _framed(shown: dict[str, Any], trouble: str, settings: Settings, told: Words) -> RenderableType:
    parts: list[RenderableType] = [
        Text(f"{told('as of')} {moment(shown['now'], settings.zone)}", style="dim")
    ]
    if trouble:
        parts.append(Text(f"{told('unreachable')}: {trouble}", style="yellow"))
    return Group(*parts, picture(shown, settings.zone, told))


async def _follow(
    shown: dict[str, Any], settings: Settings, *, as_json: bool, every: float, times: int | None
) -> int:
    def tell() -> None:
        if as_json:
            click.echo(json_of(shown))
        else:
            out().print(_framed(shown, "", settings, words()))

    tell()
    for _ in _rounds(times):
        await asyncio.sleep(every)
        trouble, shown = await _asked_again(shown, settings)
        if trouble:
            click.echo(f"{words()('unreachable')}: {trouble}", err=True)
        else:
            tell()
    return exit_status(shown)
