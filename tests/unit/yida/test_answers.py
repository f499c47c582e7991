"""Answers: failures inside HTTP 200, shapes that are not the documented one, words without secrets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.shapes import shapes_of_ids
from xmsyncd.transform.hashes import hash_of
from xmsyncd.transport.reply import Fault, Reply
from xmsyncd.yida import answers
from xmsyncd.yida.answers import Component, UnreadableError, has_succeeded, vendor_words

BEIJING = ZoneInfo("Asia/Shanghai")
KEY = "textField_k"


def ok(body: Any, status: int = 200) -> Reply:
    return Reply(status=status, body=body, is_json=True, text=str(body))


@pytest.mark.parametrize(
    "reply",
    [
        ok({}),
        ok(True),
        ok({"result": "i-1"}),
        ok({"success": True, "errcode": "0", "code": "OK"}),
        ok({"errcode": 0, "errmsg": "ok"}),
    ],
)
def test_success(reply: Reply) -> None:
    assert has_succeeded(reply)


@pytest.mark.parametrize("status", [200, 204])
def test_an_empty_body_is_a_success_only_where_nothing_is_to_be_told(status: int) -> None:
    assert has_succeeded(Reply(status=status), may_be_empty=True)
    assert not has_succeeded(Reply(status=status))
    assert not has_succeeded(Reply(status=200, text="<html>"), may_be_empty=True)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(fault=Fault.LOST),
        Reply(status=400),
        ok({"result": "i-1"}, status=302),
        ok({"errcode": 88}),
        ok({"errcode": "88"}),
        ok({"success": False, "result": "i-1"}),
        ok({"success": "false"}),
        ok({"code": "innerError", "message": "x"}),
        ok({"status": 1111, "wait": 5}),
        Reply(status=200, text="<html>"),
        Reply(status=200, text='{"result": "i-'),
    ],
)
def test_failure_inside_two_hundred_and_pages_that_are_no_answer(reply: Reply) -> None:
    assert not has_succeeded(reply)


def test_words_of_both_generations_of_the_api() -> None:
    assert vendor_words(ok({"code": "a.b", "message": "错", "requestid": "R"})) == ("a.b", "错", "R")
    legacy = {"errcode": 88, "sub_code": "40014", "sub_msg": "不合法", "errmsg": "ding", "request_id": "R"}
    assert vendor_words(ok(legacy)) == ("88.40014", "ding (不合法)", "R")
    assert vendor_words(ok({"success": False, "errorMsg": "x"})) == ("no-code", "x", "")
    assert vendor_words(ok([1])).code == "no-code"
    assert vendor_words(Reply(status=502, text="<html>\n  Bad</html>")) == (
        "not-json",
        "<html> Bad</html>",
        "",
    )
    assert vendor_words(Reply(status=504)).code == "empty-body"


def test_a_missing_permission_names_its_scope() -> None:
    body = {
        "code": "Forbidden.AccessDenied.AccessTokenPermissionDenied",
        "message": "没有权限",
        "accessdenieddetail": {"requiredScopes": ["Yida.Process.Write"]},
    }
    assert vendor_words(ok(body)).message == "没有权限 (needs: Yida.Process.Write)"


def test_words_are_masked_and_cut() -> None:
    words = vendor_words(ok({"code": "c", "message": "bad secret-1 " + "长" * 1000}), ["secret-1", ""])
    assert "secret-1" not in words.message
    assert words.message.startswith("bad •••")
    assert len(words.message) == 300
    assert "secret-1" not in vendor_words(Reply(status=400, text="<p>secret-1"), ["secret-1"]).message


def test_the_token_and_its_life() -> None:
    assert answers.token_of({"accessToken": "t", "expireIn": "60"}) == ("t", timedelta(seconds=60))
    assert answers.token_of({"accessToken": "t"}) == ("t", timedelta(hours=2))
    bodies: list[Any] = [{}, {"accessToken": ""}, None, []]
    for body in bodies:
        with pytest.raises(UnreadableError):
            answers.token_of(body)


@pytest.mark.parametrize(
    ("body", "instance_id"),
    [
        ({"result": "f30233fb-72e1"}, "f30233fb-72e1"),
        ({"result": 123}, "123"),
        ({"result": " "}, None),
        ({"result": None}, None),
        ({"result": {"id": "x"}}, None),
        ({"result": True}, None),
        ({}, None),
        (None, None),
        ("f30233fb", None),
    ],
)
def test_the_id_of_a_started_instance(body: Any, instance_id: str | None) -> None:
    assert answers.instance_id_of(body) == instance_id


def test_an_instance_is_normalised_and_hashed_over_the_mapped_components_only() -> None:
    row = {
        "processInstanceId": "i-1",
        "instanceStatus": "RUNNING",
        "createTimeGMT": "2024-01-02 08:00:00",
        "title": "张三发起的产品",
        "data": {KEY: " K1", "numberField_n_value": "3.0", "textField_other": "x"},
    }
    found = answers.found_of(row, shapes_of_ids([KEY, "numberField_n", "textField_m"]), KEY, BEIJING)
    assert found.key == " K1"
    assert found.content == {KEY: " K1", "numberField_n": 3, "textField_m": ""}
    assert found.content_hash == hash_of(found.content)
    assert found.created_at == datetime(2024, 1, 2, tzinfo=UTC)
    assert found.status == "RUNNING"
    assert found.extra == {"title": "张三发起的产品", "createTimeGMT": "2024-01-02 08:00:00"}


def test_form_data_may_be_text_and_a_missing_key_is_empty() -> None:
    found = answers.found_of({"formInstanceId": "i", "formData": "{}"}, shapes_of_ids([KEY]), KEY, BEIJING)
    assert (found.key, found.created_at) == ("", None)


@pytest.mark.parametrize(
    "row",
    [None, {}, {"processInstanceId": "i"}, {"processInstanceId": "i", "data": "x"}, {"data": {KEY: "a"}}],
)
def test_an_instance_without_id_or_data_is_an_error_and_not_another_key(row: Any) -> None:
    with pytest.raises(UnreadableError):
        answers.found_of(row, shapes_of_ids([KEY]), KEY, BEIJING)


def test_pages_of_a_search() -> None:
    assert answers.page_of({"totalCount": 0, "pageNumber": 1, "data": []}).total == 0
    assert answers.page_of({"totalCount": 0, "data": None}).rows == ()
    assert answers.page_of({"totalCount": "2", "data": [{}, {}]}).total == 2
    assert answers.page_of({"data": [{}]}).total is None
    bodies: list[Any] = [None, [], {}, {"totalCount": 3}, {"totalCount": 1, "data": {}}, {"data": ["id"]}]
    for body in bodies:
        with pytest.raises(UnreadableError):
            answers.page_of(body)


def test_components_of_a_form() -> None:
    body = {
        "result": [
            {
                "fieldId": "textField_a",
                "componentName": "TextField",
                "label": "产品",
                "parentId": "tableField_t",
            },
            {
                "fieldId": "numberField_b",
                "componentName": "NumberField",
                "label": {"zh_CN": "数", "en_US": "n"},
            },
            {"componentName": "PageSection"},
        ]
    }
    assert answers.components_of(body) == (
        Component("textField_a", "TextField", "产品", "tableField_t"),
        Component("numberField_b", "NumberField", "数", ""),
    )
    for bad in ({}, {"result": None}, {"result": [1]}, None):
        with pytest.raises(UnreadableError):
            answers.components_of(bad)
