"""All words of the pages by language: those of each page, and what states, reasons and stops are called.

The latter are not the console's alone: they come from :mod:`xmsyncd.phrases`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from xmsyncd.console.words.acting import ACTING
from xmsyncd.console.words.frame import FRAME
from xmsyncd.console.words.overview import OVERVIEW
from xmsyncd.console.words.quality import QUALITY
from xmsyncd.console.words.record import RECORD
from xmsyncd.phrases.phrase import CHINESE, ENGLISH
from xmsyncd.phrases.reasons import REASONS, reason_name
from xmsyncd.phrases.states import DECISIONS, KINDS, PROOFS, RESULTS, STATES
from xmsyncd.phrases.stops import STOPS

_PAGES: Final = (FRAME, OVERVIEW, RECORD, QUALITY, ACTING)
_CLOSED_SETS: Final = {
    "visible": STATES,
    "decision": DECISIONS,
    "kind": KINDS,
    "result": RESULTS,
    "proof": PROOFS,
}


def _words(language: str) -> Mapping[str, str]:
    words = {name: phrase.told(language) for page in _PAGES for name, phrase in page.items()}
    for name, phrases in _CLOSED_SETS.items():
        words |= {f"{name}.{one}": phrase.told(language) for one, phrase in phrases.items()}
    words |= {f"reason.{reason}": reason_name(reason, language) for reason in REASONS}
    words |= {f"stop.{reason}": stop.advice.told(language) for reason, stop in STOPS.items()}
    return words


WORDS: Final[Mapping[str, Mapping[str, str]]] = {one: _words(one) for one in (ENGLISH, CHINESE)}
"""By language; keys with a dot are of a closed set (``stop.quota``)."""
