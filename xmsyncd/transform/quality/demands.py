"""What tells one rule of a pipeline from another: its component, its kind and what it demands (step 2).

``on_fail`` and the value of a fix are no part of it: what a rule finds is counted on when they change.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from xmsyncd.showing import cut_to
from xmsyncd.transform.hashes import hash_of
from xmsyncd.transform.quality.kinds import RuleSpec
from xmsyncd.transform.value_types import text_of

_LONGEST: Final = 80
_DIGITS: Final = 8


class AskedRule(NamedTuple):
    """One rule; ``component`` is "" where it is about the record as a whole."""

    component: str
    rule: str
    demand_hash: str = ""
    """Short: it tells apart the few rules of one kind about one component."""
    demand: str = ""
    """Its settings as people read them, shortened; "" for a rule that has none."""

    @property
    def identity(self) -> tuple[str, str, str]:
        """All but the words."""
        return self.component, self.rule, self.demand_hash


def asked_rule(spec: RuleSpec) -> AskedRule:
    """The rule of one entry of ``quality``."""
    told = _demand(spec)
    shape = [
        spec.type,
        spec.min,
        spec.max,
        spec.pattern,
        None if spec.values is None else list(spec.values),
        None if spec.max_age is None else spec.max_age.total_seconds(),
        spec.factor,
        spec.expect,
    ]
    return AskedRule(spec.component, spec.rule, hash_of(shape)[:_DIGITS], cut_to(told, _LONGEST))


def _demand(spec: RuleSpec) -> str:
    parts = [
        spec.type or "",
        "" if spec.min is None else f"min {text_of(spec.min)}",
        "" if spec.max is None else f"max {text_of(spec.max)}",
        spec.pattern or "",
        ", ".join(spec.values or ()),
        "" if spec.max_age is None else f"max_age {int(spec.max_age.total_seconds())}s",
        "" if spec.factor is None else f"factor {text_of(spec.factor)}",
        spec.expect or "",
    ]
    return ", ".join(part for part in parts if part)
