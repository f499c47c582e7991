"""What was sent to Yida in the last hours, and what came of it: what the console draws its charts from."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from xmsyncd.ledger.activity import activity
from xmsyncd.ledger.queries import iso
from xmsyncd.ledger.times import to_ms
from xmsyncd.operations.runtime import Runtime

SLOT: Final = timedelta(minutes=5)
SLOTS: Final = 72
"""Six hours."""


async def recent_activity(runtime: Runtime) -> dict[str, Any]:
    """``{pipeline: {"start", "slot_seconds", "slots": [{outcome: calls}], "last_minute"}}``.

    As in :class:`xmsyncd.ledger.activity.Activity`; one short transaction for each pipeline.
    """
    told = {}
    now = runtime.clock.now()
    for name in runtime.pipelines:
        found = await runtime.ledger.read(activity, name, now, slot=SLOT, slots=SLOTS)
        told[name] = {
            "start": iso(to_ms(found.start)),
            "slot_seconds": found.slot.total_seconds(),
            "slots": [dict(one) for one in found.slots],
            "last_minute": found.last_minute,
        }
    return told
