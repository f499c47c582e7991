"""Settings written into the configuration file by a program, everything else in it left as it was typed.

Only the characters of a value are replaced, or a line added, at the place that the parsed tree names;
nothing is dumped anew, so comments, layout, quotes and line ends stay. The result is parsed again and must
say exactly what it said before and the new values: what cannot be changed so (an alias) is refused.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path as FilePath
from typing import Any, Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.settings.document import compose_text, parse_document, read_text
from xmsyncd.settings.loading import load_settings
from xmsyncd.settings.models import Settings
from xmsyncd.settings.schema import Path, path_text
from xmsyncd.settings.sources import default_secret_places, read_environment, read_secret_files

_STEP: Final = 2
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*|\d+(ms|s|m|h|d)")
_NOT_TEXT: Final = frozenset({"null", "true", "false"})


@dataclass(frozen=True, slots=True)
class Edit:
    """One setting: its path (texts only), its new value as plain YAML, and a comment without its ``#``."""

    path: tuple[str, ...]
    value: Any
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written. ``shadowed`` names, by path, what overrides the file's new value."""

    backup: FilePath
    shadowed: Mapping[Path, str]


def write_settings(
    path: FilePath,
    edits: Sequence[Edit],
    environ: Mapping[str, str],
    *,
    now: datetime,
    secrets_dirs: Sequence[FilePath] | None = None,
) -> Written:
    """Write the settings into the file, which is replaced as a whole or not at all; its mode stays.

    A copy of what it was is left beside it. Raises ``ConfigurationError``, the file untouched, where a value
    cannot be placed, where the result would not load, or where the folder cannot be written to.
    """
    target = path.resolve()
    text = read_text(target)
    changed = edited(text, path.name, edits)
    places = default_secret_places(path, environ) if secrets_dirs is None else secrets_dirs
    backup = target.with_name(f"{target.name}.{now:%Y%m%dT%H%M%S}.{secrets.token_hex(2)}.bak")
    try:
        with _beside(target, changed) as temporary:
            try:
                load_settings(temporary, environ, places)
            except ConfigurationError as error:
                found = "; ".join(f"{fault.found} ({fault.where})" for fault in error.faults)
                found = f"with the new settings it would not load: {found}"
                raise _fault(str(path), found, by_hand(edits)) from None
            shutil.copy2(target, backup)
            temporary.replace(target)
        with contextlib.suppress(OSError):
            _flush_folder(target.parent)
    except OSError as error:
        found = f"a file that cannot be replaced ({error.strerror or error})"
        raise _fault(str(path), found, by_hand(edits)) from error
    return Written(backup, shadowed(edits, text, environ, places))


def shadowed(
    edits: Sequence[Edit], text: str, environ: Mapping[str, str], places: Sequence[FilePath]
) -> Mapping[Path, str]:
    """By path, the environment variable or secret file that wins over the file's value."""
    data = parse_document(text, "").data
    found: dict[Path, str] = {}
    for overrides in (read_secret_files(Settings, places, data), read_environment(Settings, environ, data)):
        for origin, where in overrides.origins.items():
            for edit in edits:
                length = min(len(origin), len(edit.path))
                if origin[:length] == edit.path[:length]:
                    found[edit.path] = where
    return found


def by_hand(edits: Sequence[Edit]) -> str:
    """What a person would write instead."""
    return "these settings, written by hand: " + ", ".join(
        f"{path_text(edit.path)}: {rendered(edit.value)}" for edit in edits
    )


def edited(text: str, name: str, edits: Sequence[Edit]) -> str:
    """The text with these settings. Raises ``ConfigurationError`` for one that has no place in it."""
    for edit in edits:
        text = _with_one(text, name, edit)
    return text


def rendered(value: Any, *, as_json: bool = False) -> str:
    """A value as it is typed: plain where that is unmistakable, in double quotes elsewhere."""
    if isinstance(value, list):
        return "[" + ", ".join(rendered(one, as_json=as_json) for one in value) + "]"
    if isinstance(value, str) and not as_json and _PLAIN.fullmatch(value) and value not in _NOT_TEXT:
        return value
    return json.dumps(value, ensure_ascii=False)


def _with_one(text: str, name: str, edit: Edit) -> str:
    before = parse_document(text, name).data
    wanted = _with_value(before, edit)
    if before == wanted and not edit.comment:
        return text
    try:
        json.loads(text)
        as_json = True
    except ValueError:
        as_json = False
    for comment in ("",) if as_json or not edit.comment else (edit.comment, ""):
        with contextlib.suppress(ConfigurationError, _NoPlaceError):
            changed = _Editing(text, as_json=as_json).put(Edit(edit.path, edit.value, comment))
            if parse_document(changed, name).data == wanted and (not as_json or _is_json(changed)):
                return changed
    found = "a section that a program cannot change without touching others (an alias, a merge)"
    raise _fault(f"{path_text(edit.path)} ({name})", found, by_hand([edit]))


class _NoPlaceError(Exception):
    """The tree has no place for a value."""


class _Editing:
    """One change of a text, at the places of its parsed tree."""

    def __init__(self, text: str, *, as_json: bool) -> None:
        # Pasted JSON whose tabs YAML forbids is read with its lines indented anew, and stays so.
        self._text, root = compose_text(text)
        if not isinstance(root, MappingNode):
            raise _NoPlaceError
        self._root = root
        self._as_json = as_json
        self._end_of_line = "\r\n" if "\r\n" in text else "\n"

    def put(self, edit: Edit) -> str:
        section = self._root
        for depth, key in enumerate(edit.path):
            rest = edit.path[depth + 1 :]
            entry = _entry(section, key)
            if entry is None:
                return self._insert(section, (key, *rest), edit)
            key_node, value = entry
            if value.start_mark.index < key_node.end_mark.index:
                raise _NoPlaceError  # an alias: the node stands where its anchor does
            if not rest:
                return self._replace(key_node, value, rendered(edit.value, as_json=self._as_json), edit)
            if isinstance(value, MappingNode):
                section = value
            elif isinstance(value, ScalarNode) and str(value.tag).endswith(":null"):
                return self._replace(key_node, value, self._flow(rest, edit.value), edit)
            else:
                raise _NoPlaceError
        raise _NoPlaceError

    def _replace(self, key: Node, value: Node, new: str, edit: Edit) -> str:
        start, end = value.start_mark.index, value.end_mark.index
        if start == end:  # nothing at all: its mark may stand at whatever follows
            start = end = self._text.index(":", key.end_mark.index) + 1
        gap = " " if self._text[start - 1 : start] == ":" else ""
        changed = self._text[:start] + gap + new + self._text[end:]
        return self._commented(changed, key.start_mark.index, edit)

    def _insert(self, section: MappingNode, path: tuple[str, ...], edit: Edit) -> str:
        if section.flow_style:
            return self._insert_in_braces(section, path, edit)
        after = [
            (key, value)
            for key, value in section.value
            if key.end_mark.index <= value.start_mark.index and value.end_mark.line == key.start_mark.line
        ]
        first_key = section.value[0][0]
        lines = self._block(path, edit.value, first_key.start_mark.column)
        if after:
            at = self._line_end(after[-1][1].end_mark.index)
            changed = self._text[:at] + self._end_of_line + lines + self._text[at:]
            place = at + len(self._end_of_line)
        elif section is self._root:
            kept = self._text.rstrip()
            changed = kept + 2 * self._end_of_line + lines + self._end_of_line
            place = len(kept) + 2 * len(self._end_of_line)
        else:
            place = self._line_start(first_key.start_mark.index)
            changed = self._text[:place] + lines + self._end_of_line + self._text[place:]
        return self._commented(changed, place, edit)

    def _insert_in_braces(self, section: MappingNode, path: tuple[str, ...], edit: Edit) -> str:
        new = self._flow(path, edit.value)[1:-1]
        if not section.value:
            at = section.start_mark.index + 1
            return self._commented(self._text[:at] + new + self._text[at:], at, edit)
        key, value = section.value[-1]
        at = max(key.end_mark.index, value.end_mark.index)
        lead = self._text[self._line_start(key.start_mark.index) : key.start_mark.index]
        gap = " " if lead.strip() else self._end_of_line + lead
        return self._commented(self._text[:at] + "," + gap + new + self._text[at:], at, edit)

    def _block(self, path: Sequence[str], value: Any, column: int) -> str:
        lines = []
        for depth, key in enumerate(path):
            lead = " " * (column + depth * _STEP) + rendered(key) + ":"
            lines.append(lead if depth < len(path) - 1 else f"{lead} {rendered(value)}")
        return self._end_of_line.join(lines)

    def _flow(self, path: Sequence[str], value: Any) -> str:
        text = rendered(value, as_json=self._as_json)
        for key in reversed(path):
            text = f"{{{rendered(key, as_json=self._as_json)}: {text}}}"
        return text

    def _commented(self, text: str, index: int, edit: Edit) -> str:
        """With the comment on a line of its own above; one of an earlier probe gives way to it."""
        if not edit.comment:
            return text
        start = text.rfind("\n", 0, index) + 1
        lead = re.match(r"[ ]*", text[start:])
        margin = "" if lead is None else lead[0]
        comment = f"{margin}# {edit.comment}{self._end_of_line}"
        above_start = text.rfind("\n", 0, max(start - 1, 0)) + 1
        above = text[above_start:start].strip()
        stem = re.sub(r"\d{4}-\d\d-\d\d", "", edit.comment.split(":")[0])
        if above.startswith("#") and re.sub(r"\d{4}-\d\d-\d\d", "", above[1:].split(":")[0]).strip() == stem:
            return text[:above_start] + comment + text[start:]
        return text[:start] + comment + text[start:]

    def _line_start(self, index: int) -> int:
        return self._text.rfind("\n", 0, index) + 1

    def _line_end(self, index: int) -> int:
        end = self._text.find("\n", index)
        end = len(self._text) if end < 0 else end
        return end - 1 if self._text[end - 1 : end] == "\r" else end


def _entry(section: MappingNode, key: str) -> tuple[ScalarNode, Node] | None:
    for key_node, value in section.value:
        if isinstance(key_node, ScalarNode) and key_node.value == key:
            return key_node, value
    return None


def _with_value(data: Mapping[str, Any], edit: Edit) -> dict[str, Any]:
    changed: dict[str, Any] = copy.deepcopy(dict(data))
    section = changed
    for key in edit.path[:-1]:
        below = section.get(key)
        if not isinstance(below, dict):
            below = section[key] = {}
        section = below
    section[edit.path[-1]] = edit.value
    return changed


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@contextlib.contextmanager
def _beside(target: FilePath, text: str) -> Iterator[FilePath]:
    """A file with this text, durable, of the target's mode and owner; it is gone afterwards."""
    was = target.stat()
    with target.open("rb") as stream:
        marked = stream.read(3) == b"\xef\xbb\xbf"
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(text.encode("utf-8-sig" if marked else "utf-8"))
            stream.flush()
            os.fsync(stream.fileno())
            with contextlib.suppress(PermissionError):
                os.fchown(stream.fileno(), was.st_uid, was.st_gid)
            os.fchmod(stream.fileno(), was.st_mode & 0o7777)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _flush_folder(folder: FilePath) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fault(where: str, found: str, expected: str) -> ConfigurationError:
    return ConfigurationError([Fault(where, found, expected)])
