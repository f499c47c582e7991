"""What is counted and said about calls to a vendor: their ends, what those mean, outages, unknown answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog

from xmsyncd.observe.labels import ALL_ENDPOINTS, ENDPOINTS, LIMITS, Api
from xmsyncd.observe.metrics import Metrics, known
from xmsyncd.observe.outages import OutageLine, OutageStage, Turns, VendorAway
from xmsyncd.observe.teller import Teller
from xmsyncd.observe.unknown_answers import Telling, UnknownAnswers
from xmsyncd.records import Family
from xmsyncd.transport.classify import Verdict
from xmsyncd.transport.reply import Reply
from xmsyncd.transport.session import CallResult
from xmsyncd.yida import wire

_log = structlog.get_logger(__name__)

_LONG_PAUSE_SECONDS = 60

# What an answer says of the vendor: that it is in trouble, or that it is there. A stale token says neither.
_IN_TROUBLE = (Family.NOT_SENT, Family.THROTTLED, Family.TRY_LATER, Family.UNDECIDED)
_IS_THERE = (Family.DELIVERED, Family.REFUSED, Family.GONE, Family.STOP)

_OUTAGE_EVENTS = {
    OutageStage.HICCUP: "calls_failed",
    OutageStage.AWAY: "vendor_away",
    OutageStage.STILL_AWAY: "vendor_still_away",
    OutageStage.BACK: "vendor_back",
}


def _say_outage(api: str, connection: str, line: OutageLine) -> None:
    if line.needs_a_person:
        log = _log.error
    elif line.stage in (OutageStage.AWAY, OutageStage.STILL_AWAY):
        log = _log.warning
    else:
        log = _log.info
    log(
        _OUTAGE_EVENTS[line.stage],
        connection=connection,
        api=api,
        endpoints=list(line.endpoints),
        seconds=round(line.seconds, 3),
        failed=line.failed,
        causes=dict(line.causes),
    )


class CallTeller(Teller):
    """Implements ``CallObserver``: the vendors' side."""

    def __init__(self, metrics: Metrics, monotonic: Callable[[], float], repeat_every: timedelta) -> None:
        super().__init__(metrics, monotonic, repeat_every)
        self._unknown = UnknownAnswers()
        self._pauses: dict[tuple[str, str, str, bool], Turns] = {}

    def vendors_away(self) -> list[VendorAway]:
        """The vendors with whom calls fail at this moment, as far as calls have told."""
        return self._outages.away(self._monotonic())

    def _say_outages_due(self) -> None:
        for (api, connection), line in self._outages.due(self._monotonic()):
            _say_outage(api, connection, line)

    def call_done(self, connection: str, api: str, endpoint: str, result: str, seconds: float) -> None:
        """One HTTP call ended; ``result`` is a :class:`CallResult`."""
        of = known(api, Api)
        endpoint = known(endpoint, ENDPOINTS[Api(of)]) if of in tuple(Api) else known(endpoint, ())
        result = known(result, CallResult)
        self._metrics.http_requests.labels(connection, of, endpoint, result).inc()
        self._metrics.http_request_duration.labels(connection, of, endpoint).observe(seconds)
        _log.debug(
            "call_done",
            connection=connection,
            api=of,
            endpoint=endpoint,
            result=result,
            seconds=round(seconds, 4),
        )

    def answer_judged(self, connection: str, api: str, endpoint: str, reply: Reply, verdict: Verdict) -> None:
        """What came back from a call, and what it means; outages are seen here, and unknown answers."""
        of = known(api, Api)
        label = known(endpoint, ENDPOINTS[Api(of)]) if of in tuple(Api) else known(endpoint, ())
        self._metrics.answers.labels(connection, of, label, verdict.family).inc()
        if verdict.family is Family.THROTTLED:
            limit = ALL_ENDPOINTS if of == Api.OKKI else label
            self._metrics.throttled.labels(connection, of, limit).inc()
        _log.debug(
            "answer_judged",
            connection=connection,
            api=of,
            endpoint=label,
            family=verdict.family,
            code=verdict.code,
            message=verdict.message,
            request_id=verdict.request_id,
        )
        key, now = (of, connection), self._monotonic()
        line = None
        if verdict.family in _IN_TROUBLE:
            cause = verdict.code or f"HTTP {reply.status}"
            line = self._outages.failed(key, endpoint, cause, now)
        elif verdict.family in _IS_THERE:
            line = self._outages.answered(key, endpoint, now, token=wire.TOKEN)
        if line is not None:
            _say_outage(of, connection, line)
        if verdict.is_unknown:
            self._metrics.unknown_answers.labels(connection, of, label).inc()
            self._unknown_answer(connection, of, endpoint, reply, verdict)

    def _unknown_answer(
        self, connection: str, api: str, endpoint: str, reply: Reply, verdict: Verdict
    ) -> None:
        telling = self._unknown.seen(connection, api, endpoint, verdict.code)
        if telling is Telling.KNOWN:
            return
        _log.warning(
            "unknown_answer",
            connection=connection,
            api=api,
            endpoint=endpoint,
            status=reply.status,
            code=verdict.code,
            message=verdict.message,
            request_id=verdict.request_id,
            taken_as=verdict.family,
            **({"further_ones": "are only counted"} if telling is Telling.TELL_AS_LAST else {}),
        )

    def api_paused(
        self, connection: str, api: str, seconds: float, code: str, endpoint: str = ALL_ENDPOINTS
    ) -> None:
        """A vendor throttled a call and that interface rests; the call was counted as it was judged."""
        of = known(api, Api)
        endpoint = known(endpoint, (ALL_ENDPOINTS, *LIMITS[Api(of)])) if of in tuple(Api) else ALL_ENDPOINTS
        # The vendor's short pauses are daily business; minutes of silence are not.
        is_long = seconds >= _LONG_PAUSE_SECONDS
        turns = self._pauses.setdefault((connection, of, endpoint, is_long), Turns(self._repeat_every))
        if not turns.take(self._monotonic()):
            log = _log.debug
        else:
            turns.begin_again()
            log = _log.warning if is_long else _log.info
        log(
            "api_paused",
            connection=connection,
            api=of,
            endpoint=endpoint,
            seconds=round(seconds, 3),
            code=code,
        )
