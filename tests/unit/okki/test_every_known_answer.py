"""Every answer that is known of OKKI, and what it means for each of its five calls.

The list is written anew from the vendor's pages and public clients, not from the table: it is what the table
is held against. T throttled, L try later, A re-authenticate, C credentials, P permission, K configuration,
R this one product is refused.
"""

from __future__ import annotations

from typing import Any

import pytest

from xmsyncd.errors import CannotWorkError, RefusedError, ThrottledError, TryLaterError
from xmsyncd.okki.codes import DEFAULT, READS
from xmsyncd.okki.failures import ENDPOINTS, Failures
from xmsyncd.okki.wire import words_of_reply
from xmsyncd.records import Family, StopReason
from xmsyncd.transport.classify import Verdict, classify
from xmsyncd.transport.reply import Reply

# Status, body (a text: no JSON), and the letters for token, list, detail, groups, fields.
ANSWERS: list[tuple[int, Any, str]] = [
    # Nothing is published about throttling: statuses and words, the words inside HTTP 200 too.
    (429, None, "TTTTT"),
    (429, {"message": "Too Many Attempts."}, "TTTTT"),
    (200, {"code": 429, "message": "请求过于频繁"}, "TTTTT"),
    (200, {"code": "429", "msg": "请求过于频繁"}, "TTTTT"),
    (200, {"code": 1001, "message": "接口限流"}, "TTTTT"),
    (200, {"code": 1001, "msg": "调用次数超限"}, "TTTTT"),
    (200, {"code": 1001, "message": "too many requests"}, "TTTTT"),
    (200, {"code": 500, "message": "Rate limit exceeded"}, "TTTTT"),
    (403, "<html>Too Many Requests</html>", "TTTTT"),
    # The token: HTTP 401, or a code inside HTTP 200, as number or text.
    (401, {"error": "access_denied"}, "AAAAA"),
    (400, {"error": "access_denied"}, "AAAAA"),
    (401, None, "AAAAA"),
    (200, {"code": 401, "message": "x"}, "AAAAA"),
    (200, {"code": "401", "message": "x"}, "AAAAA"),
    (200, {"error_code": 401}, "AAAAA"),
    # Credentials, scopes, requests that OKKI cannot read.
    (400, {"error": "invalid_client", "error_description": "Client authentication failed"}, "CCCCC"),
    (401, {"error": "invalid_client"}, "CCCCC"),
    (400, {"error": "invalid_grant"}, "CCCCC"),
    (400, {"error": "invalid_credentials"}, "CCCCC"),
    (400, {"error": "invalid_scope"}, "PPPPP"),
    (200, {"code": 403, "message": "no permission product scopes"}, "PPPPP"),
    (403, {"message": "no permission product scopes"}, "PPPPP"),
    (403, {"code": 403}, "PPPPP"),
    (400, {"error": "unsupported_grant_type"}, "KKKKK"),
    (400, {"error": "invalid_request"}, "KKKKK"),
    # Their side.
    (500, {"error": "server_error"}, "LLLLL"),
    (400, {"error": "server_error"}, "LLLLL"),
    (200, {"code": 500, "message": "Operation Failed"}, "LLLLL"),
    (200, {"code": "500", "msg": "Operation Failed"}, "LLLLL"),
    (408, None, "LLLLL"),
    (502, "<html>Bad Gateway</html>", "LLLLL"),
    (503, None, "LLLLL"),
    (504, None, "LLLLL"),
    (200, "<html>maintenance</html>", "LLLLL"),
    (200, None, "LLLLL"),
    (302, None, "LLLLL"),
    (403, "<html>denied</html>", "LLLLL"),
    # Not there: of one product that is its own matter, of anything else a wrong address.
    (404, {"message": "Not Found"}, "KKRKK"),
    (200, {"code": 404, "message": "Not Found Resource"}, "KKRKK"),
    (200, {"code": "404", "msg": "Operation Failed"}, "KKRKK"),
    (400, {"code": 1}, "KKRKK"),
    # Unknown: a read may be repeated.
    (200, {"code": 777, "message": "?"}, "LLLLL"),
    (200, {"code": "E-777", "message": "?"}, "LLLLL"),
    (200, {"code": -1, "message": "?"}, "LLLLL"),
]
REASONS = {"C": StopReason.CREDENTIALS, "P": StopReason.PERMISSION, "K": StopReason.CONFIGURATION}


def judge(status: int, body: Any) -> Verdict:
    if isinstance(body, str):
        reply = Reply(status=status, text=body)
    else:
        reply = Reply(status=status, body=body, is_json=body is not None)
    return classify(reply, words_of_reply(reply), READS, DEFAULT)


@pytest.mark.parametrize(("status", "body", "letters"), ANSWERS)
def test_what_it_means(status: int, body: Any, letters: str) -> None:
    failures = Failures("main", tuple)
    for endpoint, letter in zip(ENDPOINTS, letters, strict=True):
        verdict = judge(status, body)
        if letter == "A":
            assert verdict.family is Family.REAUTHENTICATE
            continue
        error = failures.of(endpoint, verdict)
        match letter:
            case "T":
                assert isinstance(error, ThrottledError)
            case "L":
                assert isinstance(error, TryLaterError)
                assert not isinstance(error, ThrottledError)
            case "R":
                assert isinstance(error, RefusedError)
            case _:
                assert isinstance(error, CannotWorkError)
                assert error.reason is REASONS[letter]


def test_exactly_the_unknown_is_known_as_unknown() -> None:
    unknown = [body["code"] for status, body, _ in ANSWERS if judge(status, body).is_unknown]
    assert unknown == [777, "E-777", -1]
