"""OKKI's HTTP API over the simulated stores (vendor doc, not verified on a tenant).

Strict where a client could be careless: an unknown parameter is an error, and errors hide inside HTTP 200.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from xmsyncd.simulator.catalogue import Catalogue
from xmsyncd.simulator.counters import Counters, Operation, Result, Vendor
from xmsyncd.simulator.faults import Fault, FaultName, Faults, Stage
from xmsyncd.simulator.lists import PRODUCT, ListKind
from xmsyncd.simulator.options import Envelope, IdType, ListName, OkkiTotal, SimulatorOptions, TokenBody
from xmsyncd.simulator.times import SimulatedClock
from xmsyncd.simulator.wire import Answer, Line, html

_SCOPES: Final = frozenset(
    {
        *("product", "company", "lead", "opportunity", "invoices", "user", "costInvoice", "paymentInvoice"),
        *("purchaseOrder", "warehouse", "capitalAccount", "webhook", "supplier", "report"),
    }
)
_LIE_ABOVE: Final = 3
_THROTTLE_TEXT: Final = "请求过于频繁，请稍后再试"


# Query and by how much the total is to lie, to the envelope's `data`.
_Read = Callable[[Mapping[str, str], int], Any]


class _BusinessError(Exception):
    """An error inside HTTP 200."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Okki:
    """The API as an aiohttp application; tokens live in memory."""

    def __init__(
        self,
        options: SimulatorOptions,
        *,
        catalogues: Mapping[ListName, Catalogue],
        clock: SimulatedClock,
        faults: Faults,
        counters: Counters,
        line: Line,
    ) -> None:
        self.options = options
        self.catalogues = catalogues
        self.clock = clock
        self.total = options.okki_total
        self.removed: list[int] = []
        """Ids that somebody deleted through a remove path: no reader ever should."""
        self._faults = faults
        self._counters = counters
        self._line = line
        self._tokens: dict[str, tuple[float, frozenset[str]]] = {}
        """When each ends, and its scopes."""

    def application(self) -> web.Application:
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_post("/v1/oauth2/access_token", self._token)
        for catalogue in self.catalogues.values():
            kind = catalogue.kind
            reads: list[tuple[str, Operation, _Read]] = [
                (kind.path, Operation.LIST, partial(self._list, catalogue)),
                (kind.detail_path, Operation.DETAIL, partial(self._detail, catalogue)),
                (kind.fields_path, Operation.FIELDS, partial(self._fields, catalogue)),
            ]
            if kind is PRODUCT:
                reads.append(("/v1/product/groups", Operation.GROUPS, partial(self._groups, catalogue)))
            for path, operation, read in reads:
                app.router.add_get(path, self._reading(catalogue, operation, read), allow_head=False)
            # A product is deleted by GET, all others by POST; both are taken everywhere.
            remove = self._reading(catalogue, Operation.REMOVE, partial(self._remove, catalogue))
            app.router.add_get(kind.remove_path, remove, allow_head=False)
            app.router.add_post(kind.remove_path, remove)
        app.router.add_route("*", "/{path:.*}", self._unknown)
        return app

    def revoke_tokens(self) -> None:
        """Every token that was given out is stale from now on."""
        self._tokens.clear()

    # Tokens

    async def _token(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        return await self._answered(
            request, Operation.TOKEN, lambda _: self._issue(request.content_type, raw), authorised=True
        )

    def _issue(self, content_type: str, raw: bytes) -> Answer:
        form = content_type == "application/x-www-form-urlencoded"
        accepted = self.options.okki_token_body
        if (form and accepted is TokenBody.JSON_ONLY) or (not form and accepted is TokenBody.FORM_ONLY):
            return _oauth_error(400, "invalid_request", "The request is missing a required parameter.")
        given: dict[str, Any] = dict(parse_qsl(raw.decode(errors="replace"))) if form else _json_object(raw)
        grant = given.get("grant_type")
        if grant not in ("client_credentials", "password"):
            return _oauth_error(400, "unsupported_grant_type", "The grant type is not supported.")
        if grant == "password" and not (given.get("username") and given.get("password")):
            return _oauth_error(400, "invalid_credentials", "The user credentials were incorrect.")
        if (given.get("client_id"), given.get("client_secret")) != (
            self.options.client_id,
            self.options.client_secret,
        ):
            return _oauth_error(400, "invalid_client", "Client authentication failed")
        scopes = str(given.get("scope") or "").split()
        if not scopes or not _SCOPES.issuperset(scopes):
            return _oauth_error(400, "invalid_scope", "The requested scope is invalid, unknown, or malformed")
        token = f"eyJ0eXAiOiJKV1QifQ.{uuid.uuid4().hex}.{uuid.uuid4().hex}"
        life = self.options.okki_token_life.total_seconds()
        now = self.clock.monotonic()
        # Asking again does not end an earlier token's life; it ends by itself.
        self._tokens = {each: (end, held) for each, (end, held) in self._tokens.items() if end > now}
        self._tokens[token] = (now + life, frozenset(scopes))
        body: dict[str, Any] = {"token_type": "Bearer", "access_token": token}
        if self.options.okki_token_tells_life:
            body["expires_in"] = int(life)
        return Answer(200, body)

    def _scopes(self, request: web.Request) -> frozenset[str] | None:
        """The scopes of the request's token; None where it has none that is valid."""
        given = request.headers.get("Authorization", "")
        if not self.options.okki_bare_token:
            if not given.startswith("Bearer "):
                return None
            given = given.removeprefix("Bearer ")
        end, scopes = self._tokens.get(given, (0.0, frozenset()))
        return scopes if end > self.clock.monotonic() else None

    # Every call

    def _reading(
        self, catalogue: Catalogue, operation: Operation, read: _Read
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            scopes = self._scopes(request)

            def execute(lie: int) -> Answer:
                if catalogue.kind.scope not in (scopes or ()):
                    return self._error(403, f"no permission {catalogue.kind.scope} scopes")
                try:
                    return self._enveloped(read(request.query, lie))
                except _BusinessError as error:
                    return self._error(error.code, error.message)

            return await self._answered(
                request, operation, execute, authorised=scopes is not None, catalogue=catalogue
            )

        return handle

    async def _answered(
        self,
        request: web.Request,
        operation: Operation,
        execute: Callable[[int], Answer],
        *,
        authorised: bool,
        catalogue: Catalogue | None = None,
    ) -> web.StreamResponse:
        arrived = self.clock.monotonic()
        pause = self.options.okki_latency.total_seconds()
        drifts, lie = False, 0
        key = None if catalogue is None else request.query.get(catalogue.kind.id_field)
        for fault in self._faults.strike(Stage.BESIDE, Vendor.OKKI, operation, key):
            if fault.name is FaultName.SLOW:
                pause += 1.0 if fault.seconds is None else fault.seconds
            elif fault.name is FaultName.LYING_TOTAL:
                lie += fault.amount
            else:
                drifts = True
        await self._line.pause(pause)
        before = self._faults.strike(Stage.BEFORE, Vendor.OKKI, operation, key)
        if before:
            return await self._instead(request, operation, before[0], arrived)
        answer = execute(lie) if authorised else _stale_token()
        if drifts and catalogue is not None:
            # After the page was built: its reader cannot know that the next one has moved.
            catalogue.edit_random()
        after = (
            self._faults.strike(Stage.AFTER, Vendor.OKKI, operation, key)
            if answer.result is Result.OK
            else []
        )
        if after:
            self._counters.arrived(Vendor.OKKI, operation, arrived, Result.LOST)
            return await self._line.spoil(request, after[0], answer)
        self._counters.arrived(Vendor.OKKI, operation, arrived, answer.result)
        return self._dated(answer.response())

    async def _instead(
        self, request: web.Request, operation: Operation, fault: Fault, arrived: float
    ) -> web.StreamResponse:
        lost = fault.name in (FaultName.DROPPED_BEFORE, FaultName.HANG_BEFORE)
        answer = None if lost else self._fault_answer(fault)
        self._counters.arrived(
            Vendor.OKKI, operation, arrived, Result.LOST if answer is None else answer.result
        )
        if fault.name is FaultName.HANG_BEFORE:
            return await self._line.hang(request, fault.seconds)
        if answer is None:
            return self._line.reset(request)
        return self._dated(answer.response())

    def _fault_answer(self, fault: Fault) -> Answer:
        match fault.name:
            case FaultName.STALE_TOKEN if fault.variant == "in_200":
                return Answer(200, self._error(401, "token已失效").body, Result.STALE_TOKEN)
            case FaultName.STALE_TOKEN:
                return _stale_token()
            case FaultName.OKKI_OAUTH:
                return _oauth_error(fault.status or 400, fault.code or "invalid_client", "模拟的回答")
            case FaultName.OKKI_THROTTLE_200:
                throttled = self._error(429 if fault.status is None else fault.status, _THROTTLE_TEXT)
                return Answer(200, throttled.body, Result.THROTTLED)
            case FaultName.OKKI_429:
                wait = () if fault.seconds is None else (("Retry-After", str(int(fault.seconds))),)
                return Answer(429, {"message": "Too Many Attempts."}, Result.THROTTLED, wait)
            case FaultName.OKKI_SERVER_ERROR:
                if fault.status is not None:
                    return Answer(fault.status, {"message": "Server Error"}, Result.FAILED)
                return Answer(200, self._error(500, "Operation Failed 系统异常").body, Result.FAILED)
            case FaultName.ERROR_IN_200:
                return self._error(int(fault.code or 404), "Not Found Resource")
            case FaultName.OKKI_HTML | FaultName.HTML_502:
                return html(fault.status or 502)
            case _:
                raise AssertionError(f"{fault.name} does not answer for OKKI")

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        self._counters.arrived(Vendor.OKKI, Operation.UNKNOWN, self.clock.monotonic(), Result.REFUSED)
        return self._dated(Answer(404, {"message": "Not Found", "code": 404}).response())

    def _dated(self, response: web.Response) -> web.Response:
        response.headers["Date"] = self.clock.okki_date_header()
        return response

    def _enveloped(self, data: Any) -> Answer:
        zero = self.options.envelope is Envelope.ZERO
        body: dict[str, Any] = {"code": 0 if zero else 200, "msg" if zero else "message": "success"}
        if self.options.okki_tells_now:
            body["now"] = self.clock.text(self.clock.okki_now())
        body["data"] = data
        return Answer(200, body)

    def _error(self, code: int, message: str) -> Answer:
        body = {"code": code, "message": message, "now": self.clock.text(self.clock.okki_now()), "data": []}
        return Answer(200, body, Result.REFUSED)

    # What is listed

    def _list(self, catalogue: Catalogue, query: Mapping[str, str], lie: int) -> Any:
        kind = catalogue.kind
        if wrong := sorted(query.keys() - kind.parameters) + sorted(kind.needed - query.keys()):
            raise _BusinessError(400, f"参数错误: {', '.join(wrong)}")
        number = _whole(query, "start_index", 1)
        asked = _whole(query, "count", self.options.okki_page_default)
        size = asked if self.options.okki_page_clamp is None else min(asked, self.options.okki_page_clamp)
        for other, value in (("page_no", number), ("page_size", asked)):
            if _whole(query, other, value) != value:
                raise _BusinessError(400, f"参数错误: {other}")
        time_type = _whole(query, "time_type", 1)
        if "time_type" in query and time_type not in kind.time_types:
            raise _BusinessError(400, "参数错误: time_type")
        product_type = _whole(query, "product_type", 0) if "product_type" in query else None
        start, end = self._bound(query, "start_time"), self._bound(query, "end_time")
        page = partial(
            catalogue.page,
            limit=size,
            order=self.options.okki_order,
            by_creation=time_type == 2,
            start=start,
            end=end,
            product_type=product_type,
            deleted=bool(kind.deleted_parameter) and query.get(kind.deleted_parameter) == "1",
        )
        positions, total = page(offset=(number - 1) * size)
        if not positions and total and self.options.okki_last_page_repeats:
            positions, total = page(offset=(total - 1) // size * size)
        as_text = self._ids_as_text(number)
        hidden, shown = kind.detail_only, catalogue.custom_fields.shown
        if self.options.product_type_in_list:
            hidden -= {"product_type"}
        items = [
            shown(kind.listed(catalogue.fields_at(position), ids_as_text=as_text, hidden=hidden))
            for position in positions
        ]
        if not items and self.options.okki_empty_array:
            return []
        return {"list": items, **self._total(kind, max(0, total + lie))}

    def _total(self, kind: ListKind, total: int) -> dict[str, Any]:
        match self.total:
            case OkkiTotal.COUNT:
                return dict.fromkeys(kind.total_keys, total)
            case OkkiTotal.TOTAL_ITEM:
                return {"totalItem": total}
            case OkkiTotal.STRING:
                return {"count": str(total)}
            case OkkiTotal.LIE:
                return {"count": total + _LIE_ABOVE}
            case OkkiTotal.MISSING:
                return {}

    def _bound(self, query: Mapping[str, str], name: str) -> int | None:
        if name not in query or not self.options.okki_honours_time:
            return None
        try:
            epoch, _ = self.clock.epoch(query[name])
        except ValueError:
            raise _BusinessError(400, f"参数错误: {name}") from None
        if self.options.okki_date_only:
            epoch, _ = self.clock.epoch(query[name][:10])
        return epoch

    def _ids_as_text(self, page: int) -> bool:
        kind = self.options.id_type
        return kind is IdType.STR or (kind is IdType.MIXED and page % 2 == 0)

    def _detail(self, catalogue: Catalogue, query: Mapping[str, str], _: int) -> Any:
        kind = catalogue.kind
        known = {kind.id_field, kind.number_field} if kind.detail_by_number else {kind.id_field}
        if unknown := sorted(query.keys() - known):
            raise _BusinessError(400, f"参数错误: {', '.join(unknown)}")
        try:
            if kind.id_field in query:
                product_id = int(query[kind.id_field])
            else:
                product_id = catalogue.id_of_number(query[kind.number_field])
            fields = catalogue.product(product_id)
        except (KeyError, ValueError):
            raise _BusinessError(404, "Not Found Resource") from None
        shown = kind.detailed(fields, ids_as_text=self.options.id_type is not IdType.INT)
        return catalogue.custom_fields.shown(shown)

    def _groups(self, catalogue: Catalogue, query: Mapping[str, str], _: int) -> Any:
        if unknown := sorted(query.keys() - {"group_id", "group_name"}):
            raise _BusinessError(400, f"参数错误: {', '.join(unknown)}")
        rows = catalogue.groups.payload(
            ids_as_text=self.options.id_type is not IdType.INT, created=self.clock.text(1_700_000_000)
        )
        wanted = {"id": query.get("group_id"), "name": query.get("group_name")}
        return [row for row in rows if all(value in (None, str(row[name])) for name, value in wanted.items())]

    def _fields(self, catalogue: Catalogue, query: Mapping[str, str], _: int) -> Any:
        if unknown := sorted(query):
            raise _BusinessError(400, f"参数错误: {', '.join(unknown)}")
        return catalogue.custom_fields.dictionary(ids_as_text=self.options.id_type is not IdType.INT)

    def _remove(self, catalogue: Catalogue, query: Mapping[str, str], _: int) -> Any:
        try:
            product_id = int(query[catalogue.kind.id_field])
            catalogue.delete(product_id, vanish=True)
        except (KeyError, ValueError):
            raise _BusinessError(404, "Not Found Resource") from None
        self.removed.append(product_id)
        self._counters.committed[Vendor.OKKI, Operation.REMOVE] += 1
        return {}


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or (int(text) < 1 and name != "product_type"):
        raise _BusinessError(400, f"参数错误: {name}")
    return int(text)


def _oauth_error(status: int, error: str, message: str) -> Answer:
    body = {"error": error, "error_description": message, "message": message}
    return Answer(status, body, Result.REFUSED)


def _stale_token() -> Answer:
    body = {
        "error": "access_denied",
        "message": "The resource owner or authorization server denied the request.",
    }
    return Answer(401, body, Result.STALE_TOKEN)


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
