"""How calls end on real sockets: what cannot have left, what may have, and that nothing is sent twice."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from xmsyncd.clock import SystemClock
from xmsyncd.transport.reply import Fault
from xmsyncd.transport.session import MAX_BODY_BYTES, Call, Transport, open_session

Answer = Callable[["RawServer", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class RawServer:
    """Reads whole requests and leaves the answer to a function, which may do what no web server does."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.requests: list[str] = []
        self.heads: list[str] = []
        self.asked = asyncio.Event()
        self.connections = 0
        self.port = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    (
                        int(line[15:])
                        for line in head.split("\r\n")
                        if line.lower().startswith("content-length:")
                    ),
                    0,
                )
                await reader.readexactly(length)
                self.heads.append(head)
                self.asked.set()
                self.requests.append(head.split("\r\n")[0])
                await self._answer(self, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(answer: Answer):
    server = RawServer(answer)
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()


class Observer:
    def __init__(self) -> None:
        self.results: list[str] = []

    def call_done(self, connection: str, api: str, endpoint: str, result: str, seconds: float) -> None:
        self.results.append(result)


@pytest.fixture
async def session():
    async with open_session() as session:
        yield session


def transport_to(session, base_url: str, *, total: float = 5.0, connect: float = 2.0, observer=None):
    return Transport(
        session,
        base_url=base_url,
        connection="main",
        api="test",
        total=timedelta(seconds=total),
        connect=timedelta(seconds=connect),
        clock=SystemClock(),
        observer=observer or Observer(),
    )


def call(method: str = "GET", path: str = "/x") -> Call:
    return Call(method, path, "x", json={"a": 1} if method in ("POST", "PUT") else None)


async def ok(server, reader, writer):
    writer.write(OK)
    await writer.drain()


async def nothing(server, reader, writer):
    pass


async def silence(server, reader, writer):
    await reader.read()  # until the client gives up
    writer.close()


async def hang_up(server, reader, writer):
    writer.close()


async def reset(server, reader, writer):
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


def sends(data: bytes, then: Answer) -> Answer:
    async def answer(server, reader, writer):
        writer.write(data)
        await writer.drain()
        await then(server, reader, writer)

    return answer


async def test_an_answer_comes_back_and_its_connection_is_used_again(session):
    async with serving(ok) as server:
        transport = transport_to(session, f"http://127.0.0.1:{server.port}")
        for method in ("GET", "POST", "PUT"):
            reply = await transport.send(call(method))
            assert (reply.status, reply.body) == (200, {})
        assert server.connections == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
@pytest.mark.parametrize("end", [hang_up, reset])
async def test_a_request_on_a_kept_connection_that_drops_is_lost_and_not_sent_again(session, method, end):
    """aiohttp would repeat GET and PUT by itself, without a permit and without counting."""

    async def first_ok_then_drop(server, reader, writer):
        await (ok if len(server.requests) == 1 else end)(server, reader, writer)

    async with serving(first_ok_then_drop) as server:
        transport = transport_to(session, f"http://127.0.0.1:{server.port}")
        assert (await transport.send(call())).status == 200
        reply = await transport.send(call(method))
        assert reply.fault is Fault.LOST
        assert len(server.requests) == 2


async def test_aiohttp_still_resends_where_its_switch_is_left_on(session):
    """If this fails, aiohttp has changed: look again at what ``open_session`` switches off."""

    async def first_ok_then_drop(server, reader, writer):
        await (hang_up if len(server.requests) == 2 else ok)(server, reader, writer)

    session._retry_connection = True
    async with serving(first_ok_then_drop) as server:
        transport = transport_to(session, f"http://127.0.0.1:{server.port}")
        await transport.send(call())
        assert (await transport.send(call("PUT"))).status == 200
        assert len(server.requests) == 3


@pytest.mark.parametrize(
    "answer",
    [
        hang_up,
        reset,
        sends(b"HTTP/1.1 200 OK\r\nContent-Le", hang_up),
        sends(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", hang_up),
        sends(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", reset),
        sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", hang_up),
        sends(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", silence),
        sends(b"this is no HTTP\r\n\r\n", hang_up),
    ],
    ids=[
        "hang-up",
        "reset",
        "half-head",
        "half-body",
        "reset-in-body",
        "open-chunks",
        "bad-gzip",
        "not-http",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_answer_that_breaks_off_is_lost(session, answer, method):
    observer = Observer()
    async with serving(answer) as server:
        reply = await transport_to(session, f"http://127.0.0.1:{server.port}", observer=observer).send(
            call(method)
        )
        assert reply.fault is Fault.LOST
        assert reply.detail
        assert len(server.requests) == 1
    assert observer.results == ["lost"]


@pytest.mark.parametrize(
    "answer",
    [silence, sends(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", silence)],
    ids=["no-answer", "half-answer"],
)
async def test_a_time_out_after_sending_is_lost(session, answer):
    async with serving(answer) as server:
        reply = await transport_to(session, f"http://127.0.0.1:{server.port}", total=0.2).send(call("POST"))
        assert reply.fault is Fault.LOST
        assert "Timeout" in reply.detail


async def test_a_body_that_trickles_in_does_not_outlive_the_total_time(session):
    async def trickle(server, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving(trickle) as server:
        reply = await transport_to(session, f"http://127.0.0.1:{server.port}", total=0.3).send(call())
        assert reply.fault is Fault.LOST


async def test_a_refused_connection_is_not_sent(session):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        reply = await transport_to(session, f"http://127.0.0.1:{port}").send(call("POST"))
    assert reply.fault is Fault.NOT_SENT


async def test_a_tls_handshake_that_fails_is_not_sent(session):
    async with serving(ok) as server:
        listener = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        reply = await transport_to(session, f"https://127.0.0.1:{port}").send(call("POST"))
        listener.close()
        assert reply.fault is Fault.NOT_SENT
        assert server.requests == []


async def test_a_connect_time_out_is_not_sent(session):
    """The peer accepts and then never answers the TLS handshake, which belongs to connecting."""
    async with serving(silence) as server:
        transport = transport_to(session, f"https://127.0.0.1:{server.port}", total=5.0, connect=0.2)
        reply = await transport.send(call("POST"))
        assert reply.fault is Fault.NOT_SENT
        assert server.requests == []


async def test_a_name_that_cannot_be_looked_up_is_not_sent(session, monkeypatch):
    async def fail(*args, **kwargs):
        raise OSError("no such name")

    monkeypatch.setattr(session.connector._resolver, "resolve", fail)
    reply = await transport_to(session, "http://vendor.invalid").send(call("POST"))
    assert reply.fault is Fault.NOT_SENT


async def test_a_redirect_is_an_answer_and_not_followed(session):
    moved = b"HTTP/1.1 302 Found\r\nLocation: /v1/product/remove\r\nContent-Length: 0\r\n\r\n"
    async with serving(sends(moved, hang_up)) as server:
        reply = await transport_to(session, f"http://127.0.0.1:{server.port}").send(call())
        assert reply.status == 302
        assert server.requests == ["GET /x HTTP/1.1"]


async def test_cookies_are_not_kept(session):
    async with serving(sends(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: node=7\r\n\r\n"), nothing)) as server:
        transport = transport_to(session, f"http://localhost:{server.port}")
        await transport.send(call())
        await transport.send(call())
        assert len(server.heads) == 2
        assert "node=7" not in server.heads[1]


@pytest.mark.parametrize("compressed", [False, True])
async def test_a_body_beyond_the_bound_is_lost(session, compressed):
    body = b" " * (MAX_BODY_BYTES + 1)
    headers = b""
    if compressed:
        body, headers = gzip.compress(body), b"Content-Encoding: gzip\r\n"
    answer = b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n" % (headers, len(body)) + body
    async with serving(sends(answer, silence)) as server:
        reply = await transport_to(session, f"http://127.0.0.1:{server.port}").send(call())
        assert reply.fault is Fault.LOST
        assert "exceeds" in reply.detail


async def test_a_compressed_answer_is_read(session):
    body = gzip.compress(b'{"a": "\xe4\xb8\xad"}')
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with serving(sends(answer, silence)) as server:
        reply = await transport_to(session, f"http://127.0.0.1:{server.port}").send(call())
        assert reply.body == {"a": "中"}


async def test_a_call_that_is_cancelled_is_counted(session):
    observer = Observer()
    async with serving(silence) as server:
        transport = transport_to(session, f"http://127.0.0.1:{server.port}", observer=observer)
        sending = asyncio.create_task(transport.send(call("POST")))
        await server.asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    assert observer.results == ["cancelled"]
