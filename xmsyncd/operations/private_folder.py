"""Where a socket stands that finds no room beside its ledger: a temporary folder of this user alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from xmsyncd.errors import LedgerUnusableError


def make_private_folder(folder: Path, *, beside: Path) -> None:
    """Where the socket does not stand beside the ledger, its folder is ours alone."""
    if folder == beside.resolve().parent:
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    check_private(folder)


def check_private(folder: Path) -> None:
    """In a directory that everybody may write to, somebody else may have been first.

    Raises ``LedgerUnusableError``.
    """
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise LedgerUnusableError(
            f"{folder} is not a folder of this user alone; remove it, or put the ledger where its path is "
            "shorter"
        )
