"""Regular expressions that cannot hang: RE2, whose time is linear in the value (part of step 2).

Python's own engine backtracks: (a+)+b needs years for sixty letters a, so a limit on the length of values is
no help. To refuse the patterns that can explode is a guess with both kinds of error; RE2 refuses
only what it has not got (look-around, back-references), at load.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

MAX_PATTERN: Final = 1000
"""Characters of a pattern."""

_MEMORY: Final = 8 << 20


class PatternError(ValueError):
    """No pattern that RE2 takes; the message says why."""


@cache
def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Whether a whole text matches. Raises PatternError; the function raises nothing."""
    import re2  # a C++ library: only where a pattern is configured

    if len(pattern) > MAX_PATTERN:
        raise PatternError(f"{len(pattern)} characters, more than {MAX_PATTERN}")
    options: Any = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise PatternError(_words(error)) from None
    except UnicodeError:
        raise PatternError("half a character") from None

    def matches(text: str) -> bool:
        try:
            return compiled.fullmatch(text) is not None
        except UnicodeError:  # half a character, which no text in Yida can hold
            return False

    return matches


def _words(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    return told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
