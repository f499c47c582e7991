"""What is known about a filter: for the compiler, and for the documentation (part of step 2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from xmsyncd.transform.bounds import MAX_RESULT_LENGTH
from xmsyncd.transform.number_filters import MOST_PLACES

Apply = Callable[[Any], Any]
"""A value in, the filtered one out. Raises EvaluationError."""

_PATH = re.compile(r"[\w-]+(?:\.[\w-]+){0,31}")


class Kind(Enum):
    """What a filter may be given."""

    TEXT = auto()
    LENGTH = auto()
    PLACES = auto()
    PATH = auto()
    TABLE = auto()
    VALUE = auto()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument that a filter takes."""

    name: str
    kind: Kind
    may_be_empty: bool = True

    def unfit(self, argument: Any) -> str | None:
        """What would fit, where the argument does not."""
        whole = isinstance(argument, int) and not isinstance(argument, bool)
        if self.kind is Kind.LENGTH and not (whole and 1 <= argument <= MAX_RESULT_LENGTH):
            return f"a whole number from 1 to {MAX_RESULT_LENGTH}"
        if self.kind is Kind.PLACES and not (whole and 0 <= argument <= MOST_PLACES):
            return f"a whole number from 0 to {MOST_PLACES}"
        if self.kind is Kind.PATH and not (
            whole or (isinstance(argument, str) and _PATH.fullmatch(argument))
        ):
            return "a path, as in 'images.0'"
        if self.kind in (Kind.TEXT, Kind.TABLE) and not isinstance(argument, str):
            return "text in quotes"
        if not self.may_be_empty and argument == "":
            return "text that is not empty"
        return None


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter: how it is written, what it does, examples as (template, JSON of the value).

    ``build`` gets the arguments (a path as its names, a table as the table), the last ones left out where
    they may be.
    """

    name: str
    usage: str
    english: str
    chinese: str
    examples: tuple[tuple[str, str], ...]
    build: Callable[..., Apply]
    parameters: tuple[Parameter, ...] = ()
    required: int = 0
