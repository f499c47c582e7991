"""The target document: the form, the six fields byte for byte, and where its secrets go."""

from __future__ import annotations

import pytest

from tests.unit.importing.samples import SIX, TOKEN, Documents, loaded
from xmsyncd.errors import ConfigurationError
from xmsyncd.importing.findings import Verdict
from xmsyncd.settings.choices import ApiVersion

VARIABLE = "XMSYNCD_PIPELINES__PRODUCTS__TARGET__SYSTEM_TOKEN"


def pipeline_of(documents: Documents, folder):
    (pipeline,) = documents.settings(folder).pipelines.values()
    return pipeline


def test_the_six_fields_keep_label_type_and_value_byte_for_byte(tmp_path):
    pipeline = pipeline_of(Documents(), tmp_path)
    assert [(one.field, one.label, one.value) for one in pipeline.fields] == SIX
    assert {one.type for one in pipeline.fields} == {"string"}
    assert pipeline.target.key == "textField_lq23ags2"
    assert pipeline.target.app_type == "APP_TEST0000AAAA"
    assert pipeline.target.user_id == "0123456789"
    assert pipeline.target.language is None


def test_odd_texts_survive(tmp_path):
    label = ' "quoted" \\ back\tslash: #no comment, {\u2028\u00a0\ufeff\x7f 😀 null'
    documents = Documents()
    documents.component("textField_x", 'a: "b" # {name} \\ \u2028 ', label=label)
    documents.component("textField_y", "null", label="true")
    by_name = {one.field: one for one in pipeline_of(documents, tmp_path).fields}
    assert (by_name["textField_x"].label, by_name["textField_x"].value) == (
        label,
        'a: "b" # {name} \\ \u2028 ',
    )
    assert (by_name["textField_y"].label, by_name["textField_y"].value) == ("true", "null")


def test_the_secret_goes_nowhere_but_to_the_secrets():
    made = Documents().made()
    assert made.secrets == {VARIABLE: TOKEN}
    assert TOKEN not in made.configuration + str(made.findings) + repr(made)


@pytest.mark.parametrize(
    "value",
    [
        "REPLACE_WITH_SYSTEM_TOKEN",
        "<your token>",
        "${SYSTEM_TOKEN}",
        "$SYSTEM_TOKEN",
        "%SYSTEM_TOKEN%",
        "{{SYSTEM_TOKEN}}",
        "****************",
        "xxxxxxxx",
        "应用秘钥",
        "systemToken",
        "…",
        "",
    ],
)
def test_what_only_stands_for_a_secret_is_none(value):
    documents = Documents()
    documents.other("systemToken", value)
    made = documents.made()
    assert made.configuration
    assert made.secrets == {}
    assert VARIABLE in made.missing_secrets
    assert any(VARIABLE in one.advice for one in made.findings.of(Verdict.DECIDE))


@pytest.mark.parametrize("inside", [f"token {TOKEN}", TOKEN, f"x{TOKEN}y"])
@pytest.mark.parametrize("place", ["value", "label", "parameter", "other", "key", "crontab", "api", "field"])
def test_a_secret_outside_its_entry_is_refused_unseen(inside, place):
    documents = Documents()
    match place:
        case "value":
            documents.component("textField_x", inside)
        case "label":
            documents.component("textField_x", "{name}", label=inside)
        case "parameter":
            documents.request("x", inside)
        case "other":
            documents.other("x", inside)
        case "key":
            documents.source[inside] = 1
        case "crontab":
            documents.source["omissionRemedy"] = {"crontab": inside}
        case "api":
            documents.target["api"] = inside
        case "field":
            documents.component(inside, "{name}")
    made = documents.made()
    assert not made.configuration
    assert made.secrets == {}
    assert "the text of a secret (not shown)" in str(made.findings)
    assert TOKEN not in str(made.findings) + repr(made)


@pytest.mark.parametrize("name", ["access_token", "apiKey", "password", "sign", "密钥", "Authorization"])
@pytest.mark.parametrize("place", ["request", "other"])
def test_whatever_is_named_like_a_secret_is_shown_nowhere(name, place):
    documents = Documents()
    {"request": documents.request, "other": documents.other}[place](name, "9f8e7d6c5b4a3210")
    made = documents.made()
    assert made.configuration
    assert "9f8e7d6c5b4a3210" not in made.configuration + str(made.findings)


def test_a_component_is_no_secret_whatever_its_name():
    documents = Documents()
    documents.component("digitalSignatureField_token", "{product_no}")
    assert documents.made().configuration


@pytest.mark.parametrize("name", ["keyword", "author", "designer", "monkey"])
def test_what_only_sounds_like_a_secret_is_a_parameter(tmp_path, name):
    documents = Documents()
    documents.request(name, "x1y2z3")
    assert pipeline_of(documents, tmp_path).source.params == {name: "x1y2z3"}


def test_secrets_without_end_are_refused_at_once():
    documents = Documents()
    for number in range(5000):
        documents.target["otherRequest"].append({"field": f"token{number}", "value": f"{number:032}"})
    assert documents.refusal("more than 100 secrets")


def test_a_secret_that_no_line_can_hold_and_two_of_one_are_refused():
    documents = Documents()
    documents.other("systemToken", "line\nbreak")
    assert documents.refusal('"systemToken"')
    documents.other("systemToken", TOKEN)
    documents.target["request"].append({"field": "systemToken", "value": f"{TOKEN}2"})
    assert TOKEN not in str(documents.refusal('"systemToken"'))


@pytest.mark.parametrize(("given", "option"), [("", None), ("FORM-XXXX", None), (None, None)])
def test_without_a_form_the_file_says_so_and_is_refused_until_it_is_filled_in(tmp_path, given, option):
    documents = Documents()
    if given is not None:
        documents.other("formUuid", given)
    made = documents.made(form_uuid=option)
    assert 'form_uuid: "…"' in made.configuration
    with pytest.raises(ConfigurationError) as caught:
        loaded(made, tmp_path)
    (fault,) = caught.value.faults
    assert "form_uuid" in fault.where
    assert "placeholder" in fault.found
    assert "FORM-" in fault.expected


def test_the_form_of_the_document_and_that_of_the_command_line(tmp_path):
    documents = Documents()
    documents.other("formUuid", "FORM-DOCUMENT")
    documents.other("processCode", "TPROC--X")
    documents.other("departmentId", "007")
    documents.other("language", "zh_CN")
    target = pipeline_of(documents, tmp_path).target
    assert target.form_uuid == "FORM-TEST"
    assert (target.process_code, target.department_id, target.language) == ("TPROC--X", "007", "zh_CN")
    assert "form_uuid: FORM-DOCUMENT" in documents.made(form_uuid=None).configuration


def test_parameters_of_the_call_may_stand_in_request_and_components_in_form_data(tmp_path):
    documents = Documents()
    fields = documents.target["request"]
    documents.target["request"] = [
        *documents.target.pop("otherRequest"),
        {"field": "formDataJson", "type": "object", "value": "", "children": fields},
    ]
    assert [(one.field, one.label, one.value) for one in pipeline_of(documents, tmp_path).fields] == SIX
    assert documents.made().secrets == {VARIABLE: TOKEN}


@pytest.mark.parametrize(
    ("api", "version"),
    [
        ("v1.0/yida/processes/instances/start", ApiVersion.V1),
        ("/v2.0/yida/processes/instances/start", ApiVersion.V2),
        ("https://api.dingtalk.com/v1.0/yida/processes/instances/start", ApiVersion.V1),
    ],
)
def test_the_version_of_the_call(tmp_path, api, version):
    documents = Documents()
    documents.target["api"] = api
    assert pipeline_of(documents, tmp_path).target.api_version is version


@pytest.mark.parametrize("api", ["/v1.0/yida/forms/instances", "v2.0/yida/forms/instances/batchSave"])
def test_ordinary_forms_are_refused_by_their_name(api):
    documents = Documents()
    documents.target["api"] = api
    finding = documents.refusal(api)
    assert "普通表单" in finding.found
    assert "流程表单" in finding.advice


@pytest.mark.parametrize("api", ["", "写入空操作", "v1.0/yida/processes/instances"])
def test_any_other_target_is_refused(api):
    documents = Documents()
    documents.target["api"] = api
    assert "processes/instances/start" in documents.refusal("api").advice


def test_a_parameter_of_the_call_must_not_change():
    documents = Documents()
    documents.other("userId", "{user_id}")
    assert documents.refusal('"userId"')


def test_required_entries_become_rules(tmp_path):
    documents = Documents()
    documents.component("textField_x", "{model}", is_required=True)
    documents.component("textField_y", "{model}", is_required="false")
    assert [one.field for one in pipeline_of(documents, tmp_path).quality] == ["textField_x"]


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("{{name|moonphase}}", "moonphase"),
        ("_function MOONPHASE({name})", "_function"),
        ("_findCollection find a from b where c={{d}}", "_findCollection"),
        ("_mongoQuery b findField=content.x", "_mongoQuery"),
        ("{{PAGINATION_START_PAGE}}", "PAGINATION_START_PAGE"),
        ("{name", "character"),
        ("｛name｝", "character"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(value, named):
    documents = Documents()
    documents.component("textField_x", value)
    finding = documents.refusal('"textField_x"')
    assert named in finding.found
    assert "target.json, line" in finding.where
    assert "character" in finding.found


@pytest.mark.parametrize("key", ["mapping", "format"])
def test_conversions_beside_the_value_are_refused_by_name(key):
    documents = Documents()
    documents.component("textField_x", "{name}", **{key: "yyyy"})
    assert key in documents.refusal('"textField_x"').found


def test_parsers_are_kept_and_unknown_ones_refused_by_name(tmp_path):
    documents = Documents()
    documents.component("textField_x", "{{tags}}", parser={"name": "ArrayToString", "params": "、"})
    documents.component("checkboxField_x", "{tags}", type="array", parser={"name": "stringtoarray"})
    by_name = {one.field: one for one in pipeline_of(documents, tmp_path).fields}
    joined, split = by_name["textField_x"].parser, by_name["checkboxField_x"].parser
    assert joined is not None
    assert split is not None
    assert (joined.name, joined.params, split.name) == ("ArrayToString", "、", "StringToArray")
    assert by_name["textField_x"].value == "{{tags}}"
    for name in ("ConvertObjectParser", "ConvertJson", "Moonphase", ""):
        documents.component("textField_x", "{tags}", parser={"name": name, "params": "FNumber"})
        assert f'the parser "{name}"' in documents.refusal('"textField_x"').found


def column(name, value, **more):
    return {"field": name, "label": name, "type": "string", "value": value, **more}


@pytest.mark.parametrize("flat", [False, True])
def test_a_table_keeps_its_columns_nested_or_flat(tmp_path, flat):
    documents = Documents()
    columns = [column("textField_c", "{sku_code}", is_required=True), column("numberField_d", "{price}")]
    if flat:
        documents.component("tableField_t", "sku_items", type="array", id="9")
        documents.target["request"] += [{**one, "parent": "9"} for one in columns]
    else:
        documents.component("tableField_t", "sku_items", type="array", children=columns)
    pipeline = pipeline_of(documents, tmp_path)
    (table,) = (one for one in pipeline.fields if one.field == "tableField_t")
    assert table.value == "sku_items"
    assert [(one.field, one.value) for one in table.children] == [
        ("textField_c", "{sku_code}"),
        ("numberField_d", "{price}"),
    ]
    assert [one.field for one in pipeline.quality] == ["textField_c"]


def test_children_that_are_no_columns_are_refused():
    documents = Documents()
    documents.component("textField_x", "a", children=[column("textField_y", "{b}")])
    assert "no table" in documents.refusal('"textField_x"').found
    documents = Documents()
    inner = column("tableField_u", "b", children=[column("textField_y", "{b}")])
    documents.component("tableField_t", "a", children=[inner])
    assert "columns that have columns" in documents.refusal('"tableField_t"').found
    documents = Documents()
    documents.component("tableField_t", "a", children=[column("textField_y", "{b|moonphase}")])
    assert "moonphase" in documents.refusal('"textField_y"').found


def test_types(tmp_path):
    documents = Documents()
    documents.component("numberField_x", "{quantity}", type="number")
    documents.component("textField_x", "{name}", type="")
    by_name = {one.field: one.type for one in pipeline_of(documents, tmp_path).fields}
    assert (by_name["numberField_x"], by_name["textField_x"]) == ("float", "string")
    documents.component("textField_x", "{name}", type="moon")
    assert "moon" in documents.refusal('"textField_x"').found


def test_a_component_twice_is_refused():
    documents = Documents()
    documents.target["request"].append({"field": "textField_lq0sj9h9", "value": "{name}"})
    assert documents.refusal('"textField_lq0sj9h9" for the second time')


def test_no_component_at_all_is_refused():
    documents = Documents()
    documents.target["request"] = []
    assert documents.refusal("no entry with a field")


def test_the_key_is_the_component_of_the_business_code_or_of_the_id(tmp_path):
    documents = Documents()
    documents.component("textField_lq23ags2", "no. {product_no}")
    documents.component("textField_id", "{{ product_id }}")
    assert pipeline_of(documents, tmp_path).target.key == "textField_id"
    documents.component("textField_id", "{model}")
    assert 'key: "…"' in documents.made().configuration
    assert "target.key" in documents.finding(Verdict.DECIDE, "no text component").advice


def test_a_group_level_is_derived_here(tmp_path):
    finding = Documents().finding(Verdict.BETTER, "一级分组")
    assert "product groups" in finding.advice
