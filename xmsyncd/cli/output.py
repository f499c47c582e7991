"""How results look: tables for people, JSON for programs; progress goes to standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from xmsyncd.cli.words import Words
from xmsyncd.operations.lines import json_of
from xmsyncd.showing import cut_to, harmless

_COLOURS: Final[Mapping[str, str]] = {
    "delivered": "green",
    "ok": "green",
    "fits": "green",
    "change": "yellow",
    "unknown": "yellow",
    "done": "green",
    "taken over": "green",
    "done otherwise": "cyan",
    "to be decided": "yellow",
    "not possible": "red",
    "warning": "yellow",
    "undecided": "yellow",
    "rejected": "yellow",
    "unproven": "yellow",
    "failed": "red",
    "parked": "red",
    "stopped": "red",
}

# Where no terminal tells its width, nothing is cut off for its sake.
_WIDE: Final = 200


class Screen(Console):
    """Shows what stands in records, which is anybody's text, but nothing in it that a terminal would obey."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        if isinstance(renderable, Text) and harmless(renderable.plain) != renderable.plain:
            shown = renderable.copy()
            shown.plain = harmless(renderable.plain)
            renderable = shown
        return super().render(renderable, options)


def out() -> Console:
    """For results."""
    return Screen(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _WIDE)


def err() -> Console:
    """For progress."""
    return Screen(file=sys.stderr, highlight=False, width=None if sys.stderr.isatty() else _WIDE)


def print_json(value: Any) -> None:
    """The result, and nothing else, on standard output."""
    click.echo(json_of(value, indent=True))


def table(*headings: str, title: str | None = None) -> Table:
    """A table with these columns; texts wrap and are never cut."""
    shown = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for heading in headings:
        shown.add_column(heading, overflow="fold")
    return shown


def add_row(to: Table, *cells: Any) -> None:
    """A row of plain texts: nothing in them is taken for markup."""
    to.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in cells))


def coloured(word: str, words: Words) -> Text:
    """A state in its colour and language."""
    return Text(words(word), style=_COLOURS.get(word, ""))


def counts(numbers: Mapping[str, int], order: Iterable[str], words: Words) -> Text:
    """``delivered 1,990 · parked 3``: what there is some of, in order."""
    shown = Text()
    for name in order:
        number = numbers.get(name, 0)
        if number:
            if shown:
                shown.append(" · ")
            shown.append(f"{words(name)} ", style=_COLOURS.get(name, ""))
            shown.append(f"{number:,}")
    return shown or Text(words("nothing"))


def moment(text: str | None, zone: ZoneInfo, *, none: str = "–", precise: bool = False) -> str:
    """An ISO time in the person's zone, with its offset: ``2026-11-23 10:10:21 +08:00``."""
    if text is None:
        return none
    local = datetime.fromisoformat(text).astimezone(zone)
    offset = local.strftime("%z")
    fraction = f".{local.microsecond // 1000:03d}" if precise else ""
    return f"{local:%Y-%m-%d %H:%M:%S}{fraction} {offset[:3]}:{offset[3:]}"


def span(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``: two units at most."""
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def shortened(text: str | None, length: int = 100) -> str:
    """One line of a longer text."""
    return cut_to(" ".join((text or "").split()), length)


def facts(rows: Sequence[tuple[str, Any]]) -> Table:
    """Names and values, without lines."""
    shown = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    shown.add_column(no_wrap=True, style="dim")
    shown.add_column(overflow="fold")
    for name, value in rows:
        add_row(shown, name, value)
    return shown
