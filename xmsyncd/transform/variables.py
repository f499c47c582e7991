"""The variables of the platform: the times of a cycle, known in every template (part of step 2).

The lookup holds ``CURRENT_TIME`` and ``LAST_SYNC_TIME`` as epoch seconds. What depends on a variable is
*volatile*: it is sent, and the time in it is never a reason to send, or every cycle would update every
record. What it is made of beside the time is one, as everything is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any, Final

from xmsyncd.transform.value_types import EvaluationError

CURRENT_TIME: Final = "CURRENT_TIME"
LAST_SYNC_TIME: Final = "LAST_SYNC_TIME"

_DAY_SECONDS: Final = 86_400
_DAYS_AGO = re.compile(r"DAYS_AGO_(\d{1,4})", re.ASCII)
_RESERVED = re.compile(r"(?:DAYS_AGO|PAGINATION)_.*|current_page|page_size", re.DOTALL)
_SHOUTED = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+", re.ASCII)
_ALIKE: Final = 0.85


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable; ``examples`` are evaluated at 2026-11-23 17:00:00 after a window from 16:30:00."""

    name: str
    usage: str
    english: str
    chinese: str
    examples: tuple[tuple[str, str], ...]


VARIABLES: Final[Mapping[str, Variable]] = {
    variable.name: variable
    for variable in (
        Variable(
            "CURRENT_TIME",
            "{{CURRENT_TIME}}",
            "When the cycle began, or when a rejected product is mapped again: seconds since 1970 (UTC).",
            "本轮同步开始的时间，或被拒记录重新映射的时间：自 1970 年（UTC）起的秒数。",
            (
                ("{CURRENT_TIME}", "1795424400"),
                ("{{CURRENT_TIME|datetime}}", '"2026-11-23 17:00:00"'),
                ("{{CURRENT_TIME}}000", '"1795424400000"'),
            ),
        ),
        Variable(
            "LAST_SYNC_TIME",
            "{{LAST_SYNC_TIME}}",
            "Up to when OKKI was read before this cycle; before the first read, when the pipeline was "
            "first run. Seconds since 1970 (UTC).",
            "本轮之前已读到的时间点；首次读取之前为管道首次运行的时间。自 1970 年（UTC）起的秒数。",
            (("{{LAST_SYNC_TIME|datetime}}", '"2026-11-23 16:30:00"'),),
        ),
        Variable(
            "DAYS_AGO_n",
            "{{DAYS_AGO_2}}",
            "CURRENT_TIME less n days of 24 hours, n from 0 to 9999 (that the time of day stays: inferred).",
            "CURRENT_TIME 减去 n 个 24 小时，n 为 0 到 9999（保留时刻这一点系推断）。",
            (("{{DAYS_AGO_2|datetime}}", '"2026-11-21 17:00:00"'), ("{{DAYS_AGO_2|date}}", '"2026-11-21"')),
        ),
    )
}
"""The variables by name, for the documentation."""


def times(now: datetime, last_sync: datetime) -> dict[str, int]:
    """The variables of a lookup: when the mapping takes place, and up to when OKKI was read before."""
    return {CURRENT_TIME: int(now.timestamp()), LAST_SYNC_TIME: int(last_sync.timestamp())}


def is_variable(name: str) -> bool:
    """Whether the name means a time of the cycle, not a field."""
    return name in (CURRENT_TIME, LAST_SYNC_TIME) or _DAYS_AGO.fullmatch(name) is not None


def refused(name: str) -> str | None:
    """What to write instead of a name that is neither a field nor a variable of a field; ``None`` if fine."""
    if is_variable(name):
        return None
    if _RESERVED.fullmatch(name):
        if name.startswith("DAYS_AGO_"):
            return 'DAYS_AGO_ and a number of days, as in "{{DAYS_AGO_2}}"'
        return "a field of the item (pages are for reading OKKI: source.page_size and source.params)"
    if is_variable(name.upper()):
        return f"the variable {name.upper()}, in capitals, or a field of the item"
    if _SHOUTED.fullmatch(name):
        for known in (CURRENT_TIME, LAST_SYNC_TIME):
            if SequenceMatcher(None, name, known).ratio() >= _ALIKE:
                return f"the variable {known}, or a field of the item"
    return None


def reader_of(name: str) -> Callable[[Mapping[str, Any]], Any]:
    """The function that finds a variable's value in a lookup; it raises EvaluationError where none is."""
    days = _DAYS_AGO.fullmatch(name)
    held = CURRENT_TIME if days else name
    less = int(days[1]) * _DAY_SECONDS if days else 0

    def read(lookup: Mapping[str, Any]) -> Any:
        value = lookup.get(held)
        if not isinstance(value, int):
            raise EvaluationError(f"a place where {held} is known")
        return value - less

    return read
