"""A name of the holder's socket that the system takes, however deep in the tree its ledger lies."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

# A Unix socket's name is limited to 108 bytes (sun_path) including the final zero.
_LONGEST: Final = 100


@contextlib.contextmanager
def short_name(path: Path) -> Iterator[str]:
    """The path of a socket to bind or connect, good inside the block.

    The socket stands beside its ledger always: a folder elsewhere would have to be the same one for every
    process, whatever its ``TMPDIR`` or container. Where the path is too long for the system, it is named
    by its opened folder (Linux). Raises ``OSError``.
    """
    if len(os.fsencode(path)) <= _LONGEST:
        yield os.fspath(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
