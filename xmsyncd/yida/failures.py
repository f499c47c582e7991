"""From a verdict to the error that a read raises (step 5); writes return outcomes instead."""

from __future__ import annotations

from xmsyncd.errors import CannotWorkError, RefusedError, ThrottledError, TryLaterError
from xmsyncd.records import Family, StopReason
from xmsyncd.transport.classify import Verdict


def error_of(
    verdict: Verdict, *, connection: str, endpoint: str
) -> CannotWorkError | RefusedError | TryLaterError:
    """The error for a verdict other than DELIVERED.

    STOP is CannotWorkError, REFUSED and GONE are RefusedError, THROTTLED is ThrottledError; everything else
    (not sent, lost, an unknown answer) is TryLaterError, since a read may be repeated.
    """
    words = " ".join(part for part in (verdict.code, verdict.message) if part)
    message = f"{connection}: Yida's {endpoint} call: {words}"
    match verdict.family:
        case Family.STOP:
            return CannotWorkError(
                message,
                reason=verdict.stop_reason or StopReason.CONFIGURATION,
                connection=connection,
                endpoint=endpoint,
                code=verdict.code,
                request_id=verdict.request_id,
            )
        case Family.REFUSED | Family.GONE:
            return RefusedError(
                message,
                connection=connection,
                endpoint=endpoint,
                code=verdict.code,
                request_id=verdict.request_id,
            )
        case _:
            kind = ThrottledError if verdict.family is Family.THROTTLED else TryLaterError
            return kind(
                message,
                wait=verdict.wait,
                connection=connection,
                endpoint=endpoint,
                code=verdict.code,
                request_id=verdict.request_id,
            )
