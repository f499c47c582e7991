"""The console's addresses: pages to read, and the one to which actions are sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
from aiohttp import hdrs, web

from xmsyncd.console.acting import act
from xmsyncd.console.guarding import Refusal, refusal
from xmsyncd.console.kept import Ask, Kept
from xmsyncd.console.page import Page, language_of
from xmsyncd.console.static import Static
from xmsyncd.console.words import WORDS
from xmsyncd.errors import ConfigurationError, XmsyncdError
from xmsyncd.operations.exit_status import UnknownRecordError
from xmsyncd.operations.lines import json_of

# Every open page asks every few seconds, and every answer is a read of the ledger's only connection.
_STATUS_KEPT_SECONDS: Final = 1.0
# Counting the attempts of six hours at 20 a second takes 0.3 s (measured, 430,000 of them).
_ACTIVITY_KEPT_SECONDS: Final = 15.0
_QUALITY_KEPT_SECONDS: Final = 5.0
# Each failed record's sentence is read to find its group: ten thousand take half a second.
_FAILURES_KEPT_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 10.0

_RECORDS_SHOWN: Final = 100

# Whoever tries tokens gets few tries; whoever mistypes one hardly notices.
_WRONG_TOKEN_SECONDS: Final = 0.5

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_STATUS_OF: Final[Mapping[Refusal, HTTPStatus]] = {
    Refusal.READ_ONLY: HTTPStatus.FORBIDDEN,
    Refusal.CROSS_SITE: HTTPStatus.FORBIDDEN,
    Refusal.NOT_JSON: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Refusal.TOKEN: HTTPStatus.UNAUTHORIZED,
}


class Pages:
    """Without a ``token`` everything may be read and nothing done."""

    def __init__(self, ask: Ask, token: str | None) -> None:
        self._ask = ask
        self._token = token
        self._status = Kept(ask, "status", _STATUS_KEPT_SECONDS)
        self._activity = Kept(ask, "activity", _ACTIVITY_KEPT_SECONDS)
        self._quality = Kept(ask, "quality.report", _QUALITY_KEPT_SECONDS)
        self._listed = Kept(ask, "failures.list", _FAILURES_KEPT_SECONDS)
        self._page = Page()
        self._static = Static()

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register every address."""
        router.add_get("/", self._overview)
        router.add_get("/failures", self._failures)
        router.add_get("/held", self._held)
        router.add_get("/records", self._records)
        router.add_get("/record", self._record)
        router.add_get("/static/{name}", self._static.show)
        router.add_get("/api/status", self._status_json)
        router.add_post("/api/act", self._act)

    async def _overview(self, request: web.Request) -> web.Response:
        status = await self._status.get_or_none()
        activity = None if status is None else await self._activity.get_or_none()
        quality = None if status is None else await self._quality.get_or_none()
        return self._html(request, "overview", status, activity=activity, quality=quality)

    async def _failures(self, request: web.Request) -> web.Response:
        """Query ``pipeline``, ``reason`` (a reason, or a group's name: with one, its records too) and
        ``component`` (of those rejected for it; blank for those about the record as a whole)."""
        pipeline, reason = (request.query.get(name) or None for name in ("pipeline", "reason"))
        component = request.query.get("component")
        limit = 0 if reason is None else _RECORDS_SHOWN
        found = await _answered(
            self._listed.get(pipeline=pipeline, reason=reason, component=component, limit=limit)
        )
        return await self._about(request, "failures", found, pipeline=pipeline, reason=reason)

    async def _held(self, request: web.Request) -> web.Response:
        return await self._about(request, "held", await _answered(self._ask("approve.show", {})))

    async def _records(self, request: web.Request) -> web.Response:
        """Query ``q``."""
        text = request.query.get("q", "").strip()
        found = await _answered(self._ask("search", {"text": text})) if text else {}
        return await self._about(request, "records", found, text=text)

    async def _record(self, request: web.Request) -> web.Response:
        """Query ``id`` (a key, an OKKI id or an instance id) and ``pipeline``."""
        name, pipeline = request.query.get("id", ""), request.query.get("pipeline") or None
        try:
            found = await _answered(self._ask("explain", {"key": name, "pipeline": pipeline}))
        except UnknownRecordError:
            found = {"records": []}
        lives = None if found is None else found["records"]
        return await self._about(request, "record", found, lives=lives, id=name, is_there=bool(lives))

    async def _status_json(self, request: web.Request) -> web.Response:
        status = await self._status.get_or_none()
        if status is None:
            return _json({"error": "the ledger does not answer"}, HTTPStatus.SERVICE_UNAVAILABLE)
        return _json(status, HTTPStatus.OK)

    async def _act(self, request: web.Request) -> web.Response:
        """``{"operation", "params"}`` → ``{"message"}`` in the reader's language."""
        words = WORDS[_language(request)]
        refused = refusal(request.headers, self._token)
        if refused is Refusal.TOKEN:
            await asyncio.sleep(_WRONG_TOKEN_SECONDS)
        if refused is not None:
            return _json({"message": words[f"refusal.{refused}"]}, _STATUS_OF[refused])
        try:
            message = await act(self._ask, orjson.loads(await request.read()), words)
        except (ValueError, ConfigurationError) as error:
            return _json({"message": str(error)}, HTTPStatus.BAD_REQUEST)
        except UnknownRecordError as error:
            return _json({"message": str(error)}, HTTPStatus.NOT_FOUND)
        except XmsyncdError as error:
            return _json({"message": str(error)}, HTTPStatus.CONFLICT)
        except Exception:  # noqa: BLE001 - the edge; whoever has the operation done has told it
            return _json({"message": words["refusal.failed"]}, HTTPStatus.INTERNAL_SERVER_ERROR)
        finally:
            for kept in (self._status, self._quality, self._listed):
                kept.forget()
        return _json({"message": message}, HTTPStatus.OK)

    async def _about(
        self, request: web.Request, name: str, found: Any, *, is_there: bool = True, **shown: Any
    ) -> web.Response:
        status = None if found is None else await self._status.get_or_none()
        return self._html(request, name, status, is_there=is_there, found=found, **shown)

    def _html(
        self,
        request: web.Request,
        name: str,
        status: Mapping[str, Any] | None,
        *,
        is_there: bool = True,
        **shown: Any,
    ) -> web.Response:
        language = _language(request)
        text = self._page.render(
            name,
            status,
            language=language,
            edition=self._static.edition,
            may_act=self._token is not None,
            **shown,
        )
        code = HTTPStatus.OK if is_there else HTTPStatus.NOT_FOUND
        code = HTTPStatus.SERVICE_UNAVAILABLE if status is None else code
        response = web.Response(text=text, status=code, content_type="text/html", charset="utf-8")
        response.headers["Content-Language"] = language
        response.headers["Vary"] = "Accept-Language"
        response.headers["Content-Security-Policy"] = _POLICY
        response.enable_compression()
        return response


async def _answered(asked: Awaitable[Any]) -> Any:
    """What was asked for; ``None`` where it cannot be had in time."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await asked
    except UnknownRecordError:
        raise
    except ConfigurationError as error:
        raise web.HTTPNotFound(text=str(error)) from error  # a pipeline or a state that is none
    except Exception:  # noqa: BLE001 - the edge; whoever has the operation done has told it
        return None


def _language(request: web.Request) -> str:
    return language_of(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))


def _json(value: object, status: HTTPStatus) -> web.Response:
    return web.Response(body=json_of(value), status=status, content_type="application/json")
