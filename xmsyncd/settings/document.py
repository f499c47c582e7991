"""The configuration file: YAML 1.2 in which JSON counts as it is, with the line of every key.

A tree of YAML nodes is walked here instead of by ruamel's constructor, because faults are to name their
line, all repeated keys at once, and numbers as they were typed (``0123``). No text of the file enters a
message: what cannot be read may be a secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.settings.pasted import indent_pasted_json
from xmsyncd.settings.schema import Path, path_text, shown_key

_TAG = "tag:yaml.org,2002:"
LARGEST = 2 * 1024 * 1024
"""Bytes of a YAML file: it is read slowly, and what is far larger than any of its kind looks like a hang."""

_SPARE_VALUES = 100_000
"""A text has fewer values than characters; aliases may add so many before they are taken for a bomb."""
_HOW_TO_BEGIN = (
    "a configuration file: copy deploy/xmsyncd.example.yaml to xmsyncd.yaml and fill it in, "
    "or name yours with --config FILE or XMSYNCD_CONFIG"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: its line, counted from 1, and a number as it was typed."""

    line: int
    typed: str | None = None


@dataclass(slots=True)
class Document:
    """The parsed file. ``faults`` are those that leave the rest readable (repeated keys, odd tags)."""

    name: str
    data: dict[str, Any] = field(default_factory=dict)
    places: dict[Path, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def line_of(self, path: Path) -> int | None:
        """The line of a path, or of the nearest level above it that stands in the file."""
        for length in range(len(path), 0, -1):
            if place := self.places.get(path[:length]):
                return place.line
        return None

    def where(self, path: Path, last: str | None = None) -> str:
        """``pipelines.products.target.key (xmsyncd.yaml, line 41)``; ``last`` is shown as the last key."""
        line = self.line_of(path)
        text = _shown(path if last is None else (*path[:-1], last))
        return f"{text} ({self.name}, line {line})" if line else f"{text} ({self.name})"


def read_document(path: FilePath) -> Document:
    """Read and parse the file; raises :class:`ConfigurationError` where it cannot be parsed at all."""
    return parse_document(read_text(path), path.name)


def read_text(path: FilePath) -> str:
    """The file's text, line ends as they are, no byte order mark; raises :class:`ConfigurationError`."""
    try:
        with path.open("rb") as file:
            body = file.read(LARGEST + 1)
        if len(body) > LARGEST:
            raise too_large(
                str(path), LARGEST, "a configuration; large look-up tables stand in files of their own"
            )
        return body.decode("utf-8-sig")
    except FileNotFoundError:
        raise _fault(str(path), "no such file", _HOW_TO_BEGIN) from None
    except IsADirectoryError:
        raise _fault(str(path), "a directory", _HOW_TO_BEGIN) from None
    except OSError as error:
        raise _fault(str(path), f"a file that cannot be read ({error.strerror})", "a readable file") from None
    except UnicodeDecodeError:
        raise _fault(str(path), "a file that is not UTF-8", "a text file in UTF-8") from None


def too_large(where: str, most: int, expected: str) -> ConfigurationError:
    """The fault of a file of more bytes than ``most``."""
    return _fault(where, f"a file of more than {most // 1024 // 1024} MiB", expected)


def parse_document(text: str, name: str) -> Document:
    """JSON first, then YAML 1.2, then YAML with pasted JSON indented anew (tabs and margins may be wrong).

    Raises :class:`ConfigurationError` for text that is neither.
    """
    document = Document(name)
    try:
        is_json, data = True, json.loads(text)
    except ValueError:
        is_json, data = False, None
    except RecursionError:
        raise _fault(name, "sections nested far too deeply", "the sections of the example") from None
    try:
        _, root = compose_text(text)
        built = _Builder(document, len(text) + _SPARE_VALUES).build(root, ()) if root is not None else None
    except YAMLError as error:
        if not is_json:
            raise ConfigurationError([_syntax_fault(error, name)]) from None
    except RecursionError:
        raise _fault(name, "sections nested far too deeply", "the sections of the example") from None
    else:
        data = _in_whole_characters(data) if is_json else built
    if data is None:
        raise _fault(name, "an empty file", _HOW_TO_BEGIN)
    if not isinstance(data, dict):
        found = "a list" if isinstance(data, list) else "a single value"
        raise _fault(name, found, "a file with the sections okki, dingtalk and pipelines")
    document.data = data
    return document


def compose_text(text: str) -> tuple[str, Node | None]:
    """The tree of nodes, and the text in which their marks count: the given one, or the one with its pasted
    JSON indented anew. Raises ``YAMLError``.
    """
    try:
        return text, _yaml().compose(text)
    except YAMLError:
        indented = indent_pasted_json(text)
        if indented == text:
            raise
    return indented, _yaml().compose(indented)


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False  # YAML 1.2 lets a name be given anew
    return yaml


class _Builder:
    """Turns nodes into plain values and notes where each stands."""

    def __init__(self, document: Document, most_values: int) -> None:
        self._document = document
        self._values_left = most_values
        self._open: set[int] = set()  # mappings and lists being built: an alias to one of them is a circle

    def build(self, node: Node, path: Path) -> Any:
        self._values_left -= 1
        if self._values_left < 0:
            where = f"{self._document.name}, line {node.start_mark.line + 1}"
            raise _fault(
                where, "aliases of aliases that grow without end", "an alias where some lines repeat"
            )
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._open:
            self._blame(node, path, "an alias to the section it stands in", "no circles")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                return [self._entry(entry, (*path, i)) for i, entry in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self._open.discard(id(node))

    def _entry(self, node: Node, path: Path) -> Any:
        self._note(node, node, path)
        return self.build(node, path)

    def _mapping(self, node: Node, path: Path) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in self._pairs(node, path):
            if key_node.tag == f"{_TAG}merge":
                for source in value_node.value if isinstance(value_node, SequenceNode) else [value_node]:
                    built = self.build(source, path)
                    if isinstance(built, dict):
                        merged = built | merged
                    else:
                        self._blame(key_node, path, "<< with something that is no mapping", "<<: *name")
                continue
            key = _whole_characters(key_node.value)
            if key in own:
                self._blame(key_node, (*path, key), "the same key twice", "each key once")
            self._note(key_node, value_node, (*path, key))
            own[key] = self.build(value_node, (*path, key))
        return merged | own

    def _pairs(self, node: Node, path: Path) -> Iterator[tuple[ScalarNode, Node]]:
        assert isinstance(node, MappingNode)  # noqa: S101 - the third kind of node; tells the type checker
        for key_node, value_node in node.value:
            if isinstance(key_node, ScalarNode):
                yield key_node, value_node
            else:
                self._blame(key_node, path, "a list or mapping as a key", "a name as a key")

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        kind = str(node.tag).removeprefix(_TAG)
        text: str = node.value
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind in ("int", "float"):
            try:
                return _number(kind, text)
            except ValueError:  # thousands of digits, or a tag that lies
                self._blame(node, path, "a number that cannot be read", "a number, or quotes around a text")
                return None
        if kind not in ("str", "timestamp", "value"):
            self._blame(node, path, "a YAML tag (!…)", "a plain value")
        return _whole_characters(text)

    def _note(self, start: Node, value: Node, path: Path) -> None:
        is_number = isinstance(value, ScalarNode) and value.tag in (f"{_TAG}int", f"{_TAG}float")
        self._document.places[path] = Place(start.start_mark.line + 1, value.value if is_number else None)

    def _blame(self, node: Node, path: Path, found: str, expected: str) -> None:
        where = f"{self._document.name}, line {node.start_mark.line + 1}"
        if path:
            where = f"{_shown(path)} ({where})"
        self._document.faults.append(Fault(where, found, expected))


def _shown(path: Path) -> str:
    return path_text(tuple(key if isinstance(key, int) else shown_key(key) for key in path))


def _number(kind: str, text: str) -> int | float:
    plain = text.replace("_", "")
    if kind == "int":
        return int(plain, 0 if re.match(r"[-+]?0[xob]", text) else 10)
    return float(plain.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _whole_characters(text: str) -> str:
    """Join the halves of characters that JSON writes as two ``\\u`` escapes, which YAML keeps apart."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _in_whole_characters(value: Any) -> Any:
    """JSON in which no text holds half a character, which nothing could write."""
    if isinstance(value, str):
        return _whole_characters(value)
    if isinstance(value, list):
        return [_in_whole_characters(one) for one in value]
    if isinstance(value, dict):
        return {_whole_characters(name): _in_whole_characters(one) for name, one in value.items()}
    return value


_SENTENCES: tuple[tuple[str, str, str], ...] = (
    (
        r"found character '\\t'",
        "a tab where YAML wants spaces",
        "spaces for indentation (tabs may stand only inside pasted JSON)",
    ),
    (
        r"mapping values are not allowed",
        "a colon that does not fit here",
        "the keys of a section at one indentation, and quotes around a text that holds a colon",
    ),
    (r"could not find expected ':'", "a line that is no key: value", "key: value"),
    (
        r"expected <block end>",
        "a line that does not fit the ones above it",
        "the indentation of its neighbours",
    ),
    (
        r"expected ',' or '[\]}]'",
        "a bracket that is not closed, or a comma that is missing",
        "[a, b] or {a: 1}",
    ),
    (r"unexpected end of stream", "a quote that is never closed", "a closing quote"),
    (r"unknown escape", "a backslash inside double quotes", "single quotes around a text with backslashes"),
    (r"found undefined alias", "a text that begins with *", "quotes around a text that begins with *"),
    (
        r"that cannot start any token",
        "a text that begins with a special character",
        "quotes around that text",
    ),
    (r"but found another document", "a second document (---)", "one document"),
)


def _syntax_fault(error: YAMLError, name: str) -> Fault:
    if isinstance(error, ReaderError):
        return Fault(name, "a control character", "readable text")
    if isinstance(error, MarkedYAMLError):
        problem = str(error.problem or "")
        began_before = "end of stream" in problem or "could not find expected" in problem
        mark = (error.context_mark if began_before else error.problem_mark) or error.problem_mark
        where = f"{name}, line {mark.line + 1}" if mark else name
        for pattern, found, expected in _SENTENCES:
            if re.search(pattern, problem):
                return Fault(where, found, expected)
        return Fault(where, "something that YAML does not allow here", "YAML 1.2 or JSON")
    return Fault(name, "a file that is neither YAML nor JSON", "YAML 1.2 or JSON")


def _fault(where: str, found: str, expected: str) -> ConfigurationError:
    return ConfigurationError([Fault(where, found, expected)])
