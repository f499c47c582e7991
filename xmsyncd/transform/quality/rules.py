"""One entry of ``quality``, compiled: what it makes of a value or of a record (part of step 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_never

from xmsyncd.records import QualityFinding, RejectionReason, RuleResult
from xmsyncd.transform.derived import GROUP_EXISTS
from xmsyncd.transform.quality.checks import (
    Check,
    check_required,
    length_check,
    one_of_check,
    pattern_check,
    range_check,
    type_check,
)
from xmsyncd.transform.quality.demands import AskedRule, asked_rule
from xmsyncd.transform.quality.expressions import expression_check, expression_of
from xmsyncd.transform.quality.kinds import UNFIXED, Breach, OnFail, RuleKind, RuleSpec
from xmsyncd.transform.quality.record_checks import NOW, check_group, fresh_check
from xmsyncd.transform.quality.registry import RULES, About
from xmsyncd.transform.tables import NO_TABLES, Tables
from xmsyncd.transform.value_types import ValueType, shortened


@dataclass(frozen=True, slots=True)
class Judgement:
    """The value to go on with, and what there is to tell; a rejected one has its breach's reason."""

    value: Any
    finding: QualityFinding
    reason: RejectionReason


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule about a value, or about a record as a whole."""

    asked: AskedRule
    kind: RuleKind
    on_fail: OnFail
    check: Check
    instead: Any = UNFIXED
    """The configured value to take where the rule itself knows none."""
    is_about_record: bool = False
    roots: frozenset[str] = frozenset()
    """What it looks at beside the value."""
    variables: frozenset[str] = frozenset()

    @property
    def component(self) -> str:
        """What it is about; "" for the record as a whole."""
        return self.asked.component

    def judge(self, value: Any, breach: Breach, *, ruled: bool) -> Judgement:
        """What a breach comes to. Without ``ruled``, what would reject is let through and told."""
        fixed: Any = UNFIXED
        if self.on_fail is OnFail.FIX:
            fixed = self.instead if breach.fixed is UNFIXED else breach.fixed
        if fixed is not UNFIXED:
            result = RuleResult.FIXED
        elif self.on_fail is OnFail.WARN:
            result = RuleResult.WARNED
        else:
            result = RuleResult.REJECTED if ruled else RuleResult.ACCEPTED
        found = shortened(value) if breach.found is None else breach.found
        told = "" if fixed is UNFIXED else shortened(fixed)
        component, kind, demand_hash, _ = self.asked
        finding = QualityFinding(component, kind, result, found, breach.expected, told, demand_hash)
        return Judgement(value if fixed is UNFIXED else fixed, finding, breach.reason)


def compile_rule(spec: RuleSpec, declared: ValueType, tables: Tables = NO_TABLES) -> Rule | None:
    """The rule of an entry without problems; ``None`` for one that needs to know what the ledger holds.

    ``declared`` is the type of its field, which the rule ``type`` asks for where it names none.
    """
    kind = RuleKind(spec.rule)
    check = value_check(spec, declared if spec.type is None else ValueType(spec.type), tables)
    if check is None:
        return None
    roots, variables = _ROOTS.get(kind, _NOTHING), _VARIABLES.get(kind, _NOTHING)
    if kind is RuleKind.EXPRESSION:
        expression = expression_of(spec, tables)
        roots, variables = expression.roots, expression.variables
    return Rule(
        asked_rule(spec),
        kind,
        OnFail(spec.on_fail),
        check,
        instead=UNFIXED if spec.value is None else spec.value,
        is_about_record=RULES[kind].about is About.RECORD or not spec.component,
        roots=roots,
        variables=variables,
    )


_NOTHING: frozenset[str] = frozenset()
_ROOTS = {RuleKind.GROUP: frozenset({GROUP_EXISTS, "group_id"})}
_VARIABLES = {RuleKind.FRESH: frozenset({NOW})}


def value_check(spec: RuleSpec, value_type: ValueType, tables: Tables = NO_TABLES) -> Check | None:
    """The check of a rule; ``None``: it is judged when the page is staged.

    Raises PatternError and TemplateError.
    """
    match RuleKind(spec.rule):
        case RuleKind.REQUIRED:
            return check_required
        case RuleKind.TYPE:
            return type_check(value_type)
        case RuleKind.LENGTH:
            return length_check(spec)
        case RuleKind.PATTERN:
            return pattern_check(spec)
        case RuleKind.RANGE:
            return range_check(spec, RejectionReason.RANGE)
        case RuleKind.BAND:
            return range_check(spec, RejectionReason.BAND)
        case RuleKind.ONE_OF:
            return one_of_check(spec)
        case RuleKind.EXPRESSION:
            return expression_check(spec, tables)
        case RuleKind.GROUP:
            return check_group
        case RuleKind.FRESH:
            return fresh_check(spec)
        case RuleKind.CHANGE | RuleKind.UNIQUE | RuleKind.CONSISTENT:
            return None
        case unknown:
            assert_never(unknown)
