"""The template language of a field's ``value``: compiled once at load, evaluated for each item (step 2).

::

    template  = { text | "{" reference "}" | "{{" reference "}}" }
    reference = [ blanks ] name { "." ( name | index ) } [ blanks ]
    name      = letters of any script, digits, "_" and "-"

``{field}`` alone keeps the type of the value; ``{{field}}``, and any reference beside text, is text. What
an item lacks is empty. Braces are never text: a literal brace cannot be written, full-width braces are
refused as slips of an input method. So is whatever the source platform knows and this version does not
(``|filter``, ``_function``, its variables): template text is never sent as if it were a value. The grammar
follows published 轻易云 documents, not a specification of the vendor.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from xmsyncd.errors import Fault, XmsyncdError
from xmsyncd.transform.value_types import shortened, text_of

Lookup = Mapping[str, Any]
"""The values of an item by the names of its fields (only roots of references are looked up)."""

_NAME = re.compile(r"[\w-]+")
_BLANKS = re.compile(r"\s*")
_BRACE = re.compile(r"[{}｛｝]")
_INDEX = re.compile(r"\d{1,9}", re.ASCII)
_PREFIX = re.compile(r"\s*(_(?:function|findCollection|mongoQuery|endFind))(?!\w)", re.IGNORECASE)
_VARIABLE = re.compile(r"LAST_SYNC_TIME|CURRENT_TIME|DAYS_AGO_.*|PAGINATION_.*")

_EXPECTED_NAME = 'the name of a field, as in "{name}"'


class TemplateError(XmsyncdError):
    """A template that cannot be compiled: ``position`` counts characters from 0, messages count from 1."""

    def __init__(self, position: int, found: str, expected: str) -> None:
        self.position = position
        self.found = found
        self.expected = expected
        super().__init__(f"at character {position + 1}: found {found}; expected {expected}")

    def fault(self, where: str) -> Fault:
        """The same as a fault of the configuration, ``where`` naming the setting."""
        return Fault(f"{where}, character {self.position + 1}", self.found, self.expected)


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference: its dotted path, whether it stands in double braces, and where its brace opens."""

    path: tuple[str, ...]
    as_text: bool
    position: int

    @property
    def root(self) -> str:
        """The field of the item that the path starts from."""
        return self.path[0]

    def __str__(self) -> str:
        path = ".".join(self.path)
        return "{{" + path + "}}" if self.as_text else "{" + path + "}"


Part = str | Reference


class Template:
    """A compiled template; immutable, without state of its own, cheap to evaluate."""

    __slots__ = ("_evaluate", "_resolvers", "parts", "references", "text")

    def __init__(self, text: str, parts: tuple[Part, ...]) -> None:
        self.text = text
        self.parts = parts
        self.references = tuple(part for part in parts if isinstance(part, Reference))
        self._resolvers = tuple((str(reference), _resolver(reference.path)) for reference in self.references)
        self._evaluate = _compiled(parts)

    def __repr__(self) -> str:
        return f"Template({self.text!r})"

    @property
    def roots(self) -> frozenset[str]:
        """The fields of an item that the template looks at."""
        return frozenset(reference.root for reference in self.references)

    def evaluate(self, lookup: Lookup) -> Any:
        """The value for one item, "" where there is none. Raises UnwritableError."""
        return self._evaluate(lookup)

    def inputs(self, lookup: Lookup) -> dict[str, Any]:
        """What each reference finds, by the reference as written without blanks; ``None`` where nothing."""
        return {written: resolve(lookup) for written, resolve in self._resolvers}


def compile_template(text: str) -> Template:
    """Raises TemplateError for the first thing that is not understood."""
    prefix = _PREFIX.match(text)
    if prefix:
        raise TemplateError(
            prefix.start(1), shortened(prefix[1]), "text and references (expressions come in a later version)"
        )
    parts: list[Part] = []
    position = 0
    while brace := _BRACE.search(text, position):
        if brace.start() > position:
            parts.append(text[position : brace.start()])
        reference, position = _reference_at(text, brace.start())
        parts.append(reference)
    if position < len(text):
        parts.append(text[position:])
    return Template(text, tuple(parts))


def _reference_at(text: str, start: int) -> tuple[Reference, int]:
    """The reference whose brace stands at ``start``, and the position after it."""
    opening = "{{" if text.startswith("{{", start) else text[start]
    if opening == "}":
        raise TemplateError(start, '"}"', 'a "{" before it (a brace cannot be plain text)')
    if opening in "｛｝":
        raise TemplateError(start, f'the full-width brace "{opening}"', 'an ordinary brace, "{" or "}"')
    closing = "}" * len(opening)
    if text.find(closing, start) < 0:
        raise TemplateError(start, shortened(text[start:]), f'"{closing}" to close "{opening}"')
    path: list[str] = []
    position = start + len(opening)
    while True:
        position, name = _name_at(text, position, closing, first=not path)
        path.append(name)
        if not text.startswith(".", position):
            break
        position += 1
    position = _after_blanks(text, position)
    if not text.startswith(closing, position):
        raise _unexpected(text, position, closing)
    return Reference(tuple(path), len(opening) == 2, start), position + len(closing)


def _name_at(text: str, position: int, closing: str, *, first: bool) -> tuple[int, str]:
    """One segment of a path, and the position after it; blanks are tolerated before the first one only."""
    at = _after_blanks(text, position) if first else position
    name = _NAME.match(text, at)
    if name is None:
        if first and text.startswith(closing, at):
            raise TemplateError(position, "an empty reference", _EXPECTED_NAME)
        expected = _EXPECTED_NAME if first else 'a name or an index after the "."'
        raise TemplateError(at, _found_at(text, at), expected)
    if first and _VARIABLE.fullmatch(name[0]):
        expected = "a field of the item (the platform's variables come in a later version)"
        raise TemplateError(at, f"the variable {name[0]}", expected)
    return name.end(), name[0]


def _unexpected(text: str, position: int, closing: str) -> TemplateError:
    if text.startswith("|", position):
        end = text.find(closing, position)
        found = "the filter " + shortened(text[position : end if end > 0 else len(text)])
        return TemplateError(position, found, f'"{closing}" (filters come in a later version)')
    if text.startswith("[", position):
        return TemplateError(position, '"["', 'an index after a dot, as in "{images.0}"')
    return TemplateError(position, _found_at(text, position), f'"{closing}"')


def _found_at(text: str, position: int) -> str:
    return shortened(text[position]) if position < len(text) else "the end"


def _after_blanks(text: str, position: int) -> int:
    blanks = _BLANKS.match(text, position)
    return blanks.end() if blanks else position


def _compiled(parts: tuple[Part, ...]) -> Callable[[Lookup], Any]:
    match parts:
        case ():
            return lambda _lookup: ""
        case (str() as literal,):
            return lambda _lookup: literal
        case (Reference(as_text=False) as reference,):
            return _typed(_resolver(reference.path))
        case (Reference() as reference,):
            return _rendered(_resolver(reference.path))
        case _:
            return _joined(parts)


def _typed(resolve: Callable[[Lookup], Any]) -> Callable[[Lookup], Any]:
    def evaluate(lookup: Lookup) -> Any:
        value = resolve(lookup)
        return "" if value is None else value

    return evaluate


def _rendered(resolve: Callable[[Lookup], Any]) -> Callable[[Lookup], Any]:
    return lambda lookup: text_of(resolve(lookup))


def _joined(parts: tuple[Part, ...]) -> Callable[[Lookup], Any]:
    pieces: list[str | Callable[[Lookup], Any]] = [
        part if isinstance(part, str) else _resolver(part.path) for part in parts
    ]
    return lambda lookup: "".join(
        [piece if isinstance(piece, str) else text_of(piece(lookup)) for piece in pieces]
    )


def _resolver(path: tuple[str, ...]) -> Callable[[Lookup], Any]:
    """The function that walks the path; ``None`` where there is nothing."""
    root = path[0]
    steps = tuple((name, int(name) if _INDEX.fullmatch(name) else None) for name in path[1:])

    def root_of(lookup: Lookup) -> Any:
        return lookup.get(root)

    def walk(lookup: Lookup) -> Any:
        value = lookup.get(root)
        for name, index in steps:
            if isinstance(value, Mapping):
                value = value.get(name)
            elif index is not None and isinstance(value, (list, tuple)) and index < len(value):
                value = value[index]
            else:
                return None
        return value

    return walk if steps else root_of
