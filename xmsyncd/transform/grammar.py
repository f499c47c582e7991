"""The template language of a field's ``value``: compiled once at load, evaluated for each item (step 2).

::

    template = { text | reference } | "_function " expression

``{field}`` alone keeps the type of the value, or the one its last filter gives; ``{{field}}``, and any
reference beside text, is text. What an item lacks is empty. Braces are never text outside quotes: a literal
brace cannot be written, full-width braces are refused as slips of an input method. So is whatever the source
platform knows and this version does not (its look-ups in other schemes): template text is never sent as if it
were a value. The grammar follows published 轻易云 documents, not a specification of the vendor.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from xmsyncd.transform.bounds import MAX_REFERENCES, MAX_RESULT_LENGTH, MAX_TEMPLATE_LENGTH
from xmsyncd.transform.expressions import Expression, compile_expression
from xmsyncd.transform.platform_words import expression_begins, refuse_in_text
from xmsyncd.transform.references import Lookup, Reference, Resolve, TemplateError, reference_at
from xmsyncd.transform.tables import NO_TABLES, Tables
from xmsyncd.transform.value_types import EvaluationError, text_of

__all__ = ["Lookup", "Reference", "Template", "TemplateError", "compile_template", "reference_at"]

_BRACE = re.compile(r"[{}｛｝]")


Part = str | Reference


class Template:
    """A compiled template; immutable, without state of its own, cheap to evaluate."""

    __slots__ = (
        "_raw",
        "_values",
        "evaluate",
        "expression",
        "parts",
        "references",
        "roots",
        "text",
        "variables",
    )

    def __init__(self, text: str, parts: tuple[Part, ...], expression: Expression | None = None) -> None:
        self.text = text
        self.parts = parts
        self.expression = expression
        self.references = tuple(part for part in parts if isinstance(part, Reference))
        if expression is None:
            self.roots = frozenset(one.root for one in self.references if not one.is_variable)
            """The fields of an item and derived names that the template looks at."""
            self.variables = frozenset(one.root for one in self.references if one.is_variable)
            """The times of the cycle that it looks at, by their names as written."""
        else:
            self.roots = expression.roots
            self.variables = expression.variables
        self._raw = tuple((str(reference), reference.raw()) for reference in self.references)
        self._values = tuple(reference.compiled() for reference in self.references)
        self.evaluate: Resolve = _compiled(parts) if expression is None else _typed(expression.evaluate)
        """The value for one item, "" where there is none. Raises EvaluationError."""

    def __repr__(self) -> str:
        return f"Template({self.text!r})"

    def inputs(self, lookup: Lookup) -> dict[str, Any]:
        """What each reference finds before its filters, by the reference as written without blanks.

        ``None`` where nothing is found, and for a time that is not known.
        """
        if self.expression is not None:
            return self.expression.inputs(lookup)
        return {written: _known(raw, lookup) for written, raw in self._raw}

    def values(self, lookup: Lookup) -> tuple[Any, ...]:
        """What the value is put together from: each reference after its filters, or the expression's result.

        Raises EvaluationError.
        """
        if self.expression is not None:
            return (self.evaluate(lookup),)
        return tuple(resolve(lookup) for resolve in self._values)


def _known(raw: Resolve, lookup: Lookup) -> Any:
    try:
        return raw(lookup)
    except EvaluationError:
        return None


def compile_template(text: str, tables: Tables = NO_TABLES) -> Template:
    """Raises TemplateError for the first thing that is not understood."""
    if len(text) > MAX_TEMPLATE_LENGTH:
        expected = f"at most {MAX_TEMPLATE_LENGTH} characters"
        raise TemplateError(MAX_TEMPLATE_LENGTH, f"{len(text)} characters", expected)
    start = expression_begins(text)
    if start is not None:
        return Template(text, (), compile_expression(text[start:], tables, offset=start))
    parts: list[Part] = []
    position = 0
    while brace := _BRACE.search(text, position):
        if brace.start() > position:
            parts.append(_literal(text, position, brace.start()))
        reference = reference_at(text, brace.start(), tables)
        parts.append(reference)
        position = reference.end
        if sum(isinstance(part, Reference) for part in parts) > MAX_REFERENCES:
            raise TemplateError(brace.start(), "one reference more", f"at most {MAX_REFERENCES} references")
    if position < len(text):
        parts.append(_literal(text, position, len(text)))
    return Template(text, tuple(parts))


def _literal(text: str, start: int, end: int) -> str:
    refuse_in_text(text, start, end)
    return text[start:end]


def _compiled(parts: tuple[Part, ...]) -> Callable[[Lookup], Any]:
    match parts:
        case ():
            return lambda _lookup: ""
        case (str() as literal,):
            return lambda _lookup: literal
        case (Reference(as_text=False) as reference,):
            return _typed(reference.compiled())
        case (Reference() as reference,):
            return _rendered(reference.compiled())
        case _:
            return _joined(parts)


def _typed(resolve: Resolve) -> Resolve:
    def evaluate(lookup: Lookup) -> Any:
        value = resolve(lookup)
        return "" if value is None else value

    return evaluate


def _rendered(resolve: Resolve) -> Resolve:
    return lambda lookup: text_of(resolve(lookup))


def _joined(parts: tuple[Part, ...]) -> Resolve:
    pieces: list[str | Resolve] = [part if isinstance(part, str) else part.compiled() for part in parts]

    def evaluate(lookup: Lookup) -> str:
        texts: list[str] = []
        length = 0
        for piece in pieces:
            text = piece if isinstance(piece, str) else text_of(piece(lookup))
            length += len(text)
            if length > MAX_RESULT_LENGTH:
                raise EvaluationError(f"a text of at most {MAX_RESULT_LENGTH} characters")
            texts.append(text)
        return "".join(texts)

    return evaluate
