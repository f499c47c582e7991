"""The errors of xmsyncd, named by what the daemon does next.

::

    XmsyncdError
    ├── ConfigurationError     nothing starts; the person mends the configuration        (exit 2)
    ├── CannotWorkError        credentials, permission or quota: stop, say it, probe     (exit 4)
    │   └── ReserveSpentError  by our own count no call is left for this; nothing was sent
    ├── TryLaterError          the vendor or the network is away: again, later
    │   └── ThrottledError     refused for its pace: nothing was executed; wait as told
    ├── RefusedError           the vendor refuses this one thing; the others go on
    ├── StoppedError           what was asked for was cut short by a stop of the daemon
    ├── CycleError             this cycle ends without moving the watermark
    │   ├── EmptyGroupTreeError
    │   ├── UnusableMappingError  a look-up file, a custom field or a function of transform
    │   └── PageCapError
    └── LedgerError            the durable memory cannot be used
        ├── LedgerHeldError    another process holds it and does not answer              (exit 5)
        ├── NewerSchemaError   it was written by a later version
        └── LedgerUnusableError
            └── LedgerStorageError  the disk or the file failed: mend it, start again (exit 4)

Only reads raise for what a vendor answers; writes return an ``Outcome``. No message ever holds a
token, a secret or a request body.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from xmsyncd.records import StopReason
from xmsyncd.showing import escaped


class XmsyncdError(Exception):
    """Base of all errors raised on purpose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in the configuration: where it stands, what was found, what is expected."""

    where: str
    found: str
    expected: str

    def __str__(self) -> str:
        """One line, which no terminal takes for anything else: what cannot be seen is escaped."""
        where, found = _short(self.where), _short(self.found)
        return escaped(f"{where}: found {found}; expected {self.expected}")


def _short(text: str) -> str:
    """Without the middle, where a file holds a name or a value that nobody could read."""
    return text if len(text) <= 600 else f"{text[:300]}…{text[-200:]}"


class ConfigurationError(XmsyncdError):
    """The configuration cannot be used; ``faults`` names every fault at once."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class _VendorError(XmsyncdError):
    """What a vendor (or the way to it) answered to a read."""

    def __init__(
        self,
        message: str,
        *,
        connection: str = "",
        endpoint: str = "",
        code: str = "",
        request_id: str = "",
    ) -> None:
        self.connection = connection
        self.endpoint = endpoint
        self.code = code
        self.request_id = request_id
        super().__init__(message)


class CannotWorkError(_VendorError):
    """Nothing of this kind can succeed before a person acts: ``reason`` says what about."""

    def __init__(
        self,
        message: str,
        *,
        reason: StopReason,
        connection: str = "",
        endpoint: str = "",
        code: str = "",
        request_id: str = "",
    ) -> None:
        self.reason = reason
        super().__init__(message, connection=connection, endpoint=endpoint, code=code, request_id=request_id)


class ReserveSpentError(CannotWorkError):
    """By our own count the month has no call left for a look or a question; none was made."""

    def __init__(self, connection: str, why: str) -> None:
        message = f"{connection}: the month's calls leave none for a look or a question ({why})"
        super().__init__(message, reason=StopReason.QUOTA, connection=connection)


class TryLaterError(_VendorError):
    """The call may succeed later; ``wait`` is the vendor's own word for when, if it gave one."""

    def __init__(
        self,
        message: str,
        *,
        wait: timedelta | None = None,
        connection: str = "",
        endpoint: str = "",
        code: str = "",
        request_id: str = "",
    ) -> None:
        self.wait = wait
        super().__init__(message, connection=connection, endpoint=endpoint, code=code, request_id=request_id)


class ThrottledError(TryLaterError):
    """The vendor refused the call for its pace, before executing it."""


class RefusedError(_VendorError):
    """The vendor refuses this one call for good (for example a product that no longer exists)."""


class StoppedError(XmsyncdError):
    """The daemon (or the command) was asked to stop, or a part of it died, before the work was through."""


class CycleError(XmsyncdError):
    """The cycle ends here; what was staged stays, the watermark does not move."""


class UnknownProductError(CycleError):
    """A person asked for one product, and OKKI shows none with that key or id."""


class EmptyGroupTreeError(CycleError):
    """OKKI shows no product groups where some were known: blanks are never written in their place."""


class UnusableMappingError(CycleError):
    """A look-up file, a custom field or a function of transform cannot be used: nothing is mapped without."""


class PageCapError(CycleError):
    """A pass did not end within ``source.max_pages``; that is a fault, never a success."""


class LedgerError(XmsyncdError):
    """The ledger cannot be used."""


class LedgerHeldError(LedgerError):
    """Another process holds the ledger and does not answer on its socket."""


class NewerSchemaError(LedgerError):
    """The ledger was written by a later version of xmsyncd."""


class LedgerUnusableError(LedgerError):
    """No ledger at all, not reachable, or made for another configuration."""


class LedgerStorageError(LedgerUnusableError):
    """The disk or the file failed beneath the ledger: full, read-only, unreadable, damaged.

    Whatever was committed is there; what was not is not. The process ends, and goes on once it is mended.
    """
