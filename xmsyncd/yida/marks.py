"""The mark of an instance that ``probe --write`` has started: told from every product by its key alone."""

from __future__ import annotations

import random as random_module
import re
from typing import Final

from xmsyncd.records import KeyValue

MARK_PREFIX: Final = "XMSYNCD-PROBE-"

# Letters and digits that nobody confuses. A letter stands last: that a search ignores case must show in it.
_LETTERS: Final = "ABCDEFGHJKMNPQRSTVWXYZ"
_CHARACTERS: Final = _LETTERS + "23456789"
_LENGTH: Final = 10
_MARK: Final = re.compile(f"{re.escape(MARK_PREFIX)}[{_CHARACTERS}]{{{_LENGTH - 1}}}[{_LETTERS}]")


def new_mark(random: random_module.Random) -> KeyValue:
    """A key that no product has: ``XMSYNCD-PROBE-`` and ten random characters."""
    tail = "".join(random.choice(_CHARACTERS) for _ in range(_LENGTH - 1))
    return KeyValue(f"{MARK_PREFIX}{tail}{random.choice(_LETTERS)}")


def is_mark(key: str) -> bool:
    """Whether an instance with this key is one that a probe has started."""
    return _MARK.fullmatch(key) is not None
