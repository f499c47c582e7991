"""Templates: what they mean, and where and why a wrong one is refused at load."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xmsyncd.transform.grammar import TemplateError, compile_template
from xmsyncd.transform.value_types import UnwritableError
from xmsyncd.transform.variables import is_variable, refused

ITEM = {
    "name": "不锈钢螺栓",
    "product_no": "A-001",
    "group_id": 20240000000017,
    "price": 200.0,
    "active": False,
    "nothing": None,
    "images": [{"url": "u0"}, {"url": "u1"}],
    "fob": {"price_min": "1.50", "0": "zero"},
    "一级分组": "五金",
    "12345": "custom",
}


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{group_id}", 20240000000017),
        ("{images}", ITEM["images"]),
        ("{active}", False),
        ("{{group_id}}", "20240000000017"),
        ("{{active}}", "false"),
        ("{{price}}", "200"),
        ("{{fob}}", '{"0":"zero","price_min":"1.50"}'),
        ("{{一级分组}}", "五金"),
        ("{一级分组}", "五金"),
        ("{{ 一级分组\u3000}}", "五金"),
        ("{ name }", "不锈钢螺栓"),
        ("{12345}", "custom"),
        ("", ""),
        ("固定文本", "固定文本"),
        ("编码：{product_no}（{{name}}）", "编码：A-001（不锈钢螺栓）"),
        ("{product_no}{group_id}", "A-00120240000000017"),
        ("{{product_no}}{name}", "A-001不锈钢螺栓"),
        (" {group_id}", " 20240000000017"),
        ("US$ {price}.", "US$ 200."),
        ("{fob.price_min}", "1.50"),
        ("{fob.0}", "zero"),
        ("{images.1.url}", "u1"),
        ("{{images.0}}", '{"url":"u0"}'),
        ("a|b", "a|b"),
        ("{_function}{my_function_name.deeper}{{a_findCollection|pluck('x_function')}}", ""),
        ("{{my_function_name|default('no func tion')}}", "no func tion"),
        ("_function IFNULL({my_function_name}, CONCAT('{{x_endFind}}', 'a'))", "a"),
        ("a func_tion", "a func_tion"),
    ],
)
def test_meaning(template, value):
    """Alone in single braces a value keeps its type; everywhere else it is text."""
    found = compile_template(template).evaluate(ITEM)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "template",
    [
        "{missing}",
        "{{missing}}",
        "{nothing}",
        "{{nothing}}",
        "{nothing.deeper}",
        "{name.deeper}",
        "{name.0}",
        "{images.2}",
        "{images.url}",
        "{images.99999999999999999999}",
        "{fob.missing.x}",
    ],
)
def test_what_an_item_lacks_is_empty(template):
    assert compile_template(template).evaluate(ITEM) == ""


def test_references_and_roots():
    """References are listed in their order with the place of their brace."""
    template = compile_template("{{ a }}-{b.0.c}")
    assert [(str(found), found.root, found.position) for found in template.references] == [
        ("{{a}}", "a", 0),
        ("{b.0.c}", "b", 8),
    ]
    assert template.roots == {"a", "b"}
    assert template.inputs({"a": 1, "b": [{"c": 2}]}) == {"{{a}}": 1, "{b.0.c}": 2}


@pytest.mark.parametrize(
    ("template", "position", "found", "expected"),
    [
        ("{name", 0, '"{name"', '"}" to close "{"'),
        ("x{{name", 1, '"{{name"', '"}}" to close "{{"'),
        ("{{name}", 0, '"{{name}"', '"}}" to close "{{"'),
        ("{{name} {{x}}", 6, '"}"', '"}}"'),
        ("{name}}", 6, '"}"', 'a "{" before it'),
        ("}", 0, '"}"', 'a "{" before it'),
        ("名称}", 2, '"}"', 'a "{" before it'),
        ("{}", 1, "an empty reference", "the name of a field"),
        ("{{  }}", 2, "an empty reference", "the name of a field"),
        ("{{{name}}}", 2, '"{"', "the name of a field"),
        ("{ {name} }", 2, '"{"', "the name of a field"),
        ("{a b}", 3, '"b"', '"}"'),
        ("{a.}", 3, '"}"', "an index after the"),
        ("{a. b}", 3, '" "', "an index after the"),
        ("{.a}", 1, '"."', "the name of a field"),
        ("{a..b}", 3, '"."', "an index after the"),
        ("{a[0]}", 2, '"["', "an index after a dot"),
        ("{a(b)}", 2, '"("', '"}"'),
        ("｛name｝", 0, 'the full-width brace "｛"', "ordinary brace"),
        ("{name｝", 0, '"{name｝"', '"}" to close "{"'),
        ("{{x|no_such}}", 4, "the filter no_such", "a filter of docs/language.md"),
        ("{{x|truncat(3)}}", 4, "the filter truncat", "(nearest: truncate)"),
        ("{{x|}}", 4, '"}"', "the name of a filter"),
        ("{{x||trim}}", 4, '"|"', "the name of a filter"),
        ("{x|trim", 0, '"{x|trim"', '"}" to close "{"'),
        ("{x|trim y}", 8, '"y"', '"}"'),
        ("{x|trim(1)}", 8, '"1"', "trim, without arguments"),
        ("{x|truncate}", 3, "truncate without its length", "truncate(length)"),
        ("{x|truncate()}", 3, "truncate without its length", "truncate(length)"),
        ("{x|truncate(0)}", 12, "0", "a whole number from 1"),
        ("{x|truncate(1.5)}", 12, "1.5", "a whole number from 1"),
        ("{x|truncate(true)}", 12, "true", "a whole number from 1"),
        ("{x|truncate('3')}", 12, '"3"', "a whole number from 1"),
        ("{x|truncate(3}", 13, '"}"', '"," or ")"'),
        ("{x|truncate(3,)}", 14, '")"', "a number, a word or quoted text"),
        ("{x|truncate(3,'…',4)}", 18, '"4"', "truncate(length)"),
        ("{x|round(13)}", 9, "13", "a whole number from 0 to 12"),
        ("{x|replace('', 'a')}", 11, '""', "text that is not empty"),
        ("{x|split(5)}", 9, "5", "text in quotes"),
        ("{x|pluck('a..b')}", 9, '"a..b"', "a path, as in"),
        ("{x|join('a)}", 8, '"\'a)}"', "' to close the text"),
        ("{x|join('a\\qb')}", 10, '"\\\\q"', "a backslash is written twice"),
        ("{x|lookup(kinds)}", 10, '"kinds"', "a look-up table of this configuration"),
        ("{x｜trim}", 2, 'the full-width "｜"', 'an ordinary "|"'),
        ("{x|truncate（3）}", 11, 'the full-width "（"', 'an ordinary "("'),
        ("{x|truncate(3，'')}", 13, 'the full-width "，"', 'an ordinary ","'),
        ("{a" + "|trim" * 17 + "}", 82, "one filter more", "at most 16 filters"),
        ("{a" + ".b" * 32 + "}", 65, "one name more", "at most 32 names"),
        ("{a}" * 101, 300, "one reference more", "at most 100 references"),
        ("a" * 20_001, 20_000, "20001 characters", "at most 20000 characters"),
        ("  _FUNCTION(1)", 2, '"_FUNCTION("', "_function, a blank and an expression"),
        ("_findCollection find a from b", 0, '"_findCollection"', "a look-up table"),
        ("_mongoQuery x", 0, '"_mongoQuery"', "a look-up table"),
        ("_endFind", 0, '"_endFind"', "text, references, or _function"),
        ("A: _function NOW()", 3, '"_function"', "at the very beginning"),
        ("{a}_findCollection find", 3, '"_findCollection"', "a look-up table"),
        ("编号_function CONCAT('a','b')", 2, '"_function"', "inside the expression: _function CONCAT('text'"),
        ("{a}_FUNCTION NOW()", 3, '"_FUNCTION"', "at the very beginning"),
        ("_functionNOW()", 0, '"_functionN"', "_function, a blank and an expression"),
        ("_functions CONCAT({name},'x')", 0, '"_functions"', "_function, a blank and an expression"),
        ("_functional", 0, '"_functiona"', "_function, a blank and an expression"),
        ("my_functions", 2, '"_function"', "at the very beginning"),
        ("编号_findCollection2", 2, '"_findCollection"', "a look-up table"),
        ("a_endFindb", 1, '"_endFind"', "text, references, or _function"),
        ("_function IFNULL(_function NOW(), 1)", 17, '"_function"', "at the very beginning"),
        ("_function CONCAT('编号_function NOW()', 1)", 17, '"_function" in quotes', "outside quotes"),
        ("_function CONCAT('a{{b}}_findCollection find', 1)", 17, '"_findCollection"', "a look-up table"),
        ("{{x|default('_functionNOW()')}}", 12, '"_function" in quotes', "outside quotes"),
        ("{{x|default(_mongoQuery)}}", 12, '"_mongoQuery"', "a look-up table"),
        ("{{CURRENT_TIME.x}}", 14, '"."', "nothing after the variable CURRENT_TIME"),
        ("{{DAYS_AGO_two}}", 2, "the variable DAYS_AGO_two", "a number of days"),
        ("{{DAYS_AGO_12345}}", 2, "the variable DAYS_AGO_12345", "a number of days"),
        ("{{LAST_SYNCTIME}}", 2, "the variable LAST_SYNCTIME", "the variable LAST_SYNC_TIME"),
        ("{ PAGINATION_START_PAGE }", 2, "the variable PAGINATION_START_PAGE", "source.page_size"),
        ("{{last_sync_time}}", 2, "the variable last_sync_time", "LAST_SYNC_TIME, in capitals"),
        ("{Days_Ago_1}", 1, "the variable Days_Ago_1", "DAYS_AGO_1, in capitals"),
        ("{{current_page}}", 2, "the variable current_page", "source.page_size"),
        ("{page_size}", 1, "the variable page_size", "source.page_size"),
    ],
)
def test_refused_with_its_exact_place(template, position, found, expected):
    with pytest.raises(TemplateError) as caught:
        compile_template(template)
    error = caught.value
    assert (error.position, error.found) == (position, found)
    assert expected in error.expected
    fault = error.fault("pipelines.products.fields.0.value")
    assert fault.where == f"pipelines.products.fields.0.value, character {position + 1}"
    assert f"at character {position + 1}: found {found}" in str(error)


def test_what_cannot_be_text_says_so():
    with pytest.raises(UnwritableError, match="finite"):
        compile_template("{{x}}").evaluate({"x": float("nan")})


TEMPLATE_TEXT = st.lists(
    st.sampled_from(
        ["{", "}", "{{", "}}", "｛", "|", ".", " ", "name", "一级分组", "0", "_function ", "[", "-"]
    )
    | st.text(max_size=3),
    max_size=12,
).map("".join)


@given(TEMPLATE_TEXT)
@example("{" * 2000)
@example("{{a}" * 2000)
def test_any_text_is_compiled_or_refused_with_a_place_inside_it(text):
    """Nothing with a brace survives as text of the output."""
    refusal: TemplateError | None = None
    try:
        template = compile_template(text)
    except TemplateError as error:
        refusal = error
    if refusal is not None:
        assert 0 <= refusal.position <= len(text)
        assert refusal.found
        assert refusal.expected
        return
    value = template.evaluate({})
    assert not set(value) & set("{}｛｝")
    if not template.references:
        assert value == text


NAMES = st.from_regex(r"[\w-]+", fullmatch=True).filter(
    lambda name: not is_variable(name) and refused(name) is None
)
LITERALS = st.text(st.characters(blacklist_characters="{}｛｝", blacklist_categories=["Cs"]), min_size=1)


@given(st.lists(NAMES, min_size=1, max_size=4), st.booleans(), st.sampled_from(["", " ", "\u3000"]))
def test_what_is_written_is_what_is_read(path, as_text, blank):
    opening, closing = ("{{", "}}") if as_text else ("{", "}")
    template = compile_template(opening + blank + ".".join(path) + blank + closing)
    (reference,) = template.references
    assert reference.path == tuple(path)
    assert reference.as_text is as_text


@given(st.lists(st.tuples(LITERALS, NAMES, st.text()), min_size=1, max_size=5), LITERALS)
def test_text_around_references_stays_in_its_place(pieces, last):
    template_text = "".join(f"{literal}{{{name}}}" for literal, name, _ in pieces) + last
    if template_text.lstrip().startswith("_"):
        return
    values = {name: value for _, name, value in pieces}
    expected = "".join(literal + values[name] for literal, name, _ in pieces) + last
    assert compile_template(template_text).evaluate(values) == expected
