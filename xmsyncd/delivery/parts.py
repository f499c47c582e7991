"""What one pipeline's delivery is made of: what it works with, its settings, and who is told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from xmsyncd.clock import Clock
from xmsyncd.delivery.policy import SendingRules
from xmsyncd.delivery.target import Target
from xmsyncd.delivery.waiting import Bell
from xmsyncd.errors import XmsyncdError
from xmsyncd.flow.limiter import Limiter
from xmsyncd.heartbeat import Heartbeats
from xmsyncd.ledger import Ledger
from xmsyncd.ledger.meters import Meter
from xmsyncd.ledger.views import LookSettlement, Settlement, Stop
from xmsyncd.records import Claim, InstanceId, Operation, StopReason
from xmsyncd.steps import StepListener

FormCheck = Callable[[], Awaitable[str]]
"""What of the mapping does not fit the form, in words; empty where all does. Raises as a read does."""


class DeliveryEvents(Protocol):
    """Who is told what happens; each call becomes a log line and a metric at once."""

    def attempt_settled(self, settlement: Settlement) -> None: ...
    def suspects_judged(self, pipeline: str, *, convicted: int, acquitted: int) -> None: ...
    def look_settled(self, pipeline: str, settlement: LookSettlement) -> None: ...
    def pipeline_stopped(self, pipeline: str, stop: Stop) -> None: ...
    def pipeline_resumed(self, pipeline: str, reason: StopReason) -> None: ...
    def authorisation_failed(self, pipeline: str, error: XmsyncdError) -> None: ...
    def search_proven(self, pipeline: str, lag: timedelta) -> None: ...
    def orphans_found(self, pipeline: str, number: int) -> None: ...
    def times_pulled_in(self, pipeline: str, number: int) -> None: ...
    def send_failed(self, claim: Claim, error: Exception) -> None: ...
    def form_not_checked(self, pipeline: str, error: XmsyncdError) -> None: ...
    def read_put_off(self, pipeline: str, what: str, error: XmsyncdError) -> None: ...
    def instance_vanished(self, pipeline: str, instance_id: InstanceId, key: str) -> None: ...
    def doubles_found(self, pipeline: str, doubles: Sequence[tuple[str, InstanceId]]) -> None: ...


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """The settings of one pipeline's delivery."""

    rules: SendingRules
    in_flight: int
    resend_limit: int
    drain: timedelta
    bootstrap: bool = False


async def _nothing_to_check() -> str:
    return ""


async def nothing_to_authorise() -> None:
    """For a target that needs no token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryParts:
    """What the parts of one pipeline's delivery share.

    ``looks`` is the target for those who look for undecided records and for nobody else: what such a record
    costs is told from its calls. ``meter`` gives this month's.
    """

    pipeline: str
    form: str
    ledger: Ledger
    target: Target
    looks: Target
    limiters: Mapping[Operation, Limiter]
    authorise: Callable[[], Awaitable[None]] = nothing_to_authorise
    check_form: FormCheck = _nothing_to_check
    options: DeliveryOptions
    meter: Callable[[], Meter]
    bell: Bell
    heartbeats: Heartbeats = field(default_factory=Heartbeats)
    stopping: asyncio.Event
    clock: Clock
    rng: random.Random
    events: DeliveryEvents
    step: StepListener

    @property
    def rules(self) -> SendingRules:
        """The settings by which a call's end is judged."""
        return self.options.rules
