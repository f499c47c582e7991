"""The file of secrets beside the configuration: ``xmsyncd.secrets``, lines of ``NAME=value``.

The names are those of the environment variables, and the form is what systemd's ``EnvironmentFile=`` and
Docker's ``--env-file`` read, too. A file that everybody on the machine may read is refused.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath

from xmsyncd.errors import Fault

MODE = 0o600
"""Of a file of secrets: its owner alone."""

_MAX_BYTES = 1024 * 1024
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_OTHERS = stat.S_IRWXO
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff]")


@dataclass(frozen=True, slots=True)
class SecretLine:
    """One line: the name as it was typed, its value, and its place for the faults."""

    name: str
    value: str
    where: str


def beside(configuration: FilePath) -> FilePath:
    """Where the secrets of a configuration are looked for: ``xmsyncd.yaml`` → ``xmsyncd.secrets``."""
    return configuration.with_name(f"{configuration.stem}.secrets")


def read_secret_lines(file: FilePath) -> tuple[list[SecretLine], list[Fault]]:
    """The lines and what is wrong with them; no line of it ever enters a message."""
    where = f"secrets file {file}"
    try:
        with file.open("rb") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            content = stream.read(_MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or "unreadable") if isinstance(error, OSError) else "not UTF-8"
        return [], [Fault(where, f"a file that cannot be read ({reason})", "a readable UTF-8 text file")]
    if len(content) > _MAX_BYTES:
        return [], [Fault(where, "more than a mebibyte", "lines of NAME=value")]
    if mode & _OTHERS:
        found = f"a file that everybody on this machine may read (mode {mode:04o})"
        return [], [Fault(where, found, f"mode 0600: chmod 600 {file}")]
    lines: list[SecretLine] = []
    faults: list[Fault] = []
    for number, line in _stated(text):
        here = f"{where}, line {number}"
        parts = _LINE.fullmatch(line)
        if parts is None or not parts[1].upper().startswith("XMSYNCD_"):
            faults.append(Fault(here, "a line that is no XMSYNCD_…=value (not shown)", "XMSYNCD_…=value"))
        else:
            lines.append(SecretLine(parts[1], _without_quotes(parts[2]), here))
    return lines, faults


def secret_line(name: str, value: str) -> str:
    """The line that is read back as this value. Raises ``ValueError`` for one that no line can hold."""
    if _CONTROL.search(value):
        raise ValueError("a line break or another control character")
    if value == value.strip() and value[:1] not in ("'", '"'):
        return f"{name}={value}"
    quote = "'" if '"' in value else '"'
    return f"{name}={quote}{value}{quote}"


def with_lines(text: str, values: Mapping[str, str]) -> str:
    """The text of a file of secrets with these values, every other line as it was."""
    rest = dict(values)
    lines = []
    for line in text.splitlines():
        parts = _LINE.fullmatch(line.strip())
        name = parts[1].upper() if parts else ""
        lines.append(secret_line(name, rest.pop(name)) if name in rest else line)
    lines += [secret_line(name, value) for name, value in rest.items()]
    return "\n".join(lines) + "\n"


def _stated(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, counted from 1."""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield number, stripped


def _without_quotes(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in ("'", '"'):
        return value[1:-1]
    return value
