"""The rules of ``quality``: what a value and a record must be before they are sent (part of step 2)."""

from xmsyncd.transform.quality.kinds import Breach, OnFail, RuleKind, RuleSpec
from xmsyncd.transform.quality.registry import RULES, RuleEntry
from xmsyncd.transform.quality.rules import Rule, compile_rule
from xmsyncd.transform.quality.specs import rule_problems

__all__ = [
    "RULES",
    "Breach",
    "OnFail",
    "Rule",
    "RuleEntry",
    "RuleKind",
    "RuleSpec",
    "compile_rule",
    "rule_problems",
]
