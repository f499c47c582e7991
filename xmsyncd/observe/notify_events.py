"""What is counted and said about messages to robots; never their text, never an address."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog

from xmsyncd.observe.labels import HookRefusal, Notified, notified
from xmsyncd.observe.metrics import Metrics
from xmsyncd.observe.outages import Turns
from xmsyncd.transport.classify import Verdict

_log = structlog.get_logger(__name__)

_FOR_A_PERSON = (Notified.STOPPED, Notified.REFUSED)


class NotifyEvents:
    """For the event loop's thread only. The same trouble of a robot is told once in ``repeat_every``."""

    def __init__(self, metrics: Metrics, *, monotonic: Callable[[], float], repeat_every: timedelta) -> None:
        self._metrics = metrics
        self._monotonic = monotonic
        self._repeat_every = repeat_every
        self._turns: dict[tuple[str, Notified], Turns] = {}
        self._hook_turns = Turns(repeat_every)

    def declare_robot(self, robot: str) -> None:
        """Create the robot's label sets."""
        self._metrics.declare_robot(robot)

    def waiting(self, robot: str, notices: int) -> None:
        """How much a robot has still to say."""
        self._metrics.notices_waiting.labels(robot).set(notices)

    def message_answered(self, robot: str, notices: int, verdict: Verdict, *, again: float | None) -> None:
        """A message was sent; ``again``: in so many seconds the next try, ``None`` where none is needed."""
        result = notified(verdict.family)
        self._metrics.notifications.labels(robot, result).inc()
        if result is Notified.SENT:
            _log.info("robot_told", robot=robot, notices=notices)
            for (other, _), turns in self._turns.items():
                if other == robot:
                    turns.begin_again()
            return
        turns = self._turns.setdefault((robot, result), Turns(self._repeat_every))
        log = _log.error if result in _FOR_A_PERSON else _log.warning
        (log if turns.take(self._monotonic()) else _log.debug)(
            f"robot_{result}",
            robot=robot,
            notices=notices,
            code=verdict.code,
            message=verdict.message,
            **({} if again is None else {"again_seconds": round(again)}),
        )

    def alerts_received(self, alerts: int, receiver: str) -> None:
        """Alertmanager delivered a webhook."""
        _log.debug("alerts_received", alerts=alerts, receiver=receiver)

    def hook_refused(self, refusal: HookRefusal, reason: str) -> None:
        """Somebody called the hook who may not, or with what is no webhook of Alertmanager."""
        self._metrics.hooks_refused.labels(refusal).inc()
        (_log.warning if self._hook_turns.take(self._monotonic()) else _log.debug)(
            "hook_refused", refusal=refusal, reason=reason
        )

    def troubled(self, what: str, error: BaseException) -> None:
        """Something of the notifications failed; the synchronisation goes on."""
        turns = self._turns.setdefault((what, Notified.PUT_OFF), Turns(self._repeat_every))
        (_log.error if turns.take(self._monotonic()) else _log.debug)(
            "notify_troubled", what=what, error=f"{type(error).__name__}: {error}"
        )
