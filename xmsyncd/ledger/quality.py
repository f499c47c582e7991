"""The rules of quality where a page is staged: those that compare records, and the counts of all (step 3)."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from xmsyncd.ledger import documents
from xmsyncd.ledger.times import to_ms
from xmsyncd.ledger.views import StageEntry
from xmsyncd.records import (
    Content,
    Draft,
    Filtered,
    QualityFinding,
    RecordId,
    Rejection,
    RuleResult,
    SourceId,
)
from xmsyncd.transform.quality.kinds import Breach, RuleKind
from xmsyncd.transform.quality.standing import (
    Other,
    QualityPlan,
    StandingRule,
    comparable,
    judge_change,
    judge_consistent,
    judge_unique,
    most_common,
    told,
)

HOUR_MS: Final = 3_600_000

_VALUES_COUNTED: Final = 50
"""Different values of a component that may be the most common one."""

Checks = Mapping[tuple[str, str, RuleResult], int]
"""How often the rules of each component and kind came to each result."""

_Identity = tuple[str, str, str]


@dataclass(slots=True)
class _Count:
    seen: int = 0
    warned: int = 0
    fixed: int = 0
    rejected: int = 0
    sample: str | None = None
    source_id: str | None = None


class Judge:
    """Judges and counts the entries of one page, inside its transaction."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        pipeline: str,
        plan: QualityPlan,
        entries: Sequence[StageEntry],
        now: datetime,
    ) -> None:
        self._connection = connection
        self._pipeline = pipeline
        self._plan = plan
        self._now = now
        self._counts: dict[_Identity, _Count] = {}
        self._compared = plan.compared
        self._entries = entries
        self._most_common: dict[str, str | None] = {}

    @property
    def compares(self) -> bool:
        """Whether any rule needs to know what the ledger holds of a record."""
        return bool(self._plan.standing)

    def judged(
        self, entry: StageEntry, result: Draft | Rejection, record_id: RecordId | None, accepted: str | None
    ) -> Draft | Rejection:
        """The same, or a rejection by a rule that compares; a draft keeps what was not rejected for it.

        ``accepted`` is the content hash that a person let through: it passes.
        """
        asked = 0
        if isinstance(result, Draft):
            passes = not entry.ruled or result.content_hash == accepted
            for rule in self._plan.standing:
                asked += 1
                breach = self._breach(rule, result.content, record_id)
                if breach is None:
                    continue
                finding = told(rule, result.content.get(rule.component), breach)
                if passes and finding.result is RuleResult.REJECTED:
                    finding = replace(finding, result=RuleResult.ACCEPTED)
                findings = (*result.findings, finding)
                if finding.result is RuleResult.REJECTED:
                    result = _rejection(rule, result, breach, findings, len(self._plan.asked) + asked)
                    break
                result = replace(result, findings=findings)
        if entry.ruled:
            self._count(entry.item.source_id, result, asked)
        return result

    def hold(
        self, record_id: RecordId, result: Draft | Filtered | Rejection, *, may_be_in_yida: bool
    ) -> None:
        """Keep the values that other records are compared with. What is not sent keeps those Yida shows."""
        if not self._compared:
            return
        if not isinstance(result, Draft):
            if not may_be_in_yida:
                self._connection.execute("DELETE FROM quality_values WHERE record_id = ?", (record_id,))
            return
        for component in self._compared:
            value = _value(result.content.get(component))
            if value:
                self._connection.execute(
                    """INSERT INTO quality_values (record_id, component, pipeline, value) VALUES (?, ?, ?, ?)
                       ON CONFLICT DO UPDATE SET value = excluded.value WHERE value <> excluded.value""",
                    (record_id, component, self._pipeline, value),
                )
            else:
                self._connection.execute(
                    "DELETE FROM quality_values WHERE record_id = ? AND component = ?", (record_id, component)
                )

    def finish(self) -> Checks:
        """Enter the counts of the page into the ledger; returns them by component, kind and result."""
        hour_ms = to_ms(self._now) // HOUR_MS * HOUR_MS
        checks: Counter[tuple[str, str, RuleResult]] = Counter()
        demands = {one.identity: one.demand for one in self._plan.rules}
        for identity, count in self._counts.items():
            component, rule, demand_hash = identity
            self._connection.execute(
                """INSERT INTO quality_counts AS q (pipeline, component, rule, demand_hash, hour_ms, demand,
                       seen, warned, fixed, rejected, sample, sample_source_id, sample_ms)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                   ON CONFLICT DO UPDATE SET seen = q.seen + excluded.seen,
                       warned = q.warned + excluded.warned, fixed = q.fixed + excluded.fixed,
                       rejected = q.rejected + excluded.rejected,
                       sample = COALESCE(excluded.sample, q.sample),
                       sample_source_id = COALESCE(excluded.sample_source_id, q.sample_source_id),
                       sample_ms = COALESCE(excluded.sample_ms, q.sample_ms)""",
                (
                    self._pipeline,
                    component,
                    rule,
                    demand_hash,
                    hour_ms,
                    documents.printable(demands.get(identity, "")),
                    count.seen,
                    count.warned,
                    count.fixed,
                    count.rejected,
                    count.sample,
                    count.source_id,
                    None if count.sample is None else to_ms(self._now),
                ),
            )
            broken = count.warned + count.fixed + count.rejected
            checks[component, rule, RuleResult.KEPT] += count.seen - broken
            checks[component, rule, RuleResult.WARNED] += count.warned
            checks[component, rule, RuleResult.FIXED] += count.fixed
            checks[component, rule, RuleResult.REJECTED] += count.rejected
        return +checks

    def _breach(self, rule: StandingRule, content: Content, record_id: RecordId | None) -> Breach | None:
        if rule.kind is RuleKind.CHANGE:
            return judge_change(rule, self._delivered(record_id), content)
        value = _value(content.get(rule.component))
        if rule.kind is RuleKind.CONSISTENT:
            return judge_consistent(value, self._most_common_of(rule.component))
        return judge_unique(self._other_with(rule.component, value, record_id)) if value else None

    def _delivered(self, record_id: RecordId | None) -> Content | None:
        if record_id is None:
            return None
        row = self._connection.execute(
            "SELECT delivered FROM contents WHERE record_id = ?", (record_id,)
        ).fetchone()
        delivered: Any = None if row is None or row["delivered"] is None else documents.load(row["delivered"])
        return delivered if isinstance(delivered, Mapping) else None

    def _other_with(self, component: str, value: str, record_id: RecordId | None) -> Other | None:
        row = self._connection.execute(
            """SELECT r.source_id, r.key FROM quality_values v JOIN records r ON r.id = v.record_id
               WHERE v.pipeline = ? AND v.component = ? AND v.value = ? AND v.record_id IS NOT ?
                   AND r.deleted_ms IS NULL AND r.filtered_by IS NULL AND r.state <> 'discarded'
               ORDER BY v.record_id LIMIT 1""",
            (self._pipeline, component, value, record_id),
        ).fetchone()
        return None if row is None else Other(row["source_id"], row["key"])

    def _most_common_of(self, component: str) -> str | None:
        """Asked once a page, and only for a page on which something is to be judged."""
        if component not in self._most_common:
            self._most_common[component] = self._counted(component)
        return self._most_common[component]

    def _counted(self, component: str) -> str | None:
        counts = self._connection.execute(
            """SELECT value, count(*) AS number FROM quality_values WHERE pipeline = ? AND component = ?
               GROUP BY value ORDER BY number DESC LIMIT ?""",
            (self._pipeline, component, _VALUES_COUNTED),
        )
        return most_common({row["value"]: row["number"] for row in counts}, self._new(component))

    def _new(self, component: str) -> Iterable[str]:
        """The values of the page's drafts that are not among those counted."""
        for entry in self._entries:
            if isinstance(entry.result, Draft):
                held = self._connection.execute(
                    """SELECT 1 FROM quality_values v JOIN records r ON r.id = v.record_id
                       WHERE r.pipeline = ? AND r.source_id = ? AND v.component = ?""",
                    (self._pipeline, entry.item.source_id, component),
                ).fetchone()
                if held is None:
                    yield _value(entry.result.content.get(component))

    def _count(self, source_id: SourceId, result: Draft | Rejection, standing: int) -> None:
        plan = self._plan
        asked = len(plan.asked) + standing if isinstance(result, Draft) else result.checked
        for rule in plan.rules[:asked]:
            self._counts.setdefault(rule.identity, _Count()).seen += 1
        for finding in result.findings:
            if finding.result is RuleResult.ACCEPTED:
                continue  # a person has decided: as good as kept
            identity = (finding.component, finding.rule, finding.demand_hash)
            count = self._counts.setdefault(identity, _Count(seen=1))
            match finding.result:
                case RuleResult.WARNED:
                    count.warned += 1
                case RuleResult.FIXED:
                    count.fixed += 1
                case RuleResult.REJECTED:
                    count.rejected += 1
                case RuleResult.KEPT:
                    continue
            count.sample, count.source_id = documents.printable(finding.found), source_id


def _rejection(
    rule: StandingRule, draft: Draft, breach: Breach, findings: tuple[QualityFinding, ...], checked: int
) -> Rejection:
    detail = f"{rule.name}: found {findings[-1].found}, expected {breach.expected}"
    return Rejection(
        draft.source_id,
        draft.updated_at,
        breach.reason,
        documents.printable(detail),
        component=rule.component,
        key=draft.key,
        findings=findings,
        checked=checked,
    )


def _value(value: Any) -> str:
    return documents.printable(comparable(value))


def findings_json(findings: Sequence[QualityFinding]) -> str | None:
    """The findings as the ledger keeps them with a record; ``None`` for none."""
    if not findings:
        return None
    return documents.dump(
        [
            {
                "component": one.component,
                "rule": one.rule,
                "demand_hash": one.demand_hash,
                "result": one.result.value,
                "found": one.found,
                "expected": one.expected,
                "fixed": one.fixed,
            }
            for one in findings
        ]
    )


def findings_told(findings: Iterable[QualityFinding]) -> dict[str, str]:
    """The findings as the history tells them, in one sentence: ``{"rules": …}``, or nothing for none."""
    told = []
    for one in findings:
        about = f"{one.component} {one.rule}".strip()
        becomes = f" → {one.fixed}" if one.fixed else ""
        told.append(f"{about} {one.result.value}: found {one.found}{becomes}, expected {one.expected}")
    return {"rules": documents.printable("; ".join(told))} if told else {}
