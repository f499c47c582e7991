"""The vendor's own SDK against the simulated Yida: what the real client accepts, ours may rely on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from alibabacloud_dingtalk.oauth2_1_0 import models as oauth
from alibabacloud_dingtalk.oauth2_1_0.client import Client as OauthClient
from alibabacloud_dingtalk.yida_1_0 import models as v1
from alibabacloud_dingtalk.yida_1_0.client import Client as V1Client
from alibabacloud_dingtalk.yida_2_0 import models as v2
from alibabacloud_dingtalk.yida_2_0.client import Client as V2Client
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions

from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.oracle import NAME, NUMBER, REMARK
from xmsyncd.simulator.server import Simulator

CONTENT = {NAME: "LED筒灯 “甲” \\ <b>\n🙂", NUMBER: "LED-2024-00001", REMARK: ""}
CONDITION = {"key": NUMBER, "type": "TEXT", "operator": "eq", "componentName": "TextField"}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(SimulatorOptions(products=3)) as simulator:
        yield simulator


@pytest.fixture
def config(simulator: Simulator) -> Config:
    endpoint = simulator.yida_url.removeprefix("http://")
    return Config(protocol="http", region_id="central", endpoint=endpoint)


@pytest.fixture
async def token(config: Config, simulator: Simulator) -> str:
    options = simulator.options
    request = oauth.GetAccessTokenRequest(app_key=options.app_key, app_secret=options.app_secret)
    answer = await OauthClient(config).get_access_token_async(request)
    assert answer.body.expire_in == 7200
    return str(answer.body.access_token)


@pytest.fixture
def common(simulator: Simulator) -> dict[str, Any]:
    options = simulator.options
    return {
        "app_type": options.app_type,
        "system_token": options.system_token,
        "user_id": options.user_id,
    }


@pytest.fixture
def formed(simulator: Simulator, common: dict[str, Any]) -> dict[str, Any]:
    return {**common, "form_uuid": simulator.options.form_uuid}


def search_for(number: str) -> str:
    return json.dumps([{**CONDITION, "value": number}], ensure_ascii=False)


class V1:
    """The calls of the product's life through the first version of the client."""

    def __init__(self, config: Config, token: str) -> None:
        self.client = V1Client(config)
        self.token = token

    async def start(self, **given: Any) -> Any:
        headers = v1.StartInstanceHeaders(x_acs_dingtalk_access_token=self.token)
        request = v1.StartInstanceRequest(**given)
        return await self.client.start_instance_with_options_async(request, headers, RuntimeOptions())

    async def search(self, **given: Any) -> Any:
        headers = v1.GetInstancesHeaders(x_acs_dingtalk_access_token=self.token)
        request = v1.GetInstancesRequest(**given)
        return await self.client.get_instances_with_options_async(request, headers, RuntimeOptions())

    async def get(self, instance_id: str, **given: Any) -> Any:
        headers = v1.GetInstanceByIdHeaders(x_acs_dingtalk_access_token=self.token)
        request = v1.GetInstanceByIdRequest(**given)
        return await self.client.get_instance_by_id_with_options_async(
            instance_id, request, headers, RuntimeOptions()
        )

    async def update(self, instance_id: str, text: str, **given: Any) -> Any:
        headers = v1.UpdateInstanceHeaders(x_acs_dingtalk_access_token=self.token)
        request = v1.UpdateInstanceRequest(
            process_instance_id=instance_id, update_form_data_json=text, **given
        )
        return await self.client.update_instance_with_options_async(request, headers, RuntimeOptions())


class V2(V1):
    """The same through the second version; it has no update of process instances but that of forms."""

    def __init__(self, config: Config, token: str) -> None:
        super().__init__(config, token)
        self.second = V2Client(config)

    async def start(self, **given: Any) -> Any:
        headers = v2.StartInstanceHeaders(x_acs_dingtalk_access_token=self.token)
        request = v2.StartInstanceRequest(**given)
        return await self.second.start_instance_with_options_async(request, headers, RuntimeOptions())

    async def search(self, **given: Any) -> Any:
        headers = v2.GetInstancesHeaders(x_acs_dingtalk_access_token=self.token)
        request = v2.GetInstancesRequest(**given)
        return await self.second.get_instances_with_options_async(request, headers, RuntimeOptions())

    async def get(self, instance_id: str, **given: Any) -> Any:
        headers = v2.GetInstanceByIdHeaders(x_acs_dingtalk_access_token=self.token)
        request = v2.GetInstanceByIdRequest(**given)
        return await self.second.get_instance_by_id_with_options_async(
            instance_id, request, headers, RuntimeOptions()
        )

    async def update(self, instance_id: str, text: str, **given: Any) -> Any:
        headers = v2.UpdateFormDataHeaders(x_acs_dingtalk_access_token=self.token)
        request = v2.UpdateFormDataRequest(form_instance_id=instance_id, update_form_data_json=text, **given)
        return await self.second.update_form_data_with_options_async(request, headers, RuntimeOptions())


@pytest.mark.parametrize("version", [V1, V2])
async def test_sdk_starts_searches_gets_and_updates(
    version: type[V1],
    config: Config,
    token: str,
    simulator: Simulator,
    common: dict[str, Any],
    formed: dict[str, Any],
) -> None:
    """One instance through its life, with both versions of the client."""
    sdk = version(config, token)
    started = await sdk.start(
        **formed,
        form_data_json=json.dumps(CONTENT, ensure_ascii=False),
        process_code=simulator.options.process_code,
        language="zh_CN",
    )
    instance_id = started.body.result

    found = await sdk.search(
        **formed, page_number=1, page_size=10, search_field_json=search_for(CONTENT[NUMBER])
    )
    assert found.body.total_count == 1
    (row,) = found.body.data
    assert row.process_instance_id == instance_id
    assert row.data == CONTENT
    assert row.originator.user_id == simulator.options.user_id
    assert row.originator.name.name_in_chinese
    nothing = await sdk.search(
        **formed, page_number=1, page_size=10, search_field_json=search_for("LED-2024")
    )
    assert nothing.body.total_count == 0

    await sdk.update(instance_id, json.dumps({NAME: "改"}), **common)
    got = await sdk.get(instance_id, **common)
    assert got.body.data == {**CONTENT, NAME: "改"}
    assert got.body.version == 2
    assert [each.id for each in simulator.form.store] == [instance_id]


async def test_sdk_reads_definitions(config: Config, token: str, simulator: Simulator) -> None:
    """The definitions call names every component with its type."""
    options = simulator.options
    request = v1.GetFormComponentDefinitionListRequest(
        system_token=options.system_token, user_id=options.user_id, language="zh_CN"
    )
    headers = v1.GetFormComponentDefinitionListHeaders(x_acs_dingtalk_access_token=token)
    answer = await V1Client(config).get_form_component_definition_list_with_options_async(
        options.app_type, options.form_uuid, request, headers, RuntimeOptions()
    )
    shown = {each.field_id: (each.component_name, each.label) for each in answer.body.result}
    assert shown == {each.field_id: (each.component_name, each.label) for each in options.components}


async def test_sdk_reads_the_other_calls(
    config: Config, token: str, simulator: Simulator, common: dict[str, Any], formed: dict[str, Any]
) -> None:
    """Ids, many by id, preview, list of forms, terminate and delete."""
    client = V1Client(config)
    runtime = RuntimeOptions()
    instance = simulator.form.store.create(dict(CONTENT), user_id=simulator.options.user_id, status="RUNNING")

    ids = await client.get_instance_id_list_with_options_async(
        v1.GetInstanceIdListRequest(**formed, page_number=1, page_size=100),
        v1.GetInstanceIdListHeaders(x_acs_dingtalk_access_token=token),
        runtime,
    )
    assert ids.body.data == [instance.id]
    many = await client.get_instances_by_id_list_with_options_async(
        v1.GetInstancesByIdListRequest(**common, process_instance_ids=f"{instance.id},no-such-id"),
        v1.GetInstancesByIdListHeaders(x_acs_dingtalk_access_token=token),
        runtime,
    )
    assert [each.data for each in many.body.result] == [CONTENT]
    await client.preview_published_process_with_options_async(
        v1.PreviewPublishedProcessRequest(**formed, form_data_json=json.dumps(CONTENT)),
        v1.PreviewPublishedProcessHeaders(x_acs_dingtalk_access_token=token),
        runtime,
    )
    forms = await client.get_form_list_in_app_with_options_async(
        v1.GetFormListInAppRequest(**common, form_types="process"),
        v1.GetFormListInAppHeaders(x_acs_dingtalk_access_token=token),
        runtime,
    )
    assert [each.form_uuid for each in forms.body.result.data] == [simulator.options.form_uuid]
    await client.terminate_instance_with_options_async(
        v1.TerminateInstanceRequest(**common, process_instance_id=instance.id),
        v1.TerminateInstanceHeaders(x_acs_dingtalk_access_token=token),
        runtime,
    )
    assert instance.status == "TERMINATED"
    await client.delete_instance_with_options_async(
        v1.DeleteInstanceRequest(**common, process_instance_id=instance.id),
        v1.DeleteInstanceHeaders(x_acs_dingtalk_access_token=token),
        runtime,
    )
    assert instance.deleted


async def test_sdk_sees_the_vendors_codes(
    config: Config, token: str, simulator: Simulator, formed: dict[str, Any]
) -> None:
    """Refusals reach the SDK's caller with code and request id."""
    sdk = V1(config, token)
    with pytest.raises(Exception, match="组件ID不合法:textField_nobody") as refused:
        await sdk.start(**formed, form_data_json=json.dumps({"textField_nobody": "x"}))
    assert vars(refused.value)["code"] == "invalidState.form.invalidComponentID"
    simulator.yida.revoke_tokens()
    with pytest.raises(Exception, match="不合法的access_token") as stale:
        await sdk.start(**formed, form_data_json=json.dumps(CONTENT))
    assert vars(stale.value)["code"] == "InvalidAuthentication"
    assert len(simulator.form.store) == 0
