"""What a person probably meant: the known name nearest to an unknown one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest_name(found: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known name most like ``found``, whatever its case; ``None`` where none is like it to ``cutoff``."""
    by_folded = {name.casefold(): name for name in sorted(known, reverse=True)}
    near = difflib.get_close_matches(found.casefold(), by_folded, n=1, cutoff=cutoff)
    return by_folded[near[0]] if near else None


def nearest(found: str, known: Iterable[str]) -> str:
    """`` (nearest: name)`` to put behind a sentence, or nothing."""
    name = nearest_name(found, known)
    return f" (nearest: {name})" if name else ""
