"""Refusals of DingTalk's gateway and of Yida: status, code and text (vendor doc, public probes)."""

from __future__ import annotations

import uuid
from typing import Any

from xmsyncd.simulator.counters import Result
from xmsyncd.simulator.wire import Answer


class RefusedError(Exception):
    """An answer other than success; HTTP 400 unless said otherwise."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        result: Result = Result.REFUSED,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.result = result
        self.extra = extra or {}

    def answer(self) -> Answer:
        body = {
            "code": self.code,
            "requestid": uuid.uuid4().hex.upper(),
            "message": self.message,
            **self.extra,
        }
        return Answer(self.status, body, self.result)


def throttled(code: str) -> RefusedError:
    """One of the gateway's limits, whose text holds no number (vendor doc)."""
    message = "钉钉API调用频率超限，该接口的所有请求暂时被禁用"
    return RefusedError(f"Forbidden.AccessDenied.{code}", message, status=403, result=Result.THROTTLED)


def permission_denied(scope: str) -> RefusedError:
    return RefusedError(
        "Forbidden.AccessDenied.AccessTokenPermissionDenied",
        "应用尚未开通所需的权限",
        status=403,
        extra={"accessdenieddetail": {"requiredScopes": [scope]}},
    )


def stale_token() -> RefusedError:
    return RefusedError("InvalidAuthentication", "不合法的access_token", result=Result.STALE_TOKEN)


def month_spent() -> RefusedError:
    return RefusedError(
        "Forbidden.AccessDenied.ApiCountLimitForOrg", "本组织当月API调用次数已用完", status=403
    )


def ip_blocked(as_html: bool, wait_seconds: int) -> Answer:
    """Not the normal JSON; its HTTP status is unknown, 200 here."""
    if as_html:
        page = "<!doctype html><html><body><h1>亲，访问被拒绝</h1><p>punish?x5secdata=deny</p></body></html>"
        return Answer(200, page, Result.THROTTLED)
    body = {"status": 1111, "wait": wait_seconds, "source": "x5", "punish": "deny", "uuid": uuid.uuid4().hex}
    return Answer(200, body, Result.THROTTLED)


def inner_error() -> RefusedError:
    """The service failed, before or after it did the work: nobody can tell."""
    return RefusedError("innerError", "宜搭服务内部异常信息", status=500, result=Result.FAILED)


def gone(instance_id: str) -> RefusedError:
    """No such instance, or a deleted one. The code is the vendor's; that these calls use it is a guess."""
    return RefusedError("invalidState.form.dataDoesNotExistOrIsDeleted", f"数据不存在或已删除:{instance_id}")
