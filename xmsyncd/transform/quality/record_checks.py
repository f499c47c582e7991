"""The checks of a record as a whole: its group, its age (part of step 2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from xmsyncd.records import Item, RejectionReason
from xmsyncd.transform.derived import GROUP_EXISTS
from xmsyncd.transform.quality.checks import Check
from xmsyncd.transform.quality.kinds import Breach, RuleSpec
from xmsyncd.transform.value_types import shortened

NOW: Final = "CURRENT_TIME"
"""The name under which a look-up holds the time of the cycle, in epoch seconds."""


def check_group(_item: Item, lookup: Mapping[str, Any]) -> Breach | None:
    """The group the record refers to is in the tree; without the tree nothing is said."""
    if lookup.get(GROUP_EXISTS, True):
        return None
    found = f"group_id {shortened(lookup.get('group_id'))}"
    return Breach(
        RejectionReason.UNKNOWN_GROUP, "a group that OKKI's product groups hold (rule group)", found=found
    )


def fresh_check(spec: RuleSpec) -> Check:
    """OKKI changed the record no longer ago than ``max_age``; without an update time it is not fresh."""
    seconds = 0.0 if spec.max_age is None else spec.max_age.total_seconds()
    days = f"{seconds / 86_400:.10g}"
    expected = f"an update_time of the last {days} days (rule fresh)"

    def check(item: Item, lookup: Mapping[str, Any]) -> Breach | None:
        now = lookup.get(NOW)
        if now is None:
            return None
        if item.updated_at is None:
            return Breach(RejectionReason.FRESH, expected, found="no update_time that can be read")
        if now - item.updated_at.timestamp() <= seconds:
            return None
        age = datetime.fromtimestamp(now, UTC) - item.updated_at
        return Breach(RejectionReason.FRESH, expected, found=f"update_time {age.days} days ago")

    return check
