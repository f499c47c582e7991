"""Whether the mapped components are on the form, and can hold what is mapped to them. Pure.

What Yida does with an unknown component id is not documented; that it drops the value in silence is quite
possible (inferred), so this is asked before anything is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from xmsyncd.operations.findings import Finding, failed, ok, warning
from xmsyncd.settings import FieldSettings
from xmsyncd.yida.answers import Component
from xmsyncd.yida.values import Kind, encode, kind_of, search_component_name

# One value of each declared type for each kind of component that may take it.
_SAMPLES: Final[Mapping[str, tuple[Any, ...]]] = {
    "string": ("1", "2026-01-02 03:04:05", '["a"]', '{"a": 1}'),
    "int": (1,),
    "float": (1.5, 1.0),
    "bool": (True,),
    "object": ({"a": 1},),
    "array": (["a"], [1]),
}


def component_findings(
    where: str, fields: Sequence[FieldSettings], key: str, definitions: Sequence[Component]
) -> list[Finding]:
    """What is wrong or doubtful about the mapped components; one ``ok`` where nothing is.

    ``where`` is the pipeline's place in the configuration, ``definitions`` what the form says it has.
    """
    by_id = {one.field_id: one for one in definitions}
    findings: list[Finding] = []
    for field in fields:
        what = f"{where}.fields {field.field}" + (f" ({field.label})" if field.label else "")
        component = by_id.get(field.field)
        if component is None:
            findings.append(_unknown(what, field, by_id))
        else:
            findings += _unfit(what, field, component, is_key=field.field == key)
    return findings or [ok(f"{where}.fields", f"all {len(fields)} components are on the form and fit")]


def _unknown(what: str, field: FieldSettings, by_id: Mapping[str, Component]) -> Finding:
    """Named, with the nearest existing one: the same label says more than a similar id."""
    same_label = [one for one in by_id.values() if field.label and one.label == field.label]
    near = get_close_matches(field.field, by_id, n=1, cutoff=0.0)
    nearest = same_label[0] if same_label else by_id[near[0]] if near else None
    return failed(
        what,
        f"the form has no component {field.field}",
        expected="a component of the form"
        if nearest is None
        else f"the nearest is {nearest.field_id} ({nearest.label or 'no label'}, {nearest.component_name})",
        advice="copy the component's id from the form designer (设计器 → 组件属性 → 唯一标识)",
    )


def _unfit(what: str, field: FieldSettings, component: Component, *, is_key: bool) -> Iterator[Finding]:
    named = f"{component.component_name or 'a component of unknown type'}"
    like_it = f"{component.component_name}_"  # an id begins with the name of its type: facts on form data
    if component.parent_id:
        yield failed(
            what,
            f"it is a column of the sub-table {component.parent_id}",
            expected="a component outside sub-tables",
            advice="map the sub-table itself, with a value of type array",
        )
        return
    if is_key and search_component_name(like_it) is None:
        yield failed(
            what,
            f"the key component is {named}",
            expected="TextField (单行文本) or TextareaField (多行文本), which a search can compare exactly",
            advice="choose a text component for target.key",
        )
        return
    if kind_of(like_it) is Kind.SERIAL:
        yield failed(
            what,
            f"it is {named}: Yida itself generates its value",
            expected="a component that can be written",
        )
        return
    expected = _refusal(like_it, field.type.value)
    if expected is not None:
        yield failed(
            what,
            f"the type {field.type.value} for {named}",
            expected=expected,
            advice="choose another type for the field",
        )
    elif kind_of(component.field_id) not in (kind_of(like_it), Kind.OTHER):
        yield warning(
            what,
            f"its id says {kind_of(component.field_id)}, the form says {named}",
            expected="an id that begins with the name of its type",
            advice="try it with one product: sync --only KEY",
        )


def _refusal(component_id: str, declared_type: str) -> str | None:
    """What the component expects instead, if no value of this type can be written to it."""
    refusals = []
    for sample in _SAMPLES.get(declared_type, ()):
        try:
            encode(component_id, declared_type, sample)
        except ValueError as error:
            refusals.append(str(error))
        else:
            return None
    return refusals[0] if refusals else None
