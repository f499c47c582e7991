"""The filters of one reference as they are written: name, arguments, and where a wrong one fails (step 2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from xmsyncd.nearest import nearest
from xmsyncd.transform.filter import Filter, Kind, Parameter
from xmsyncd.transform.filters import FILTERS
from xmsyncd.transform.paths import path_of
from xmsyncd.transform.platform_words import refuse_in_quotes
from xmsyncd.transform.tables import Tables
from xmsyncd.transform.template_places import TemplateError, after_blanks, found_at, slip_at
from xmsyncd.transform.value_types import shortened

_NAME = re.compile(r"[\w-]+")
_WORD = re.compile(r"[\w.+-]+")
_NUMBER = re.compile(r"[+-]?(?:\d{1,15}(?:\.\d{1,15})?|\.\d{1,15})", re.ASCII)
_QUOTED: Final = {
    quote: re.compile(rf"{quote}((?:[^{quote}\\]|\\.)*+){quote}", re.DOTALL) for quote in ("'", '"')
}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "\\": "\\", "'": "'", '"': '"'}


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


def _written(argument: Any) -> str:
    if not isinstance(argument, str):
        return str(argument)
    text = argument.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t")
    return f"'{text}'"


def filter_at(text: str, position: int, tables: Tables) -> tuple[FilterCall, int]:
    """The filter whose name stands at ``position``, and the place after it. Raises TemplateError."""
    name = _NAME.match(text, position)
    if name is None:
        expected = 'the name of a filter after the "|"'
        raise slip_at(text, position) or TemplateError(position, found_at(text, position), expected)
    known = FILTERS.get(name[0].lower())
    if known is None:
        found = f"the filter {shortened(name[0])[1:-1]}"
        expected = "a filter of docs/language.md" + nearest(name[0], FILTERS)
        raise TemplateError(position, found, expected)
    at = after_blanks(text, name.end())
    arguments: list[Any] = []
    if text.startswith("(", at):
        arguments, at = _arguments_at(text, at, known, tables)
    else:
        at = name.end()
    if len(arguments) < known.required:
        if slip := slip_at(text, at if arguments else after_blanks(text, at)):
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
    at = after_blanks(text, position + 1)
    if text.startswith(")", at):
        return arguments, at + 1
    while True:
        if len(arguments) == len(known.parameters):
            expected = f'")": {known.usage}' if arguments else f"{known.usage}, without arguments"
            raise TemplateError(at, found_at(text, at), expected)
        argument, after = _argument_at(text, at)
        _check(known, known.parameters[len(arguments)], argument, at, tables)
        arguments.append(argument)
        at = after_blanks(text, after)
        if text.startswith(")", at):
            return arguments, at + 1
        if not text.startswith(",", at):
            raise slip_at(text, at) or TemplateError(at, found_at(text, at), '"," or ")"')
        at = after_blanks(text, at + 1)


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
        raise slip_at(text, position) or TemplateError(position, found_at(text, position), expected)
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
    if isinstance(argument, str) and parameter.kind in (Kind.TEXT, Kind.VALUE):
        refuse_in_quotes(argument, position)
