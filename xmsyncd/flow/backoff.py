"""How long to wait before the next try, for reads inside a client and for records in the ledger alike."""

from __future__ import annotations

import random as random_module
from datetime import timedelta
from typing import Final

_MAX_DOUBLINGS: Final = 40  # 2**40 base delays are beyond any cap, and a float holds them


def jittered_delay(tries: int, base: timedelta, cap: timedelta, random: random_module.Random) -> timedelta:
    """Full jitter: evenly between 0 and ``base * 2**(tries - 1)``, at most ``cap``.

    ``tries`` counts the tries already made, so the first delay is at most ``base``. Full jitter, because
    many records that failed together must not come back together.
    """
    doublings = min(max(tries - 1, 0), _MAX_DOUBLINGS)
    ceiling = min(base.total_seconds() * 2.0**doublings, cap.total_seconds())
    return timedelta(seconds=random.uniform(0.0, ceiling))
