"""The tree of an expression becomes closures, node by node, over an allow-list (part of step 2).

Whatever is not on the list is a fault of the setting. At the end every part that was masked must have been
met: nothing that a person wrote is left out in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from sqlglot import exp

from xmsyncd.transform.expressions import arithmetic, conditions
from xmsyncd.transform.expressions.casts import TYPES, cast_to
from xmsyncd.transform.expressions.closures import (
    NOT_CONSTANT,
    Argument,
    Evaluate,
    closure_of,
    constantly,
)
from xmsyncd.transform.expressions.counts_as import NullError, number_in, written
from xmsyncd.transform.expressions.functions import ALIASES, FUNCTIONS
from xmsyncd.transform.expressions.like import escaped, pieces_of
from xmsyncd.transform.expressions.moments import Span, Unit, later
from xmsyncd.transform.expressions.references import resolver_of
from xmsyncd.transform.expressions.scanning import Part, PartKind, Scan
from xmsyncd.transform.expressions.text_functions import trim
from xmsyncd.transform.references import Reference, TemplateError
from xmsyncd.transform.tables import Tables
from xmsyncd.transform.value_types import EvaluationError, shortened, text_of

MAX_DEPTH: Final = 100
"""Levels of the tree; a closure calls one on the next level."""

_ARITHMETIC: Final[Mapping[type[exp.Expr], Callable[[Any, Any], Any]]] = {
    exp.Add: arithmetic.add,
    exp.Sub: arithmetic.subtract,
    exp.Mul: arithmetic.multiply,
    exp.Div: arithmetic.divide,
    exp.IntDiv: arithmetic.divide_whole,
    exp.Mod: arithmetic.remainder,
}
_COMPARISONS: Final[Mapping[type[exp.Expr], Callable[[Any, Any], Any]]] = {
    exp.EQ: conditions.is_equal,
    exp.NEQ: conditions.differs,
    exp.NullSafeEQ: conditions.is_same,
    exp.LT: conditions.is_less,
    exp.LTE: conditions.is_at_most,
    exp.GT: conditions.is_more,
    exp.GTE: conditions.is_at_least,
}
_LOGIC: Final[Mapping[type[exp.Expr], Callable[[Evaluate, Evaluate], Evaluate]]] = {
    exp.And: conditions.both,
    exp.Or: conditions.either,
}
_TESTS: Final = (*_COMPARISONS, exp.In, exp.Between, exp.Like, exp.Is)
_INTERVAL: Final = "INTERVAL"
_INTERVAL_WORD: Final = re.compile(_INTERVAL, re.IGNORECASE | re.ASCII)
_WORDS: Final[Mapping[tuple[str, int], frozenset[str]]] = {
    ("DATE_ADD", 1): frozenset({_INTERVAL}),
    ("DATE_SUB", 1): frozenset({_INTERVAL}),
    ("TIMESTAMPDIFF", 0): frozenset(Unit),
}
"""Where a bare word is an argument."""
_CAST_NAMES: Final[Mapping[Any, str]] = {
    exp.DType.CHAR: "CHAR",
    exp.DType.BIGINT: "SIGNED",
    exp.DType.UBIGINT: "UNSIGNED",
    exp.DType.DECIMAL: "DECIMAL",
    exp.DType.DATE: "DATE",
    exp.DType.DATETIME: "DATETIME",
    exp.DType.TIME: "TIME",
}


def compile_tree(text: str, tree: exp.Expr, scan: Scan, tables: Tables) -> Evaluate:
    """``text`` is the setting's, for the faults. Raises TemplateError."""
    compiler = _Compiler(text, scan, tables)
    evaluate = compiler.operand(tree, 0).evaluate
    left_out = sorted(scan.parts.keys() - compiler.met)
    if left_out:
        part = scan.parts[left_out[0]]
        found = shortened(text[part.position : part.end])
        raise TemplateError(part.position, found, "an expression of docs/language.md")
    return evaluate


class _Compiler:
    def __init__(self, text: str, scan: Scan, tables: Tables) -> None:
        self._text = text
        self._scan = scan
        self._tables = tables
        self.met: set[int] = set()

    def operand(self, node: Any, depth: int) -> Argument:
        """The closure of one node that is a value."""
        if depth > MAX_DEPTH:
            raise TemplateError(
                self._position(node), "one level more", f"at most {MAX_DEPTH} levels of operators"
            )
        kind = type(node)
        inner = depth + 1
        if kind is exp.Column:
            return self._column(node)
        if kind is exp.Anonymous:
            return self._call(node, inner)
        if kind is exp.Paren:
            return self.operand(node.this, depth)
        if kind in _ARITHMETIC:
            return self._arithmetic(node, inner)
        if kind in _COMPARISONS:
            self._refuse_chain(node)
            return self._made(node, closure_of(_COMPARISONS[kind], self._both(node, inner)))
        if kind in _LOGIC:
            return self._made(node, _LOGIC[kind](*self._both(node, inner)))
        return self._made(node, self._further(node, inner))

    def _further(self, node: Any, depth: int) -> Evaluate:
        """The kinds of nodes that occur once, if at all."""
        match node:
            case exp.Neg():
                return closure_of(arithmetic.negate, [self._evaluate(node.this, depth)])
            case exp.Not():
                return conditions.negated(self._evaluate(node.this, depth))
            case exp.Null():
                return constantly(None)
            case exp.Boolean():
                return constantly(1 if node.this else 0)
            case exp.Is():
                return self._is(node, depth)
            case exp.In():
                return self._in(node, depth)
            case exp.Between():
                return conditions.between(
                    self._evaluate(node.this, depth),
                    self._evaluate(node.args["low"], depth),
                    self._evaluate(node.args["high"], depth),
                )
            case exp.Like():
                return self._like(node, depth)
            case exp.Case():
                return self._case(node, depth)
            case exp.Cast():
                return self._cast(node, depth)
            case exp.Trim():
                return self._trim(node, depth)
            case exp.Interval():
                expected = "INTERVAL in DATE_ADD(…), DATE_SUB(…) or after date + or date -"
                raise TemplateError(self._position(node), "INTERVAL", expected)
            case _:
                raise self._unknown(node)

    def _made(self, node: Any, evaluate: Evaluate) -> Argument:
        return Argument(evaluate, self._position(node))

    def _evaluate(self, node: Any, depth: int) -> Evaluate:
        return self.operand(node, depth).evaluate

    def _both(self, node: Any, depth: int) -> tuple[Evaluate, Evaluate]:
        return self._evaluate(node.this, depth), self._evaluate(node.expression, depth)

    def _column(self, node: Any) -> Argument:
        """A masked part, or a word that is a value nowhere."""
        position = self._position(node)
        part = self._scan.parts.get(position)
        if part is None or node.args.get("table") is not None or part.kind is PartKind.CALL:
            if part is not None and part.kind is PartKind.CALL:
                self.met.add(position)
                return self._function(part, [])
            raise self._unknown(node)
        self.met.add(position)
        match part.kind:
            case PartKind.NUMBER:
                return Argument(constantly(self._number(part)), position)
            case PartKind.REFERENCE:
                return Argument(resolver_of(_only_reference(part)), position)
            case PartKind.TEXT:
                if not any(isinstance(piece, Reference) for piece in part.pieces):
                    fixed = "".join(str(piece) for piece in part.pieces)
                    return Argument(constantly(fixed), position, fixed)
                return Argument(_text_with_values(part, plain=str), position)

    def _number(self, part: Part) -> int | Decimal:
        try:
            number = number_in(part.written.rstrip(".")) if "e" not in part.written.lower() else None
            if number is None:
                number = number_in(part.written)
        except (EvaluationError, NullError):
            number = None
        if number is None:
            raise TemplateError(part.position, shortened(part.written), "a number of at most 65 digits")
        return number

    def _call(self, node: Any, depth: int) -> Argument:
        position = self._position(node)
        part = self._scan.parts.get(position)
        if part is None or part.kind is not PartKind.CALL:
            raise self._unknown(node)
        self.met.add(position)
        arguments = [self._argument(argument, depth) for argument in node.expressions]
        return self._function(part, arguments)

    def _argument(self, node: Any, depth: int) -> Argument:
        """A value, or what stands only in a call: an interval, a unit."""
        if isinstance(node, exp.Interval):
            return Argument(self._span(node, depth), self._position(node), NOT_CONSTANT, _INTERVAL)
        position = self._position(node)
        if isinstance(node, exp.Column) and position not in self._scan.parts and node.name in set(Unit):
            return Argument(constantly(None), position, NOT_CONSTANT, node.name)
        return self.operand(node, depth)

    def _function(self, part: Part, arguments: Sequence[Argument]) -> Argument:
        function = FUNCTIONS.get(part.written) or ALIASES[part.written]
        count = len(arguments)
        if count < function.least or (function.most is not None and count > function.most):
            given = "1 argument" if count == 1 else f"{count} arguments"
            raise TemplateError(part.position, f"{part.written} with {given}", function.usage)
        for place, argument in enumerate(arguments):
            if argument.word and argument.word not in _WORDS.get((function.name, place), ()):
                raise TemplateError(argument.position, f"the bare word {argument.word}", function.usage)
        return Argument(function.build(arguments, self._tables), part.position)

    def _arithmetic(self, node: Any, depth: int) -> Argument:
        if isinstance(node, (exp.Add, exp.Sub)):
            sign = 1 if isinstance(node, exp.Add) else -1
            if isinstance(node.expression, exp.Interval):
                operands = [self._evaluate(node.this, depth), self._span(node.expression, depth)]
                return self._made(node, closure_of(_mover(sign), operands))
            if isinstance(node.this, exp.Interval) and sign > 0:
                operands = [self._evaluate(node.expression, depth), self._span(node.this, depth)]
                return self._made(node, closure_of(_mover(sign), operands))
        return self._made(node, closure_of(_ARITHMETIC[type(node)], self._both(node, depth)))

    def _span(self, node: Any, depth: int) -> Evaluate:
        unit = node.args.get("unit")
        name = unit.name if isinstance(unit, exp.Var) else ""
        if name not in set(Unit):
            expected = "a number and a unit: one of " + ", ".join(Unit)
            raise TemplateError(self._position(node), "INTERVAL without a known unit", expected)
        amount, counted = self._evaluate(node.this, depth), Unit(name)
        return lambda lookup: None if (given := amount(lookup)) is None else Span(given, counted)

    def _refuse_chain(self, node: Any) -> None:
        """MySQL reads ``a = b < c`` from the left, the parser does not: nobody should have to know."""
        if isinstance(node.expression, _TESTS):
            position = self._position(node.expression)
            raise TemplateError(position, "a comparison of a comparison", "parentheses around one of them")

    def _is(self, node: Any, depth: int) -> Evaluate:
        operand = self._evaluate(node.this, depth)
        match node.expression:
            case exp.Null():
                return conditions.is_unknown(operand)
            case exp.Boolean():
                return conditions.is_truth(operand, bool(node.expression.this))
            case _:
                found = shortened(self._text[self._position(node.expression) :])
                raise TemplateError(self._position(node.expression), found, "NULL, TRUE or FALSE after IS")

    def _in(self, node: Any, depth: int) -> Evaluate:
        candidates = node.expressions
        if not candidates:
            expected = "values in parentheses, as in {unit} IN ('KG', 'PCS') or {x} IN ({list})"
            raise TemplateError(self._position(node), "IN without parentheses", expected)
        return conditions.one_of(
            self._evaluate(node.this, depth), [self._evaluate(candidate, depth) for candidate in candidates]
        )

    def _like(self, node: Any, depth: int) -> Evaluate:
        pattern = self.operand(node.expression, depth)
        part = self._scan.parts.get(pattern.position)
        evaluate = pattern.evaluate
        if part is not None and part.kind is PartKind.TEXT and pattern.constant is NOT_CONSTANT:
            evaluate = _text_with_values(part, plain=escaped)
        fixed = None
        if isinstance(pattern.constant, str):
            try:
                fixed = pieces_of(pattern.constant)
            except EvaluationError as error:
                raise TemplateError(pattern.position, "a longer pattern", error.expected) from None
        made = conditions.like(self._evaluate(node.this, depth), evaluate, fixed)
        return conditions.negated(made) if node.args.get("negate") else made

    def _case(self, node: Any, depth: int) -> Evaluate:
        compared = None if node.this is None else self._evaluate(node.this, depth)
        branches = [
            (self._evaluate(branch.this, depth), self._evaluate(branch.args["true"], depth))
            for branch in node.args["ifs"]
        ]
        default = node.args.get("default")
        otherwise = constantly(None) if default is None else self._evaluate(default, depth)
        return conditions.case(compared, branches, otherwise)

    def _cast(self, node: Any, depth: int) -> Evaluate:
        sizes = [parameter.name for parameter in node.args["to"].expressions]
        convert = None
        if all(size.isdecimal() and len(size) < 6 for size in sizes):
            name = _CAST_NAMES.get(node.args["to"].this, "")
            convert = cast_to(name, tuple(int(size) for size in sizes))
        if convert is None:
            raise TemplateError(self._position(node), "a type it cannot have", f"the type {TYPES}")
        return closure_of(convert, [self._evaluate(node.this, depth)])

    def _trim(self, node: Any, depth: int) -> Evaluate:
        position = str(node.args.get("position") or "BOTH").upper()
        removed = node.args.get("expression")
        piece = constantly(" ") if removed is None else self._evaluate(removed, depth)
        return closure_of(
            lambda value, text: trim(value, text, position), [self._evaluate(node.this, depth), piece]
        )

    def _position(self, node: Any) -> int:
        """Where the first part of the node that has a place stands."""
        if not isinstance(node, exp.Expr):
            return 0
        places = [
            part.meta["start"] for part in node.walk() if part._meta is not None and "start" in part.meta
        ]
        first = min(places, default=0)
        if isinstance(node, exp.Interval):
            words = [found.start() for found in _INTERVAL_WORD.finditer(self._text, 0, first)]
            return words[-1] if words else first
        return first

    def _unknown(self, node: Any) -> TemplateError:
        position = self._position(node)
        return TemplateError(position, shortened(self._text[position:]), "an expression of docs/language.md")


def _only_reference(part: Part) -> Reference:
    for piece in part.pieces:
        if isinstance(piece, Reference):
            return piece
    raise AssertionError("a reference without one")


def _text_with_values(part: Part, plain: Callable[[str], str]) -> Evaluate:
    """Text with values in it, each as people read it; ``plain`` is what is done to each of them."""
    pieces = [piece if isinstance(piece, str) else resolver_of(piece) for piece in part.pieces]
    if all(not isinstance(piece, str) for piece in pieces) and len(pieces) == 1 and plain is str:
        only = pieces[0]
        return lambda lookup: text_of(only(lookup))  # type: ignore[operator]  # no text, as just seen
    return lambda lookup: written(
        "".join([piece if isinstance(piece, str) else plain(text_of(piece(lookup))) for piece in pieces])
    )


def _mover(sign: int) -> Callable[[Any, Any], Any]:
    def move(value: Any, span: Any) -> Any:
        if span is None:
            raise NullError
        return later(value, span, sign)

    return move
