"""Which answers that no table knows were told already: each once, in bounded memory."""

from __future__ import annotations

from enum import StrEnum

_MOST = 100
"""Of one kind of call. Beyond that a vendor puts data into its codes, and telling them helps nobody."""


class Telling(StrEnum):
    """What to do with an unknown answer."""

    TELL = "tell"
    TELL_AS_LAST = "tell_as_last"
    """This one, and that no further ones of this kind of call will be told."""
    KNOWN = "known"


class UnknownAnswers:
    """Remembers connection, API, kind of call and code."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str, str], set[str]] = {}

    def seen(self, connection: str, api: str, endpoint: str, code: str) -> Telling:
        """Whether this answer is to be told; the codes of one kind of call are told up to a bound."""
        told = self._told.setdefault((connection, api, endpoint), set())
        if code in told or len(told) >= _MOST:
            return Telling.KNOWN
        told.add(code)
        return Telling.TELL_AS_LAST if len(told) == _MOST else Telling.TELL
