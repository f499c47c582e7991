"""What the rules of quality found: ``quality report``, and the part of ``explain`` about one record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from xmsyncd.ledger import quality_counts
from xmsyncd.operations.runtime import PipelineRuntime, Runtime
from xmsyncd.records import RuleResult
from xmsyncd.settings import PipelineSettings, QualityRuleSettings
from xmsyncd.transform.quality import RULES
from xmsyncd.transform.quality.demands import AskedRule, asked_rule
from xmsyncd.transform.quality.standing import QualityPlan

Json = dict[str, Any]
Identity = tuple[str, str, str]
"""Component, kind and the hash of what is demanded."""

_NUMBERS: Final = ("seen", "warned", "fixed", "rejected")


async def report(
    runtime: Runtime, pipelines: Sequence[PipelineRuntime], since: datetime | None = None
) -> Json:
    """``{"since", "pipelines": [{"pipeline", "rules": [...], "rejected": [...]}]}``.

    A rule: ``component, label, rule, demand`` (its settings in words), ``on_fail`` (``None``: it is not
    configured any more), ``is_of_several`` (an older version counted all rules of this kind about this field
    together), ``reason`` (that of what it rejects), ``seen, kept, warned, fixed, rejected``, ``standing``
    (records that are rejected for it now, whenever that was) and ``sample, sample_key, sample_at``; in the
    order of the configuration.
    ``rejected`` are the records that stand rejected for anything else: ``component, reason, number``.
    """
    told = [await _of_pipeline(runtime, pipeline, since) for pipeline in pipelines]
    return {"since": None if since is None else since.isoformat(), "pipelines": told}


async def _of_pipeline(runtime: Runtime, pipeline: PipelineRuntime, since: datetime | None) -> Json:
    counts = await runtime.ledger.read(quality_counts.summed, pipeline.name, since)
    standing = await runtime.ledger.read(quality_counts.standing, pipeline.name)
    labels = labels_of(pipeline.settings)
    configured: dict[Identity, tuple[AskedRule, QualityRuleSettings]] = {}
    for setting in pipeline.settings.quality:
        asked = asked_rule(setting.spec())
        configured.setdefault(asked.identity, (asked, setting))
    counted = {(one["component"], one["rule"], one["demand_hash"]): one for one in counts}
    _give_to_the_only_rule(counted, configured)
    kinds = {identity[:2] for identity in configured}
    rules = []
    for identity in dict.fromkeys((*configured, *counted)):
        component, kind, demand_hash = identity
        one = counted.get(identity, {})
        numbers = {key: int(one.get(key, 0)) for key in _NUMBERS}
        reason = RULES[kind].reason.value if kind in RULES else kind
        asked_now, now = configured.get(identity, (None, None))
        rules.append(
            {
                "component": component,
                "label": labels.get(component, ""),
                "rule": kind,
                "demand": one.get("demand", "") if asked_now is None else asked_now.demand,
                "on_fail": None if now is None else now.on_fail.value,
                "is_of_several": not demand_hash and identity[:2] in kinds,
                "reason": reason,
                **numbers,
                "kept": numbers["seen"] - numbers["warned"] - numbers["fixed"] - numbers["rejected"],
                "standing": _taken(standing, component, reason, demand_hash),
                **{key: one.get(key) for key in ("sample", "sample_key", "sample_at")},
            }
        )
    return {"pipeline": pipeline.name, "rules": rules, "rejected": _left(standing)}


def _give_to_the_only_rule(counted: dict[Identity, Json], configured: Collection[Identity]) -> None:
    """What an older version counted by kind alone is that of the rule of this kind, if there is but one."""
    for before in [identity for identity in counted if not identity[2]]:
        same = [identity for identity in configured if identity[:2] == before[:2]]
        if len(same) != 1:
            continue
        old, new = counted.pop(before), counted.get(same[0])
        if new is None:
            counted[same[0]] = old
            continue
        later = new if new["sample"] is not None else old
        counted[same[0]] = {**later, **{key: old[key] + new[key] for key in _NUMBERS}}


def _taken(standing: list[Json], component: str, reason: str, demand_hash: str) -> int:
    """The records that are rejected now by this rule, taken off those that are left to tell.

    Those of which the ledger does not know the rule go to the first one with this reason.
    """
    taken = [
        one
        for one in standing
        if (one["component"], one["reason"]) == (component, reason)
        and one["demand_hash"] in ("", demand_hash)
    ]
    for one in taken:
        standing.remove(one)
    return sum(int(one["number"]) for one in taken)


def _left(standing: Iterable[Json]) -> list[Json]:
    numbers: Counter[tuple[str, str]] = Counter()
    for one in standing:
        numbers[one["component"], one["reason"]] += one["number"]
    return [
        {"component": component, "reason": reason, "number": number}
        for (component, reason), number in numbers.most_common()
    ]


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

    Each ``component, label, rule, demand, on_fail, reason, result, found, expected, fixed``; the result of
    a rule that was kept is ``kept``, that of one that was not asked is ``None``: a rejection asks no further,
    and where the mapping itself rejects, nothing says which were asked before.
    """
    labels = labels_of(settings)
    left = list(findings)
    on_fail: dict[Identity, list[str]] = {}
    for setting in settings.quality:
        on_fail.setdefault(asked_rule(setting.spec()).identity, []).append(setting.on_fail.value)
    by_rule = any(one["result"] == RuleResult.REJECTED for one in findings)
    unnamed = "kept" if record["rejection"] is None or by_rule else None
    told = []
    for rule in plan.rules:
        found = next((one for one in left if _is_of(one, rule)), None)
        if found is not None:
            left.remove(found)
        of_this = on_fail.get(rule.identity)
        told.append(
            {
                "component": rule.component,
                "label": labels.get(rule.component, ""),
                "rule": rule.rule,
                "demand": rule.demand,
                "on_fail": of_this.pop(0) if of_this else None,
                "reason": RULES[rule.rule].reason.value,
                "result": unnamed if found is None else found["result"],
                "found": "" if found is None else found["found"],
                "expected": "" if found is None else found["expected"],
                "fixed": "" if found is None else found["fixed"],
            }
        )
        if found is not None and found["result"] == RuleResult.REJECTED:
            unnamed = None
    return told


def _is_of(finding: Json, rule: AskedRule) -> bool:
    """A finding of an older version does not tell which of several rules of its kind it is of."""
    same = (finding["component"], finding["rule"]) == (rule.component, rule.rule)
    return same and finding.get("demand_hash", "") in ("", rule.demand_hash)
