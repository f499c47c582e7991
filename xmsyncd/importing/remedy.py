"""``omissionRemedy`` (补漏), the platform's re-read of an older window, becomes the rhythm of full reads.

xmsyncd has no second schedule for an older window: it proves each window complete, reads again what it could
not prove, and reads everything by ``source.full_every``. That is the nearest setting, and more than was read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from xmsyncd.importing.credentials import is_okki_credential
from xmsyncd.importing.draft import Draft
from xmsyncd.importing.findings import Findings
from xmsyncd.importing.metadata import Entry, Metadata, text_of_value
from xmsyncd.importing.placeholders import names_a_secret
from xmsyncd.settings.values import format_duration, quoted

_SHORTEST: Final = timedelta(days=1)
_LONGEST: Final = timedelta(days=7)
_RINGS: Final = 100
_WINDOW: Final = ("start_time", "end_time")
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


def read_remedy(source: Metadata, draft: Draft, findings: Findings) -> None:
    """Sets ``full_every``, the rhythm of the re-read, at least a day and at most a week; tells the rest."""
    remedy: Any = source.data.get("omissionRemedy")
    if not isinstance(remedy, Mapping) or not any(remedy.values()):
        if remedy:
            findings.refused(
                source.where("omissionRemedy"), "no object", '{"crontab": …, "takeOverRequest": […]}'
            )
        return
    overridden = source.entries_at(("omissionRemedy", "takeOverRequest"), findings)
    _rhythm(source, text_of_value(remedy.get("crontab")).strip(), _window(overridden), draft, findings)
    for entry in overridden:
        if entry.field not in _WINDOW:
            _overridden(entry, findings)
    for key in remedy:
        if key not in ("crontab", "takeOverRequest") and remedy[key]:
            value = text_of_value(remedy[key])
            shown = f" {quoted(value, 60)}" if value and not names_a_secret(str(key)) else ""
            findings.decide(
                source.where("omissionRemedy", str(key)),
                f"{quoted(str(key), 40)}{shown} of the re-read",
                "left out: a full read is made as every other read of the pipeline",
            )


def _rhythm(source: Metadata, crontab: str, window: str, draft: Draft, findings: Findings) -> None:
    where = source.where("omissionRemedy")
    gaps = gaps_of(crontab)
    if gaps is None:
        found = f"the crontab {quoted(crontab, 40)}" if crontab else "no crontab"
        findings.decide(where, f"{found} of the re-read{window}", "full_every is xmsyncd's own, 7d")
        return
    shortest, longest = gaps
    full_every = min(max(longest, _SHORTEST), _LONGEST)
    shown = format_duration(full_every)
    draft.set(draft.source, "full_every", shown, f"instead of a re-read by {quoted(crontab, 40)}")
    findings.better(
        where,
        f"re-reads an older window by {quoted(crontab, 40)}{window}, because pages may have been missed",
        f"each window is proven complete, or read again; and each {shown} everything is read, the whole "
        "list instead of that window, at no fixed time of day; `xmsyncd sync --since … --until …` reads a "
        "window of your choice",
    )
    if (shortest, longest) != (full_every, full_every):
        rings = format_duration(longest)
        if shortest != longest:
            rings = f"{format_duration(shortest)} to {rings}"
        findings.decide(
            source.where("omissionRemedy", "crontab"),
            f"the re-read by {quoted(crontab, 40)} came each {rings}",
            f"full_every is {shown}, as it reads the whole list; set it to what suits you",
        )


def _overridden(entry: Entry, findings: Findings) -> None:
    """A field in which the re-read asked otherwise than the scheme's own reading."""
    value = entry.value.strip()
    if names_a_secret(entry.field) or is_okki_credential(entry):
        shown = " (its value is not shown)"
    elif entry.is_structured or entry.children:
        shown = ", an object or a list"
    else:
        shown = f": {quoted(value, 60)}" if value else ", empty"
    findings.decide(
        entry.where,
        f"a parameter of the re-read alone{shown}",
        "left out: a full read asks with source.params, as every other read of the pipeline",
    )


def gaps_of(crontab: str) -> tuple[timedelta, timedelta] | None:
    """The shortest and the longest time between two rings of a crontab of five fields; else ``None``."""
    from apscheduler.triggers.cron import CronTrigger

    fields = crontab.split()
    if len(fields) != 5 or len(crontab) > 100:
        return None
    weekday = re.sub(r"(?<!/)\b[0-7]\b", lambda digit: _WEEKDAYS[int(digit[0])], fields[4])
    try:
        trigger = CronTrigger.from_crontab(" ".join([*fields[:4], weekday]), timezone=UTC)
    except ValueError:
        return None
    gaps: list[timedelta] = []
    ring = trigger.get_next_fire_time(None, datetime(2026, 1, 1, tzinfo=UTC))
    for _ in range(_RINGS):
        if ring is None:
            break
        following = trigger.get_next_fire_time(ring, ring + timedelta(seconds=1))
        if following is None:
            break
        gaps.append(following - ring)
        ring = following
    return (min(gaps), max(gaps)) if gaps else None


def _window(overridden: tuple[Entry, ...]) -> str:
    values = [entry.value for entry in overridden if entry.field in _WINDOW]
    return f" ({' to '.join(quoted(value, 60) for value in values[:2])})" if values else ""
