"""The daemon's HTTP side, read-only: the status page, its JSON, ``/metrics``, ``/livez`` and ``/readyz``."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from xmsyncd.console.page import Page, language_of
from xmsyncd.errors import ConfigurationError, Fault

Status = Callable[[], Awaitable[Mapping[str, Any]]]

# Every open page asks every few seconds, and every answer is a read of the ledger's only connection.
_STATUS_KEPT_SECONDS: Final = 1.0
_STATUS_TIMEOUT_SECONDS: Final = 10.0

# Open connections (a browser's keep-alive) must not hold up a stop; aiohttp would give them 60 s.
_SHUTDOWN_SECONDS: Final = 1.0

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Health:
    """What the probes ask: why the daemon is past saving, if it is, and what it cannot work yet for."""

    dead: Callable[[], str | None]
    unready: Callable[[], Sequence[str]]


class ConsoleServer:
    """Serves one daemon. :meth:`start` binds the port, :meth:`stop` takes at most about a second.

    ``status`` gives what ``operations.status`` gives; it is asked at most once a second, however many watch.
    """

    def __init__(
        self, *, host: str, port: int, registry: CollectorRegistry, status: Status, health: Health
    ) -> None:
        self._host = host
        self._port = port
        self._runner = web.AppRunner(
            build_app(registry=registry, status=status, health=health),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_SHUTDOWN_SECONDS,
        )

    async def start(self) -> None:
        """Listen. Raises ``ConfigurationError`` for an address that cannot be bound."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            found = f"{self._host}:{self._port}, which cannot be used ({error.strerror or error})"
            raise ConfigurationError(
                [Fault("http", found, "an address of this machine and a free port; port 0 takes any")]
            ) from error

    async def stop(self) -> None:
        """Close all connections and the port. Safe to repeat."""
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """Where people look, with the real port."""
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def build_app(*, registry: CollectorRegistry, status: Status, health: Health) -> web.Application:
    """The application without a socket."""
    app = web.Application(middlewares=[_with_headers])
    kept = _KeptStatus(status)
    page = Page()

    async def show_page(request: web.Request) -> web.Response:
        language = language_of(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))
        nonce = secrets.token_urlsafe(16)
        shown, code = await _status_or_none(kept)
        response = web.Response(
            text=page.render(shown, language=language, nonce=nonce),
            status=code,
            content_type="text/html",
            charset="utf-8",
        )
        response.headers["Content-Language"] = language
        response.headers["Vary"] = "Accept-Language"
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
            "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        response.enable_compression()
        return response

    async def show_status(request: web.Request) -> web.Response:
        shown, code = await _status_or_none(kept)
        return _json({"error": "the ledger does not answer"} if shown is None else shown, code)

    async def show_metrics(request: web.Request) -> web.Response:
        accept = ",".join(request.headers.getall(hdrs.ACCEPT, []))
        names = request.query.getall("name[]", [])
        encode, content_type = choose_encoder(accept)
        source = registry.restricted_registry(names) if names else registry
        # In a thread: 30,000 lines hold the loop for 0.4 s, and nothing shows beforehand how many there are.
        body = await asyncio.to_thread(encode, source)
        # The content type holds a charset, which aiohttp's own argument refuses.
        response = web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})
        response.enable_compression()
        return response

    async def show_liveness(request: web.Request) -> web.Response:
        reason = health.dead()
        return _json({"alive": reason is None, "reason": reason}, 200 if reason is None else 503)

    async def show_readiness(request: web.Request) -> web.Response:
        dead = health.dead()
        reasons = [*health.unready(), *(() if dead is None else (dead,))]
        return _json({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    app.router.add_get("/", show_page)
    app.router.add_get("/api/status", show_status)
    app.router.add_get("/metrics", show_metrics)
    app.router.add_get("/livez", show_liveness)
    app.router.add_get("/readyz", show_readiness)
    return app


@web.middleware
async def _with_headers(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as error:
        error.headers.update(_HEADERS)
        raise
    response.headers.update(_HEADERS)
    return response


def _json(value: object, status: int) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


async def _status_or_none(kept: _KeptStatus) -> tuple[Mapping[str, Any] | None, int]:
    try:
        async with asyncio.timeout(_STATUS_TIMEOUT_SECONDS):
            return await kept.get(), 200
    except Exception:  # noqa: BLE001 - the edge: a page that cannot be shown must not take anything along
        return None, 503


class _KeptStatus:
    """The status, asked for by one at a time and kept for a second."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._lock = asyncio.Lock()
        self._kept: Mapping[str, Any] | None = None
        self._kept_until = 0.0

    async def get(self) -> Mapping[str, Any]:
        loop = asyncio.get_running_loop()
        async with self._lock:
            if self._kept is None or loop.time() >= self._kept_until:
                self._kept = await self._status()
                self._kept_until = loop.time() + _STATUS_KEPT_SECONDS
            return self._kept
