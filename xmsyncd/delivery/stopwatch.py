"""How long undecided attempts have really been waited for: by the monotonic clock, never by the wall's.

A wall clock that is stepped forward, or a machine that was suspended or started again with a wrong time,
would make the first look at a doubtful create the last one, and a lone resend a double. Time in which no
process of ours ran does not count either: what an earlier process had waited is taken from the ledger, as
it stood there at the last look or the clean stop, and goes on from the start of this one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from xmsyncd.clock import Clock
from xmsyncd.delivery.look_policy import Waited
from xmsyncd.records import AttemptId


@dataclass(frozen=True, slots=True)
class _Began:
    """Moments of the monotonic clock."""

    sent_at: float
    ended_at: float


class Stopwatch:
    """Knows when the open attempts of one pipeline began. What it does not know began just now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began: dict[AttemptId, _Began] = {}
        self._opened_at = clock.monotonic()
        self._newest_before = AttemptId(0)

    def open(self, newest_before: AttemptId) -> None:
        """This process begins; every attempt up to this one is of an earlier process, which is dead."""
        self._opened_at, self._newest_before = self._clock.monotonic(), newest_before

    def ended(self, attempt_id: AttemptId, sent_at: float) -> None:
        """An attempt that was sent at ``sent_at`` (monotonic) has just ended in doubt."""
        self._began[attempt_id] = _Began(sent_at, self._clock.monotonic())

    def waited(self, attempt_id: AttemptId, before: timedelta) -> Waited:
        """How long an attempt has been waited for at this moment; ``before``: as the ledger has it."""
        now = self._clock.monotonic()
        began = self._began.get(attempt_id)
        if began is None:
            at = self._opened_at if attempt_id <= self._newest_before else now
            began = self._began[attempt_id] = _Began(at - before.total_seconds(), at)
        return Waited(timedelta(seconds=now - began.sent_at), timedelta(seconds=now - began.ended_at))

    def forget(self, attempt_ids: Iterable[AttemptId]) -> None:
        """These are decided."""
        for attempt_id in attempt_ids:
            self._began.pop(attempt_id, None)
