"""The nouns of quality rules: the kinds there are, one rule as it is configured, and a breach (step 2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from xmsyncd.records import RejectionReason


class RuleKind(StrEnum):
    """The rules there are, spelt as in the configuration."""

    REQUIRED = "required"
    TYPE = "type"
    LENGTH = "length"
    PATTERN = "pattern"
    RANGE = "range"
    ONE_OF = "one_of"
    EXPRESSION = "expression"
    GROUP = "group"
    FRESH = "fresh"
    BAND = "band"
    CHANGE = "change"
    UNIQUE = "unique"
    CONSISTENT = "consistent"


class OnFail(StrEnum):
    """What becomes of a record that breaks a rule."""

    REJECT = "reject"
    WARN = "warn"
    """It is sent as it is, and the finding is kept with it."""
    FIX = "fix"
    """The value is put right; one that cannot be put right is rejected."""


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One entry of ``quality`` as it is configured; ``None`` and a blank component are left out there."""

    component: str
    rule: str
    type: str | None = None
    on_fail: str = OnFail.REJECT
    min: float | None = None
    max: float | None = None
    pattern: str | None = None
    values: tuple[str, ...] | None = None
    value: str | None = None
    max_age: timedelta | None = None
    factor: float | None = None
    expect: str | None = None

    def shape(self) -> list[Any]:
        """All that shapes output, as JSON: part of the context."""
        return [
            self.component,
            self.rule,
            self.type,
            str(self.on_fail),
            self.min,
            self.max,
            self.pattern,
            None if self.values is None else list(self.values),
            self.value,
            None if self.max_age is None else self.max_age.total_seconds(),
            self.factor,
            self.expect,
        ]


class _Unfixed:
    """The type of :data:`UNFIXED`: ``None`` and "" are values that a fix may give."""

    def __repr__(self) -> str:
        return "UNFIXED"


UNFIXED: Final = _Unfixed()
"""The rule knows no right value in place of this one."""


@dataclass(frozen=True, slots=True)
class Breach:
    """Why a value breaks a rule, and the value in its place where the rule itself knows one.

    ``found`` is what is shown instead of the value, for rules that are about something else.
    """

    reason: RejectionReason
    expected: str
    fixed: Any = UNFIXED
    found: str | None = None
