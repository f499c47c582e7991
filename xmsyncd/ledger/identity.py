"""Who a ledger is, and whether it is the latest of its kind: a copy put in its place knows that it is one.

A ledger that is older than what was sent since would create everything a second time. Two things tell it:

* a backup made by us carries a **mark**, which the first opening as a working ledger turns into a stop;
* for a plain copy of the file there is a **generation** number, raised in the ledger first (durably) and
then in
  a small file beside it, at each opening and closing and every minute in between. So the ledger is never
  behind its file, wherever the process dies, unless an older copy has taken its place.

A folder that is put back as a whole (a snapshot of the machine or volume) brings its file along: that
cannot be seen from inside, and is for the person who does it to say (``xmsyncd adopt``).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from xmsyncd.ledger import notes, pipelines
from xmsyncd.ledger.faults import file_fault
from xmsyncd.ledger.lock import beside
from xmsyncd.ledger.times import from_ms, to_ms

_ID: Final = "ledger_id"
_GENERATION: Final = "generation"
_COPY: Final = "copy"

Seen = tuple[str, int] | str | None
"""Ledger id and generation; ``None``: there is no file; a text: it cannot be read, and why."""


class GenerationFile(StrEnum):
    """What was found beside the ledger when it was opened."""

    AGREES = "agrees"
    NEW = "new"
    """The ledger was opened for the first time, or by a version that kept no such file."""
    MISSING = "missing"
    OTHER = "other"
    """It belongs to another ledger, or cannot be read."""
    AHEAD = "ahead"
    """It has seen a later state of this ledger: the file is an older copy."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The ledger as it was found at this opening; ``restored`` says in words why it is taken for a copy."""

    ledger_id: str
    generation: int
    beside: GenerationFile
    restored: str | None = None


@dataclass(frozen=True, slots=True)
class CopyMark:
    """What a copy remembers of where it comes from."""

    ledger_id: str
    generation: int
    made_at: datetime


def generation_path(ledger: Path) -> Path:
    """The small file beside the ledger."""
    return beside(ledger, ".generation")


def establish(connection: sqlite3.Connection, path: Path, now: datetime) -> Identity:
    """Open as the working ledger: find out who it is, stop it if it is a copy, raise its generation.

    Its own transaction, and then the file: a crash in between leaves the file behind, which proves nothing.
    """
    seen = seen_beside(path)
    connection.execute("BEGIN IMMEDIATE")
    try:
        identity = judge(connection, seen, now)
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    _write_file(path, identity.ledger_id, identity.generation)
    return identity


def judge(connection: sqlite3.Connection, seen: Seen, now: datetime) -> Identity:
    """What an opening makes of the ledger and of the file beside it, but for writing that file.

    Inside the caller's transaction.
    """
    known, generation = notes.read(connection, _ID), _generation(connection)
    ledger_id = known or secrets.token_hex(16)
    if known is None:
        notes.write(connection, _ID, ledger_id)
    found = _compare(seen, known, generation)
    copy = read_mark(connection)
    restored = None
    if copy is not None:
        restored = f"it is a backup of {copy.made_at:%Y-%m-%d %H:%M} UTC"
    elif found is GenerationFile.AHEAD:
        restored = "an older copy was put in its place (the file beside it has seen a later state)"
    if found is GenerationFile.AHEAD and isinstance(seen, tuple):
        generation = max(generation, seen[1])
    if restored is not None:
        pipelines.stop_restored(connection, restored, now)
        notes.strike(connection, _COPY)
    generation += 1
    notes.write(connection, _GENERATION, str(generation))
    return Identity(ledger_id, generation, found, restored)


def _compare(seen: Seen, known: str | None, generation: int) -> GenerationFile:
    match seen:
        case None:
            return GenerationFile.NEW if known is None else GenerationFile.MISSING
        case (ledger_id, number) if ledger_id == known:
            return GenerationFile.AHEAD if number > generation else GenerationFile.AGREES
        case _:
            return GenerationFile.OTHER


def raise_generation(connection: sqlite3.Connection, path: Path) -> int:
    """Let the file beside the ledger see its present state; returns the generation. Its own transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        ledger_id = notes.read(connection, _ID) or ""
        generation = _generation(connection) + 1
        notes.write(connection, _GENERATION, str(generation))
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    _write_file(path, ledger_id, generation)
    return generation


def mark_copy(connection: sqlite3.Connection, now: datetime) -> CopyMark:
    """Make the open file say that it is a copy, made now. Inside the caller's transaction."""
    mark = CopyMark(notes.read(connection, _ID) or "", _generation(connection), now)
    value = {"ledger": mark.ledger_id, "generation": mark.generation, "made_ms": to_ms(mark.made_at)}
    notes.write(connection, _COPY, json.dumps(value))
    return mark


def read_mark(connection: sqlite3.Connection) -> CopyMark | None:
    """The mark of a copy that nobody has opened as a working ledger yet."""
    text = notes.read(connection, _COPY)
    if text is None:
        return None
    value = json.loads(text)
    return CopyMark(value["ledger"], value["generation"], from_ms(value["made_ms"]))


def _generation(connection: sqlite3.Connection) -> int:
    return int(notes.read(connection, _GENERATION) or 0)


def seen_beside(path: Path) -> Seen:
    """What the file beside the ledger says."""
    try:
        value = json.loads(generation_path(path).read_bytes())
        return str(value["ledger"]), int(value["generation"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{type(error).__name__}: {error}"


def _write_file(path: Path, ledger_id: str, generation: int) -> None:
    """Replaced whole and on the disk: half a file would be no proof when it is needed."""
    target = generation_path(path)
    text = json.dumps({"ledger": ledger_id, "generation": generation}) + "\n"
    new = target.with_name(target.name + ".new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)
    except OSError as error:
        raise file_fault(path, error, f"write {target}") from error
