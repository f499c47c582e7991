"""A text in both languages, and which of them a locale asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

ENGLISH = "en"
CHINESE = "zh"


class Phrase(NamedTuple):
    """One meaning, in the languages of the people who read it."""

    english: str
    chinese: str

    def told(self, language: str) -> str:
        """The text in a language."""
        return self.chinese if language == CHINESE else self.english


def language_of(environ: Mapping[str, str]) -> str:
    """The language of a locale, by the variables that decide about messages."""
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return CHINESE if locale.lower().startswith("zh") else ENGLISH
