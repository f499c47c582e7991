"""What a backlog will cost in calls to Yida, and how long they take: pure, for ``plan``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from xmsyncd.flow.quota import UNLIMITED, MonthUse, room_for_sends
from xmsyncd.ledger.views import PipelineView, Stop
from xmsyncd.operations.runtime import Pace
from xmsyncd.records import Operation, StopReason
from xmsyncd.yida import wire

_CREATE_STOPS = (StopReason.NOT_SEARCHABLE, StopReason.FORM_NOT_EMPTY)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is to be sent once a cycle is through, and what has to be asked before."""

    creates: int
    updates: int
    undecided: int
    form_is_checked: bool
    may_create: bool
    """Whether the form was found empty, or what it holds is known."""
    search_is_proven: bool
    """Whether a search has shown what was created, or nobody needs it to."""
    has_instances: bool
    stop: Stop | None
    use: MonthUse
    """Of the month, before any of it."""

    @classmethod
    def of(
        cls,
        view: PipelineView,
        *,
        creates: int,
        updates: int,
        undecided: int,
        mapping_hash: str,
        reads_back: bool,
        has_instances: bool,
        use: MonthUse,
    ) -> Waiting:
        """As the pipeline stands. ``has_instances``: the ledger knows some of its form."""
        return cls(
            creates=creates,
            updates=updates,
            undecided=undecided,
            form_is_checked=view.checked_hash == mapping_hash,
            may_create=view.bootstrap_at is not None,
            search_is_proven=view.search_proven_at is not None or not reads_back,
            has_instances=has_instances,
            stop=view.stop,
            use=use,
        )


@dataclass(frozen=True, slots=True)
class ExpectedCalls:
    """Calls by what they are. ``questions`` by endpoint: before the first sending, from the reserve.

    ``sends_now`` are the creates and updates that go now, ``put_off`` those that this month does not pay for,
    or that a stop keeps back. ``sends_by_kind`` tells the first apart, as far as it is known.
    ``looks`` for what is undecided are at least so many: each may need several.
    """

    creates: int
    updates: int
    questions: Mapping[str, int]
    looks: int
    sends_now: int
    sends_by_kind: Mapping[str, int]
    put_off: int

    @property
    def metered(self) -> int:
        """What the month is charged for."""
        return self.sends_now + sum(self.questions.values()) + self.looks


def expected_calls(waiting: Waiting) -> ExpectedCalls:
    """One call for each record, as long as nothing is refused, throttled or lost."""
    stop = waiting.stop
    stands = stop is not None and stop.reason.waits_for_a_person
    creates_stand = stands or (stop is not None and stop.reason in _CREATE_STOPS)
    creates, updates = 0 if creates_stand else waiting.creates, 0 if stands else waiting.updates
    questions = _questions(replace(waiting, creates=creates, updates=updates))
    asked = sum(questions.values()) + waiting.undecided
    use = replace(waiting.use, used=waiting.use.used + asked, reserve_used=waiting.use.reserve_used + asked)
    room = room_for_sends(use) if use.limit else UNLIMITED
    sends_now = min(creates + updates, room) if use.limit else creates + updates
    return ExpectedCalls(
        creates=waiting.creates,
        updates=waiting.updates,
        questions=questions,
        looks=waiting.undecided,
        sends_now=sends_now,
        sends_by_kind=_by_kind(creates, updates, sends_now),
        put_off=waiting.creates + waiting.updates - sends_now,
    )


def _by_kind(creates: int, updates: int, now: int) -> dict[str, int]:
    """Where the month pays for some of both it is not known for which."""
    if creates and updates and now < creates + updates:
        return {"create or update": now}
    return {"create": min(creates, now), "update": min(updates, now)}


def assumed(waiting: Waiting) -> str | None:
    """What nobody has looked at yet and is taken for granted: ``form`` (an empty one) or ``components``."""
    stop = waiting.stop
    if stop is not None and stop.reason.waits_for_a_person:
        return None
    may_find_some = not waiting.may_create and not waiting.has_instances
    if waiting.creates and may_find_some and (stop is None or stop.reason not in _CREATE_STOPS):
        return "form"
    return "components" if not waiting.form_is_checked and waiting.creates + waiting.updates else None


def _questions(waiting: Waiting) -> dict[str, int]:
    """Those of a pipeline's first day (see :mod:`xmsyncd.delivery.first_create`), each answered at once."""
    questions: dict[str, int] = {}
    if not waiting.form_is_checked and waiting.creates + waiting.updates:
        questions[wire.DEFINITIONS] = 1
    searches = 0
    if waiting.creates and not waiting.may_create and not waiting.has_instances:
        searches += 1  # is the form empty?
    if not waiting.search_is_proven and (waiting.creates or waiting.has_instances):
        searches += 1  # does a search show what was created?
    if searches:
        questions[wire.SEARCH] = searches
    return questions


def sending_takes(calls: ExpectedCalls, pace: Mapping[str, Pace]) -> timedelta:
    """How long what goes now takes at this pace: creates and updates go side by side, each at its own."""
    left = calls.sends_now
    longest = timedelta(0)
    for operation, number in ((Operation.CREATE, calls.creates), (Operation.UPDATE, calls.updates)):
        number = min(number, left)
        left -= number
        now = pace.get(operation)
        if number and now is not None and now.per_second > 0:
            longest = max(longest, now.paused + timedelta(seconds=number / now.per_second))
    return longest
