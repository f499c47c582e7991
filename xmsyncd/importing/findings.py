"""What an import says of each thing that it met: taken over, to be decided, done better here, refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from xmsyncd.showing import cut_to, escaped

_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\xa0\u2028\u2029\u3000\ufeff\ud800-\udfff]+")
_MOST_CHARACTERS = 600


class Verdict(StrEnum):
    """What became of one thing."""

    TAKEN_OVER = "taken_over"
    DECIDE = "decide"
    """Taken over as far as it goes, or left open: a person has to look."""
    BETTER = "better"
    """What the platform did, and what xmsyncd does instead."""
    REFUSED = "refused"
    """Nothing is written while there is one of these."""

    @property
    def words(self) -> str:
        """What people call it."""
        return _WORDS[self]


_WORDS = {
    Verdict.TAKEN_OVER: "taken over",
    Verdict.DECIDE: "to be decided",
    Verdict.BETTER: "done otherwise",
    Verdict.REFUSED: "not possible",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: where in the documents, what was found, and what is to be done or was done."""

    verdict: Verdict
    where: str
    found: str
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "verdict": self.verdict.value,
            "where": self.where,
            "found": self.found,
            "advice": self.advice,
        }


@dataclass(slots=True)
class Findings:
    """Collects them in the order of the documents."""

    listed: list[Finding] = field(default_factory=list)

    def taken_over(self, where: str, found: str, advice: str = "") -> None:
        """It stands in the configuration as it was."""
        self._add(Verdict.TAKEN_OVER, where, found, advice)

    def decide(self, where: str, found: str, advice: str) -> None:
        """A person has to look."""
        self._add(Verdict.DECIDE, where, found, advice)

    def better(self, where: str, found: str, advice: str) -> None:
        """xmsyncd does it otherwise."""
        self._add(Verdict.BETTER, where, found, advice)

    def refused(self, where: str, found: str, advice: str) -> None:
        """xmsyncd cannot do it, and does not pass over it."""
        self._add(Verdict.REFUSED, where, found, advice)

    def of(self, verdict: Verdict) -> Iterator[Finding]:
        """Those of one kind."""
        return (one for one in self.listed if one.verdict is verdict)

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each kind."""
        counted = Counter(one.verdict for one in self.listed)
        return {verdict.value: counted[verdict] for verdict in Verdict}

    def _add(self, verdict: Verdict, where: str, found: str, advice: str) -> None:
        parts = (cut_to(one_line(part), _MOST_CHARACTERS) for part in (where, found, advice))
        self.listed.append(Finding(verdict, *parts))


def one_line(text: str) -> str:
    """Fit to be shown in a comment or a table: no line breaks, nothing that cannot be seen."""
    return escaped(_UNSHOWN.sub(" ", text))
