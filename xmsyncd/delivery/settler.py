"""Step 6: outcomes are committed in groups, each with the calls it cost, before its slot is free again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from xmsyncd.delivery.parts import DeliveryParts
from xmsyncd.delivery.policy import decide_settlement
from xmsyncd.ledger import claims
from xmsyncd.ledger.views import Settlement, SettleReport
from xmsyncd.records import Claim, Outcome
from xmsyncd.steps import Step

_LARGEST_GROUP = 64


@dataclass(slots=True)
class _Pending:
    claim: Claim
    outcome: Outcome
    tries: int
    done: asyncio.Future[timedelta | None]


class Settler:
    """Groups the outcomes of all lanes of a pipeline into transactions.

    ``run`` is a task of the daemon; if the ledger fails it ends with that error, and whatever was not
    committed stays ``sending`` in the ledger, to be found undecided at the next start.
    """

    def __init__(self, parts: DeliveryParts) -> None:
        self._parts = parts
        self._queue: asyncio.Queue[_Pending] = asyncio.Queue()
        self._end: BaseException | None = None

    async def settle(self, claim: Claim, outcome: Outcome, *, tries: int) -> timedelta | None:
        """Hand over an outcome; returns once it is durable, with the pause it asks of its API.

        Raises ``RuntimeError`` where nobody settles any more: the record stays ``sending``.
        """
        if self._end is not None:
            raise RuntimeError(f"attempt {claim.attempt_id} cannot be settled") from self._end
        pending = _Pending(claim, outcome, tries, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(pending)
        return await pending.done

    async def run(self) -> None:
        """Commit group after group until cancelled."""
        while True:
            group: list[_Pending] = []
            try:
                group.append(await self._queue.get())
                while not self._queue.empty() and len(group) < _LARGEST_GROUP:
                    group.append(self._queue.get_nowait())
                await self._commit(group)
            except BaseException as error:
                self._end = error
                while not self._queue.empty():
                    group.append(self._queue.get_nowait())
                for pending in group:
                    if not pending.done.done():
                        pending.done.set_exception(error)
                        pending.done.exception()  # the task's own end is what stops the daemon
                raise

    async def _commit(self, group: list[_Pending]) -> None:
        now = self._parts.clock.now()
        decisions = [
            decide_settlement(
                pending.claim,
                pending.outcome,
                tries=pending.tries,
                now=now,
                rules=self._parts.rules,
                rng=self._parts.rng,
            )
            for pending in group
        ]
        settlements = [decision.settlement for decision in decisions]
        self._parts.step(Step.SETTLING)
        report = await self._parts.ledger.write(claims.settle, settlements, self._parts.meter(), now)
        self._tell(settlements, report)
        for pending, decision in zip(group, decisions, strict=True):
            if not pending.done.done():
                pending.done.set_result(decision.pause)

    def _tell(self, settlements: list[Settlement], report: SettleReport) -> None:
        events, pipeline = self._parts.events, self._parts.pipeline
        for settlement in settlements:
            events.attempt_settled(settlement)
        if report.convicted or report.acquitted:
            events.suspects_judged(pipeline, convicted=report.convicted, acquitted=report.acquitted)
        for stop in report.stopped:
            events.pipeline_stopped(pipeline, stop)
        for reason in report.cleared:
            events.pipeline_resumed(pipeline, reason)
