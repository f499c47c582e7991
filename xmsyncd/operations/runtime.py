"""What an operation works on: the open parts of a daemon, or of a command that found the ledger free."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from xmsyncd.clock import Clock
from xmsyncd.cycle.loop import CycleLoop
from xmsyncd.cycle.shape import Shaper
from xmsyncd.delivery.delivery import Delivery
from xmsyncd.delivery.parts import DeliveryEvents
from xmsyncd.delivery.waiting import Bell
from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.ledger import Ledger
from xmsyncd.observe.outages import VendorAway
from xmsyncd.operations.rehearsal import Rehearsal
from xmsyncd.settings import PipelineSettings, Settings
from xmsyncd.yida.writers import ProcessWriter


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast calls may follow each other at this moment; ``paused`` is what is left of a pause."""

    per_second: float
    paused: timedelta


class Rehearse(Protocol):
    """Makes a pipeline's cycle on another ledger; unless it ``asks``, OKKI is left alone."""

    def __call__(self, on: Ledger, *, asks: bool = True) -> Rehearsal: ...


@dataclass(frozen=True, slots=True)
class PipelineRuntime:
    """One pipeline, opened."""

    name: str
    form: str
    settings: PipelineSettings
    loop: CycleLoop
    shaper: Shaper
    delivery: Delivery
    bell: Bell
    target: ProcessWriter
    told: DeliveryEvents
    next_run: Callable[[], datetime | None]
    rehearse: Rehearse
    mapping_hash: str = ""
    """What the form must have been checked for before anything is sent."""
    pace: Callable[[], Mapping[str, Pace]] = dict
    """By operation, how fast calls to Yida may follow each other at this moment."""
    reconcile_due: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the schedule wants ledger and Yida compared."""
    form_in_use: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the whole form is read: two at once would pay twice and report each other's work."""


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """A vendor's clock minus ours, when it last told it; ``None``: it has not yet."""

    connection: str
    api: str
    offset: timedelta | None


@dataclass(frozen=True, slots=True)
class LimitNow:
    """How fast one limit lets calls through now; ``pause_code`` is the vendor's word for a pause."""

    connection: str
    api: str
    endpoint: str
    per_second: float
    ceiling: float
    paused: timedelta
    pause_code: str


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything an operation may use. All of it lives in one event loop."""

    settings: Settings
    ledger: Ledger
    clock: Clock
    stopping: asyncio.Event
    """Set when everything is to end: asked for, or because a part died."""
    pipelines: Mapping[str, PipelineRuntime]
    clocks: Callable[[], Sequence[ClockOffset]] = tuple
    """How far the vendors' clocks are from ours, by their latest answers."""
    limits: Callable[[], Sequence[LimitNow]] = tuple
    away: Callable[[], Sequence[VendorAway]] = tuple
    """The vendors with whom calls fail at this moment."""

    def pipeline(self, name: str | None) -> PipelineRuntime:
        """The pipeline of this name, or the only one; otherwise a ``ConfigurationError`` that lists them."""
        if name is None and len(self.pipelines) == 1:
            return next(iter(self.pipelines.values()))
        if name is not None and name in self.pipelines:
            return self.pipelines[name]
        names = ", ".join(sorted(self.pipelines))
        found = "no pipeline named" if name is None else repr(name)
        raise ConfigurationError([Fault("pipeline", found, f"one of {names}")])

    def selected(self, name: str | None) -> tuple[PipelineRuntime, ...]:
        """That pipeline, or all."""
        return tuple(self.pipelines.values()) if name is None else (self.pipeline(name),)
