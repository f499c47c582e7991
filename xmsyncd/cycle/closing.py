"""Step 7: what a window's proof means for gaps and watermark, and the end of a cycle, in one transaction."""

from __future__ import annotations

from xmsyncd.cycle.parts import CycleParts
from xmsyncd.cycle.progress import CycleReport, Running
from xmsyncd.errors import CannotWorkError
from xmsyncd.ledger import cycles, pages
from xmsyncd.ledger import guard as ledger_guard
from xmsyncd.ledger.cycles import CycleKind, CycleResult
from xmsyncd.okki.proof import ProofDecision
from xmsyncd.okki.reader import SliceRead
from xmsyncd.okki.windows import BEGINNING
from xmsyncd.steps import Step


class Closing:
    """Takes note of what is proven, and closes one cycle after the other."""

    def __init__(self, parts: CycleParts) -> None:
        self._parts = parts

    async def slice_read(self, done: SliceRead, running: Running, *, is_gap: bool) -> None:
        """A slice of a window was read: proven, or counted as unproven once more."""
        self._parts.events.window_proved(self._parts.pipeline, done.decision)
        if running.plan is None or running.plan.kind is CycleKind.PARTIAL:
            return
        running.proofs.add(done.decision)
        window = done.window
        if done.decision is not ProofDecision.UNPROVEN:
            # Read in halves it was read with a filter, which an edit in between can leave.
            running.is_complete = window == running.plan.window and window.start is None and not is_gap
            await self._parts.ledger.write(cycles.close_gaps, self._parts.pipeline, window.start, window.end)
            if not is_gap and running.is_contiguous:
                running.proven_to = window.end
            return
        if running.plan.is_reread:
            # What was passed long ago does not become a gap by being read again.
            running.is_contiguous = False
            return
        passed_to = await self._parts.ledger.write(
            cycles.note_unproven,
            self._parts.pipeline,
            window.start or BEGINNING,
            window.end,
            self._parts.source.proof_cycles,
            self._parts.clock.now(),
        )
        if is_gap or not running.is_contiguous:
            return
        running.proven_to = passed_to or running.proven_to
        running.is_contiguous = passed_to == window.end

    async def finish(
        self, running: Running, result: CycleResult, proof: str, error: Exception | None, started: float
    ) -> CycleReport:
        """Close the cycle: watermark, deletions, balance, result; tell it, and return the report."""
        plan = running.plan
        kind = CycleKind.INCREMENTAL if plan is None else plan.kind
        detail = "" if error is None else str(error)
        watermark = None
        balance = 0
        cannot_work = error.reason if isinstance(error, CannotWorkError) else None
        if running.cycle_id is None and error is not None:
            running.cycle_id = await self._parts.ledger.write(
                cycles.fail_to_begin, self._parts.pipeline, detail, cannot_work, self._parts.clock.now()
            )
        elif running.cycle_id is not None and plan is not None:
            ended = result in (CycleResult.DONE, CycleResult.UNPROVEN)
            moves = kind is not CycleKind.PARTIAL and not plan.is_reread
            if moves and ended and running.proven_to is not None:
                # OKKI's own clock bounds it again: the offset was learnt from an earlier answer.
                watermark = min(running.proven_to, running.okki_now or running.proven_to)
            whole = kind in (CycleKind.FULL, CycleKind.FIRST) and ended and _is_whole(running, result)
            self._parts.step(Step.CLOSING)
            if ended and running.is_complete and kind in (CycleKind.FULL, CycleKind.FIRST):
                await self._count_absent(running)
            balance = await self._parts.ledger.write(
                cycles.finish,
                running.cycle_id,
                self._parts.pipeline,
                result,
                running.counts(self._parts.shaper.detail_calls),
                now=self._parts.clock.now(),
                watermark=watermark,
                is_fresh=moves,
                full_read=running.context if whole else None,
                parts=running.context_parts,
                proof=proof,
                detail=detail,
                cannot_work=cannot_work,
            )
        held = await self._parts.ledger.write(
            ledger_guard.report, self._parts.pipeline, self._parts.guard, self._parts.clock.now()
        )
        if held is not None:
            self._parts.events.updates_held(self._parts.pipeline, held)
        report = CycleReport(
            running.cycle_id,
            kind,
            result,
            running.progress,
            self._parts.shaper.detail_calls,
            balance,
            watermark,
            error,
        )
        seconds = self._parts.clock.monotonic() - started
        self._parts.events.cycle_finished(self._parts.pipeline, report, seconds)
        return report

    async def _count_absent(self, running: Running) -> None:
        """A complete read of everything: what it did not show may have been deleted."""
        goes_on = True
        while goes_on:
            absences = await self._parts.ledger.write(
                pages.count_absent,
                self._parts.pipeline,
                running.cycle_id or 0,
                tuple(running.gap_ids - running.met_again),
                self._parts.mark,
                self._parts.guard,
                self._parts.clock.now(),
                accepted=running.accepts_absences,
            )
            running.progress.absent += absences.deleted
            running.progress.doubted = absences.doubted
            # What is accepted is done in this cycle: the next one would doubt what is left.
            goes_on = running.accepts_absences and absences.left > 0
        if running.progress.doubted:
            self._parts.events.absences_doubted(self._parts.pipeline, running.progress.doubted)
        elif running.progress.absent:
            self._parts.events.records_deleted(self._parts.pipeline, running.progress.absent)
            self._parts.staged()


def _is_whole(running: Running, result: CycleResult) -> bool:
    """Whether a full read counts as one: proven, or passed, as far as the cycles before it had come.

    What lies behind that is read again by the next window in any case. Where nothing can ever be proven,
    each cycle would otherwise be a full one.
    """
    if result is CycleResult.DONE:
        return True
    proven_to, before = running.proven_to, running.watermark
    return proven_to is not None and before is not None and proven_to >= before
