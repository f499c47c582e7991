"""One reference of a template: where it leads, through which filters, where a wrong one fails (step 2).

::

    reference = "{" inside "}" | "{{" inside "}}"
    inside    = [ blanks ] path { [ blanks ] "|" [ blanks ] filter } [ blanks ]
    path      = name { "." ( name | index ) }
    filter    = name [ "(" [ argument { "," argument } ] ")" ]
    argument  = number | "'" text "'" | '"' text '"' | word

In quoted text ``\\n``, ``\\t``, ``\\\\``, ``\\'`` and ``\\"`` are escapes, braces and bars plain text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from xmsyncd.transform import variables
from xmsyncd.transform.bounds import MAX_FILTERS, MAX_PATH_LENGTH, MAX_RESULT_LENGTH
from xmsyncd.transform.filter_calls import FilterCall, filter_at
from xmsyncd.transform.paths import walker
from xmsyncd.transform.tables import NO_TABLES, Tables
from xmsyncd.transform.template_places import TemplateError, after_blanks, found_at, slip_at
from xmsyncd.transform.value_types import EvaluationError, shortened

__all__ = ["Lookup", "Reference", "Resolve", "TemplateError", "reference_at"]

Lookup = Mapping[str, Any]
"""The values of an item by the names of its fields (only roots of references are looked up)."""

Resolve = Callable[[Lookup], Any]
"""The value of a reference for one item, ``None`` or empty where there is none. Raises EvaluationError."""

_NAME = re.compile(r"[\w-]+")

_EXPECTED_NAME: Final = 'the name of a field, as in "{name}"'


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference: its dotted path, its filters, whether it stands in double braces, and its place.

    ``position`` is where its brace opens, ``end`` the place after the closing one.
    """

    path: tuple[str, ...]
    as_text: bool
    position: int
    end: int
    filters: tuple[FilterCall, ...] = ()

    @property
    def root(self) -> str:
        """The field of the item, or the variable, that the path starts from."""
        return self.path[0]

    @property
    def is_variable(self) -> bool:
        """Whether it is a time of the cycle, not a field."""
        return variables.is_variable(self.root)

    def raw(self) -> Resolve:
        """The function that finds what the path leads to, before any filter."""
        return variables.reader_of(self.root) if self.is_variable else walker(self.path)

    def compiled(self) -> Resolve:
        """The function that finds the value, filters applied; text is not yet made of it."""
        raw = self.raw()
        if not self.filters:
            return raw
        if len(self.filters) == 1:
            only = self.filters[0].apply
            return lambda lookup: _bounded(only(raw(lookup)))
        applied = tuple(call.apply for call in self.filters)

        def resolve(lookup: Lookup) -> Any:
            value = raw(lookup)
            for apply in applied:
                value = _bounded(apply(value))
            return value

        return resolve

    def __str__(self) -> str:
        inside = "|".join([".".join(self.path), *map(str, self.filters)])
        return "{{" + inside + "}}" if self.as_text else "{" + inside + "}"


def _bounded(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_RESULT_LENGTH:
        raise EvaluationError(f"a text of at most {MAX_RESULT_LENGTH} characters")
    return value


def reference_at(text: str, position: int, tables: Tables = NO_TABLES) -> Reference:
    """The reference whose brace stands at ``position``. Raises TemplateError."""
    opening = "{{" if text.startswith("{{", position) else text[position : position + 1]
    if opening == "}":
        raise TemplateError(position, '"}"', 'a "{" before it (a brace cannot be plain text)')
    if opening in ("｛", "｝"):
        expected = 'an ordinary brace, "{" or "}"'
        raise TemplateError(position, f'the full-width brace "{opening}"', expected)
    if opening not in ("{", "{{"):
        raise TemplateError(position, found_at(text, position), 'a reference, as in "{name}"')
    closing = "}" * len(opening)
    if text.find(closing, position) < 0:
        raise TemplateError(position, shortened(text[position:]), f'"{closing}" to close "{opening}"')
    path, at = _path_at(text, position + len(opening), closing)
    filters: list[FilterCall] = []
    at = after_blanks(text, at)
    while text.startswith("|", at):
        if len(filters) == MAX_FILTERS:
            raise TemplateError(at, "one filter more", f"at most {MAX_FILTERS} filters behind a reference")
        call, at = filter_at(text, after_blanks(text, at + 1), tables)
        filters.append(call)
        at = after_blanks(text, at)
    if not text.startswith(closing, at):
        raise _unexpected(text, at, closing)
    return Reference(path, len(opening) == 2, position, at + len(closing), tuple(filters))


def _path_at(text: str, position: int, closing: str) -> tuple[tuple[str, ...], int]:
    """The dotted path, and the position after it; blanks are tolerated before it only."""
    path: list[str] = []
    start = at = after_blanks(text, position)
    while True:
        name = _NAME.match(text, at)
        if name is None and not path and text.startswith(closing, at):
            raise TemplateError(position, "an empty reference", _EXPECTED_NAME)
        if name is None:
            expected = 'a name or an index after the "."' if path else _EXPECTED_NAME
            raise slip_at(text, at) or TemplateError(at, found_at(text, at), expected)
        if not path and (expected_instead := variables.refused(name[0])) is not None:
            raise TemplateError(at, f"the variable {shortened(name[0])[1:-1]}", expected_instead)
        if len(path) == MAX_PATH_LENGTH:
            raise TemplateError(at, "one name more", f"a path of at most {MAX_PATH_LENGTH} names")
        path.append(name[0])
        at = name.end()
        if not text.startswith(".", at):
            break
        at += 1
    if len(path) > 1 and variables.is_variable(path[0]):
        raise TemplateError(start + len(path[0]), '"."', f"nothing after the variable {path[0]}, or a filter")
    return tuple(path), at


def _unexpected(text: str, position: int, closing: str) -> TemplateError:
    if text.startswith("[", position):
        return TemplateError(position, '"["', 'an index after a dot, as in "{images.0}"')
    return slip_at(text, position) or TemplateError(position, found_at(text, position), f'"{closing}"')
