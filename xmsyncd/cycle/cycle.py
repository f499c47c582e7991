"""One window of one pipeline: read, shaped, staged page by page, and closed once it is proven."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from xmsyncd.about import about
from xmsyncd.cycle.closing import Closing
from xmsyncd.cycle.page_stager import PageStager
from xmsyncd.cycle.parts import CycleParts
from xmsyncd.cycle.plan import (
    ASKED_FOR,
    WATERMARK_AHEAD,
    CyclePlan,
    CycleRequest,
    plan_cycle,
    until_end_is_over,
)
from xmsyncd.cycle.progress import CycleProgress, CycleReport, Running
from xmsyncd.errors import CannotWorkError, CycleError, RefusedError, TryLaterError, UnknownProductError
from xmsyncd.ledger import cycles, pipelines
from xmsyncd.ledger.cycles import CycleKind, CycleResult
from xmsyncd.ledger.views import PipelineView
from xmsyncd.okki.reader import PageRead, SliceRead, read_window
from xmsyncd.okki.windows import Window
from xmsyncd.okki.wire import parse_time
from xmsyncd.records import SourceId

_SECOND = timedelta(seconds=1)

# What the reader hands over: its events, the error that ended it, or None when it is through.
_FromReader = PageRead | SliceRead | Exception | None

# Pages in memory between the reader and the ledger. OKKI is the slow side; two keep both busy.
_PAGES_AHEAD = 2


class Cycle:
    """Runs one cycle at a time for one pipeline; :meth:`run` must not be called while it runs."""

    def __init__(self, parts: CycleParts) -> None:
        self._parts = parts
        self._stager = PageStager(parts)
        self._closing = Closing(parts)

    async def run(self, request: CycleRequest, progress: CycleProgress | None = None) -> CycleReport:
        """Read one window. What a vendor does ends in the report; a fault of ours or of the ledger is raised.

        What was staged stays when the cycle fails or is cancelled; the watermark then does not move.
        """
        with about(pipeline=self._parts.pipeline):
            try:
                return await self._run(request, progress or CycleProgress())
            finally:
                self._parts.shaper.finish()

    async def _run(self, request: CycleRequest, progress: CycleProgress) -> CycleReport:
        started = self._parts.clock.monotonic()
        running = Running(progress=progress, accepts_absences=request.accept_absences)
        try:
            plan = await self._begin(request, running)
            with about(cycle_id=running.cycle_id):
                result, proof = await self._read(plan, request, running)
            error: Exception | None = None
        except (TryLaterError, CannotWorkError, RefusedError, CycleError) as caught:
            result, proof, error = CycleResult.FAILED, "", caught
            with about(cycle_id=running.cycle_id):
                self._parts.events.cycle_failed(self._parts.pipeline, caught)
        except asyncio.CancelledError:
            with about(cycle_id=running.cycle_id):
                await self._closing.finish(running, CycleResult.INTERRUPTED, "", None, started)
            raise
        with about(cycle_id=running.cycle_id):
            return await self._closing.finish(running, result, proof, error, started)

    async def _begin(self, request: CycleRequest, running: Running) -> CyclePlan:
        """Decide what is read, and write down that it is."""
        await self._parts.shaper.prepare()
        if self._parts.client.server_now is None:
            await self._parts.client.authenticate()  # its answer tells OKKI's clock, which bounds the window
        plan = await self._plan(request, running)
        running.plan = plan
        running.context = self._parts.shaper.context
        running.context_parts = self._parts.shaper.context_parts
        running.progress.kind, running.progress.reason = plan.kind, plan.reason
        start, end = plan.window.start, plan.window.end
        running.cycle_id = await self._parts.ledger.write(
            cycles.begin, self._parts.pipeline, plan.kind, start, end, self._parts.clock.now()
        )
        self._parts.events.cycle_started(self._parts.pipeline, running.cycle_id, plan.kind, start, end)
        return plan

    async def _read(
        self, plan: CyclePlan, request: CycleRequest, running: Running
    ) -> tuple[CycleResult, str]:
        wait = until_end_is_over(plan.window.end, self._parts.clock.now(), self._okki_offset)
        await self._parts.clock.sleep(wait.total_seconds())
        if plan.kind is not CycleKind.PARTIAL:
            await self._stager.try_rejected_again(running)
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
            noun = self._parts.resource.noun.one
            raise UnknownProductError(f"OKKI shows no {noun} with the key or id {request.only!r}")
        if plan.kind is CycleKind.PARTIAL:
            return CycleResult.DONE, ""
        done = running.proven_to == plan.window.end
        return (CycleResult.DONE if done else CycleResult.UNPROVEN), ",".join(sorted(running.proofs))

    async def _window_around(self, request: CycleRequest, end: datetime) -> Window | None:
        """The seconds around the last change of the one item that is asked for, where OKKI tells it.

        To look for it in the list alone would read a large catalogue for an hour. It is taken from the list
        all the same, since a detail has other fields; without an answer here the whole list is read.
        """
        if request.only is None:
            return None
        try:
            found = await self._parts.client.find_by_number(self._parts.resource, request.only)
            by_id = bool(self._parts.resource.detail_path) and request.only.isascii()
            if found is None and by_id and request.only.isdigit():
                found = await self._parts.client.fetch_detail(self._parts.resource, SourceId(request.only))
        except (TryLaterError, RefusedError, CannotWorkError):
            return None
        shown = None if found is None else found.get(self._parts.resource.updated_field)
        at = parse_time(shown, self._parts.client.timezone)
        if at is None or at - _SECOND >= end:
            return None
        return Window(at - _SECOND, min(at + _SECOND, end))

    @property
    def _okki_offset(self) -> timedelta | None:
        """OKKI's clock minus ours at this moment, though ours may have been set since it last told."""
        theirs = self._parts.client.server_now
        return None if theirs is None else theirs - self._parts.clock.now()

    async def _plan(self, request: CycleRequest, running: Running) -> CyclePlan:
        """What to read; a full read that is owed, and a watermark that cannot be right, are written down."""
        view = await self._parts.ledger.read(pipelines.view, self._parts.pipeline)
        running.watermark = view.watermark
        plan = await self._planned(view, request)
        if plan.kind is CycleKind.FULL and plan.reason == WATERMARK_AHEAD and view.watermark is not None:
            await self._parts.ledger.write(
                cycles.pull_back_watermark,
                self._parts.pipeline,
                view.watermark,
                plan.window.end,
                self._parts.clock.now(),
            )
            running.watermark = plan.window.end
            self._parts.events.watermark_pulled_back(self._parts.pipeline, view.watermark, plan.window.end)
        elif plan.kind is CycleKind.FULL and plan.reason == ASKED_FOR:
            await self._parts.ledger.write(cycles.owe_full_read, self._parts.pipeline)
        return plan

    async def _planned(self, view: PipelineView, request: CycleRequest) -> CyclePlan:
        gaps = await self._parts.ledger.read(cycles.gaps, self._parts.pipeline)
        return plan_cycle(
            view,
            request,
            context_hash=self._parts.shaper.context,
            overlap=self._parts.source.overlap,
            full_every=self._parts.source.full_every,
            start_from=self._parts.source.start_from,
            gaps=gaps,
            okki_offset=self._okki_offset,
            now=self._parts.clock.now(),
        )

    async def _read_one(
        self, window: Window, request: CycleRequest, running: Running, *, is_gap: bool
    ) -> None:
        """Pages go through a bounded queue, so that OKKI is read while the ledger writes."""
        queue: asyncio.Queue[_FromReader] = asyncio.Queue(maxsize=_PAGES_AHEAD)
        reading = asyncio.create_task(self._produce(window, queue), name=f"read {self._parts.pipeline}")
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
                        await self._stager.stage(event, request, running, is_gap=is_gap)
                        if running.is_enough:
                            return
                    case SliceRead():
                        await self._closing.slice_read(event, running, is_gap=is_gap)
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading

    async def _produce(self, window: Window, queue: asyncio.Queue[_FromReader]) -> None:
        events: AsyncIterator[PageRead | SliceRead] = read_window(
            self._parts.client, self._parts.resource, self._parts.source, window
        )
        try:
            async for event in events:
                await queue.put(event)
        except Exception as error:  # noqa: BLE001 - handed over to the consumer, which raises it
            await queue.put(error)
        else:
            await queue.put(None)
