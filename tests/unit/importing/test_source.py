"""The source document: what is taken over to ``source``, what is to be decided, what is refused."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.unit.importing.samples import Documents
from xmsyncd.importing.findings import Verdict
from xmsyncd.importing.remedy import longest_gap
from xmsyncd.settings.choices import TimeFormat

HALF_AN_HOUR = timedelta(minutes=30, seconds=1)


def source_of(documents: Documents, folder):
    (pipeline,) = documents.settings(folder).pipelines.values()
    return pipeline.source


def test_the_published_document_is_taken_over_as_it_is(tmp_path):
    documents = Documents()
    source = source_of(documents, tmp_path)
    assert (source.resource, source.page_start, source.page_size) == ("product", 1, 20)
    assert source.overlap == HALF_AN_HOUR
    assert source.params == {}
    assert documents.finding(Verdict.TAKEN_OVER, '"start_time"')
    assert documents.finding(Verdict.TAKEN_OVER, '"end_time"')


@pytest.mark.parametrize(
    ("value", "overlap"),
    [
        ("{{LAST_SYNC_TIME|datetime}}", HALF_AN_HOUR),  # ours: reading again costs no call
        ("{{DAYS_AGO_2|datetime}}", timedelta(days=2)),
        ("{{DAYS_AGO_90|datetime}}", timedelta(days=30)),
        ("soon", HALF_AN_HOUR),
        ("", HALF_AN_HOUR),
    ],
)
def test_the_overlap_of_other_starts(tmp_path, value, overlap):
    documents = Documents()
    documents.request("start_time", value)
    assert source_of(documents, tmp_path).overlap == overlap


def test_a_time_that_is_not_understood_is_to_be_decided_and_stands_in_the_file():
    documents = Documents()
    documents.request("start_time", "{{LAST_SYNC_TIME|moonphase}}")
    finding = documents.finding(Verdict.DECIDE, '"start_time"')
    assert "moonphase" in finding.found
    assert "overlap is 00:30:01" in finding.advice
    assert "moonphase" in documents.made().configuration


def test_dates_and_fixed_starts(tmp_path):
    documents = Documents()
    documents.request("start_time", "{{LAST_SYNC_TIME|date}}")
    assert source_of(documents, tmp_path).time_format is TimeFormat.DATE
    documents.request("start_time", "2026-01-31 08:00:00")
    start = source_of(documents, tmp_path).start_from
    assert start is not None
    assert start.isoformat() == "2026-01-31T00:00:00+00:00"


@pytest.mark.parametrize(
    ("start_index", "count", "pagination", "expected"),
    [
        ("1", "50", None, (1, 50)),
        ("0", "50", None, (0, 50)),
        ("{{PAGINATION_START_PAGE}}", "{{PAGINATION_PAGE_SIZE}}", {"pageSize": 30}, (1, 30)),
        ("{PAGINATION_START_PAGE}", "{PAGINATION_PAGE_SIZE}", {"pageSize": "30"}, (1, 30)),
        ("{{current_page}}", "{{page_size}}", {"pageSize": 30}, (1, 30)),
        ("1", "{{PAGINATION_PAGE_SIZE}}", None, (1, 50)),
        (1, 20, None, (1, 20)),
        ("1", "500", None, (1, 100)),
        ("7", "some", None, (1, 50)),
        ("", "", {"pageSize": []}, (1, 50)),
    ],
)
def test_pages(tmp_path, start_index, count, pagination, expected):
    documents = Documents()
    documents.request("start_index", start_index)
    documents.request("count", count)
    documents.source["pagination"] = pagination
    source = source_of(documents, tmp_path)
    assert (source.page_start, source.page_size) == expected


def test_further_constants_are_parameters_as_text(tmp_path):
    documents = Documents()
    documents.request("removed", "0")
    documents.request("product_type", 2)
    documents.request("all", True)
    documents.request("note", "50 % off: “yes”")
    documents.request("empty", "")
    params = source_of(documents, tmp_path).params
    assert params == {"removed": "0", "product_type": "2", "all": "true", "note": "50 % off: “yes”"}


@pytest.mark.parametrize("value", ["{{LAST_SYNC_TIME|datetime}}", "{group_id}", "{{CURRENT_TIME}}000"])
def test_a_parameter_that_changes_is_refused_by_name(value):
    documents = Documents()
    documents.request("edited_since", value)
    finding = documents.refusal('"edited_since"')
    assert value in finding.found
    assert "source.params" in finding.advice


def test_a_parameter_that_cannot_be_read_or_is_no_text_is_refused():
    documents = Documents()
    documents.request("a", "{x|moonphase}")
    assert "moonphase" in documents.refusal('"a"').found
    documents.request("a", {"b": 1})
    assert documents.refusal('"a"')
    documents.request("a", "x", parser={"name": "StringToArray", "params": ","})
    assert "parser" in documents.refusal('"a"').found


def test_a_parameter_with_the_name_of_a_secret_is_left_out_unseen():
    documents = Documents()
    documents.request("access_token", "9f8e7d6c5b4a-very-secret")
    made = documents.made()
    assert documents.finding(Verdict.DECIDE, '"access_token"')
    assert "very-secret" not in made.configuration + str(made.findings)


def test_the_time_type(tmp_path):
    documents = Documents()
    for value, expected in (("1", 1), ("2", 2), ("4", 1), ("", 1)):
        documents.request("time_type", value)
        assert source_of(documents, tmp_path).time_type == expected


def test_the_key_of_the_list(tmp_path):
    documents = Documents()
    for value, expected in (("data.list", "list"), ("rows", "rows"), ("data.a.b", "list"), ("", "list")):
        documents.source["otherResponse"] = [{"field": "dataKey", "value": value}]
        assert source_of(documents, tmp_path).list_key == expected


@pytest.mark.parametrize(
    ("crontab", "full_every"),
    [
        ("2 */2 * * *", timedelta(days=1)),
        ("30 3 * * *", timedelta(days=1)),
        ("0 4 * * 1,4", timedelta(days=4)),
        ("0 4 * * 0", timedelta(days=7)),
        ("0 4 1 * *", timedelta(days=7)),
        ("whenever", timedelta(days=7)),
        ("", timedelta(days=7)),
    ],
)
def test_the_re_read_becomes_the_rhythm_of_full_reads(tmp_path, crontab, full_every):
    documents = Documents()
    documents.source["omissionRemedy"] = {
        "crontab": crontab,
        "takeOverRequest": [
            {"field": "start_time", "value": "{{DAYS_AGO_2|datetime}}"},
            {"field": "end_time", "value": "{{DAYS_AGO_1|datetime}}"},
        ],
    }
    assert source_of(documents, tmp_path).full_every == full_every
    assert "DAYS_AGO_2" in documents.made().configuration


def test_weekdays_of_a_crontab_are_those_of_cron():
    """0 and 7 are Sunday there; a library may count otherwise."""
    assert longest_gap("0 4 * * 0,7") == timedelta(days=7)
    assert longest_gap("0 4 * * 1-5") == timedelta(days=3)
    assert longest_gap("* * * * *") == timedelta(minutes=1)
    assert longest_gap("99 * * * *") is None


def test_an_api_that_is_not_read_is_refused_with_those_that_are():
    documents = Documents()
    documents.source["api"] = "/v1/nonsense/list"
    finding = documents.refusal("/v1/nonsense/list")
    assert "/v1/product/list" in finding.advice


@pytest.mark.parametrize("api", ["v1/product/list", "https://api-sandbox.xiaoman.cn/v1/product/list?x=1"])
def test_an_api_is_known_with_or_without_its_host(tmp_path, api):
    documents = Documents()
    documents.source["api"] = api
    assert source_of(documents, tmp_path).resource == "product"


def test_another_identity_is_pointed_out():
    documents = Documents()
    documents.source["id"] = "product_no"
    assert "product_id" in documents.finding(Verdict.DECIDE, "the rows are known by").advice


def pipeline_of(documents: Documents, folder):
    (pipeline,) = documents.settings(folder).pipelines.values()
    return pipeline


CONDITION = [
    [{"field": "disable_flag", "logic": "eq", "value": "0"}, {"field": "name", "logic": "notnull"}],
    [],
    [{"field": "update_time", "logic": "between", "value": "2026-01-01,2026-12-31", "strictMode": True}],
]


def test_a_condition_is_kept_as_it_is(tmp_path):
    documents = Documents()
    documents.source["condition"] = CONDITION
    where = pipeline_of(documents, tmp_path).where
    assert where is not None
    assert json.loads(where) == [CONDITION[0], CONDITION[2]]
    for nothing in ("[]", "[[]]", "null", '""'):
        documents.source["condition"] = json.loads(nothing)
        assert pipeline_of(documents, tmp_path).where is None


@pytest.mark.parametrize(
    ("condition", "named"),
    [
        ([[{"field": "a", "logic": "moonphase", "value": "1"}]], "moonphase"),
        ([[{"field": "a", "logic": "eq", "value": "{{b|moonphase}}"}]], "moonphase"),
        ([{"field": "a"}], "condition"),
        ({"field": "a"}, "condition"),
        ("a = 1", "condition"),
    ],
)
def test_a_condition_that_is_not_understood_is_refused_with_its_place(condition, named):
    documents = Documents()
    documents.source["condition"] = condition
    refused = list(documents.made().findings.of(Verdict.REFUSED))
    assert refused
    assert all("source.json, line" in one.where for one in refused)
    assert any(named in f"{one.where} {one.found}" for one in refused)


def test_renamed_fields_become_derived_ones(tmp_path):
    documents = Documents()
    documents.source["formatResponse"] = [
        {"old": "update_time", "new": "changed", "format": "date"},
        {"old": "name", "new": "名称", "format": ""},
    ]
    documents.component("textField_x", "{changed} {{名称}}")
    derive = pipeline_of(documents, tmp_path).derive
    assert {name: one.value for name, one in derive.items()} == {
        "changed": "{{update_time|date}}",
        "名称": "{name}",
    }


@pytest.mark.parametrize(
    "entry",
    [
        {"old": "a", "new": "b", "format": "moonphase"},
        {"old": "a", "new": "a", "format": "date"},
        {"old": "", "new": "b"},
        {"old": "a b", "new": "b"},
        {"old": "a", "new": "{b}"},
        "a",
    ],
)
def test_a_renaming_that_is_not_understood_is_refused(entry):
    documents = Documents()
    documents.source["formatResponse"] = [entry]
    assert documents.made().findings.counts["refused"] >= 1


def test_another_list_of_okki_is_read_with_its_own_pages(tmp_path):
    documents = Documents()
    documents.source |= {"api": "/v1/supplier/list", "number": "supplier_no", "id": "supplier_id"}
    documents.request("page_no", "{{PAGINATION_START_PAGE}}")
    documents.request("page_size", "{{PAGINATION_PAGE_SIZE}}")
    documents.target["request"] = [
        {"field": "textField_a", "label": "编号", "type": "string", "value": "{supplier_no}"},
        {"field": "textField_b", "label": "名称", "type": "string", "value": "{{name}}"},
    ]
    ((name, pipeline),) = documents.settings(tmp_path).pipelines.items()
    assert name == "suppliers"
    assert (pipeline.source.resource, pipeline.source.page_size, pipeline.source.params) == (
        "supplier",
        20,
        {},
    )
    assert pipeline.target.key == "textField_a"
    assert list(documents.made().secrets) == ["XMSYNCD_PIPELINES__SUPPLIERS__TARGET__SYSTEM_TOKEN"]
    documents.component("textField_c", "{{一级分组}}")
    assert documents.made().findings.counts["refused"] == 1
