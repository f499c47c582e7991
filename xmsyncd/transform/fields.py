"""The entries of ``fields``, checked and compiled: each gives one component its value (part of step 2).

The way of one value: template → rules → declared type → (key: blanks at both ends off) → Yida's form by
component → checked that it can be written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.nearest import nearest_name
from xmsyncd.records import KeyValue, QualityFinding, RejectionReason, RuleResult
from xmsyncd.transform.derived import DERIVED_NAMES
from xmsyncd.transform.grammar import Lookup, Template, TemplateError, compile_template
from xmsyncd.transform.parsers import Parser, ParserName, parser_for
from xmsyncd.transform.quality import Breach, Rule, RuleSpec, compile_rule, rule_problems
from xmsyncd.transform.quick import Quick, quick_for
from xmsyncd.transform.rows import RowScope, array_template, row_scope
from xmsyncd.transform.tables import NO_TABLES, NoEntryError, Tables
from xmsyncd.transform.value_types import (
    BLANKS,
    Converter,
    EvaluationError,
    MismatchError,
    ValueType,
    converter_for,
    is_empty,
    require_writable,
    shortened,
    text_of,
)

KEY_TYPES = frozenset({ValueType.STRING, ValueType.INT, ValueType.AS_IS})

MAX_EXPECTED_LENGTH = 300
"""Characters of an encoder's sentence that a rejection keeps: it may quote the value."""

Encode = Callable[[str, str, Any], Any]
"""(component id, declared type, value) → the value as Yida is written to; raises ValueError with words."""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One entry of ``fields``: a component of the form and the template of its value."""

    component: str
    label: str = ""
    type: str = "string"
    value: str = ""
    component_name: str = ""
    """The component's type, where its id does not tell it."""
    parser: tuple[str, str] | None = None
    """Name and parameter of a parser of 轻易云."""
    children: tuple[FieldSpec, ...] = ()
    """The columns of a table; its ``value`` then names the array whose entries are the rows."""


class BadValueError(Exception):
    """A value that must not be sent; ``asked`` are the rules of its field that were asked before."""

    def __init__(self, reason: RejectionReason, found: str, expected: str, *, asked: int = 0) -> None:
        self.reason = reason
        self.found = found
        self.expected = expected
        self.place = ""
        """Which cell of a table, if it is one."""
        self.asked = asked
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class MappedField:
    """One compiled entry."""

    number: int
    """Its place in ``fields``, from 0, for the faults."""
    component: str
    label: str
    declared_type: ValueType
    template: Template
    rules: tuple[Rule, ...]
    convert: Converter
    is_key: bool
    encode: Encode
    derived_needs: frozenset[str]
    """The derived fields its template looks at."""
    component_name: str = ""
    parser: tuple[str, str] | None = None
    parse: Parser | None = None
    columns: tuple[MappedField, ...] = ()
    scope: RowScope | None = None
    """What the columns see; only a table has it."""
    asks: int = 0
    """How many rules there are for it and its columns."""
    quick: Quick | None = None
    """The short way to its value, where there is one."""

    @property
    def roots(self) -> frozenset[str]:
        """The fields of the item that its value depends on."""
        return self.template.roots | (self.scope.item_fields if self.scope else frozenset())

    @property
    def variables(self) -> frozenset[str]:
        """The times of the cycle that its value depends on."""
        return self.template.variables.union(*(one.variables for one in self.columns))

    @property
    def all_rules(self) -> tuple[Rule, ...]:
        """Its own, and then those of its columns."""
        return (*self.rules, *(rule for column in self.columns for rule in column.rules))

    @property
    def identity(self) -> list[Any]:
        """What shapes its output, as JSON."""
        identity: list[Any] = [self.component, str(self.declared_type), self.template.text]
        if self.component_name or self.parser or self.columns:
            identity += [self.component_name, self.parser, [one.identity for one in self.columns]]
        return identity

    def value_for(self, lookup: Lookup, findings: list[QualityFinding], *, ruled: bool = True) -> Any:
        """The value to send. Raises BadValueError.

        Rules are asked in order, and what one puts right goes to the next. Without ``ruled`` none of them
        rejects. What they find is added to ``findings``.
        """
        if self.derived_needs and not self.derived_needs <= lookup.keys():
            missing = min(self.derived_needs - lookup.keys())
            raise BadValueError(RejectionReason.MAPPING, "nothing", f"the derived field {missing}")
        if self.quick is not None and (text := self.quick(lookup)) is not None:
            return text
        value: Any = None
        asked = 0
        try:
            if self.is_key:
                self._require_key_inputs(lookup)
            value = self.template.evaluate(lookup)
            if self.parse is not None:
                value = self.parse(value)
            for rule in self.rules:
                asked += 1
                breach = rule.check(value, lookup)
                if breach is not None:
                    value = judged(rule, value, breach, findings, asked=asked, ruled=ruled)
            value = self.convert(value)
            if self.scope is not None:
                value = self._rows(self.scope.lookups(value, lookup), findings, ruled=ruled)
            if self.is_key and isinstance(value, str):
                value = value.strip(BLANKS)
            encoded = self.encode(self.component, self.declared_type.value, value)
            require_writable(encoded)
        except MismatchError as error:
            raise BadValueError(RejectionReason.TYPE, shortened(value), error.expected, asked=asked) from None
        except EvaluationError as error:
            found = shortened(self.template.inputs(lookup) if value is None else value)
            raise BadValueError(mapping_reason(error), found, error.expected, asked=asked) from None
        except UnicodeError:
            expected = "text that can be written as UTF-8"
            raise BadValueError(RejectionReason.MAPPING, shortened(value), expected, asked=asked) from None
        except ValueError as error:
            expected = str(error)[:MAX_EXPECTED_LENGTH]
            raise BadValueError(RejectionReason.TYPE, shortened(value), expected, asked=asked) from None
        return encoded

    def _rows(
        self, lookups: Iterator[Lookup], findings: list[QualityFinding], *, ruled: bool
    ) -> list[dict[str, Any]]:
        rows = []
        for number, lookup in enumerate(lookups, start=1):
            cells = {}
            for column in self.columns:
                try:
                    cells[column.component] = column.value_for(lookup, findings, ruled=ruled)
                except BadValueError as error:
                    error.place = f"row {number}, {column.name}: "
                    error.asked = len(self.all_rules)  # those of the columns are asked for each row anew
                    raise
            rows.append(cells)
        return rows

    def key_of(self, encoded: Any) -> KeyValue:
        """The key that the value, once sent, can be searched by. Raises BadValueError."""
        key = text_of(encoded)
        if is_empty(key):
            self.refuse_empty_key(encoded)
        return KeyValue(key)

    def _require_key_inputs(self, lookup: Lookup) -> None:
        """A key of fixed text alone would be the same for every product; a list or an object is no key."""
        inputs = self.template.inputs(lookup)
        if all(is_empty(value) for value in inputs.values()):
            self.refuse_empty_key(next(iter(inputs.values()), None))
        for value in self.template.values(lookup):
            if isinstance(value, bool) or (isinstance(value, (list, tuple, Mapping)) and value):
                raise BadValueError(RejectionReason.TYPE, shortened(value), "text or a number, as a key")

    def refuse_empty_key(self, value: Any) -> NoReturn:
        """Raises BadValueError."""
        expected = f"a business key from {shortened(self.template.text)}"
        raise BadValueError(RejectionReason.EMPTY_KEY, shortened(value), expected)

    @property
    def name(self) -> str:
        """The component's id with its label."""
        return f"{self.component} ({self.label})" if self.label else self.component

    def sentence(self, error: BadValueError) -> str:
        """Field, value and what was expected, as a rejection tells it."""
        return sentence(self.name, error)


def mapping_reason(error: ValueError) -> RejectionReason:
    """Why a template or a derived field has no value: a table without the entry is mended otherwise."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, NoEntryError):
            return RejectionReason.LOOKUP
        cause = cause.__cause__
    return RejectionReason.MAPPING


def sentence(name: str, error: BadValueError) -> str:
    """``name``: found …, expected …; in text that can be stored."""
    text = f"{name}: {error.place}found {error.found}, expected {error.expected}"
    return text.encode("utf-8", "backslashreplace").decode()


def judged(
    rule: Rule, value: Any, breach: Breach, findings: list[QualityFinding], *, asked: int, ruled: bool
) -> Any:
    """The value to go on with after a breach, which is added to ``findings``. Raises BadValueError."""
    judgement = rule.judge(value, breach, ruled=ruled)
    finding = judgement.finding
    findings.append(finding)
    if finding.result is RuleResult.REJECTED:
        raise BadValueError(judgement.reason, finding.found, finding.expected, asked=asked)
    return judgement.value


def compile_fields(
    fields: Sequence[FieldSpec],
    rules: Sequence[RuleSpec],
    key_component: str,
    encode: Encode,
    where: str,
    tables: Tables = NO_TABLES,
) -> tuple[tuple[MappedField, ...], tuple[Rule, ...]]:
    """The fields in the order of the configuration, and the rules about records as a whole.

    Raises ConfigurationError with all faults at once.

    Entries without component and value are skipped: documents of 轻易云 hold such (seen in published ones).
    """
    prefix = f"{where}." if where else ""
    faults: list[Fault] = []
    compiled = _rules_of(fields, rules, key_component, tables, prefix, faults)
    mapped = tuple(_mapped(fields, compiled, key_component, encode, tables, prefix, faults))
    _find_key_faults(fields, mapped, key_component, prefix, faults)
    if faults:
        raise ConfigurationError(faults)
    return mapped, compiled.get("", ())


def _mapped(
    fields: Sequence[FieldSpec],
    rules: Mapping[str, tuple[Rule, ...]],
    key_component: str,
    encode: Encode,
    tables: Tables,
    prefix: str,
    faults: list[Fault],
) -> Iterator[MappedField]:
    seen: set[str] = set()
    for number, spec in enumerate(fields):
        here = f"{prefix}fields.{number}"
        if not spec.component:
            if spec.value:
                faults.append(Fault(f"{here}.field", "nothing", "the id of a component"))
            continue
        if spec.component in seen:
            faults.append(Fault(f"{here}.field", f"{spec.component} again", "each component once"))
        seen.add(spec.component)
        field = _compiled(
            spec, number, here, rules, encode, tables, faults, is_key=spec.component == key_component
        )
        if field is not None:
            yield field


def _compiled(
    spec: FieldSpec,
    number: int,
    here: str,
    rules: Mapping[str, tuple[Rule, ...]],
    encode: Encode,
    tables: Tables,
    faults: list[Fault],
    *,
    is_key: bool = False,
    is_column: bool = False,
) -> MappedField | None:
    declared_type = _type_of(spec.type, f"{here}.type", faults)
    if spec.children:
        declared_type = ValueType.ARRAY
    try:
        template = compile_template(array_template(spec.value) if spec.children else spec.value, tables)
    except TemplateError as error:
        faults.append(error.fault(f"{here}.value"))
        return None
    columns = tuple(_columns(spec, here, rules, encode, tables, faults, is_column=is_column))
    scope = row_scope(template.text, [one.template for one in columns]) if spec.children else None
    # A column reaches derived fields through the item alone; the table is then in need of them.
    looked_at = frozenset() if is_column else template.roots | (scope.item_fields if scope else frozenset())
    parse = _parser_of(spec, here, faults)
    own_rules = rules.get(spec.component, ())
    quick = None
    if parse is None and scope is None:
        quick = quick_for(template, declared_type, own_rules, encode, spec.component, is_key=is_key)
    return MappedField(
        number=number,
        component=spec.component,
        label=spec.label,
        declared_type=declared_type,
        template=template,
        rules=own_rules,
        convert=converter_for(declared_type),
        is_key=is_key,
        encode=encode,
        derived_needs=looked_at & DERIVED_NAMES,
        component_name=spec.component_name,
        parser=spec.parser,
        parse=parse,
        columns=columns,
        scope=scope,
        asks=len(own_rules) + sum(one.asks for one in columns),
        quick=quick,
    )


def _columns(
    spec: FieldSpec,
    here: str,
    rules: Mapping[str, tuple[Rule, ...]],
    encode: Encode,
    tables: Tables,
    faults: list[Fault],
    *,
    is_column: bool,
) -> Iterator[MappedField]:
    if spec.children and is_column:
        faults.append(Fault(f"{here}.children", "a table within a table", "columns that are no tables"))
        return
    seen: set[str] = set()
    for number, child in enumerate(spec.children):
        place = f"{here}.children.{number}"
        if not child.component:
            continue
        if child.component in seen:
            faults.append(Fault(f"{place}.field", f"{child.component} again", "each component once"))
        seen.add(child.component)
        column = _compiled(child, number, place, rules, encode, tables, faults, is_column=True)
        if column is not None:
            yield column


def _parser_of(spec: FieldSpec, here: str, faults: list[Fault]) -> Parser | None:
    if spec.parser is None:
        return None
    name, separator = spec.parser
    if name not in set(ParserName):
        faults.append(Fault(f"{here}.parser.name", shortened(name), "one of " + ", ".join(ParserName)))
        return None
    return parser_for(name, separator)


def _find_key_faults(
    specs: Sequence[FieldSpec],
    fields: Sequence[MappedField],
    key_component: str,
    prefix: str,
    faults: list[Fault],
) -> None:
    known = [spec.component for spec in specs if spec.component]
    if not known:
        faults.append(Fault(f"{prefix}fields", "no fields", "at least the key component"))
    elif key_component not in known:
        faults.append(Fault(f"{prefix}target.key", shortened(key_component), _nearest(key_component, known)))
    for field in fields:
        where = f"{prefix}fields.{field.number}"
        if field.is_key and not field.template.roots:
            found = f"{shortened(field.template.text)} for the key component"
            faults.append(Fault(f"{where}.value", found, 'a reference, as in "{product_no}"'))
        if field.is_key and field.template.variables:
            found = f"{min(field.template.variables)} for the key component"
            faults.append(Fault(f"{where}.value", found, "a key that does not change with time"))
        if field.is_key and field.declared_type not in KEY_TYPES:
            found = f"{field.declared_type} for the key component"
            faults.append(Fault(f"{where}.type", found, "string or int"))


def _rules_of(
    fields: Sequence[FieldSpec],
    rules: Sequence[RuleSpec],
    key_component: str,
    tables: Tables,
    prefix: str,
    faults: list[Fault],
) -> dict[str, tuple[Rule, ...]]:
    """By component, those about records as a whole by ""; in the order of the configuration."""
    columns = [child for spec in fields for child in spec.children]
    declared = {spec.component: spec.type for spec in (*fields, *columns) if spec.component}
    cells = {spec.component for spec in columns} - {spec.component for spec in fields}
    compiled: dict[str, tuple[Rule, ...]] = {}
    for number, spec in enumerate(rules):
        here = f"{prefix}quality.{number}"
        problems = [
            Fault(f"{here}.{problem.key}", problem.found, problem.expected)
            for problem in rule_problems(
                spec, is_key=spec.component == key_component, is_cell=spec.component in cells, tables=tables
            )
        ]
        if spec.component and spec.component not in declared:
            expected = _nearest(spec.component, list(declared))
            problems.append(Fault(f"{here}.field", shortened(spec.component), expected))
        faults += problems
        if problems:
            continue
        # A wrong type that the field itself declares is told once, there.
        value_type = _type_of(declared.get(spec.component, ""), "", [])
        rule = compile_rule(spec, value_type, tables)
        if rule is not None:
            component = "" if rule.is_about_record else spec.component
            compiled[component] = (*compiled.get(component, ()), rule)
    return compiled


def _type_of(name: str, where: str, faults: list[Fault]) -> ValueType:
    if name in set(ValueType):
        return ValueType(name)
    expected = "one of " + ", ".join(member for member in ValueType if member)
    faults.append(Fault(where, shortened(name), expected))
    return ValueType.AS_IS


def _nearest(name: str, known: Sequence[str]) -> str:
    near = nearest_name(name, known)
    return "a component of fields" + (f", perhaps {near}" if near else "")
