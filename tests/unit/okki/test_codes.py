"""OKKI's answers, row by row."""

from __future__ import annotations

import pytest

from xmsyncd.okki.codes import READS
from xmsyncd.okki.wire import words_of
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
    verdict = classify(reply, words_of(body), READS, Family.REFUSED)
    assert (verdict.family, verdict.stop_reason) == (family, stop)
    assert verdict.rule is not None


def test_an_unknown_code_is_refused_by_no_row():
    verdict = classify(Reply(status=200), ("777", "what", ""), READS, Family.REFUSED)
    assert (verdict.family, verdict.rule) == (Family.REFUSED, None)


def test_every_row_says_how_sure_we_are():
    assert {rule.source for rule in READS} <= {"doc", "code", "probe", "inf"}
