"""One HTTP call to a vendor, sent once and never more than once (steps 1 and 5).

Everything that decides what an answer *means* is elsewhere: this module only says what came back, or
whether the request can have left at all.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

import aiohttp
from yarl import URL

from xmsyncd.clock import Clock
from xmsyncd.heartbeat import beat
from xmsyncd.transport.body import NotJsonError, decode_json, encode_json
from xmsyncd.transport.reply import Fault, Reply, parse_retry_after, parse_server_time

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
_TEXT_CHARACTERS: Final = 200
_DETAIL_CHARACTERS: Final = 200

# aiohttp raises these before a byte of the request is written: name look-up, connect, TLS handshake and
# certificate (all ClientConnectorError), connect time-out, a proxy that refuses the tunnel, a URL that
# cannot be asked. Checked in the source of aiohttp 3.14.5 (client.py, connector.py).
_NOT_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.InvalidURL,
)

# Connections idle for longer are not used again: a vendor's gateway that drops one just as a create goes
# out makes that create undecided, and gateways keep theirs for 60 s as a rule.
_KEEPALIVE_SECONDS: Final = 10.0


class CallResult(StrEnum):
    """How a call ended, as a metric counts it."""

    OK = "2xx"
    REDIRECT = "3xx"
    CLIENT_ERROR = "4xx"
    SERVER_ERROR = "5xx"
    NOT_SENT = "not_sent"
    LOST = "lost"
    CANCELLED = "cancelled"
    """We gave up waiting (a stop, or a bound of the caller's): to the vendor like ``lost``."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``endpoint`` comes from a closed set: it is a metric label.

    Parameters, bodies and headers carry tokens, so none of them is in the ``repr``. At most one of
    ``json`` and ``form`` is given. ``secret_reply`` keeps the answer's text out of :class:`Reply` unless it
    is a page.
    """

    method: str
    path: str
    endpoint: str
    params: Mapping[str, str] | None = field(default=None, repr=False)
    json: Any | None = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret_reply: bool = False


class CallObserver(Protocol):
    """Who counts calls."""

    def call_done(self, connection: str, api: str, endpoint: str, result: str, seconds: float) -> None:
        """One call ended; ``result`` is a :class:`CallResult`."""
        ...


class Transport:
    """Calls to one API of one connection."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        connection: str,
        api: str,
        total: timedelta,
        connect: timedelta,
        clock: Clock,
        observer: CallObserver,
    ) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._connection = connection
        self._api = api
        self._clock = clock
        self._observer = observer
        total_seconds = total.total_seconds()
        connect_seconds = min(connect.total_seconds(), total_seconds)
        # All four: `connect` includes waiting for a pooled connection, `sock_connect` is one address.
        self._timeout = aiohttp.ClientTimeout(
            total=total_seconds,
            connect=connect_seconds,
            sock_connect=connect_seconds,
            sock_read=total_seconds,
        )
        self._proxy = _environment_proxy(self._base_url)

    @property
    def connection(self) -> str:
        """The connection's name in the configuration."""
        return self._connection

    async def send(self, call: Call) -> Reply:
        """Send one request once and wait for its whole answer.

        Never raises for what network or HTTP do: see :class:`Reply`. Redirects are answers, not followed.
        A body beyond 16 MiB, or one that breaks off, is ``LOST``. Raises ``TypeError``/``ValueError`` for
        a body that is not JSON, before anything is sent.
        """
        headers = dict(call.headers)
        data: Any = call.form
        if call.json is not None:
            data = encode_json(call.json)
            headers.setdefault("Content-Type", "application/json; charset=utf-8")
        headers.setdefault("Accept", "application/json")
        started = self._clock.monotonic()
        result = CallResult.CANCELLED
        beat()
        try:
            reply = await self._exchange(call, headers, data)
            result = _result_of(reply)
        finally:
            beat()
            self._observer.call_done(
                self._connection, self._api, call.endpoint, result, self._clock.monotonic() - started
            )
        return reply

    async def _exchange(self, call: Call, headers: Mapping[str, str], data: Any) -> Reply:
        try:
            async with self._session.request(
                call.method,
                self._base_url + call.path,
                params=call.params,
                data=data,
                headers=headers,
                allow_redirects=False,
                timeout=self._timeout,
                proxy=self._proxy,
            ) as response:
                body = await _read_body(response.content)
                if body is None:
                    response.close()  # or the rest of it would be read before the connection is used again
                    return Reply(fault=Fault.LOST, detail=f"the body exceeds {MAX_BODY_BYTES} bytes")
                return self._reply(call, response.status, response.headers, body)
        except _NOT_SENT as error:
            return Reply(fault=Fault.NOT_SENT, detail=_detail(error))
        # TimeoutError is our total time-out, which may have fired at any moment after the first byte.
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Reply(fault=Fault.LOST, detail=_detail(error))

    def _reply(self, call: Call, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
        server_time = parse_server_time(headers.get("Date"))
        try:
            parsed, is_json = decode_json(body), True
        except NotJsonError:
            parsed, is_json = None, False
        # A page holds no token, and what it says (that our address is blocked) must be read.
        is_shown = not call.secret_reply or body.lstrip()[:1] == b"<"
        text = body[: 4 * _TEXT_CHARACTERS].decode(errors="replace") if is_shown else ""
        return Reply(
            status=status,
            body=parsed,
            is_json=is_json,
            text=text[:_TEXT_CHARACTERS],
            retry_after=parse_retry_after(headers.get("Retry-After"), server_time or self._clock.now()),
            server_time=server_time,
        )


def open_session() -> aiohttp.ClientSession:
    """A session for vendors' APIs; the caller closes it. To be called inside the running loop.

    Cookies are dropped: nothing here has a session in that sense, and a gateway's stickiness cookie would
    tie us to a sick machine. The environment's proxy is honoured (by :class:`Transport`), its ``.netrc``
    is not: an entry there would collide with our ``Authorization`` header and fail every call.
    """
    session = aiohttp.ClientSession(
        # No limit of connections: workers and pacers bound the calls, and waiting for a slot in the pool
        # would count against the connect time-out.
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=60, connect=10, sock_connect=10, sock_read=60),
        trust_env=False,
    )
    # aiohttp repeats GET and PUT by itself when a kept-alive connection turns out dropped. That second
    # request takes no permit and is in no count, and the first may have been executed. There is no public
    # switch; this is the attribute aiohttp's own TestClient sets. tests/integration/test_transport_sockets.py
    # fails if a newer aiohttp stops listening to it.
    session._retry_connection = False
    return session


async def _read_body(content: aiohttp.StreamReader) -> bytes | None:
    """The whole body, or ``None`` when it exceeds the bound (counted after decompression)."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in content.iter_any():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _result_of(reply: Reply) -> CallResult:
    if reply.status is None:
        return CallResult.NOT_SENT if reply.fault is Fault.NOT_SENT else CallResult.LOST
    if reply.status < 300:
        return CallResult.OK
    if reply.status < 400:
        return CallResult.REDIRECT
    return CallResult.CLIENT_ERROR if reply.status < 500 else CallResult.SERVER_ERROR


def _detail(error: BaseException) -> str:
    """The class and a short text. aiohttp quotes whole URLs, and a query may hold a token: it is cut."""
    text = re.sub(r"\?[^\s'\")\]]*", "?…", str(error))
    return f"{type(error).__name__}: {text}"[:_DETAIL_CHARACTERS] if text else type(error).__name__


def _environment_proxy(base_url: str) -> str | None:
    """The proxy that the environment names for this host (``HTTPS_PROXY``, ``NO_PROXY`` …), if any."""
    url = URL(base_url)
    if not url.host or urllib.request.proxy_bypass(url.host):
        return None
    return urllib.request.getproxies().get(url.scheme)
