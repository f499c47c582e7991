"""What overrides the file: ``XMSYNCD_…`` environment variables, and secret files or lines of the same names.

``__`` stands between levels: ``XMSYNCD_PIPELINES__PRODUCTS__TARGET__SYSTEM_TOKEN``. Names of connections
and pipelines are matched with those of the file whatever their case, ``_`` also with ``-``; a name that
the file does not have makes an entry in lower case. An empty value counts as not set.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from xmsyncd.errors import Fault
from xmsyncd.nearest import nearest
from xmsyncd.settings.schema import Path, Shape, settings_under, shape_at
from xmsyncd.settings.secret_lines import beside, read_secret_lines

PREFIX = "XMSYNCD_"
SYSTEM_SECRETS = FilePath("/run/secrets")
_MAX_SECRET_BYTES = 64 * 1024
_OTHER_NAMES = re.compile(r"XMSYNCD_(CONFIG|TEST_\w*)")
_KUBERNETES_SERVICE = re.compile(
    r"XMSYNCD(_\w+)?_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)


class TreeSource(PydanticBaseSettingsSource):
    """A source of pydantic-settings that was read beforehand."""

    def __init__(self, settings_class: type[BaseSettings], tree: dict[str, Any]) -> None:
        super().__init__(settings_class)
        self._tree = tree

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._tree.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._tree


@dataclass(slots=True)
class Overrides:
    """What one kind of source sets: a tree like the file's, and who set what."""

    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[Path, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    unusable: set[Path] = field(default_factory=set)
    """Paths whose value has a fault already and is not in ``data``."""


def environment_name(path: Path) -> str | None:
    """The variable that sets a path; ``None`` where none can (entries of lists, names beyond ASCII)."""
    if any(isinstance(key, int) for key in path):
        return None
    name = PREFIX + "__".join(str(key).upper().replace("-", "_") for key in path)
    return name if re.fullmatch(r"\w+", name, re.ASCII) else None


def read_environment(
    root: type[BaseModel], environ: Mapping[str, str], named: Mapping[str, Any]
) -> Overrides:
    """The ``XMSYNCD_…`` variables; ``named`` is the file's tree, for the names that stand in it."""
    found: dict[str, tuple[str, str]] = {}
    for name in sorted(environ, reverse=True):  # lower case first: of two spellings the usual one wins
        upper, value = name.upper(), environ[name]
        if not upper.startswith(PREFIX) or _OTHER_NAMES.fullmatch(upper) or _is_kubernetes(upper, value):
            continue
        found[upper] = (f"environment {name}", value)
    return _overrides(root, found, named)


def read_secret_files(
    root: type[BaseModel], places: Sequence[FilePath], named: Mapping[str, Any]
) -> Overrides:
    """Of a folder, the files named like the variables, in either case; of a file, its lines.

    Of two places the later one wins.
    """
    found: dict[str, tuple[str, str]] = {}
    unreadable: list[Fault] = []
    for place in places:
        if place.is_file():
            lines, faults = read_secret_lines(place)
            unreadable += faults
            found.update({line.name.upper(): (line.where, line.value) for line in lines})
            continue
        for file in _files(place):
            upper, where = file.name.upper(), f"secret file {file}"
            try:
                found[upper] = (where, _read_secret(file))
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
                unreadable.append(
                    Fault(where, f"a file that cannot be read ({reason})", "a readable UTF-8 text file")
                )
    overrides = _overrides(root, found, named)
    overrides.faults[:0] = unreadable
    return overrides


def default_secret_places(configuration: FilePath, environ: Mapping[str, str]) -> list[FilePath]:
    """The file of secrets beside the configuration, Docker's folder and systemd's, weakest first."""
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    return [beside(configuration), SYSTEM_SECRETS, *([FilePath(credentials)] if credentials else [])]


def _files(folder: FilePath) -> list[FilePath]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    return [entry for entry in entries if entry.name.upper().startswith(PREFIX) and not entry.is_dir()]


def _read_secret(file: FilePath) -> str:
    with file.open("rb") as stream:
        content = stream.read(_MAX_SECRET_BYTES + 1)
    if len(content) > _MAX_SECRET_BYTES:
        raise OSError(0, f"more than {_MAX_SECRET_BYTES // 1024} KiB")
    return content.decode("utf-8-sig").rstrip("\r\n")


def _is_kubernetes(name: str, value: str) -> bool:
    """Kubernetes sets such variables in every pod beside a Service whose name begins with ``xmsyncd``."""
    if not _KUBERNETES_SERVICE.fullmatch(name):
        return False
    return "__" not in name and (
        not name.endswith("_PORT") or "://" in value or "_SERVICE_" in name or "_TCP_" in name
    )


def _overrides(
    root: type[BaseModel], found: Mapping[str, tuple[str, str]], named: Mapping[str, Any]
) -> Overrides:
    overrides = Overrides()
    located: list[tuple[Path, Shape, str, str]] = []
    for name, (where, value) in found.items():
        path = _path_of(root, name, named)
        shape = shape_at(root, path) if path else None
        if path is None or shape is None:
            known = known_names(root, named)
            by_flat = {entry.replace("__", "_"): entry for entry in known}
            near = nearest(name.replace("__", "_"), by_flat)
            for flat, entry in by_flat.items():
                near = near.replace(f" {flat})", f" {entry})")
            overrides.faults.append(Fault(where, "the name of no setting", f"the name of a setting{near}"))
        elif value != "":
            located.append((path, shape, where, value))
    for path, shape, where, value in sorted(located, key=lambda entry: len(entry[0])):  # the finer one wins
        try:
            parsed = _parsed(value, shape)
        except ValueError:
            overrides.faults.append(Fault(where, "text that is not JSON (not shown)", _json_example(shape)))
            overrides.unusable.add(path)
            continue
        _put(overrides.data, path, parsed)
        overrides.origins[path] = where
    return overrides


def _path_of(root: type[BaseModel], name: str, named: Mapping[str, Any]) -> Path | None:
    path: Path = ()
    shape: Shape | None = Shape(root)
    here: Any = named
    for part in name.removeprefix(PREFIX).split("__"):
        if shape is None or not part:
            return None
        key = part.lower()
        if shape.named is not None and isinstance(here, Mapping):
            key = next((str(entry) for entry in here if _same_name(str(entry), part)), key)
        path = (*path, key)
        shape = shape.child(key)
        here = here.get(key) if isinstance(here, Mapping) else None
    return path if shape is not None else None


def _same_name(one: str, other: str) -> bool:
    return one.casefold().replace("-", "_") == other.casefold().replace("-", "_")


def known_names(root: type[BaseModel], named: Mapping[str, Any]) -> list[str]:
    """Every variable that would be understood, with the names that stand in the file."""
    names: list[str] = []
    for path, _ in settings_under(root):
        if "[]" in path:
            path = path[: path.index("[]")]
        names += [name for full in _with_names(path, named) if (name := environment_name(full))]
    return sorted(set(names))


def _with_names(path: tuple[str, ...], named: Any) -> Iterable[tuple[str, ...]]:
    if not path:
        yield ()
        return
    entries = [path[0]]
    if path[0] == "<name>":
        entries = [str(name) for name in named] if isinstance(named, Mapping) and named else ["main"]
    for entry in entries:
        below = named.get(entry) if isinstance(named, Mapping) else None
        for rest in _with_names(path[1:], below):
            yield (entry, *rest)


def _parsed(value: str, shape: Shape) -> Any:
    """Sections, mappings and lists are JSON; anything else is text that the setting's type reads."""
    if shape.is_container:
        return json.loads(value)
    if shape.optional and value.strip().lower() == "null":
        return None
    return value


def _json_example(shape: Shape) -> str:
    return (
        'a JSON list, such as ["a", "b"]' if shape.item is not None else 'a JSON object, such as {"a": "b"}'
    )


def _put(tree: dict[str, Any], path: Path, value: Any) -> None:
    for key in path[:-1]:
        below = tree.get(str(key))
        if not isinstance(below, dict):
            below = tree[str(key)] = {}
        tree = below
    tree[str(path[-1])] = value
