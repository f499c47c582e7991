"""From what is wrong now and what was told before, to what is told next: each problem once, its end once."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from xmsyncd.ledger import documents, notes
from xmsyncd.ledger.times import from_ms, to_ms
from xmsyncd.notify.picture import Condition, Kind

_NOTE: Final = "notify.told"
_GROWN: Final = 10


@dataclass(frozen=True, slots=True)
class Told:
    """A problem that people know of. ``gone_ms``: since when it is not to be seen, ``None``: it is."""

    kind: Kind
    subject: str
    what: str
    number: int
    told_ms: int
    gone_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """To be told: something is wrong; ``again``: it was told, and has become another or much more."""

    condition: Condition
    again: bool = False


@dataclass(frozen=True, slots=True)
class Recovery:
    """To be told: it is over. ``since`` is when it was told."""

    kind: Kind
    subject: str
    since: datetime


Change = Problem | Recovery


def decide(
    told: Mapping[str, Told], wrong: Sequence[Condition], now: datetime, recovered_for: timedelta
) -> tuple[list[Change], dict[str, Told]]:
    """What to tell, and what is told from then on. Pure.

    What comes back before its recovery was told is no news. A clock that was set back only delays.
    """
    changes: list[Change] = []
    after: dict[str, Told] = {}
    for one in wrong:
        before = told.get(one.key)
        is_news = before is None or before.what != one.what or one.number >= _GROWN * max(before.number, 1)
        if one.number == 0 and before is not None and before.what == one.what:
            is_news = False
        if is_news:
            changes.append(Problem(one, again=before is not None))
            after[one.key] = Told(one.kind, one.subject, one.what, one.number, to_ms(now))
        elif before is not None:
            after[one.key] = replace(before, gone_ms=None)
    for key, before in told.items():
        if key in after:
            continue
        gone = before if before.gone_ms is not None else replace(before, gone_ms=to_ms(now))
        if gone.gone_ms is not None and now - from_ms(gone.gone_ms) >= recovered_for:
            changes.append(Recovery(before.kind, before.subject, from_ms(before.told_ms)))
        else:
            after[key] = gone
    return changes, after


def load(connection: sqlite3.Connection) -> dict[str, Told]:
    """What people know of, as the ledger remembers it."""
    text = notes.read(connection, _NOTE)
    values: dict[str, dict[str, Any]] = {} if text is None else documents.load(text)
    return {key: Told(**{**value, "kind": Kind(value["kind"])}) for key, value in values.items()}


def save(connection: sqlite3.Connection, told: Mapping[str, Told]) -> None:
    """Remember it; inside the transaction that puts the messages into the outboxes."""
    notes.write(connection, _NOTE, documents.dump({key: asdict(one) for key, one in told.items()}))
