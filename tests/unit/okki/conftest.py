"""A client of OKKI on a clock that jumps, and a vendor made of aioresponses."""

from __future__ import annotations

import random
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aioresponses import CallbackResult, aioresponses

from xmsyncd.flow.adaptive import Bounds
from xmsyncd.flow.limiter import Limiter, LimitName
from xmsyncd.okki.client import OkkiClient
from xmsyncd.settings import OkkiSettings
from xmsyncd.transport.session import Transport, open_session

BASE = "http://okki.test"
TOKEN_URL = BASE + "/v1/oauth2/access_token"
SECRET = "hush-hush"


class JumpingClock:
    """Sleeping takes no time, and is remembered."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 22, 8, 0, tzinfo=UTC) + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._seconds += seconds


class CountingObserver:
    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()

    def call_done(self, connection: str, api: str, endpoint: str, result: str, seconds: float) -> None:
        self.calls[endpoint, result] += 1


class Vendor:
    """Scripted answers by path, in their order, the last one for ever; remembers what it was asked."""

    def __init__(self, mocked: aioresponses) -> None:
        self.mocked = mocked
        self.requests: list[tuple[str, dict[str, Any]]] = []

    def answers(self, path: str, *answers: Any) -> None:
        """An answer: the JSON of a 200, or the keywords of a CallbackResult, or an exception to raise."""
        left = list(answers)

        def reply(url: Any, **kwargs: Any) -> CallbackResult:
            self.requests.append((path, {**kwargs, "query": dict(url.query)}))
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, Exception):
                raise answer
            if isinstance(answer, dict) and ("status" in answer or "headers" in answer):
                return CallbackResult(**answer)
            return CallbackResult(payload=answer)

        method = self.mocked.post if path.startswith("/v1/oauth2") else self.mocked.get
        method(re.compile(re.escape(BASE + path) + r"(\?.*)?$"), callback=reply, repeat=True)

    def count(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.requests)


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
def observer() -> CountingObserver:
    return CountingObserver()


@pytest.fixture
def vendor():
    with aioresponses() as mocked:
        yield Vendor(mocked)


@pytest.fixture
async def limiter(clock) -> Limiter:
    return Limiter(LimitName("okki", "main", "all"), Bounds(0.2, 10_000), clock=clock)


@pytest.fixture
async def make_client(clock, observer, limiter) -> Any:
    session = open_session()

    def make(**changes: Any) -> OkkiClient:
        settings = OkkiSettings(**{"base_url": BASE, "client_id": "id-1", "client_secret": SECRET, **changes})
        transport = Transport(
            session,
            base_url=settings.base_url,
            connection="main",
            api="okki",
            total=settings.timeout,
            connect=settings.connect_timeout,
            clock=clock,
            observer=observer,
        )
        return OkkiClient(
            settings,
            name="main",
            transport=transport,
            limiter=limiter,
            clock=clock,
            random=random.Random(1),
            timezone=ZoneInfo("Asia/Shanghai"),
        )

    yield make
    await session.close()
