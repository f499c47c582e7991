"""What is known about a function: for the compiler, and for the documentation (part of step 2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from xmsyncd.transform.expressions.closures import Build


@dataclass(frozen=True, slots=True)
class Function:
    """One function; ``most`` arguments, any number where it is ``None``.

    ``examples`` are expressions and what they come to, as JSON.
    """

    name: str
    usage: str
    english: str
    chinese: str
    examples: tuple[tuple[str, str], ...]
    least: int
    most: int | None
    build: Build = field(repr=False, compare=False)
    aliases: tuple[str, ...] = ()
