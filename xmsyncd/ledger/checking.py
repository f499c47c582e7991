"""Is the ledger what it should be? Every rule that the schema cannot state, checked in short steps.

A check is a list of steps over the tables; each step is one read transaction over a few hundred rows, so a
ledger in use can be checked without holding anybody up, and what belongs together is always read together.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final


class Rule(StrEnum):
    """What may be found broken."""

    FILE = "file"
    """SQLite's own integrity check."""
    SCHEMA = "schema"
    """Tables and indexes are those of this version."""
    REFERENCES = "references"
    """Foreign keys: no row belongs to one that is not there."""
    STATE = "state"
    """A record's state as the schema derives it and as the code does."""
    KEYS = "keys"
    """Each key has the one holder that wants it."""
    INSTANCES = "instances"
    """Records and instances name each other."""
    ATTEMPTS = "attempts"
    """Records and their open attempts agree."""
    CONTENTS = "contents"
    """What is stored can be read, and is what its hash says."""
    FORMS = "forms"
    """What belongs to a record lies in the form of its pipeline."""
    BALANCE = "balance"
    """What cycles read is what they decided."""
    METERS = "meters"
    """Counted calls are not negative."""
    TIMES = "times"
    """No time lies where it cannot."""


_RESTORE: Final = "put the latest backup in its place and run `xmsyncd adopt`"

ADVICE: Final = {
    Rule.FILE: f"the file is damaged: stop, keep it, {_RESTORE}",
    Rule.SCHEMA: f"somebody changed the tables by hand: {_RESTORE}",
    Rule.REFERENCES: f"{_RESTORE}; report this",
    Rule.STATE: f"{_RESTORE}; report this",
    Rule.KEYS: "stop the daemon and run `xmsyncd ledger check --repair`, which derives keys from the records",
    Rule.INSTANCES: "run `xmsyncd reconcile`, which compares with what Yida holds; report this",
    Rule.ATTEMPTS: "start the daemon again, which looks for what was on its way; if it stays, report this",
    Rule.CONTENTS: "run `xmsyncd sync --full`, which reads it again from OKKI; report this",
    Rule.FORMS: f"{_RESTORE}; report this",
    Rule.BALANCE: "run `xmsyncd sync --full`: a cycle lost count of what it read; report this",
    Rule.METERS: "look at the calls used in `xmsyncd status`; report this",
    Rule.TIMES: "see that this machine's clock is right; times that lie ahead delay what is due",
}
"""What a person does about it."""

_SAMPLES: Final = 5

Step = Callable[[sqlite3.Connection, int, datetime], "Checked"]
"""One step: the rows after a number. Pure reading."""

Look = Callable[[sqlite3.Connection, datetime], Iterator["Violation"]]
"""A whole part in one step."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is not as it should be: which rule, and where."""

    rule: Rule
    what: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a step found, and where the next one goes on (``None``: this was the last)."""

    violations: Sequence[Violation]
    rows: int
    next_after: int | None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the check: its name, the table it walks through (if one), its step."""

    name: str
    step: Step
    table: str | None = None


@dataclass(slots=True)
class Found:
    """How often each rule was found broken, and a few samples of it."""

    counts: dict[Rule, int] = field(default_factory=dict)
    samples: dict[Rule, list[str]] = field(default_factory=dict)

    def add(self, violations: Sequence[Violation]) -> None:
        """Count them."""
        for one in violations:
            self.counts[one.rule] = self.counts.get(one.rule, 0) + 1
            kept = self.samples.setdefault(one.rule, [])
            if len(kept) < _SAMPLES:
                kept.append(one.what)


def once(look: Look) -> Step:
    """A step that is the whole of its part."""

    def step(connection: sqlite3.Connection, after: int, now: datetime) -> Checked:
        return Checked(list(look(connection, now)), 0, None)

    return step
