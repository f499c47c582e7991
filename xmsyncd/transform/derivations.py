"""Derived fields: values of a product under names of one's own, usable wherever a field is (step 2).

Compiled once, in the order in which one needs the other; evaluated only where something asks for them. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, assert_never

from xmsyncd.transform.custom_fields import (
    EXTERNAL_DATA,
    CustomField,
    FieldDictionary,
    UnknownFieldError,
    value_of,
)
from xmsyncd.transform.derivation_faults import DeriveError, name_faults, unknown_custom, unknown_table
from xmsyncd.transform.derivation_specs import (
    CustomSpec,
    DeriveSpec,
    GroupPlace,
    GroupSpec,
    LookupSpec,
    ObjectSpec,
    RowsSpec,
    UrlsSpec,
    ValueSpec,
)
from xmsyncd.transform.derived import GROUP_PATH
from xmsyncd.transform.grammar import Lookup, Template, TemplateError, compile_template
from xmsyncd.transform.shapes import rows_in, urls_in
from xmsyncd.transform.tables import LookupTable, Tables
from xmsyncd.transform.value_types import EvaluationError, is_empty, text_of

Evaluate = Callable[[Lookup], Any]


@dataclass(frozen=True, slots=True)
class Derivation:
    """One derived field, compiled. ``evaluate`` raises ValueError with ``expected``, and nothing else."""

    name: str
    roots: frozenset[str]
    """Fields and derived fields that it looks at."""
    variables: frozenset[str]
    evaluate: Evaluate
    inputs: Callable[[Lookup], Mapping[str, Any]]
    text: str
    """Its definition, as a preview shows it."""
    definition: Any
    """All that shapes its value beside the item and the tables, as JSON."""
    custom_field: CustomField | None = None
    """The custom field of OKKI that it is, its id "" until the dictionary is known."""

    def is_void(self, lookup: Lookup) -> bool:
        """Whether it was made of nothing but empty values, whatever fixed text is around them."""
        return all(is_empty(value) for value in self.inputs(lookup).values())


Chain = tuple[Derivation, ...]
"""Derived fields in an order in which each finds what it needs."""


class Derivations:
    """The derived fields of one pipeline."""

    def __init__(self, in_order: Sequence[Derivation]) -> None:
        self._in_order = tuple(in_order)
        self._by_name = {one.name: one for one in in_order}

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._by_name)

    @property
    def custom_names(self) -> tuple[str, ...]:
        """The custom fields of OKKI that are declared, by the names they are declared with."""
        return tuple(one.custom_field.name for one in self._in_order if one.custom_field is not None)

    def chain(self, roots: frozenset[str]) -> Chain:
        """What must be derived, and in which order, before ``roots`` can be looked at."""
        wanted = roots & self._by_name.keys()
        found: set[str] = set()
        while wanted:
            found |= wanted
            wanted = (
                frozenset().union(*(self._by_name[name].roots for name in wanted)) & self._by_name.keys()
            ) - found
        return tuple(one for one in self._in_order if one.name in found)

    def needs(self, roots: frozenset[str]) -> frozenset[str]:
        """What an item must show (fields and group levels) for ``roots`` to be known."""
        chain = self.chain(roots)
        return roots.union(*(one.roots for one in chain)) - self._by_name.keys()

    def derive(self, lookup: Lookup) -> dict[str, Any]:
        """All derived fields of one item by name. Raises ValueError with ``expected``."""
        values = dict(lookup)
        complete(values, self._in_order)
        return {one.name: values[one.name] for one in self._in_order}


def complete(lookup: dict[str, Any], chain: Chain) -> None:
    """Add to the lookup what it does not have of a chain. Raises DerivationError, naming the field."""
    for one in chain:
        if one.name not in lookup:
            try:
                lookup[one.name] = one.evaluate(lookup)
            except ValueError as error:
                raise DerivationError(one, lookup, getattr(error, "expected", str(error))) from error


class DerivationError(ValueError):
    """A derived field has no value for this item; its ``__cause__`` is the reason."""

    def __init__(self, derivation: Derivation, lookup: Lookup, expected: str) -> None:
        self.name = derivation.name
        self.found = dict(derivation.inputs(lookup))
        self.expected = f"{expected} (derived field {derivation.name})"
        super().__init__(self.expected)


NO_DERIVATIONS: Final = Derivations(())


def compile_derivations(
    specs: Sequence[DeriveSpec], tables: Tables, fields: FieldDictionary | None
) -> tuple[Derivations, list[DeriveError]]:
    """The derived fields, and everything that is wrong with them.

    Without OKKI's dictionary (``fields``: ``None``) custom fields are left open: their names are not judged
    here, and their evaluation is an EvaluationError.
    """
    faults = list(name_faults(spec.name for spec in specs))
    compiled: dict[str, Derivation] = {}
    for spec in specs:
        try:
            compiled.setdefault(spec.name, _compiled(spec, tables, fields))
        except DeriveError as fault:
            faults.append(fault)
    try:
        graph = {one.name: one.roots & compiled.keys() for one in compiled.values()}
        order = tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle: list[str] = error.args[1]
        found = "a circle: " + " → ".join(reversed(circle))
        faults.append(DeriveError((circle[0],), found, "derived fields of which none needs itself"))
        order = ()
    return Derivations([compiled[name] for name in order]), faults


def _compiled(spec: DeriveSpec, tables: Tables, fields: FieldDictionary | None) -> Derivation:
    match spec:
        case ValueSpec():
            return _value(spec, tables)
        case LookupSpec():
            return _lookup(spec, tables)
        case GroupSpec():
            return _group(spec)
        case CustomSpec():
            return _custom(spec, fields)
        case UrlsSpec():
            template = _template(spec.of, (spec.name, "urls"), tables)
            return _of_template(spec.name, template, urls_in, "urls")
        case RowsSpec():
            return _rows(spec, tables)
        case ObjectSpec():
            return _object(spec, tables)
        case _:
            assert_never(spec)


def _template(text: str, path: tuple[str, ...], tables: Tables) -> Template:
    try:
        return compile_template(text, tables)
    except TemplateError as error:
        found = f"{error.found} (character {error.position + 1})"
        raise DeriveError(path, found, error.expected) from None


def _of_template(
    name: str, template: Template, shaped: Callable[[Any], Any], kind: str, further: Any = None
) -> Derivation:
    return Derivation(
        name=name,
        roots=template.roots,
        variables=template.variables,
        evaluate=lambda lookup: shaped(template.evaluate(lookup)),
        inputs=template.inputs,
        text=f"{kind} {template.text}",
        definition=[kind, template.text, further],
    )


def _value(spec: ValueSpec, tables: Tables) -> Derivation:
    template = _template(spec.value, (spec.name, "value"), tables)
    return Derivation(
        name=spec.name,
        roots=template.roots,
        variables=template.variables,
        evaluate=template.evaluate,
        inputs=template.inputs,
        text=template.text,
        definition=["value", template.text],
    )


def _lookup(spec: LookupSpec, tables: Tables) -> Derivation:
    table = tables.get(spec.table)
    if table is None:
        raise unknown_table(spec, tables)
    if spec.missing is not None:
        table = LookupTable(table.name, table.entries, spec.missing)
    template = _template(spec.of, (spec.name, "of"), tables)
    missing = None if spec.missing is None else spec.missing.value
    return _of_template(spec.name, template, table.find, f"lookup {spec.table} of", missing)


def _group(spec: GroupSpec) -> Derivation:
    show = spec.show.value

    def evaluate(lookup: Lookup) -> Any:
        path = lookup.get(GROUP_PATH)
        if not isinstance(path, Mapping):
            raise EvaluationError("the groups of OKKI")
        levels, leaf = path["levels"], path["leaf"]
        match spec.level:
            case GroupPlace.LEAF:
                return "" if leaf is None else leaf[show]
            case GroupPlace.PATH:
                shown = levels or ([] if leaf is None else [leaf])
                return spec.separator.join([group[show] for group in shown])
            case number:
                return levels[number - 1][show] if number <= len(levels) else ""

    return Derivation(
        name=spec.name,
        roots=frozenset({GROUP_PATH}),
        variables=frozenset(),
        evaluate=evaluate,
        inputs=lambda lookup: {"group": evaluate(lookup)},
        text=f"group {spec.level}, {show}",
        definition=["group", str(spec.level), show, spec.separator],
    )


def _custom(spec: CustomSpec, fields: FieldDictionary | None) -> Derivation:
    field = CustomField("", spec.field)
    if fields is not None:
        try:
            field = fields.find(spec.field)
        except UnknownFieldError as error:
            raise unknown_custom(spec, error, fields) from None

    def evaluate(lookup: Lookup) -> Any:
        if not field.id:
            raise EvaluationError("OKKI's field dictionary")
        value = value_of(lookup, field.id, field.name)
        return "" if value is None else value

    return Derivation(
        name=spec.name,
        roots=frozenset({EXTERNAL_DATA, field.id} - {""}),
        variables=frozenset(),
        evaluate=evaluate,
        inputs=lambda lookup: {field.name: value_of(lookup, field.id, field.name)},
        text=f"custom field {field.name}",
        definition=["custom", field.name, field.id],
        custom_field=field,
    )


def _rows(spec: RowsSpec, tables: Tables) -> Derivation:
    template = _template(spec.of, (spec.name, "rows"), tables)
    columns = {
        column: _template(text, (spec.name, "columns", column), tables)
        for column, text in spec.columns.items()
    }

    def shaped(value: Any) -> list[Any]:
        rows = rows_in(value)
        if not columns:
            return rows
        return [
            {column: _cell(one, row, f"row {number}, column {column}") for column, one in columns.items()}
            for number, row in enumerate(rows, 1)
        ]

    return _of_template(spec.name, template, shaped, "rows", dict(spec.columns))


def _object(spec: ObjectSpec, tables: Tables) -> Derivation:
    """Empty where all that its parts look at is: fixed text alone tells nothing of an item."""
    parts = {part: _template(text, (spec.name, "object", part), tables) for part, text in spec.parts.items()}
    nothing: frozenset[str] = frozenset()

    def inputs(lookup: Lookup) -> dict[str, Any]:
        return {name: value for one in parts.values() for name, value in one.inputs(lookup).items()}

    def evaluate(lookup: Lookup) -> Any:
        if all(is_empty(value) for value in inputs(lookup).values()):
            return ""
        return {part: _cell(one, lookup, f"part {part}") for part, one in parts.items()}

    return Derivation(
        name=spec.name,
        roots=nothing.union(*(one.roots for one in parts.values())),
        variables=nothing.union(*(one.variables for one in parts.values())),
        evaluate=evaluate,
        inputs=inputs,
        text=f"object of {', '.join(parts)}",
        definition=["object", dict(spec.parts)],
    )


def _cell(template: Template, row: Lookup, where: str) -> Any:
    """One cell of a row, or one part of an object. Raises EvaluationError that says which."""
    try:
        return template.evaluate(row)
    except ValueError as error:
        raise EvaluationError(f"{getattr(error, 'expected', error)} in {where}") from error


def input_text(found: Mapping[str, Any]) -> Any:
    """What a derived field was made of, as one value for a message: alone, or by reference."""
    if len(found) == 1:
        return next(iter(found.values()))
    return {name: text_of(value)[:40] if isinstance(value, str) else value for name, value in found.items()}
