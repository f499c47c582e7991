"""A custom robot of a DingTalk group (vendor doc, not verified): every answer comes with HTTP 200."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from aiohttp import web

from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.times import SimulatedClock

PATH: Final = "/robot/send"
_MOST_A_MINUTE: Final = 20
_SHUT_SECONDS: Final = 600.0
_CLOCK_SECONDS: Final = 3600.0
_MOST_BYTES: Final = 20_000
_MESSAGES_KEPT: Final = 1000


@dataclass(frozen=True, slots=True)
class RobotMessage:
    """What stands in the group."""

    uuid: str
    title: str
    text: str


@dataclass(slots=True)
class RobotTrouble:
    """The next ``times`` calls are answered with this error; ``after_all``: though the message was written.

    ``cut``: the connection is dropped instead of answered.
    """

    code: int
    message: str = "simulated"
    times: int = 1
    after_all: bool = False
    cut: bool = False


@dataclass(slots=True)
class SimulatedRobot:
    """The group's messages, and what the robot checks of each call."""

    options: SimulatorOptions
    clock: SimulatedClock
    messages: deque[RobotMessage] = field(default_factory=lambda: deque(maxlen=_MESSAGES_KEPT))
    calls: int = 0
    repeats: int = 0
    """Calls with the ``msgUuid`` of a message that stands in the group."""
    troubles: list[RobotTrouble] = field(default_factory=list)
    _accepted: deque[float] = field(default_factory=deque)
    _shut_until: float = 0.0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """``POST /robot/send?access_token=…[&timestamp=…&sign=…]``."""
        self.calls += 1
        raw = await request.read()
        trouble = self._trouble()
        if trouble is not None and not trouble.after_all:
            return await self._troubled(request, trouble)
        code, message = self._take(request, raw)
        if trouble is not None and code == 0:
            return await self._troubled(request, trouble)
        return _answer(code, message)

    def _trouble(self) -> RobotTrouble | None:
        for trouble in self.troubles:
            if trouble.times > 0:
                trouble.times -= 1
                return trouble
        return None

    async def _troubled(self, request: web.Request, trouble: RobotTrouble) -> web.StreamResponse:
        if trouble.cut and request.transport is not None:
            request.transport.abort()
        return _answer(trouble.code, trouble.message)

    def _take(self, request: web.Request, raw: bytes) -> tuple[int, str]:
        if request.query.get("access_token") != self.options.robot_token:
            return 300005, "token is not exist"
        if self.options.robot_secret and (fault := self._signature_fault(request)):
            return 310000, fault
        if request.content_type != "application/json":
            return 43004, "invalid content type"
        try:
            body: Any = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return 40035, "missing json"
        if not isinstance(body, dict) or body.get("msgtype") != "markdown":
            return 400105, "unsupported msgtype"
        markdown = body.get("markdown")
        if not isinstance(markdown, dict) or not markdown.get("title") or not markdown.get("text"):
            return 400402, "markdown: title and text are mandatory"
        uuid, title, text = str(body.get("msgUuid", "")), str(markdown["title"]), str(markdown["text"])
        if len(text.encode()) > _MOST_BYTES:
            return 430104, "message too long"
        if self.options.robot_keyword and self.options.robot_keyword not in text:
            return 310000, "keywords not in content"
        if not self._admits():
            return 410100, "send too fast, exceed 20 times per minute"
        if uuid and any(uuid == one.uuid for one in self.messages):
            self.repeats += 1
            return 0, "ok"
        self.messages.append(RobotMessage(uuid, title, text))
        return 0, "ok"

    def _signature_fault(self, request: web.Request) -> str:
        timestamp = request.query.get("timestamp", "")
        if not timestamp.isdecimal() or abs(int(timestamp) / 1000 - self.clock.wall()) > _CLOCK_SECONDS:
            return "invalid timestamp"
        secret = self.options.robot_secret
        digest = hmac.digest(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256)
        # What the query holds after one decoding; encoded twice it would differ here.
        return "" if request.query.get("sign") == base64.b64encode(digest).decode() else "sign not match"

    def _admits(self) -> bool:
        now = self.clock.monotonic()
        if now < self._shut_until:
            return False
        while self._accepted and self._accepted[0] <= now - 60:
            self._accepted.popleft()
        if len(self._accepted) >= _MOST_A_MINUTE:
            self._shut_until = now + _SHUT_SECONDS
            return False
        self._accepted.append(now)
        return True


def _answer(code: int, message: str) -> web.Response:
    body = orjson.dumps({"errcode": code, "errmsg": message})
    return web.Response(body=body, content_type="application/json")
