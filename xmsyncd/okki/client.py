"""Reads from OKKI: one request at a time, at its pace, tried again where that may help (step 1)."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import random as random_module
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from xmsyncd.clock import Clock, VendorClock
from xmsyncd.errors import CannotWorkError, RefusedError, ThrottledError, TryLaterError
from xmsyncd.flow.backoff import jittered_delay
from xmsyncd.flow.limiter import Limiter
from xmsyncd.heartbeat import waiting
from xmsyncd.okki.auth import TOKEN_ENDPOINT, TokenFetcher, TokenRefusedError
from xmsyncd.okki.codes import DEFAULT, READS, UNREADABLE
from xmsyncd.okki.failures import (
    DETAIL_ENDPOINT,
    FIELDS_ENDPOINT,
    GROUPS_ENDPOINT,
    LIST_ENDPOINT,
    Failures,
)
from xmsyncd.okki.fields import dictionary_from
from xmsyncd.okki.groups import GroupTree
from xmsyncd.okki.resources import PRODUCT, Resource, check_allowed
from xmsyncd.okki.wire import (
    Envelope,
    Page,
    UnreadableAnswerError,
    id_from,
    page_from,
    parse_envelope,
    words_of_reply,
)
from xmsyncd.records import Family, SourceId, StopReason
from xmsyncd.settings import OkkiSettings
from xmsyncd.transform.custom_fields import FieldDictionary
from xmsyncd.transform.depth import is_too_deep
from xmsyncd.transport.classify import Judged, Verdict, classify, nobody_asks
from xmsyncd.transport.reply import Reply
from xmsyncd.transport.session import Call, Transport
from xmsyncd.transport.token import TokenSource

__all__ = ["OkkiClient", "Page"]

_T = TypeVar("_T")

_RETRY_BASE: Final = timedelta(seconds=1)
_RETRY_CAP: Final = timedelta(seconds=30)
_THROTTLE_PAUSE: Final = timedelta(seconds=1)  # where OKKI throttles without telling for how long
_LONGEST_WAIT: Final = timedelta(minutes=2)  # inside a read; a longer one is the caller's to know about
# `now` and the Date header come from one machine: an hour apart, `now` is not in the configured zone.
_ZONE_DOUBT: Final = timedelta(hours=1)


class OkkiClient:
    """One connection to OKKI. All methods may be called from many tasks; requests go out one at a time.

    A read is tried up to ``settings.tries`` times. Then, or where trying again cannot help, it raises

    - ``TryLaterError`` (network, time-out, 5xx, not JSON) or ``ThrottledError``; at once where OKKI asks for
      more than two minutes of silence, which the limiter then keeps;
    - ``CannotWorkError`` for credentials, permission or a list that OKKI refuses altogether;
    - ``RefusedError`` for one product that it refuses.

    An answer that no table knows, or a success in another shape than the documented one, is tried later.
    """

    def __init__(
        self,
        settings: OkkiSettings,
        *,
        name: str,
        transport: Transport,
        limiter: Limiter,
        clock: Clock,
        random: random_module.Random,
        timezone: ZoneInfo,
        judged: Judged = nobody_asks,
    ) -> None:
        self._settings = settings
        self._name = name
        self._transport = transport
        self._limiter = limiter
        self._sent_at = 0.0  # of the one call on its way
        self._requests: Counter[str] = Counter()
        self._is_silent = False
        self._clock = clock
        self._random = random
        self._timezone = timezone
        self._judged = judged
        self._success_codes = frozenset(settings.success_codes)
        self._one_at_a_time = asyncio.Lock()
        self._their_clock = VendorClock(clock)
        self._tokens = TokenSource(
            TokenFetcher(settings, send=self._send, clock=clock).fetch,
            renew_before=settings.token_renew_before,
            clock=clock,
        )
        self._failures = Failures(name, self._secrets)

    @property
    def name(self) -> str:
        """The connection's name in the configuration."""
        return self._name

    @property
    def timezone(self) -> ZoneInfo:
        """The zone of OKKI's times."""
        return self._timezone

    @property
    def clock_offset(self) -> timedelta | None:
        """OKKI's clock minus ours, by the latest answer that told it (``now``, else the ``Date`` header).

        Both are cut to whole seconds and arrive late, so it errs towards OKKI being behind.
        """
        return self._their_clock.offset

    @property
    def server_now(self) -> datetime | None:
        """OKKI's time now, carried on from its latest answer; no step of our wall clock moves it."""
        return self._their_clock.now

    def counting(self, requests: Counter[str]) -> OkkiClient:
        """This very client, lock, token and pace included, whose requests are also counted, by endpoint.

        Those for a token are not: whoever needs one next fetches it for all.
        """
        view = copy.copy(self)
        view._requests = requests
        return view

    def silent(self) -> OkkiClient:
        """This client, but one that asks nothing: every question is a ``CannotWorkError`` that says so."""
        view = copy.copy(self)
        view._is_silent = True
        return view

    async def authenticate(self) -> None:
        """See that a token can be had."""

        async def once() -> None:
            async with self._turn():
                await self._token(None)

        await self._tried(once)

    async def fetch_page(
        self,
        resource: Resource,
        params: Mapping[str, str],
        *,
        list_key: str = "list",
        total_keys: Sequence[str] = ("count", "totalItem", "total"),
    ) -> Page:
        """One page of a list. Nothing is added to ``params``."""

        def opened(envelope: Envelope) -> Page:
            return page_from(
                envelope,
                timezone=self._timezone,
                list_key=list_key,
                total_keys=total_keys,
                id_field=resource.id_field,
                updated_field=resource.updated_field,
            )

        return await self._read(resource.path, LIST_ENDPOINT, params, opened)

    async def fetch_envelope(
        self, resource: Resource, params: Mapping[str, str], *, tries: int | None = None
    ) -> Envelope:
        """The answer of a list as it came, for those who ask about the answer itself.

        ``tries`` may be fewer than the connection's, for a question that is expected to be refused.
        """
        return await self._read(resource.path, LIST_ENDPOINT, params, lambda envelope: envelope, tries)

    async def fetch_detail(self, resource: Resource, source_id: SourceId) -> Mapping[str, Any]:
        """One item in full. Raises ``RefusedError`` when OKKI does not have it (any more)."""

        def opened(envelope: Envelope) -> Mapping[str, Any]:
            data = envelope.data
            if data is None or data == [] or data == {}:
                raise self._failures.refused(DETAIL_ENDPOINT, f"no {resource.name} with this id", code="404")
            if not isinstance(data, Mapping):
                raise UnreadableAnswerError(f"the detail is no object but {type(data).__name__}")
            shown_id = id_from(data.get(resource.id_field))
            if shown_id is not None and shown_id != source_id:
                raise UnreadableAnswerError("the detail is that of another id")
            if is_too_deep(data):
                raise self._failures.refused(DETAIL_ENDPOINT, "the detail is nested too deeply", code="depth")
            return data

        return await self._read(resource.detail_path, DETAIL_ENDPOINT, {resource.id_field: source_id}, opened)

    async def find_by_number(self, resource: Resource, number: str) -> Mapping[str, Any] | None:
        """The item with this business number in full; ``None`` where OKKI shows none, or another one.

        Numbers are not unique at OKKI; which of several it shows is its own choice. Where the list's detail
        cannot be asked for by number, nothing is asked and nothing found.
        """
        if not resource.detail_path or not resource.detail_by_number:
            return None

        def opened(envelope: Envelope) -> Mapping[str, Any] | None:
            return envelope.data if isinstance(envelope.data, Mapping) and envelope.data else None

        try:
            found = await self._read(
                resource.detail_path, DETAIL_ENDPOINT, {resource.number_field: number}, opened
            )
        except RefusedError:
            return None
        return found if found and str(found.get(resource.number_field, "")).strip() == number else None

    async def fetch_groups(self, resource: Resource = PRODUCT) -> GroupTree:
        """The whole tree of product groups. An empty one is returned as such: the caller judges it."""

        def opened(envelope: Envelope) -> GroupTree:
            try:
                return GroupTree.from_payload(envelope.data)
            except ValueError as error:
                raise UnreadableAnswerError(str(error)) from error

        return await self._read(resource.groups_path, GROUPS_ENDPOINT, {}, opened)

    async def fetch_fields(self, resource: Resource = PRODUCT) -> FieldDictionary:
        """The dictionary of all fields, the custom ones included."""

        def opened(envelope: Envelope) -> FieldDictionary:
            try:
                return dictionary_from(envelope.data)
            except ValueError as error:
                raise UnreadableAnswerError(str(error)) from error

        return await self._read(resource.fields_path, FIELDS_ENDPOINT, {}, opened)

    async def _read(
        self,
        path: str,
        endpoint: str,
        params: Mapping[str, str],
        opened: Callable[[Envelope], _T],
        most_tries: int | None = None,
    ) -> _T:
        check_allowed("GET", path)
        renewed = False

        async def once() -> _T:
            nonlocal renewed
            async with self._turn():
                token = await self._token(None)
                while True:
                    reply, envelope, verdict = await self._ask(path, endpoint, params, token)
                    if verdict.family is Family.DELIVERED:
                        return self._opened(endpoint, reply, envelope, opened)
                    if verdict.family is not Family.REAUTHENTICATE or renewed:
                        raise self._failures.of(endpoint, verdict)
                    renewed = True
                    token = await self._token(token)

        return await self._tried(once, most_tries)

    async def _ask(
        self, path: str, endpoint: str, params: Mapping[str, str], token: str
    ) -> tuple[Reply, Envelope, Verdict]:
        """One request. A success is told by :meth:`_opened`, which alone sees its shape."""
        headers = {"Authorization": self._settings.auth_prefix + token}
        reply = await self._send(Call("GET", path, endpoint, params=params, headers=headers))
        envelope = parse_envelope(reply.body, self._success_codes, self._timezone)
        envelope = replace(envelope, server_now=_server_time(reply, envelope), told_now=envelope.server_now)
        if envelope.server_now is not None:
            self._their_clock.learn(envelope.server_now)
        if reply.status is not None and 200 <= reply.status < 300 and envelope.ok:
            self._limiter.accepted()
            return reply, envelope, Verdict(Family.DELIVERED)
        verdict = classify(reply, words_of_reply(reply, self._failures.mask), READS, DEFAULT)
        self._learn_pace(reply, verdict)
        self._judged(endpoint, reply, verdict)
        return reply, envelope, verdict

    def _opened(
        self, endpoint: str, reply: Reply, envelope: Envelope, opened: Callable[[Envelope], _T]
    ) -> _T:
        try:
            content = opened(envelope)
        except UnreadableAnswerError as error:
            self._judged(endpoint, reply, Verdict(Family.TRY_LATER, code=UNREADABLE, message=str(error)))
            raise self._failures.unreadable(endpoint, str(error)) from error
        self._judged(endpoint, reply, Verdict(Family.DELIVERED))
        return content

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One's own turn: one request at a time. However long the others take, that is their standstill."""
        with waiting():
            await self._one_at_a_time.acquire()
        try:
            yield
        finally:
            self._one_at_a_time.release()

    async def _send(self, call: Call) -> Reply:
        """One request with its own permit. The caller holds the lock."""
        left = self._limiter.paused_for
        if left > _LONGEST_WAIT:
            message = f"asked for silence, {left.total_seconds():.0f} s of it are left"
            raise self._failures.throttled(call.endpoint, message, wait=left)
        await self._limiter.acquire()
        self._sent_at = self._limiter.sent()
        self._requests[call.endpoint] += 1
        reply = await self._transport.send(call)
        if self._their_clock.now is None and reply.server_time is not None:
            # Also from the token's answer: the first window's end depends on it.
            self._their_clock.learn(reply.server_time)
        return reply

    def _learn_pace(self, reply: Reply, verdict: Verdict) -> None:
        """What a call that did not succeed says about the pace; the caller holds the lock."""
        if verdict.family is Family.THROTTLED:
            wait = verdict.wait or _THROTTLE_PAUSE
            # A gateway's 429 says nothing more; whoever looks at the pause wants a word for it all the same.
            self._limiter.refused(self._sent_at, wait=wait, code=verdict.code or f"HTTP {reply.status}")
        elif verdict.family is Family.NOT_SENT:
            self._limiter.unsent(self._sent_at)

    async def _token(self, stale: str | None) -> str:
        """The token, or another one than ``stale``. The caller holds the lock, so fetching it is in turn."""
        try:
            return await (self._tokens.get() if stale is None else self._tokens.renew(stale))
        except TokenRefusedError as error:
            words = words_of_reply(error.reply, self._failures.mask)
            verdict = classify(error.reply, words, READS, DEFAULT)
            self._learn_pace(error.reply, verdict)
            self._judged(TOKEN_ENDPOINT, error.reply, verdict)
            raise self._failures.of(TOKEN_ENDPOINT, verdict) from None

    async def _tried(self, once: Callable[[], Awaitable[_T]], most_tries: int | None = None) -> _T:
        """Run ``once`` until it succeeds, fails for good, or the tries are used up."""
        if self._is_silent:
            message = "OKKI is not asked here, and something is needed that only it can tell"
            raise CannotWorkError(message, reason=StopReason.CONFIGURATION, connection=self._name)
        most = most_tries or self._settings.tries
        tries = 1
        while True:
            try:
                return await once()
            except TryLaterError as error:
                wait = error.wait
                if wait is None:
                    wait = self._delay(tries)
                    if isinstance(error, ThrottledError):
                        wait += _THROTTLE_PAUSE
                if error.wait is not None or isinstance(error, ThrottledError):
                    self._limiter.pause(wait, error.code)  # for everybody on this connection
                if tries >= most or wait > _LONGEST_WAIT:
                    raise
                with waiting():
                    await self._clock.sleep(wait.total_seconds())
            tries += 1

    def _secrets(self) -> tuple[str, ...]:
        configured = (self._settings.client_secret, self._settings.password)
        return (*(one.get_secret_value() for one in configured if one), *self._tokens.recent)

    def _delay(self, tries: int) -> timedelta:
        return jittered_delay(tries, _RETRY_BASE, _RETRY_CAP, self._random)


def _server_time(reply: Reply, envelope: Envelope) -> datetime | None:
    """OKKI's time by this answer: the earlier of the envelope's ``now`` and the ``Date`` header.

    Hours apart, ``now`` is of another zone than configured, and the header alone counts.
    """
    theirs, header = envelope.server_now, reply.server_time
    if theirs is None or header is None:
        return theirs or header
    return header if abs(theirs - header) > _ZONE_DOUBT else min(theirs, header)
