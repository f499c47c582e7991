"""Whether systemd's watchdog is fed: only while no part has died, the ledger answers and all parts move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Final

from xmsyncd.heartbeat import Heartbeats, Standing

_LONGEST_STANDSTILL: Final = timedelta(minutes=10)
"""No sound work takes so long between two movements: a call ends by its time-out, and a backup, a check of a
large ledger or a machine under load hold up a commit for minutes at most."""

_TIMEOUTS_IN_A_ROW: Final = 3
"""A function or a vendor may be given longer than usual; one movement may take a few of these."""


class Feeding(StrEnum):
    """Whether the watchdog is fed, and if not, for what reason."""

    FED = "fed"
    PART_DIED = "part_died"
    LEDGER_SILENT = "ledger_silent"
    STANDING_STILL = "standing_still"


def decide_feeding(*, died: bool, ledger_answers: bool, standing: Sequence[Standing]) -> Feeding:
    """What systemd is to be told. A restart mends what stands still: the ledger knows what was on its way."""
    if died:
        return Feeding.PART_DIED
    if not ledger_answers:
        return Feeding.LEDGER_SILENT
    return Feeding.STANDING_STILL if standing else Feeding.FED


def longest_standstill(timeouts: Sequence[timedelta]) -> timedelta:
    """How long a part may stand still, where calls may take as long as these."""
    return max(_LONGEST_STANDSTILL, _TIMEOUTS_IN_A_ROW * max(timeouts, default=timedelta(0)))


class Watchdog:
    """Asks for the decision each time the watchdog is to be fed, and tells when it changes."""

    def __init__(
        self,
        heartbeats: Heartbeats,
        bound: timedelta,
        *,
        died: Callable[[], bool],
        ledger_answers: Callable[[], bool],
        told: Callable[[Feeding, Sequence[Standing]], None],
    ) -> None:
        self._heartbeats = heartbeats
        self._bound = bound
        self._died = died
        self._ledger_answers = ledger_answers
        self._told = told
        self._last: tuple[Feeding, tuple[str, ...]] = (Feeding.FED, ())

    def is_fed(self) -> bool:
        """Whether to feed it now; a change of the answer, or of its reason, is told once."""
        standing = self._heartbeats.standing_still(self._bound)
        feeding = decide_feeding(died=self._died(), ledger_answers=self._ledger_answers(), standing=standing)
        now = feeding, tuple(sorted(one.part for one in standing))
        if now != self._last:
            self._last = now
            self._told(feeding, standing)
        return feeding is Feeding.FED
