"""``adopt``: instances that are in the form become those of their records, before anything is sent."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.delivery.look_policy import folded
from xmsyncd.errors import CycleError, StoppedError
from xmsyncd.ledger import adopting, differences, instances, pipelines
from xmsyncd.ledger.adopting import Stray
from xmsyncd.ledger.cycles import CycleResult
from xmsyncd.ledger.differences import Difference, DifferenceKind
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.states import ParkReason
from xmsyncd.operations.approve import guard_rules
from xmsyncd.operations.exit_status import BusyError
from xmsyncd.operations.form_reading import FormReading, calls_for
from xmsyncd.operations.reconcile import ENDED, extra
from xmsyncd.operations.runtime import PipelineRuntime, Runtime
from xmsyncd.records import Found, InstanceId, RecordId, StopReason
from xmsyncd.settings import OnChange

ROWS = 1000
"""Lines of each list that a result carries."""

_TICK = timedelta(milliseconds=200)
# Beyond the time-out of the calls on their way: settling them.
_AROUND_A_CALL = timedelta(seconds=5)
_AT_ONCE = 200


@dataclass(slots=True)
class _Sum:
    """What all pages came to."""

    adopted: int = 0
    known: int = 0
    refreshed: int = 0
    in_form: int = 0
    unreadable: int = 0
    doubles: list[Stray] = field(default_factory=list)
    undecided: list[Stray] = field(default_factory=list)
    unmatched: list[Stray] = field(default_factory=list)
    ambiguous: list[tuple[str, Stray]] = field(default_factory=list)
    gone: int = 0
    held: int = 0


async def adopt(
    runtime: Runtime, pipeline: PipelineRuntime, *, yes: bool, is_heard: bool = True
) -> AsyncGenerator[dict[str, Any]]:
    """Yields progress (``{"phase": "cost" | "pause" | "read" | "scan" | "match", …}``), at last ``"done"``.

    Delivery is paused durably from the first step to the last; an interruption leaves it paused, and asking
    again goes on: everything is safe to repeat. Cycles must be running. Raises ``CycleError`` where OKKI
    could not be read completely or the form does not hold still, ``ScarceQuotaError``, ``BusyError``,
    and the errors of a read; delivery then stays paused. Unless ``is_heard``, no log tells of the pause.
    """
    if pipeline.form_in_use.locked():
        raise BusyError(f"the form of pipeline {pipeline.name} is being read already; ask again in a moment")
    async with pipeline.form_in_use:
        one = _Adoption(runtime, pipeline, is_heard=is_heard)
        async for told in one.run(yes=yes):
            yield told


class _Adoption:
    def __init__(self, runtime: Runtime, pipeline: PipelineRuntime, *, is_heard: bool) -> None:
        self._runtime = runtime
        self._is_heard = is_heard
        self._ledger = runtime.ledger
        self._pipeline = pipeline
        self._name = pipeline.name
        self._keeps = pipeline.settings.target.on_change is OnChange.IGNORE
        self._reading = FormReading(runtime, pipeline, may_use_all=True)
        self._sum = _Sum()

    async def run(self, *, yes: bool) -> AsyncIterator[dict[str, Any]]:
        room = await self._reading.afford(1, f"adopting for {self._name}", yes=True)
        first = await self._pipeline.target.count_instances()
        needed = calls_for(first) + 1
        room = await self._reading.afford(needed, f"adopting {first:,} instances", yes=yes)
        yield {
            "phase": "cost",
            "pipeline": self._name,
            "instances": first,
            "calls": needed,
            "left": None if room is None else room.left,
        }
        await self._pause()
        yield {"phase": "pause", "pipeline": self._name}
        async for told in self._read_okki():
            yield told
        await self._wait_for_calls()
        await self._wait_for_the_index()
        seen: frozenset[InstanceId] = frozenset()
        is_complete = False
        scan = self._reading.scan(settled=True)
        ended: list[Found] = []
        async for page in scan.pages():
            # What was broken off comes last: where another instance holds its key, that one is the product's.
            ended += (row for row in page.rows if row.status.upper() in ENDED)
            await self._take([row for row in page.rows if row.status.upper() not in ENDED])
            self._sum.unreadable += page.unreadable
            self._sum.in_form, is_complete = page.total, page.is_complete
            yield {"phase": "scan", "pipeline": self._name, "done": page.seen, "total": page.total}
        seen = scan.seen
        if not is_complete:
            raise CycleError(
                f"the form of {self._name} changed while it was read, or shows fewer instances than it "
                f"counts ({len(seen):,} of {self._sum.in_form:,}): run adopt again when nobody works in it; "
                "delivery stays paused"
            )
        for start in range(0, len(ended), _AT_ONCE):
            await self._take(ended[start : start + _AT_ONCE])
        async for told in self._match_the_rest(seen):
            yield told
        await self._guard_updates()
        yield await self._finish()

    async def _pause(self) -> None:
        now = self._runtime.clock.now()
        if await self._ledger.write(adopting.begin, self._name, now):
            stop = (await self._ledger.read(pipelines.view, self._name)).stop
            if stop is not None and self._is_heard:
                self._pipeline.told.pipeline_stopped(self._name, stop)

    async def _read_okki(self) -> AsyncIterator[dict[str, Any]]:
        """Everything, so that each product that has an instance has a record to bind it to."""
        asked = self._pipeline.loop.ask(CycleRequest(full=True))
        while not asked.report.done():
            self._go_on()
            await asyncio.wait({asked.report}, timeout=_TICK.total_seconds())
            progress = asked.progress
            yield {
                "phase": "read",
                "pipeline": self._name,
                "done": progress.read,
                "total": progress.total,
            }
        if asked.report.cancelled():
            raise StoppedError(
                "adopt was cut short; delivery stays paused, and adopt goes on when asked again"
            )
        report = await asked.report
        if report.error is not None:
            raise report.error
        if report.result is not CycleResult.DONE:
            raise CycleError(
                "OKKI could not be read to a proven end, and a record that was not seen would be created "
                "beside its instance: run adopt again; delivery stays paused"
            )

    async def _wait_for_calls(self) -> None:
        """Calls that were on their way when delivery was paused end, or are in doubt, within a time-out."""
        bound = self._runtime.settings.delivery.call_timeout + _AROUND_A_CALL
        deadline = self._runtime.clock.monotonic() + bound.total_seconds()
        while await self._ledger.read(adopting.is_sending, self._name):
            self._go_on()
            if self._runtime.clock.monotonic() >= deadline:
                raise CycleError(
                    "calls of this pipeline are still on their way: run adopt again; delivery stays paused"
                )
            await self._runtime.clock.sleep(_TICK.total_seconds())

    async def _wait_for_the_index(self) -> None:
        """What was created just before an older copy took its place may not be shown or counted yet."""
        stop = (await self._ledger.read(pipelines.view, self._name)).stop
        if stop is None or stop.reason is not StopReason.RESTORED:
            return  # whatever was sent is in the ledger, and is looked for
        given = self._runtime.settings.delivery.read_back_after[:2][-1]
        left = min(given, stop.stopped_at + given - self._runtime.clock.now())
        until = self._runtime.clock.monotonic() + left.total_seconds()
        while self._runtime.clock.monotonic() < until:
            self._go_on()
            await self._runtime.clock.sleep(_TICK.total_seconds())

    def _go_on(self) -> None:
        if self._runtime.stopping.is_set():
            raise StoppedError(
                "adopt was cut short; delivery stays paused, and adopt goes on when asked again"
            )

    async def _take(self, page: Sequence[Found]) -> None:
        taken = await self._ledger.write(
            adopting.take,
            self._name,
            self._pipeline.form,
            page,
            keeps=self._keeps,
            now=self._runtime.clock.now(),
        )
        self._sum.adopted += taken.adopted
        self._sum.known += taken.known
        self._sum.refreshed += taken.refreshed
        self._sum.doubles += taken.doubles
        self._sum.undecided += taken.undecided
        self._sum.unmatched += taken.unmatched

    async def _match_the_rest(self, seen: frozenset[InstanceId]) -> AsyncIterator[dict[str, Any]]:
        """Records whose instance the form did not show, and keys that are almost equal."""
        current = await self._ledger.read(instances.current_ids, self._name)
        unseen = sorted(current - seen)
        doubles: dict[RecordId, list[InstanceId]] = {}
        for stray in self._sum.doubles:
            if stray.record_id is not None:
                doubles.setdefault(stray.record_id, []).append(stray.instance_id)
        for number, instance_id in enumerate(unseen):
            await self._find_again(instance_id, doubles)
            yield {"phase": "match", "pipeline": self._name, "done": number + 1, "total": len(unseen)}
        similar: dict[str, list[Stray]] = {}
        for stray in self._sum.unmatched:
            similar.setdefault(folded(stray.key), []).append(stray)
        waiting = await self._ledger.read(adopting.without_instance, self._name)
        doubtful = [
            (record_id, key, similar[folded(key)]) for record_id, key in waiting if folded(key) in similar
        ]
        for start in range(0, len(doubtful), _AT_ONCE):
            await self._ledger.write(
                _set_aside, doubtful[start : start + _AT_ONCE], self._runtime.clock.now()
            )
        self._sum.ambiguous = [(key, stray) for _, key, strays in doubtful for stray in strays]
        resembling = {stray.instance_id for _, stray in self._sum.ambiguous}
        self._sum.unmatched = [one for one in self._sum.unmatched if one.instance_id not in resembling]

    async def _find_again(
        self, instance_id: InstanceId, doubles: Mapping[RecordId, Sequence[InstanceId]]
    ) -> None:
        """The search does not show it: its own store decides. If it is gone, an heir takes its place."""
        form = self._pipeline.form
        held = (await self._ledger.read(instances.held, form, [instance_id])).get(instance_id)
        if held is None or held.state.attempt is not None:
            return
        if held.state.block_reason != ParkReason.INSTANCE_GONE:
            shown = await self._reading.get(instance_id)
            if shown is not None:
                await self._take([shown])
                return
            self._sum.gone += 1
            await self._ledger.write(instances.lost, form, instance_id, self._runtime.clock.now())
        for heir in doubles.get(held.record_id, ()):
            found = await self._reading.get(heir)
            if found is None:
                continue
            now = self._runtime.clock.now()
            if await self._ledger.write(
                adopting.rebind, form, instance_id, found, keeps=self._keeps, now=now
            ):
                self._sum.adopted += 1
                self._sum.doubles = [one for one in self._sum.doubles if one.instance_id != heir]
                return

    async def _guard_updates(self) -> None:
        rules = guard_rules(self._pipeline.settings.guard)
        due = await self._ledger.read(adopting.due_updates, self._name)
        for start in range(0, len(due), _AT_ONCE):
            some, now = due[start : start + _AT_ONCE], self._runtime.clock.now()
            self._sum.held += await self._ledger.write(adopting.guard_updates, self._name, some, rules, now)

    async def _finish(self) -> dict[str, Any]:
        sum_ = self._sum
        now = self._runtime.clock.now()
        counts = {
            "adopted": sum_.adopted,
            "refreshed": sum_.refreshed,
            "doubles": len(sum_.doubles),
            "unmatched": len(sum_.unmatched),
            "ambiguous": len(sum_.ambiguous),
            "gone": sum_.gone,
        }
        found = [
            *(
                Difference(DifferenceKind.DOUBLED, one.instance_id, one.key, one.record_id)
                for one in sum_.doubles
            ),
            *(extra(one.instance_id, one.key) for one in sum_.unmatched),
            *(
                Difference(DifferenceKind.EXTRA, one.instance_id, one.key, None, {"similar_to": key})
                for key, one in sum_.ambiguous
            ),
        ]
        stop = (await self._ledger.read(pipelines.view, self._name)).stop
        await self._ledger.write(_finish, self._name, found, now, sum_.in_form, counts)
        if stop is not None and self._is_heard:
            self._pipeline.told.pipeline_resumed(self._name, stop.reason)
        following = await self._ledger.read(_following, self._name)
        self._pipeline.bell.ring()
        return {
            "phase": "done",
            "pipeline": self._name,
            **counts,
            "in_form": sum_.in_form,
            "known": sum_.known,
            "undecided": len(sum_.undecided),
            "unreadable": sum_.unreadable,
            "calls": self._reading.calls + 1,
            "updates": following["update"],
            "held": sum_.held,
            "creates": following["create"],
            "rows": {
                "doubles": [_row(one) for one in sum_.doubles[:ROWS]],
                "unmatched": [_row(one) for one in sum_.unmatched[:ROWS]],
                "ambiguous": [{**_row(one), "okki_key": key} for key, one in sum_.ambiguous[:ROWS]],
                "undecided": [_row(one) for one in sum_.undecided[:ROWS]],
                "creates": following["keys"],
            },
        }


def _row(one: Stray) -> dict[str, Any]:
    return {"instance_id": one.instance_id, "key": one.key}


def _set_aside(
    connection: sqlite3.Connection, some: Sequence[tuple[RecordId, str, Sequence[Stray]]], now: datetime
) -> None:
    for record_id, _, strays in some:
        adopting.set_aside(connection, record_id, strays, now)


def _finish(
    connection: sqlite3.Connection,
    pipeline: str,
    found: Sequence[Difference],
    now: datetime,
    in_form: int,
    counts: dict[str, int],
) -> None:
    """The report, the leave to create and the end of the pause: all of it, or none."""
    differences.replace_all(connection, pipeline, found, now, event=HistoryEvent.RECONCILED)
    adopting.finish(connection, pipeline, now, in_form=in_form, counts=counts)


def _following(connection: sqlite3.Connection, pipeline: str) -> dict[str, Any]:
    """What the next deliveries will do."""
    lanes = {
        row["lane"]: row["number"]
        for row in connection.execute(
            "SELECT lane, count(*) AS number FROM records WHERE pipeline = ? GROUP BY lane", (pipeline,)
        )
    }
    keys = connection.execute(
        "SELECT key FROM records WHERE pipeline = ? AND lane = 'create' ORDER BY id LIMIT ?", (pipeline, ROWS)
    )
    return {
        "update": lanes.get("update", 0),
        "create": lanes.get("create", 0),
        "keys": [row["key"] for row in keys],
    }
