"""Times on disk: UTC milliseconds since 1970 as an integer; aware UTC everywhere else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import overload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@overload
def to_ms(moment: datetime) -> int: ...
@overload
def to_ms(moment: None) -> None: ...
def to_ms(moment: datetime | None) -> int | None:
    """Whole milliseconds, rounded down. Exact arithmetic: floats lose the last digits of large times."""
    return None if moment is None else (moment - _EPOCH) // timedelta(milliseconds=1)


@overload
def from_ms(milliseconds: int) -> datetime: ...
@overload
def from_ms(milliseconds: None) -> None: ...
def from_ms(milliseconds: int | None) -> datetime | None:
    """The moment ``milliseconds`` after 1970."""
    return None if milliseconds is None else _EPOCH + timedelta(milliseconds=milliseconds)
