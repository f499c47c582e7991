"""What the parts of one pipeline's cycle work with: one value instead of a dozen arguments for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xmsyncd.clock import Clock
from xmsyncd.cycle.progress import CycleEvents
from xmsyncd.cycle.shape import Shaper
from xmsyncd.ledger import Ledger
from xmsyncd.ledger.guard import GuardRules
from xmsyncd.ledger.tombstones import Mark
from xmsyncd.ledger.views import StageEntry
from xmsyncd.okki.client import OkkiClient
from xmsyncd.okki.resources import Resource
from xmsyncd.settings import OnChange, SourceSettings
from xmsyncd.steps import StepListener


def nobody_watches(entries: Sequence[StageEntry]) -> None:
    """What a page has become."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleParts:
    """``staged`` is called whenever there may be something new to send."""

    pipeline: str
    form: str
    ledger: Ledger
    client: OkkiClient
    resource: Resource
    source: SourceSettings
    on_change: OnChange
    guard: GuardRules
    mark: Mark | None
    shaper: Shaper
    staged: Callable[[], None]
    clock: Clock
    events: CycleEvents
    step: StepListener
    shaped: Callable[[Sequence[StageEntry]], None] = nobody_watches
    """Told of each page between its shaping and its staging."""
