"""DingTalk's gateway in front of Yida: tokens, limits per second, and the month's quota (vendor doc)."""

from __future__ import annotations

import uuid
from collections import deque
from typing import assert_never

from xmsyncd.simulator.options import RateWindow, SimulatorOptions
from xmsyncd.simulator.refusals import RefusedError, month_spent, stale_token, throttled
from xmsyncd.simulator.times import SimulatedClock


class Gateway:
    """What every call to api.dingtalk.com passes; its limits may be changed while it runs."""

    def __init__(self, options: SimulatorOptions, clock: SimulatedClock) -> None:
        self.qps = options.qps
        self.window = options.window
        self.monthly_calls = options.monthly_calls
        self.metered = 0
        self._options = options
        self._clock = clock
        self._month = clock.month()
        self._token = ""
        self._token_ends = 0.0
        self._windows: dict[str, _Window] = {}

    def issue_token(self, app_key: object, app_secret: object) -> tuple[str, int]:
        """Token and its life in seconds: the same token while it is valid, and asking extends it."""
        if (app_key, app_secret) != (self._options.app_key, self._options.app_secret):
            raise RefusedError("invalidClientIdOrSecret", "无效的clientId或者clientSecret")
        now = self._clock.monotonic()
        if not self._token or now >= self._token_ends:
            self._token = uuid.uuid4().hex
        life = self._options.yida_token_life.total_seconds()
        self._token_ends = now + life
        return self._token, int(life)

    def revoke_tokens(self) -> None:
        """The token that was given out is stale from now on."""
        self._token = ""

    def check_token(self, given: str | None) -> None:
        if not given:
            raise RefusedError(
                "AuthenticationFailed.MissingParameter", "缺少参数：x-acs-dingtalk-access-token"
            )
        if given != self._token or self._clock.monotonic() >= self._token_ends:
            raise stale_token()

    def admit(self, api: str) -> None:
        """Let one call of an API pass, and meter it; a throttled call is not metered."""
        if self.qps is not None:
            window = self._windows.get(api)
            if window is None:
                window = self._windows[api] = _Window()
            if not window.admits(self.window, self.qps, self._clock.monotonic(), self._clock.wall()):
                raise throttled("QpsLimitForAppkeyAndApi")
        month = self._clock.month() if self.monthly_calls is not None else self._month
        if month != self._month:
            self._month, self.metered = month, 0
        if self.monthly_calls is not None and self.metered >= self.monthly_calls:
            raise month_spent()
        self.metered += 1


class _Window:
    """The last second of one API."""

    __slots__ = ("_admitted", "_level", "_level_at", "_second", "_used")

    def __init__(self) -> None:
        self._second = -1
        self._used = 0
        self._admitted: deque[float] = deque()
        self._level = 0.0
        self._level_at = 0.0

    def admits(self, kind: RateWindow, qps: float, monotonic: float, wall: float) -> bool:
        match kind:
            case RateWindow.FIXED:
                if int(wall) != self._second:
                    self._second, self._used = int(wall), 0
                if self._used >= qps:
                    return False
                self._used += 1
                return True
            case RateWindow.SLIDING:
                while self._admitted and self._admitted[0] <= monotonic - 1.0:
                    self._admitted.popleft()
                if len(self._admitted) >= qps:
                    return False
                self._admitted.append(monotonic)
                return True
            case RateWindow.BUCKET:
                leaked = (monotonic - self._level_at) * qps
                self._level = max(0.0, self._level - leaked)
                self._level_at = monotonic
                if self._level + 1 > max(1.0, qps):
                    return False
                self._level += 1
                return True
            case _:
                assert_never(kind)
