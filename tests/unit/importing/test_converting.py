"""Both documents together: told apart, processed as there or refused by name, and read back by the loader."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.importing.samples import Documents, entry, loaded, source_document, target_document
from xmsyncd.errors import ConfigurationError
from xmsyncd.importing.converting import import_documents
from xmsyncd.importing.findings import Verdict
from xmsyncd.settings.document import parse_document


def made_of(first, second):
    return import_documents(
        ("a.json", json.dumps(first)), ("b.json", json.dumps(second)), form_uuid="FORM-X", made_by="xmsyncd 0"
    )


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("marks", ["effect", "type", "lower", "none", "api", "loud"])
def test_the_documents_are_told_apart_by_whatever_they_have(tmp_path, swapped, marks):
    source, target = source_document(), target_document()
    for one in (source, target):
        effect = one.pop("effect")
        match marks:
            case "effect":
                one["effect"] = effect
            case "type":
                one["type"] = effect
            case "lower":
                one["effect"] = effect.lower()
            case "api":
                del one["method"]
            case "loud":
                one["api"] = one["api"].upper()
    pair = (target, source) if swapped else (source, target)
    assert loaded(made_of(*pair), tmp_path).pipelines["products"].source.page_size == 20


def test_two_documents_of_one_side_are_refused():
    for document in (source_document(), target_document()):
        with pytest.raises(ConfigurationError, match=r"two (source|target) documents"):
            made_of(document, document)


@pytest.mark.parametrize("operation", [None, "", {}, [], {"method": "none"}, "none", {"method": "NONE"}])
def test_no_operation_is_none(operation):
    documents = Documents()
    documents.source["operation"] = documents.target["operation"] = operation
    assert documents.made().configuration


@pytest.mark.parametrize(
    ("operation", "named"),
    [
        ({"method": "splitArray", "arrayKey": "sku_items"}, "splitArray"),
        ({"method": "batchArraySave", "rows": 20, "rowsKey": "array"}, "batchArraySave"),
        ({"method": "merge", "field": "product_no"}, "merge"),
        ({"groupCalculate": {"headerGroup": []}}, "groupCalculate"),
        ({"method": "moonphase"}, "moonphase"),
        ({"rows": 1}, "without a method"),
        ({"method": ["x"]}, "without a method"),
        (7, "no object"),
    ],
)
def test_any_other_operation_is_refused_by_name_with_what_to_do(operation, named):
    for side in ("source", "target"):
        documents = Documents()
        getattr(documents, side)["operation"] = operation
        finding = documents.refusal("operation")
        assert named in finding.found
        assert finding.advice
        assert f"{side}.json, line" in finding.where


def test_flattening_is_refused_and_an_empty_one_is_not():
    documents = Documents()
    documents.source["beatFlat"] = []
    assert documents.made().configuration
    documents.source["beatFlat"] = ["sku_items"]
    assert "sku_items" in documents.refusal("beatFlat").found


def test_all_refusals_are_told_at_once():
    documents = Documents()
    documents.source["operation"] = {"method": "merge"}
    documents.source["beatFlat"] = ["x"]
    documents.target["api"] = "v1.0/yida/forms/instances"
    documents.component("textField_x", "{{a|moonphase}}")
    assert documents.made().findings.counts["refused"] == 4


def test_what_is_unknown_is_told_once_and_what_only_describes_does_no_harm():
    documents = Documents()
    documents.source |= {
        "moon": 1,
        "sun": 2,
        "response": [entry("code", "")],
        "autoFillResponse": True,
        "condition_bk": [[{"field": "a", "logic": "eq", "value": "1"}]],
    }
    documents.request("x", "1", star="x")
    finding = documents.finding(Verdict.DECIDE, "keys that xmsyncd does not know")
    assert '"moon", "star", "sun"' in finding.found
    assert documents.finding(Verdict.TAKEN_OVER, "condition_bk")


@pytest.mark.parametrize(
    ("id_check", "words"),
    [(True, "never written again"), (None, "never written again"), (False, "written again")],
)
def test_the_check_of_repeats_is_explained(id_check, words):
    documents = Documents()
    documents.source["idCheck"] = id_check
    assert words in documents.finding(Verdict.BETTER, "idCheck").found


def test_a_repeated_key_is_refused():
    text = json.dumps(source_document(), indent=1)
    made = import_documents(
        ("a.json", text.replace('"method"', '"api": "x",\n"method"')),
        ("b.json", json.dumps(target_document())),
        form_uuid=None,
        made_by="xmsyncd 0",
    )
    assert any("the same key twice" in one.found for one in made.findings.of(Verdict.REFUSED))


def test_entries_with_a_parent_go_into_it():
    documents = Documents()
    documents.target["request"] = [
        {"field": "formDataJson", "id": "7", "parent": None, "value": ""},
        *({**one, "parent": "7"} for one in documents.target["request"]),
    ]
    assert documents.made().configuration
    documents.target["request"][0]["parent"] = "textField_lq0sj9h9"
    assert documents.made().findings.counts["refused"] >= 1


def test_the_report_stands_in_the_file_as_comments():
    text = Documents().made().configuration
    lines = text.splitlines()
    assert all(len(line) <= 120 for line in lines)
    for word in ("TO BE DECIDED", "TAKEN OVER", "DONE OTHERWISE", "source.json, line"):
        assert word in text


ENTRY_KEYS = [
    "field",
    "label",
    "type",
    "value",
    "children",
    "parent",
    "id",
    "parser",
    "default",
    "is_required",
]
TOP_KEYS = [
    *("api", "effect", "type", "method", "number", "id", "idCheck", "request", "otherRequest", "response"),
    *(
        "otherResponse",
        "operation",
        "condition",
        "pagination",
        "omissionRemedy",
        "beatFlat",
        "formatResponse",
    ),
]
TEXTS = st.one_of(
    st.sampled_from(
        [
            *(
                "start_index",
                "count",
                "start_time",
                "end_time",
                "systemToken",
                "appType",
                "formUuid",
                "textField_a",
            ),
            *(
                "{name}",
                "{{x}}",
                "{{a|join(',')}}",
                "_function IF(1,2,3)",
                "{{LAST_SYNC_TIME|date}}",
                "1",
                "20",
            ),
            *(
                "QUERY",
                "EXECUTE",
                "/v1/product/list",
                "v1.0/yida/processes/instances/start",
                "none",
                "string",
            ),
        ]
    ),
    st.text(max_size=6),
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
ENTRIES = st.recursive(
    st.dictionaries(st.sampled_from(ENTRY_KEYS), LEAVES, max_size=6),
    lambda inner: st.dictionaries(
        st.sampled_from(ENTRY_KEYS), LEAVES | st.lists(inner, max_size=2) | inner, max_size=6
    ),
    max_leaves=4,
)
VALUES = (
    LEAVES
    | ENTRIES
    | st.lists(ENTRIES | LEAVES, max_size=4)
    | st.lists(st.lists(ENTRIES, max_size=2), max_size=2)
)
ANYTHING = st.dictionaries(st.sampled_from(TOP_KEYS) | st.text(max_size=4), VALUES, max_size=5)


@settings(max_examples=300, deadline=None)
@given(ANYTHING, ANYTHING, st.booleans())
def test_any_documents_become_a_configuration_or_a_refusal(source, target, from_samples):
    if from_samples:
        source, target = {**source_document(), **source}, {**target_document(), **target}
    try:
        made = made_of(source, target)
    except ConfigurationError:  # always with faults, or it could not be raised
        return
    if made.configuration:
        assert parse_document(made.configuration, "x").data["pipelines"]
        assert not any(made.findings.of(Verdict.REFUSED))
    else:
        assert any(made.findings.of(Verdict.REFUSED))
    for one in made.findings.listed:
        assert one.where
        assert one.found
        assert f"{one.where}{one.found}{one.advice}".isprintable()


@pytest.mark.parametrize("text", ["\u202egnp", "\x1b[2J", "x" * 100_000, "a\u2028b"])
def test_what_a_document_holds_does_nothing_to_a_terminal(text):
    source, target = source_document(), target_document()
    source["number"] = source["operation"] = text
    target["otherRequest"][0]["field"] = text
    for one in made_of(source, target).findings.listed:
        for part in (one.where, one.found, one.advice):
            assert part.isprintable()
            assert len(part) <= 600
