"""A group with a robot that answers what it is told to, and the client that talks to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from xmsyncd.clock import SystemClock
from xmsyncd.notify.robot import Message, Robot
from xmsyncd.settings import RobotSettings
from xmsyncd.transport.session import open_session

WEBHOOK = "https://oapi.dingtalk.com/robot/send?access_token=robot-canary-token"


class Group:
    """What arrived."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self._answer: dict[str, Any] | None = None

    def answer(self, body: dict[str, Any]) -> None:
        self._answer = body

    def hang(self) -> None:
        self._answer = None

    def message(self, uuid: str, title: str, text: str) -> Message:
        return Message(uuid, title, text)

    async def handle(self, request: web.Request) -> web.Response:
        self.sent.append({"query": dict(request.query), "body": await request.json()})
        if self._answer is None:
            await asyncio.sleep(60)
        return web.json_response(self._answer)


@pytest.fixture
def group() -> Group:
    return Group()


@pytest.fixture
async def robot(group: Group) -> AsyncIterator[Callable[..., Robot]]:
    app = web.Application()
    app.router.add_post("/robot/send", group.handle)
    server = TestServer(app, shutdown_timeout=0.1)
    await server.start_server()
    webhook = str(server.make_url("/robot/send")) + "?access_token=robot-canary-token"
    async with open_session() as session:

        def make(**changes: Any) -> Robot:
            settings = RobotSettings.model_validate({"webhook": webhook, **changes})
            return Robot("ops", settings, session, clock=SystemClock())

        yield make
    await server.close()
