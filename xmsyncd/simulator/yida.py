"""Yida's HTTP API behind DingTalk's gateway: one app with one or more forms (vendor doc, not verified).

Strict where a client could be careless: missing and unknown parameters, unknown component ids and values of a
wrong type are refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from aiohttp import web

from xmsyncd.simulator.counters import Counters, Operation, Result, Vendor
from xmsyncd.simulator.faults import Fault, FaultName, Faults, Stage
from xmsyncd.simulator.gateway import Gateway
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.refusals import (
    RefusedError,
    inner_error,
    ip_blocked,
    month_spent,
    permission_denied,
    stale_token,
    throttled,
)
from xmsyncd.simulator.robot import PATH as ROBOT_PATH
from xmsyncd.simulator.robot import SimulatedRobot
from xmsyncd.simulator.times import SimulatedClock
from xmsyncd.simulator.wire import Answer, Line, html
from xmsyncd.simulator.yida_app import Arguments, YidaApp, loaded
from xmsyncd.simulator.yida_paths import Api, apis

TOKEN_HEADER: Final = "x-acs-dingtalk-access-token"
_IP_BLOCK_SECONDS: Final = 300.0
_WRITES: Final = frozenset(
    {Operation.START, Operation.UPDATE, Operation.SAVE, Operation.TERMINATE, Operation.DELETE}
)


class Yida:
    """The API as an aiohttp application, and the forms behind it."""

    def __init__(
        self,
        options: SimulatorOptions,
        *,
        clock: SimulatedClock,
        faults: Faults,
        counters: Counters,
        line: Line,
    ) -> None:
        self.options = options
        self.clock = clock
        self.gateway = Gateway(options, clock)
        self.app = YidaApp(options, clock)
        self.robot = SimulatedRobot(options, clock)
        self._faults = faults
        self._counters = counters
        self._line = line
        self._blocked_until = 0.0
        self._blocked_as_html = False

    def revoke_tokens(self) -> None:
        """The token that was given out is stale from now on."""
        self.gateway.revoke_tokens()

    # Routes

    def application(self) -> web.Application:
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post("/v1.0/oauth2/accessToken", self._token)
        app.router.add_post(ROBOT_PATH, self.robot.handle)
        for api in apis(self.app):
            app.router.add_route(api.method, api.path, self._handler(api))
        app.router.add_route("*", "/{path:.*}", self._unknown)
        return app

    # Every call

    async def _token(self, request: web.Request) -> web.StreamResponse:
        def execute() -> Answer:
            given = arguments.given
            for name in ("appKey", "appSecret"):
                if not given.get(name):
                    raise RefusedError(f"Missing{name}", f"{name} is mandatory for this action.")
            token, life = self.gateway.issue_token(given["appKey"], given["appSecret"])
            return Answer(200, {"accessToken": token, "expireIn": life})

        arguments = await self._read(request)
        return await self._answered(request, Operation.TOKEN, None, execute)

    def _handler(self, api: Api) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        name = f"{api.method} {api.path}"
        known = frozenset(api.required) | frozenset(api.optional)

        async def handle(request: web.Request) -> web.StreamResponse:
            def execute() -> Answer:
                self.gateway.check_token(request.headers.get(TOKEN_HEADER))
                if api.closed:
                    raise permission_denied(api.scope)
                self.gateway.admit(name)
                self._check(api, arguments, known)
                return Answer(200, api.execute(arguments))

            arguments = await self._read(request)
            key = self._key(api.operation, arguments)
            if key is not None:
                self._counters.keyed(key, api.operation)
            return await self._answered(request, api.operation, key, execute)

        return handle

    async def _read(self, request: web.Request) -> Arguments:
        given: dict[str, Any] = {**request.query, **request.match_info}
        raw = await request.read()
        if not raw:
            return Arguments(given)
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return Arguments(given, unreadable=True)
        if not isinstance(body, dict):
            return Arguments(given, unreadable=True)
        return Arguments({**given, **body})

    def _check(self, api: Api, arguments: Arguments, known: frozenset[str]) -> None:
        if arguments.unreadable:
            raise RefusedError("invalidParameter.methodInputs.invalidFormat", "请求体不是合法的JSON对象")
        given = arguments.given
        for name in api.required:
            if given.get(name) in (None, ""):
                raise RefusedError(f"Missing{name}", f"{name} is mandatory for this action.")
        if unknown := sorted(given.keys() - known):
            # The vendor may well ignore them; a client of ours that sends one has a mistake in it.
            raise RefusedError("SimulatorStrict.UnknownParameter", f"未知参数: {', '.join(unknown)}")
        if given["systemToken"] != self.options.system_token:
            raise RefusedError("invalidParameter.parameter.accessKeyNotMatch", "应用密钥不匹配")
        if given["appType"] != self.options.app_type:
            raise RefusedError("failure.operation.saasApplicationNotFound", "无法找到应用，请核对应用信息")
        if given["userId"] != self.options.user_id:
            raise RefusedError("failure.user.userNotExist", f"用户不存在:{given['userId']}")
        if given.get("formUuid") and given["formUuid"] not in self.app.forms:
            raise RefusedError(
                "invalidParameter.parameter.incorrectFormUuid", f"指定的表单id有误:{given['formUuid']}"
            )

    def _key(self, operation: Operation, arguments: Arguments) -> str | None:
        """The business key that a call is about, for counts and faults; None where it has none."""
        given = arguments.given
        component = self.options.key_component
        if operation in (Operation.START, Operation.SAVE, Operation.PREVIEW):
            data = loaded(given.get("formDataJson"))
            found = data.get(component) if isinstance(data, dict) else None
        elif operation in (Operation.SEARCH, Operation.IDS):
            data = loaded(given.get("searchFieldJson"))
            if isinstance(data, list):
                matching = (
                    each.get("value")
                    for each in data
                    if isinstance(each, dict) and each.get("key") == component
                )
                found = next(matching, None)
            else:
                found = data.get(component) if isinstance(data, dict) else None
        else:
            instance_id = given.get("processInstanceId") or given.get("formInstanceId") or given.get("id")
            found = self.app.text_of(instance_id, component) if isinstance(instance_id, str) else None
        return found if isinstance(found, str) else None

    async def _answered(
        self, request: web.Request, operation: Operation, key: str | None, execute: Callable[[], Answer]
    ) -> web.StreamResponse:
        arrived = self.clock.monotonic()
        half = self.options.latency.total_seconds() / 2
        slower, blind = 0.0, False
        for fault in self._faults.strike(Stage.BESIDE, Vendor.YIDA, operation, key):
            if fault.name is FaultName.SLOW:
                slower += 1.0 if fault.seconds is None else fault.seconds
            else:
                blind = True
        # Half of the way there, half of the way back: a caller that dies meanwhile may or may not be in time.
        await self._line.pause(half + slower)
        if arrived < self._blocked_until:
            blocked = ip_blocked(self._blocked_as_html, int(self._blocked_until - arrived) + 1)
            self._counters.arrived(Vendor.YIDA, operation, arrived, blocked.result)
            return blocked.response()
        before = self._faults.strike(Stage.BEFORE, Vendor.YIDA, operation, key)
        if before:
            return await self._instead(request, operation, before[0], arrived, half)
        try:
            answer = execute()
        except RefusedError as refused:
            answer = refused.answer()
        if blind and answer.result is Result.OK:
            answer = Answer(200, {**answer.body, "totalCount": 0, "data": []})
        after: list[Fault] = []
        if answer.result is Result.OK:
            if operation in _WRITES:
                self._counters.committed[Vendor.YIDA, operation] += 1
            after = self._faults.strike(Stage.AFTER, Vendor.YIDA, operation, key)
        await self._line.pause(half)
        if after:
            return await self._spoilt(request, operation, after[0], answer, arrived)
        self._counters.arrived(Vendor.YIDA, operation, arrived, answer.result)
        return answer.response()

    async def _spoilt(
        self, request: web.Request, operation: Operation, fault: Fault, answer: Answer, arrived: float
    ) -> web.StreamResponse:
        self._counters.arrived(Vendor.YIDA, operation, arrived, Result.LOST)
        if fault.name is FaultName.AMBIGUOUS_500:
            return inner_error().answer().response()
        return await self._line.spoil(request, fault, answer)

    async def _instead(
        self, request: web.Request, operation: Operation, fault: Fault, arrived: float, half: float
    ) -> web.StreamResponse:
        lost = fault.name in (FaultName.DROPPED_BEFORE, FaultName.HANG_BEFORE)
        answer = None if lost else self._fault_answer(fault, arrived)
        self._counters.arrived(
            Vendor.YIDA, operation, arrived, Result.LOST if answer is None else answer.result
        )
        if fault.name is FaultName.HANG_BEFORE:
            return await self._line.hang(request, fault.seconds)
        if answer is None:
            return self._line.reset(request)
        await self._line.pause(half)
        return answer.response()

    def _fault_answer(self, fault: Fault, now: float) -> Answer:
        match fault.name:
            case FaultName.THROTTLE_APP:
                return throttled("QpsLimitForAppkeyAndApi").answer()
            case FaultName.THROTTLE_API:
                return throttled("QpsLimitForApi").answer()
            case FaultName.THROTTLE_MINUTE:
                return throttled("QpmLimitForAppkeyAndApi").answer()
            case FaultName.IP_BLOCK:
                seconds = _IP_BLOCK_SECONDS if fault.seconds is None else fault.seconds
                self._blocked_until = now + seconds
                self._blocked_as_html = fault.variant == "html"
                return ip_blocked(self._blocked_as_html, int(seconds))
            case FaultName.TOO_FAST:
                message = "请求过于频繁，请稍后重试"
                return RefusedError(
                    "failure.operation.requestTooFast", message, result=Result.THROTTLED
                ).answer()
            case FaultName.TOO_MANY_VISITORS:
                return RefusedError(
                    "failure.operation.tooManyVisitors",
                    "平台当前访问人数过多，请稍后重试",
                    status=fault.status or 400,
                    result=Result.THROTTLED,
                ).answer()
            case FaultName.SYSTEM_BUSY:
                busy = RefusedError("systemBusy", "系统繁忙", status=429, result=Result.THROTTLED)
                return busy.answer()
            case FaultName.STALE_TOKEN if fault.variant == "legacy":
                body = {
                    "errcode": 88,
                    "sub_code": "40014",
                    "sub_msg": "不合法的access_token",
                    "errmsg": "ding talk error",
                }
                return Answer(200, body, Result.STALE_TOKEN)
            case FaultName.STALE_TOKEN if fault.variant == "bare":
                return Answer(401, "Unauthorized", Result.STALE_TOKEN)
            case FaultName.STALE_TOKEN:
                return stale_token().answer()
            case FaultName.QUOTA_SPENT:
                return month_spent().answer()
            case FaultName.PERMISSION:
                return permission_denied(fault.code or "Yida.Process.Write").answer()
            case FaultName.FORM_BUSY:
                code = fault.code or "invalidState.openSearch.currentFormIsRebuilding"
                return RefusedError(code, "当前表单重构中，请稍后再试").answer()
            case FaultName.AMBIGUOUS_500:
                return inner_error().answer()
            case FaultName.HTML_502:
                return html(fault.status or 502)
            case FaultName.ERROR_IN_200:
                body = {"errcode": int(fault.code or -1), "errmsg": "系统繁忙", "request_id": "simulated"}
                return Answer(200, body, Result.REFUSED)
            case FaultName.SUCCESS_FALSE_200:
                body = {"success": False, "errorCode": fault.code or "TIANSHU_000029", "errorMsg": "操作失败"}
                return Answer(200, body, Result.REFUSED)
            case FaultName.CODED:
                code = fault.code or "some.new.code"
                return RefusedError(code, "模拟的回答", status=fault.status or 400).answer()
            case FaultName.REFUSE:
                code = fault.code or "invalidState.form.invalidFormData"
                return RefusedError(code, "表单校验失败:模拟的拒绝", status=fault.status or 400).answer()
            case _:
                raise AssertionError(f"{fault.name} does not answer for Yida")

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        self._counters.arrived(Vendor.YIDA, Operation.UNKNOWN, self.clock.monotonic(), Result.REFUSED)
        if request.path.startswith(("/v1.0/", "/v2.0/")):
            return (
                RefusedError("InvalidAction.NotFound", "Specified api is not found", status=404)
                .answer()
                .response()
            )
        return Answer(200, {"errcode": 404, "errmsg": "请求的URI地址不存在"}, Result.REFUSED).response()
