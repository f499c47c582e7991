"""The entries of the target's ``request`` become ``fields``: label, type and value byte for byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from xmsyncd.importing.draft import Draft
from xmsyncd.importing.findings import Findings
from xmsyncd.importing.metadata import Entry, text_of_value
from xmsyncd.settings.choices import ValueType
from xmsyncd.settings.values import quoted
from xmsyncd.transform.derived import DERIVED_NAMES
from xmsyncd.transform.grammar import Template, TemplateError, compile_template
from xmsyncd.transform.parsers import ParserName

_ALIASES: Final[Mapping[str, str]] = {
    "text": "string",
    "str": "string",
    "integer": "int",
    "number": "float",
    "double": "float",
    "decimal": "float",
    "boolean": "bool",
    "list": "array",
    "json": "object",
}
_TABLE: Final = "tablefield"
_OTHERWISE: Final = "or take the entry out of the document and fill the component another way"


def fields_of(entries: Sequence[Entry], draft: Draft, findings: Findings) -> list[dict[str, Any]]:
    """One mapping for each component, in the order of the document."""
    seen: set[str] = set()
    fields: list[dict[str, Any]] = []
    for entry in entries:
        if entry.field in seen:
            findings.refused(entry.where, f"{quoted(entry.field)} for the second time", "each component once")
            continue
        seen.add(entry.field)
        field = _field(entry, findings)
        if field is not None:
            fields.append(field)
            draft.required += [one.field for one in (entry, *entry.children) if one.is_required]
    if not entries:
        findings.refused("request", "no entry with a field", "at least one component to fill")
    return fields


def _field(entry: Entry, findings: Findings) -> dict[str, Any] | None:
    kind = _type_of(entry, findings)
    value = _value_of(entry, findings)
    if kind is None or value is None:
        return None
    field: dict[str, Any] = {"field": entry.field, "label": entry.label, "type": kind, "value": value}
    if entry.extras.get("parser") is not None:
        parser = _parser(entry, findings)
        if parser is None:
            return None
        field["parser"] = parser
    if entry.children:
        columns = _columns(entry, findings)
        if columns is None:
            return None
        field["children"] = columns
    shown = f"{quoted(entry.label, 30)} from {quoted(value)}" if entry.label else quoted(value)
    findings.taken_over(entry.where, shown)
    return field


def _type_of(entry: Entry, findings: Findings) -> str | None:
    given = entry.type.strip()
    if given in ("", *ValueType):
        return entry.type if given == entry.type else given
    known = given.lower()
    known = _ALIASES.get(known, known)
    if known in set(ValueType):
        findings.decide(entry.where, f"the type {quoted(given, 40)}", f"written as {known}")
        return known
    findings.refused(entry.where, f"the type {quoted(given, 40)}", f"one of {', '.join(ValueType)}")
    return None


def _value_of(entry: Entry, findings: Findings) -> str | None:
    """The template, byte for byte; ``None`` after a refusal."""
    for key in ("mapping", "format"):
        if entry.extras.get(key) is not None:
            findings.refused(
                entry.where,
                f"a {key} of the value",
                f"take {key} out of the entry, and say it in the value: {{{{x|datetime}}}}, "
                "{{x|lookup(table)}} or _function CASE …",
            )
            return None
    if entry.is_structured:
        findings.refused(entry.where, "an object or a list as a value", "text, or children")
        return None
    if entry.extras.get("default") is not None:
        findings.decide(
            entry.where,
            f"a default: {quoted(text_of_value(entry.extras.get('default')))}",
            "left out; if an empty value is to become it: {{x|default('…')}}",
        )
    template = _compiled(entry, entry.value, findings)
    if template is None:
        return None
    for name in sorted(template.roots & DERIVED_NAMES):
        findings.better(
            entry.where,
            f"{name}, which is no field of OKKI: the platform looks it up elsewhere (inferred)",
            "xmsyncd derives it from OKKI's tree of product groups: no second scheme is needed",
        )
    return entry.value


def _compiled(entry: Entry, value: str, findings: Findings) -> Template | None:
    try:
        return compile_template(value)
    except TemplateError as error:
        found = f"{error.found}, at character {error.position + 1} of {quoted(value, 100)}"
        findings.refused(entry.where, found, f"{error.expected}; {_OTHERWISE}")
        return None


def _parser(entry: Entry, findings: Findings) -> dict[str, str] | None:
    """Those that xmsyncd knows, as they are; ``None`` after a refusal."""
    given = entry.extras.get("parser")
    name = text_of_value(given.get("name") if isinstance(given, Mapping) else given).strip()
    params = given.get("params") if isinstance(given, Mapping) else None
    known = {one.lower(): one.value for one in ParserName}.get(name.lower())
    if known is None or isinstance(params, list | dict):
        found = f"the parser {quoted(name, 40)}"
        findings.refused(entry.where, found, f"one of {', '.join(ParserName)}, with a text; {_OTHERWISE}")
        return None
    return {"name": known, "params": text_of_value(params)} if text_of_value(params) else {"name": known}


def _columns(entry: Entry, findings: Findings) -> list[dict[str, Any]] | None:
    """The columns of a table component; ``None`` after a refusal."""
    if not entry.field.lower().startswith(_TABLE):
        found = f"children of {quoted(entry.field)}, which is no table"
        findings.refused(entry.where, found, f"children only of a component tableField_…; {_OTHERWISE}")
        return None
    if any(child.children for child in entry.children):
        findings.refused(entry.where, "columns that have columns", f"one level of children; {_OTHERWISE}")
        return None
    columns = [_field(child, findings) for child in entry.children]
    return None if None in columns else [column for column in columns if column is not None]
