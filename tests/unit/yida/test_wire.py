"""Requests: only fields that are set, secrets in the body where there is one."""

from __future__ import annotations

import orjson
import pytest

from xmsyncd.records import InstanceId, KeyValue
from xmsyncd.settings import (
    ApiVersion,
    DingtalkSettings,
    SearchOperator,
    TargetSettings,
    UpdatePath,
)
from xmsyncd.yida import wire

CONTENT = {"textField_b": '名称 "x"', "textField_a": "", "numberField_c": None}


def changed(target: TargetSettings, **update: object) -> TargetSettings:
    return target.model_copy(update=update)


def test_the_token_call_keeps_its_answer_out_of_logs() -> None:
    call = wire.token_call(DingtalkSettings(app_key="key-1", app_secret="app-secret-of-ours"))
    assert (call.method, call.path) == ("POST", "/v1.0/oauth2/accessToken")
    assert call.json == {"appKey": "key-1", "appSecret": "app-secret-of-ours"}
    assert call.secret_reply


def test_start_sends_form_data_as_compact_text_in_the_order_of_the_mapping(target: TargetSettings) -> None:
    call = wire.start_call(target, CONTENT)
    assert (call.method, call.path, call.params) == ("POST", "/v1.0/yida/processes/instances/start", None)
    assert call.json == {
        "appType": "APP_1",
        "systemToken": "system-token-of-ours",
        "userId": "user-1",
        "formUuid": "FORM-1",
        "processCode": "TPROC--1",
        "formDataJson": '{"textField_b":"名称 \\"x\\"","textField_a":""}',
    }


def test_start_in_version_two_with_every_optional_field(target: TargetSettings) -> None:
    target = changed(
        target,
        api_version=ApiVersion.V2,
        department_id="7",
        language="en_US",
        process_data="[]",
        process_code=None,
    )
    call = wire.start_call(target, {"textField_a": "x"})
    assert call.path == "/v2.0/yida/processes/instances/start"
    assert call.json is not None
    assert "processCode" not in call.json
    assert call.json.items() >= {"departmentId": "7", "language": "en_US", "processData": "[]"}.items()


def test_update_sends_every_component_and_null_for_nothing(target: TargetSettings) -> None:
    call = wire.update_call(target, InstanceId("i-1"), CONTENT)
    assert (call.method, call.path) == ("PUT", "/v1.0/yida/processes/instances")
    assert call.json is not None
    assert call.json["processInstanceId"] == "i-1"
    assert orjson.loads(call.json["updateFormDataJson"]) == CONTENT


def test_update_through_the_call_for_forms(target: TargetSettings) -> None:
    call = wire.update_call(changed(target, update_path=UpdatePath.FORM_V2), InstanceId("i-1"), CONTENT)
    assert (call.method, call.path) == ("PUT", "/v2.0/yida/forms/instances")
    assert call.json is not None
    assert call.json["formInstanceId"] == "i-1"
    assert "processInstanceId" not in call.json


def test_search_asks_for_equality_in_the_array_form(target: TargetSettings) -> None:
    condition = wire.key_condition(target, KeyValue('ZP-"1" 号'))
    call = wire.search_call(target, conditions=[condition], page_number=2, page_size=100)
    assert (call.method, call.path) == ("POST", "/v1.0/yida/processes/instances")
    assert call.params == {"pageNumber": "2", "pageSize": "100"}
    assert call.json is not None
    assert orjson.loads(call.json["searchFieldJson"]) == [
        {
            "key": "textField_lq23ags2",
            "value": 'ZP-"1" 号',
            "type": "TEXT",
            "operator": "eq",
            "componentName": "TextField",
        }
    ]


def test_search_follows_the_settings(target: TargetSettings) -> None:
    target = changed(
        target, key="textareaField_k", search_operator=SearchOperator.LIKE, api_version=ApiVersion.V2
    )
    condition = wire.key_condition(target, KeyValue("k"))
    assert (condition["operator"], condition["componentName"]) == ("like", "TextareaField")
    call = wire.search_call(target, conditions=[], page_number=1, page_size=1)
    assert call.path == "/v2.0/yida/processes/instances"
    assert call.json is not None
    assert "searchFieldJson" not in call.json


def test_reads_without_a_body_carry_the_secret_in_the_query_and_nothing_shows_it(
    target: TargetSettings,
) -> None:
    get = wire.get_call(changed(target, api_version=ApiVersion.V2), InstanceId("a/b"))
    assert (get.method, get.path) == ("GET", "/v2.0/yida/processes/instancesInfos/a%2Fb")
    assert get.params == {"appType": "APP_1", "systemToken": "system-token-of-ours", "userId": "user-1"}
    definitions = wire.definitions_call(changed(target, language="zh_CN"))
    assert definitions.path == "/v1.0/yida/forms/definitions/APP_1/FORM-1"
    assert definitions.params == {
        "systemToken": "system-token-of-ours",
        "userId": "user-1",
        "language": "zh_CN",
    }
    assert "system-token" not in repr(get) + repr(definitions)
    assert wire.secrets_in(get) == wire.secrets_in(definitions) == ("system-token-of-ours",)


def test_a_preview_is_asked_as_a_start_but_for_the_chosen_approvers(target: TargetSettings) -> None:
    target = changed(target, process_data='[{"key":"n","value":["u"]}]', process_code="TPROC--1")
    start, preview = (
        wire.start_call(target, {"a": 1, "b": None}),
        wire.preview_call(target, {"a": 1, "b": None}),
    )
    assert (preview.method, preview.path) == ("POST", "/v1.0/yida/processes/preview")
    assert isinstance(start.json, dict)
    assert preview.json == {name: value for name, value in start.json.items() if name != "processData"}


def test_a_delete_names_one_instance_in_the_query(target: TargetSettings) -> None:
    call = wire.delete_call(changed(target, api_version="v2.0"), InstanceId("i-1"))
    assert (call.method, call.path, call.json) == ("DELETE", "/v1.0/yida/processes/instances", None)
    assert call.params is not None
    assert call.params["processInstanceId"] == "i-1"
    assert wire.secrets_in(call) == ("system-token-of-ours",)


def test_endpoints_are_the_closed_set(target: TargetSettings) -> None:
    calls = [
        wire.token_call(DingtalkSettings(app_key="k", app_secret="another-secret")),
        wire.start_call(target, {}),
        wire.update_call(target, InstanceId("i"), {}),
        wire.search_call(target, conditions=[], page_number=1, page_size=1),
        wire.get_call(target, InstanceId("i")),
        wire.definitions_call(target),
        wire.preview_call(target, {}),
        wire.delete_call(target, InstanceId("i")),
    ]
    assert tuple(call.endpoint for call in calls) == wire.APIS


@pytest.mark.parametrize("value", ["\ud800", 2**70, {1, 2}])
def test_content_that_is_no_json_is_an_error_before_anything_is_sent(
    target: TargetSettings, value: object
) -> None:
    with pytest.raises(ValueError, match="written as JSON"):
        wire.start_call(target, {"textField_a": value})
