"""``omissionRemedy`` (补漏), the platform's re-read of an older window, becomes the rhythm of full reads.

xmsyncd has no second schedule for an older window: it proves each window complete, reads again what it could
not prove, and reads everything by ``source.full_every``. That is the nearest setting, and more than was read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from xmsyncd.importing.draft import Draft
from xmsyncd.importing.findings import Findings
from xmsyncd.importing.metadata import Metadata, text_of_value
from xmsyncd.settings.values import format_duration, quoted

_SHORTEST: Final = timedelta(days=1)
_LONGEST: Final = timedelta(days=7)
_RINGS: Final = 100
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


def read_remedy(source: Metadata, draft: Draft, findings: Findings) -> None:
    """Sets ``full_every``: the rhythm of the re-read, at least a day and at most a week."""
    remedy: Any = source.data.get("omissionRemedy")
    if not isinstance(remedy, Mapping) or not any(remedy.values()):
        if remedy:
            findings.refused(
                source.where("omissionRemedy"), "no object", '{"crontab": …, "takeOverRequest": […]}'
            )
        return
    where = source.where("omissionRemedy")
    crontab = text_of_value(remedy.get("crontab")).strip()
    rhythm = longest_gap(crontab)
    window = _window(remedy.get("takeOverRequest"))
    if rhythm is None:
        found = f"the crontab {quoted(crontab, 40)}" if crontab else "no crontab"
        findings.decide(where, f"{found} of the re-read{window}", "full_every is xmsyncd's own, 7d")
        return
    full_every = min(max(rhythm, _SHORTEST), _LONGEST)
    shown = format_duration(full_every)
    draft.set(draft.source, "full_every", shown, f"instead of a re-read by {quoted(crontab, 40)}")
    findings.better(
        where,
        f"re-reads an older window by {quoted(crontab, 40)}{window}, because pages may have been missed",
        f"each window is proven complete, or read again; everything is read each {shown}; "
        "`xmsyncd sync --since … --until …` reads a window of your choice",
    )


def longest_gap(crontab: str) -> timedelta | None:
    """The longest time between two rings of a crontab of five fields; ``None`` for what is none."""
    from apscheduler.triggers.cron import CronTrigger

    fields = crontab.split()
    if len(fields) != 5 or len(crontab) > 100:
        return None
    weekday = re.sub(r"(?<!/)\b[0-7]\b", lambda digit: _WEEKDAYS[int(digit[0])], fields[4])
    try:
        trigger = CronTrigger.from_crontab(" ".join([*fields[:4], weekday]), timezone=UTC)
    except ValueError:
        return None
    longest = timedelta(0)
    ring = trigger.get_next_fire_time(None, datetime(2026, 1, 1, tzinfo=UTC))
    for _ in range(_RINGS):
        if ring is None:
            break
        following = trigger.get_next_fire_time(ring, ring + timedelta(seconds=1))
        if following is None:
            break
        longest, ring = max(longest, following - ring), following
    return longest or None


def _window(entries: Any) -> str:
    values = [
        text_of_value(entry.get("value"))
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, Mapping) and text_of_value(entry.get("field")) in ("start_time", "end_time")
    ]
    return f" ({' to '.join(quoted(value, 60) for value in values[:2])})" if values else ""
