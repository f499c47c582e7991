"""What an error means for the exit status of a command, wherever it was raised.

==========  ====================================================================================
0           all is well
1           unforeseen: a fault of ours
2           usage or configuration; also a ledger that this configuration cannot use
3           finished, but records are parked, undecided, held or pending, or a window is unproven
4           cannot work: credentials, permission, quota, the disk of the ledger
5           the ledger is held and its holder does not answer
130, 143    SIGINT, SIGTERM, after a clean drain
==========  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from xmsyncd.errors import (
    CannotWorkError,
    ConfigurationError,
    CycleError,
    LedgerError,
    LedgerHeldError,
    LedgerStorageError,
    RefusedError,
    StoppedError,
    TryLaterError,
    UnknownProductError,
    XmsyncdError,
)


class ExitStatus(IntEnum):
    """The contract's exit status, without the signals'."""

    WELL = 0
    UNFORESEEN = 1
    USAGE = 2
    UNFINISHED = 3
    CANNOT_WORK = 4
    HELD = 5


class UnknownRecordError(XmsyncdError):
    """No record has the key or OKKI id that a person named."""


class BusyError(XmsyncdError):
    """The same is being done already."""


class ScarceQuotaError(XmsyncdError):
    """What was asked for needs more calls of this month than are to spare."""


class HolderError(XmsyncdError):
    """What the holder of the ledger answered instead of a result; ``exit_status`` is its own judgement."""

    def __init__(self, kind: str, message: str, exit_status: int) -> None:
        self.kind = kind
        self.exit_status = exit_status
        super().__init__(message)


def exit_status_of(error: BaseException) -> int:
    """The exit status of a command that ends with this error."""
    match error:
        case HolderError():
            return error.exit_status
        case LedgerHeldError():
            return ExitStatus.HELD
        case LedgerStorageError():
            return ExitStatus.CANNOT_WORK
        case ConfigurationError() | UnknownRecordError() | UnknownProductError() | LedgerError():
            return ExitStatus.USAGE
        case CannotWorkError() | ScarceQuotaError():
            return ExitStatus.CANNOT_WORK
        case BusyError() | TryLaterError() | RefusedError() | CycleError() | StoppedError():
            return ExitStatus.UNFINISHED
        case _:
            return ExitStatus.UNFORESEEN


def worst(statuses: Iterable[int]) -> int:
    """The status of several things done one after the other."""
    return max(statuses, default=int(ExitStatus.WELL))
