"""The access token of one DingTalk application (step 4: nothing is sent without it).

Fetching is free of quota but throttled (vendor doc), so a fetch that failed is not repeated at once by the
next of many workers: for a moment the failure answers for it.
"""

from __future__ import annotations

from datetime import timedelta

from xmsyncd.clock import Clock
from xmsyncd.flow.limiter import Limiter
from xmsyncd.records import Family
from xmsyncd.settings import DingtalkSettings
from xmsyncd.transport.classify import Judged, Verdict, classify, nobody_asks
from xmsyncd.transport.reply import Reply
from xmsyncd.transport.session import Transport
from xmsyncd.transport.token import TokenSource
from xmsyncd.yida import push_back, wire
from xmsyncd.yida.answers import UnreadableError, has_succeeded, token_of, vendor_words
from xmsyncd.yida.codes import DEFAULTS, TABLES, UNREADABLE, Table
from xmsyncd.yida.failures import error_of

HOLD_SECONDS = 1.0
"""How long a failure stands for further fetches where the vendor told no time."""


class TokenFetcher:
    """Asks DingTalk for the token; :meth:`source` is what callers use."""

    def __init__(
        self,
        settings: DingtalkSettings,
        *,
        name: str,
        transport: Transport,
        limiter: Limiter,
        clock: Clock,
        judged: Judged = nobody_asks,
    ) -> None:
        self._settings = settings
        self._name = name
        self._transport = transport
        self._limiter = limiter
        self._clock = clock
        self._judged = judged
        self._failure: Verdict | None = None
        self._failure_holds_until = 0.0

    def source(self) -> TokenSource:
        """One token for everybody, renewed before its end."""
        return TokenSource(self.fetch, renew_before=self._settings.token_renew_before, clock=self._clock)

    async def fetch(self) -> tuple[str, timedelta]:
        """Token and life time. Raises CannotWorkError, ThrottledError or TryLaterError."""
        if self._failure is not None and self._clock.monotonic() < self._failure_holds_until:
            raise error_of(self._failure, connection=self._name, endpoint=wire.TOKEN)
        push_back.refuse_long_pause(self._limiter)
        await self._limiter.acquire()
        sent_at = self._limiter.sent()
        reply = await self._transport.send(wire.token_call(self._settings))
        if has_succeeded(reply):
            try:
                token = token_of(reply.body)
            except UnreadableError as error:
                verdict = Verdict(family=Family.TRY_LATER, code=UNREADABLE, message=str(error))
            else:
                self._failure = None
                self._limiter.accepted()
                self._judged(wire.TOKEN, reply, Verdict(family=Family.DELIVERED))
                return token
        else:
            verdict = self._judge(reply)
            push_back.learn(self._limiter, sent_at, verdict)
        self._judged(wire.TOKEN, reply, verdict)
        self._failure = verdict
        hold = HOLD_SECONDS if verdict.wait is None else verdict.wait.total_seconds()
        self._failure_holds_until = self._clock.monotonic() + hold
        raise error_of(verdict, connection=self._name, endpoint=wire.TOKEN)

    def _judge(self, reply: Reply) -> Verdict:
        words = vendor_words(reply, [self._settings.app_secret.get_secret_value()])
        verdict = classify(reply, words, TABLES[Table.TOKEN], DEFAULTS[Table.TOKEN])
        return push_back.with_wait(verdict, self._settings.address_block)
