"""Strategies that walk a record through any order of events, as a ledger could meet them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from xmsyncd.ledger.events import (
    Acquitted,
    Adopted,
    Agreed,
    Blocked,
    Claimed,
    Convicted,
    Discarded,
    Drifted,
    Event,
    Finding,
    Held,
    Looked,
    Orphaned,
    PulledIn,
    Released,
    Resembled,
    ResendOrdered,
    Restored,
    Retried,
    Returned,
    Settled,
    Staged,
    Unblocked,
    Vanished,
)
from xmsyncd.ledger.states import Desired, DesiredDraft, DesiredRejection, RecordState
from xmsyncd.ledger.transitions import transition
from xmsyncd.records import AttemptId, ContentHash, Family, InstanceId, KeyValue, RejectionReason

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
RESEND_LIMIT = 2

keys = st.sampled_from([KeyValue("K1"), KeyValue("K2"), KeyValue("K3")])
hashes = st.sampled_from([ContentHash("h1"), ContentHash("h2"), ContentHash("h3")])
instance_ids = st.sampled_from([InstanceId("i1"), InstanceId("i2")])
moments = st.integers(0, 1000).map(lambda seconds: NOW + timedelta(seconds=seconds))
drafts = st.builds(DesiredDraft, keys, hashes)
rejections = st.builds(DesiredRejection, st.sampled_from(RejectionReason))
desired: st.SearchStrategy[Desired] = drafts | rejections


@dataclass(frozen=True)
class Move:
    """An event whose attempt is chosen when it happens: the open one, or one that was decided before."""

    make: Callable[[AttemptId], Event] = field(repr=False)
    label: str
    late: bool = False
    claims: bool = False

    def event(self, walk: Walk) -> Event:
        if self.claims:
            walk.attempts += 1
            return self.make(AttemptId(walk.attempts))
        return self.make(AttemptId(walk.attempts - 1 if self.late else walk.attempts))


@dataclass
class Walk:
    """A state and how it came about."""

    state: RecordState
    attempts: int = 1

    def go(self, moves: list[Move]) -> Iterator[tuple[RecordState, Event, RecordState]]:
        for move in moves:
            event = move.event(self)
            before, self.state = self.state, transition(self.state, event)
            yield before, event, self.state


def _settled(family: Family, due: datetime, instance: InstanceId | None, late: bool) -> Move:
    return Move(
        lambda attempt: Settled(attempt, family, due, instance, reason="code"), f"settled {family}", late
    )


def _looked(
    finding: Finding, due: datetime, instance: InstanceId | None, found: ContentHash, late: bool
) -> Move:
    return Move(
        lambda attempt: Looked(attempt, finding, due, RESEND_LIMIT, instance, found),
        f"looked {finding}",
        late,
    )


def _plain(event: Event) -> Move:
    return Move(lambda attempt: event, repr(event))


moves: st.SearchStrategy[Move] = st.one_of(
    st.builds(lambda desired, at: _plain(Staged(desired, at)), desired, moments),
    st.builds(lambda at: Move(lambda attempt: Claimed(attempt, at), "claimed", claims=True), moments),
    st.builds(_settled, st.sampled_from(Family), moments, st.none() | instance_ids, st.booleans()),
    st.builds(_looked, st.sampled_from(Finding), moments, st.none() | instance_ids, hashes, st.booleans()),
    st.builds(
        lambda at, late: Move(lambda attempt: Returned(attempt, at), "returned", late), moments, st.booleans()
    ),
    st.one_of(
        st.just(Blocked("key_conflict")),
        st.builds(Unblocked, moments),
        st.just(Held("many_changes")),
        st.builds(Released, moments),
        st.builds(Orphaned, moments | st.none()),
        st.builds(PulledIn, moments),
        st.just(Convicted()),
        st.builds(Acquitted, moments),
        st.builds(Retried, moments),
        st.builds(ResendOrdered, moments),
        st.builds(Discarded, st.booleans(), st.booleans(), st.booleans()),
        st.builds(Restored, moments),
        st.builds(Adopted, instance_ids, hashes, moments, st.booleans()),
        st.just(Resembled()),
        st.just(Agreed()),
        st.builds(Drifted, instance_ids, hashes, moments),
        st.builds(Vanished, instance_ids),
    ).map(_plain),
)

starts = st.builds(lambda desired: RecordState(desired, due_at=NOW), desired)
walks = st.tuples(starts, st.lists(moves, max_size=25))
