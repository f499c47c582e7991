"""Step 2 for rejections whose cause lies elsewhere: how many of them one cycle tries again. Pure.

After an outage nearly all of them come right, and should soon; those that never do are many in some ledgers,
and must cost each cycle little. Those tried longest ago come first, so that each has its turn.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final

TRIED_TOGETHER: Final = 5
"""Staged in one transaction; where the details of so many fail one after the other, OKKI's are away."""

ALWAYS_TRIED: Final = 200
"""One batch: what every cycle tries, whatever comes of it."""

MOST_TRIED: Final = 5000
LONGEST: Final = timedelta(minutes=5)
"""What changed of late waits behind them: no further batch after so many, or so long, in one cycle."""


class SecondChance(StrEnum):
    """Whether the cycle tries another batch."""

    GO_ON = "go_on"
    STILL_REJECTED = "still_rejected"
    """Nothing of the latest batch came right, so hardly anything will of those behind it."""
    TIME_IS_UP = "time_is_up"
    ENOUGH = "enough"


def next_batch(tried: int, mended: int, passed: timedelta) -> SecondChance:
    """What to do after ``tried`` in this cycle, of which the latest batch mended so many."""
    if tried >= MOST_TRIED:
        return SecondChance.ENOUGH
    if passed >= LONGEST:
        return SecondChance.TIME_IS_UP
    return SecondChance.GO_ON if mended > 0 else SecondChance.STILL_REJECTED
