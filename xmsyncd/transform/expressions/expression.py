"""A compiled expression: immutable, evaluated for each item (part of step 2)."""

from __future__ import annotations

import importlib
from typing import Any

from xmsyncd.transform import variables
from xmsyncd.transform.expressions.closures import Evaluate
from xmsyncd.transform.expressions.counts_as import handed_over, truth_of
from xmsyncd.transform.expressions.references import collector_of
from xmsyncd.transform.expressions.scanning import PartKind, Scan, Scanner
from xmsyncd.transform.references import Lookup, TemplateError
from xmsyncd.transform.tables import NO_TABLES, Tables
from xmsyncd.transform.value_types import EvaluationError

_CLOCK = frozenset(
    {
        "NOW",
        "CURDATE",
        "UNIX_TIMESTAMP",
        "CURRENT_TIMESTAMP",
        "SYSDATE",
        "LOCALTIME",
        "LOCALTIMESTAMP",
        "CURRENT_DATE",
    }
)


class Expression:
    """What stands behind ``_function``."""

    __slots__ = ("_evaluate", "_raw", "roots", "text", "variables")

    def __init__(self, text: str, scan: Scan, evaluate: Evaluate) -> None:
        self.text = text
        self.roots = frozenset(one.root for one in scan.references if not one.is_variable)
        """The fields of an item and derived names that the expression looks at."""
        self.variables = frozenset(one.root for one in scan.references if one.is_variable) | _clock(scan)
        """The times of the cycle that it looks at."""
        self._raw = tuple((str(reference), collector_of(reference)) for reference in scan.references)
        self._evaluate = evaluate

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def evaluate(self, lookup: Lookup) -> Any:
        """The value for one item, "" for NULL. Raises EvaluationError."""
        return handed_over(self._evaluate(lookup))

    def holds(self, lookup: Lookup) -> bool:
        """Whether it is true as a condition; NULL is not. Raises EvaluationError."""
        return truth_of(self._evaluate(lookup)) is True

    def inputs(self, lookup: Lookup) -> dict[str, Any]:
        """What each reference finds before its filters; ``None`` where nothing."""
        return {written: _known(raw, lookup) for written, raw in self._raw}


def compile_expression(text: str, tables: Tables = NO_TABLES, *, offset: int = 0) -> Expression:
    """``offset`` is where the text begins in its setting. Raises TemplateError."""
    try:
        scan = Scanner(text, tables).scan()
        # Imported here: sqlglot takes a tenth of a second, and most configurations have no expression.
        parsing = importlib.import_module("xmsyncd.transform.expressions.parsing")
        compiling = importlib.import_module("xmsyncd.transform.expressions.compiling")
        evaluate: Evaluate = compiling.compile_tree(text, parsing.parse(text, scan), scan, tables)
    except TemplateError as error:
        raise error.moved(offset) from None
    except RecursionError:
        raise TemplateError(
            offset, "an expression that is nested too deeply", "fewer operators in a row"
        ) from None
    return Expression(text, scan, evaluate)


def _clock(scan: Scan) -> frozenset[str]:
    calls = {part.written for part in scan.parts.values() if part.kind is PartKind.CALL}
    return frozenset({variables.CURRENT_TIME}) if calls & _CLOCK else frozenset()


def _known(raw: Evaluate, lookup: Lookup) -> Any:
    try:
        return raw(lookup)
    except EvaluationError:
        return None
