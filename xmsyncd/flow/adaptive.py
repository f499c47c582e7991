"""The rate a vendor seems to allow, learnt from what it takes and what it refuses: pure decisions (step 4).

The vendors publish windows of one second and hardly any number, and how they count is unknown: whole
seconds, the last second, or a bucket that leaks. Each refuses at another moment, so a first estimate may be
wrong and the next refusal is read in its light:

* refused right after a start, far above the limit: by then a bucket has taken a second's worth more than it
  leaks, so *calls / (time + window)* is the estimate; the count of the last window is its upper bound;
* refused after creeping up: the limit lies just below, at the count of the last window;
* refused again and again without having risen: it is a bucket after all (or the limit has fallen), and what
  was taken since the last time is the estimate.

Then the rate creeps up to a little below where it was refused, stays there (45 s, longer each time the same
limit is confirmed, at most 5 min), and only then tries whether there is more.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

# How far below its limit a rate stays. Calls that leave evenly arrive unevenly, and at the limit itself
# every lateness of one call is the refusal of another.
_BELOW: Final = 0.98
_LONGEST_WINDOW_SECONDS: Final = 60.0  # a vendor that asks for more has not counted, it has blocked
_SETTLING_SECONDS: Final = 1.0
_STEP_SECONDS: Final = 0.25
_LONGEST_STEP_SECONDS: Final = 0.5
_CLIMB: Final = 0.08  # a second, up to where it was refused
_CLIMB_GROWS: Final = 1.25  # a second, where no limit is known
_STEEPEST_CLIMB: Final = 0.5
_PROBE: Final = 0.01  # a second, beyond where it was refused
_LIMIT_HAS_RISEN: Final = 1.1
_FIRST_HOLD_SECONDS: Final = 45.0
_HOLD_GROWS: Final = 3.0
_LONGEST_HOLD_SECONDS: Final = 300.0
_SAME_LIMIT: Final = 0.1
_AGAIN_WITHIN_SECONDS: Final = 10.0
_FEWEST_CALLS: Final = 5  # fewer say little about a rate: they may as well be somebody else's overshoot
# Above its limit by half a call a window, a window refuses within two of them; a bucket takes longer to fill.
_BUCKET_LASTS_WINDOWS: Final = 2.2
_NOT_RISEN: Final = 1.005
_PROBED_PAST: Final = 0.97  # until an answer is there a rate that is probed gets no further past the limit
_CLIMBED_PAST: Final = 0.9  # and one that climbs no further than this
_AS_BEFORE: Final = 1.03
_PROBE_SECONDS: Final = 20.0
_SHORT_BURST_WINDOWS: Final = 1.5
_HISTORY_SECONDS: Final = 10.0


class RateReason(StrEnum):
    """Why the rate is what it is now."""

    AT_CEILING = "at_ceiling"
    NOT_REACHED = "not_reached"
    """The rate was not used up, so nothing was learnt."""
    TOO_SOON = "too_soon"
    SETTLING = "settling"
    HOLDING = "holding"
    CLIMBED = "climbed"
    PROBED = "probed"
    LOWERED = "lowered"
    HALVED = "halved"
    """Too few calls to estimate from."""
    BLOCKED = "blocked"
    SAME_PUSH_BACK = "same_push_back"
    """The refused call left before the last lowering: nothing new."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Calls a second that the rate stays between; ``ValueError`` for what is no pair of bounds."""

    floor: float
    ceiling: float

    def __post_init__(self) -> None:
        if not (0 < self.floor <= self.ceiling and math.isfinite(self.ceiling)):
            raise ValueError(f"a rate between {self.floor!r} and {self.ceiling!r} a second")

    def clamp(self, rate: float) -> float:
        """The nearest rate within."""
        return min(max(rate, self.floor), self.ceiling)


@dataclass(frozen=True, slots=True)
class RateState:
    """What was learnt. Moments are monotonic seconds; rates are calls a second."""

    rate: float
    limit: float | None = None
    """Where it was refused; ``None``: not known, or refuted."""
    limit_is_confirmed: bool = False
    """Whether it was approached slowly when it was refused."""
    former_limit: float | None = None
    """The limit before the last one that was given up for having risen, or that one."""
    lowered_to: float = 0.0
    lowered_at: float = -math.inf
    settled_at: float = -math.inf
    hold_until: float = -math.inf
    hold_seconds: float = 0.0
    stepped_at: float = -math.inf
    climb: float = _CLIMB
    in_a_row: int = 0
    """Push-backs shortly after one another, without having risen in between."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that was refused for its pace; ``wait_seconds`` is the window, as far as it was told."""

    sent_at: float
    wait_seconds: float
    taken: Sequence[float]
    """When the calls left that were not refused, oldest first, those without an answer yet included."""


@dataclass(frozen=True, slots=True)
class Change:
    """The state to go on with, and why."""

    state: RateState
    reason: RateReason


def start(bounds: Bounds, *, rate: float | None = None, limit: float | None = None, now: float) -> RateState:
    """The first state: at the ceiling, or at a remembered ``rate`` and (while it is fresh) its ``limit``."""
    if rate is None:
        return RateState(bounds.ceiling)
    rate = bounds.clamp(rate)
    if limit is None or limit * _BELOW >= bounds.ceiling:
        return RateState(rate, stepped_at=now)
    return RateState(
        rate,
        limit=max(limit, rate),
        hold_until=now + _FIRST_HOLD_SECONDS,
        hold_seconds=_FIRST_HOLD_SECONDS,
        stepped_at=now,
    )


def after_use(state: RateState, bounds: Bounds, *, reached: bool, now: float) -> Change:
    """After a call that was not refused. ``reached``: callers waited for the rate, and for nothing else."""
    if state.rate >= bounds.ceiling:
        return Change(state, RateReason.AT_CEILING)
    if now < state.settled_at:
        return Change(state, RateReason.SETTLING)
    if not reached:
        return Change(replace(state, stepped_at=now), RateReason.NOT_REACHED)
    step_seconds = min(now - state.stepped_at, _LONGEST_STEP_SECONDS)
    if step_seconds < _STEP_SECONDS:
        return Change(state, RateReason.TOO_SOON)
    if state.limit is None:
        rate = state.rate * (1 + state.climb * step_seconds)
        climb = min(state.climb * _CLIMB_GROWS**step_seconds, _STEEPEST_CLIMB)
        climbed = replace(state, rate=bounds.clamp(rate), climb=climb, stepped_at=now)
        return Change(climbed, RateReason.CLIMBED)
    top = state.limit * _BELOW
    if state.rate < top:
        rate = min(state.rate * (1 + _CLIMB * step_seconds), top)
        return Change(replace(state, rate=bounds.clamp(rate), stepped_at=now), RateReason.CLIMBED)
    if now < state.hold_until:
        return Change(replace(state, stepped_at=now), RateReason.HOLDING)
    rate = state.rate * (1 + _PROBE * step_seconds)
    probed = replace(state, rate=bounds.clamp(rate), stepped_at=now)
    if rate > state.limit * _LIMIT_HAS_RISEN:
        probed = replace(probed, limit=None, limit_is_confirmed=False, climb=_CLIMB, hold_seconds=0.0)
    return Change(probed, RateReason.PROBED)


def after_refusal(state: RateState, bounds: Bounds, refusal: Refusal, *, now: float) -> Change:
    """After a call that was refused for its pace: lower than before, or unchanged."""
    if refusal.sent_at <= state.lowered_at:
        return Change(state, RateReason.SAME_PUSH_BACK)
    resumed_at = now + refusal.wait_seconds
    lowered = replace(
        state, lowered_at=now, settled_at=resumed_at + _SETTLING_SECONDS, stepped_at=now, climb=_CLIMB
    )
    if refusal.wait_seconds > _LONGEST_WINDOW_SECONDS:
        return Change(replace(lowered, rate=bounds.clamp(state.rate / 2)), RateReason.BLOCKED)
    is_again = (
        refusal.sent_at - state.settled_at < _AGAIN_WITHIN_SECONDS
        and state.rate <= state.lowered_to * _NOT_RISEN
    )
    in_a_row = state.in_a_row + 1 if is_again else 0
    window = max(refusal.wait_seconds, 1.0)
    count = _count(refusal, window)
    counted = min(state.rate, count / window)
    lowered = replace(lowered, in_a_row=in_a_row)
    if count < _FEWEST_CALLS and counted < 0.7 * state.rate:
        halved = replace(
            lowered, rate=bounds.clamp(state.rate / 2), limit=None, limit_is_confirmed=False, hold_seconds=0.0
        )
        return Change(halved, RateReason.HALVED)
    burst_seconds = _burst_seconds(refusal, state.rate)
    is_short = burst_seconds < _SHORT_BURST_WINDOWS * window
    near_limit = (
        state.limit is not None and state.limit_is_confirmed and state.rate < state.limit * _LIMIT_HAS_RISEN
    )
    if is_short and near_limit and not is_again and state.limit is not None:
        limit, rate = state.limit, state.rate * 0.95
    elif is_short and near_limit and counted > state.rate * _CLIMBED_PAST:
        limit, rate = counted, counted * _BELOW
    elif is_short:
        limit, rate = counted, _average(refusal, window, since=_since(state, refusal)) * _BELOW
    elif in_a_row >= 3 and burst_seconds > _BUCKET_LASTS_WINDOWS * window:
        limit = max(_average(refusal, window, since=_since(state, refusal)), state.rate * 0.9)
        rate = limit * _BELOW
    else:
        is_probe = state.limit is not None and state.rate > state.limit * _BELOW
        limit = max(counted, state.rate * (_PROBED_PAST if is_probe else _CLIMBED_PAST))
        former = state.former_limit
        if (
            former is not None
            and former < limit
            and (_average(refusal, window, since=refusal.sent_at - _PROBE_SECONDS) <= former * _AS_BEFORE)
        ):
            limit = former  # a bucket that was slowly filled up: it leaks no more than it did
        if is_again:
            limit *= _BELOW
        rate = limit * _BELOW
    rate = min(rate, state.rate * _BELOW)
    is_same = state.limit is not None and abs(limit - state.limit) <= _SAME_LIMIT * state.limit
    hold = state.hold_seconds * _HOLD_GROWS if is_same and state.hold_seconds else _FIRST_HOLD_SECONDS
    hold = min(hold, _LONGEST_HOLD_SECONDS)
    lowered = replace(
        lowered,
        rate=bounds.clamp(rate),
        limit=max(limit, bounds.floor),
        former_limit=limit if not is_short else state.former_limit,
        lowered_to=bounds.clamp(rate),
        limit_is_confirmed=not is_short or near_limit,
        hold_seconds=hold,
        hold_until=resumed_at + hold,
    )
    return Change(lowered, RateReason.LOWERED)


def _since(state: RateState, refusal: Refusal) -> float:
    """From when on what was taken says something about the limit of now."""
    if state.limit_is_confirmed or state.in_a_row >= 1:
        return state.lowered_at
    return refusal.sent_at - _HISTORY_SECONDS


def _count(refusal: Refusal, window: float) -> int:
    """Calls that were taken in the window before the refused one."""
    taken = refusal.taken
    return bisect_left(taken, refusal.sent_at) - bisect_right(taken, refusal.sent_at - window)


def _average(refusal: Refusal, window: float, *, since: float) -> float:
    """What a bucket of one window's worth leaks, if it was full at the refusal: exact for such a bucket."""
    taken = refusal.taken
    first, end = bisect_right(taken, since), bisect_left(taken, refusal.sent_at)
    return max(
        ((end - index) / (refusal.sent_at - taken[index] + window) for index in range(first, end)),
        default=0.0,
    )


def _burst_seconds(refusal: Refusal, rate: float) -> float:
    """How long calls had been leaving without a gap when the refused one left."""
    longest_gap = max(0.5, 3.0 / rate)
    began = refusal.sent_at
    for index in range(bisect_left(refusal.taken, refusal.sent_at) - 1, -1, -1):
        if began - refusal.taken[index] > longest_gap:
            break
        began = refusal.taken[index]
    return refusal.sent_at - began
