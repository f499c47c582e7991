"""How far the reading of a form has come: a bar on a terminal, a line for each step elsewhere."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from xmsyncd.cli.errors import say
from xmsyncd.cli.output import err, span
from xmsyncd.cli.sync_progress import Rate
from xmsyncd.cli.words import Words, words
from xmsyncd.operations.table import Result, Told

_STEPS = {
    "pause": "delivery is paused",
    "read": "reading OKKI",
    "scan": "reading the form",
    "judge": "asking for single instances",
    "match": "asking for single instances",
    "repair": "filing repairs",
}


def calls_text(calls: int) -> str:
    """So many calls, in words."""
    return "1 call" if calls == 1 else f"{calls:,} calls"


async def followed(told: AsyncGenerator[Told], cost: Callable[[Mapping[str, Any]], str]) -> dict[str, Any]:
    """The result of an operation whose progress is shown; ``cost`` is the sentence for what it will cost."""
    result: dict[str, Any] = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
        TimeElapsedColumn(),
    )
    console = err()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        phase, task, rate = "", None, Rate()
        async for one in told:
            if isinstance(one, Result):
                result = dict(one.value)
                continue
            value = one.value
            if value["phase"] != phase:
                phase = value["phase"]
                if phase == "cost":
                    say(cost(value))
                    continue
                step = _STEPS.get(phase, phase)
                task, rate = bar.add_task(step, total=None, pace=""), Rate()
                if not console.is_terminal:
                    say(f"{value['pipeline']}: {step}")
            if task is not None and "done" in value:
                pace = rate.add(time.monotonic(), value["done"])
                bar.update(
                    task, completed=value["done"], total=value["total"], pace=_pace(value, pace, words())
                )
    result.pop("phase", None)
    return result


def _pace(value: Mapping[str, Any], rate: float, told: Words) -> str:
    """How fast it goes and how long it will take, once both can be told."""
    if rate <= 0:
        return ""
    left = (value["total"] or 0) - value["done"]
    remaining = f", {told('remaining')} {span(left / rate)}" if left > 0 else ""
    return f"{rate:.1f}/s{remaining}"


def left_text(value: Mapping[str, Any]) -> str:
    """What of the month is left, for a sentence about cost."""
    return "" if value["left"] is None else f" of {value['left']:,} left this month"
