"""The file: YAML 1.2 in which JSON counts as it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from xmsyncd.errors import ConfigurationError
from xmsyncd.settings.document import parse_document, read_document

PASTED = """[
\t{
\t\t"field":\t"textField_1",
\t\t"label": "产品\\u540d称",
\t\t"type": "string",
\t\t"describe": "\\ud83d\\ude00 \\/",
\t\t"value": "{name}"
\t},

\t{"field": "", "label": "", "type": "", "describe": "", "value": null}
]"""


@pytest.mark.parametrize(
    "before",
    [
        "p:\n  fields: ",
        "p:\n  fields:\t",
        "p:\n  fields:\n",
        "p:\n  fields:\n  ",
        "p:\n  fields:\n\t",
        "p:\n  fields: # pasted\n\n\t",
        'p:\n  "fields" :\n',
        "p:\r\n  fields:\r\n\t",
    ],
)
@pytest.mark.parametrize(
    "after", ["", "\n", "\n  q: 1\n", "\t\n  q: 1", "\t# end\n  q: 1\n", "\r\n  q: 1\r\n"]
)
def test_json_may_be_pasted_tabs_and_all(before, after):
    text = before + PASTED + after
    document = parse_document(text, "x.yaml")
    assert document.data["p"]["fields"] == json.loads(PASTED)
    assert document.data["p"].get("q", 1) == 1
    assert document.faults == []
    line = next(i for i, line in enumerate(text.splitlines(), 1) if '"value": "{name}"' in line)
    assert document.places["p", "fields", 0, "value"].line == line


def test_json_pasted_into_a_list_of_mappings():
    text = 'p:\n  - a: 1\n    b:\n\t{\n\t"c": [1,\t2]\n}\t\n  - a: 2\n'
    assert parse_document(text, "x.yaml").data == {"p": [{"a": 1, "b": {"c": [1, 2]}}, {"a": 2}]}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(value=st.lists(_json, min_size=1, max_size=3), ascii_only=st.booleans())
def test_any_json_survives_pasting(value, ascii_only):
    pasted = json.dumps(value, indent="\t", ensure_ascii=ascii_only)
    assume(pasted.replace("\n", "").replace("\t", "").isprintable())  # YAML wants the others escaped
    assert parse_document(f"a:\n  b:\n{pasted}\t\n  c: 1\n", "x.yaml").data == {"a": {"b": value, "c": 1}}


def test_a_whole_file_of_json_is_read_as_json():
    document = parse_document('\t{"a":\t{"b": 1e2,\n\t"c": "\\ud83d\\ude00"}}', "x.json")
    assert document.data == {"a": {"b": 100.0, "c": "😀"}}


def test_numbers_are_kept_as_they_were_typed():
    document = parse_document("a:\n  - 007\nb: 0o17\nc: 1_000\nd: yes\ne: 2024-01-02\nf: 0123\n", "x.yaml")
    assert document.data == {"a": [7], "b": 15, "c": 1000, "d": "yes", "e": "2024-01-02", "f": 123}
    assert document.places["f",].typed == "0123"
    assert document.places["a", 0].typed == "007"


def test_every_repeated_key_is_a_fault_with_its_line():
    document = parse_document("a: 1\nb: {c: 1, c: 2}\nd:\n  - {e: 1,\n     e: 2}\na: 3\n", "x.yaml")
    assert [fault.where for fault in document.faults] == [
        "b.c (x.yaml, line 2)",
        "d[0].e (x.yaml, line 5)",
        "a (x.yaml, line 6)",
    ]


def test_a_key_repeated_in_json_is_a_fault_too():
    assert parse_document('{"a": 1,\n"a": 2}', "x.json").faults[0].where == "a (x.json, line 2)"


def test_aliases_and_merges_work_and_circles_are_faults():
    document = parse_document("a: &a {x: 1, y: 1}\nb: {<<: *a, y: 2}\nc: &c [*c]\n", "x.yaml")
    assert document.data["b"] == {"x": 1, "y": 2}
    assert "circle" in document.faults[0].expected


@pytest.mark.parametrize(
    ("text", "where", "found"),
    [
        ("a:\n\tb: 1", "x.yaml, line 2", "a tab"),
        ("a: hunter2: b", "x.yaml, line 1", "colon"),
        ("a:\n  b: 1\n c: 2", "x.yaml, line 3", "does not fit"),
        ("a: 1\nhunter2\nb: 2", "x.yaml, line 2", "no key: value"),
        ("b: 1\na: 'hunter2\nc: 2\n", "x.yaml, line 2", "quote that is never closed"),
        ("a: [hunter2\nb: 1", "x.yaml, line 2", "bracket"),
        ("a: *hunter2", "x.yaml, line 1", "begins with *"),
        ("a: @hunter2", "x.yaml, line 1", "special character"),
        ('a: "\\qhunter2"', "x.yaml, line 1", "backslash"),
        ("a: 1\n---\nb: 2", "x.yaml, line 2", "second document"),
        ("%hunter2\na: 1", "x.yaml, line 2", "not allow"),
        ("a: \x01", "x.yaml", "control character"),
        ("", "x.yaml", "empty file"),
        ("# nothing\n", "x.yaml", "empty file"),
        ('[\n\t{"field": "a"}\n]', "x.yaml", "a list"),
        ("hunter2", "x.yaml", "single value"),
        ("[" * 5000, "x.yaml", "nested"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence_that_shows_no_content(text, where, found):
    with pytest.raises(ConfigurationError) as caught:
        parse_document(text, "x.yaml")
    (fault,) = caught.value.faults
    assert fault.where == where
    assert found in fault.found
    assert "hunter2" not in str(fault)


@pytest.mark.parametrize("make", ["missing", "folder", "bytes"])
def test_a_file_that_is_none_says_how_to_make_one(tmp_path, make):
    path = tmp_path / "xmsyncd.yaml"
    if make == "folder":
        path.mkdir()
    if make == "bytes":
        path.write_bytes(b"\xff\xfea\x00")
    with pytest.raises(ConfigurationError) as caught:
        read_document(path)
    (fault,) = caught.value.faults
    assert fault.where == str(path)
    assert make == "bytes" or "xmsyncd.example.yaml" in fault.expected
