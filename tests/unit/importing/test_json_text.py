"""What people paste is read; what cannot be read is named with its line and what to do."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.importing.json_text import MAX_BYTES, decode_text, parse_json

TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
LEAVES = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | TEXT
JSON = st.recursive(
    LEAVES | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, JSON, max_size=5), st.booleans())
def test_json_is_read_as_json(data, ascii_only):
    for indent in (None, 2, "\t"):
        text = json.dumps(data, ensure_ascii=ascii_only, indent=indent)
        assert parse_json(text, "x.json").data == data


@given(st.text(max_size=60) | st.text('{}[]":,/*#\\ \n\t0e.-truefalsnu“，', max_size=40))
def test_any_text_is_read_or_refused_with_words(text):
    faults: tuple[Fault, ...] = ()
    try:
        document = parse_json(text, "x.json")
    except ConfigurationError as error:
        faults = error.faults
    else:
        assert isinstance(document.data, dict)
    assert all(fault.where.startswith("x.json") and fault.expected for fault in faults)


def test_what_comes_along_with_a_paste_does_not_matter():
    text = '\ufeff// pasted\n{\n\t"api":\u00a0"a",  # a note\n\t/* two\n lines */ "request": [1, 2,],\n}\n'
    document = parse_json(text, "x.json")
    assert document.data == {"api": "a", "request": [1, 2]}
    assert document.line_of(("api",)) == 3
    assert document.line_of(("request",)) == 5


def test_a_number_is_kept_as_it_was_typed():
    document = parse_json('{"value": 1.50, "list": [007]}'.replace("007", "7e2"), "x.json")
    place = document.places[("value",)]
    assert place.typed == "1.50"
    assert document.places[("list", 0)].typed == "7e2"


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("", None, "an empty file"),
        ("[]", None, 'a list; perhaps the "request" alone'),
        ("12", None, "a single value"),
        ('{\n"a": “x”}', 2, 'the character “, where JSON wants "'),
        ('{\n\n"a": 1，"b": 2}', 3, "the character ，, where JSON wants ,"),
        ('{"a": [1,\n ...]}', 2, "cut short"),
        ('{"a": [1,\n2', 2, "the end of the file"),
        ('{"a":\n"b\n', 2, "a quote that is never closed"),
        ('{"a":\n"\\q"}', 2, "a backslash"),
        ('{"a":\n"\\ud800"}', 2, "half a character"),
        ('{"a": 1}\n{"b": 2}', 2, "after the end of the document"),
        ('{"a": 1\n"b": 2}', 2, '"""'),
        ('{"a":\n' + "[" * 60, 2, "more than 50 levels"),
        ('{"a":\nundefined}', 2, '"u"'),
    ],
)
def test_a_fault_names_its_line(text, line, found):
    with pytest.raises(ConfigurationError) as caught:
        parse_json(text, "x.json")
    (fault,) = caught.value.faults
    assert fault.where == ("x.json" if line is None else f"x.json, line {line}")
    assert found in fault.found
    assert fault.expected


def test_a_repeated_key_is_a_fault_that_leaves_the_rest_readable():
    document = parse_json('{"a": 1,\n"a": 2}', "x.json")
    assert [str(fault) for fault in document.faults] == [
        "x.json, line 2: found the same key twice; expected each key once"
    ]


def test_files_of_windows_are_read_and_other_encodings_refused():
    text = '{"label": "产品"}'
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert parse_json(decode_text(text.encode(encoding), "x"), "x").data == {"label": "产品"}
    for content in (text.encode("gb18030"), b" " * (MAX_BYTES + 1)):
        with pytest.raises(ConfigurationError):
            decode_text(content, "x")
