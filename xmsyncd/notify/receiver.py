"""``POST /hooks/alertmanager``: an alert's way through the daemon into a robot's outbox."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

from aiohttp import hdrs, web

from xmsyncd.errors import LedgerError
from xmsyncd.notify.alertmanager import NoWebhookError, webhook_notice
from xmsyncd.notify.outbox import Notice
from xmsyncd.notify.writing import Letterhead
from xmsyncd.observe.labels import HookRefusal
from xmsyncd.transport.body import NotJsonError, decode_json

PATH: Final = "/hooks/alertmanager"
MOST_BYTES: Final = 1024 * 1024

Keep = Callable[[Sequence[Notice], Sequence[str]], Awaitable[None]]


class HookEvents(Protocol):
    """Who is told of calls to the hook."""

    def alerts_received(self, alerts: int, receiver: str) -> None: ...
    def hook_refused(self, refusal: HookRefusal, reason: str) -> None: ...


class AlertmanagerHook:
    """Takes a webhook once it is durable. 503 asks Alertmanager to come again, any 4xx not to.

    ``?robot=NAME`` tells one robot only. ``keep`` puts notices into the outboxes of the robots named.
    """

    def __init__(
        self, token: str | None, robots: Sequence[str], keep: Keep, *, head: Letterhead, events: HookEvents
    ) -> None:
        self._token = token
        self._robots = tuple(robots)
        self._keep = keep
        self._head = head
        self._events = events

    def routes(self) -> list[web.RouteDef]:
        """For the daemon's HTTP server."""
        return [web.post(PATH, self.handle)]

    async def handle(self, request: web.Request) -> web.Response:
        """One webhook."""
        if self._token is None:
            return self._refuse(403, HookRefusal.NOT_SET_UP, "notify.hook_token is not set")
        given = request.headers.get(hdrs.AUTHORIZATION, "")
        if not hmac.compare_digest(
            given.encode("utf-8", "surrogateescape"), f"Bearer {self._token}".encode()
        ):
            response = self._refuse(401, HookRefusal.TOKEN, "no or another bearer token")
            response.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
            return response
        wanted = request.query.getall("robot", [])
        if unknown := sorted(set(wanted) - set(self._robots)):
            return self._refuse(
                404, HookRefusal.ROBOT, f"{len(unknown)} robots of that name are not configured"
            )
        body = await _bounded(request)
        if body is None:
            return self._refuse(413, HookRefusal.TOO_LARGE, f"more than {MOST_BYTES} bytes")
        try:
            parsed = decode_json(body)
            notice = webhook_notice(parsed, self._head)
        except NotJsonError:
            return self._refuse(400, HookRefusal.NO_WEBHOOK, "no JSON")
        except NoWebhookError as error:
            return self._refuse(400, HookRefusal.NO_WEBHOOK, str(error))
        try:
            await self._keep([notice], wanted or self._robots)
        except LedgerError:
            return self._refuse(503, HookRefusal.LEDGER, "the ledger cannot keep it now")
        self._events.alerts_received(len(parsed["alerts"]), _receiver(parsed))
        return web.json_response({"alerts": len(parsed["alerts"]), "robots": list(wanted or self._robots)})

    def _refuse(self, status: int, refusal: HookRefusal, reason: str) -> web.Response:
        self._events.hook_refused(refusal, reason)
        return web.json_response({"error": reason}, status=status)


def _receiver(body: dict[str, Any]) -> str:
    receiver = body.get("receiver")
    return receiver[:80] if isinstance(receiver, str) else ""


async def _bounded(request: web.Request) -> bytes | None:
    """The body; ``None`` as soon as it is too long, whatever its header says."""
    if (request.content_length or 0) > MOST_BYTES:
        return None
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size > MOST_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
