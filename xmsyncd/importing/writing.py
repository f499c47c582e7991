"""The files of an import: the configuration, and its secrets readable for their owner alone; both or none.

A file that is there already is replaced only when told to, as a whole, and other lines of secrets stay.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.settings.document import read_text
from xmsyncd.settings.secret_lines import MODE, beside, with_lines

_HEADING: Final = (
    "# Secrets of {configuration}: for its owner alone (mode 0600), never in a repository.\n"
    "# A line without a value counts as not set.\n"
)
_PUBLIC: Final = 0o666  # less what the umask takes away


@dataclass(frozen=True, slots=True)
class WrittenFiles:
    """``secrets`` is ``None`` where that file was left alone; ``is_found``: whether the daemon reads it."""

    configuration: Path
    secrets: Path | None
    is_found: bool


def write_files(
    configuration: str,
    values: Mapping[str, str],
    missing: Sequence[str],
    *,
    output: Path,
    secrets_file: Path | None,
    force: bool,
) -> WrittenFiles:
    """Raises ``ConfigurationError``, nothing written, where a file is there already or cannot be made."""
    place = secrets_file or beside(output)
    keeps_secrets = place.exists() and not values
    if output.resolve() == place.resolve():
        raise _error(place, "the same file for both", "a file of its own for the secrets (--secrets FILE)")
    taken = [] if force else [one for one in (output, place) if _is_there(one)]
    faults = [
        Fault(str(one), "a file that is there already", "another name, or --force to replace it")
        for one in taken
        if one is output or not keeps_secrets
    ]
    if faults:
        raise ConfigurationError(faults)
    made_secrets = False
    if not keeps_secrets:
        heading = _HEADING.format(configuration=output.name)
        before = read_text(place) if place.exists() else heading
        named = {**dict.fromkeys((one for one in missing if f"{one}=" not in before), ""), **values}
        made_secrets = not place.exists()
        _write(place, with_lines(before, named), mode=MODE, force=force)
    try:
        _write(output, configuration, mode=_PUBLIC, force=force)
    except ConfigurationError:
        if made_secrets:
            place.unlink(missing_ok=True)
        raise
    return WrittenFiles(output, None if keeps_secrets else place, place == beside(output))


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _write(path: Path, text: str, *, mode: int, force: bool) -> None:
    """The whole file or none of it, with its mode from the first byte on."""
    target = path.resolve() if force else path
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        if target.is_dir():
            raise IsADirectoryError(21, "a directory")
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(text.encode())
                stream.flush()
                os.fsync(stream.fileno())
                if force and mode != MODE and target.exists():
                    os.fchmod(stream.fileno(), stat.S_IMODE(target.stat().st_mode))
            if force:
                temporary.replace(target)
            else:
                os.link(temporary, target)  # unlike a rename, never over a file that came meanwhile
        finally:
            temporary.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            _flush_folder(target.parent)
    except FileExistsError:
        raise _error(path, "a file that is there already", "another name, or --force to replace it") from None
    except OSError as error:
        found = f"a file that cannot be written ({error.strerror or error})"
        raise _error(path, found, "a folder that is there and may be written to") from error


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _error(path: Path, found: str, expected: str) -> ConfigurationError:
    return ConfigurationError([Fault(str(path), found, expected)])
