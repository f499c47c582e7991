"""The rule ``expression``: a condition over the whole record, in the language of ``_function`` (step 2)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from xmsyncd.records import RejectionReason
from xmsyncd.transform.expressions import Expression, compile_expression
from xmsyncd.transform.quality.checks import Check
from xmsyncd.transform.quality.kinds import Breach, RuleSpec
from xmsyncd.transform.tables import NO_TABLES, Tables
from xmsyncd.transform.value_types import EvaluationError, shortened


def expression_of(spec: RuleSpec, tables: Tables = NO_TABLES) -> Expression:
    """Compiled once. Raises TemplateError."""
    text = spec.expect or ""
    return compile_expression(text, tables) if tables else _compiled(text)


@cache
def _compiled(text: str) -> Expression:
    return compile_expression(text)


def expression_check(spec: RuleSpec, tables: Tables = NO_TABLES) -> Check:
    """True for the record; NULL is not true, and neither is what has no value. Raises TemplateError."""
    expression = expression_of(spec, tables)
    expected = f"{shortened(expression.text)} to be true (rule expression)"

    def check(_subject: Any, lookup: Mapping[str, Any]) -> Breach | None:
        try:
            if expression.holds(lookup):
                return None
            reason = expected
        except EvaluationError as error:
            reason = f"{error.expected} (rule expression)"
        return Breach(RejectionReason.EXPRESSION, reason, found=shortened(expression.inputs(lookup)))

    return check
