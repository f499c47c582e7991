"""OKKI's answers, row by row."""

from __future__ import annotations

import pytest

from xmsyncd.okki.codes import DEFAULT, READS
from xmsyncd.okki.wire import words_of_reply
from xmsyncd.records import Family, StopReason
from xmsyncd.transport.classify import classify
from xmsyncd.transport.reply import Reply


@pytest.mark.parametrize(
    ("status", "body", "family", "stop"),
    [
        (429, None, Family.THROTTLED, None),
        (200, {"code": 1, "message": "请求过于频繁"}, Family.THROTTLED, None),
        (200, {"code": 1, "msg": "接口限流"}, Family.THROTTLED, None),
        (200, {"code": 1, "msg": "调用次数超限"}, Family.THROTTLED, None),
        (403, {"code": 1, "message": "Too Many Attempts."}, Family.THROTTLED, None),
        (200, {"code": 500, "message": "Rate limit exceeded"}, Family.THROTTLED, None),
        (200, {"code": 500, "message": "cannot generate limit"}, Family.TRY_LATER, None),
        (401, {"error": "access_denied"}, Family.REAUTHENTICATE, None),
        (401, None, Family.REAUTHENTICATE, None),
        (200, {"code": 401, "message": "x"}, Family.REAUTHENTICATE, None),
        (200, {"error_code": "401"}, Family.REAUTHENTICATE, None),
        (400, {"error": "access_denied"}, Family.REAUTHENTICATE, None),
        (400, {"error": "invalid_client"}, Family.STOP, StopReason.CREDENTIALS),
        (401, {"error": "invalid_client"}, Family.STOP, StopReason.CREDENTIALS),
        (400, {"message": "Client authentication failed"}, Family.STOP, StopReason.CREDENTIALS),
        (400, {"error": "invalid_grant"}, Family.STOP, StopReason.CREDENTIALS),
        (400, {"error": "invalid_scope"}, Family.STOP, StopReason.PERMISSION),
        (200, {"code": 403, "message": "no permission product scopes"}, Family.STOP, StopReason.PERMISSION),
        (403, None, Family.STOP, StopReason.PERMISSION),
        (400, {"error": "unsupported_grant_type"}, Family.STOP, StopReason.CONFIGURATION),
        (400, {"error": "invalid_request"}, Family.STOP, StopReason.CONFIGURATION),
        (500, {"error": "server_error"}, Family.TRY_LATER, None),
        (400, {"error": "server_error"}, Family.TRY_LATER, None),
        (502, None, Family.TRY_LATER, None),
        (503, None, Family.TRY_LATER, None),
        (408, None, Family.TRY_LATER, None),
        (302, None, Family.TRY_LATER, None),
        (200, None, Family.TRY_LATER, None),
        (200, {"code": 500, "message": "Operation Failed"}, Family.TRY_LATER, None),
        (200, {"code": 404, "message": "Not Found Resource"}, Family.REFUSED, None),
        (404, None, Family.REFUSED, None),
        (400, {"code": 1}, Family.REFUSED, None),
    ],
)
def test_a_row_for_each_answer(status, body, family, stop):
    reply = Reply(status=status, body=body, is_json=body is not None)
    verdict = classify(reply, words_of_reply(reply), READS, DEFAULT)
    assert (verdict.family, verdict.stop_reason) == (family, stop)
    assert verdict.rule is not None


@pytest.mark.parametrize(
    ("status", "text", "family"),
    [
        (200, "<html>maintenance</html>", Family.TRY_LATER),
        (403, "<html>blocked</html>", Family.TRY_LATER),
        (403, "<html>Too Many Requests</html>", Family.THROTTLED),
        (404, "<html>not here</html>", Family.REFUSED),
        (502, "<html>Bad Gateway</html>", Family.TRY_LATER),
    ],
)
def test_a_page_of_a_gateway(status, text, family):
    reply = Reply(status=status, text=text)
    assert classify(reply, words_of_reply(reply), READS, DEFAULT).family is family


@pytest.mark.parametrize("code", [777, "777", "brand_new"])
def test_an_unknown_code_may_pass_and_is_known_as_unknown(code):
    body = {"code": code, "message": "what"}
    reply = Reply(status=200, body=body, is_json=True)
    verdict = classify(reply, words_of_reply(reply), READS, DEFAULT)
    assert (verdict.family, verdict.code, verdict.is_unknown) == (Family.TRY_LATER, str(code), True)


def test_every_row_says_how_sure_we_are():
    assert {rule.source for rule in READS} <= {"doc", "code", "probe", "inf"}
