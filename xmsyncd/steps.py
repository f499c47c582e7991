"""The named steps of a delivery, told to whoever listens: a test kills the process at one of them."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Step(StrEnum):
    """Moments between which a crash must lose nothing and double nothing."""

    STAGED = "staged"
    """A page is in the ledger; its window is not closed."""
    PERMITTED = "permitted"
    """A worker has its permit and has claimed nothing."""
    CLAIMED = "claimed"
    """The claim is durable; nothing was sent."""
    SENT = "sent"
    """The call has ended; its outcome is known to this process only."""
    SETTLING = "settling"
    """Outcomes are about to be committed."""
    CLOSING = "closing"
    """Everything is staged and proven; the watermark has not moved."""


StepListener = Callable[[Step], None]


def nobody_listens(step: Step) -> None:
    """What a daemon in service does with its steps."""
