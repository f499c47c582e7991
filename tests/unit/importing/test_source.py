"""The source document: what is taken over to ``source``, what is to be decided, what is refused."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.unit.importing.samples import Documents, entry
from xmsyncd.importing.findings import Verdict
from xmsyncd.importing.remedy import gaps_of
from xmsyncd.settings import load_settings
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


@pytest.mark.parametrize(
    ("value", "reads"),
    [
        ("{{DAYS_AGO_30|date}}", "the time of the run"),
        ("{{CURRENT_TIME}}000", "the time of the run"),
        ("_function NOW()", "the time of the run"),
        ("{group_id}", "fields that no request can know"),
        ("_function IF({a}, 1, 2)", "fields that no request can know"),
    ],
)
def test_a_parameter_that_changes_is_left_out_and_the_import_goes_on(tmp_path, value, reads):
    documents = Documents()
    documents.request("edited_since", value)
    documents.request("removed", "0")
    assert source_of(documents, tmp_path).params == {"removed": "0"}
    finding = documents.finding(Verdict.DECIDE, '"edited_since"')
    assert value in finding.found
    assert reads in finding.found
    assert "source.params" in finding.advice


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("_function IF(1,'1','2')", "1"),
        ("_function 3600 * 24", "86400"),
        ("_function 1 / 4", "0.25"),
        ("_function CONCAT('产', '品')", "产品"),
    ],
)
def test_an_expression_that_looks_at_nothing_is_a_constant(tmp_path, value, text):
    documents = Documents()
    documents.request("kind", value)
    assert source_of(documents, tmp_path).params == {"kind": text}
    assert value in documents.finding(Verdict.TAKEN_OVER, '"kind"').advice


def test_an_expression_that_comes_to_nothing_or_cannot_be_worked_out_is_told(tmp_path):
    documents = Documents()
    documents.request("kind", "_function NULL")
    documents.request("wrong", "_function 'a' + 1")
    assert source_of(documents, tmp_path).params == {}
    assert "comes to nothing" in documents.finding(Verdict.TAKEN_OVER, '"kind"').found
    assert "cannot be worked out" in documents.finding(Verdict.DECIDE, '"wrong"').found


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
    assert gaps_of("0 4 * * 0,7") == (timedelta(days=7), timedelta(days=7))
    assert gaps_of("0 4 * * 1-5") == (timedelta(days=1), timedelta(days=3))
    assert gaps_of("* * * * *") == (timedelta(minutes=1), timedelta(minutes=1))
    assert gaps_of("99 * * * *") is None


@pytest.mark.parametrize(
    ("crontab", "found", "shown"),
    [
        ("2 */2 * * *", "came each 2h", "full_every is 1d"),
        ("0 3 * * 1-5", "came each 1d to 3d", "full_every is 3d"),
        ("0 4 1 * *", "came each 28d to 31d", "full_every is 7d"),
    ],
)
def test_a_rhythm_that_cannot_be_kept_is_to_be_decided(crontab, found, shown):
    documents = Documents()
    documents.source["omissionRemedy"] = {"crontab": crontab}
    finding = documents.finding(Verdict.DECIDE, "omissionRemedy.crontab")
    assert crontab in finding.found
    assert found in finding.found
    assert shown in finding.advice


def test_a_rhythm_that_is_kept_needs_no_decision():
    documents = Documents()
    documents.source["omissionRemedy"] = {"crontab": "30 3 * * *"}
    made = documents.made()
    assert not [one for one in made.findings.of(Verdict.DECIDE) if "omissionRemedy" in one.where]
    told = documents.finding(Verdict.BETTER, "omissionRemedy")
    assert "the whole list instead of that window, at no fixed time of day" in told.advice


def test_whatever_else_the_re_read_overrides_is_told_and_no_secret_of_it():
    documents = Documents()
    documents.source["omissionRemedy"] = {
        "crontab": "30 3 * * *",
        "takeOverRequest": [
            entry("start_time", "{{DAYS_AGO_2|datetime}}"),
            entry("removed", "1"),
            entry("client_secret", "9f8e7d6c5b4a3210"),
            entry("", ""),
        ],
        "adapter": r"\Adapter\OKKI\OKKIQueryAdapter",
    }
    assert '"1"' in documents.finding(Verdict.DECIDE, '"removed"').found
    assert "OKKIQueryAdapter" in documents.finding(Verdict.DECIDE, "omissionRemedy.adapter").found
    assert "not shown" in documents.finding(Verdict.DECIDE, '"client_secret"').found
    made = documents.made()
    assert "9f8e7d6c5b4a3210" not in made.configuration + str(made.findings)


SECRET = "f3b1c2d4e5a69788"


@pytest.mark.parametrize("place", ["request", "otherRequest"])
@pytest.mark.parametrize(
    ("identity", "secret"), [("clientId", "clientSecret"), ("client_id", "client_secret")]
)
def test_the_credentials_of_okki_go_to_their_two_places(tmp_path, place, identity, secret):
    documents = Documents()
    documents.source.setdefault(place, []).extend([entry(identity, "80012"), entry(secret, SECRET)])
    made = documents.made()
    assert made.secrets["XMSYNCD_OKKI__MAIN__CLIENT_SECRET"] == SECRET
    assert "XMSYNCD_OKKI__MAIN__CLIENT_SECRET" not in made.missing_secrets
    assert SECRET not in made.configuration + str(made.findings) + repr(made)
    path = tmp_path / "xmsyncd.yaml"
    path.write_text(made.configuration, encoding="utf-8")
    environ = {
        "XMSYNCD_DINGTALK__MAIN__APP_KEY": "key",
        **dict.fromkeys(made.missing_secrets, "x"),
        **made.secrets,
    }
    settings = load_settings(path, environ, [])
    assert settings.okki["main"].client_id == "80012"
    assert settings.okki["main"].client_secret.get_secret_value() == SECRET
    (pipeline,) = settings.pipelines.values()
    assert pipeline.source.params == {}
    assert not [one for one in made.findings.of(Verdict.DECIDE) if "no credentials of OKKI" in one.found]


def test_what_only_stands_for_credentials_of_okki_is_none():
    documents = Documents()
    documents.source["otherRequest"] = [
        entry("clientId", "${OKKI_ID}"),
        entry("clientSecret", "<secret>"),
        entry("grant_type", "client_credentials"),
    ]
    made = documents.made()
    assert "XMSYNCD_OKKI__MAIN__CLIENT_SECRET" in made.missing_secrets
    assert 'client_id: "…"' in made.configuration
    assert "okki.main.client_id" in documents.finding(Verdict.DECIDE, '"clientId"').advice
    assert "CLIENT_SECRET" in documents.finding(Verdict.DECIDE, '"clientSecret"').advice


def test_two_different_client_ids_are_refused():
    documents = Documents()
    documents.request("client_id", "80012")
    documents.source["otherRequest"] = [entry("clientId", "80013")]
    assert "another one" in documents.refusal("clientId").found


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


def test_a_key_that_no_condition_has_is_left_out_with_one_warning(tmp_path):
    documents = Documents()
    strict = {"field": "status", "logic": "eq", "value": "1", "strictmode": True, "id": 7}
    documents.source["condition"] = [[strict], [{"field": "name", "logic": "notnull", "id": 8}]]
    where = pipeline_of(documents, tmp_path).where
    assert where is not None
    assert json.loads(where) == [
        [{"field": "status", "logic": "eq", "value": "1"}],
        [{"field": "name", "logic": "notnull"}],
    ]
    told = [one for one in documents.made().findings.of(Verdict.DECIDE) if "no condition has" in one.found]
    assert len(told) == 2
    assert '"strictmode", which no condition has (nearest: strictMode)' in told[0].found
    assert '"id"' in told[1].found
    assert all(one.where.startswith("condition[0][0]") and "line" in one.where for one in told)


def test_a_fault_behind_an_empty_group_names_its_own_line():
    documents = Documents()
    documents.source["condition"] = [[], [{"field": "a", "logic": "moonphase"}]]
    [refused] = documents.made().findings.of(Verdict.REFUSED)
    assert refused.where.startswith("condition[1][0]")


LINES = {"field": "sku_items.price", "logic": "gt", "value": "10"}
WHOLE = {"field": "status", "logic": "eq", "value": "1"}


@pytest.mark.parametrize(
    ("conditions", "lines", "taken_over"),
    [
        ([LINES], 1, False),
        ([LINES, WHOLE], 1, True),
        ([{**LINES, "strictMode": True}], 0, True),
        ([{**LINES, "field": "sku_items.0.price"}, {**LINES, "field": "images.0"}], 0, True),
        ([WHOLE], 0, True),
    ],
)
def test_a_condition_that_cuts_lines_out_there_is_not_taken_over_as_it_is(conditions, lines, taken_over):
    documents = Documents()
    documents.source["condition"] = [conditions]
    findings = documents.made().findings
    told = [one for one in findings.of(Verdict.DECIDE) if one.where.startswith("condition")]
    assert len(told) == lines
    assert all('if "sku_items" is a list, the platform keeps only' in one.found for one in told)
    assert any(one.where.startswith("condition") for one in findings.of(Verdict.TAKEN_OVER)) is taken_over


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
