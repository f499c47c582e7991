"""What goes to DingTalk and Yida on the wire, as pure functions over settings (steps 4 and 5).

Only fields that are set are sent (the vendor's SDK does the same; the source article's empty ``language`` is
left out). ``systemToken`` opens the whole Yida application: it goes into the body where the API takes one,
and into the query only for GET and DELETE calls, which have none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson

from xmsyncd.records import Content, InstanceId, KeyValue
from xmsyncd.settings import DingtalkSettings, TargetSettings, UpdatePath
from xmsyncd.transport.session import Call
from xmsyncd.yida.kinds import search_component_name

TOKEN = "token"
START = "start"
UPDATE = "update"
SEARCH = "search"
GET = "get"
DEFINITIONS = "definitions"
PREVIEW = "preview"
DELETE = "delete"

APIS = (TOKEN, START, UPDATE, SEARCH, GET, DEFINITIONS, PREVIEW, DELETE)
"""The closed set of calls: label of metrics and key of the pacers."""

TOKEN_HEADER = "x-acs-dingtalk-access-token"
"""Bare token; ``Authorization`` and ``?access_token=`` are refused by the gateway (seen in public logs)."""

PAGE_SIZE = 100
"""The vendor's most for searches that name one; assumed for the process search."""


def token_call(settings: DingtalkSettings) -> Call:
    """Asks for the application's access token."""
    return Call(
        method="POST",
        path="/v1.0/oauth2/accessToken",
        endpoint=TOKEN,
        json={"appKey": settings.app_key, "appSecret": settings.app_secret.get_secret_value()},
        secret_reply=True,
    )


def start_call(target: TargetSettings, content: Content) -> Call:
    """Starts a process instance; components without a value (None) are left out.

    Raises ValueError where the content cannot be written as JSON.
    """
    form_data = {component: value for component, value in content.items() if value is not None}
    body = _set(
        _common_of(target),
        formUuid=target.form_uuid,
        processCode=target.process_code,
        formDataJson=_json_text(form_data),
        departmentId=target.department_id,
        processData=target.process_data,
    )
    return _body_call("POST", f"/{target.api_version}/yida/processes/instances/start", START, body)


def update_call(target: TargetSettings, instance_id: InstanceId, content: Content) -> Call:
    """Writes every given component of an instance; None is sent as null, to empty the component.

    The path is a setting: the call for process instances is documented only as history, and that the call
    for forms takes a process instance rests on the wording of its page. Raises ValueError where the content
    cannot be written as JSON.
    """
    if target.update_path is UpdatePath.PROCESS_V1:
        path, id_name = "/v1.0/yida/processes/instances", "processInstanceId"
    else:
        path, id_name = "/v2.0/yida/forms/instances", "formInstanceId"
    body = _set(_common_of(target), **{id_name: instance_id}, updateFormDataJson=_json_text(content))
    return _body_call("PUT", path, UPDATE, body)


def search_call(
    target: TargetSettings,
    *,
    conditions: Sequence[Mapping[str, str]],
    page_number: int,
    page_size: int,
    created: tuple[str | None, str | None] = (None, None),
    oldest_first: bool = False,
) -> Call:
    """One page of the form's instances, from 1; without conditions, of all that the user may see.

    ``created`` bounds the creation time: dates, or ``yyyy-MM-dd HH:mm:ss`` in Yida's local time (day
    granularity is documented; whether times count, only a try shows). ``oldest_first`` keeps pages from
    moving while instances are added.
    """
    body = _set(
        _common_of(target),
        formUuid=target.form_uuid,
        searchFieldJson=_json_text(conditions) if conditions else None,
        orderConfigJson=_json_text({"gmt_create": "+"}) if oldest_first else None,
        createFromTimeGMT=created[0],
        createToTimeGMT=created[1],
    )
    params = {"pageNumber": str(page_number), "pageSize": str(page_size)}
    return _body_call("POST", f"/{target.api_version}/yida/processes/instances", SEARCH, body, params)


def key_condition(target: TargetSettings, key: KeyValue) -> Mapping[str, str]:
    """The condition that the key component equals ``key`` (the array form: the object form is fuzzy).

    A component whose id does not tell its type is searched as a text field.
    """
    return {
        "key": target.key,
        "value": key,
        "type": "TEXT",
        "operator": target.search_operator.value,
        "componentName": search_component_name(target.key) or "TextField",
    }


def get_call(target: TargetSettings, instance_id: InstanceId) -> Call:
    """Shows one process instance."""
    path = f"/{target.api_version}/yida/processes/instancesInfos/{quote(instance_id, safe='')}"
    return _query_call(path, GET, _common_of(target))


def preview_call(target: TargetSettings, content: Content) -> Call:
    """Shows the nodes that a start with this content would pass; nothing is started.

    Without ``processData``, which the vendor's SDK does not take here. Raises ValueError where the content
    cannot be written as JSON.
    """
    form_data = {component: value for component, value in content.items() if value is not None}
    body = _set(
        _common_of(target),
        formUuid=target.form_uuid,
        processCode=target.process_code,
        formDataJson=_json_text(form_data),
        departmentId=target.department_id,
    )
    return _body_call("POST", "/v1.0/yida/processes/preview", PREVIEW, body)


def delete_call(target: TargetSettings, instance_id: InstanceId) -> Call:
    """Deletes a process instance. Only a probe does that, to the instance that it has started itself."""
    params = {**_common_of(target), "processInstanceId": instance_id}
    return _query_call("/v1.0/yida/processes/instances", DELETE, params, method="DELETE")


def definitions_call(target: TargetSettings) -> Call:
    """Lists the components of the form. The v1.0 call is the current one."""
    path = (
        f"/v1.0/yida/forms/definitions/{quote(target.app_type, safe='')}/{quote(target.form_uuid, safe='')}"
    )
    params = _common_of(target)
    del params["appType"]  # it is in the path
    return _query_call(path, DEFINITIONS, params)


def secrets_in(call: Call) -> tuple[str, ...]:
    """Secrets that the call carries, so that an answer that repeats them can be masked."""
    parts = (call.params, call.json)
    found = (
        part.get(name) for part in parts if isinstance(part, Mapping) for name in ("systemToken", "appSecret")
    )
    return tuple(value for value in found if isinstance(value, str) and value)


def _common_of(target: TargetSettings) -> dict[str, str]:
    return _set(
        {},
        appType=target.app_type,
        systemToken=target.system_token.get_secret_value(),
        userId=target.user_id,
        language=target.language,
    )


def _set(body: dict[str, str], **fields: str | None) -> dict[str, str]:
    """``body`` with those fields that hold something."""
    body.update({name: value for name, value in fields.items() if value})
    return body


def _json_text(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:  # half a character, a number beyond 64 bits, no JSON type at all
        raise ValueError(f"content that can be written as JSON ({error})") from None


def _body_call(
    method: str, path: str, endpoint: str, body: Mapping[str, str], params: Mapping[str, str] | None = None
) -> Call:
    return Call(method=method, path=path, endpoint=endpoint, params=params, json=body)


def _query_call(path: str, endpoint: str, params: Mapping[str, str], *, method: str = "GET") -> Call:
    return Call(method=method, path=path, endpoint=endpoint, params=params)
