"""What a time in a document's request means: how far it lies before the last sync or before now.

The expression is compiled and asked at several moments; whatever is written, a constant distance is its
meaning. So every function and filter of the language is understood here, and nothing is guessed from text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from xmsyncd.transform.grammar import TemplateError, compile_template
from xmsyncd.transform.value_types import EvaluationError
from xmsyncd.transform.variables import CURRENT_TIME, LAST_SYNC_TIME

_BEIJING: Final = ZoneInfo("Asia/Shanghai")
_DATETIME: Final = re.compile(r"\d{4}-\d\d?-\d\d?[ T]\d\d?:\d\d(:\d\d(\.\d+)?)?")
_DATE: Final = re.compile(r"\d{4}-\d\d?-\d\d?")
_SECONDS: Final = re.compile(r"\d{9,10}(\.\d+)?")
_MILLISECONDS: Final = re.compile(r"\d{12,13}(\.0+)?")
# The system names in single braces were seen in one export; the prose of an article has the other two.
_ALIASES: Final = {
    "{{current_page}}": "{{PAGINATION_START_PAGE}}",
    "{current_page}": "{{PAGINATION_START_PAGE}}",
    "{PAGINATION_START_PAGE}": "{{PAGINATION_START_PAGE}}",
    "{{page_size}}": "{{PAGINATION_PAGE_SIZE}}",
    "{page_size}": "{{PAGINATION_PAGE_SIZE}}",
    "{PAGINATION_PAGE_SIZE}": "{{PAGINATION_PAGE_SIZE}}",
}


def _moments() -> tuple[tuple[datetime, datetime], ...]:
    """Pairs of last sync and now, at midnights of Beijing, at no two the same distance apart."""
    midnight = datetime(2026, 3, 11, tzinfo=_BEIJING)
    days = ((0, 1), (3, 7), (11, 13), (40, 71), (200, 365))
    return tuple((midnight + timedelta(days=last), midnight + timedelta(days=now)) for last, now in days)


_MIDNIGHTS: Final = _moments()
_OTHER_TIMES: Final = tuple(
    (
        last + timedelta(hours=5 + number, minutes=17, seconds=41),
        now + timedelta(hours=9, minutes=3 + number, seconds=7),
    )
    for number, (last, now) in enumerate(_MIDNIGHTS)
)


@dataclass(frozen=True, slots=True)
class BeforeLastSync:
    """So long before the last sync (negative: after it); ``is_date`` where it is told by days only."""

    span: timedelta
    is_date: bool


@dataclass(frozen=True, slots=True)
class BeforeNow:
    """So long before the moment of reading (negative: after it)."""

    span: timedelta
    is_date: bool


@dataclass(frozen=True, slots=True)
class Fixed:
    """One and the same moment at every run."""

    moment: datetime
    is_date: bool


@dataclass(frozen=True, slots=True)
class Unclear:
    """None of these: ``why`` in few words."""

    why: str


Meaning = BeforeLastSync | BeforeNow | Fixed | Unclear


def meaning_of(text: str) -> Meaning:
    """What the value of a time parameter means."""
    try:
        template = compile_template(text)
    except TemplateError as error:
        return Unclear(f"found {error.found} at character {error.position + 1}; expected {error.expected}")
    if template.roots:
        return Unclear(f"it looks at {', '.join(sorted(template.roots))}, which no request can know")
    try:
        at_midnight = [(last, now, _told(template, last, now)) for last, now in _MIDNIGHTS]
        at_other_times = [(last, now, _told(template, last, now)) for last, now in _OTHER_TIMES]
    except EvaluationError as error:
        return Unclear(f"it cannot be worked out: expected {error.expected}")
    except ValueError as error:
        return Unclear(str(error))
    is_date = at_midnight[0][2][1]
    # What is told by days is compared at midnights alone; else any time of day must give the same distance.
    asked = at_midnight if is_date else [*at_midnight, *at_other_times]
    if len({told for _, _, (told, _) in asked}) == 1:
        return Fixed(asked[0][2][0], is_date)
    before_last = {last - told for last, _, (told, _) in asked}
    before_now = {now - told for _, now, (told, _) in asked}
    if len(before_last) == 1:
        return BeforeLastSync(before_last.pop(), is_date)
    if len(before_now) == 1:
        return BeforeNow(before_now.pop(), is_date)
    return Unclear("its distance from the last sync is not always the same")


def without_aliases(text: str) -> str:
    """The value with the spellings of pages in articles and excerpts made those of the platform."""
    return _ALIASES.get(text.strip(), text)


def _told(template: Any, last: datetime, now: datetime) -> tuple[datetime, bool]:
    """The moment that the value names, and whether by its day alone. Raises ``ValueError`` for no moment."""
    lookup = {LAST_SYNC_TIME: int(last.timestamp()), CURRENT_TIME: int(now.timestamp())}
    text = str(template.evaluate(lookup)).strip()
    try:
        if _DATETIME.fullmatch(text):
            return _in_beijing(text), False
        if _DATE.fullmatch(text):
            return _in_beijing(text), True
        if _SECONDS.fullmatch(text):
            return datetime.fromtimestamp(float(text), UTC), False
        if _MILLISECONDS.fullmatch(text):
            return datetime.fromtimestamp(float(text) / 1000, UTC), False
    except (ValueError, OverflowError, OSError):
        pass
    raise ValueError("its value is no time")


def _in_beijing(text: str) -> datetime:
    day, _, clock = text.replace("T", " ").partition(" ")
    date = "-".join(part.zfill(2) for part in day.split("-"))
    hours, _, rest = clock.partition(":")
    whole = f"{date} {hours.zfill(2)}:{rest}" if clock else date
    return datetime.fromisoformat(whole).replace(tzinfo=_BEIJING)
