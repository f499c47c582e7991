"""What a check found: one thing looked at, how it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class FindingState(StrEnum):
    """How the thing that was looked at is."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """``what`` was looked at, what was ``found`` there, what is ``expected``, and what a person can do."""

    what: str
    state: FindingState
    found: str
    expected: str = ""
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "what": self.what,
            "state": self.state,
            "found": self.found,
            "expected": self.expected,
            "advice": self.advice,
        }


def ok(what: str, found: str) -> Finding:
    """Nothing to do."""
    return Finding(what, FindingState.OK, found)


def note(what: str, found: str, *, advice: str = "") -> Finding:
    """Good to know, or could not be found out; the work goes on either way."""
    return Finding(what, FindingState.NOTE, found, advice=advice)


def warning(what: str, found: str, *, expected: str = "", advice: str = "") -> Finding:
    """Works, and may not do what is meant."""
    return Finding(what, FindingState.WARNING, found, expected, advice)


def failed(what: str, found: str, *, expected: str = "", advice: str = "") -> Finding:
    """Will not work."""
    return Finding(what, FindingState.FAILED, found, expected, advice)
