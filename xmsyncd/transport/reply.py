"""What came back from one call: an answer, or how the way to it broke (steps 1 and 5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final

LONGEST_RETRY_AFTER: Final = timedelta(days=1)
"""A longer ``Retry-After`` is taken for this: a slip in a vendor's gateway must not stop us for a year."""


class Fault(StrEnum):
    """How a call ended without an answer. Which of the two decides whether a create may be sent again."""

    NOT_SENT = "not_sent"
    """Name look-up, connect, TLS or connect time-out: certainly nothing of the request left."""

    LOST = "lost"
    """Anything after bytes may have left: reset, disconnect, time-out, a body that broke off."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The end of one call. Exactly one of ``status`` and ``fault`` is set."""

    status: int | None = None
    body: Any = field(default=None, repr=False)
    """The parsed JSON; ``None`` where there was none."""
    is_json: bool = False
    text: str = field(default="", repr=False)
    """The first 200 characters, for logs; empty where the answer holds a secret."""
    retry_after: timedelta | None = None
    server_time: datetime | None = None
    """The ``Date`` header, aware UTC, one-second resolution."""
    fault: Fault | None = None
    detail: str = ""
    """Of a fault: the exception's class and a short text without any URL query."""


def parse_server_time(header: str | None) -> datetime | None:
    """A ``Date`` header as aware UTC, ``None`` where it is missing or unreadable."""
    if not header:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parse_retry_after(header: str | None, now: datetime) -> timedelta | None:
    """A ``Retry-After`` header, seconds or a date, as the time from ``now`` (0 to one day).

    ``now`` should be the server's own ``Date`` where it gave one, so that a wrong clock here does not
    lengthen or swallow the wait.
    """
    if not header:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        # The length is looked at first: a number of seconds with 30 digits would overflow a timedelta.
        return (
            LONGEST_RETRY_AFTER if len(text) > 6 else min(timedelta(seconds=int(text)), LONGEST_RETRY_AFTER)
        )
    moment = parse_server_time(text)
    if moment is None:
        return None
    return min(max(moment - now, timedelta()), LONGEST_RETRY_AFTER)
