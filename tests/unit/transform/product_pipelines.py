"""Pipelines that use all of the language between them, for products of any shape: each is one mapping.

The first fault of a product hides the others, so there are many small pipelines, and one with everything.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.component_guide import ENGLISH, examples, together
from tests.scenario import FIELDS, KEY, configuration
from xmsyncd.operations.vendors import mapping_of
from xmsyncd.settings import TargetSettings, load_settings
from xmsyncd.settings.lookup_files import read_tables
from xmsyncd.transform.custom_fields import CustomField, FieldDictionary
from xmsyncd.transform.derivation_specs import BUILT_IN_TABLES
from xmsyncd.transform.expressions.functions import FUNCTIONS
from xmsyncd.transform.filters import FILTERS
from xmsyncd.transform.grammar import TemplateError, compile_template
from xmsyncd.transform.mapping import FieldMapping
from xmsyncd.transform.tables import LookupTable, Tables

OTHER = "textField_other"
KEY_ENTRY = {"field": KEY, "label": "产品编码", "value": "{product_no}"}

LOOKUPS: dict[str, dict[str, Any]] = {
    "kinds": {"entries": {"1": "无", "2": "多", "是": "yes"}},
    "units": {"entries": {"个": "pcs"}, "missing": "keep"},
}
TABLES: Tables = {name: LookupTable(name, one["entries"]) for name, one in LOOKUPS.items()}
CUSTOM_FIELDS = FieldDictionary([CustomField("30001", "保修"), CustomField("30002", "0")])

DERIVE: dict[str, Any] = {
    "编号": "{product_no}-{{model|trim}}",
    "价": "_function ROUND(IFNULL({price}, {fob.price_min}) * 1.13, 2)",
    "类": {"lookup": "kinds", "of": "{product_type}", "missing": "empty"},
    "单位": {"lookup": "units", "of": "{{unit|trim}}"},
    "规格": {"enum": "product_type"},
    "级": {"group": "path", "show": "name"},
    "保修": {"custom": "保修"},
    "图": {"urls": "{images}"},
    "行": {"rows": "{sku_items}", "columns": {"码": "{{sku_code|upper}}", "价": "{price|number}"}},
    "全": "_function CONCAT({编号}, '/', {类}, '/', COUNT({sku_items}))",
}

PLACES = ("{x}", "{price}", "{name}", "{sku_items.price}")
"""What a function is asked about: values that a product may show in any shape."""

SHAPES = (
    *("{x}", "{{x}}", "《{{x}}》{{name}}", "{name.0}", "{{sku_items.price}}", "{x.0.a.b}"),
    *(
        f"_function {{x}} {operator} {{price}}"
        for operator in ("+", "-", "*", "/", "%", "DIV", "=", "<", "AND")
    ),
    *("_function -{x}", "_function NOT {x}", "_function {x} LIKE {name}", "_function {x} REGEXP 'a*'"),
    *("_function {x} BETWEEN {price} AND 9", "_function {x} IN (1, 'a', {name})", "_function {x} <=> {name}"),
    *(
        "_function CASE WHEN {x} > {price} THEN {x} ELSE {name} END",
        "_function CASE {x} WHEN {name} THEN 1 END",
    ),
    *(
        f"_function CAST({{x}} AS {kind})"
        for kind in ("SIGNED", "CHAR(3)", "DATE", "DATETIME", "DECIMAL(9,2)")
    ),
    *(f"_function DATE_ADD({{x}}, INTERVAL {{price}} {unit})" for unit in ("DAY", "YEAR", "MICROSECOND")),
    *("_function LOOKUP('kinds', {x})", "_function DATE_FORMAT({x}, '%Y-%m-%d %H')", "_function NOW() - {x}"),
    *("_function STR_TO_DATE({x}, '%Y-%m-%d')", "_function TIMESTAMPDIFF(DAY, {x}, {name})"),
    *("_function TRIM(LEADING '0' FROM {x})", "_function REPEAT(CONCAT({x}, {x}, {x}), {price})"),
)


def values() -> Iterator[str]:
    """Templates and expressions with every filter and function, in as many arguments as each takes."""
    yield from (value for value in SHAPES if _is_right(value))
    for name in sorted(FILTERS):
        for arguments in ("", "(2)", "('a')", "('a','b')", "(units)"):
            value = f"{{x|{name}{arguments}}}"
            if _is_right(value):
                yield value
    for name in sorted(FUNCTIONS):
        for number in range(5):
            value = f"_function {name}({', '.join(PLACES[:number])})"
            if _is_right(value):
                yield value


def _is_right(value: str) -> bool:
    try:
        compile_template(value, TABLES)
    except TemplateError:
        return False
    return True


TYPES = ("string", "int", "float", "bool", "object", "array", "")
PARSERS = tuple({"name": name, "params": ","} for name in ("StringToArray", "ArrayToString"))
RULES: tuple[dict[str, Any], ...] = (
    {"rule": "required", "value": "无"},
    {"rule": "type", "type": "float", "value": "0"},
    {"rule": "type", "type": "bool", "value": "false"},
    {"rule": "type", "type": "object", "value": "{}"},
    {"rule": "length", "min": 2, "max": 5, "value": "无名"},
    {"rule": "pattern", "pattern": r"(\p{Han}|a*)*b?", "value": "b"},
    {"rule": "range", "min": -1, "max": 1e15, "value": "0"},
    {"rule": "one_of", "values": ["a", "个"], "value": "个"},
    {"rule": "expression", "expect": "{x} <= {price} OR LENGTH({name}) > 3", "value": "0"},
    {"rule": "band", "min": 0, "max": 5000},
    {"rule": "change", "factor": 3},
    {"rule": "unique"},
    {"rule": "consistent"},
)
RECORD_RULES: tuple[dict[str, Any], ...] = (
    {"rule": "group"},
    {"rule": "fresh", "max_age": "730d"},
    {"rule": "expression", "expect": "{price} < {x}"},
)
CONDITIONS: tuple[Any, ...] = (
    "{x} > 3 AND {name} LIKE '%a%'",
    "COUNT({sku_items}) > 0 OR {保修} IS NULL",
    "DATE_FORMAT({x}, '%Y') > 2000",
    *(
        [[{"field": "x", "logic": logic, "value": value}]]
        for logic, value in (
            *(("eq", "1"), ("neq", "a"), ("gt", "1"), ("elt", "2026-01-01 00:00:00"), ("like", "a")),
            *(("notlike", "%"), ("between", "1,9"), ("notnull", ""), ("isnull", ""), ("in", "1,a")),
            *(
                ("gt", "timestamp:1795424400"),
                ("eq", "timestamp:{{LAST_SYNC_TIME}}"),
                ("between", "timestamp:1,timestamp:9"),
            ),
            *(("like", "%a_%"), ("gt", "{{CURRENT_TIME|datetime}}"), ("elt", "{price}")),
        )
    ),
    [[{"field": "sku_items.price", "logic": "gt", "value": "1"}], [{"field": "name", "logic": "notnull"}]],
)


def pipelines() -> Iterator[dict[str, Any]]:
    """Each as the further keys of its settings."""
    for example in examples(ENGLISH):
        derive = example.further.get("derive", {})
        yield {"fields": [KEY_ENTRY, example.entry], "derive": derive}
        if "children" not in example.entry:
            yield {"fields": [KEY_ENTRY, {**example.entry, "value": "{x}", "type": ""}]}
    for number, value in enumerate(values()):
        yield {
            "fields": [KEY_ENTRY, {"field": OTHER, "type": TYPES[number % len(TYPES)], "value": value}],
        }
        yield {"fields": [KEY_ENTRY, {"field": "any", "type": "", "value": value}]}
    for parser in PARSERS:
        yield {"fields": [KEY_ENTRY, {"field": OTHER, "type": "", "value": "{x}", "parser": parser}]}
    for rule in RULES:
        for on_fail in ("reject", "warn", "fix"):
            known = {name: one for name, one in rule.items() if name != "value" or on_fail == "fix"}
            if on_fail == "fix" and rule["rule"] in ("band", "change", "unique", "consistent"):
                continue
            for field in (OTHER,) if on_fail == "fix" else (OTHER, KEY):
                yield {
                    "fields": [KEY_ENTRY, {"field": OTHER, "type": "", "value": "{x}"}],
                    "quality": [{**known, "field": field, "on_fail": on_fail}],
                }
    for rule in RECORD_RULES:
        for on_fail in ("reject", "warn"):
            yield {"fields": FIELDS, "quality": [{**rule, "on_fail": on_fail}]}
    for condition in CONDITIONS:
        yield {"fields": FIELDS, "where": condition, "derive": DERIVE}
    for name in DERIVE:
        yield {"fields": [KEY_ENTRY, {"field": "any", "type": "", "value": f"{{{name}}}"}], "derive": DERIVE}
    yield {
        "fields": [
            {"field": KEY, "value": "{编号}"},
            *FIELDS[2:],
            *(one.entry for one in examples(ENGLISH)),
            *(
                {"field": f"textField_{number}", "value": f"{{{{{name}}}}}"}
                for number, name in enumerate(DERIVE)
            ),
        ],
        "derive": DERIVE | together(examples(ENGLISH))["derive"],
        "where": "{enable_flag} <> 0 OR {enable_flag} IS NULL",
        "quality": [
            {"rule": "expression", "expect": "{price} >= 0 OR {price} IS NULL", "on_fail": "warn"},
            {"rule": "length", "field": "textField_0", "max": 20, "on_fail": "fix"},
        ],
    }


@functools.cache
def mappings(folder: Path) -> tuple[tuple[FieldMapping, TargetSettings], ...]:
    """All of them, by way of a configuration file as a user has it."""
    path = folder / "xmsyncd.yaml"
    base = configuration(
        "http://127.0.0.1:1", "http://127.0.0.1:1", lookups=LOOKUPS | together(examples(ENGLISH))["lookups"]
    )
    standard = base["pipelines"].pop("products")
    standard.pop("quality")
    for number, keys in enumerate(pipelines()):
        target = {**standard["target"], "form_uuid": f"FORM-{number}"}
        base["pipelines"][f"p{number}"] = {**standard, "target": target, **keys}
    return _loaded(path, base)


def _loaded(path: Path, tree: dict[str, Any]) -> tuple[tuple[FieldMapping, TargetSettings], ...]:
    path.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")
    settings = load_settings(path, {})
    tables = {**BUILT_IN_TABLES, **read_tables(settings.lookups)}
    return tuple(
        (mapping_of(name, pipeline, tables, CUSTOM_FIELDS), pipeline.target)
        for name, pipeline in settings.pipelines.items()
    )
