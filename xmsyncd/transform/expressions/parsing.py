"""A scanned expression becomes a tree, by sqlglot's MySQL parser (part of step 2).

Imported where the first expression is compiled: importing sqlglot takes a tenth of a second. Its parser gets
masked text alone (see scanning), and knows no function: which there are is the registry's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from sqlglot import exp
from sqlglot.dialects.mysql import MySQL
from sqlglot.errors import ParseError
from sqlglot.parsers.mysql import MySQLParser

from xmsyncd.transform.expressions.scanning import Scan
from xmsyncd.transform.references import TemplateError
from xmsyncd.transform.value_types import shortened

_EXPECTED: Final[Mapping[str, str]] = {
    "Expecting )": 'an operator, "," or ")"',
    "Expected END after CASE": "WHEN, THEN, ELSE or END",
    "Expected TYPE after CAST": "CHAR, SIGNED, UNSIGNED, DECIMAL, DATE, DATETIME or TIME",
    "Expected AS after CAST": "AS and a type",
    "Invalid expression / Unexpected token": "an operator before it, or the end",
}


class _Parser(MySQLParser):
    """Calls stay calls by name; of the functions with a syntax of their own, three are left."""

    FUNCTIONS: ClassVar[Any] = {}
    FUNCTION_PARSERS: ClassVar[Any] = {
        name: MySQLParser.FUNCTION_PARSERS[name] for name in ("CAST", "CONVERT", "TRIM")
    }
    NO_PAREN_FUNCTION_PARSERS: ClassVar[Any] = {"CASE": MySQLParser.NO_PAREN_FUNCTION_PARSERS["CASE"]}


def parse(text: str, scan: Scan) -> exp.Expr:
    """``text`` is the setting's, for the faults. Raises TemplateError."""
    dialect = MySQL()
    try:
        trees = _Parser(dialect=dialect).parse_into(exp.Condition, dialect.tokenize(scan.masked), scan.masked)
    except ParseError as error:
        raise _fault(text, scan, error) from None
    except RecursionError:
        raise  # told by who compiles
    except Exception as error:  # noqa: BLE001 - whatever the parser trips over is a fault of the text
        raise TemplateError(0, shortened(text), f"an expression ({type(error).__name__})") from None
    tree = trees[0] if len(trees) == 1 else None
    if tree is None:
        raise TemplateError(0, shortened(text), "one expression")
    return tree


def _fault(text: str, scan: Scan, error: ParseError) -> TemplateError:
    told: Mapping[str, Any] = error.errors[0] if error.errors else {}
    last = int(told.get("col") or 1) - 1
    begin, end = next((token for token in reversed(scan.tokens) if token[0] <= last), scan.tokens[0])
    description = str(told.get("description") or "")
    expected = _EXPECTED.get(description, "an expression of MySQL")
    if description.startswith("Required keyword"):
        expected = "a value beside it"
    return TemplateError(begin, shortened(text[begin:end]), expected)
