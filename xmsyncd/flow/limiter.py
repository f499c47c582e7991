"""The one limit of a connection and an API: its pace, how that adapts, and its pauses (step 4).

Whoever calls that API takes its permits here and says here how each call ended: all pipelines, reads and
writes alike, because the vendors count by application and API (OKKI: taken as a whole).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple, Protocol

from xmsyncd.clock import Clock
from xmsyncd.flow import adaptive
from xmsyncd.flow.adaptive import Bounds, RateReason, Refusal
from xmsyncd.flow.pace import Pacer
from xmsyncd.heartbeat import waiting

_CALLS_REMEMBERED: Final = 4096
# The share of the latest permits (about ten of them) that were waited for, from which on the rate counts as
# reached. Not all: a commit that takes long makes a worker late for one.
_REACHED: Final = 0.6
_PERMITS_WEIGHED: Final = 10


class LimitName(NamedTuple):
    """Whose limit: words of the configuration and a closed set, never a secret."""

    api: str
    connection: str
    endpoint: str


class PauseListener(Protocol):
    """Who is told about pauses."""

    def __call__(self, connection: str, api: str, seconds: float, code: str, endpoint: str, /) -> None:
        """Nothing is sent there for so long; told once for all calls that belong to one push-back."""
        ...


def nobody_listens(connection: str, api: str, seconds: float, code: str, endpoint: str) -> None:
    """For a command that ends in a moment."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """What is worth remembering of a limit: the rate, and where it was refused (``None``: unknown)."""

    rate: float
    limit: float | None = None


class Address:
    """What the limits of one network address share: a vendor that blocks it blocks all of them."""

    def __init__(self) -> None:
        self._limiters: list[Limiter] = []

    def add(self, limiter: Limiter) -> None:
        """A limit that a block of this address concerns."""
        self._limiters.append(limiter)

    def pause(self, duration: timedelta, code: str) -> None:
        """Nothing is sent from this address for so long."""
        for limiter in self._limiters:
            limiter.pause(duration, code)


class Limiter:
    """Permits at a rate that adapts between a floor and a ceiling; to be used inside one running loop.

    A call takes a permit with :meth:`acquire`, says :meth:`sent` as it leaves and then one of
    :meth:`accepted`, :meth:`refused` and :meth:`unsent`; nothing where its answer was lost.
    """

    def __init__(
        self,
        name: LimitName,
        bounds: Bounds,
        *,
        clock: Clock,
        told: PauseListener = nobody_listens,
        address: Address | None = None,
        learnt: Learnt | None = None,
    ) -> None:
        self.name = name
        self._bounds = bounds
        self._clock = clock
        self._told = told
        self._address = address or Address()
        self._address.add(self)
        self._state = adaptive.start(
            bounds,
            rate=None if learnt is None else learnt.rate,
            limit=None if learnt is None else learnt.limit,
            now=clock.monotonic(),
        )
        self._pacer = Pacer(self._state.rate, clock=clock)
        self._taken: deque[float] = deque(maxlen=_CALLS_REMEMBERED)
        self._pressure = 0.0
        self._told_wait = timedelta(0)
        self._pause_code = ""
        self._paused: list[Callable[[], None]] = []

    @property
    def rate(self) -> float:
        """Permits a second, now."""
        return self._state.rate

    @property
    def ceiling(self) -> float:
        """The most permits a second there ever are."""
        return self._bounds.ceiling

    @property
    def learnt(self) -> Learnt:
        """What is worth remembering."""
        return Learnt(self._state.rate, self._state.limit)

    @property
    def paused_for(self) -> timedelta:
        """What is left of the pause, 0 when there is none."""
        return self._pacer.paused_for

    @property
    def pause_code(self) -> str:
        """The vendor's word for the pause, empty when there is none."""
        return self._pause_code if self.paused_for else ""

    def when_paused(self, tell: Callable[[], None]) -> None:
        """Have ``tell`` called at each pause."""
        self._paused.append(tell)

    def pause(self, duration: timedelta, code: str = "") -> None:
        """Nobody gets a permit for so long, those who wait for one included; the longer of two holds.

        Without a ``code`` of its own it goes on with that of the pause it makes longer.
        """
        if duration <= self.paused_for:
            return
        code = code or self.pause_code  # before the pause is another one
        self._pacer.pause(duration)
        self._pause_code = code
        for tell in self._paused:
            tell()

    def ready(self) -> bool:
        """Whether a permit is free this instant and nobody waits for one."""
        return self._pacer.ready()

    async def acquire(self) -> None:
        """Wait for a permit, in order and through pauses. It is void once a pause began: see `paused_for`."""
        waited = not self._pacer.ready()
        with waiting():  # a told pause lasts as long as the vendor says
            await self._pacer.acquire()
        self._pressure += (waited - self._pressure) / _PERMITS_WEIGHED

    def sent(self) -> float:
        """A call leaves now; returns the moment, by which its end is told."""
        now = self._clock.monotonic()
        self._taken.append(now)
        return now

    def unsent(self, sent_at: float) -> None:
        """The call did not leave this machine after all."""
        self._forget(sent_at)

    def accepted(self) -> None:
        """A call was not refused for its pace, whatever else it was answered."""
        change = adaptive.after_use(
            self._state, self._bounds, reached=self._pressure >= _REACHED, now=self._clock.monotonic()
        )
        self._state = change.state
        self._pacer.rate = change.state.rate

    def refused(self, sent_at: float, *, wait: timedelta, code: str, blocks_address: bool = False) -> None:
        """The call was refused for its pace, and the vendor wants (or is known to want) so long a wait.

        Lowers the rate and pauses everybody at once. Of many calls that left before that only the first does.
        """
        self._forget(sent_at)
        change = adaptive.after_refusal(
            self._state,
            self._bounds,
            Refusal(sent_at, wait.total_seconds(), tuple(self._taken)),
            now=self._clock.monotonic(),
        )
        is_new = change.reason is not RateReason.SAME_PUSH_BACK
        if is_new or wait > self._told_wait:
            self._told_wait = wait
            if blocks_address:
                self._address.pause(wait, code)
            else:
                self.pause(wait, code)
            name = self.name
            self._told(name.connection, name.api, wait.total_seconds(), code, name.endpoint)
        if is_new:
            self._state = change.state
            self._pacer.rate = change.state.rate

    def _forget(self, sent_at: float) -> None:
        try:
            self._taken.remove(sent_at)
        except ValueError:  # thousands of calls ago
            return
