"""What a pipeline is doing at this moment, and how long it will take: pure, from status and activity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from xmsyncd.ledger.states import VisibleState

_TO_SEND: Final = (VisibleState.PENDING, VisibleState.SENDING)


@dataclass(frozen=True, slots=True)
class Underway:
    """``share`` is how much of OKKI's list is read, in percent; ``seconds`` what sending the rest will take.

    Both are ``None`` where nothing says so: OKKI tells no total, or nothing was delivered in the last minute.
    """

    reading: Mapping[str, Any] | None
    share: float | None
    left: int
    seconds: float | None
    last_minute: int


def underway(one: Mapping[str, Any], activity: Mapping[str, Any] | None) -> Underway:
    """``one`` is a pipeline of the status, ``activity`` its own part, or ``None`` if it could not be had."""
    reading = one.get("reading")
    share = None
    if reading is not None and reading["total"]:
        share = round(min(100.0, 100 * reading["read"] / reading["total"]), 1)
    left = 0 if one["stop"] is not None else sum(one["backlog"].get(state, 0) for state in _TO_SEND)
    last_minute = 0 if activity is None else activity["last_minute"]
    seconds = 60 * left / last_minute if left and last_minute else None
    return Underway(reading, share, left, seconds, last_minute)
