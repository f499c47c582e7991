"""All notifications of a daemon: robots, state changes, the daily digest, and Alertmanager's hook."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Final, Protocol

import aiohttp
from aiohttp import web

from xmsyncd.clock import Clock
from xmsyncd.errors import LedgerError
from xmsyncd.ledger import Ledger, notes
from xmsyncd.notify import changes, outbox
from xmsyncd.notify.changes import Problem, Told
from xmsyncd.notify.outbox import Notice, Outbox
from xmsyncd.notify.picture import (
    Condition,
    Kind,
    Limits,
    away_conditions,
    conditions,
    day,
    subject_of,
)
from xmsyncd.notify.receiver import AlertmanagerHook, HookEvents
from xmsyncd.notify.robot import Message, Robot
from xmsyncd.notify.sender import Sender, SenderEvents, say_at_once
from xmsyncd.notify.silence import Silence
from xmsyncd.notify.writing import Letterhead, change_notice, digest_notice
from xmsyncd.observe.labels import Api
from xmsyncd.observe.outages import VendorAway
from xmsyncd.observe.quota import Quota
from xmsyncd.settings import Settings
from xmsyncd.transport.session import open_session

_DIGEST_NOTE: Final = "notify.digest"

# A digest that is late by more is about another day.
_DIGEST_LATE: Final = timedelta(hours=6)
_DIGEST_SPAN: Final = timedelta(days=1)

_LAST_WORDS: Final = timedelta(seconds=5)
_DAEMON: Final = "xmsyncd"


class NotifierEvents(SenderEvents, HookEvents, Protocol):
    """Who is told what became of all this."""

    def declare_robot(self, robot: str) -> None: ...


class Notifier:
    """Its tasks never die of what fails inside: the synchronisation does not stand still for a message."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        session: aiohttp.ClientSession,
        *,
        clock: Clock,
        events: NotifierEvents,
        away: Callable[[], Sequence[VendorAway]] = tuple,
    ) -> None:
        self._chosen = chosen = settings.notify
        self._ledger = ledger
        self._clock = clock
        self._events = events
        self._pipelines = tuple(settings.pipelines)
        self._quotas = tuple(
            Quota(name, one.monthly_calls, one.reserve_calls) for name, one in settings.dingtalk.items()
        )
        self._away = away
        self._connections = tuple(
            subject_of(api, name)
            for api, of in ((Api.OKKI, settings.okki), (Api.DINGTALK, settings.dingtalk))
            for name in of
        )
        self._silence = Silence(
            {name: one.schedule for name, one in settings.pipelines.items()}, settings.zone
        )
        self._limits = Limits(chosen.failing_for, chosen.quota_ahead)
        self._head = letterhead(settings)
        self.senders = {
            name: Sender(
                Robot(name, one, session, clock=clock),
                ledger,
                a_minute=one.messages_per_minute,
                clock=clock,
                events=events,
            )
            for name, one in chosen.robots.items()
        }
        for name in self.senders:
            events.declare_robot(name)

    def routes(self) -> list[web.RouteDef]:
        """Alertmanager's hook, for the daemon's HTTP server."""
        token = self._chosen.hook_token
        return AlertmanagerHook(
            None if token is None else token.get_secret_value(),
            tuple(self.senders),
            self.keep,
            head=self._head,
            events=self._events,
        ).routes()

    async def keep(self, notices: Sequence[Notice], robots: Sequence[str]) -> None:
        """Put notices into outboxes, durably. Raises ``LedgerError``."""
        await self._ledger.write(_put, tuple(notices), tuple(robots), self._clock.now())
        for name in robots:
            self.senders[name].wake()

    async def run(self, stopping: asyncio.Event) -> None:
        """Send, and watch for changes, until asked to stop."""
        async with asyncio.TaskGroup() as group:
            for name, sender in self.senders.items():
                group.create_task(sender.run(stopping), name=f"robot {name}")
            group.create_task(self._watch(stopping), name="changes to tell")

    async def _watch(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - the edge: nobody's work may stop for a message
                self._events.troubled("changes to tell", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._chosen.every.total_seconds()):
                    await stopping.wait()

    async def look(self) -> int:
        """Tell what is new since the last look, in one transaction; returns how many notices that made."""
        if not self.senders:
            return 0
        number = await self._ledger.write(
            self._look, tuple(self._away()), self._clock.now(), self._clock.monotonic()
        )
        if number:
            for sender in self.senders.values():
                sender.wake()
        return number

    def _look(
        self, connection: sqlite3.Connection, away: tuple[VendorAway, ...], now: datetime, monotonic: float
    ) -> int:
        notices: list[Notice] = []
        if self._chosen.tells_changes:
            before = changes.load(connection)
            wrong = conditions(connection, self._pipelines, self._quotas, self._limits, now, before)
            wrong += away_conditions(away, before, now)
            wrong += self._silence.look(connection, before, now, monotonic)
            notices += self._changes(connection, before, wrong, now)
        digest = self._digest(connection, now)
        if digest is not None:
            notices.append(digest)
        if notices:
            _put(connection, tuple(notices), tuple(self.senders), now)
        return len(notices)

    def _changes(
        self,
        connection: sqlite3.Connection,
        before: Mapping[str, Told],
        wrong: Sequence[Condition],
        now: datetime,
    ) -> list[Notice]:
        # What is no longer configured has not recovered; it is forgotten.
        quotas = (quota.connection for quota in self._quotas)
        subjects = {*self._pipelines, *quotas, *self._connections, _DAEMON}
        known = {key: one for key, one in before.items() if one.subject in subjects}
        found, after = changes.decide(known, wrong, now, self._chosen.recovered_for)
        if after != before:
            changes.save(connection, after)
        return [change_notice(one, now, self._head) for one in found]

    def _digest(self, connection: sqlite3.Connection, now: datetime) -> Notice | None:
        if self._chosen.digest_at is None:
            return None
        last = notes.read(connection, _DIGEST_NOTE)
        due = digest_due(self._chosen.digest_at, self._head, last, now)
        if due is None:
            return None
        today, is_told = due
        notes.write(connection, _DIGEST_NOTE, today)
        if not is_told:
            return None
        since = now - _DIGEST_SPAN
        return digest_notice(
            day(connection, self._pipelines, self._quotas, since, now), since, now, self._head
        )

    async def died(self, reason: str) -> None:
        """The daemon is about to end for this reason: said at once, and once. Bounded; never raises.

        A recovery is told after the next start. Without the ledger the idempotency key alone, which is the
        same for an hour, keeps a daemon that is started again and again from saying it each time.
        """
        if not self._chosen.tells_changes:
            return
        now = self._clock.now()
        condition = Condition(Kind.DIED, _DAEMON, detail=reason)
        try:
            async with asyncio.timeout(_LAST_WORDS.total_seconds()):
                is_news = await self._ledger.write(_remember_death, condition, now)
        except (LedgerError, TimeoutError):
            is_news = True
        if is_news:
            robots = [sender.robot for sender in self.senders.values()]
            verdicts = await say_at_once(robots, death_message(condition, now, self._head), _LAST_WORDS)
            for robot, verdict in zip(robots, verdicts, strict=True):
                if verdict is not None:
                    self._events.message_answered(robot.name, 1, verdict, again=None)


async def tell_without_ledger(settings: Settings, reason: str, clock: Clock) -> None:
    """The daemon cannot start for want of its ledger: said as :meth:`Notifier.died` says it."""
    if not settings.notify.tells_changes:
        return
    message = death_message(Condition(Kind.DIED, _DAEMON, detail=reason), clock.now(), letterhead(settings))
    async with open_session() as session:
        robots = [Robot(name, one, session, clock=clock) for name, one in settings.notify.robots.items()]
        await say_at_once(robots, message, _LAST_WORDS)


def letterhead(settings: Settings) -> Letterhead:
    """What all messages of this configuration have in common."""
    return Letterhead(settings.zone, settings.notify.console_url, settings.notify.runbook_url)


def death_message(condition: Condition, now: datetime, head: Letterhead) -> Message:
    """The last words; the same key for the same reason within an hour."""
    notice = change_notice(Problem(condition), now, head)
    key = uuid.uuid5(uuid.NAMESPACE_OID, f"{condition.key} {condition.detail} {now:%Y-%m-%d %H}").hex
    return Message(key, notice.title, notice.text)


def digest_due(at: str, head: Letterhead, last: str | None, now: datetime) -> tuple[str, bool] | None:
    """Today's date once its hour has come and it was not dealt with, and whether it is told. Pure.

    Not told: the first day that this ledger knows, after its hour, and a day whose hour is long past.
    """
    local = now.astimezone(head.zone)
    hour, minute = at.split(":")
    today = f"{local:%Y-%m-%d}"
    due = datetime.combine(local.date(), time(int(hour), int(minute)), head.zone)
    if local < due:
        # Noted on the first day too, or a ledger that was opened before the hour would keep silent.
        return None if last is not None else (f"{local - timedelta(days=1):%Y-%m-%d}", False)
    if last is not None and last >= today:
        return None
    return today, last is not None and local - due <= _DIGEST_LATE


def _put(
    connection: sqlite3.Connection, notices: tuple[Notice, ...], robots: tuple[str, ...], now: datetime
) -> None:
    def add(box: Outbox) -> Outbox:
        return outbox.put(box, notices, now)

    for robot in robots:
        outbox.change(connection, robot, add)


def _remember_death(connection: sqlite3.Connection, condition: Condition, now: datetime) -> bool:
    """Whether it is news."""
    told = changes.load(connection)
    known = {key: one for key, one in told.items() if key == condition.key}
    found, after = changes.decide(known, [condition], now, timedelta())
    if after != known:
        changes.save(connection, {**told, **after})
    return bool(found)
