"""What a robot has still to say, kept in the ledger: a restart neither forgets nor repeats it.

A message is fixed with its idempotency key before it is sent, so that sending it again after a lost answer or
a crash says nothing twice. The decisions are pure; :func:`change` is the one transaction around them.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from xmsyncd.ledger import documents, notes
from xmsyncd.ledger.times import from_ms, to_ms
from xmsyncd.notify.codes import THROTTLED_FOR
from xmsyncd.notify.robot import MOST_BYTES, Message, cut
from xmsyncd.records import Family
from xmsyncd.transport.classify import Verdict

_NOTE: Final = "notify.robot."
_MOST_WAITING: Final = 100
_MOST_NOTICE_BYTES: Final = 6_000
_MINUTE: Final = timedelta(minutes=1)

# Alertmanager gives a webhook again when its answer was late; a reminder comes hours later.
_SAME_WITHIN: Final = timedelta(minutes=10)
_MOST_SEEN: Final = 200

_FIRST_WAIT: Final = timedelta(seconds=10)
_LONGEST_WAIT: Final = timedelta(minutes=10)
_STOPPED_FOR: Final = timedelta(hours=1)
_LONGEST_PAUSE: Final = timedelta(hours=1)

_BETWEEN: Final = "\n\n---\n\n"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to say; ``text`` is markdown. Of two with the same ``id`` within ten minutes one is said."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The notices of the message that is being sent; ``plain``: its text was refused, only titles now."""

    uuid: str
    ids: tuple[str, ...]
    tries: int = 0
    plain: bool = False
    left_out: int = 0
    """Older ones that had made room when the message was begun."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """All that is known of one robot. Times are epoch milliseconds."""

    waiting: tuple[Notice, ...] = ()
    batch: Batch | None = None
    sent_ms: tuple[int, ...] = ()
    """When messages were sent within the last minute."""
    not_before_ms: int = 0
    left_out: int = 0
    """Notices that had to make room for newer ones."""
    seen: dict[str, int] = field(default_factory=dict)


def put(box: Outbox, notices: tuple[Notice, ...], now: datetime) -> Outbox:
    """Add what was not said a moment ago; beyond 100 the oldest make room, and are counted."""
    now_ms = to_ms(now)
    since = now_ms - _SAME_WITHIN // timedelta(milliseconds=1)
    seen = {one: at for one, at in box.seen.items() if since < at <= now_ms}
    waiting = list(box.waiting)
    for notice in notices:
        if notice.id in seen or any(notice.id == other.id for other in waiting):
            continue
        seen[notice.id] = now_ms
        waiting.append(replace(notice, text=cut(notice.text, _MOST_NOTICE_BYTES)))
    fixed = () if box.batch is None else box.batch.ids
    spare = [one for one in waiting if one.id not in fixed]
    dropped = {one.id for one in spare[: max(len(waiting) - _MOST_WAITING, 0)]}
    return replace(
        box,
        waiting=tuple(one for one in waiting if one.id not in dropped),
        left_out=box.left_out + len(dropped),
        seen=dict(list(seen.items())[-_MOST_SEEN:]),
    )


def due_at(box: Outbox, a_minute: int, now: datetime) -> datetime | None:
    """When the next message may go; ``None``: there is nothing to say."""
    if not box.waiting:
        return None
    # A clock that was set back must not make an hour's wait a year's.
    moment = max(now, min(from_ms(box.not_before_ms), now + _LONGEST_PAUSE))
    recent = _within_a_minute(box, now)
    if len(recent) >= a_minute:
        moment = max(moment, from_ms(recent[-a_minute]) + _MINUTE)
    return moment


def begin(box: Outbox, now: datetime) -> Outbox:
    """Fix the next message, or the one that was not answered; it counts as sent from here on."""
    batch = box.batch or Batch(uuid.uuid4().hex, _as_fit(box.waiting), left_out=box.left_out)
    batch = replace(batch, tries=batch.tries + 1)
    return replace(box, batch=batch, sent_ms=(*_within_a_minute(box, now), to_ms(now)))


def message(box: Outbox) -> Message:
    """The message of the batch; the same text whenever it is made."""
    batch = box.batch
    if batch is None:
        raise ValueError("no message was begun")
    said = [one for one in box.waiting if one.id in batch.ids]
    title = said[0].title if len(said) == 1 else f"{len(said)} 条通知 / notices: {said[0].title}"
    parts = [f"- {one.title}" for one in said] if batch.plain else [one.text for one in said]
    if batch.left_out:
        parts.append(f"另有 {batch.left_out} 条更早的通知未列出 / {batch.left_out} older notices left out")
    return Message(batch.uuid, cut(title, 200), ("\n" if batch.plain else _BETWEEN).join(parts))


def settle(box: Outbox, verdict: Verdict, now: datetime) -> Outbox:
    """What comes next after an answer."""
    batch = box.batch
    if batch is None:
        return box
    match verdict.family:
        case Family.DELIVERED:
            return _without(box, batch)
        case Family.REFUSED if batch.plain:
            return _without(box, batch)
        case Family.REFUSED:
            return replace(box, batch=replace(batch, uuid=uuid.uuid4().hex, tries=0, plain=True))
        case Family.THROTTLED:
            wait = verdict.wait or THROTTLED_FOR
        case Family.STOP:
            wait = _STOPPED_FOR
        case _:
            wait = verdict.wait or min(_FIRST_WAIT * 2 ** min(batch.tries - 1, 10), _LONGEST_WAIT)
    return replace(box, not_before_ms=to_ms(now + wait))


def load(connection: sqlite3.Connection, robot: str) -> Outbox:
    """What the ledger knows of a robot."""
    text = notes.read(connection, _NOTE + robot)
    if text is None:
        return Outbox()
    value: dict[str, Any] = documents.load(text)
    batch = value.pop("batch")
    return Outbox(
        waiting=tuple(Notice(**one) for one in value.pop("waiting")),
        batch=None if batch is None else Batch(**{**batch, "ids": tuple(batch["ids"])}),
        sent_ms=tuple(value.pop("sent_ms")),
        **value,
    )


def change(
    connection: sqlite3.Connection, robot: str, decide: Callable[[Outbox], Outbox]
) -> tuple[Outbox, Outbox]:
    """Before and after a decision, which is kept. Inside one transaction."""
    before = load(connection, robot)
    after = decide(before)
    if after != before:
        notes.write(connection, _NOTE + robot, documents.dump(asdict(after)))
    return before, after


def _without(box: Outbox, batch: Batch) -> Outbox:
    rest = tuple(one for one in box.waiting if one.id not in batch.ids)
    return replace(box, waiting=rest, batch=None, not_before_ms=0, left_out=box.left_out - batch.left_out)


def _within_a_minute(box: Outbox, now: datetime) -> tuple[int, ...]:
    # A clock that was set back would otherwise keep the robot silent until it caught up.
    return tuple(at for at in box.sent_ms if now - _MINUTE < from_ms(at) <= now)


def _as_fit(waiting: tuple[Notice, ...]) -> tuple[str, ...]:
    """The oldest ones that fit into one message, at least one."""
    ids: list[str] = []
    size = 0
    for one in waiting:
        size += len((one.text + _BETWEEN).encode())
        if ids and size > MOST_BYTES:
            break
        ids.append(one.id)
    return tuple(ids)
