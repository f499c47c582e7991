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
from dataclasses import dataclass, field
from typing import Any, Final

from xmsyncd.errors import Fault, XmsyncdError
from xmsyncd.nearest import nearest
from xmsyncd.transform import variables
from xmsyncd.transform.bounds import MAX_FILTERS, MAX_PATH_LENGTH, MAX_RESULT_LENGTH
from xmsyncd.transform.filters import FILTERS, Filter, Kind, Parameter
from xmsyncd.transform.paths import path_of, walker
from xmsyncd.transform.tables import NO_TABLES, Tables
from xmsyncd.transform.value_types import EvaluationError, shortened

Lookup = Mapping[str, Any]
"""The values of an item by the names of its fields (only roots of references are looked up)."""

Resolve = Callable[[Lookup], Any]
"""The value of a reference for one item, ``None`` or empty where there is none. Raises EvaluationError."""

_NAME = re.compile(r"[\w-]+")
_BLANKS = re.compile(r"\s*")
_WORD = re.compile(r"[\w.+-]+")
_NUMBER = re.compile(r"[+-]?(?:\d{1,15}(?:\.\d{1,15})?|\.\d{1,15})", re.ASCII)
_QUOTED: Final = {
    quote: re.compile(rf"{quote}((?:[^{quote}\\]|\\.)*+){quote}", re.DOTALL) for quote in ("'", '"')
}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
_FULL_WIDTH: Final = {"｛": "{", "｝": "}", "｜": "|", "（": "(", "）": ")", "，": ",", "．": ".", "。": "."}

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

    def moved(self, by: int) -> TemplateError:
        """The same in a text in which the compiled one begins ``by`` characters later."""
        return TemplateError(self.position + by, self.found, self.expected)


@dataclass(frozen=True, slots=True)
class FilterCall:
    """One filter of a reference, with what it was given as written."""

    name: str
    arguments: tuple[Any, ...]
    apply: Callable[[Any], Any] = field(repr=False, compare=False)

    def __str__(self) -> str:
        if not self.arguments:
            return self.name
        return f"{self.name}({', '.join(_written(argument) for argument in self.arguments)})"


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


def _written(argument: Any) -> str:
    if not isinstance(argument, str):
        return str(argument)
    text = argument.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t")
    return f"'{text}'"


def reference_at(text: str, position: int, tables: Tables = NO_TABLES) -> Reference:
    """The reference whose brace stands at ``position``. Raises TemplateError."""
    opening = "{{" if text.startswith("{{", position) else text[position : position + 1]
    if opening == "}":
        raise TemplateError(position, '"}"', 'a "{" before it (a brace cannot be plain text)')
    if opening in ("｛", "｝"):
        expected = 'an ordinary brace, "{" or "}"'
        raise TemplateError(position, f'the full-width brace "{opening}"', expected)
    if opening not in ("{", "{{"):
        raise TemplateError(position, _found_at(text, position), 'a reference, as in "{name}"')
    closing = "}" * len(opening)
    if text.find(closing, position) < 0:
        raise TemplateError(position, shortened(text[position:]), f'"{closing}" to close "{opening}"')
    path, at = _path_at(text, position + len(opening), closing)
    filters: list[FilterCall] = []
    at = _after_blanks(text, at)
    while text.startswith("|", at):
        if len(filters) == MAX_FILTERS:
            raise TemplateError(at, "one filter more", f"at most {MAX_FILTERS} filters behind a reference")
        call, at = _filter_at(text, _after_blanks(text, at + 1), closing, tables)
        filters.append(call)
        at = _after_blanks(text, at)
    if not text.startswith(closing, at):
        raise _unexpected(text, at, closing)
    return Reference(path, len(opening) == 2, position, at + len(closing), tuple(filters))


def _path_at(text: str, position: int, closing: str) -> tuple[tuple[str, ...], int]:
    """The dotted path, and the position after it; blanks are tolerated before it only."""
    path: list[str] = []
    start = at = _after_blanks(text, position)
    while True:
        name = _NAME.match(text, at)
        if name is None and not path and text.startswith(closing, at):
            raise TemplateError(position, "an empty reference", _EXPECTED_NAME)
        if name is None:
            expected = 'a name or an index after the "."' if path else _EXPECTED_NAME
            raise _slip(text, at) or TemplateError(at, _found_at(text, at), expected)
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


def _filter_at(text: str, position: int, closing: str, tables: Tables) -> tuple[FilterCall, int]:
    name = _NAME.match(text, position)
    if name is None:
        expected = 'the name of a filter after the "|"'
        raise _slip(text, position) or TemplateError(position, _found_at(text, position), expected)
    known = FILTERS.get(name[0].lower())
    if known is None:
        found = f"the filter {shortened(name[0])[1:-1]}"
        expected = "a filter of docs/language.md" + nearest(name[0], FILTERS)
        raise TemplateError(position, found, expected)
    at = _after_blanks(text, name.end())
    arguments: list[Any] = []
    if text.startswith("(", at):
        arguments, at = _arguments_at(text, at, known, tables)
    else:
        at = name.end()
    if len(arguments) < known.required:
        if slip := _slip(text, at if arguments else _after_blanks(text, at)):
            raise slip
        missing = known.parameters[len(arguments)]
        raise TemplateError(position, f"{known.name} without its {missing.name}", known.usage)
    return FilterCall(known.name, tuple(arguments), _built(known, arguments, tables)), at


def _built(known: Filter, arguments: list[Any], tables: Tables) -> Callable[[Any], Any]:
    given = [
        path_of(str(argument))
        if parameter.kind is Kind.PATH
        else tables[argument]
        if parameter.kind is Kind.TABLE
        else argument
        for parameter, argument in zip(known.parameters, arguments, strict=False)
    ]
    return known.build(*given)


def _arguments_at(text: str, position: int, known: Filter, tables: Tables) -> tuple[list[Any], int]:
    """What stands in the parentheses that open at ``position``, and the position after them."""
    arguments: list[Any] = []
    at = _after_blanks(text, position + 1)
    if text.startswith(")", at):
        return arguments, at + 1
    while True:
        if len(arguments) == len(known.parameters):
            expected = f'")": {known.usage}' if arguments else f"{known.usage}, without arguments"
            raise TemplateError(at, _found_at(text, at), expected)
        argument, after = _argument_at(text, at)
        _check(known, known.parameters[len(arguments)], argument, at, tables)
        arguments.append(argument)
        at = _after_blanks(text, after)
        if text.startswith(")", at):
            return arguments, at + 1
        if not text.startswith(",", at):
            raise _slip(text, at) or TemplateError(at, _found_at(text, at), '"," or ")"')
        at = _after_blanks(text, at + 1)


def _argument_at(text: str, position: int) -> tuple[Any, int]:
    quote = text[position : position + 1]
    if quote in _QUOTED:
        quoted = _QUOTED[quote].match(text, position)
        if quoted is None:
            raise TemplateError(position, shortened(text[position:]), f"{quote} to close the text")
        return _unescaped(quoted[1], position + 1), quoted.end()
    word = _WORD.match(text, position)
    if word is None:
        expected = "a number, a word or quoted text"
        raise _slip(text, position) or TemplateError(position, _found_at(text, position), expected)
    if _NUMBER.fullmatch(word[0]):
        return (float(word[0]) if "." in word[0] else int(word[0])), word.end()
    return {"true": True, "false": False}.get(word[0], word[0]), word.end()


def _unescaped(inside: str, start: int) -> str:
    def replaced(escape: re.Match[str]) -> str:
        try:
            return _ESCAPES[escape[1]]
        except KeyError:
            expected = "\\n, \\t, \\\\, \\' or \\\" (a backslash is written twice)"
            raise TemplateError(start + escape.start(), shortened(escape[0]), expected) from None

    return _ESCAPE.sub(replaced, inside) if "\\" in inside else inside


def _check(known: Filter, parameter: Parameter, argument: Any, position: int, tables: Tables) -> None:
    """Raise TemplateError at ``position`` unless the argument fits the parameter."""
    expected = parameter.unfit(argument)
    if expected is None and parameter.kind is Kind.TABLE and argument not in tables:
        expected = "a look-up table of this configuration" + nearest(argument, tables)
    if expected is not None:
        raise TemplateError(position, shortened(argument), f"{expected}: {known.usage}")


def _unexpected(text: str, position: int, closing: str) -> TemplateError:
    if text.startswith("[", position):
        return TemplateError(position, '"["', 'an index after a dot, as in "{images.0}"')
    return _slip(text, position) or TemplateError(position, _found_at(text, position), f'"{closing}"')


def _slip(text: str, position: int) -> TemplateError | None:
    """A full-width mark where an ordinary one belongs: a slip of the input method."""
    mark = text[position : position + 1]
    if mark not in _FULL_WIDTH or not mark:
        return None
    return TemplateError(position, f'the full-width "{mark}"', f'an ordinary "{_FULL_WIDTH[mark]}"')


def _found_at(text: str, position: int) -> str:
    return shortened(text[position]) if position < len(text) else "the end"


def _after_blanks(text: str, position: int) -> int:
    blanks = _BLANKS.match(text, position)
    return blanks.end() if blanks else position
