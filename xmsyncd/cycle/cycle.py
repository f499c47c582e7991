"""One window of one pipeline: read, shaped, staged page by page, and closed once it is proven."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta

from xmsyncd.about import about
from xmsyncd.clock import Clock
from xmsyncd.cycle.plan import (
    ASKED_FOR,
    WATERMARK_AHEAD,
    CyclePlan,
    CycleRequest,
    plan_cycle,
    until_end_is_over,
)
from xmsyncd.cycle.progress import CycleEvents, CycleProgress, CycleReport, Running
from xmsyncd.cycle.shape import TRIED_AGAIN, UNREADABLE, Shaper, unreadable_item
from xmsyncd.errors import CannotWorkError, CycleError, RefusedError, TryLaterError
from xmsyncd.ledger import Ledger, cycles, people, pipelines, staging, tombstones
from xmsyncd.ledger import guard as ledger_guard
from xmsyncd.ledger.cycles import CycleCounts, CycleKind, CycleResult
from xmsyncd.ledger.guard import Guard, GuardRules
from xmsyncd.ledger.tombstones import Mark
from xmsyncd.ledger.views import PipelineView, StageDecision, StageEntry
from xmsyncd.okki.client import OkkiClient
from xmsyncd.okki.proof import ProofDecision
from xmsyncd.okki.reader import PageRead, SliceRead, read_window
from xmsyncd.okki.resources import Resource
from xmsyncd.okki.windows import BEGINNING, Window
from xmsyncd.okki.wire import parse_time
from xmsyncd.records import ContentHash, Item, Rejection, SourceId
from xmsyncd.settings import OnChange, SourceSettings
from xmsyncd.steps import Step, StepListener

_SECOND = timedelta(seconds=1)

# What the reader hands over: its events, the error that ended it, or None when it is through.
_FromReader = PageRead | SliceRead | Exception | None

# Rejected products that one cycle tries again; the rest has its turn in the next.
_LARGEST_SECOND_CHANCE = 200
_SECOND_CHANCES_AT_ONCE = 5

# Pages in memory between the reader and the ledger. OKKI is the slow side; two keep both busy.
_PAGES_AHEAD = 2


class Cycle:
    """Runs one cycle at a time for one pipeline; :meth:`run` must not be called while it runs."""

    def __init__(
        self,
        pipeline: str,
        form: str,
        *,
        ledger: Ledger,
        client: OkkiClient,
        resource: Resource,
        source: SourceSettings,
        on_change: OnChange,
        guard: GuardRules,
        mark: Mark | None,
        shaper: Shaper,
        staged: Callable[[], None],
        clock: Clock,
        events: CycleEvents,
        step: StepListener,
    ) -> None:
        self._pipeline = pipeline
        self._form = form
        self._ledger = ledger
        self._client = client
        self._resource = resource
        self._source = source
        self._on_change = on_change
        self._guard = guard
        self._mark = mark
        self.shaper = shaper
        self._staged = staged
        self._clock = clock
        self._events = events
        self._step = step

    async def run(self, request: CycleRequest, progress: CycleProgress | None = None) -> CycleReport:
        """Read one window. What a vendor does ends in the report; a fault of ours or of the ledger is raised.

        What was staged stays when the cycle fails or is cancelled; the watermark then does not move.
        """
        with about(pipeline=self._pipeline):
            return await self._run(request, progress or CycleProgress())

    async def _run(self, request: CycleRequest, progress: CycleProgress) -> CycleReport:
        started = self._clock.monotonic()
        running = Running(progress=progress)
        try:
            plan = await self._begin(request, running)
            with about(cycle_id=running.cycle_id):
                result, proof = await self._read(plan, request, running)
            error: Exception | None = None
        except (TryLaterError, CannotWorkError, RefusedError, CycleError) as caught:
            result, proof, error = CycleResult.FAILED, "", caught
            with about(cycle_id=running.cycle_id):
                self._events.cycle_failed(self._pipeline, caught)
        except asyncio.CancelledError:
            await self._finish(running, CycleResult.INTERRUPTED, "", None, started)
            raise
        return await self._finish(running, result, proof, error, started)

    async def _begin(self, request: CycleRequest, running: Running) -> CyclePlan:
        """Decide what is read, and write down that it is."""
        await self.shaper.prepare()
        if self._client.server_now is None:
            await self._client.authenticate()  # its answer tells OKKI's clock, which bounds the window
        plan = await self._plan(request, running)
        running.plan = plan
        running.context = self.shaper.context
        running.progress.kind, running.progress.reason = plan.kind, plan.reason
        start, end = plan.window.start, plan.window.end
        running.cycle_id = await self._ledger.write(
            cycles.begin, self._pipeline, plan.kind, start, end, self._clock.now()
        )
        self._events.cycle_started(self._pipeline, running.cycle_id, plan.kind, start, end)
        return plan

    async def _read(
        self, plan: CyclePlan, request: CycleRequest, running: Running
    ) -> tuple[CycleResult, str]:
        wait = until_end_is_over(plan.window.end, self._clock.now(), self._okki_offset)
        await self._clock.sleep(wait.total_seconds())
        if plan.kind is not CycleKind.PARTIAL:
            await self._try_rejected_again(running)
        for window in plan.gaps:
            await self._read_one(window, request, running, is_gap=True)
        around = await self._window_around(request, plan.window.end)
        if around is not None:
            await self._read_one(around, request, running, is_gap=False)
        if not running.is_enough:
            if request.only is not None:
                running.progress.reason = "only_by_the_whole_list"
            await self._read_one(plan.window, request, running, is_gap=False)
        if request.only is not None and not running.chosen:
            raise CycleError(f"OKKI shows no product with the key or id {request.only!r}")
        if plan.kind is CycleKind.PARTIAL:
            return CycleResult.DONE, ""
        done = running.proven_to == plan.window.end
        return (CycleResult.DONE if done else CycleResult.UNPROVEN), ",".join(sorted(running.proofs))

    async def _window_around(self, request: CycleRequest, end: datetime) -> Window | None:
        """The seconds around the last change of the one product that is asked for, where OKKI tells it.

        To look for it in the list alone would read a large catalogue for an hour. It is taken from the list
        all the same, since a detail has other fields; without an answer here the whole list is read.
        """
        if request.only is None:
            return None
        try:
            found = await self._client.find_by_number(self._resource, request.only)
            if found is None and request.only.isascii() and request.only.isdigit():
                found = await self._client.fetch_detail(self._resource, SourceId(request.only))
        except (TryLaterError, RefusedError, CannotWorkError):
            return None
        shown = None if found is None else found.get(self._resource.updated_field)
        at = parse_time(shown, self._client.timezone)
        if at is None or at - _SECOND >= end:
            return None
        return Window(at - _SECOND, min(at + _SECOND, end))

    async def _try_rejected_again(self, running: Running) -> None:
        """Products whose rejection lies elsewhere (group, detail) get another chance each cycle."""
        kept = await self._ledger.read(
            people.rejected_items, self._pipeline, TRIED_AGAIN, _LARGEST_SECOND_CHANCE
        )
        items = tuple(item for item, _ in kept)
        if not items:
            return
        known = await self._ledger.read(staging.listed, self._pipeline, [item.source_id for item in items])
        for start in range(0, len(items), _SECOND_CHANCES_AT_ONCE):
            some = items[start : start + _SECOND_CHANCES_AT_ONCE]
            entries = await self.shaper.shape(some, known)
            decisions = await self._write_page(entries, running)
            running.progress.decisions.update(decisions)
            running.progress.read += len(entries)
            running.gap_ids.update(entry.item.source_id for entry in entries)
            self._staged()
            away = self.shaper.details_away_in_a_row >= _SECOND_CHANCES_AT_ONCE
            if self.shaper.cut_short_by is not None or away:
                return  # OKKI's details are away: the others have their turn in the next cycle

    @property
    def _okki_offset(self) -> timedelta | None:
        """OKKI's clock minus ours at this moment, though ours may have been set since it last told."""
        theirs = self._client.server_now
        return None if theirs is None else theirs - self._clock.now()

    async def _plan(self, request: CycleRequest, running: Running) -> CyclePlan:
        """What to read; a full read that is owed, and a watermark that cannot be right, are written down."""
        view = await self._ledger.read(pipelines.view, self._pipeline)
        running.watermark = view.watermark
        plan = await self._planned(view, request)
        if plan.kind is CycleKind.FULL and plan.reason == WATERMARK_AHEAD and view.watermark is not None:
            await self._ledger.write(
                cycles.pull_back_watermark, self._pipeline, view.watermark, plan.window.end, self._clock.now()
            )
            running.watermark = plan.window.end
            self._events.watermark_pulled_back(self._pipeline, view.watermark, plan.window.end)
        elif plan.kind is CycleKind.FULL and plan.reason == ASKED_FOR:
            await self._ledger.write(cycles.owe_full_read, self._pipeline)
        return plan

    async def _planned(self, view: PipelineView, request: CycleRequest) -> CyclePlan:
        gaps = await self._ledger.read(cycles.gaps, self._pipeline)
        return plan_cycle(
            view,
            request,
            context_hash=self.shaper.context,
            overlap=self._source.overlap,
            full_every=self._source.full_every,
            start_from=self._source.start_from,
            gaps=gaps,
            okki_offset=self._okki_offset,
            now=self._clock.now(),
        )

    async def _read_one(
        self, window: Window, request: CycleRequest, running: Running, *, is_gap: bool
    ) -> None:
        """Pages go through a bounded queue, so that OKKI is read while the ledger writes."""
        queue: asyncio.Queue[_FromReader] = asyncio.Queue(maxsize=_PAGES_AHEAD)
        reading = asyncio.create_task(self._produce(window, queue), name=f"read {self._pipeline}")
        running.read_in_window = 0
        try:
            while True:
                event = await queue.get()
                match event:
                    case None:
                        return
                    case Exception():
                        raise event
                    case PageRead():
                        await self._page(event, request, running, is_gap=is_gap)
                        if running.is_enough:
                            return
                    case SliceRead():
                        await self._slice(event, running, is_gap=is_gap)
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading

    async def _produce(self, window: Window, queue: asyncio.Queue[_FromReader]) -> None:
        events: AsyncIterator[PageRead | SliceRead] = read_window(
            self._client, self._resource, self._source, window
        )
        try:
            async for event in events:
                await queue.put(event)
        except Exception as error:  # noqa: BLE001 - handed over to the consumer, which raises it
            await queue.put(error)
        else:
            await queue.put(None)

    async def _page(self, page: PageRead, request: CycleRequest, running: Running, *, is_gap: bool) -> None:
        items = page.items
        if request.limit is not None:
            items = tuple(item for item in items if not is_deleted(item))
        if request.is_partial:
            items = await self._chosen(items, request, running)
        deleted = tuple(item for item in items if is_deleted(item))
        items = tuple(item for item in items if not is_deleted(item))
        known = await self._ledger.read(staging.listed, self._pipeline, [item.source_id for item in items])
        entries = (
            *await self.shaper.shape(items, known),
            *(unreadable_item(raw) for raw in page.unreadable if not request.is_partial),
        )
        decisions = await self._write_page(entries, running, living=items, deleted=deleted)
        if self.shaper.cut_short_by is not None:
            raise self.shaper.cut_short_by
        self._count(page, entries, deleted, decisions, running, request, is_gap=is_gap)
        self._step(Step.STAGED)
        self._staged()

    async def _chosen(
        self, items: tuple[Item, ...], request: CycleRequest, running: Running
    ) -> tuple[Item, ...]:
        """The part of a page that a first try asks for; notes when no more pages are needed."""
        if request.only is not None:
            items = tuple([item for item in items if await self._is_wanted(item, request.only)])
            running.is_enough = bool(items)
        if request.limit is not None:
            left = request.limit - len(running.chosen)
            fresh = [item for item in items if item.source_id not in running.chosen]
            items = tuple(fresh[: max(0, left)])
            running.is_enough = running.is_enough or len(items) >= left
        return items

    async def _is_wanted(self, item: Item, key: str) -> bool:
        """By OKKI's id, its product number, or the key that the mapping makes of what is listed."""
        if item.source_id == key or str(item.raw.get("product_no", "")).strip() == key:
            return True
        return (await self.shaper.map_item(item, None)).key == key

    async def _write_page(
        self,
        entries: tuple[StageEntry, ...],
        running: Running,
        *,
        living: tuple[Item, ...] = (),
        deleted: tuple[Item, ...] = (),
    ) -> Mapping[StageDecision, int]:
        decisions, unknown = await self._ledger.write(
            _stage,
            self._pipeline,
            self._form,
            running.cycle_id or 0,
            self.shaper.context,
            entries,
            living=living,
            deleted=deleted,
            filtered=frozenset(running.filtered),
            mark=self._mark,
            ignore_changes=self._on_change is OnChange.IGNORE,
            guard=self._guard,
            now=self._clock.now(),
            counts=running.counts(self.shaper.detail_calls),
        )
        running.filtered |= unknown
        running.filtered -= {entry.item.source_id for entry in entries}
        return decisions

    async def _count_absent(self, running: Running) -> None:
        """A complete read of everything: what it did not show may have been deleted."""
        absences = await self._ledger.write(
            _count_absent,
            self._pipeline,
            running.cycle_id or 0,
            tuple(running.gap_ids - running.met_again),
            self._mark,
            self._guard,
            self._clock.now(),
        )
        if absences.doubted:
            self._events.absences_doubted(self._pipeline, absences.doubted)
        elif absences.deleted:
            self._events.products_deleted(self._pipeline, absences.deleted)
            self._staged()

    def _count(
        self,
        page: PageRead,
        entries: tuple[StageEntry, ...],
        deleted: tuple[Item, ...],
        decisions: Mapping[StageDecision, int],
        running: Running,
        request: CycleRequest,
        *,
        is_gap: bool,
    ) -> None:
        progress = running.progress
        progress.pages += 1
        progress.repeats += page.repeats
        progress.total = page.total
        progress.decisions.update(decisions)
        running.unreadable.update(
            entry.item.source_id for entry in entries if entry.item.source_id.startswith(UNREADABLE)
        )
        if request.is_partial:
            fresh = [entry.item.source_id for entry in entries if entry.item.source_id not in running.chosen]
            running.chosen.update(fresh)
            progress.chosen += fresh
            running.chosen.update(item.source_id for item in deleted)
            progress.read = len(running.chosen)
        else:
            progress.read += page.distinct - running.read_in_window
            running.read_in_window = page.distinct
            ids = {item.source_id for item in page.items}
            if is_gap:
                running.gap_ids |= ids
            else:
                running.met_again |= ids & running.gap_ids
        if page.server_now is not None and running.okki_now is None:
            running.okki_now = page.server_now
        rejected = Counter(entry.result.reason for entry in entries if isinstance(entry.result, Rejection))
        self._events.page_staged(self._pipeline, decisions, rejected, len(page.items) + len(page.unreadable))

    async def _slice(self, done: SliceRead, running: Running, *, is_gap: bool) -> None:
        self._events.window_proved(self._pipeline, done.decision)
        if running.plan is None or running.plan.kind is CycleKind.PARTIAL:
            return
        running.proofs.add(done.decision)
        window = done.window
        if done.decision is not ProofDecision.UNPROVEN:
            # Read in halves it was read with a filter, which an edit in between can leave.
            running.is_complete = window == running.plan.window and window.start is None and not is_gap
            await self._ledger.write(cycles.close_gaps, self._pipeline, window.start, window.end)
            if not is_gap and running.is_contiguous:
                running.proven_to = window.end
            return
        if running.plan.is_reread:
            running.is_contiguous = (
                False  # what was passed long ago does not become a gap by being read again
            )
            return
        passed_to = await self._ledger.write(
            cycles.note_unproven,
            self._pipeline,
            window.start or BEGINNING,
            window.end,
            self._source.proof_cycles,
            self._clock.now(),
        )
        if is_gap or not running.is_contiguous:
            return
        running.proven_to = passed_to or running.proven_to
        running.is_contiguous = passed_to == window.end

    async def _finish(
        self, running: Running, result: CycleResult, proof: str, error: Exception | None, started: float
    ) -> CycleReport:
        plan, progress = running.plan, running.progress
        kind = CycleKind.INCREMENTAL if plan is None else plan.kind
        detail = "" if error is None else str(error)
        watermark = None
        balance = 0
        cannot_work = error.reason if isinstance(error, CannotWorkError) else None
        if running.cycle_id is None and error is not None:
            running.cycle_id = await self._ledger.write(
                cycles.fail_to_begin, self._pipeline, detail, cannot_work, self._clock.now()
            )
        elif running.cycle_id is not None and plan is not None:
            ended = result in (CycleResult.DONE, CycleResult.UNPROVEN)
            moves = kind is not CycleKind.PARTIAL and not plan.is_reread
            if moves and ended and running.proven_to is not None:
                # OKKI's own clock bounds it again: the offset was learnt from an earlier answer.
                watermark = min(running.proven_to, running.okki_now or running.proven_to)
            whole = kind in (CycleKind.FULL, CycleKind.FIRST) and ended and _is_whole(running, result)
            self._step(Step.CLOSING)
            if ended and running.is_complete and kind in (CycleKind.FULL, CycleKind.FIRST):
                await self._count_absent(running)
            balance = await self._ledger.write(
                cycles.finish,
                running.cycle_id,
                self._pipeline,
                result,
                running.counts(self.shaper.detail_calls),
                now=self._clock.now(),
                watermark=watermark,
                is_fresh=moves,
                full_read=running.context if whole else None,
                proof=proof,
                detail=detail,
                cannot_work=cannot_work,
            )
        held = await self._ledger.write(ledger_guard.report, self._pipeline, self._guard, self._clock.now())
        if held is not None:
            self._events.updates_held(self._pipeline, held)
        self._events.cycle_finished(
            self._pipeline,
            running.cycle_id or 0,
            kind,
            result,
            self._clock.monotonic() - started,
            balance,
            detail,
            watermark,
        )
        return CycleReport(
            running.cycle_id, kind, result, progress, self.shaper.detail_calls, balance, watermark, error
        )


def is_deleted(item: Item) -> bool:
    """Whether OKKI lists it as deleted (``enable_flag`` 0: vendor doc; whether it lists such, unknown)."""
    return str(item.raw.get("enable_flag", "1")).strip() == "0"


def _is_whole(running: Running, result: CycleResult) -> bool:
    """Whether a full read counts as one: proven, or passed, as far as the cycles before it had come.

    What lies behind that is read again by the next window in any case. Where nothing can ever be proven,
    each cycle would otherwise be a full one.
    """
    if result is CycleResult.DONE:
        return True
    proven_to, before = running.proven_to, running.watermark
    return proven_to is not None and before is not None and proven_to >= before


def _stage(
    connection: sqlite3.Connection,
    pipeline: str,
    form: str,
    cycle_id: int,
    context: ContentHash,
    entries: tuple[StageEntry, ...],
    *,
    living: tuple[Item, ...],
    deleted: tuple[Item, ...],
    filtered: frozenset[SourceId],
    mark: Mark | None,
    ignore_changes: bool,
    guard: GuardRules,
    now: datetime,
    counts: CycleCounts,
) -> tuple[Mapping[StageDecision, int], frozenset[SourceId]]:
    """One page and the cycle's running numbers, in one transaction.

    ``filtered`` are the deleted products without a record that the cycle has met before; those of this page
    are the second result.
    """
    cycles.progress(connection, cycle_id, counts)
    tombstones.note_living(connection, pipeline, living, now)
    decisions = Counter(
        staging.stage_page(
            connection,
            pipeline,
            form,
            cycle_id,
            context,
            entries,
            ignore_changes=ignore_changes,
            guard=guard,
            now=now,
        )
    )
    if not deleted:
        return decisions, frozenset()
    guarding = Guard(connection, pipeline, cycle_id, guard, now)
    buried, unknown = tombstones.bury_listed(connection, pipeline, cycle_id, deleted, mark, guarding, now)
    found = Counter(StageDecision.REPEAT if one in filtered else decision for one, decision in buried.items())
    cycles.add_decisions(connection, cycle_id, found)
    return decisions + found, unknown


def _count_absent(
    connection: sqlite3.Connection,
    pipeline: str,
    cycle_id: int,
    unseen: tuple[SourceId, ...],
    mark: Mark | None,
    guard: GuardRules,
    now: datetime,
) -> tombstones.Absences:
    guarding = Guard(connection, pipeline, cycle_id, guard, now)
    return tombstones.count_absent(connection, pipeline, cycle_id, unseen, mark, guarding, now)
