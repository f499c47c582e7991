"""The authorised call: token, one repeat after a stale token, and what counts as metered."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from tests.unit.yida.doubles import APP_SECRET, START_URL, SYSTEM_TOKEN, TOKEN_URL, Yida
from xmsyncd.errors import CannotWorkError, ThrottledError, TryLaterError
from xmsyncd.records import Family, StopReason
from xmsyncd.yida import wire
from xmsyncd.yida.client import Answer
from xmsyncd.yida.codes import Table

STALE = {"code": "InvalidAuthentication", "requestid": "R", "message": "不合法的access_token"}
QPS = {"code": "Forbidden.AccessDenied.QpsLimitForApi", "message": "限流"}
DONE = {"result": "i-1"}


async def start(yida: Yida) -> Answer:
    async def permit() -> None:
        yida.permits.append("start")

    call = wire.start_call(yida.target, {"textField_a": "x"})
    return await yida.client.call(call, table=Table.START, permit=permit)


def tokens_sent(yida: Yida) -> list[str]:
    return [request["headers"][wire.TOKEN_HEADER] for request in yida.requests("POST", START_URL)]


async def test_the_token_is_fetched_once_and_sent_bare(yida: Yida) -> None:
    yida.give_token("t-1")
    yida.http.post(START_URL, payload=DONE, repeat=True)
    answers = await asyncio.gather(*(start(yida) for _ in range(5)))
    assert {answer.verdict.family for answer in answers} == {Family.DELIVERED}
    assert tokens_sent(yida) == ["t-1"] * 5
    assert len(yida.requests("POST", TOKEN_URL)) == 1
    assert "Authorization" not in yida.requests("POST", START_URL)[0]["headers"]
    assert yida.permits == []  # the caller holds the first permit


async def test_a_stale_token_is_renewed_once_and_the_call_repeated_with_its_own_permit(yida: Yida) -> None:
    yida.give_token("t-1")
    yida.give_token("t-2")
    yida.http.post(START_URL, status=400, payload=STALE)
    yida.http.post(START_URL, payload=DONE)
    answer = await start(yida)
    assert answer.verdict.family is Family.DELIVERED
    assert answer.calls == 2
    assert tokens_sent(yida) == ["t-1", "t-2"]
    assert yida.permits == ["start"]


async def test_a_fresh_token_that_is_refused_too_is_tried_later(yida: Yida) -> None:
    yida.give_token("t-1")
    yida.give_token("t-2")
    yida.http.post(START_URL, status=400, payload=STALE, repeat=True)
    answer = await start(yida)
    assert answer.verdict.family is Family.TRY_LATER
    assert answer.verdict.code == "InvalidAuthentication"
    assert answer.calls == 2
    assert len(tokens_sent(yida)) == 2


async def test_many_calls_with_a_stale_token_renew_it_once(yida: Yida) -> None:
    yida.give_token("t-1")
    yida.give_token("t-2")

    def answer(url: object, **request: Any) -> Any:
        from aioresponses import CallbackResult

        if request["headers"][wire.TOKEN_HEADER] == "t-1":
            return CallbackResult(status=400, payload=STALE)
        return CallbackResult(payload=DONE)

    yida.http.post(START_URL, callback=answer, repeat=True)
    answers = await asyncio.gather(*(start(yida) for _ in range(8)))
    assert {one.verdict.family for one in answers} == {Family.DELIVERED}
    assert len(yida.requests("POST", TOKEN_URL)) == 2


async def test_the_token_is_renewed_before_it_ends(yida: Yida) -> None:
    yida.give_token("t-1")
    yida.give_token("t-2")
    yida.http.post(START_URL, payload=DONE, repeat=True)
    await start(yida)
    yida.clock.seconds += 7200 - 600 + 1
    await start(yida)  # a call whose claim is made waits for nothing that can wait
    await yida.client.authenticate()
    await start(yida)
    assert tokens_sent(yida) == ["t-1", "t-1", "t-2"]


async def test_wrong_credentials_stop_without_a_call(yida: Yida) -> None:
    wrong = {"requestid": "R", "code": "invalidClientIdOrSecret", "message": f"无效的 {APP_SECRET}"}
    yida.give_token(status=400, payload=wrong)
    answer = await start(yida)
    assert (answer.verdict.family, answer.verdict.stop_reason) == (Family.STOP, StopReason.CREDENTIALS)
    assert answer.verdict.code == "invalidClientIdOrSecret"
    assert APP_SECRET not in answer.verdict.message
    assert (answer.calls, answer.reply) == (0, None)
    yida.clock.seconds += 60
    yida.give_token(status=400, payload=wrong)
    with pytest.raises(CannotWorkError) as raised:
        await yida.client.authenticate()
    assert raised.value.reason is StopReason.CREDENTIALS
    assert (raised.value.connection, raised.value.endpoint, raised.value.request_id) == ("main", "token", "R")


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500, "payload": {"code": "unknownError"}},
        {"status": 502, "body": "<html>"},
        {"exception": aiohttp.ClientOSError("reset")},
        {"payload": {"unexpected": 1}},
        {"body": ""},
    ],
)
async def test_without_a_token_a_write_is_tried_later_and_costs_nothing(
    yida: Yida, answer: dict[str, Any]
) -> None:
    yida.give_token(**answer)
    result = await start(yida)
    assert (result.verdict.family, result.calls) == (Family.TRY_LATER, 0)
    assert yida.requests("POST", START_URL) == []


async def test_a_failed_fetch_stands_for_the_next_ones_for_a_moment(yida: Yida) -> None:
    yida.give_token(status=502, body="")
    for _ in range(3):
        with pytest.raises(TryLaterError):
            await yida.client.authenticate()
    assert len(yida.requests("POST", TOKEN_URL)) == 1
    yida.clock.seconds += 1.1
    yida.give_token()
    await yida.client.authenticate()


async def test_a_throttled_token_call_is_left_alone_as_long_as_it_says(yida: Yida) -> None:
    yida.give_token(status=403, body="<html>blocked</html>")
    with pytest.raises(ThrottledError) as raised:
        await yida.client.authenticate()
    assert raised.value.wait == timedelta(minutes=5)
    yida.clock.seconds += 299
    with pytest.raises(ThrottledError):
        await yida.client.authenticate()
    assert len(yida.requests("POST", TOKEN_URL)) == 1


@pytest.mark.parametrize(
    ("answer", "family", "calls"),
    [
        ({"status": 403, "payload": QPS}, Family.THROTTLED, 0),
        (
            {"status": 403, "payload": {"code": "Forbidden.AccessDenied.QpmLimitForAppkeyAndApi"}},
            Family.THROTTLED,
            1,
        ),
        ({"status": 400, "payload": {"code": "failure.operation.requestTooFast"}}, Family.THROTTLED, 1),
        ({"status": 500, "payload": {"code": "innerError"}}, Family.UNDECIDED, 1),
        ({"exception": aiohttp.ServerDisconnectedError()}, Family.UNDECIDED, 1),
        ({"exception": TimeoutError()}, Family.UNDECIDED, 1),
        (
            {"exception": aiohttp.ConnectionTimeoutError("connect")},
            Family.NOT_SENT,
            0,
        ),
    ],
)
async def test_only_documented_free_calls_are_not_metered(
    yida: Yida, answer: dict[str, Any], family: Family, calls: int
) -> None:
    yida.give_token()
    yida.http.post(START_URL, **answer)
    result = await start(yida)
    assert (result.verdict.family, result.calls) == (family, calls)


async def test_a_throttle_has_a_wait_and_does_not_wait_itself(yida: Yida) -> None:
    yida.give_token()
    yida.http.post(START_URL, status=403, payload=QPS)
    before = yida.clock.seconds
    result = await start(yida)
    assert result.verdict.wait == timedelta(seconds=1)
    assert yida.clock.seconds == before


async def test_messages_hold_no_secret(yida: Yida) -> None:
    yida.give_token("the-token")
    text = f"token the-token, key {SYSTEM_TOKEN}, secret {APP_SECRET}"
    yida.http.post(START_URL, status=400, payload={"code": "some.new.code", "message": text})
    verdict = (await start(yida)).verdict
    assert verdict.message == "token •••, key •••, secret •••"


async def test_a_token_from_before_is_a_secret_too(yida: Yida) -> None:
    """A gateway that lags behind may quote the one that was replaced."""
    yida.give_token("the-old-token")
    yida.give_token("the-new-token")
    stale = {"code": "InvalidAuthentication", "message": "不合法的access_token"}
    yida.http.post(START_URL, status=400, payload=stale)
    text = "the-old-token is not the-new-token"
    yida.http.post(START_URL, status=400, payload={"code": "some.new.code", "message": text})
    assert (await start(yida)).verdict.message == "••• is not •••"


async def test_the_clock_offset_is_learnt_from_answers(yida: Yida) -> None:
    yida.give_token()
    assert yida.client.clock_offset is None
    later = yida.clock.now() + timedelta(minutes=45)
    date = later.strftime("%a, %d %b %Y %H:%M:%S GMT")
    yida.http.post(START_URL, payload=DONE, headers={"Date": date})
    await start(yida)
    assert yida.client.clock_offset == timedelta(minutes=45)
