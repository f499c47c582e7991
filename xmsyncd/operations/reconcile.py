"""``reconcile``: the whole form is compared with the ledger; a report, and repairs only where asked for."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from xmsyncd.ledger import differences, instances
from xmsyncd.ledger.differences import Difference, DifferenceKind
from xmsyncd.ledger.instances import Held
from xmsyncd.operations.exit_status import BusyError
from xmsyncd.operations.form_reading import FormReading, calls_for
from xmsyncd.operations.runtime import PipelineRuntime, Runtime
from xmsyncd.operations.vendors import shapes_of
from xmsyncd.records import Content, Found, InstanceId, RecordId
from xmsyncd.settings import OnChange
from xmsyncd.transform.hashes import volatile_in
from xmsyncd.yida.marks import is_mark
from xmsyncd.yida.values import normalise

ENDED = frozenset({"TERMINATED", "ERROR", "CANCELED"})
"""Statuses of a process that goes on no more (vendor doc); COMPLETED is how one is meant to end."""

ROWS = 1000
"""Lines that a result carries; the ledger keeps all."""

_REPAIRS_AT_ONCE = 200

# What was written so shortly ago that the index may not show it: asked for by id, as many as this.
_YOUNG_GETS = 50

# How often a record that moves while it is judged is judged again.
_TURNS = 3


@dataclass(slots=True)
class _Candidates:
    """What the scan leaves to be judged."""

    seen: frozenset[InstanceId] = frozenset()
    is_complete: bool = False
    in_form: int = 0
    unreadable: int = 0
    to_get: dict[InstanceId, Held] = field(default_factory=dict)
    strays: dict[InstanceId, Found] = field(default_factory=dict)
    found: list[Difference] = field(default_factory=list)


@dataclass(slots=True)
class _Judged:
    """What the judging came to."""

    found: list[Difference] = field(default_factory=list)
    drifted: list[tuple[Held, Found]] = field(default_factory=list)
    gone: list[InstanceId] = field(default_factory=list)
    unjudged: int = 0


async def reconcile(
    runtime: Runtime, pipeline: PipelineRuntime, *, apply: bool, yes: bool
) -> AsyncGenerator[dict[str, Any]]:
    """Yields progress (``{"phase": "cost" | "scan" | "judge" | "repair", …}``) and at last ``"done"``.

    The report replaces the last one in one transaction at the end; an interruption leaves that one. Repairs
    are ordinary pending (or parked) records of instances in our own table; nothing is sent from here, and
    all is safe to repeat. Raises ``ScarceQuotaError`` before the first call too many, ``BusyError`` where the
    form is being read already, and the errors of a read.
    """
    if pipeline.form_in_use.locked():
        raise BusyError(f"the form of pipeline {pipeline.name} is being read already; its report comes soon")
    async with pipeline.form_in_use:
        one = _Reconciliation(runtime, pipeline, yes=yes)
        async for told in one.run(apply=apply):
            yield told


class _Reconciliation:
    def __init__(self, runtime: Runtime, pipeline: PipelineRuntime, *, yes: bool) -> None:
        self._yes = yes
        self._runtime = runtime
        self._ledger = runtime.ledger
        self._pipeline = pipeline
        self._reading = FormReading(runtime, pipeline, may_use_all=yes)
        self._compares = pipeline.settings.target.on_change is not OnChange.IGNORE
        self._shapes = shapes_of(pipeline.settings.fields, pipeline.settings.target)
        # Until its last look a create is given time to be seen; so long the index may lag behind here, too.
        self._margin = runtime.settings.delivery.read_back_after[-1]

    async def run(self, *, apply: bool) -> AsyncIterator[dict[str, Any]]:
        name = self._pipeline.name
        known = await self._ledger.read(instances.current_ids, name)
        needed = calls_for(len(known))
        room = await self._reading.afford(needed, f"reconciling {name}", yes=self._yes)
        left = None if room is None else room.left
        yield {"phase": "cost", "pipeline": name, "calls": needed, "left": left}
        started = self._runtime.clock.now()
        candidates = _Candidates()
        async for seen, total in self._scan(candidates):
            yield {"phase": "scan", "pipeline": name, "done": seen, "total": total}
        await self._find_missing(candidates)
        judged = _Judged(found=candidates.found)
        gets = await self._affordable(len(candidates.to_get))
        async for done, of in self._judge(candidates, judged, started, gets):
            yield {"phase": "judge", "pipeline": name, "done": done, "total": of}
        await self._judge_strays(candidates, judged)
        repaired = Counter[str]()
        if apply:
            async for done, of in self._repair(judged, repaired):
                yield {"phase": "repair", "pipeline": name, "done": done, "total": of}
        is_complete = candidates.is_complete and not judged.unjudged
        now = self._runtime.clock.now()
        doubles = await self._ledger.write(
            differences.replace_all, name, judged.found, now, is_complete=is_complete
        )
        if doubles:
            self._pipeline.told.doubles_found(name, [(one.key, one.instance_id) for one in doubles])
        yield {
            "phase": "done",
            **await self._ledger.read(report, name),
            "in_form": candidates.in_form,
            "known": len(known),
            "calls": self._reading.calls,
            "complete": is_complete,
            "unjudged": judged.unjudged,
            "unreadable": candidates.unreadable,
            "repaired": dict(repaired) if apply else None,
        }

    async def _scan(self, candidates: _Candidates) -> AsyncIterator[tuple[int, int]]:
        scan = self._reading.scan(settled=False)
        is_first = True
        async for page in scan.pages():
            if is_first:
                # Now the form has told how large it is, which may be far more than we know of.
                await self._reading.afford(
                    calls_for(page.total - len(page.rows)),
                    f"reconciling {self._pipeline.name}",
                    yes=self._yes,
                )
                is_first = False
            held = await self._ledger.read(
                instances.held, self._pipeline.form, [row.instance_id for row in page.rows]
            )
            for row in page.rows:
                self._sort(row, held.get(row.instance_id), candidates)
            candidates.unreadable += page.unreadable
            candidates.is_complete = page.is_complete
            candidates.in_form = page.total
            yield page.seen, page.total
        candidates.seen = scan.seen

    def _sort(self, row: Found, held: Held | None, candidates: _Candidates) -> None:
        if held is None:
            candidates.strays[row.instance_id] = row
        elif held.pipeline != self._pipeline.name:
            return
        elif held.role == "double":
            detail = {"kept": str(held.state.instance_id or "")}
            candidates.found.append(
                Difference(DifferenceKind.DOUBLED, row.instance_id, row.key, held.record_id, detail)
            )
        elif held.is_current and row.status.upper() in ENDED:
            detail = {"status": row.status}
            candidates.found.append(
                Difference(DifferenceKind.ENDED, row.instance_id, row.key, held.record_id, detail)
            )
        elif held.is_comparable and self._differs(held, row):
            candidates.to_get[row.instance_id] = held

    def _differs(self, held: Held, row: Found) -> bool:
        return (
            self._compares
            and row.content_hash != held.state.delivered_hash
            and bool(self._changes(held.delivered, row))
        )

    def _changes(self, delivered: Content | None, found: Found) -> dict[str, Any]:
        """By component what was delivered and what is shown; only what is mapped now and was delivered then.

        Both sides go through the same reading, because what Yida shows is not what was written. What only
        tells a time of ours is left out.
        """
        if delivered is None:
            return {}
        shown, volatile = found.content, volatile_in(found.content_hash)
        both = {one: shape for one, shape in self._shapes.items() if one in delivered and one in shown}
        ours, theirs = normalise(both, delivered), normalise(both, shown)
        return {
            one: {"delivered": ours[one], "in_yida": theirs[one]}
            for one in both
            if ours[one] != theirs[one] and one not in volatile
        }

    async def _find_missing(self, candidates: _Candidates) -> None:
        current = await self._ledger.read(instances.current_ids, self._pipeline.name)
        unseen = sorted(current - candidates.seen)
        for start in range(0, len(unseen), _REPAIRS_AT_ONCE):
            some = unseen[start : start + _REPAIRS_AT_ONCE]
            held = await self._ledger.read(instances.held, self._pipeline.form, some)
            candidates.to_get.update({one: held[one] for one in some if one in held})

    async def _affordable(self, wanted: int) -> int:
        room = await self._reading.room()
        return wanted if room is None else min(wanted, room.left if self._yes else room.spare)

    async def _judge(
        self, candidates: _Candidates, judged: _Judged, started: datetime, gets: int
    ) -> AsyncIterator[tuple[int, int]]:
        """Ask for each candidate by its id: the search may show what was, and hide what is."""
        young = 0
        for number, (instance_id, held) in enumerate(candidates.to_get.items()):
            if held.newest_at > started - self._margin:
                young += 1
                if young > _YOUNG_GETS:
                    continue  # the answer of our own call, minutes old, says what Yida holds
            if gets <= 0:
                judged.unjudged += 1
                continue
            gets -= 1
            await self._judge_one(instance_id, candidates, judged, started)
            yield number + 1, len(candidates.to_get)

    async def _judge_one(
        self, instance_id: InstanceId, candidates: _Candidates, judged: _Judged, started: datetime
    ) -> None:
        for _ in range(_TURNS):
            before = await self._held(instance_id)
            if before is None or not before.is_comparable:
                return  # a call to it is open, or it has been dealt with: nothing is known to be wrong
            shown = await self._reading.get(instance_id)
            after = await self._held(instance_id)
            if after is not None and after.state == before.state:
                self._verdict(before, shown, candidates, judged, started)
                return
        judged.unjudged += 1

    async def _held(self, instance_id: InstanceId) -> Held | None:
        return (await self._ledger.read(instances.held, self._pipeline.form, [instance_id])).get(instance_id)

    def _verdict(
        self,
        held: Held,
        shown: Found | None,
        candidates: _Candidates,
        judged: _Judged,
        started: datetime,
    ) -> None:
        def note(kind: DifferenceKind, key: str, detail: Mapping[str, Any]) -> None:
            judged.found.append(Difference(kind, held.instance_id, key, held.record_id, detail))

        if shown is None:
            judged.gone.append(held.instance_id)
            note(DifferenceKind.GONE, held.key, {})
        elif shown.status.upper() in ENDED:
            note(DifferenceKind.ENDED, shown.key, {"status": shown.status})
        elif self._differs(held, shown):
            judged.drifted.append((held, shown))
            note(DifferenceKind.DIFFERENT, held.key, self._changes(held.delivered, shown))
        elif (
            held.instance_id not in candidates.seen
            and candidates.is_complete
            and held.newest_at <= started - self._margin
        ):
            note(DifferenceKind.MISSING, shown.key, {"why": "no_search_shows_it"})

    async def _judge_strays(self, candidates: _Candidates, judged: _Judged) -> None:
        """What no record had when it was seen: by now one may have it, or may be about to."""
        strays = list(candidates.strays.values())
        for start in range(0, len(strays), _REPAIRS_AT_ONCE):
            some = strays[start : start + _REPAIRS_AT_ONCE]
            known = await self._ledger.read(
                instances.held, self._pipeline.form, [one.instance_id for one in some]
            )
            holders = await self._ledger.read(
                instances.holders, self._pipeline.form, [one.key for one in some]
            )
            for one in some:
                if one.instance_id in known:
                    continue
                holder = holders.get(one.key)
                if holder is None:
                    judged.found.append(extra(one.instance_id, one.key))
                elif holder.pipeline != self._pipeline.name or holder.state.attempt is not None:
                    continue  # another pipeline's to tell; or its own looks are about to find it
                elif holder.state.instance_id is None:
                    detail = {"why": "its_record_has_no_instance"}
                    judged.found.append(
                        Difference(DifferenceKind.EXTRA, one.instance_id, one.key, holder.record_id, detail)
                    )
                else:
                    await self._judge_double(one, holder.record_id, holder.state.instance_id, judged)

    async def _judge_double(
        self, stray: Found, record_id: RecordId, kept: InstanceId, judged: _Judged
    ) -> None:
        """Once more by its id: it may be deleted, or renamed, and the index not know it yet."""
        if await self._affordable(1):
            shown = await self._reading.get(stray.instance_id)
            if shown is None or shown.key != stray.key:
                return
        judged.found.append(
            Difference(DifferenceKind.DOUBLED, stray.instance_id, stray.key, record_id, {"kept": kept})
        )

    async def _repair(self, judged: _Judged, repaired: Counter[str]) -> AsyncIterator[tuple[int, int]]:
        total = len(judged.gone) + len(judged.drifted)
        now = self._runtime.clock.now
        for start in range(0, len(judged.gone), _REPAIRS_AT_ONCE):
            some = judged.gone[start : start + _REPAIRS_AT_ONCE]
            repaired["parked"] += await self._ledger.write(_park, self._pipeline.form, some, now())
            yield sum(repaired.values()), total
        for start in range(0, len(judged.drifted), _REPAIRS_AT_ONCE):
            part = judged.drifted[start : start + _REPAIRS_AT_ONCE]
            repaired["updates"] += await self._ledger.write(_drift, part, now())
            yield sum(repaired.values()), total
        self._pipeline.bell.ring()


def extra(instance_id: InstanceId, key: str) -> Difference:
    """The line about an instance that belongs to no product; one that a probe has left says so."""
    detail = {"why": "started_by_probe"} if is_mark(key) else {}
    return Difference(DifferenceKind.EXTRA, instance_id, key, None, detail)


def _park(connection: sqlite3.Connection, form: str, gone: Sequence[InstanceId], now: datetime) -> int:
    return sum(instances.lost(connection, form, one, now) for one in gone)


def _drift(connection: sqlite3.Connection, drifted: Sequence[tuple[Held, Found]], now: datetime) -> int:
    return sum(instances.drifted(connection, held, found, now) for held, found in drifted)


def report(connection: sqlite3.Connection, pipeline: str) -> dict[str, Any]:
    """The last comparison as it stands in the ledger."""
    counts = differences.counts(connection, pipeline)
    rows = differences.listed(connection, pipeline, ROWS)
    return {
        "pipeline": pipeline,
        "differences": counts,
        "total": sum(counts.values()),
        "rows": rows,
    }
