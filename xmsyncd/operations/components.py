"""Whether the mapped components are on the form, and can hold what is mapped to them. Pure.

What Yida does with an unknown component id is not documented; that it drops the value in silence is quite
possible (inferred), so this is asked before anything is written. The definitions tell a component's type, its
label and its table, but not the options of a choice: whether an option exists, only Yida knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from xmsyncd.nearest import nearest_name
from xmsyncd.operations.findings import Finding, failed, ok, warning
from xmsyncd.settings import ColumnSettings, FieldSettings
from xmsyncd.yida.answers import Component
from xmsyncd.yida.kinds import Kind, kind_of, search_component_name, type_words
from xmsyncd.yida.values import encode

_URL: Final = "https://example.com/a.png"
_ASSOCIATION: Final = {"appType": "APP_1", "formUuid": "FORM-1", "instanceId": "1"}

# One value of each declared type for each kind of component that may take it.
_SAMPLES: Final[Mapping[str, tuple[Any, ...]]] = {
    "string": (
        *("1", "2026-01-02 03:04:05", "2026-01-02~2026-01-03", _URL, '["a"]', '{"a": 1}'),
        *('[{"textField_a": "1"}]', '[{"appType": "APP_1", "formUuid": "FORM-1", "instanceId": "1"}]'),
    ),
    "int": (1,),
    "float": (1.5, 1.0),
    "bool": (True,),
    "object": (
        *({"a": 1}, {"url": _URL}, {"value": "CN"}, {"address": "1"}, _ASSOCIATION),
        {"start": "2026-01-02", "end": "2026-01-03"},
    ),
    "array": (["a"], [1], [_URL], ["2026-01-02", "2026-01-03"], [_ASSOCIATION], [{"textField_a": "1"}]),
}


@dataclass(frozen=True, slots=True)
class _Entry:
    """A mapped component, and where it stands; ``table`` is "" outside tables."""

    where: str
    settings: ColumnSettings
    table: str = ""

    @property
    def told(self) -> str:
        """What the mapping says of its type: the name of the type, or the id that begins with it."""
        return self.settings.component_name or self.settings.field


def component_findings(
    where: str, fields: Sequence[FieldSettings], key: str, definitions: Sequence[Component]
) -> list[Finding]:
    """What is wrong or doubtful about the mapped components; one ``ok`` where nothing is.

    ``where`` is the pipeline's place in the configuration, ``definitions`` what the form says it has.
    """
    by_id = {one.field_id: one for one in definitions}
    entries = list(_entries(where, fields))
    findings: list[Finding] = []
    for entry in entries:
        field = entry.settings
        component = by_id.get(field.field)
        label = field.label or (component.label if component else "")
        what = f"{entry.where} {field.field}" + (f" ({label})" if label else "")
        if component is None:
            findings.append(_unknown(what, entry, by_id))
        elif component.parent_id != entry.table:
            findings.append(_elsewhere(what, entry, component, by_id))
        else:
            findings += _unfit(what, entry, component, is_key=field.field == key)
    return findings or [ok(f"{where}.fields", f"all {len(entries)} components are on the form and fit")]


def _entries(where: str, fields: Sequence[FieldSettings]) -> Iterator[_Entry]:
    for field in fields:
        yield _Entry(f"{where}.fields", field)
        for column in field.children:
            yield _Entry(f"{where}.fields {field.field} column", column, field.field)


def _unknown(what: str, entry: _Entry, by_id: Mapping[str, Component]) -> Finding:
    """Named, with the nearest existing one: the same label says more than a similar id."""
    field = entry.settings
    here = {name: one for name, one in by_id.items() if one.parent_id == entry.table} or by_id
    same_label = [one for one in here.values() if field.label and one.label == field.label]
    near = nearest_name(field.field, here, cutoff=0.0)
    nearest = same_label[0] if same_label else here[near] if near else None
    return failed(
        what,
        f"the form has no component {field.field}",
        expected="a component of the form"
        if nearest is None
        else f"the nearest is {nearest.field_id} ({nearest.label or 'no label'}, {nearest.component_name})",
        advice="copy the component's id from the form designer (设计器 → 组件属性 → 唯一标识)",
    )


def _elsewhere(what: str, entry: _Entry, component: Component, by_id: Mapping[str, Component]) -> Finding:
    if not component.parent_id:
        return failed(
            what,
            f"it is no column of {entry.table}, it stands outside tables",
            expected=f"a column of {entry.table}",
            advice="move the entry out of children",
        )
    table = by_id.get(component.parent_id)
    named = component.parent_id + (f" ({table.label})" if table and table.label else "")
    return failed(
        what,
        f"it is a column of the sub-table {named}",
        expected=f"a column of {entry.table}" if entry.table else "a component outside sub-tables",
        advice=f"put the entry under children of {component.parent_id}",
    )


def _unfit(what: str, entry: _Entry, component: Component, *, is_key: bool) -> Iterator[Finding]:
    field = entry.settings
    real = kind_of(component.component_name)
    named = type_words(component.component_name)
    if is_key and search_component_name(component.component_name) is None:
        yield failed(
            what,
            f"the key component is {named}",
            expected="TextField (单行文本) or TextareaField (多行文本), which a search can compare exactly",
            advice="choose a text component for target.key",
        )
        return
    if real is Kind.SERIAL:
        yield failed(
            what,
            f"it is {named}: Yida itself generates its value",
            expected="a component that can be written",
            advice="take the entry out of fields",
        )
        return
    columns = isinstance(field, FieldSettings) and field.children
    expected = None if columns else _refusal(component.component_name, field.type.value)
    if columns and real is not Kind.TABLE:
        yield failed(
            what,
            f"it has columns, and the form says {named}",
            expected="TableField (子表单)",
            advice="take children out of the entry",
        )
    elif expected is not None:
        yield failed(
            what,
            f"the type {field.type.value} for {named}",
            expected=expected,
            advice="choose another type for the field",
        )
    else:
        yield from _misread(what, entry, component, real)


def _misread(what: str, entry: _Entry, component: Component, real: Kind) -> Iterator[Finding]:
    """Whether values are written and read in another form than that of the component's real type."""
    told = kind_of(entry.told)
    if real is Kind.OTHER:
        if component.component_name and told is not Kind.OTHER:
            yield warning(
                what,
                f"its id says {told}, the form says {component.component_name}, which xmsyncd does not know",
                expected="a type of component that is documented",
                advice="try it with one record: sync --only KEY",
            )
        return
    if told is real or (told is Kind.OTHER and real in (Kind.TEXT, Kind.OPTION)):
        return
    named = type_words(component.component_name)
    if told is Kind.OTHER:
        found = f"its id tells no type, the form says {named}"
    elif entry.settings.component_name:
        found = f"component_name says {entry.settings.component_name}, the form says {named}"
    else:
        found = f"its id says {told}, the form says {named}"
    yield failed(
        what,
        found,
        expected=f"component_name: {component.component_name}",
        advice=f"write component_name: {component.component_name} into the entry, or map another component",
    )


def _refusal(component_name: str, declared_type: str) -> str | None:
    """What the component expects instead, if no value of this type can be written to it."""
    refusals = []
    for sample in _SAMPLES.get(declared_type, ()):
        try:
            encode(component_name, declared_type, sample)
        except ValueError as error:
            refusals.append(str(error))
        else:
            return None
    return refusals[0] if refusals else None
