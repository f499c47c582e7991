"""The limits of all connections: built from settings, and remembered from one start to the next (step 4)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from xmsyncd.clock import Clock
from xmsyncd.flow.adaptive import Bounds
from xmsyncd.flow.limiter import Address, Learnt, Limiter, LimitName, PauseListener, nobody_listens
from xmsyncd.ledger import Ledger, notes
from xmsyncd.settings import Settings
from xmsyncd.yida import wire

_PREFIX: Final = "rate/"
_OKKI, _DINGTALK, _ALL = "okki", "dingtalk", "all"

# An older rate is where to begin; where it was refused then says nothing any more.
_FRESH: Final = timedelta(days=1)
_LOOK_EVERY: Final = timedelta(seconds=15)
_NOTICEABLE: Final = 0.05
# Shorter pauses are over before a restart is.
_WORTH_REMEMBERING: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limiters: of each OKKI connection as a whole, of each DingTalk connection by API."""

    okki: Mapping[str, Limiter]
    dingtalk: Mapping[str, Mapping[str, Limiter]]

    def __iter__(self) -> Iterator[Limiter]:
        yield from self.okki.values()
        for limiters in self.dingtalk.values():
            yield from limiters.values()


def make_limits(
    settings: Settings,
    *,
    clock: Clock,
    told: PauseListener = nobody_listens,
    remembered: Mapping[str, str] | None = None,
) -> Limits:
    """To be called inside the running loop. ``remembered``: what :meth:`RateKeeper.load` returned."""
    kept = remembered or {}
    # All DingTalk connections leave from this machine's address, and what blocks it blocks all of them.
    address = Address()

    def limiter(name: LimitName, ceiling: float, floor: float, shared: Address | None) -> Limiter:
        note = _read(kept.get(_note_of(name)), clock.now())
        bounds = Bounds(min(floor, ceiling), ceiling)
        made = Limiter(name, bounds, clock=clock, told=told, address=shared, learnt=note.learnt)
        if note.pause > timedelta(0):
            made.pause(note.pause, note.code)
        return made

    okki = {
        name: limiter(
            LimitName(_OKKI, name, _ALL), one.requests_per_second, one.floor_requests_per_second, None
        )
        for name, one in settings.okki.items()
    }
    dingtalk = {
        name: {
            api: limiter(
                LimitName(_DINGTALK, name, api),
                one.requests_per_second,
                one.floor_requests_per_second,
                address,
            )
            for api in wire.APIS
        }
        for name, one in settings.dingtalk.items()
    }
    return Limits(okki, dingtalk)


class RateKeeper:
    """Writes what the limiters learnt into the ledger when it changed noticeably, and at the end."""

    def __init__(self, ledger: Ledger, limits: Limits, *, clock: Clock) -> None:
        self._ledger = ledger
        self._limits = limits
        self._clock = clock
        self._saved = {one.name: (one.learnt, timedelta(0)) for one in limits}
        self._pause_began = asyncio.Event()
        for one in limits:
            one.when_paused(self._pause_began.set)

    @staticmethod
    async def load(ledger: Ledger) -> dict[str, str]:
        """The notes of all limits."""
        return await ledger.read(notes.read_all, _PREFIX)

    async def run(self, stopping: asyncio.Event) -> None:
        """Until asked to stop; the last look is at the end."""
        while not stopping.is_set():
            self._pause_began.clear()
            await self.save()
            waits = [asyncio.ensure_future(one.wait()) for one in (stopping, self._pause_began)]
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_EVERY.total_seconds()):
                        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in waits:
                    one.cancel()
        await self.save()

    async def save(self) -> None:
        """One transaction where something changed, none otherwise."""
        now = self._clock.now()
        changed: dict[str, str] = {}
        for one in self._limits:
            learnt, pause = one.learnt, one.paused_for
            if pause < _WORTH_REMEMBERING:
                pause = timedelta(0)
            saved, saved_pause = self._saved[one.name]
            is_paused_anew = pause > saved_pause
            if not is_paused_anew and not _differs(learnt, saved):
                self._saved[one.name] = (saved, pause)
                continue
            self._saved[one.name] = (learnt, pause)
            value: dict[str, Any] = {"rate": learnt.rate, "limit": learnt.limit, "at": now.isoformat()}
            if pause:
                value |= {"paused_until": (now + pause).isoformat(), "code": one.pause_code}
            changed[_note_of(one.name)] = json.dumps(value)
        if changed:
            await self._ledger.write(notes.write_all, changed)


@dataclass(frozen=True, slots=True)
class _Note:
    learnt: Learnt | None = None
    pause: timedelta = timedelta(0)
    code: str = ""


def _read(text: str | None, now: datetime) -> _Note:
    """A note that cannot be read is none: it is only a convenience."""
    if text is None:
        return _Note()
    try:
        value = json.loads(text)
        at = datetime.fromisoformat(value["at"])
        limit = value["limit"] if timedelta(0) <= now - at < _FRESH else None
        learnt = Learnt(float(value["rate"]), None if limit is None else float(limit))
        told_until = value.get("paused_until")
        if told_until is None:
            return _Note(learnt)
        # Never longer than it was when it was written, whatever the wall clock did since.
        until = datetime.fromisoformat(told_until)
        return _Note(learnt, min(until - now, until - at), str(value.get("code", "")))
    except (ValueError, TypeError, KeyError):
        return _Note()


def _note_of(name: LimitName) -> str:
    return _PREFIX + "/".join(name)


def _differs(one: Learnt, other: Learnt) -> bool:
    if (one.limit is None) != (other.limit is None):
        return True
    pairs = [(one.rate, other.rate), (one.limit or 0.0, other.limit or 0.0)]
    return any(abs(a - b) > _NOTICEABLE * max(a, b) for a, b in pairs)
