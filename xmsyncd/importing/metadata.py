"""The two metadata documents of a scheme as data: which is the source, which the target, and their entries.

By published documents, not by a specification of the vendor: ``effect`` in newer ones is ``type`` in older
ones, children stand nested or flat with a ``parent``, and entries without a ``field`` are left-overs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from enum import StrEnum
from typing import Any, Final

from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.importing.findings import Findings
from xmsyncd.settings.document import Document
from xmsyncd.settings.resources import RESOURCES
from xmsyncd.settings.schema import Path
from xmsyncd.settings.values import quoted

_KNOWN_ENTRY_KEYS: Final = frozenset(
    {
        *("field", "label", "type", "describe", "value", "is_required", "parent", "children", "id"),
        *("default", "parser", "mapping", "format"),
    }
)
_DEEPEST: Final = 20


class Side(StrEnum):
    """The two halves of a scheme."""

    SOURCE = "source"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of ``request`` and its like. ``value`` is text, as the platform keeps even numbers."""

    path: Path
    where: str
    field: str
    label: str = ""
    type: str = ""
    value: str = ""
    is_structured: bool = False
    """Whether a list or an object stands where the text of a value belongs."""
    is_required: bool = False
    id: str = ""
    parent: str = ""
    extras: Mapping[str, Any] = dataclass_field(default_factory=dict)
    """``parser``, ``mapping``, ``format`` and ``default``, where they are not empty."""
    children: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Metadata:
    """One document, with the name of its file in every place."""

    document: Document
    side: Side

    @property
    def data(self) -> Mapping[str, Any]:
        """Its top level."""
        return self.document.data

    @property
    def api(self) -> str:
        """The path of its API as it stands there."""
        return text_of_value(self.data.get("api"))

    def where(self, *path: str | int) -> str:
        """``request[2].value (source.json, line 9)``"""
        return self.document.where(path)

    def entries(self, key: str, findings: Findings) -> tuple[Entry, ...]:
        """The entries under a key, children in their parents, those without a ``field`` left out."""
        return self.entries_at((key,), findings)

    def entries_at(self, path: Path, findings: Findings) -> tuple[Entry, ...]:
        """The same for a list that stands deeper."""
        listed: Any = self.data
        for key in path:
            listed = listed.get(key) if isinstance(listed, Mapping) else None
        if listed is None or listed == "":
            return ()
        if not isinstance(listed, list):
            findings.refused(self.where(*path), _kind_of(listed), "a list of entries {field, value, …}")
            return ()
        read = [*self._entries(path, listed, findings)]
        return _nested(read, findings)

    def _entries(self, path: Path, listed: list[Any], findings: Findings) -> Iterator[Entry]:
        for position, one in enumerate(listed):
            here = (*path, position)
            if isinstance(one, Mapping):
                entry = self._entry(here, one, findings)
                if entry.field:
                    yield entry
                elif entry.value or entry.children or entry.is_structured:
                    findings.refused(entry.where, "a value without a field", "the field, or no entry")
            elif one is not None:
                findings.refused(self.where(*here), _kind_of(one), "an entry {field, value, …}")

    def _entry(self, path: Path, one: Mapping[str, Any], findings: Findings) -> Entry:
        value = one.get("value")
        below = one.get("children")
        children: tuple[Entry, ...] = ()
        if isinstance(below, list):
            children = tuple(self._entries((*path, "children"), below, findings))
        elif below not in (None, ""):
            findings.refused(self.where(*path, "children"), _kind_of(below), "a list of entries")
        typed = self.document.places.get((*path, "value"))
        text = typed.typed if typed is not None and typed.typed is not None else text_of_value(value)
        return Entry(
            path=path,
            where=self._where_entry(path, one),
            field=text_of_value(one.get("field")).strip(),
            label=text_of_value(one.get("label")),
            type=text_of_value(one.get("type")),
            value=text,
            is_structured=isinstance(value, list | dict) and bool(value),
            is_required=text_of_value(one.get("is_required")).strip().lower() in ("true", "1"),
            id=text_of_value(one.get("id")),
            parent=text_of_value(one.get("parent")),
            extras={
                key: one[key]
                for key in ("parser", "mapping", "format", "default")
                if one.get(key) not in (None, "", [], {})
            },
            children=children,
        )

    def _where_entry(self, path: Path, one: Mapping[str, Any]) -> str:
        """By its field rather than by its number: that is how people know it."""
        name = text_of_value(one.get("field")).strip()
        line = self.document.line_of(path)
        above = ".".join(str(key) for key in path if isinstance(key, str))
        return f"{above} {quoted(name, 40)} ({self.document.name}, line {line})"

    def unknown_keys(self, known: frozenset[str]) -> list[str]:
        """Keys that neither the platform's published documents nor its manual explain."""
        found = [key for key in self.data if key not in known]
        for key in ("request", "otherRequest"):
            listed = self.data.get(key)
            for one in listed if isinstance(listed, list) else ():
                found += (
                    [name for name in one if name not in _KNOWN_ENTRY_KEYS] if isinstance(one, dict) else []
                )
        return sorted({quoted(name, 40) for name in found})


def text_of_value(value: Any) -> str:
    """A value as text: nothing for null, lists and objects."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return str(value)
        case _:
            return ""


def told_apart(first: Document, second: Document) -> tuple[Metadata, Metadata]:
    """(source, target), in whatever order they were given. Raises ``ConfigurationError``."""
    sides = [_side_of(first), _side_of(second)]
    if sides[0] is None and sides[1] is None:
        sides = [Side.SOURCE, Side.TARGET]  # the order of the command line is all there is
    if sides[0] is None:
        sides[0] = Side.SOURCE if sides[1] is Side.TARGET else Side.TARGET
    if sides[1] is None:
        sides[1] = Side.SOURCE if sides[0] is Side.TARGET else Side.TARGET
    if sides[0] is sides[1]:
        found = f"two {sides[0]} documents"
        expected = "one source document (effect QUERY) and one target document (effect EXECUTE)"
        raise ConfigurationError([Fault(f"{first.name} and {second.name}", found, expected)])
    documents = (first, second) if sides[0] is Side.SOURCE else (second, first)
    return Metadata(documents[0], Side.SOURCE), Metadata(documents[1], Side.TARGET)


def _side_of(document: Document) -> Side | None:
    """By ``effect`` or ``type``, else by a known API, else by the method."""
    data = document.data
    for key in ("effect", "type"):
        match text_of_value(data.get(key)).strip().upper():
            case "QUERY":
                return Side.SOURCE
            case "EXECUTE":
                return Side.TARGET
    api = path_of_api(text_of_value(data.get("api"))).lower()
    if any(api == resource.path.lower() for resource in RESOURCES.values()):
        return Side.SOURCE
    if api.endswith("/start") or "/yida/" in api:
        return Side.TARGET
    match text_of_value(data.get("method")).strip().upper():
        case "GET":
            return Side.SOURCE
        case "POST" | "PUT":
            return Side.TARGET
    return None


def path_of_api(api: str) -> str:
    """``/v1.0/yida/…`` of what stands with or without a host, a leading slash or a query."""
    path = api.strip().split("?")[0].split("#")[0]
    if "://" in path:
        path = "/" + path.split("://", 1)[1].partition("/")[2]
    return "/" + path.strip("/")


def _nested(entries: Sequence[Entry], findings: Findings) -> tuple[Entry, ...]:
    """Entries with a ``parent`` go into that entry, found by its id or field; one of nobody is a root."""
    first: dict[str, int] = {}
    for number, entry in enumerate(entries):
        for name in filter(None, (entry.id, entry.field)):
            first.setdefault(name, number)
    below: dict[int | None, list[int]] = {}
    for number, entry in enumerate(entries):
        below.setdefault(first.get(entry.parent) if entry.parent else None, []).append(number)
    placed: set[int] = set()

    def built(number: int, depth: int) -> Entry:
        placed.add(number)
        inner = below.get(number, ()) if depth < _DEEPEST else ()
        entry = entries[number]
        return replace(entry, children=(*entry.children, *(built(one, depth + 1) for one in inner)))

    roots = tuple(built(number, 0) for number in below.get(None, ()))
    for number in sorted(set(range(len(entries))) - placed):
        entry = entries[number]
        findings.refused(entry.where, f"the parent {quoted(entry.parent)}", "a parent that is no circle")
    return roots


def _kind_of(value: Any) -> str:
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case _:
            return "a single value"
