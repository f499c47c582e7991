"""``_function …``: a MySQL expression over the fields of an item, compiled once at load (part of step 2)."""

from xmsyncd.transform.expressions.expression import Expression, compile_expression
from xmsyncd.transform.expressions.functions import ALIASES, FUNCTIONS, Function

__all__ = ["ALIASES", "FUNCTIONS", "Expression", "Function", "compile_expression"]
