"""What a probe found out: a question, what this tenant does, and the setting that fits it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from xmsyncd.settings.schema import Path, path_text


class AnswerState(StrEnum):
    """What follows from an answer."""

    FITS = "fits"
    """The setting is as this tenant wants it."""
    CHANGE = "change"
    """Another value of the setting fits; ``--apply`` writes it."""
    TOLD = "told"
    """Nothing is to be set."""
    UNKNOWN = "unknown"
    """It could not be found out; the setting stays."""
    FAILED = "failed"
    """It was found out that something will not work, and no setting of ours mends it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One question and what was found; ``current`` and ``fitting`` are values of ``setting``, if any."""

    question: str
    state: AnswerState
    found: str
    setting: Path = ()
    current: Any = None
    fitting: Any = None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """For programs; a setting by its dotted name."""
        return {
            "question": self.question,
            "state": self.state,
            "found": self.found,
            "setting": path_text(self.setting) if self.setting else None,
            "current": self.current,
            "fitting": self.fitting,
            "note": self.note,
        }


def told(question: str, found: str, note: str = "") -> Answer:
    """Something to know, and nothing to set."""
    return Answer(question, AnswerState.TOLD, found, note=note)


def unknown(question: str, found: str, note: str = "") -> Answer:
    """It could not be found out."""
    return Answer(question, AnswerState.UNKNOWN, found, note=note)


def failed(question: str, found: str, note: str = "") -> Answer:
    """It will not work, whatever is set here."""
    return Answer(question, AnswerState.FAILED, found, note=note)


def fitting(question: str, found: str, setting: Path, *, current: Any, fits: Any, note: str = "") -> Answer:
    """The tenant wants ``fits``: a change, unless that is the value already."""
    state = AnswerState.FITS if current == fits else AnswerState.CHANGE
    return Answer(question, state, found, setting, current, fits, note)
