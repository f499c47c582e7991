"""An access token that is fetched once for everybody, early, and again when it turns out stale."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from xmsyncd.clock import Clock

# After an early renewal failed, the old token serves on; asking again with every call would hammer the
# vendor's token endpoint, which is the one most likely to be guarded.
_PAUSE_AFTER_FAILURE_SECONDS: Final = 30.0

_TOKENS_REMEMBERED: Final = 4


@dataclass(frozen=True, slots=True)
class Token:
    """A token and when it ends, on the monotonic clock. The ``repr`` does not show it."""

    value: str = field(repr=False)
    expires_at_monotonic: float


class TokenSource:
    """The one token of a connection; safe to ask from many tasks at once.

    ``fetch`` returns the token and its life time. It is never run twice at the same time, and its errors
    reach everybody who waited for it.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[tuple[str, timedelta]]],
        *,
        renew_before: timedelta,
        clock: Clock,
    ) -> None:
        self._fetch = fetch
        self._renew_before_seconds = renew_before.total_seconds()
        self._clock = clock
        self._token: Token | None = None
        self._given: deque[str] = deque(maxlen=_TOKENS_REMEMBERED)
        self._renew_at = 0.0
        self._lock = asyncio.Lock()
        self._fetches_ended = 0
        self._error: Exception | None = None

    async def get(self) -> str:
        """A token that is not known to be stale; fetched when there is none or it nears its end.

        A failed early renewal of a token that is still valid returns that token. Raises what ``fetch``
        raises.
        """
        now = self._clock.monotonic()
        token = self._token
        if token is not None and now < token.expires_at_monotonic:
            # While one task renews early, the others go on with the old token.
            if now < self._renew_at or self._lock.locked():
                return token.value
            try:
                return await self._fetch_once()
            except Exception:
                if self._clock.monotonic() >= token.expires_at_monotonic:
                    raise
                self._renew_at = self._clock.monotonic() + _PAUSE_AFTER_FAILURE_SECONDS
                return token.value
        return await self._fetch_once()

    @property
    def current(self) -> str | None:
        """The token there is, without any wait; ``None`` where one must be fetched first."""
        token = self._token
        if token is None or self._clock.monotonic() >= token.expires_at_monotonic:
            return None
        return token.value

    @property
    def recent(self) -> tuple[str, ...]:
        """The last few tokens that were had, for whoever takes secrets out of texts: any may be echoed."""
        return tuple(self._given)

    async def renew(self, stale: str) -> str:
        """A token other than ``stale``, which the vendor refused; without a fetch if there is one already.

        The vendor may hand out the same token again; then that is returned. Raises what ``fetch`` raises,
        and ``stale`` is not offered again.
        """
        token = self._token
        if (
            token is not None
            and token.value != stale
            and self._clock.monotonic() < token.expires_at_monotonic
        ):
            return token.value
        if token is not None and token.value == stale:
            self._token = None
        return await self._fetch_once()

    async def _fetch_once(self) -> str:
        # A lock and a count instead of a shared task: a waiter that is cancelled leaves no task behind,
        # and if it was the fetching one, the next waiter fetches.
        ended_before = self._fetches_ended
        async with self._lock:
            if self._fetches_ended != ended_before:
                if self._error is not None:
                    raise self._error
                if self._token is not None:
                    return self._token.value
            try:
                value, lifetime = await self._fetch()
            except Exception as error:
                self._error = error
                self._fetches_ended += 1
                raise
            now = self._clock.monotonic()
            lifetime_seconds = max(lifetime.total_seconds(), 0.0)
            self._token = Token(value, now + lifetime_seconds)
            self._given.append(value)
            # A token that lives shorter than the margin would be renewed with every call.
            self._renew_at = now + lifetime_seconds - min(self._renew_before_seconds, lifetime_seconds / 2)
            self._error = None
            self._fetches_ended += 1
            return value
