"""Where a demo runs: its folder, the port of its console, and what its commands are called there."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from xmsyncd.errors import ConfigurationError, Fault

_FIRST_PORT: Final = 9464
_PORTS: Final = 20


@dataclass(slots=True)
class Folder:
    """Where everything is; a temporary one is removed at the end unless it is to be kept."""

    path: Path
    is_kept: bool

    def keep(self) -> Path:
        """Let it stay, and say where it is."""
        self.is_kept = True
        return self.path


@contextlib.contextmanager
def made_folder(asked_for: Path | None) -> Iterator[Folder]:
    """Raises ``ConfigurationError`` for one that holds something."""
    if asked_for is None:
        folder = Folder(Path(tempfile.mkdtemp(prefix="xmsyncd-demo-")), is_kept=False)
    else:
        folder = Folder(_made(asked_for.absolute()), is_kept=True)
    try:
        yield folder
    finally:
        if not folder.is_kept:
            shutil.rmtree(folder.path, ignore_errors=True)


def _made(path: Path) -> Path:
    expected = "an empty folder or a new one: a simulation starts anew, no earlier ledger would fit it"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        inside = next(path.iterdir(), None)
    except OSError as error:
        raise ConfigurationError([Fault("--folder", f"{path}: {error.strerror}", expected)]) from error
    if inside is not None:
        raise ConfigurationError([Fault("--folder", f"{path} with {inside.name} in it", expected)])
    return path


def reserved_port(asked_for: int | None) -> socket.socket:
    """A socket that keeps a port of the console for us until the daemon takes it over: the usual one, one
    of the next, or any. Raises ``ConfigurationError`` where the port asked for is taken.
    """
    usual = (*range(_FIRST_PORT, _FIRST_PORT + _PORTS), 0)
    for port in usual if asked_for is None else (asked_for,):
        keeping = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        keeping.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            keeping.bind(("127.0.0.1", port))
            keeping.listen(1)  # a port that is only bound could be bound twice
        except OSError:
            keeping.close()
            continue
        return keeping
    found = "all ports are taken" if asked_for is None else f"{asked_for}, which is taken"
    raise ConfigurationError([Fault("--port", found, "a free port; 0 takes any")])


def command_name() -> str:
    """How a person in this folder starts the program that runs here."""
    beside = Path(sys.executable).with_name("xmsyncd")
    found = shutil.which("xmsyncd")
    if found is not None and Path(found) == beside:
        return "xmsyncd"
    program = beside if beside.exists() else Path(sys.executable)
    with contextlib.suppress(ValueError, OSError):
        program = program.relative_to(Path.cwd())
    return shlex.quote(os.fspath(program)) + ("" if beside.exists() else " -m xmsyncd")
