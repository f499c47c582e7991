"""What was sent in the last hours, as bars: pure, from the JSON of ``activity`` to numbers to draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

_WIDTH: Final = 720
_HEIGHT: Final = 100
_GAP: Final = 1.5

# The least that can be seen: one refusal beside a thousand throttled calls.
_LOWEST: Final = 2.5

# A chart's bands from the bottom up, each with what it counts. What went well and what did not have a scale
# each: on a common one a handful of failures would be invisible.
CHARTS: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "delivered": {"created": ("create",), "updated": ("update",)},
    "trouble": {
        "undecided": ("undecided", "orphaned"),
        "throttled": ("throttled",),
        "later": ("try_later", "not_sent"),
        "refused": ("refused", "gone"),
        "stopped": ("stop", "reauthenticate"),
    },
}


@dataclass(frozen=True, slots=True)
class Part:
    """One band of one bar, in the units of the drawing (720 by 100, from the top)."""

    name: str
    number: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One slot of time in which something happened."""

    time: str
    x: float
    width: float
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """``most`` is the highest bar, ``legend`` the bands that hold anything, with their sums."""

    name: str
    hours: int
    start: str
    total: int
    most: int
    bars: tuple[Bar, ...]
    legend: tuple[tuple[str, int], ...]


def charts(activity: Mapping[str, Any]) -> list[Chart]:
    """Both charts of one pipeline."""
    return [_chart(name, bands, activity) for name, bands in CHARTS.items()]


def _chart(name: str, bands: Mapping[str, Sequence[str]], activity: Mapping[str, Any]) -> Chart:
    start = datetime.fromisoformat(activity["start"])
    slot = timedelta(seconds=activity["slot_seconds"])
    counted = [
        {band: sum(slot_counts.get(one, 0) for one in outcomes) for band, outcomes in bands.items()}
        for slot_counts in activity["slots"]
    ]
    most = max((sum(one.values()) for one in counted), default=0)
    width = _WIDTH / max(1, len(counted))
    sums = Counter({band: sum(one[band] for one in counted) for band in bands})
    return Chart(
        name=name,
        hours=round(slot * len(counted) / timedelta(hours=1)),
        start=activity["start"],
        total=sums.total(),
        most=most,
        bars=tuple(
            Bar(
                time=f"{start + slot * place:%H:%M} UTC",
                x=round(place * width + _GAP / 2, 2),
                width=round(width - _GAP, 2),
                parts=_parts(one, most),
            )
            for place, one in enumerate(counted)
            if any(one.values())
        ),
        legend=tuple((band, sums[band]) for band in bands if sums[band]),
    )


def _parts(counts: Mapping[str, int], most: int) -> tuple[Part, ...]:
    shown = {band: max(_LOWEST, number * _HEIGHT / most) for band, number in counts.items() if number}
    # What was made visible is taken from the rest, or the highest bar would grow out of the drawing.
    scale = min(1.0, _HEIGHT / sum(shown.values()))
    parts, top = [], float(_HEIGHT)
    for band, height in shown.items():
        top -= height * scale
        parts.append(Part(band, counts[band], round(top, 2), round(height * scale, 2)))
    return tuple(parts)
