"""An answer that many ask for is asked for by one at a time, and kept for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

Ask = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
"""Has an operation done by name, as the commands do; returns its result."""

_ANSWER_SECONDS: Final = 10.0


class Kept:
    """The result of an operation without params."""

    def __init__(self, ask: Ask, operation: str, seconds: float) -> None:
        self._ask = ask
        self._operation = operation
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._kept: Mapping[str, Any] | None = None
        self._kept_until = 0.0

    def forget(self) -> None:
        """Something was changed: what was kept is old."""
        self._kept_until = 0.0

    async def get_or_none(self) -> Mapping[str, Any] | None:
        """The result; ``None`` where it cannot be had in time."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await self._get()
        except Exception:  # noqa: BLE001 - the edge: a page that cannot be shown must not take anything along
            return None

    async def _get(self) -> Mapping[str, Any]:
        loop = asyncio.get_running_loop()
        async with self._lock:
            if self._kept is None or loop.time() >= self._kept_until:
                self._kept = await self._ask(self._operation, {})
                self._kept_until = loop.time() + self._seconds
            return self._kept
