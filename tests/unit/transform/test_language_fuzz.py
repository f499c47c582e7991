"""Any text as a template, any JSON as a product: a fault and its place, a reason, or a bounded value."""

import json
import re
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from xmsyncd.errors import ConfigurationError
from xmsyncd.records import ContentHash, Draft, Item, Rejection, SourceId
from xmsyncd.transform.bounds import MAX_RESULT_LENGTH
from xmsyncd.transform.fields import FieldSpec
from xmsyncd.transform.filters import FILTERS
from xmsyncd.transform.grammar import Template, TemplateError, compile_template
from xmsyncd.transform.mapping import FieldMapping
from xmsyncd.transform.sample import SAMPLE, SAMPLE_TABLES
from xmsyncd.transform.value_types import EvaluationError

ROOTS = ("字段", "list", "object", "a-b", "0", "CURRENT_TIME", "LAST_SYNC_TIME", "DAYS_AGO_3")
ARGUMENTS = ("'、'", '"}"', "''", "'\\n'", "2", "0", "1.5", "true", "name", "kinds", "'a.0'", "'{{x}}'", "'")
EXPRESSIONS = (
    *(
        "CONCAT(",
        "IFNULL(",
        "REPEAT(",
        "LPAD(",
        "SUM(",
        "LOOKUP('kinds',",
        "DATE_FORMAT(",
        "NOW()",
        "'%Y-%m'",
    ),
    *("CASE WHEN ", " THEN ", " ELSE ", " END", " AND ", "NULL", "'x'", "'{{字段}}'", "_function "),
    *("+", "*", "/", "=", ">", "1", ",", ")", "("),
)
PIECES = (
    *("{", "}", "{{", "}}", "{{", "}}", "|", "(", ")", ",", ".", "｛", "｜", "（", "[", "-", " ", "\u3000"),
    *("文本", "_findCollection ", "_mongoQuery", "_function ", "PAGINATION_PAGE_SIZE", "current_page"),
    *("_functions CONCAT", "_functionNOW()", "NOW()", "_endFind", "a_Function"),
    *ROOTS,
    *ARGUMENTS,
)
WORDS = ("_function", "_FUNCTION", "_findCollection", "_mongoQuery", "_endFind", "_function NOW()")

NAME = st.sampled_from(ROOTS)
FILTER = st.one_of(
    st.sampled_from(sorted(FILTERS)),
    st.builds(
        lambda name, arguments: f"{name}({','.join(arguments)})",
        st.sampled_from(sorted(FILTERS)),
        st.lists(st.sampled_from(ARGUMENTS), max_size=2),
    ),
)
REFERENCE = st.builds(
    lambda name, path, chain, double: (
        ("{{" if double else "{") + "|".join([".".join([name, *path]), *chain]) + ("}}" if double else "}")
    ),
    NAME,
    st.lists(st.sampled_from(["0", "name", "x"]), max_size=2),
    st.lists(FILTER, max_size=3),
    st.booleans(),
)
TEMPLATE = st.one_of(
    REFERENCE,
    st.lists(st.one_of(REFERENCE, st.text(max_size=4)), max_size=4).map("".join),
    st.builds("{}{}{}".format, st.text(max_size=3), st.sampled_from(WORDS), st.text(max_size=9)),
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.text(max_size=20),
)
EXPRESSION = st.lists(st.one_of(REFERENCE, st.sampled_from(EXPRESSIONS)), max_size=10).map(
    lambda pieces: "_function " + "".join(pieces)
)
SCALAR = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**8, 2 * 10**12),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["200.0000", "1,234.5", "2026-11-23 17:00:00", "<p>a&amp;b</p>", "[1,{}]", "\ud800", "是", "9" * 5000]
    ),
)
VALUE = st.one_of(
    SCALAR,
    st.lists(SCALAR, max_size=4),
    st.lists(st.fixed_dictionaries({"name": SCALAR, "value": SCALAR}), max_size=3),
    st.dictionaries(
        st.sampled_from(["0", "name", "x", "值"]), st.one_of(SCALAR, st.lists(SCALAR, max_size=2))
    ),
)
PRODUCT = st.dictionaries(NAME, VALUE, max_size=4)

MARKS = re.compile(r"_(?:function|findCollection|mongoQuery|endFind)|\{\{", re.IGNORECASE)


def compiled(text: str) -> Template | TemplateError:
    """The template, or why and where it is refused."""
    try:
        return compile_template(text, SAMPLE_TABLES)
    except TemplateError as error:
        return error


def evaluated(template: Template, product: dict[str, Any]) -> Any:
    """The value, or why there is none."""
    try:
        return template.evaluate(product)
    except EvaluationError as error:
        return error


def shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=True)


def check(text: str, product: dict[str, Any]) -> None:
    """Never another exception, no giant value, never template text in the output."""
    template = compiled(text)
    if isinstance(template, TemplateError):
        assert 0 <= template.position <= len(text)
        assert template.found
        assert template.expected
        return
    value = evaluated(template, product)
    if isinstance(value, EvaluationError):
        assert value.expected
        return
    template.inputs(product)
    written = shown(value)
    assert len(written) <= 8 * MAX_RESULT_LENGTH  # as JSON, where a character may take six
    if not set(text) & set("'\""):
        # Nothing of the product looks like this, and without quotes nothing of the template may.
        assert not MARKS.search(written), written


def fuzzed(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


@fuzzed(7_500)
@given(TEMPLATE, PRODUCT)
@example("{{字段|json|json|json|json|json|json|json|json|json|json|json|json}}", {"字段": '"' * 99})
@example("{" * 2000, {})
@example("{{a}" * 2000, {})
@example("{a|" + "trim|" * 3000, {})
@example("编号_function CONCAT(1,2)", {})
@example("_functionNOW()", {})
@example("_functions CONCAT({字段},1)", {"字段": "x"})
@example("{字段}_findCollection2 find", {"字段": "x"})
@example("{{字段|default(_function)}}", {})
def test_any_template_and_any_product(text, product):
    check(text, product)


@fuzzed(2_500)
@given(EXPRESSION, PRODUCT)
@example("_function " + "(" * 5000, {})
@example("_function " + "-" * 5000 + "1", {})
@example("_function " + "1+" * 5000 + "1", {})
@example("_function REPEAT('a', 99999999)", {})
@example("_function REPEAT(REPEAT('a', 9999), 9999)", {})
@example("_function CONCAT('{{字段}}', {字段})", {"字段": "') OR ('1'='1"})
def test_any_expression_and_any_product(text, product):
    check(text, product)


@fuzzed(500)
@given(TEMPLATE, st.dictionaries(st.one_of(NAME, st.sampled_from(sorted(SAMPLE))), VALUE, max_size=6))
def test_a_mapping_makes_a_draft_or_a_rejection_with_words(text, product):
    fields = (FieldSpec("key", value="K-{list}{{字段}}x"), FieldSpec("other", type="", value=text))
    try:
        mapping = FieldMapping(fields, (), "key", lambda _component, _type, value: value)
    except ConfigurationError:
        return
    item = Item(SourceId("1"), None, product, ContentHash("h"))
    found = mapping.map_item(item, None, {"CURRENT_TIME": 1795424400, "LAST_SYNC_TIME": 1795422600})
    assert isinstance(found, Draft | Rejection)
    if isinstance(found, Rejection):
        assert found.detail
        assert len(found.detail) < 1000
