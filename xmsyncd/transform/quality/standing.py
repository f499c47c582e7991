"""The rules that compare a value with what the ledger holds, decided here and asked when a page is staged.

What is a *batch* for ``consistent``: all records of the pipeline that are wanted in Yida, and the page that
is being staged. A cycle would be no batch: it mostly reads the one record that was just edited, and one alone
agrees with itself. A page is an accident of ``page_size``, and a person's retry would be a batch of one, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from xmsyncd.records import Content, QualityFinding, RejectionReason, RuleResult
from xmsyncd.transform.hashes import hash_of
from xmsyncd.transform.quality.demands import AskedRule, asked_rule
from xmsyncd.transform.quality.kinds import Breach, OnFail, RuleKind, RuleSpec
from xmsyncd.transform.quality.reading import number_of
from xmsyncd.transform.quality.registry import STANDING
from xmsyncd.transform.value_types import BLANKS, is_empty, shortened, text_of

_LONGEST: Final = 200
"""Characters of a value that is compared as it is; of a longer one its hash is."""


@dataclass(frozen=True, slots=True)
class StandingRule:
    """One of the rules ``change``, ``unique`` and ``consistent``."""

    asked: AskedRule
    name: str
    """The component with its label, as people read it."""
    kind: RuleKind
    on_fail: OnFail
    factor: float = 0.0

    @property
    def component(self) -> str:
        """What it is about."""
        return self.asked.component


@dataclass(frozen=True, slots=True)
class QualityPlan:
    """The rules of a pipeline in the order in which they are asked, the standing ones last."""

    asked: tuple[AskedRule, ...] = ()
    standing: tuple[StandingRule, ...] = ()

    @property
    def rules(self) -> tuple[AskedRule, ...]:
        """All of them."""
        return (*self.asked, *(rule.asked for rule in self.standing))

    @property
    def compared(self) -> frozenset[str]:
        """The components whose values the ledger must keep, to compare records with each other."""
        return frozenset(rule.component for rule in self.standing if rule.kind is not RuleKind.CHANGE)


NO_RULES: Final = QualityPlan()


@dataclass(frozen=True, slots=True)
class Other:
    """The record that holds a value already."""

    source_id: str
    key: str | None


def standing_rules(specs: Sequence[RuleSpec], names: Mapping[str, str]) -> tuple[StandingRule, ...]:
    """In the order of the configuration; ``names`` are the components as people read them."""
    return tuple(
        StandingRule(
            asked_rule(spec),
            names.get(spec.component, spec.component),
            RuleKind(spec.rule),
            OnFail(spec.on_fail),
            0.0 if spec.factor is None else spec.factor,
        )
        for spec in specs
        if spec.rule in STANDING
    )


def comparable(value: Any) -> str:
    """The text by which two records are told to have one value; "" for none."""
    if is_empty(value):
        return ""
    text = text_of(value).strip(BLANKS)
    return text if len(text) <= _LONGEST else f"hash {hash_of(text)}"


def judge_change(rule: StandingRule, before: Content | None, after: Content) -> Breach | None:
    """``before`` is what Yida was last known to hold; without a number there, nothing is said."""
    old = None if before is None else number_of(before.get(rule.component))
    value = after.get(rule.component)
    if old is None or old == 0 or is_empty(value):
        return None
    new = number_of(value)
    expected = f"at most {text_of(rule.factor)} times as much or as little as {shortened(old)} (rule change)"
    if new is None or new == 0 or (new > 0) is not (old > 0):
        return Breach(RejectionReason.CHANGE, expected)
    larger, smaller = max(abs(old), abs(new)), min(abs(old), abs(new))
    return Breach(RejectionReason.CHANGE, expected) if larger > smaller * rule.factor else None


def judge_unique(other: Other | None) -> Breach | None:
    """``other`` is a record of the pipeline with the same value."""
    if other is None:
        return None
    holder = f"{shortened(other.key)} (OKKI {other.source_id})" if other.key else f"OKKI {other.source_id}"
    return Breach(RejectionReason.UNIQUE, f"a value that {holder} has not already (rule unique)")


def judge_consistent(value: str, most_common: str | None) -> Breach | None:
    """``most_common`` is the value of most records; ``None``: there is none yet."""
    if not value or most_common is None or value == most_common:
        return None
    expected = f"{shortened(most_common)}, as most records have (rule consistent)"
    return Breach(RejectionReason.CONSISTENT, expected)


def most_common(counts: Mapping[str, int], page: Iterable[str]) -> str | None:
    """The value of most: ``counts`` by value of what is wanted, ``page`` the values of what comes anew.

    Of several with the same number, the one that was there first.
    """
    totals = dict(counts)
    for value in page:
        if value:
            totals[value] = totals.get(value, 0) + 1
    return max(totals, key=lambda value: totals[value]) if totals else None


def told(rule: StandingRule, value: Any, breach: Breach) -> QualityFinding:
    """What is to be told of a breach: a rejection, or a warning where the rule only warns."""
    result = RuleResult.WARNED if rule.on_fail is OnFail.WARN else RuleResult.REJECTED
    return QualityFinding(
        rule.component,
        rule.kind.value,
        result,
        shortened(value),
        breach.expected,
        demand_hash=rule.asked.demand_hash,
    )
