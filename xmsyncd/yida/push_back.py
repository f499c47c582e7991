"""What the end of a call says about the pace that DingTalk allows (step 4)."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Final

from xmsyncd.errors import ThrottledError
from xmsyncd.flow.limiter import Limiter
from xmsyncd.records import VOID_PERMIT, Family
from xmsyncd.transport.classify import Verdict
from xmsyncd.yida.codes import IP_BLOCK, SECOND

_LONGEST_WAIT: Final = timedelta(seconds=10)
"""A longer pause is the caller's to know about: reads are put off, people not kept waiting."""


def blocks_address(verdict: Verdict) -> bool:
    """Whether the address is blocked, not only this API: whatever is sent from here is refused then."""
    return verdict.family is Family.THROTTLED and verdict.rule is not None and verdict.rule.wait == IP_BLOCK


def with_wait(verdict: Verdict, address_block: timedelta) -> Verdict:
    """A throttle with the time to wait: as told, else as set for a blocked address, else a second."""
    if verdict.family is not Family.THROTTLED:
        return verdict
    if blocks_address(verdict) and verdict.wait == IP_BLOCK:
        return dataclasses.replace(verdict, wait=address_block)
    return verdict if verdict.wait is not None else dataclasses.replace(verdict, wait=SECOND)


def learn(limiter: Limiter, sent_at: float, verdict: Verdict) -> None:
    """Tell the limiter; an answer that was lost says nothing."""
    match verdict.family:
        case Family.NOT_SENT:
            limiter.unsent(sent_at)
        case Family.THROTTLED:
            limiter.refused(
                sent_at,
                wait=verdict.wait or SECOND,
                code=verdict.code,
                blocks_address=blocks_address(verdict),
            )
        case Family.UNDECIDED:
            pass
        case _:
            limiter.accepted()


def void(limiter: Limiter) -> Verdict:
    """A permit is void once a pause has begun: nothing was sent."""
    return Verdict(family=Family.NOT_SENT, code=VOID_PERMIT, message="a pause began", wait=limiter.paused_for)


def refuse_long_pause(limiter: Limiter) -> None:
    """Raises ThrottledError with what is left of a long pause."""
    left = limiter.paused_for
    if left > _LONGEST_WAIT:
        name = limiter.name
        raise ThrottledError(
            f"{name.connection}: Yida's {name.endpoint} call: paused for another {left.total_seconds():.0f} s"
            + (f" ({limiter.pause_code})" if limiter.pause_code else ""),
            wait=left,
            connection=name.connection,
            endpoint=name.endpoint,
            code=limiter.pause_code,
        )
