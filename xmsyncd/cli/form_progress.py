"""How far the reading of a form has come: a bar on a terminal, a line for each step elsewhere."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from xmsyncd.cli.errors import say
from xmsyncd.cli.output import err
from xmsyncd.operations.table import Result, Told

_STEPS = {
    "pause": "delivery is paused",
    "read": "reading OKKI",
    "scan": "reading the form",
    "judge": "asking for single instances",
    "match": "asking for single instances",
    "repair": "filing repairs",
}


async def followed(told: AsyncGenerator[Told], cost: Callable[[Mapping[str, Any]], str]) -> dict[str, Any]:
    """The result of an operation whose progress is shown; ``cost`` is the sentence for what it will cost."""
    result: dict[str, Any] = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    console = err()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        phase, task = "", None
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
                task = bar.add_task(step, total=None)
                if not console.is_terminal:
                    say(f"{value['pipeline']}: {step}")
            if task is not None and "done" in value:
                bar.update(task, completed=value["done"], total=value["total"])
    result.pop("phase", None)
    return result


def left_text(value: Mapping[str, Any]) -> str:
    """What of the month is left, for a sentence about cost."""
    return "" if value["left"] is None else f" of {value['left']:,} left this month"
