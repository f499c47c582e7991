"""One authorised call to Yida: token, judgement, and one repeat after a stale token (steps 4 and 5).

Whatever is sent, and however it ended, is told to the limiter of its API: there pace and pauses are kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from xmsyncd.clock import Clock, VendorClock
from xmsyncd.errors import CannotWorkError, RefusedError, ReserveSpentError, TryLaterError
from xmsyncd.flow.limiter import Limiter
from xmsyncd.records import Family
from xmsyncd.settings import DingtalkSettings
from xmsyncd.transport.classify import Judged, Verdict, classify, nobody_asks
from xmsyncd.transport.reply import Reply
from xmsyncd.transport.session import Call, Transport
from xmsyncd.yida import push_back, wire
from xmsyncd.yida.answers import has_succeeded, vendor_words
from xmsyncd.yida.auth import TokenFetcher
from xmsyncd.yida.codes import DEFAULTS, TABLES, UNMETERED_CODES, Table

Permit = Callable[[], Awaitable[None]]
"""Waits for leave to make one call."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call ended. ``reply`` is None where nothing was sent: there was no token, or a pause began."""

    verdict: Verdict
    reply: Reply | None
    calls: int
    """Calls that the vendor may have metered: a repeat counts, a documented free throttle does not."""


class YidaClient:
    """The calls of one DingTalk connection; safe to use from many tasks at once."""

    def __init__(
        self,
        settings: DingtalkSettings,
        *,
        name: str,
        transport: Transport,
        limiters: Mapping[str, Limiter],
        clock: Clock,
        judged: Judged = nobody_asks,
    ) -> None:
        self._name = name
        self._limiters = limiters
        self._address_block = settings.address_block
        self._transport = transport
        self._clock = clock
        self._judged = judged
        self._app_secret = settings.app_secret.get_secret_value()
        fetcher = TokenFetcher(
            settings,
            name=name,
            transport=transport,
            limiter=limiters[wire.TOKEN],
            clock=clock,
            judged=judged,
        )
        self._tokens = fetcher.source()
        self._their_clock = VendorClock(clock)

    @property
    def name(self) -> str:
        """The connection's name in the configuration."""
        return self._name

    @property
    def clock_offset(self) -> timedelta | None:
        """DingTalk's clock minus ours by its latest answer, good to a second; None before the first."""
        return self._their_clock.offset

    async def authenticate(self) -> None:
        """Have a token. Raises CannotWorkError, ThrottledError or TryLaterError."""
        await self._tokens.get()

    async def permit(self, endpoint: str) -> None:
        """Wait for leave to make one call of this API, with a token at hand.

        Raises what :meth:`authenticate` does, and ThrottledError at once in a pause of more than seconds.
        """
        push_back.refuse_long_pause(self._limiters[endpoint])
        await self._tokens.get()
        await self._limiters[endpoint].acquire()

    async def call(self, call: Call, *, table: Table, permit: Permit) -> Answer:
        """Send ``call``, which carries no token yet. The caller holds the permit of the first try.

        A stale token is renewed and the call repeated once, after ``permit()``; it had been refused at the
        gateway, so a create is safe to repeat. Never raises for what vendor or network do. ``permit`` may
        raise ``TryLaterError``, which becomes the verdict, or ``ReserveSpentError``, which is passed on.
        """
        calls = 0
        try:
            token = self._tokens.current or await self._tokens.get()
            reply, verdict = await self._try(call, token, table)
            calls += _metered(verdict)
            if verdict.family is Family.REAUTHENTICATE:
                token = await self._tokens.renew(token)
                await permit()
                reply, verdict = await self._try(call, token, table)
                calls += _metered(verdict)
                if verdict.family is Family.REAUTHENTICATE:
                    # Wrong credentials show when the token is fetched. A fresh token that is refused is
                    # the vendor's trouble: nothing was executed, and it may pass.
                    verdict = dataclasses.replace(verdict, family=Family.TRY_LATER)
        except ReserveSpentError:
            raise  # not the vendor's word, but the permit's
        except (CannotWorkError, RefusedError, TryLaterError) as error:
            return Answer(_verdict_without_token(error), None, calls)
        return Answer(verdict, reply, calls)

    async def _try(self, call: Call, token: str, table: Table) -> tuple[Reply | None, Verdict]:
        limiter = self._limiters[call.endpoint]
        if limiter.paused_for:
            return None, push_back.void(limiter)
        authorised = dataclasses.replace(call, headers={**call.headers, wire.TOKEN_HEADER: token})
        sent_at = limiter.sent()
        reply = await self._transport.send(authorised)
        if reply.server_time is not None:
            self._their_clock.learn(reply.server_time)
        if has_succeeded(reply, may_be_empty=table is Table.UPDATE):
            words = vendor_words(reply)
            verdict = Verdict(family=Family.DELIVERED, request_id=words.request_id)
            push_back.learn(limiter, sent_at, verdict)
            self._judged(call.endpoint, reply, verdict)
            return reply, verdict
        words = vendor_words(reply, (*self._tokens.recent, self._app_secret, *wire.secrets_in(call)))
        verdict = classify(reply, words, TABLES[table], DEFAULTS[table])
        verdict = push_back.with_wait(verdict, self._address_block)
        push_back.learn(limiter, sent_at, verdict)
        self._judged(call.endpoint, reply, verdict)
        return reply, verdict

    def note_unreadable(self, endpoint: str, reply: Reply, family: Family, code: str, message: str) -> None:
        """A success in another shape than the documented one, which only its reader can see."""
        self._judged(endpoint, reply, Verdict(family=family, code=code, message=message))


def _metered(verdict: Verdict) -> int:
    if verdict.family is Family.NOT_SENT:
        return 0
    return 0 if verdict.code.lower() in UNMETERED_CODES else 1


def _verdict_without_token(error: CannotWorkError | RefusedError | TryLaterError) -> Verdict:
    """Nothing was executed: a person is needed, or the record is due again later (also when it was the
    token endpoint that throttled: its pause is not one of the API that was to be called)."""
    stop_reason = error.reason if isinstance(error, CannotWorkError) else None
    return Verdict(
        family=Family.TRY_LATER if stop_reason is None else Family.STOP,
        code=error.code,
        message=str(error),
        request_id=error.request_id,
        wait=error.wait if isinstance(error, TryLaterError) else None,
        stop_reason=stop_reason,
    )
