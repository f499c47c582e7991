"""The last yards of an answer: JSON as the vendors send it, and the ways in which a connection goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass
from typing import Any, Final

import orjson
from aiohttp import web

from xmsyncd.simulator.counters import Result
from xmsyncd.simulator.faults import Fault, FaultName

_HANG_SECONDS: Final = 300.0
_TRICKLE_SECONDS: Final = 10.0
_TRICKLE_PIECES: Final = 20

GATEWAY_PAGE: Final = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer before it is sent; `body` None sends none, a str sends HTML, everything else JSON."""

    status: int
    body: Any
    result: Result = Result.OK
    headers: tuple[tuple[str, str], ...] = ()

    def payload(self) -> bytes:
        if self.body is None:
            return b""
        return self.body.encode() if isinstance(self.body, str) else orjson.dumps(self.body)

    def response(self) -> web.Response:
        if self.body is None:
            return web.Response(status=self.status, headers=dict(self.headers))
        content_type = "text/html" if isinstance(self.body, str) else "application/json"
        return web.Response(
            status=self.status,
            body=self.payload(),
            headers=dict(self.headers),
            content_type=content_type,
            charset="utf-8",
        )


def html(status: int) -> Answer:
    """The page of a gateway, not of the application."""
    return Answer(status, GATEWAY_PAGE.replace("502", str(status)), Result.FAILED)


class Line:
    """Sends answers over connections, whole or broken. Hanging calls end when the simulation does."""

    def __init__(self) -> None:
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Let every hanging call go."""
        self._closing.set()

    async def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end of the simulation."""
        if seconds <= 0 or self._closing.is_set():
            return
        if seconds < 1:
            await asyncio.sleep(seconds)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    async def hang(self, request: web.Request, seconds: float | None) -> web.StreamResponse:
        """Say nothing for a long time, then drop the connection."""
        await self.pause(_HANG_SECONDS if seconds is None else seconds)
        return self.reset(request)

    def reset(self, request: web.Request) -> web.StreamResponse:
        """Cut the connection with a TCP reset, as a crashed server or an impatient firewall does."""
        transport = request.transport
        if transport is not None:
            handle = transport.get_extra_info("socket")
            if handle is not None:
                with contextlib.suppress(OSError):
                    # Linger of zero seconds: closing sends RST instead of FIN.
                    handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        # Never reaches anybody: aiohttp wants an answer, and finds the transport closed.
        return web.Response(status=500)

    async def spoil(self, request: web.Request, fault: Fault, answer: Answer) -> web.StreamResponse:
        """Send a committed answer as the fault says (stage AFTER)."""
        match fault.name:
            case FaultName.LOST_RESET:
                return self.reset(request)
            case FaultName.LOST_TIMEOUT:
                return await self.hang(request, fault.seconds)
            case FaultName.LOST_502:
                return html(502).response()
            case FaultName.EMPTY_BODY:
                return web.Response(status=answer.status)
            case FaultName.TRUNCATED_JSON | FaultName.OKKI_TRUNCATED:
                whole = answer.payload() or b'{"result":"'
                return web.Response(
                    status=answer.status,
                    body=whole[: max(1, len(whole) // 2)],
                    content_type="application/json",
                )
            case FaultName.WRONG_TYPE:
                return web.Response(status=answer.status, body=answer.payload(), content_type="text/html")
            case FaultName.TRUNCATED_BODY:
                return await self._cut_within_body(request, answer)
            case FaultName.TRICKLE:
                return await self._trickle(request, answer, fault.seconds or _TRICKLE_SECONDS)
            case _:
                raise AssertionError(f"{fault.name} does not spoil an answer")

    async def _cut_within_body(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        whole = answer.payload() or b"{}"
        response = web.StreamResponse(
            status=answer.status,
            headers={"Content-Type": "application/json", "Content-Length": str(len(whole) + 64)},
        )
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            await response.write(whole[: max(1, len(whole) // 2)])
        if request.transport is not None:
            request.transport.close()  # not abort: what was written is to arrive
        return response

    async def _trickle(self, request: web.Request, answer: Answer, seconds: float) -> web.StreamResponse:
        whole = answer.payload()
        response = web.StreamResponse(
            status=answer.status,
            headers={"Content-Type": "application/json", "Content-Length": str(len(whole))},
        )
        step = max(1, -(-len(whole) // _TRICKLE_PIECES))
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            for begin in range(0, len(whole), step):
                await self.pause(seconds / _TRICKLE_PIECES)
                await response.write(whole[begin : begin + step])
            await response.write_eof()
        return response
