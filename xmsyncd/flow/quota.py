"""The month's metered calls as two shares: what sending may use, and the reserve for looks and resends.

Pure decisions with a named reason (step 4). The vendor's month is the calendar month in Beijing (vendor doc).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

UNLIMITED = 1_000_000
"""More calls than anybody asks for at once."""


@dataclass(frozen=True, slots=True)
class MonthUse:
    """What a connection's month allows and has used. ``limit`` 0: not metered.

    ``reserve_used`` is the part of ``used`` that went into looks, resends and questions to the form.
    """

    limit: int = 0
    reserve: int = 0
    used: int = 0
    reserve_used: int = 0

    @property
    def left(self) -> int:
        """Calls that are left of the month; never negative."""
        return max(0, self.limit - self.used)

    @property
    def kept(self) -> int:
        """What of the reserve is not used yet, and is kept for looks and resends."""
        return max(0, self.reserve - self.reserve_used)


class Account(StrEnum):
    """On whose account a read goes."""

    LOOKS = "looks"
    """Of the reserve: what is in doubt is looked for."""
    QUESTIONS = "questions"
    """Of the reserve, and beyond it: without the answer nothing is sent at all."""
    COMPARISONS = "comparisons"
    """Of what sending may use: a whole form is read. Whether that can be spared is asked before it begins."""


class RoomReason(StrEnum):
    """Why the reserve allows as many calls as it does."""

    UNMETERED = "unmetered"
    WITHIN_RESERVE = "within_reserve"
    PLENTY_LEFT = "plenty_left"
    """The reserve is used up, and the month has more left than all that waits to be sent will need."""
    BEYOND_RESERVE = "beyond_reserve"
    """A question without whose answer nothing is sent at all, or a person's, may use whatever is left."""
    KEPT_FOR_SENDING = "kept_for_sending"
    MONTH_SPENT = "month_spent"


@dataclass(frozen=True, slots=True)
class Room:
    """How many calls the reserve allows now."""

    calls: int
    reason: RoomReason


def room_for_sends(use: MonthUse) -> int:
    """How many records may still be sent for the first time: what is left, less the unused reserve."""
    if not use.limit:
        return UNLIMITED
    return max(0, use.left - use.kept)


def room_for_reserve(use: MonthUse, waiting: int) -> Room:
    """How many looks, resends and questions may go; ``waiting`` records have not been sent yet.

    Calls are never left idle while records stay undecided, and a full backlog is never robbed. ``waiting``
    matters only once the reserve is used up.
    """
    if not use.limit:
        return Room(UNLIMITED, RoomReason.UNMETERED)
    if not use.left:
        return Room(0, RoomReason.MONTH_SPENT)
    if use.reserve_used < use.reserve:
        return Room(min(use.left, use.reserve - use.reserve_used), RoomReason.WITHIN_RESERVE)
    if use.left > waiting:
        return Room(use.left - waiting, RoomReason.PLENTY_LEFT)
    return Room(0, RoomReason.KEPT_FOR_SENDING)


def room_for_questions(use: MonthUse) -> Room:
    """How many calls may go that are needed before anything is sent, or that a person asks for.

    A reserve of 0 would otherwise keep a pipeline from its first record; a person is told beforehand what an
    operation costs.
    """
    if not use.limit:
        return Room(UNLIMITED, RoomReason.UNMETERED)
    if not use.left:
        return Room(0, RoomReason.MONTH_SPENT)
    return Room(use.left, RoomReason.BEYOND_RESERVE)
