"""What stands around a Yida writer in its tests: addresses, a clock that a test moves, the requests made."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from aioresponses import aioresponses
from yarl import URL

from xmsyncd.clock import Clock
from xmsyncd.errors import ReserveSpentError
from xmsyncd.flow.adaptive import Bounds
from xmsyncd.flow.limiter import Address, Limiter, LimitName
from xmsyncd.settings import TargetSettings
from xmsyncd.yida import wire
from xmsyncd.yida.client import YidaClient
from xmsyncd.yida.writers import ProcessWriter

BASE = "https://dingtalk.test"
TOKEN_URL = f"{BASE}/v1.0/oauth2/accessToken"
START_URL = f"{BASE}/v1.0/yida/processes/instances/start"
UPDATE_URL = f"{BASE}/v1.0/yida/processes/instances"
SEARCH_URL = f"{BASE}/v1.0/yida/processes/instances?pageNumber=1&pageSize=100"
APP_SECRET = "app-secret-of-ours"
SYSTEM_TOKEN = "system-token-of-ours"
NAME, KEY, REMARK = "textField_lq0sj9h9", "textField_lq23ags2", "textareaField_lq23ags6"


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class SilentObserver:
    """Counts nothing."""

    def call_done(self, connection: str, api: str, endpoint: str, result: str, seconds: float) -> None:
        pass


class Tally:
    """Implements ``CallMeter``: the kinds of calls counted, what was given back left out."""

    def __init__(self, counted: list[str]) -> None:
        self._counted = counted
        self.refuses = False

    async def take(self, kind: str) -> None:
        if self.refuses:
            raise ReserveSpentError("main", "kept_for_sending")
        self._counted.append(kind)

    async def give_back(self, kind: str, calls: int) -> None:
        for _ in range(calls):
            self._counted.remove(kind)


def limiters(clock: Clock) -> dict[str, Limiter]:
    """A limiter for each API, fast enough not to be noticed."""
    address = Address()
    return {
        api: Limiter(LimitName("dingtalk", "main", api), Bounds(1, 10_000), clock=clock, address=address)
        for api in wire.APIS
    }


@dataclass
class Yida:
    """The writer under test, with what stands around it."""

    http: aioresponses
    clock: ManualClock
    client: YidaClient
    target: TargetSettings
    writer: ProcessWriter
    permits: list[str] = field(default_factory=list)
    metered: list[str] = field(default_factory=list)
    meter: Tally = field(default_factory=lambda: Tally([]))

    def give_token(self, token: str = "token-1", **answer: Any) -> None:
        """DingTalk hands out a token once."""
        self.http.post(TOKEN_URL, **(answer or {"payload": {"accessToken": token, "expireIn": 7200}}))

    def requests(self, method: str, url: str) -> list[dict[str, Any]]:
        """Arguments of the requests made so far."""
        return [call.kwargs for call in self.http.requests.get((method, URL(url)), [])]

    def bodies(self, method: str, url: str) -> list[Any]:
        return [orjson.loads(request["data"]) for request in self.requests(method, url)]
