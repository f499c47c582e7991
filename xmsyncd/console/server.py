"""The daemon's HTTP side: the console's pages, the status JSON, ``/metrics``, ``/livez`` and ``/readyz``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from xmsyncd.console.kept import Ask
from xmsyncd.console.pages import Pages
from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.operations.lines import json_of

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

    ``ask`` has an operation done; for the status at most once a second, however many watch. Without a
    ``token`` everything may be read and nothing done.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        registry: CollectorRegistry,
        ask: Ask,
        health: Health,
        token: str | None = None,
        routes: Sequence[web.RouteDef] = (),
    ) -> None:
        self._host = host
        self._port = port
        self._runner = web.AppRunner(
            build_app(registry=registry, ask=ask, health=health, token=token, routes=routes),
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


def build_app(
    *,
    registry: CollectorRegistry,
    ask: Ask,
    health: Health,
    token: str | None = None,
    routes: Sequence[web.RouteDef] = (),
) -> web.Application:
    """The application without a socket. ``routes`` are served beside it; each guards itself."""
    app = web.Application(middlewares=[_with_headers])

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

    Pages(ask, token).add_to(app.router)
    app.router.add_get("/metrics", show_metrics)
    app.router.add_get("/livez", show_liveness)
    app.router.add_get("/readyz", show_readiness)
    app.router.add_routes(routes)
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
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _json(value: object, status: int) -> web.Response:
    return web.Response(body=json_of(value), status=status, content_type="application/json")
