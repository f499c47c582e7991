"""One holder for each ledger: an advisory lock on a file beside it, which the kernel frees when it dies."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
from pathlib import Path
from types import TracebackType

from xmsyncd.errors import LedgerHeldError, LedgerUnusableError

# A Unix socket's name is short also where it is told relative to an opened folder.
_LONGEST_SOCKET_NAME = 70

# What flock(2) says of a lock that another process has; anything else is the file system's own trouble.
_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)


def socket_path(ledger: Path) -> Path:
    """Where the holder listens for the commands of the others: beside the ledger, however long its path is.

    Only where the ledger's own name is too long for a socket its place is taken by a digest of it.
    """
    near = beside(ledger, ".sock")
    if len(os.fsencode(near.name)) <= _LONGEST_SOCKET_NAME:
        return near
    digest = hashlib.blake2b(os.fsencode(near.name), digest_size=8).hexdigest()
    return near.with_name(f"{digest}.sock")


def beside(ledger: Path, suffix: str) -> Path:
    """A file of ours beside the ledger itself: two names of one ledger (a link) must not be two locks."""
    file = ledger.resolve()
    return file.with_name(file.name + suffix)


class LedgerLock:
    """Held from :meth:`acquire` to :meth:`release` or to the end of the process, however it ends."""

    def __init__(self, ledger: Path) -> None:
        self._path = beside(ledger, ".lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock at once or raise :class:`LedgerHeldError` naming the holder's process id."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerUnusableError(
                f"cannot open {self._path}: {error.strerror}; the ledger's folder must exist and be writable"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _HELD:
                os.close(descriptor)
                raise LedgerUnusableError(
                    f"cannot lock {self._path}: {error.strerror}; the file system has no locks that can be "
                    "trusted: put the ledger on a disk of this machine"
                ) from error
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise LedgerHeldError(f"the ledger is held by process {holder}") from error
        with contextlib.suppress(OSError):  # on a full disk the lock holds all the same, without a name
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; safe to repeat. The file stays: removing it would race with the next holder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> LedgerLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
