"""Steps 2 and 3 of a cycle: what of a page is wanted is shaped and staged, in one transaction a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from xmsyncd.cycle.parts import CycleParts
from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.cycle.progress import Running
from xmsyncd.cycle.second_chance import ALWAYS_TRIED, TRIED_TOGETHER, SecondChance, next_batch
from xmsyncd.cycle.shape import TRIED_AGAIN, UNREADABLE, unreadable_item
from xmsyncd.ledger import pages, people, staging
from xmsyncd.ledger.staging import StagedPage
from xmsyncd.ledger.views import Listed, StageEntry
from xmsyncd.okki.reader import PageRead
from xmsyncd.records import Draft, Filtered, Item, Rejection, RejectionReason, SourceId
from xmsyncd.settings import OnChange
from xmsyncd.steps import Step

# What was filtered while it was on its way has been decided since.
_SECOND_CHANCE = (*TRIED_AGAIN, RejectionReason.FILTERED)


class PageStager:
    """Stages the pages of one cycle after the other."""

    def __init__(self, parts: CycleParts) -> None:
        self._parts = parts

    async def try_rejected_again(self, running: Running) -> None:
        """Products whose rejection lies elsewhere (group, detail) get another chance each cycle."""
        started, tried, decision = self._parts.clock.monotonic(), 0, SecondChance.GO_ON
        while decision is SecondChance.GO_ON:
            kept = await self._parts.ledger.read(
                people.rejected_items,
                self._parts.pipeline,
                _SECOND_CHANCE,
                ALWAYS_TRIED,
                not_in=running.cycle_id,
            )
            items = tuple(item for item, _ in kept)
            if not items:
                return
            known = await self._parts.ledger.read(
                staging.listed, self._parts.pipeline, [item.source_id for item in items]
            )
            mended = 0
            for start in range(0, len(items), TRIED_TOGETHER):
                some = items[start : start + TRIED_TOGETHER]
                shaped = await self._parts.shaper.shape(some, known)
                mended += await self._stage_again(shaped.entries, known, running)
                if shaped.cut_short_by is not None or self._details_are_away:
                    return  # OKKI's details are away: the others have their turn in the next cycle
            tried += len(items)
            passed = timedelta(seconds=self._parts.clock.monotonic() - started)
            decision = next_batch(tried, mended, passed)

    @property
    def _details_are_away(self) -> bool:
        return self._parts.shaper.details_away_in_a_row >= TRIED_TOGETHER

    async def _stage_again(
        self, entries: tuple[StageEntry, ...], known: Mapping[SourceId, Listed], running: Running
    ) -> int:
        """Stage what was tried again; returns how many of them came right."""
        staged = await self._write_page(entries, running)
        running.progress.decisions.update(staged.decisions)
        running.progress.read += len(entries)
        running.gap_ids.update(entry.item.source_id for entry in entries)
        self._parts.staged()
        accepted = sum(
            isinstance(entry.result, Draft)
            or (isinstance(entry.result, Filtered) and _is_news(known.get(entry.item.source_id)))
            for entry in entries
        )
        return accepted - sum(staged.turned_down.values())

    async def stage(self, page: PageRead, request: CycleRequest, running: Running, *, is_gap: bool) -> None:
        """Stage a page. Raises what kept the details of its products away, after the others are staged."""
        items = page.items
        is_deleted = self._is_deleted
        if request.limit is not None:
            items = tuple(item for item in items if not is_deleted(item))
        if request.is_partial:
            items = await self._chosen(items, request, running)
        deleted = tuple(item for item in items if is_deleted(item))
        items = tuple(item for item in items if not is_deleted(item))
        known = await self._parts.ledger.read(
            staging.listed, self._parts.pipeline, [item.source_id for item in items]
        )
        shaped = await self._parts.shaper.shape(items, known)
        entries = (
            *shaped.entries,
            *(
                unreadable_item(raw, self._parts.resource.id_field)
                for raw in page.unreadable
                if not request.is_partial
            ),
        )
        self._parts.shaped(entries)
        staged = await self._write_page(entries, running, living=items, deleted=deleted)
        if shaped.cut_short_by is not None:
            raise shaped.cut_short_by
        self._count(page, entries, deleted, staged, running, request, is_gap=is_gap)
        self._parts.step(Step.STAGED)
        self._parts.staged()

    async def stage_one(self, entry: StageEntry, running: Running) -> None:
        """Stage one item, whatever list it comes from."""
        await self._write_page((entry,), running, living=(entry.item,))

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
        """By OKKI's id, its number, or the key that the mapping makes of what is listed."""
        number = item.raw.get(self._parts.resource.number_field, "")
        if item.source_id == key or str(number).strip() == key:
            return True
        return (await self._parts.shaper.map_item(item, None)).key == key

    async def _write_page(
        self,
        entries: tuple[StageEntry, ...],
        running: Running,
        *,
        living: tuple[Item, ...] = (),
        deleted: tuple[Item, ...] = (),
    ) -> StagedPage:
        staged, unknown = await self._parts.ledger.write(
            pages.write_page,
            self._parts.pipeline,
            self._parts.form,
            running.cycle_id or 0,
            self._parts.shaper.context,
            entries,
            living=living,
            deleted=deleted,
            filtered=frozenset(running.filtered),
            mark=self._parts.mark,
            ignore_changes=self._parts.on_change is OnChange.IGNORE,
            guard=self._parts.guard,
            now=self._parts.clock.now(),
            counts=running.counts(self._parts.shaper.detail_calls),
            plan=self._parts.shaper.quality,
        )
        self._parts.events.quality_checked(self._parts.pipeline, staged.checks)
        self._parts.events.records_set_aside(self._parts.pipeline, staged.set_aside)
        running.filtered |= unknown
        running.filtered -= {entry.item.source_id for entry in entries}
        return staged

    def _count(
        self,
        page: PageRead,
        entries: tuple[StageEntry, ...],
        deleted: tuple[Item, ...],
        staged: StagedPage,
        running: Running,
        request: CycleRequest,
        *,
        is_gap: bool,
    ) -> None:
        progress = running.progress
        progress.pages += 1
        progress.repeats += page.repeats
        progress.total = page.total
        progress.decisions.update(staged.decisions)
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
        rejected.update(staged.turned_down)
        self._parts.events.page_staged(
            self._parts.pipeline, staged.decisions, rejected, len(page.items) + len(page.unreadable)
        )

    def _is_deleted(self, item: Item) -> bool:
        """Whether OKKI lists it as deleted (a flag of 0: vendor doc; whether it lists such, unknown)."""
        flag = self._parts.resource.deleted_field
        return bool(flag) and str(item.raw.get(flag, "1")).strip() == "0"


def _is_news(known: Listed | None) -> bool:
    """Whether it is left out for the first time: what was left out before has not come right by it."""
    return known is None or known.rejection != RejectionReason.FILTERED
