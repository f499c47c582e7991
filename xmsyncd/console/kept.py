"""An answer that many ask for is asked for by one at a time, and kept for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Ask = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
"""Has an operation done by name, as the commands do; returns its result."""

_ANSWER_SECONDS: Final = 10.0

# What is slow to answer is asked for less often: whoever looks takes a tenth of the ledger's time at most.
_TIMES_THE_COST: Final = 9
_LONGEST_SECONDS: Final = 30.0

_MOST_KEPT: Final = 32


@dataclass(frozen=True, slots=True)
class _Answer:
    value: Any
    until: float


class Kept:
    """The results of an operation, by its params; those of the latest few."""

    def __init__(self, ask: Ask, operation: str, seconds: float) -> None:
        self._ask = ask
        self._operation = operation
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._kept: dict[tuple[tuple[str, Any], ...], _Answer] = {}

    def forget(self) -> None:
        """Something was changed: what was kept is old."""
        self._kept = {}  # a new one: an answer that is on its way was asked for before, and goes into the old

    async def get_or_none(self) -> Mapping[str, Any] | None:
        """The result without params; ``None`` where it cannot be had in time."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                found: Mapping[str, Any] = await self.get()
        except Exception:  # noqa: BLE001 - the edge: a page that cannot be shown must not take anything along
            return None
        return found

    async def get(self, **params: Any) -> Any:
        """The result, at most so old. Raises what the operation raises; that is not kept."""
        loop = asyncio.get_running_loop()
        name = tuple(sorted(params.items()))
        async with self._lock:
            answers = self._kept
            kept = answers.pop(name, None)
            if kept is None or loop.time() >= kept.until:
                began = loop.time()
                value = await self._ask(self._operation, params)
                rest = min(_LONGEST_SECONDS, _TIMES_THE_COST * (loop.time() - began))
                kept = _Answer(value, loop.time() + max(self._seconds, rest))
            answers[name] = kept
            while len(answers) > _MOST_KEPT:
                del answers[next(iter(answers))]
            return kept.value
