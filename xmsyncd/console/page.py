"""The status page: from the status JSON to HTML, in Chinese or English."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import jinja2

from xmsyncd.console.words import WORDS
from xmsyncd.ledger.states import VisibleState

# From what is done to what needs a person, as the bar shows them from left to right.
_BAR: Final = (
    VisibleState.DELIVERED,
    VisibleState.SENDING,
    VisibleState.PENDING,
    VisibleState.UNDECIDED,
    VisibleState.WAITING,
    VisibleState.HELD,
    VisibleState.REJECTED,
    VisibleState.PARKED,
    VisibleState.DISCARDED,
)

_REFRESH_SECONDS: Final = 5


class Page:
    """Renders the page; everything that comes from data is escaped."""

    def __init__(self) -> None:
        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("xmsyncd.console"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._template = environment.get_template("status.html")

    def render(self, status: Mapping[str, Any] | None, *, language: str, nonce: str) -> str:
        """The page as text; ``None`` for a status that could not be had."""
        words = WORDS[language]
        now = None if status is None else datetime.fromisoformat(status["now"])
        return self._template.render(
            status=status,
            words=words,
            language=language,
            nonce=nonce,
            refresh_seconds=_REFRESH_SECONDS,
            bar=bar,
            ago=lambda moment: _ago(moment, now, words),
            span=lambda seconds: span(seconds, words),
            time=_time,
            word=lambda kind, value: words.get(f"{kind}.{value}", value),
        )


def language_of(header: str) -> str:
    """``zh`` or ``en``, by the weights of an ``Accept-Language`` header; English where it says neither."""
    best, weight = "en", 0.0
    for part in header.split(","):
        tag, _, parameters = part.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        quality = _quality(parameters)
        if language in WORDS and quality > weight:
            best, weight = language, quality
    return best


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def bar(backlog: Mapping[str, int]) -> list[dict[str, Any]]:
    """The backlog as segments of one bar: ``state``, ``number``, ``x`` and ``width`` in percent.

    A state with any record gets at least one percent: a single parked one among 100,000 must be seen.
    """
    shown = [(state.value, backlog.get(state, 0)) for state in _BAR if backlog.get(state, 0)]
    total = sum(number for _, number in shown)
    wide = [max(1.0, 100 * number / total) for _, number in shown]
    scale = 100 / sum(wide) if wide else 1.0
    segments, x = [], 0.0
    for (state, number), width in zip(shown, wide, strict=True):
        width *= scale
        segments.append({"state": state, "number": number, "x": round(x, 3), "width": round(width, 3)})
        x += width
    return segments


def span(seconds: float | None, words: Mapping[str, str]) -> str:
    """A time span in its two largest units."""
    if seconds is None:
        return "–"
    left = max(0, round(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        number, left = divmod(left, size)
        if number or (unit == "s" and not parts):
            parts.append(f"{number}{words['unit.' + unit]}")
    return words["unit.join"].join(parts[:2])


def _ago(moment: str | None, now: datetime | None, words: Mapping[str, str]) -> str:
    """``3 min ago`` or ``in 3 min``."""
    if moment is None or now is None:
        return words["never"]
    seconds = (now - datetime.fromisoformat(moment)).total_seconds()
    text = span(abs(seconds), words)
    return words["ago"].format(text) if seconds >= 0 else words["in"].format(text)


def _time(moment: str | None) -> str:
    return "–" if moment is None else datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M:%S UTC")
