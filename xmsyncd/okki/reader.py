"""Reads a window of OKKI's list, page by page, until it is proven complete or cannot be (step 1).

The order of the list is unknown, and it changes while it is read. A slice is read forward; if that does not
prove it, backward (what leaves then shifts others towards pages still to come: repeats, no skips), forward
again, and then in halves.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from xmsyncd.errors import PageCapError
from xmsyncd.okki.proof import (
    PassSummary,
    ProofDecision,
    decide_proof,
    is_explained_by_departures,
    is_last_page,
)
from xmsyncd.okki.resources import Resource
from xmsyncd.okki.windows import Window, earliest_accepted, filters_of, halves_of
from xmsyncd.okki.wire import Page, parse_time
from xmsyncd.records import Item
from xmsyncd.settings import SourceSettings
from xmsyncd.transform.hashes import hash_of

__all__ = ["ListClient", "PageRead", "ProofDecision", "SliceRead", "Window", "read_window"]

_DEEPEST_HALF: Final = 8
# How much is read of the next window to explain what this one has lost, and how often it is tried.
_DEPARTURE_PAGES: Final = 10
_DEPARTURE_TRIES: Final = 3


class ListClient(Protocol):
    """What the reader needs of :class:`~xmsyncd.okki.client.OkkiClient`."""

    @property
    def timezone(self) -> ZoneInfo:
        """The zone of OKKI's times."""
        ...

    async def fetch_page(
        self,
        resource: Resource,
        params: Mapping[str, str],
        *,
        list_key: str,
        total_keys: Sequence[str],
    ) -> Page:
        """One page of a list."""
        ...


@dataclass(frozen=True, slots=True)
class PageRead:
    """One page, as soon as it is there. The same item may come again on later pages and passes."""

    items: tuple[Item, ...]
    """All of the page that is in the window, repeats included."""
    unreadable: tuple[Any, ...]
    """Entries without a usable id."""
    repeats: int
    """Of ``items``, those whose id this read has shown before."""
    outside: int
    """Entries left out because they were updated before the window: OKKI ignored the filter."""
    distinct: int
    """Distinct ids that this whole read has shown so far."""
    total: int | None
    page: int
    """From 1, whatever ``page_start`` is."""
    pass_number: int
    """From 1, within the slice."""
    window: Window
    """The slice."""
    server_now: datetime | None


@dataclass(frozen=True, slots=True)
class SliceRead:
    """A slice is finished: all its pages have been shown. Slices come in the order of their times.

    ``decision`` is one of the proven ones, or ``UNPROVEN``.
    """

    window: Window
    decision: ProofDecision
    passes: int


async def read_window(
    client: ListClient, resource: Resource, source: SourceSettings, window: Window
) -> AsyncGenerator[PageRead | SliceRead]:
    """Read a window whose end must not lie after OKKI's or our own now.

    Safe to abandon at any page and to repeat. After an unproven slice the following ones are still read.
    Raises ``PageCapError`` when a pass does not end within ``source.max_pages``, and whatever the client
    raises.
    """
    # As integers: at 100 000 products a set of texts would weigh.
    shown: set[int] = set()
    # A stack, not recursion: the earlier half is on top, so slices come in the order of time.
    slices: list[tuple[Window, int]] = [(window, 0)]
    while slices:
        piece, depth = slices.pop()
        reading = _SliceReading(client, resource, source, piece, shown)
        decision = ProofDecision.READ_AGAIN
        while decision is ProofDecision.READ_AGAIN:
            async with aclosing(reading.read_pass()) as pages:
                async for page in pages:
                    yield page
            decision = decide_proof(reading.passes, len(reading.union))
            if not decision.is_proven and await reading.is_explained_by_departures():
                decision = ProofDecision.PROVEN_DEPARTURES
        if decision is ProofDecision.HALVE:
            halves = None
            if depth < _DEEPEST_HALF:
                halves = halves_of(piece, reading.earliest_seen, source, client.timezone)
            if halves is not None:
                slices.extend((half, depth + 1) for half in reversed(halves))
                continue
            decision = ProofDecision.UNPROVEN
        yield SliceRead(piece, decision, len(reading.passes))


class _SliceReading:
    """The passes over one slice."""

    def __init__(
        self,
        client: ListClient,
        resource: Resource,
        source: SourceSettings,
        window: Window,
        shown: set[int],
    ) -> None:
        self._client = client
        self._resource = resource
        self._source = source
        self._window = window
        self._filters = filters_of(window, source, client.timezone)
        self._accepted_from = earliest_accepted(window, source)
        self._shown = shown
        self.passes: list[PassSummary] = []
        self.union: set[int] = set()
        self.earliest_seen: datetime | None = None
        self._previous: _Sightings | None = None

    async def read_pass(self) -> AsyncGenerator[PageRead]:
        """One pass; its summary is appended to ``passes`` at the end."""
        first_backward_page = self._first_backward_page()
        # In the first pass the union *is* what this pass saw; a set of its own comes with the second.
        sightings = _Sightings(set() if self.passes else self.union)
        number = first_backward_page or 1
        while True:
            if sightings.pages >= self._source.max_pages:
                raise PageCapError(
                    f"the list did not end within {self._source.max_pages} pages (source.max_pages)"
                )
            page = await self._fetch(number)
            # Made once, so that the sets share the integers.
            entries = [_id_number(item.source_id) for item in page.items]
            sightings.take(page, entries, self._entered(page, entries))
            self._note_times(page)
            yield self._shown_page(page, entries, number)
            if first_backward_page is None:
                if sightings.end_with(page):
                    break
                number += 1
            elif number > 1:
                number -= 1
            else:
                break
        # Only what is new: a set that is given another as large as itself doubles its table first.
        self.union |= sightings.seen - self.union
        self.passes.append(sightings.summary())
        sightings.forget_ids()
        self._previous = sightings

    async def is_explained_by_departures(self) -> bool:
        """Whether the next window shows what this one has lost while it was read (two requests, mostly).

        Tried only where a frozen window with totals has grown smaller; a few times, because the next edit may
        fall between the two requests.
        """
        last = self.passes[-1]
        first_total, last_total = self.passes[0].first_total, last.last_total
        if self._window.start is None or first_total is None or last_total is None:
            return False
        if last_total >= first_total or max(one.distinct for one in self.passes) > first_total:
            return False
        for _ in range(_DEPARTURE_TRIES):
            departed = await self._departed()
            if departed is None:
                return False
            now = await self._fetch(1)
            if now.total is None:
                return False
            if is_explained_by_departures(self.union, departed, first_total=first_total, total_now=now.total):
                return True
        return False

    async def _departed(self) -> set[int] | None:
        """The ids that the window after this one shows; ``None``: too many to read in passing."""
        end = self._window.end
        after = Window(end + timedelta(seconds=1), end + timedelta(days=2))
        filters = filters_of(after, self._source, self._client.timezone)
        departed: set[int] = set()
        for number in range(1, _DEPARTURE_PAGES + 1):
            page = await self._fetch(number, filters)
            before = len(departed)
            departed.update(_id_number(item.source_id) for item in page.items)
            if len(departed) == before or (page.total is not None and len(departed) >= page.total):
                return departed
        return None

    def _first_backward_page(self) -> int | None:
        """Where a backward pass begins; ``None`` for a forward one.

        The second pass goes backward if the first knew a total. Where the total lies low, the pages that the
        first found filled count all the same (or the lie would prove itself); where it lies high, it must
        not lead through thousands of empty pages.
        """
        first = self._previous
        if first is None or len(self.passes) > 1 or first.largest_page == 0 or first.last_total is None:
            return None
        by_total = -(-first.last_total // first.largest_page)
        # An empty page was the end of the list; a page shown again may have been, or a mass edit's doing.
        bound = first.pages + 1 if first.ended_empty else 2 * first.pages + 10
        page = min(max(by_total, first.last_fresh_page), bound, self._source.max_pages)
        return max(page, 1)

    def _entered(self, page: Page, entries: Sequence[int]) -> set[int]:
        """Of an unfiltered page, the items made since the read was begun. A filtered window gains nothing.

        Where the list does not tell when an item was made, those changed since count.
        """
        if self._window.start is not None:
            return set()

        def made_at(item: Item) -> datetime | None:
            made = item.raw.get(self._resource.created_field)
            return parse_time(made, self._client.timezone) or item.updated_at

        known = zip(page.items, entries, strict=True)
        return {entry for item, entry in known if (at := made_at(item)) is not None and at > self._window.end}

    async def _fetch(self, number: int, filters: Mapping[str, str] | None = None) -> Page:
        source = self._source
        params = {
            **(self._filters if filters is None else filters),
            **self._resource.page(source.page_start + number - 1, source.page_size),
            **source.params,
        }
        return await self._client.fetch_page(
            self._resource, params, list_key=source.list_key, total_keys=source.total_keys
        )

    def _note_times(self, page: Page) -> None:
        times = [item.updated_at for item in page.items if item.updated_at is not None]
        if self.earliest_seen is not None:
            times.append(self.earliest_seen)
        self.earliest_seen = min(times, default=None)

    def _shown_page(self, page: Page, entries: Sequence[int], number: int) -> PageRead:
        inside = [
            (item, entry) for item, entry in zip(page.items, entries, strict=True) if self._is_inside(item)
        ]
        items = tuple(item for item, _ in inside)
        before = len(self._shown)
        self._shown.update(entry for _, entry in inside)
        return PageRead(
            items=items,
            unreadable=page.unreadable,
            repeats=len(items) - (len(self._shown) - before),
            outside=len(page.items) - len(items),
            distinct=len(self._shown),
            total=page.total,
            page=number,
            pass_number=len(self.passes) + 1,
            window=self._window,
            server_now=page.server_now,
        )

    def _is_inside(self, item: Item) -> bool:
        accepted_from = self._accepted_from
        return accepted_from is None or item.updated_at is None or item.updated_at >= accepted_from


class _Sightings:
    """What one pass has seen so far."""

    def __init__(self, seen: set[int]) -> None:
        self.seen = seen
        self.pages = 0
        self.largest_page = 0
        self.last_fresh_page = 0
        """Counted in pages of this pass: the last that brought anything new."""
        self.ended_empty = False
        self.first_total: int | None = None
        self.last_total: int | None = None
        self._fingerprint = 0
        self._entered: set[int] = set()

    def take(self, page: Page, entries: Sequence[int], entered: set[int]) -> None:
        """Count a page; ``entries`` are the ids of its items, ``entered`` those that came during the read."""
        self._entered |= entered
        on_page = _entries_of(page)
        # A page beyond the end may hide the total, so those with entries are asked for it.
        if self.largest_page == 0:
            self.first_total = page.total
        if on_page or self.largest_page == 0:
            self.last_total = page.total
        self.pages += 1
        self.largest_page = max(self.largest_page, on_page)
        self.ended_empty = on_page == 0
        before = len(self.seen)
        for item, entry in zip(page.items, entries, strict=True):
            # The whole entry stands for its version where it tells no update time.
            version = item.updated_at.isoformat() if item.updated_at is not None else item.listed_hash
            self._see(entry, version)
        for raw in page.unreadable:
            self._see(_hashed(hash_of(raw)), "")
        if len(self.seen) > before:
            self.last_fresh_page = self.pages

    def end_with(self, page: Page) -> bool:
        """Whether a forward pass ends with this page, the last that was taken."""
        return is_last_page(
            on_page=_entries_of(page),
            largest_page=self.largest_page,
            stale=self.pages - self.last_fresh_page,
            distinct=len(self.seen),
            total=page.total,
        )

    def summary(self) -> PassSummary:
        """The pass, when it is over."""
        return PassSummary(
            self.first_total, self.last_total, len(self.seen), self._fingerprint, len(self._entered)
        )

    def forget_ids(self) -> None:
        """Free the memory of a pass that is over."""
        self.seen = set()

    def _see(self, entry: int, version: str) -> None:
        if entry not in self.seen:
            self.seen.add(entry)
            # The order of sightings does not matter, so passes in both directions can be compared.
            self._fingerprint ^= _hashed(f"{entry} {version}")


def _entries_of(page: Page) -> int:
    return len(page.items) + len(page.unreadable)


def _id_number(source_id: str) -> int:
    """An id in 8 bytes. Ids written differently ("7", "007") stay different."""
    if source_id.isascii() and source_id.isdigit() and source_id[0] != "0" and len(source_id) < 19:
        return int(source_id)
    return _hashed(source_id)


def _hashed(text: str) -> int:
    # Negative, so that no hash is ever taken for an id of digits.
    return -1 - int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
