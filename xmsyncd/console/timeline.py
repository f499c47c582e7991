"""The life of one record as a timeline: pure, from the JSON of ``explain`` to entries, the newest first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.records import Family

# Details that say nothing to a person.
_UNSAID: Final = ("_hash",)

_GOOD: Final = frozenset({Family.DELIVERED, HistoryEvent.FOUND, HistoryEvent.ACQUITTED, HistoryEvent.ADOPTED})
_BAD: Final = frozenset(
    {
        Family.REFUSED,
        Family.GONE,
        Family.STOP,
        HistoryEvent.REJECTED,
        HistoryEvent.PARKED,
        HistoryEvent.DOUBLE,
        HistoryEvent.DRIFTED,
    }
)
_DOUBTFUL: Final = frozenset(
    {Family.UNDECIDED, HistoryEvent.ORPHANED, HistoryEvent.SUSPECTED, HistoryEvent.HELD, HistoryEvent.WAITING}
)


@dataclass(frozen=True, slots=True)
class Entry:
    """``label`` is a key of the words; ``operation`` and ``seconds`` are set for a call to Yida."""

    at: str
    label: str
    severity: str
    operation: str | None = None
    seconds: float | None = None
    said: tuple[tuple[str, str], ...] = ()
    by: str = ""


def timeline(life: Mapping[str, Any]) -> list[Entry]:
    """Calls and events together; of those at one time the later written one first."""
    entries = [Entry(life["record"]["first_seen_at"], "life.first_seen", "busy")]
    entries += [_event(one) for one in reversed(life["history"])]
    entries += [_attempt(one) for one in reversed(life["attempts"])]
    return sorted(entries, key=lambda entry: entry.at)[::-1]


def _event(one: Mapping[str, Any]) -> Entry:
    detail = dict(one["detail"] or {})
    by = str(detail.pop("by", ""))
    said = tuple(
        (name, str(value))
        for name, value in detail.items()
        if value not in (None, "") and not name.endswith(_UNSAID)
    )
    return Entry(one["at"], f"event.{one['event']}", _severity(one["event"]), said=said, by=by)


def _attempt(one: Mapping[str, Any]) -> Entry:
    if one["settled_at"] is None:
        return Entry(one["claimed_at"], "family.on_its_way", "busy", one["operation"])
    ended, began = (datetime.fromisoformat(one[name]) for name in ("settled_at", "claimed_at"))
    said = tuple((name, str(one[name])) for name in ("code", "message", "request_id", "key") if one[name])
    return Entry(
        one["settled_at"],
        f"family.{one['outcome']}",
        _severity(one["outcome"]),
        one["operation"],
        max(0.0, round((ended - began).total_seconds(), 1)),
        said,
    )


def _severity(what: str) -> str:
    if what in _GOOD:
        return "good"
    if what in _BAD:
        return "bad"
    return "warn" if what in _DOUBTFUL else "busy"


def content_rows(life: Mapping[str, Any]) -> list[dict[str, Any]]:
    """By component: ``label``, ``desired`` and ``holds`` as text, and whether they are the ``same``."""
    desired, delivered = life["desired"] or {}, life["delivered"] or {}
    return [
        {
            "label": life["labels"].get(name) or name,
            "component": name,
            "desired": _text(desired.get(name)),
            "holds": _text(delivered.get(name)),
            "same": desired.get(name) == delivered.get(name),
        }
        for name in {**desired, **delivered}
    ]


def _text(value: Any) -> str:
    """Text as it is, nothing as nothing, all else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
