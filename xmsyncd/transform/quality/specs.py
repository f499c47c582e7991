"""What may be wrong with an entry of ``quality`` itself, told at load (part of step 2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xmsyncd.transform.quality.kinds import OnFail, RuleKind, RuleSpec
from xmsyncd.transform.quality.patterns import PatternError
from xmsyncd.transform.quality.registry import RULES, STANDING, About, Fix, RuleEntry
from xmsyncd.transform.quality.rules import value_check
from xmsyncd.transform.references import TemplateError
from xmsyncd.transform.tables import NO_TABLES, Tables
from xmsyncd.transform.value_types import ValueType, shortened, text_of

_PARAMETERS = ("type", "min", "max", "pattern", "values", "value", "max_age", "factor", "expect")


class RuleProblem(NamedTuple):
    """A key of the entry, what was found there, and what is expected."""

    key: str
    found: str
    expected: str


def rule_problems(
    spec: RuleSpec, *, is_key: bool = False, is_cell: bool = False, tables: Tables = NO_TABLES
) -> Iterator[RuleProblem]:
    """Everything wrong with one entry, but for a component that the mapping does not have.

    ``is_key``: it is about the component of the business key; ``is_cell``: about a column of a table.
    """
    if spec.rule not in RULES:
        yield RuleProblem("rule", shortened(spec.rule), "one of " + ", ".join(RULES))
        return
    entry = RULES[spec.rule]
    problems = [
        *_of_keys(spec, entry),
        *(_of_cell(entry) if is_cell else ()),
        *_of_numbers(spec),
        *_of_fix(spec, entry, is_key=is_key),
    ]
    yield from problems
    if not problems:
        yield from _of_check(spec, tables)


def _of_keys(spec: RuleSpec, entry: RuleEntry) -> Iterator[RuleProblem]:
    given = [key for key in _PARAMETERS if getattr(spec, key) is not None]
    for key in given:
        if key not in entry.takes:
            takers = " or ".join(name for name, one in RULES.items() if key in one.takes)
            takes = f"stands with {', '.join(entry.takes)}" if entry.takes else "takes no further key"
            expected = f"a {key} only with rule: {takers}; the rule {entry.name} {takes}"
            yield RuleProblem(key, f"a {key} for the rule {entry.name}", expected)
    if entry.needs and not any(key in given for key in entry.needs):
        key = entry.needs[0]
        yield RuleProblem(key, "nothing", f"{' or '.join(entry.needs)}, as in {entry.usage}")
    if entry.about is About.VALUE and not spec.component:
        yield RuleProblem("field", "nothing", f"the component that the rule {entry.name} is about")
    if entry.about is About.RECORD and spec.component:
        expected = f"no field: the rule {entry.name} is about the record as a whole"
        yield RuleProblem("field", shortened(spec.component), expected)


def _of_cell(entry: RuleEntry) -> Iterator[RuleProblem]:
    if entry.about is not About.VALUE or entry.name in STANDING:
        yield RuleProblem(
            "rule", entry.name, "a rule about one value, as it stands beside a column of a table"
        )


def _of_numbers(spec: RuleSpec) -> Iterator[RuleProblem]:
    if spec.min is not None and spec.max is not None and spec.min > spec.max:
        yield RuleProblem("max", text_of(spec.max), f"at least min ({text_of(spec.min)})")
    if spec.rule == RuleKind.LENGTH:
        for key, number in (("min", spec.min), ("max", spec.max)):
            least = 0 if key == "min" else 1
            if number is not None and (number < least or not float(number).is_integer()):
                expected = f"a whole number of characters, at least {least}"
                yield RuleProblem(key, text_of(number), expected)
    if spec.rule == RuleKind.CHANGE and spec.factor is not None and spec.factor <= 1:
        yield RuleProblem("factor", text_of(spec.factor), "a number above 1, such as 3")
    if spec.values is not None and not spec.values:
        yield RuleProblem("values", "an empty list", "at least one text")


def _of_fix(spec: RuleSpec, entry: RuleEntry, *, is_key: bool) -> Iterator[RuleProblem]:
    if spec.on_fail not in set(OnFail):
        yield RuleProblem("on_fail", shortened(spec.on_fail), "one of " + ", ".join(OnFail))
        return
    if spec.on_fail != OnFail.FIX:
        if spec.value is not None and "value" in entry.takes:
            yield RuleProblem("value", shortened(spec.value), "a value only with on_fail: fix")
        return
    if entry.fix is Fix.NEVER:
        yield RuleProblem("on_fail", "fix", f"reject or warn: what {entry.name} finds is for a person")
    elif is_key:
        expected = "reject or warn for the business key: a fixed one may be that of another record"
        yield RuleProblem("on_fail", "fix", expected)
    elif entry.fix is Fix.BY_VALUE and spec.value is None:
        yield RuleProblem("value", "nothing", "the value to take in place of the bad one")
    elif entry.about is About.EITHER and not spec.component:
        yield RuleProblem("field", "nothing", "the component that value is for")


def _of_check(spec: RuleSpec, tables: Tables) -> Iterator[RuleProblem]:
    try:
        check = value_check(spec, ValueType.AS_IS if spec.type is None else _type(spec.type), tables)
    except TemplateError as error:
        found = f"{error.found} (character {error.position + 1})"
        yield RuleProblem("expect", found, error.expected)
        return
    except PatternError as error:
        yield RuleProblem("pattern", f"{shortened(spec.pattern)}: {error}", "a regular expression of RE2")
        return
    except ValueError:
        expected = "one of " + ", ".join(member for member in ValueType if member)
        yield RuleProblem("type", shortened(spec.type), expected)
        return
    if check is None or spec.value is None or spec.rule == RuleKind.EXPRESSION:
        return
    if (breach := check(spec.value, {})) is not None:
        yield RuleProblem("value", shortened(spec.value), f"a value that keeps the rule: {breach.expected}")


def _type(name: str) -> ValueType:
    if not name:
        raise ValueError(name)
    return ValueType(name)
