"""Rules that tie look-up tables, derived fields and templates together (part of ``settings.checks``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xmsyncd.settings.derive import BESIDE, KINDS, DeriveSettings
from xmsyncd.settings.models import Settings
from xmsyncd.settings.pipelines import PipelineSettings
from xmsyncd.settings.resources import ResourceName
from xmsyncd.settings.schema import Path
from xmsyncd.settings.values import quoted
from xmsyncd.transform.derivation_specs import BUILT_IN_TABLES
from xmsyncd.transform.derivations import compile_derivations
from xmsyncd.transform.derived import DERIVED_NAMES
from xmsyncd.transform.grammar import TemplateError, compile_template
from xmsyncd.transform.tables import LookupTable, Tables
from xmsyncd.transform.where import WhereError, compile_where


@dataclass(frozen=True, slots=True)
class Problem:
    """One rule that is broken, and where."""

    path: Path
    found: str
    expected: str


Problems = Iterator[Problem]


def named_tables(settings: Settings) -> Tables:
    """All tables by name, those of ``lookups`` without their entries: a template may name them."""
    named = {name: LookupTable(name, {}, one.missing) for name, one in settings.lookups.items()}
    return {**BUILT_IN_TABLES, **named}


def lookups(settings: Settings) -> Problems:
    for name, one in settings.lookups.items():
        here: Path = ("lookups", name)
        if bool(one.entries) == (one.file is not None):
            found = "both entries and file" if one.entries else "neither entries nor file"
            yield Problem(here, found, "exactly one, such as {entries: {R: 红}} or {file: colours.csv}")
        for key in ("key", "value"):
            if getattr(one, key) is not None and one.file is None:
                yield Problem((*here, key), quoted(getattr(one, key)), f"a {key} only beside a file")


def derive(settings: Settings) -> Problems:
    tables = named_tables(settings)
    for name, pipeline in settings.pipelines.items():
        path: Path = ("pipelines", name, "derive")
        shapes = [
            problem for field, one in pipeline.derive.items() for problem in _shape((*path, field), one)
        ]
        yield from shapes
        whole = [field for field in pipeline.derive if not any(one.path[3] == field for one in shapes)]
        specs = [pipeline.derive[field].spec(field) for field in whole]
        derivations, faults = compile_derivations(specs, tables, None)
        for fault in faults:
            yield Problem((*path, *fault.path), fault.found, fault.expected)
        if pipeline.source.resource is not ResourceName.PRODUCT:
            for one in derivations.chain(derivations.names):
                if one.roots & DERIVED_NAMES:
                    found = f"{one.text}, while resource is {pipeline.source.resource}"
                    expected = "fields of the list: only products have groups"
                    yield Problem((*path, one.name), found, expected)


def _shape(here: Path, one: DeriveSettings) -> Problems:
    kinds = one.kinds
    if len(kinds) != 1:
        yield Problem(here, " and ".join(kinds) or "nothing of it", f"exactly one of {', '.join(KINDS)}")
        return
    for key, beside in BESIDE.items():
        default = DeriveSettings.model_fields[key].get_default()
        if getattr(one, key) != default and kinds[0] not in beside:
            yield Problem((*here, key), f"{key} beside {kinds[0]}", f"{key} beside {' or '.join(beside)}")
    if one.lookup is not None and not one.of:
        yield Problem((*here, "of"), "nothing", 'what is looked up, such as of: "{colour}"')


def templates(settings: Settings) -> Problems:
    tables = named_tables(settings)
    for name, pipeline in settings.pipelines.items():
        yield from _templates(("pipelines", name), pipeline, tables)


def _templates(path: Path, pipeline: PipelineSettings, tables: Tables) -> Problems:
    for position, entry in enumerate(pipeline.fields):
        here = (*path, "fields", position)
        columns = [((*here, "children", number), one) for number, one in enumerate(entry.children)]
        for place, one in [(here, entry), *columns]:
            try:
                compile_template(one.value, tables)
            except TemplateError as error:
                found = f"{error.found} (character {error.position + 1})"
                yield Problem((*place, "value"), found, error.expected)


def filters(settings: Settings) -> Problems:
    tables = named_tables(settings)
    for name, pipeline in settings.pipelines.items():
        path: Path = ("pipelines", name, "where")
        if not pipeline.where:
            continue
        try:
            where = compile_where(pipeline.where, tables)
        except WhereError as error:
            for fault in error.faults:
                at = "" if fault.position is None else f" (character {fault.position + 1})"
                yield Problem((*path, *fault.path), fault.found + at, fault.expected)
            continue
        own = where.roots & DERIVED_NAMES - pipeline.derive.keys()
        if own and pipeline.source.resource is not ResourceName.PRODUCT:
            found = f"{min(own)}, while resource is {pipeline.source.resource}"
            yield Problem(path, found, "fields of the list: only products have groups")
