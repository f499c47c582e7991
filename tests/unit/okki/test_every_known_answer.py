"""Every answer that is known of OKKI, and what it means for each of its four calls.

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

# Status, body (a text: no JSON), and the letters for token, list, detail, groups.
ANSWERS: list[tuple[int, Any, str]] = [
    # Nothing is published about throttling: statuses and words, the words inside HTTP 200 too.
    (429, None, "TTTT"),
    (429, {"message": "Too Many Attempts."}, "TTTT"),
    (200, {"code": 429, "message": "请求过于频繁"}, "TTTT"),
    (200, {"code": "429", "msg": "请求过于频繁"}, "TTTT"),
    (200, {"code": 1001, "message": "接口限流"}, "TTTT"),
    (200, {"code": 1001, "msg": "调用次数超限"}, "TTTT"),
    (200, {"code": 1001, "message": "too many requests"}, "TTTT"),
    (200, {"code": 500, "message": "Rate limit exceeded"}, "TTTT"),
    (403, "<html>Too Many Requests</html>", "TTTT"),
    # The token: HTTP 401, or a code inside HTTP 200, as number or text.
    (401, {"error": "access_denied"}, "AAAA"),
    (400, {"error": "access_denied"}, "AAAA"),
    (401, None, "AAAA"),
    (200, {"code": 401, "message": "x"}, "AAAA"),
    (200, {"code": "401", "message": "x"}, "AAAA"),
    (200, {"error_code": 401}, "AAAA"),
    # Credentials, scopes, requests that OKKI cannot read.
    (400, {"error": "invalid_client", "error_description": "Client authentication failed"}, "CCCC"),
    (401, {"error": "invalid_client"}, "CCCC"),
    (400, {"error": "invalid_grant"}, "CCCC"),
    (400, {"error": "invalid_credentials"}, "CCCC"),
    (400, {"error": "invalid_scope"}, "PPPP"),
    (200, {"code": 403, "message": "no permission product scopes"}, "PPPP"),
    (403, {"message": "no permission product scopes"}, "PPPP"),
    (403, {"code": 403}, "PPPP"),
    (400, {"error": "unsupported_grant_type"}, "KKKK"),
    (400, {"error": "invalid_request"}, "KKKK"),
    # Their side.
    (500, {"error": "server_error"}, "LLLL"),
    (400, {"error": "server_error"}, "LLLL"),
    (200, {"code": 500, "message": "Operation Failed"}, "LLLL"),
    (200, {"code": "500", "msg": "Operation Failed"}, "LLLL"),
    (408, None, "LLLL"),
    (502, "<html>Bad Gateway</html>", "LLLL"),
    (503, None, "LLLL"),
    (504, None, "LLLL"),
    (200, "<html>maintenance</html>", "LLLL"),
    (200, None, "LLLL"),
    (302, None, "LLLL"),
    (403, "<html>denied</html>", "LLLL"),
    # Not there: of one product that is its own matter, of anything else a wrong address.
    (404, {"message": "Not Found"}, "KKRK"),
    (200, {"code": 404, "message": "Not Found Resource"}, "KKRK"),
    (200, {"code": "404", "msg": "Operation Failed"}, "KKRK"),
    (400, {"code": 1}, "KKRK"),
    # Unknown: a read may be repeated.
    (200, {"code": 777, "message": "?"}, "LLLL"),
    (200, {"code": "E-777", "message": "?"}, "LLLL"),
    (200, {"code": -1, "message": "?"}, "LLLL"),
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
    failures = Failures("main", [])
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
