"""Rules about the entries of ``quality`` (part of ``settings.checks``)."""

from __future__ import annotations

from collections.abc import Iterator

from xmsyncd.nearest import nearest
from xmsyncd.settings.derive_checks import Problem, Problems, named_tables
from xmsyncd.settings.models import Settings
from xmsyncd.settings.pipelines import PipelineSettings
from xmsyncd.settings.quality import QualityRuleSettings
from xmsyncd.settings.resources import ResourceName
from xmsyncd.settings.schema import Path
from xmsyncd.settings.values import quoted
from xmsyncd.transform.quality import RuleKind, rule_problems
from xmsyncd.transform.tables import Tables


def quality(settings: Settings) -> Problems:
    """Keys, parameters and components of every rule."""
    tables = named_tables(settings)
    for name, pipeline in settings.pipelines.items():
        for position, rule in enumerate(pipeline.quality):
            yield from _of_rule(("pipelines", name, "quality", position), rule, pipeline, tables)


def _of_rule(
    here: Path, rule: QualityRuleSettings, pipeline: PipelineSettings, tables: Tables
) -> Iterator[Problem]:
    mapped = [entry.field for entry in pipeline.fields]
    cells = {column.field for entry in pipeline.fields for column in entry.children} - set(mapped)
    mapped += sorted(cells)
    spec = rule.spec()
    is_key = spec.component == pipeline.target.key
    for problem in rule_problems(spec, is_key=is_key, is_cell=spec.component in cells, tables=tables):
        yield Problem((*here, problem.key), problem.found, problem.expected)
    if spec.component and spec.component not in mapped:
        yield Problem(
            (*here, "field"),
            quoted(spec.component),
            f"the component of one of the entries in fields{nearest(spec.component, mapped)}",
        )
    if rule.rule is RuleKind.GROUP and pipeline.source.resource is not ResourceName.PRODUCT:
        found = f"group, while resource is {pipeline.source.resource}"
        yield Problem((*here, "rule"), found, "no such rule: only products have groups")
