"""The writer: outcomes of writes, and looks that never take silence for absence."""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import orjson
import pytest

from tests.unit.yida.doubles import (
    BASE,
    KEY,
    NAME,
    REMARK,
    SEARCH_URL,
    START_URL,
    SYSTEM_TOKEN,
    UPDATE_URL,
    Yida,
)
from xmsyncd.errors import CannotWorkError, RefusedError, ReserveSpentError, ThrottledError, TryLaterError
from xmsyncd.records import Family, InstanceId, KeyValue, StopReason
from xmsyncd.transform.hashes import hash_of

CONTENT = {NAME: "灯", KEY: "ZP-1", REMARK: ""}
I1 = InstanceId("i-1")
K1 = KeyValue("ZP-1")
GET_URL = (
    f"{BASE}/v1.0/yida/processes/instancesInfos/i-1?appType=APP_1&systemToken={SYSTEM_TOKEN}&userId=user-1"
)
DEFINITIONS_URL = f"{BASE}/v1.0/yida/forms/definitions/APP_1/FORM-1?systemToken={SYSTEM_TOKEN}&userId=user-1"
QPS = {"code": "Forbidden.AccessDenied.QpsLimitForApi", "message": "限流"}
STALE = {"code": "InvalidAuthentication"}


def row(instance_id: str, key: str = "ZP-1", **more: Any) -> dict[str, Any]:
    return {"processInstanceId": instance_id, "data": {NAME: "灯", KEY: key}, **more}


def search_url(number: int) -> str:
    return SEARCH_URL.replace("pageNumber=1", f"pageNumber={number}")


async def test_create_delivers_the_id_of_the_new_instance(yida: Yida) -> None:
    yida.give_token()
    yida.http.post(START_URL, payload={"result": "i-1"})
    outcome = await yida.writer.create(CONTENT)
    assert (outcome.family, outcome.instance_id, outcome.calls) == (Family.DELIVERED, I1, 1)
    (body,) = yida.bodies("POST", START_URL)
    assert orjson.loads(body["formDataJson"]) == CONTENT


@pytest.mark.parametrize(
    "answer",
    [{"payload": {}}, {"payload": {"result": None}}, {"payload": {"success": True}}],
)
async def test_a_create_whose_answer_names_no_instance_is_undecided(
    yida: Yida, answer: dict[str, Any]
) -> None:
    yida.give_token()
    yida.http.post(START_URL, **answer)
    outcome = await yida.writer.create(CONTENT)
    assert (outcome.family, outcome.code) == (Family.UNDECIDED, "no-instance-id")
    assert outcome.instance_id is None


@pytest.mark.parametrize(
    ("answer", "family"),
    [
        ({"status": 200, "payload": {"success": False, "result": "i-1"}}, Family.UNDECIDED),
        ({"status": 200, "payload": {"errcode": 1, "result": "i-1"}}, Family.UNDECIDED),
        ({"status": 200, "body": '{"result": "i'}, Family.UNDECIDED),
        ({"status": 502, "body": "<html>"}, Family.UNDECIDED),
        ({"status": 400, "payload": {"code": "invalidState.form.invalidFormData"}}, Family.REFUSED),
        ({"status": 403, "payload": QPS}, Family.THROTTLED),
        ({"exception": aiohttp.ClientPayloadError("broke off")}, Family.UNDECIDED),
    ],
)
async def test_a_create_never_raises_and_never_claims_an_id_it_was_not_given(
    yida: Yida, answer: dict[str, Any], family: Family
) -> None:
    yida.give_token()
    yida.http.post(START_URL, **answer)
    outcome = await yida.writer.create(CONTENT)
    assert outcome.family is family
    assert outcome.instance_id is None


async def test_content_that_is_no_json_is_refused_without_a_call(yida: Yida) -> None:
    for outcome in (
        await yida.writer.create({NAME: "\ud800"}),
        await yida.writer.update(I1, {NAME: "\ud800"}),
    ):
        assert (outcome.family, outcome.code, outcome.calls) == (Family.REFUSED, "unwritable", 0)
    assert not yida.http.requests


@pytest.mark.parametrize("answer", [{"body": ""}, {"payload": {}}, {"payload": {"result": True}}])
async def test_an_update_is_delivered_by_an_empty_answer(yida: Yida, answer: dict[str, Any]) -> None:
    yida.give_token()
    yida.http.put(UPDATE_URL, **answer)
    outcome = await yida.writer.update(I1, CONTENT)
    assert (outcome.family, outcome.instance_id) == (Family.DELIVERED, I1)
    (body,) = yida.bodies("PUT", UPDATE_URL)
    assert body["processInstanceId"] == "i-1"
    assert orjson.loads(body["updateFormDataJson"]) == CONTENT


async def test_an_update_of_a_deleted_instance_is_gone(yida: Yida) -> None:
    yida.give_token()
    code = "invalidState.form.dataDoesNotExistOrIsDeleted"
    yida.http.put(UPDATE_URL, status=400, payload={"code": code, "message": "数据不存在或已删除:i-1"})
    outcome = await yida.writer.update(I1, CONTENT)
    assert (outcome.family, outcome.code, outcome.instance_id) == (Family.GONE, code, None)


async def test_writes_take_no_permit_of_their_own_but_for_the_repeat(yida: Yida) -> None:
    yida.give_token("t-1")
    yida.give_token("t-2")
    yida.http.put(UPDATE_URL, status=400, payload=STALE)
    yida.http.put(UPDATE_URL, body="")
    outcome = await yida.writer.update(I1, CONTENT)
    # The claim counted the first try; the repeat is counted before it goes, so that a crash loses neither.
    assert (outcome.family, outcome.calls) == (Family.DELIVERED, 1)
    assert (yida.permits, yida.metered) == (["update"], ["update"])


async def test_a_repeat_that_the_month_has_no_call_for_is_put_off(yida: Yida) -> None:
    yida.give_token("t-1")
    yida.give_token("t-2")
    yida.http.put(UPDATE_URL, status=400, payload=STALE)
    yida.meter.refuses = True
    outcome = await yida.writer.update(I1, CONTENT)
    assert (outcome.family, outcome.calls) == (Family.TRY_LATER, 1)


async def test_a_read_that_the_month_has_no_call_for_is_not_sent(yida: Yida) -> None:
    yida.meter.refuses = True
    with pytest.raises(ReserveSpentError):
        await yida.writer.search(K1)
    assert (yida.requests("POST", SEARCH_URL), yida.writer.reads) == ([], 0)


async def test_search_returns_every_row_shown_unfiltered(yida: Yida) -> None:
    yida.give_token()
    rows = [row("i-1"), row("i-2", "zp-1"), row("i-3", "ZP-10")]
    yida.http.post(SEARCH_URL, payload={"totalCount": 3, "pageNumber": 1, "data": rows})
    found = await yida.writer.search(K1)
    assert [(one.instance_id, one.key) for one in found] == [
        ("i-1", "ZP-1"),
        ("i-2", "zp-1"),
        ("i-3", "ZP-10"),
    ]
    assert found[0].content == CONTENT
    assert found[0].content_hash == hash_of(CONTENT)
    (body,) = yida.bodies("POST", SEARCH_URL)
    (condition,) = orjson.loads(body["searchFieldJson"])
    assert condition.items() >= {"key": KEY, "value": "ZP-1", "operator": "eq", "type": "TEXT"}.items()
    assert (yida.permits, yida.metered) == (["search"], ["search"])


async def test_search_finds_nothing_where_yida_counts_nothing(yida: Yida) -> None:
    yida.give_token()
    yida.http.post(SEARCH_URL, payload={"totalCount": 0, "pageNumber": 1, "data": []})
    assert await yida.writer.search(K1) == ()


async def test_search_reads_on_while_the_total_says_so(yida: Yida) -> None:
    yida.give_token()
    rows = [row(f"i-{number}", f"ZP-1{number}") for number in range(150)]
    for number, part in ((1, rows[:100]), (2, rows[100:])):
        yida.http.post(search_url(number), payload={"totalCount": 150, "data": part})
    assert len(await yida.writer.search(K1)) == 150
    assert yida.permits == yida.metered == ["search", "search"]


async def test_a_search_that_counts_more_than_it_shows_proves_no_absence(yida: Yida) -> None:
    yida.give_token()
    yida.http.post(search_url(1), payload={"totalCount": 2, "data": [row("i-9", "ZP-19")]})
    yida.http.post(search_url(2), payload={"totalCount": 2, "data": []})
    with pytest.raises(TryLaterError) as raised:
        await yida.writer.search(K1)
    assert raised.value.code == "search-incomplete"


async def test_a_search_that_shows_the_key_may_count_more(yida: Yida) -> None:
    yida.give_token()
    yida.http.post(search_url(1), payload={"totalCount": 2, "data": [row("i-1")]})
    yida.http.post(search_url(2), payload={"totalCount": 2, "data": []})
    assert [one.instance_id for one in await yida.writer.search(K1)] == ["i-1"]


async def test_a_search_with_hundreds_of_rows_for_one_key_decides_nothing(yida: Yida) -> None:
    yida.give_token()
    for number in (1, 2, 3):
        rows = [row(f"i-{number}-{line}", "other") for line in range(100)]
        yida.http.post(search_url(number), payload={"totalCount": 5000, "data": rows})
    with pytest.raises(RefusedError) as raised:
        await yida.writer.search(K1)
    assert raised.value.code == "search-too-wide"
    assert len(yida.metered) == 3


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"totalCount": 1},
        {"totalCount": 1, "data": [{"processInstanceId": "i-1"}]},
        {"totalCount": 1, "data": ["i-1"]},
    ],
)
async def test_a_search_answer_of_another_shape_is_not_nothing(yida: Yida, payload: Any) -> None:
    yida.give_token()
    yida.http.post(SEARCH_URL, payload=payload)
    with pytest.raises(TryLaterError) as raised:
        await yida.writer.search(K1)
    assert (raised.value.code, raised.value.endpoint) == ("unreadable", "search")


@pytest.mark.parametrize(
    ("answer", "error", "metered"),
    [
        ({"status": 403, "payload": QPS}, ThrottledError, 0),
        ({"status": 400, "payload": {"code": "failure.operation.requestTooFast"}}, ThrottledError, 1),
        ({"status": 500, "payload": {"code": "innerError"}}, TryLaterError, 1),
        ({"status": 502, "body": "<html>"}, TryLaterError, 1),
        ({"body": ""}, TryLaterError, 1),
        ({"exception": aiohttp.ServerDisconnectedError()}, TryLaterError, 1),
        (
            {"status": 400, "payload": {"code": "invalidState.openSearch.cursorExceedFiveThousand"}},
            RefusedError,
            1,
        ),
        (
            {"status": 403, "payload": {"code": "Forbidden.AccessDenied.ApiCountLimitForOrg"}},
            CannotWorkError,
            1,
        ),
    ],
)
async def test_reads_raise_what_is_done_next(
    yida: Yida, answer: dict[str, Any], error: type[Exception], metered: int
) -> None:
    yida.give_token()
    yida.http.post(SEARCH_URL, **answer)
    with pytest.raises(error) as raised:
        await yida.writer.search(K1)
    assert type(raised.value) is error
    assert len(yida.metered) == yida.writer.reads == metered


async def test_get_shows_the_instance(yida: Yida) -> None:
    yida.give_token()
    yida.http.get(GET_URL, payload=row("i-1", instanceStatus="RUNNING"))
    found = await yida.writer.get(I1)
    assert found is not None
    assert (found.instance_id, found.key, found.status) == ("i-1", "ZP-1", "RUNNING")
    assert found.content_hash == hash_of(CONTENT)
    assert (yida.permits, yida.metered) == (["get"], ["get"])


async def test_get_reads_an_answer_without_id_and_one_that_is_wrapped(yida: Yida) -> None:
    yida.give_token()
    yida.http.get(GET_URL, payload={"data": {KEY: "ZP-1"}})
    yida.http.get(GET_URL, payload={"result": row("i-1")})
    for _ in range(2):
        found = await yida.writer.get(I1)
        assert found is not None
        assert (found.instance_id, found.key) == ("i-1", "ZP-1")


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 404, "payload": {"code": "some.code", "message": "x"}},
        {"status": 400, "payload": {"code": "invalidState.form.dataDoesNotExistOrIsDeleted"}},
    ],
)
async def test_get_of_a_deleted_instance_is_none(yida: Yida, answer: dict[str, Any]) -> None:
    yida.give_token()
    yida.http.get(GET_URL, **answer)
    assert await yida.writer.get(I1) is None


@pytest.mark.parametrize("payload", [{}, None, [], {"processInstanceId": "i-1"}, row("i-2")])
async def test_get_never_takes_a_strange_answer_for_gone(yida: Yida, payload: Any) -> None:
    yida.give_token()
    yida.http.get(GET_URL, body=orjson.dumps(payload))
    with pytest.raises(TryLaterError) as raised:
        await yida.writer.get(I1)
    assert raised.value.code == "unreadable"


async def test_a_page_that_is_not_json_is_no_missing_instance(yida: Yida) -> None:
    yida.give_token()
    yida.http.get(GET_URL, status=404, body="<html>")
    with pytest.raises(CannotWorkError) as raised:
        await yida.writer.get(I1)
    assert raised.value.reason is StopReason.CONFIGURATION
    assert SYSTEM_TOKEN not in str(raised.value)


async def test_counting_the_instances_of_the_form(yida: Yida) -> None:
    yida.give_token()
    url = f"{BASE}/v1.0/yida/processes/instances?pageNumber=1&pageSize=10"
    yida.http.post(url, payload={"totalCount": 42, "data": [row("i-1")]})
    assert await yida.writer.count_instances() == 42
    assert "searchFieldJson" not in yida.bodies("POST", url)[0]
    yida.http.post(url, payload={"data": []})
    with pytest.raises(TryLaterError):
        await yida.writer.count_instances()


async def test_marks_of_probes_are_no_instances_that_count(yida: Yida) -> None:
    yida.give_token()
    url = f"{BASE}/v1.0/yida/processes/instances?pageNumber=1&pageSize=10"
    marked = row("i-1")
    marked["data"] = {**marked["data"], KEY: "XMSYNCD-PROBE-ABCDEFGH2K"}
    yida.http.post(url, payload={"totalCount": 2, "data": [marked, row("i-2")]})
    assert await yida.writer.count_instances() == 1
    yida.http.post(url, payload={"totalCount": 30, "data": [marked, row("i-2")]})
    assert await yida.writer.count_instances() == 30


async def test_the_nodes_of_a_preview(yida: Yida) -> None:
    yida.give_token()
    url = f"{BASE}/v1.0/yida/processes/preview"
    several = [{"operatorName": "乙", "operatorUserId": "u-2"}, "?"]
    result = [
        {"showName": "发起", "operatorUserId": "u-0"},
        {"activityId": "n1", "operatorDisplayName": "甲", "operatorUserId": "u-1", "domains": several},
        {"showName": "结束"},
    ]
    yida.http.post(url, payload={"result": result})
    nodes = await yida.writer.preview({KEY: "x"})
    assert [(node.name, node.people) for node in nodes] == [
        ("发起", ("u-0",)),
        ("n1", ("甲 (u-1)", "乙 (u-2)")),
        ("结束", ()),
    ]
    yida.http.post(url, payload={"result": "none"})
    with pytest.raises(TryLaterError):
        await yida.writer.preview({KEY: "x"})


async def test_deleting_an_instance_ends_in_an_outcome(yida: Yida) -> None:
    yida.give_token()
    url = re.compile(rf"{re.escape(BASE)}/v1.0/yida/processes/instances\?.*processInstanceId=i-1.*")
    yida.http.delete(url, body="")
    assert (await yida.writer.delete(I1)).family is Family.DELIVERED
    payload = {"code": "invalidState.form.dataDoesNotExistOrIsDeleted", "message": "x"}
    yida.http.delete(url, status=400, payload=payload)
    assert (await yida.writer.delete(I1)).family is Family.GONE


async def test_definitions_of_the_form(yida: Yida) -> None:
    yida.give_token()
    entry = {"fieldId": KEY, "componentName": "TextField", "label": "产品编码"}
    yida.http.get(DEFINITIONS_URL, payload={"result": [entry]})
    (component,) = await yida.writer.definitions()
    assert (component.field_id, component.component_name, component.parent_id) == (KEY, "TextField", "")
    yida.http.get(DEFINITIONS_URL, status=403, payload={
        "code": "Forbidden.AccessDenied.AccessTokenPermissionDenied", "message": "x", "requestid": "R",
    })  # fmt: skip
    with pytest.raises(CannotWorkError) as raised:
        await yida.writer.definitions()
    assert (raised.value.reason, raised.value.request_id) == (StopReason.PERMISSION, "R")
    assert yida.permits == yida.metered == ["definitions", "definitions"]
