"""What a call sends and how an answer is read; what needs sockets is in the integration tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aioresponses import CallbackResult, aioresponses

from xmsyncd.clock import SystemClock
from xmsyncd.transport.reply import Fault
from xmsyncd.transport.session import Call, Transport, open_session

BASE = "http://vendor.test/gateway"
PING = Call("GET", "/v1/ping", "ping")


class Observer:
    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str, str]] = []

    def call_done(self, connection: str, api: str, endpoint: str, result: str, seconds: float) -> None:
        assert seconds >= 0
        self.calls.append((connection, api, endpoint, result))


@pytest.fixture
def observer() -> Observer:
    return Observer()


@pytest.fixture
async def transport(observer):
    async with open_session() as session:
        yield Transport(
            session,
            base_url=BASE + "/",
            connection="main",
            api="okki",
            total=timedelta(seconds=5),
            connect=timedelta(seconds=1),
            clock=SystemClock(),
            observer=observer,
        )


async def test_an_answer_is_parsed_and_counted(transport, observer):
    with aioresponses() as mocked:
        mocked.get(
            BASE + "/v1/ping?a=1+2",
            body='{"id": 12345678901234567890123}',
            headers={"Date": "Sun, 22 Nov 2026 08:00:00 GMT", "Retry-After": "7"},
        )
        reply = await transport.send(Call("GET", "/v1/ping", "ping", params={"a": "1 2"}))
    assert (reply.status, reply.fault, reply.is_json) == (200, None, True)
    assert reply.body == {"id": 12345678901234567890123}
    assert reply.server_time == datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert reply.retry_after == timedelta(seconds=7)
    assert observer.calls == [("main", "okki", "ping", "2xx")]


async def test_a_page_of_html_is_an_answer_without_json(transport):
    with aioresponses() as mocked:
        mocked.get(BASE + "/v1/ping", status=502, body="<html>" + "错" * 500, content_type="text/html")
        reply = await transport.send(PING)
    assert (reply.status, reply.is_json, reply.body) == (502, False, None)
    assert reply.text.startswith("<html>错")
    assert len(reply.text) == 200


async def test_the_text_of_an_answer_that_holds_a_token_is_not_kept(transport):
    with aioresponses() as mocked:
        mocked.post(BASE + "/v1/token", payload={"access_token": "abc"})
        reply = await transport.send(Call("POST", "/v1/token", "token", json={}, secret_reply=True))
    assert reply.text == ""
    assert reply.body == {"access_token": "abc"}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("\n <html>punish?x5secdata=1</html>", "\n <html>punish?x5secdata=1</html>"),
        ('{"access_token": "abc', ""),
        ("abc", ""),
    ],
)
async def test_a_page_in_the_place_of_a_token_can_be_read_and_half_a_token_not(transport, body, text):
    with aioresponses() as mocked:
        mocked.post(BASE + "/v1/token", body=body)
        reply = await transport.send(Call("POST", "/v1/token", "token", json={}, secret_reply=True))
    assert (reply.text, reply.is_json) == (text, False)


async def test_bodies_go_out_as_json_or_as_a_form(transport):
    sent = []

    def remember(url, **kwargs):
        sent.append((kwargs["data"], kwargs["headers"].get("Content-Type"), kwargs["allow_redirects"]))
        return CallbackResult(payload={})

    with aioresponses() as mocked:
        mocked.post(BASE + "/x", callback=remember, repeat=True)
        await transport.send(Call("POST", "/x", "x", json={"名": "\ud800"}))
        await transport.send(Call("POST", "/x", "x", json={"名": 1}))
        await transport.send(Call("POST", "/x", "x", form={"a": "b"}))
    assert sent[0][0] == rb'{"\u540d":"\ud800"}'
    assert sent[1][0] == '{"名":1}'.encode()
    assert sent[1][1] == "application/json; charset=utf-8"
    assert sent[2] == ({"a": "b"}, None, False)


@pytest.mark.parametrize(
    ("status", "result"),
    [(204, "2xx"), (302, "3xx"), (404, "4xx"), (429, "4xx"), (503, "5xx")],
)
async def test_every_status_is_an_answer(transport, observer, status, result):
    with aioresponses() as mocked:
        mocked.get(BASE + "/v1/ping", status=status, headers={"Location": "http://elsewhere.test/"})
        reply = await transport.send(PING)
    assert (reply.status, reply.fault) == (status, None)
    assert observer.calls[0][3] == result


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (aiohttp.ConnectionTimeoutError("x"), Fault.NOT_SENT),
        (aiohttp.InvalidURL("http://x"), Fault.NOT_SENT),
        (aiohttp.ServerDisconnectedError(), Fault.LOST),
        (aiohttp.ClientOSError(104, "reset"), Fault.LOST),
        (aiohttp.ClientPayloadError("cut"), Fault.LOST),
        (aiohttp.SocketTimeoutError("slow"), Fault.LOST),
        (aiohttp.ClientConnectionError("odd"), Fault.LOST),
        (TimeoutError(), Fault.LOST),
        (ConnectionResetError(), Fault.LOST),
    ],
)
async def test_an_error_is_not_sent_only_where_nothing_can_have_left(transport, observer, error, fault):
    with aioresponses() as mocked:
        mocked.get(BASE + "/v1/ping", exception=error)
        reply = await transport.send(PING)
    assert (reply.status, reply.fault) == (None, fault)
    assert reply.detail.startswith(type(error).__name__)
    assert observer.calls[0][3] == fault.value


async def test_a_detail_holds_no_query(transport):
    """aiohttp names the whole URL in a connect time-out, and Yida's query holds the system token."""
    with aioresponses() as mocked:
        error = aiohttp.ConnectionTimeoutError("Connection timeout to host https://x.test/a?systemToken=hush")
        mocked.get(BASE + "/v1/ping", exception=error)
        reply = await transport.send(PING)
    assert "hush" not in reply.detail
    assert "https://x.test/a?…" in reply.detail


async def test_a_body_that_is_not_json_is_refused_before_sending(transport):
    with aioresponses(), pytest.raises(TypeError):
        await transport.send(Call("POST", "/x", "x", json={"a": object()}))


def test_a_call_does_not_show_what_it_carries():
    call = Call("GET", "/x", "x", params={"systemToken": "hush"}, headers={"Authorization": "hush"})
    assert "hush" not in repr(call)
    assert "hush" not in repr(Call("POST", "/x", "x", json={"secret": "hush"}, form={"secret": "hush"}))


async def test_the_environments_proxy_is_used_and_its_netrc_is_not(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("no_proxy", "other.test")
    proxies = []

    def remember(url, **kwargs):
        proxies.append(kwargs["proxy"])
        return CallbackResult(payload={})

    async with open_session() as session:
        assert not session.trust_env
        for base_url in (BASE, "http://other.test"):
            transport = Transport(
                session,
                base_url=base_url,
                connection="main",
                api="okki",
                total=timedelta(seconds=5),
                connect=timedelta(seconds=1),
                clock=SystemClock(),
                observer=Observer(),
            )
            with aioresponses() as mocked:
                mocked.get(base_url + "/v1/ping", callback=remember)
                await transport.send(PING)
    assert proxies == ["http://proxy.test:3128", None]
