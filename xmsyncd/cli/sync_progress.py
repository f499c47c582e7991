"""How far a sync has come: bars on a terminal, a line now and then elsewhere; always on standard error."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from xmsyncd.cli.errors import say
from xmsyncd.cli.output import err, span
from xmsyncd.cli.words import Words
from xmsyncd.ledger.views import StageDecision

_LINE_EVERY_SECONDS: Final = 5.0
_RATE_OVER_SECONDS: Final = 10.0
_NOT_SENT: Final = (
    StageDecision.UNCHANGED,
    StageDecision.FILTERED,
    StageDecision.REJECTED,
    StageDecision.WAITING,
    StageDecision.HELD,
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What one piece of progress comes to."""

    phase: str
    read: int
    total: int | None
    pages: int
    delivered: int
    left: int
    undecided: int
    parked: int
    decided: Mapping[str, int]
    """What became of what was read, without sending (``unchanged``, ``rejected`` …)."""


class Deliveries:
    """Counts what this sync delivers: what it found to do, and what is left of it."""

    def __init__(self) -> None:
        self._before: int | None = None
        self._parked_before = 0

    def standing(self, told: Mapping[str, Any]) -> Standing:
        """From one progress value of the operation."""
        backlog, decisions = told["backlog"], told["decisions"]
        left = told["sendable"] + backlog.get("undecided", 0) + backlog.get("sending", 0)
        staged = decisions.get("create", 0) + decisions.get("update", 0)
        parked = backlog.get("parked", 0)
        if self._before is None:
            self._before = max(0, left - staged)
            self._parked_before = parked
        newly_parked = max(0, parked - self._parked_before)
        delivered = max(0, self._before + staged - left - newly_parked)
        return Standing(
            phase=told["phase"],
            read=told["read"],
            total=told["total"],
            pages=told["pages"],
            delivered=delivered,
            left=left,
            undecided=backlog.get("undecided", 0),
            parked=parked,
            decided={name: decisions[name] for name in _NOT_SENT if decisions.get(name)},
        )


class Rate:
    """How many a second over the last seconds."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, int]] = []

    def add(self, now: float, done: int) -> float:
        """Count, and say how fast it goes; 0 before it can be told."""
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[1][0] > _RATE_OVER_SECONDS:
            self._seen.pop(0)
        began, then = self._seen[0]
        return (done - then) / (now - began) if now - began >= 1 else 0.0


class Shown(Protocol):
    """Something that shows progress."""

    def show(self, told: Mapping[str, Any]) -> None:
        """One progress value of the operation ``sync``."""
        ...


@contextmanager
def shown_progress(
    pipeline: str, words: Words, *, monotonic: Callable[[], float] = time.monotonic
) -> Iterator[Shown]:
    """Bars while standard error is a terminal, else lines."""
    # A terminal that cannot move its cursor (TERM=dumb) would show nothing of a bar until its end.
    if not sys.stderr.isatty() or os.environ.get("TERM") in (None, "dumb", "unknown"):
        yield _Lines(pipeline, words, monotonic)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[numbers]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err(), refresh_per_second=5) as progress:
        yield _Bars(progress, pipeline, words, monotonic)


class _Bars:
    def __init__(
        self, progress: Progress, pipeline: str, words: Words, monotonic: Callable[[], float]
    ) -> None:
        self._progress = progress
        self._monotonic = monotonic
        self._words = words
        self._deliveries = Deliveries()
        self._rate = Rate()
        self._reading_rate = Rate()
        self._reading = self._bar(f"{pipeline}  {words('reading')}")
        self._delivering = self._bar(f"{pipeline}  {words('delivering')}")

    def _bar(self, description: str) -> TaskID:
        return self._progress.add_task(description, total=None, numbers="")

    def show(self, told: Mapping[str, Any]) -> None:
        now = self._deliveries.standing(told)
        at = self._monotonic()
        reading = now.phase == "read"
        total = now.total if reading else now.read
        self._progress.update(
            self._reading,
            completed=now.read,
            total=None if total is None else max(total, now.read, 1),
            numbers=_reading_numbers(now, self._reading_rate.add(at, now.read), self._words),
        )
        all_of_it = now.delivered + now.left
        rate = self._rate.add(at, now.delivered)
        self._progress.update(
            self._delivering,
            completed=now.delivered,
            total=None if reading and not all_of_it else max(1, all_of_it),
            numbers=_delivering_numbers(now, rate, self._words),
        )


class _Lines:
    def __init__(self, pipeline: str, words: Words, monotonic: Callable[[], float]) -> None:
        self._pipeline = pipeline
        self._monotonic = monotonic
        self._words = words
        self._deliveries = Deliveries()
        self._rate = Rate()
        self._reading_rate = Rate()
        self._next: float | None = None

    def show(self, told: Mapping[str, Any]) -> None:
        now = self._deliveries.standing(told)
        at = self._monotonic()
        rate = self._rate.add(at, now.delivered)
        reading_rate = self._reading_rate.add(at, now.read)
        if self._next is None:
            self._next = at + _LINE_EVERY_SECONDS  # what is over at once needs no line
        if at >= self._next:
            self._next = at + _LINE_EVERY_SECONDS
            words = self._words
            say(
                f"{self._pipeline}: {words('reading')} {_reading_numbers(now, reading_rate, words)}; "
                f"{words('delivering')} {_delivering_numbers(now, rate, words)}"
            )


def _reading_numbers(now: Standing, rate: float, words: Words) -> str:
    of = "" if now.total is None else f" {words('of')} {now.total:,}"
    parts = [f"{now.read:,}{of}, {now.pages:,} {words('pages')}"]
    if now.phase == "read" and rate > 0:
        parts.append(f"{rate:.1f}/s")
        if now.total is not None and now.total > now.read:
            parts.append(f"{words('remaining')} {span((now.total - now.read) / rate)}")
    parts += [f"{number:,} {words(name)}" for name, number in now.decided.items()]
    return ", ".join(parts)


def _delivering_numbers(now: Standing, rate: float, words: Words) -> str:
    parts = [f"{now.delivered:,} {words('delivered')}", f"{now.left:,} {words('left')}"]
    if rate > 0:
        parts.append(f"{rate:.1f}/s")
        if now.left and now.phase != "read":  # before the end of the list nobody knows what is to come
            parts.append(f"{words('remaining')} {span(now.left / rate)}")
    parts += [
        f"{number:,} {words(name)}"
        for name, number in (("undecided", now.undecided), ("parked", now.parked))
        if number
    ]
    return ", ".join(parts)
