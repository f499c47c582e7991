"""What a look at Yida proves about an undecided attempt: pure decisions with a named reason.

An empty look proves nothing by itself: the index may lag, the component may not be searchable, the
acting user may not see the row. It counts only beside a *witness*: an instance that we know by id,
created after the doubtful send, which the same kind of search shows at the same time. Where even our
newest known instance stays out of sight, the index is provably behind, and nothing is sent again.
How long it has been waited for is measured (:mod:`.stopwatch`), not taken from the wall clock.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from xmsyncd.ledger.events import Finding
from xmsyncd.ledger.views import KnownInstance, Look
from xmsyncd.records import ContentHash, Found, InstanceId, RecordId

# After the last configured look the interval doubles with the time that has passed, up to this many
# times the last delay (two hours for the default ten minutes).
_LONGEST_INTERVAL = 12

# Due times are whole milliseconds, rounded down: a look that comes a moment early is not early.
_TICK = timedelta(milliseconds=2)


class Sight(StrEnum):
    """What a search for the newest instance known by id showed."""

    VISIBLE = "visible"
    HIDDEN = "hidden"
    NONE = "none"
    """There is no instance known by id to look for."""


@dataclass(frozen=True, slots=True)
class Witness:
    """One search for the newest instance known by id, made in the same round as the looks."""

    sight: Sight
    instance: KnownInstance | None = None


@dataclass(frozen=True, slots=True)
class Waited:
    """What has certainly passed since an attempt was sent, and since it had ended for us."""

    since_sent: timedelta
    since_ended: timedelta


@dataclass(frozen=True, slots=True)
class CreateFinding:
    """What is known about an open create, and how."""

    finding: Finding
    reason: str
    instance_id: InstanceId | None = None
    found_hash: ContentHash | None = None
    doubles: tuple[InstanceId, ...] = ()


def folded(key: str) -> str:
    """A key as the vendor's search might compare it: trimmed, width and case folded (semantics unknown)."""
    return unicodedata.normalize("NFKC", key).strip().casefold()


def decide_rows(
    look: Look, shown: Sequence[Found], owners: Mapping[InstanceId, RecordId | None]
) -> CreateFinding | None:
    """What the rows that a search for the sent key showed say; ``None``: none of them is about this record.

    An instance bound to another record, or known to be gone, is never a match. Equal only after folding is
    ambiguous, never absent.
    """
    free = [row for row in shown if owners.get(row.instance_id, look.record_id) == look.record_id]
    exact = sorted((row for row in free if row.key == look.key), key=_age)
    if exact:
        oldest = exact[0]
        equal = oldest.content_hash == look.content_hash
        return CreateFinding(
            Finding.EQUAL if equal else Finding.OTHER,
            "found" if equal else "found_with_other_content",
            oldest.instance_id,
            oldest.content_hash,
            tuple(row.instance_id for row in exact[1:]),
        )
    similar = [row for row in free if folded(row.key) == folded(look.key)]
    if similar:
        return CreateFinding(
            Finding.AMBIGUOUS,
            f"instance {similar[0].instance_id} has key {similar[0].key!r}, sent was {look.key!r}",
        )
    return None


def _age(row: Found) -> tuple[datetime, str]:
    return (row.created_at or datetime.max.replace(tzinfo=UTC), row.instance_id)


def needs_witness(waited: Waited, delays: Sequence[timedelta]) -> bool:
    """Whether an empty look could decide at all. The first may not: the call may still be carried out."""
    second = delays[1] if len(delays) > 1 else delays[0]
    return _has_passed(second, waited.since_sent)


def _has_passed(delay: timedelta, waited: timedelta) -> bool:
    return waited >= delay - _TICK


def was_created_later(instance: KnownInstance | None, look: Look) -> bool:
    """Whether the instance's create was begun after the doubtful call had ended for us.

    By the numbers of the attempts, not by times: a clock that was set back in between would make a witness of
    what had been there before, and a lagging index would then look like a proof.
    """
    if instance is None or instance.attempt_id is None or look.settled_after is None:
        return False
    return instance.attempt_id > look.settled_after


def decide_empty(
    look: Look,
    witness: Witness,
    delays: Sequence[timedelta],
    *,
    canary_free: bool,
    waited: Waited,
) -> CreateFinding:
    """What an empty look comes to. ``canary_free``: no other create is being sent again without proof.

    Resending without a witness happens to one record at a time, and only where nothing speaks for a
    lagging index; once that one is found it is the witness for the others.
    """
    if not needs_witness(waited, delays):
        return CreateFinding(Finding.UNSEEN, "too_early")
    match witness.sight:
        case Sight.HIDDEN:
            return CreateFinding(Finding.UNSEEN, "index_behind")
        case Sight.VISIBLE if was_created_later(witness.instance, look):
            return CreateFinding(Finding.ABSENT, "witnessed")
        case Sight.VISIBLE | Sight.NONE:
            was_last_look = _has_passed(delays[-1], waited.since_sent)
            if was_last_look and canary_free:
                return CreateFinding(Finding.ABSENT, "no_witness")
            return CreateFinding(Finding.UNSEEN, "no_witness_yet")


def decide_update(
    look: Look, shown: Found | None, delays: Sequence[timedelta], waited: Waited
) -> CreateFinding:
    """What a get by id says about an open update: it shows the content, or the update is sent again.

    Not too early: a call that is carried out late would put its older content over the newer one for good.
    """
    if shown is None:
        return CreateFinding(Finding.GONE, "instance_gone")
    if shown.content_hash == look.content_hash:
        return CreateFinding(Finding.EQUAL, "found", look.instance_id, shown.content_hash)
    if not (_has_passed(delays[0], waited.since_ended) and needs_witness(waited, delays)):
        return CreateFinding(Finding.UNSEEN, "too_early")
    return CreateFinding(Finding.OTHER, "not_applied", look.instance_id, shown.content_hash)


def next_look_at(since_sent: timedelta, now: datetime, delays: Sequence[timedelta]) -> datetime:
    """The next look: the first configured delay that is still ahead, then at growing intervals for ever."""
    for delay in delays:
        if not _has_passed(delay, since_sent):
            return now + (delay - since_sent)
    last = delays[-1]
    return now + min(max(since_sent, last), _LONGEST_INTERVAL * last)


def longest_interval(delays: Sequence[timedelta]) -> timedelta:
    """No look is ever put off for longer than this."""
    return _LONGEST_INTERVAL * delays[-1]


def visibility_delays(delays: Sequence[timedelta]) -> tuple[timedelta, ...]:
    """When the first create is looked for: finer steps than usual, because they also measure the lag."""
    step, last = delays[0] / 5, delays[-1]
    steps = []
    while step < last:
        steps.append(step)
        step *= 2
    return (*steps, last)
