"""The field list of a pipeline: an item becomes a draft, or a rejection that says why (step 2).

Pure; an item never makes it raise, whatever JSON it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.records import (
    ContentHash,
    Draft,
    Filtered,
    Item,
    KeyValue,
    QualityFinding,
    Rejection,
    RejectionReason,
    RuleResult,
)
from xmsyncd.transform.custom_fields import FieldDictionary
from xmsyncd.transform.depth import DEEPEST, is_too_deep
from xmsyncd.transform.derivation_specs import BUILT_IN_TABLES, DeriveSpec
from xmsyncd.transform.derivations import (
    NO_DERIVATIONS,
    Chain,
    Derivation,
    DerivationError,
    Derivations,
    compile_derivations,
    complete,
    input_text,
)
from xmsyncd.transform.derived import DERIVED_NAMES
from xmsyncd.transform.fields import (
    BadValueError,
    Encode,
    FieldSpec,
    MappedField,
    compile_fields,
    judged,
    mapping_reason,
    sentence,
)
from xmsyncd.transform.hashes import content_hash, hash_of
from xmsyncd.transform.quality import Rule, RuleSpec
from xmsyncd.transform.quality.standing import QualityPlan, standing_rules
from xmsyncd.transform.tables import RecordedTables, Tables
from xmsyncd.transform.value_types import EvaluationError, is_empty, shortened
from xmsyncd.transform.variables import times
from xmsyncd.transform.where import Where, WhereError, compile_where

__all__ = ["RENDERING", "Encode", "FieldMapping", "FieldSpec", "RuleSpec", "Step"]

RENDERING = 2
"""Raised by one whenever the same template and item give another value than before: part of the context."""

_ONE_MOMENT: Final = times(datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Step:
    """How one component got its value; ``fault`` is "" or the sentence of the rejection."""

    component: str
    label: str
    template: str
    inputs: Mapping[str, Any]
    output: Any
    fault: str
    given: Any = None
    """What the template gave, before rules and types made the output of it."""
    rules: tuple[tuple[str, str], ...] = ()
    """The rules that were asked, in order, each with what it came to (a word of ``RuleResult``)."""


class FieldMapping:
    """What one pipeline sends to Yida for an item.

    ``where`` is the place of the pipeline in the configuration, for the faults. Raises ConfigurationError
    with all faults at once.
    """

    def __init__(
        self,
        fields: Sequence[FieldSpec],
        rules: Sequence[RuleSpec],
        key_component: str,
        encode: Encode,
        *,
        where: str = "",
        derive: Sequence[DeriveSpec] = (),
        tables: Tables = BUILT_IN_TABLES,
        custom_fields: FieldDictionary | None = None,
        only: str = "",
    ) -> None:
        """``custom_fields``: OKKI's dictionary; without it no custom field has a value.

        ``only`` is the text of the pipeline's filter, "" for all items.
        """
        taken = RecordedTables(tables)
        self._derivations = _derivations(derive, taken, custom_fields, where)
        self._fields, self._record_rules = compile_fields(fields, rules, key_component, encode, where, taken)
        self._where = _where(only, taken, where)
        record_roots: frozenset[str] = frozenset().union(*(rule.roots for rule in self._record_rules))
        self._record_chain = self._derivations.chain(record_roots)
        self._where_chain = self._derivations.chain(self._where.roots if self._where else frozenset())
        self._chains = {
            field.component: chain
            for field in self._fields
            if (chain := self._derivations.chain(self._looked_at(field)))
        }
        # The key comes first, so that every other rejection can say which record it is about.
        self._in_order = tuple(sorted(self._fields, key=lambda field: not field.is_key))
        self._empty: dict[str, Any] = dict.fromkeys(field.component for field in self._fields)
        self.key_component = key_component
        self.rules: tuple[Rule, ...] = self._rules_in_order()
        roots = record_roots.union(*(self._looked_at(field) for field in self._fields))
        if self._where is not None:
            roots |= self._where.roots
        self._roots = roots
        self.needs: frozenset[str] = self._derivations.needs(roots)
        self.derived_needs: frozenset[str] = self.needs & DERIVED_NAMES
        self.item_needs: frozenset[str] = self.needs - DERIVED_NAMES
        names = {field.component: field.name for field in self._fields}
        self.quality = QualityPlan(tuple(rule.asked for rule in self.rules), standing_rules(rules, names))
        """The rules as they are asked, for those who count them."""
        self.volatile: frozenset[str] = frozenset(
            field.component
            for field in self._fields
            if field.variables or any(one.variables for one in self._derivations.chain(field.roots))
        )
        """Components whose value tells a time of ours, which is sent and never a reason to send.

        What else they tell of the record is one, as everything is (see :meth:`_sources`).
        """
        if key_component in self.volatile:
            raise ConfigurationError([_key_of_time(where, self._in_order[0])])
        self._timed = tuple(
            (field, self._derivations.chain(field.roots), sorted(inputs))
            for field in self._fields
            if field.component in self.volatile and (inputs := self._derivations.needs(field.roots))
        )
        self.is_filter_volatile = self._where is not None and bool(
            self._where.variables or any(one.variables for one in self._where_chain)
        )
        """Whether an item that has not changed may come or go with time."""
        used = self._derivations.chain(roots)
        self.custom_fields = tuple(one.custom_field for one in used if one.custom_field is not None)
        """OKKI's custom fields that values depend on, without their ids until its dictionary is known."""
        self.custom_names = self._derivations.custom_names
        """All that are declared, used or not: the dictionary to compile with must have each of them."""
        self.tables_used = frozenset(taken.hashes)
        """The look-up tables that templates and derived fields name."""
        self.spec: Mapping[str, Any] = _spec(self._fields, rules, key_component, used, taken, only)
        """All of it that shapes the output, as JSON by name."""
        self.spec_hash: ContentHash = hash_of(self.spec)

    @property
    def components(self) -> tuple[str, ...]:
        """The mapped component ids, in the order of the configuration."""
        return tuple(self._empty)

    def map_item(
        self,
        item: Item,
        detail: Mapping[str, Any] | None,
        derived: Mapping[str, Any],
        *,
        ruled: bool = True,
    ) -> Draft | Filtered | Rejection:
        """The first fault found rejects the item; the key component is looked at first.

        What ``where`` leaves out is not looked at any further.

        Without ``ruled`` the rules of ``quality`` reject nothing, only what cannot be sent is rejected; what
        they put right is put right in any case.

        A field comes from ``derived``, else from the item as listed, else (absent or null there) from
        ``detail``. ``derived`` must hold all of ``derived_needs``: blanks never stand in for them; and the
        platform's variables, where a template asks for one.
        """
        if is_too_deep(item.raw):
            found = f"found an item nested in more than {DEEPEST} levels, expected a product"
            return Rejection(item.source_id, item.updated_at, RejectionReason.UNREADABLE, found)
        lookup = self._lookup(item, detail, derived)
        if self._where is not None:
            outside = self._judge(self._where, item, lookup)
            if outside is not None:
                return outside
        content = self._empty.copy()
        key: KeyValue | None = None
        findings: list[QualityFinding] = []
        asked = 0
        for field in self._in_order:
            try:
                self._derive_for(field, lookup)
                encoded = content[field.component] = field.value_for(lookup, findings, ruled=ruled)
                asked += field.asks
                if field.is_key:
                    key = field.key_of(encoded)
            except BadValueError as error:
                return Rejection(
                    source_id=item.source_id,
                    updated_at=item.updated_at,
                    reason=error.reason,
                    detail=field.sentence(error),
                    component=field.component,
                    key=key or self._key_in_spite(field, lookup),
                    findings=tuple(findings),
                    checked=asked + error.asked,
                )
        if key is None:
            raise AssertionError("a mapping without its key component cannot be built")
        if self._record_rules:
            rejection = self._judge_record(item, lookup, key, findings, asked, ruled=ruled)
            if rejection is not None:
                return rejection
        hashed = content_hash(content, self.volatile, self._sources(lookup))
        return Draft(item.source_id, item.updated_at, key, content, hashed, findings=tuple(findings))

    def _sources(self, lookup: Mapping[str, Any]) -> dict[str, str]:
        """By volatile component the hash of what its value is made of beside the time, if of anything.

        That are the fields it depends on, and what becomes of them at one and the same moment: so it is
        another one, too, where a look-up table or a template has changed.
        """
        sources: dict[str, str] = {}
        for field, chain, inputs in self._timed:
            known: dict[str, Any] = {name: lookup.get(name) for name in inputs}
            still = {**known, **_ONE_MOMENT}
            value: Any = None
            with contextlib.suppress(BadValueError):
                _complete(still, chain)
                value = field.value_for(still, [], ruled=False)
            sources[field.component] = hash_of([known, value])
        return sources

    def _judge_record(
        self,
        item: Item,
        lookup: dict[str, Any],
        key: KeyValue,
        findings: list[QualityFinding],
        asked: int,
        *,
        ruled: bool,
    ) -> Rejection | None:
        """The rules about the record as a whole come last: a fault of one field says more."""
        try:
            _complete(lookup, self._record_chain)
            for rule in self._record_rules:
                asked += 1
                breach = rule.check(item, lookup)
                if breach is not None:
                    judged(rule, None, breach, findings, asked=0, ruled=ruled)
        except BadValueError as error:
            return Rejection(
                source_id=item.source_id,
                updated_at=item.updated_at,
                reason=error.reason,
                detail=sentence("the record", error),
                key=key,
                findings=tuple(findings),
                checked=asked,
            )
        return None

    def _key_in_spite(self, field: MappedField, lookup: Mapping[str, Any]) -> KeyValue | None:
        """The key that a rule turned down, so that people can tell which product it is."""
        if field.is_key:
            with contextlib.suppress(BadValueError):
                return field.key_of(field.value_for(lookup, [], ruled=False))
        return None

    def _rules_in_order(self) -> tuple[Rule, ...]:
        return (*(rule for field in self._in_order for rule in field.all_rules), *self._record_rules)

    def filtered_early(
        self, item: Item, detail: Mapping[str, Any] | None, times: Mapping[str, Any], missing: frozenset[str]
    ) -> Filtered | None:
        """An item that is left out whatever the fields that are ``missing``, and its groups, may be."""
        if self._where is None or is_too_deep(item.raw):
            return None
        if self._derivations.needs(self._where.roots) & (missing | DERIVED_NAMES):
            return None
        outside = self._judge(self._where, item, self._lookup(item, detail, times))
        return outside if isinstance(outside, Filtered) else None

    def explain_where(
        self, item: Item, detail: Mapping[str, Any] | None, derived: Mapping[str, Any]
    ) -> tuple[Step, ...]:
        """How the filter judges, if there is one; ``fault`` says what leaves the item out."""
        if self._where is None:
            return ()
        lookup = self._lookup(item, detail, derived)
        outside = self._judge(self._where, item, lookup)
        inputs = {root: lookup.get(root) for root in sorted(self._where.roots)}
        fault = "" if outside is None else outside.detail
        return (Step("where", "", self._where.text, inputs, outside is None, fault),)

    def _judge(self, where: Where, item: Item, lookup: dict[str, Any]) -> Filtered | Rejection | None:
        """``None`` for an item that the pipeline is about."""
        try:
            complete(lookup, self._where_chain)
            if where.matches(lookup):
                return None
            reason = where.reason(lookup)
        except (DerivationError, EvaluationError) as error:
            found = (
                input_text(error.found)
                if isinstance(error, DerivationError)
                else {root: lookup.get(root) for root in sorted(where.roots)}
            )
            text = f"where: found {shortened(found)}, expected {error.expected}"
            detail = text.encode("utf-8", "backslashreplace").decode()
            return Rejection(item.source_id, item.updated_at, mapping_reason(error), detail)
        detail = f"where: {reason}".encode("utf-8", "backslashreplace").decode()
        return Filtered(item.source_id, item.updated_at, detail, self._key_in(lookup))

    def _key_in(self, lookup: dict[str, Any]) -> KeyValue | None:
        """The key by which people may look for an item that is not mapped."""
        key_field = self._in_order[0]
        with contextlib.suppress(BadValueError):
            self._derive_for(key_field, lookup)
            return key_field.key_of(key_field.value_for(lookup, [], ruled=False))
        return None

    def key_alone(
        self, item: Item, detail: Mapping[str, Any] | None, missing: frozenset[str]
    ) -> KeyValue | None:
        """The key of an item that cannot be mapped, where it depends on nothing that is ``missing``.

        Nothing derived is known either. A part of a key would be another product's.
        """
        lookup = self._lookup(item, detail, {})
        for field in self._fields:
            if field.is_key and not self._derivations.needs(field.roots) & missing:
                with contextlib.suppress(BadValueError):
                    self._derive_for(field, lookup)
                    return field.key_of(field.value_for(lookup, [], ruled=False))
        return None

    def explain(
        self, item: Item, detail: Mapping[str, Any] | None, derived: Mapping[str, Any]
    ) -> tuple[Step, ...]:
        """Each component's template, inputs, output and fault, in the order of the configuration."""
        lookup = self._lookup(item, detail, derived)
        steps = []
        for field in self._fields:
            output: Any = None
            given: Any = None
            fault = ""
            findings: list[QualityFinding] = []
            asked = len(field.all_rules)
            try:
                self._derive_for(field, lookup)
                with contextlib.suppress(EvaluationError):  # the next line says so, as a fault
                    given = field.template.evaluate(lookup)
                output = field.value_for(lookup, findings)
                if field.is_key:
                    field.key_of(output)
            except BadValueError as error:
                fault = field.sentence(error)
                asked = error.asked
            inputs = field.template.inputs(lookup)
            rules = _results(field.all_rules[:asked], findings)
            steps.append(
                Step(field.component, field.label, field.template.text, inputs, output, fault, given, rules)
            )
        return tuple(steps)

    def explain_derived(
        self, item: Item, detail: Mapping[str, Any] | None, derived: Mapping[str, Any]
    ) -> tuple[Step, ...]:
        """The same for each derived field that is used, in the order in which one needs the other."""
        lookup = self._lookup(item, detail, derived)
        steps = []
        for one in self._derivations.chain(self._roots):
            output: Any = None
            fault = ""
            try:
                complete(lookup, (one,))
                output = lookup[one.name]
            except DerivationError as error:
                fault = f"found {shortened(input_text(error.found))}, expected {error.expected}"
            inputs = dict(one.inputs(lookup))
            steps.append(Step(f"derive.{one.name}", one.name, one.text, inputs, output, fault))
        return tuple(steps)

    def _looked_at(self, field: MappedField) -> frozenset[str]:
        """What its template and its rules look at."""
        return field.roots.union(*(rule.roots for rule in field.all_rules))

    def _derive_for(self, field: MappedField, lookup: dict[str, Any]) -> None:
        """Derive what the field looks at. Raises BadValueError."""
        chain = self._chains.get(field.component)
        if chain is None:
            return
        _complete(lookup, chain)
        if field.is_key:
            # Fixed text around nothing would be the key of every product that lacks the same fields.
            blanked = dict(lookup)
            for one in chain:
                if one.is_void(blanked):
                    blanked[one.name] = ""
            if all(is_empty(value) for value in field.template.inputs(blanked).values()):
                field.refuse_empty_key("")

    def _lookup(
        self, item: Item, detail: Mapping[str, Any] | None, derived: Mapping[str, Any]
    ) -> dict[str, Any]:
        raw = item.raw
        values = {name: raw.get(name) for name in self.item_needs}
        if detail is not None:
            for name, value in values.items():
                if value is None:
                    values[name] = detail.get(name)
        values.update(derived)
        return values


def _key_of_time(where: str, field: MappedField) -> Fault:
    found = f"{shortened(field.template.text)} for the key component, which depends on a time"
    prefix = f"{where}." if where else ""
    return Fault(f"{prefix}fields.{field.number}.value", found, "a key that does not change with time")


def _results(asked: Sequence[Rule], findings: Sequence[QualityFinding]) -> tuple[tuple[str, str], ...]:
    """What each rule came to; of a column the worst of its rows, which is told last."""
    found = {(one.component, one.rule): one.result for one in findings}
    return tuple(
        (rule.kind.value, found.get((rule.component, rule.kind.value), RuleResult.KEPT).value)
        for rule in asked
    )


def _derivations(
    specs: Sequence[DeriveSpec], tables: Tables, custom_fields: FieldDictionary | None, where: str
) -> Derivations:
    if not specs:
        return NO_DERIVATIONS
    derivations, faults = compile_derivations(specs, tables, custom_fields)
    if faults:
        prefix = f"{where}.derive" if where else "derive"
        raise ConfigurationError([fault.fault(prefix) for fault in faults])
    return derivations


def _where(only: str, tables: Tables, prefix: str) -> Where | None:
    if not only:
        return None
    try:
        return compile_where(only, tables)
    except WhereError as error:
        at = f"{prefix}.where" if prefix else "where"
        raise ConfigurationError(
            [
                Fault(
                    ".".join([at, *map(str, fault.path)])
                    + ("" if fault.position is None else f", character {fault.position + 1}"),
                    fault.found,
                    fault.expected,
                )
                for fault in error.faults
            ]
        ) from None


def _complete(lookup: dict[str, Any], chain: Chain) -> None:
    """Derive a chain. Raises BadValueError."""
    try:
        complete(lookup, chain)
    except DerivationError as error:
        found = shortened(input_text(error.found))
        raise BadValueError(mapping_reason(error), found, error.expected) from None


def _spec(
    fields: Sequence[MappedField],
    rules: Sequence[RuleSpec],
    key_component: str,
    derived: Sequence[Derivation],
    tables: RecordedTables,
    only: str,
) -> dict[str, Any]:
    """Labels and the order of entries shape no output and are left out; so is what no component uses."""
    further: dict[str, Any] = {}
    if derived:
        further["derive"] = {one.name: one.definition for one in derived}
    if only:
        further["where"] = only
    if tables.hashes:
        further["tables"] = tables.hashes
    return {
        **further,
        "rendering": RENDERING,
        "key": key_component,
        "fields": sorted(field.identity for field in fields),
        # Those of one component are asked in the order in which they stand.
        "rules": [rule.shape() for rule in sorted(rules, key=lambda rule: rule.component)],
    }
