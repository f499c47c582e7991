"""What the rules of quality found: ``quality report``, and the part of ``explain`` about one record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from xmsyncd.ledger import quality_counts
from xmsyncd.operations.runtime import PipelineRuntime, Runtime
from xmsyncd.records import RuleResult
from xmsyncd.settings import PipelineSettings, QualityRuleSettings
from xmsyncd.transform.quality import RULES
from xmsyncd.transform.quality.standing import QualityPlan

Json = dict[str, Any]


async def report(
    runtime: Runtime, pipelines: Sequence[PipelineRuntime], since: datetime | None = None
) -> Json:
    """``{"since", "pipelines": [{"pipeline", "rules": [...], "rejected": [...]}]}``.

    A rule: ``component, label, rule, on_fail`` (``None``: it is not configured any more), ``reason`` (that of
    what it rejects), ``seen, kept, warned, fixed, rejected``, ``standing`` (records that are rejected for it
    now, whenever that was) and ``sample, sample_key, sample_at``; in the order of the configuration.
    ``rejected`` are the records that stand rejected for anything else: ``component, reason, number``.
    """
    told = [await _of_pipeline(runtime, pipeline, since) for pipeline in pipelines]
    return {"since": None if since is None else since.isoformat(), "pipelines": told}


async def _of_pipeline(runtime: Runtime, pipeline: PipelineRuntime, since: datetime | None) -> Json:
    counts = await runtime.ledger.read(quality_counts.summed, pipeline.name, since)
    standing = await runtime.ledger.read(quality_counts.standing, pipeline.name)
    labels = labels_of(pipeline.settings)
    configured: dict[tuple[str, str], QualityRuleSettings] = {}
    for rule in pipeline.settings.quality:
        configured.setdefault((rule.field or "", rule.rule.value), rule)
    counted = {(one["component"], one["rule"]): one for one in counts}
    rules = []
    for name in dict.fromkeys((*configured, *counted)):
        component, kind = name
        one = counted.get(name, {})
        numbers = {key: int(one.get(key, 0)) for key in ("seen", "warned", "fixed", "rejected")}
        reason = RULES[kind].reason.value if kind in RULES else kind
        setting = configured.get(name)
        rules.append(
            {
                "component": component,
                "label": labels.get(component, ""),
                "rule": kind,
                "on_fail": None if setting is None else setting.on_fail.value,
                "reason": reason,
                **numbers,
                "kept": numbers["seen"] - numbers["warned"] - numbers["fixed"] - numbers["rejected"],
                "standing": _taken(standing, component, reason),
                **{key: one.get(key) for key in ("sample", "sample_key", "sample_at")},
            }
        )
    return {"pipeline": pipeline.name, "rules": rules, "rejected": standing}


def _taken(standing: list[Json], component: str, reason: str) -> int:
    """The records that are rejected now by this rule, taken off those that are left to tell."""
    for one in standing:
        if (one["component"], one["reason"]) == (component, reason):
            standing.remove(one)
            return int(one["number"])
    return 0


def labels_of(settings: PipelineSettings) -> Mapping[str, str]:
    """What people call the components, columns of tables included."""
    labels = {entry.field: entry.label for entry in settings.written}
    labels |= {column.field: column.label for entry in settings.written for column in entry.children}
    return {component: label for component, label in labels.items() if label}


def story(
    settings: PipelineSettings,
    plan: QualityPlan,
    record: Mapping[str, Any],
    findings: Sequence[Json],
) -> list[Json]:
    """What each rule came to for one record, in the order in which they are asked.

    Each ``component, label, rule, on_fail, reason, result, found, expected, fixed``; the result of a rule
    that was kept is ``kept``, that of one that was not asked is ``None``: a rejection asks no further, and
    where the mapping itself rejects, nothing says which were asked before.
    """
    labels = labels_of(settings)
    left = list(findings)
    on_fail: dict[tuple[str, str], list[str]] = {}
    for rule in settings.quality:
        on_fail.setdefault((rule.field or "", rule.rule.value), []).append(rule.on_fail.value)
    by_rule = any(one["result"] == RuleResult.REJECTED for one in findings)
    unnamed = "kept" if record["rejection"] is None or by_rule else None
    told = []
    for names in plan.rules:
        component, kind = names
        found = next((one for one in left if (one["component"], one["rule"]) == names), None)
        if found is not None:
            left.remove(found)
        of_this = on_fail.get(names)
        told.append(
            {
                "component": component,
                "label": labels.get(component, ""),
                "rule": kind,
                "on_fail": of_this.pop(0) if of_this else None,
                "reason": RULES[kind].reason.value,
                "result": unnamed if found is None else found["result"],
                "found": "" if found is None else found["found"],
                "expected": "" if found is None else found["expected"],
                "fixed": "" if found is None else found["fixed"],
            }
        )
        if found is not None and found["result"] == RuleResult.REJECTED:
            unnamed = None
    return told
