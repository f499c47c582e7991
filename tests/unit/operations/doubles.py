"""What stands around an operation in its tests: a clock that stands still, a shaper that maps as told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.unit.ledger.sample import NOW
from xmsyncd.cycle.shape import Shaped
from xmsyncd.ledger import Ledger
from xmsyncd.ledger.views import Listed, StageEntry
from xmsyncd.operations.runtime import PipelineRuntime, Runtime
from xmsyncd.records import ContentHash, Draft, Item, KeyValue, SourceId
from xmsyncd.settings import (
    DingtalkSettings,
    FieldSettings,
    OkkiSettings,
    PipelineSettings,
    Settings,
    TargetSettings,
)
from xmsyncd.transform.hashes import hash_of
from xmsyncd.transform.quality.standing import NO_RULES, QualityPlan

_CONTEXT = ContentHash("today's context")


class StillClock:
    """Later than the sample's times; a sleep passes at once."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> Any:
        return NOW + timedelta(minutes=5, seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


@dataclass
class MappingShaper:
    """Maps an item to a draft with its ``no`` as key, unless told what to answer."""

    context: ContentHash = _CONTEXT
    answer: StageEntry | None = None
    error: Exception | None = None
    shaped: list[tuple[Item, Listed]] = field(default_factory=list)
    quality: QualityPlan = NO_RULES

    async def refresh(self) -> None:
        """Nothing to be had anew."""

    async def shape(
        self, items: Sequence[Item], known: Mapping[SourceId, Listed], *, ruled: bool = True
    ) -> Shaped:
        self.shaped += [(item, known[item.source_id]) for item in items]
        if self.error is not None:
            raise self.error
        return Shaped(tuple(self.answer or _drafted(item) for item in items))


def _drafted(item: Item) -> StageEntry:
    key = KeyValue(str(item.raw["no"]))
    content = {"textField_key": key}
    return StageEntry(item, Draft(item.source_id, item.updated_at, key, content, hash_of(content)))


@dataclass
class Opened:
    """The runtime and its doubles. ``rung`` is set by the pipeline's bell."""

    runtime: Runtime
    pipeline: PipelineRuntime
    shaper: MappingShaper
    clock: StillClock
    rung: asyncio.Event

    @property
    def ledger(self) -> Ledger:
        return self.runtime.ledger


def settings_for(ledger: Path) -> Settings:
    return Settings(
        okki={"main": OkkiSettings(client_id="id", client_secret="okki-secret")},
        dingtalk={"main": DingtalkSettings(app_key="key", app_secret="ding-secret")},
        ledger={"url": f"sqlite:///{ledger}"},
        pipelines={
            "products": PipelineSettings(
                target=TargetSettings(
                    app_type="APP",
                    system_token="yida-secret",
                    user_id="user",
                    form_uuid="FORM",
                    key="textField_key",
                ),
                fields=[FieldSettings(field="textField_key", label="产品编码", value="{no}")],
            )
        },
    )
