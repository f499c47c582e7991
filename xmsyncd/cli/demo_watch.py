"""What is seen of the demo while it runs: the first synchronisation's progress, then a line now and then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from xmsyncd.cli.demo_texts import Texts
from xmsyncd.cli.demo_vendors import Vendors, VendorsError
from xmsyncd.cli.sync_progress import Deliveries, Rate, Standing

_LINE_EVERY_SECONDS: Final = 3.0
_PULSE_EVERY_SECONDS: Final = 2.5
_QUIET_PULSES: Final = 4
_CREATE_EVERY_PULSES: Final = 8

FAILED: Final = ("rejected", "waiting", "held", "parked")
"""States of records that stand in the list of failures and stay there by themselves."""

Told = Callable[[Mapping[str, Any]], None]


@contextmanager
def shown_progress(console: Console, text: Texts) -> Iterator[Told]:
    """Takes each progress value of the operation ``sync``: bars on a terminal that can, else lines."""
    deliveries, rate = Deliveries(), Rate()
    if not console.is_terminal or console.is_dumb_terminal:
        yield _lines(console, text, deliveries, rate)
        return
    columns = (
        TextColumn("   {task.description}"),
        BarColumn(bar_width=32),
        TextColumn("{task.fields[numbers]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, refresh_per_second=8) as progress:
        reading = progress.add_task(f"OKKI → {text('read')}", total=None, numbers="")
        delivering = progress.add_task(f"→ {text('delivered')}", total=None, numbers="")

        def show(told: Mapping[str, Any]) -> None:
            now = deliveries.standing(told)
            progress.update(reading, completed=now.read, total=now.total, numbers=_of(now.read, now.total))
            numbers = _delivered(now, rate.add(time.monotonic(), now.delivered), text)
            progress.update(delivering, completed=now.delivered, total=_all(now), numbers=numbers)

        yield show


def _lines(console: Console, text: Texts, deliveries: Deliveries, rate: Rate) -> Told:
    next_at = time.monotonic()

    def show(told: Mapping[str, Any]) -> None:
        nonlocal next_at
        now, at = deliveries.standing(told), time.monotonic()
        speed = rate.add(at, now.delivered)
        if at >= next_at:
            next_at = at + _LINE_EVERY_SECONDS
            read = f"{text('read')} {_of(now.read, now.total)}"
            console.print(f"   {read} → {text('delivered')} {_delivered(now, speed, text)}", soft_wrap=True)

    return show


def _all(now: Standing) -> int | None:
    """What there is to deliver; while reading goes on, what OKKI says it has."""
    found = now.delivered + now.left
    return (max(now.total or 0, found) if now.phase == "read" else found) or None


def _of(number: int, total: int | None) -> str:
    return f"{number:,}" if total is None else f"{number:,}/{total:,}"


def _delivered(now: Standing, speed: float, text: Texts) -> str:
    parts = [_of(now.delivered, _all(now))]
    if speed > 0:
        parts.append(f"{speed:.0f}{text('a_second')}")
    if now.undecided:
        parts.append(text("undecided_now", n=now.undecided))
    return "  ".join(parts)


@dataclass(frozen=True, slots=True)
class Seen:
    """Counters of the daemon at one moment."""

    changed: int = 0
    created: int = 0
    updated: int = 0
    lost: int = 0
    found: int = 0
    resent: int = 0
    throttled: int = 0

    def since(self, before: Seen) -> dict[str, int]:
        """How many of each were added, by name."""
        return {name: getattr(self, name) - getattr(before, name) for name in self.__slots__}


def seen_in(metrics: str) -> Seen:
    """From the text of ``/metrics``."""
    sums: dict[str, int] = dict.fromkeys(Seen.__slots__, 0)
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            name = _counted(sample.name, sample.labels)
            if name is not None:
                sums[name] += int(sample.value)
    return Seen(**sums)


def _counted(metric: str, labels: Mapping[str, str]) -> str | None:
    match metric, labels:
        case "xmsyncd_staged_records_total", {"decision": "create" | "update"}:
            return "changed"
        case "xmsyncd_deliveries_total", {"operation": "create", "outcome": "delivered"}:
            return "created"
        case "xmsyncd_deliveries_total", {"operation": "update", "outcome": "delivered"}:
            return "updated"
        case "xmsyncd_deliveries_total", {"outcome": "undecided"}:
            return "lost"
        case "xmsyncd_undecided_total", {"resolution": "found" | "resent" as resolution}:
            return resolution
        case "xmsyncd_throttled_total", {"api": "dingtalk"}:
            return "throttled"
        case _:
            return None


class Watch:
    """Watches a daemon through its own console, and both vendors through the judge; prints what is new."""

    def __init__(self, vendors: Vendors, url: str, console: Console, text: Texts) -> None:
        self._vendors = vendors
        self._url = url
        self._console = console
        self._text = text
        self._before = Seen()
        self._quiet = _QUIET_PULSES

    async def run(self) -> None:
        """Until cancelled. New products appear meanwhile, as people add some."""
        timeout = aiohttp.ClientTimeout(total=_PULSE_EVERY_SECONDS * 4)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            pulse = 0
            while True:
                await asyncio.sleep(_PULSE_EVERY_SECONDS)
                pulse += 1
                try:
                    if pulse % _CREATE_EVERY_PULSES == 0:
                        await self._vendors.ask("POST", "/create", {})
                    await self._tell(session)
                except (aiohttp.ClientError, TimeoutError, VendorsError):
                    continue  # one of them is ending, or busy for a moment

    async def _tell(self, session: aiohttp.ClientSession) -> None:
        async with session.get(f"{self._url}metrics") as answer:
            seen = seen_in(await answer.text())
        async with session.get(f"{self._url}api/status") as answer:
            answer.raise_for_status()
            (pipeline,) = (await answer.json())["pipelines"]
        verdict = await self._vendors.ask("GET", "/oracle")
        news, self._before = seen.since(self._before), seen
        self._quiet += 1
        if any(news.values()) or verdict["doubled"] or self._quiet > _QUIET_PULSES:
            self._quiet = 0
            self._print(news, pipeline, verdict)

    def _print(
        self, news: Mapping[str, int], pipeline: Mapping[str, Any], verdict: Mapping[str, Any]
    ) -> None:
        text = self._text
        parts: list[tuple[str, str]] = []
        if news["changed"]:
            parts.append((text("pulse.seen", n=news["changed"]), ""))
        for name, style in (
            ("created", "green"),
            ("updated", "green"),
            ("lost", "yellow"),
            ("found", "cyan"),
            ("resent", "cyan"),
            ("throttled", "yellow"),
        ):
            if news[name]:
                parts.append((text(f"pulse.{name}", n=news[name]), style))
        behind = sum(len(verdict[name]) for name in ("missing", "different", "extra"))
        parts.append((text("pulse.behind", n=behind), "") if behind else (text("pulse.agrees"), "bold green"))
        if verdict["doubled"]:
            parts.append((text("pulse.doubled", n=len(verdict["doubled"])), "bold red"))
        failed = sum(pipeline["backlog"].get(state, 0) for state in FAILED)
        if failed:
            parts.append((text("pulse.failed", n=failed), "dim"))
        if pipeline["stop"] is not None:
            parts.append((text("pulse.stopped", reason=pipeline["stop"]["reason"]), "bold red"))
        line = Text(f"{datetime.now(UTC).astimezone():%H:%M:%S}  ", style="dim")
        for number, (words, style) in enumerate(parts):
            if number:
                line.append(" · ", style="dim")
            line.append(words, style=style or "default")
        self._console.print(line, soft_wrap=True)
