"""Every instance of a form, page by page: sliced by creation time where Yida shows no deeper.

Yida pages only so deep (5,000 rows on its older search storage; vendor doc), counts what it finds, and shows
what its index has reached. So a slice is trusted once what was seen is what it counts; and absence from a
scan proves nothing by itself: the caller asks for the instance by its id.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from xmsyncd.errors import RefusedError
from xmsyncd.records import Found, InstanceId
from xmsyncd.yida.codes import SEARCH_TOO_DEEP
from xmsyncd.yida.wire import PAGE_SIZE

PASSES = 4
"""How often a slice is read until it is trusted."""

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
# Older than any form. Asking for the oldest row would save a handful of calls, and trust the order.
_BEGINNING = datetime(2015, 1, 1)  # noqa: DTZ001 - local time of Yida, as its filter takes it


@dataclass(frozen=True, slots=True)
class Created:
    """A stretch of creation times in Yida's local time, whole seconds, both ends included.

    The ends of the whole stretch are open: a wrong idea of Yida's time zone must not hide a row.
    """

    first: datetime
    last: datetime
    is_first: bool = True
    is_last: bool = True

    @property
    def bounds(self) -> tuple[str | None, str | None]:
        """As the search takes them: dates where whole days are meant, which is the documented form.

        A time reaches a second too far, because nobody says whether fractions of the last one are included.
        """
        whole_days = (self.is_first or self.first.time() == time.min) and (
            self.is_last or self.last.time() == time(23, 59, 59)
        )
        if whole_days:
            first, last = f"{self.first:%Y-%m-%d}", f"{self.last:%Y-%m-%d}"
        else:
            first, last = f"{self.first:%Y-%m-%d %H:%M:%S}", f"{self.last + _SECOND:%Y-%m-%d %H:%M:%S}"
        return None if self.is_first else first, None if self.is_last else last

    def halves(self) -> tuple[Created, Created] | None:
        """Earlier and later half, cut at midnight while there are days between; ``None`` for one second."""
        if self.last <= self.first:
            return None
        days = (self.last.date() - self.first.date()).days
        if days >= 1:
            cut = datetime.combine(_later(self.first.date(), (days + 1) // 2), time.min)
        else:
            cut = self.first + ((self.last - self.first) // _SECOND // 2 + 1) * _SECOND
        return (
            Created(self.first, cut - _SECOND, self.is_first, False),
            Created(cut, self.last, False, self.is_last),
        )


def _later(day: date, days: int) -> date:
    return day + timedelta(days=days)


@dataclass(frozen=True, slots=True)
class FormPage:
    """One page as Yida shows it. ``unreadable`` rows have an id (or none) and no form data."""

    rows: tuple[Found, ...]
    unreadable: int
    total: int


ReadPage = Callable[[tuple[str | None, str | None], int], Awaitable[FormPage]]
"""One page (from 1) of the instances created within these bounds, oldest first. Raises as a read does."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one page added. ``seen`` of ``total`` so far; ``is_complete`` is said by the last one.

    ``is_complete``: all that Yida counts was seen. ``rows`` are the instances not shown before.
    """

    rows: tuple[Found, ...]
    seen: int
    total: int
    unreadable: int = 0
    is_complete: bool = False


class FormScan:
    """One reading of a form. Iterate over :meth:`pages` once.

    With ``settled`` a slice counts as read only if its count was the same at both ends of one pass; without,
    it may grow meanwhile (deliveries go on). Raises ``RefusedError`` where more instances than ``depth`` were
    created in one second, or where the time filter has no effect.
    """

    def __init__(self, read: ReadPage, *, depth: int, now: datetime, settled: bool) -> None:
        """``now`` is Yida's local time, without a zone."""
        self._read = read
        self._depth = depth
        self._now = now.replace(microsecond=0)
        self._settled = settled
        self._seen: set[InstanceId] = set()
        self._unreadable = 0
        self._total = 0
        self._is_complete = True

    @property
    def seen(self) -> frozenset[InstanceId]:
        """The ids of all instances shown so far."""
        return frozenset(self._seen)

    async def pages(self) -> AsyncIterator[Scanned]:
        """The pages, each instance once; after the last one the whole is judged."""
        first = await self._read((None, None), 1)
        self._total = first.total
        yield self._scanned(first)
        if first.total <= self._depth:
            whole = Created(self._now, self._now)
            async for page in self._slice(whole, first):
                yield page
        else:
            span = Created(_BEGINNING, _midnight(self._now + 2 * _DAY) - _SECOND)
            async for page in self._halved(span, first.total):
                yield page
            again = await self._read((None, None), 1)
            self._total = again.total
            seen = len(self._seen) + self._unreadable
            self._is_complete &= seen == again.total if self._settled else seen >= again.total
            yield self._scanned(again)
        yield Scanned((), len(self._seen), self._total, 0, self._is_complete)

    async def _halved(self, span: Created, total: int) -> AsyncIterator[Scanned]:
        """A slice that is too deep, in two parts; each is asked once for its count."""
        halves = span.halves()
        if halves is None:
            raise RefusedError(
                f"{total} instances were created within a second of {span.first}, and a search shows at most "
                f"{self._depth} (target.search_depth): what is in them cannot be compared",
                code=SEARCH_TOO_DEEP,
            )
        firsts = [await self._read(half.bounds, 1) for half in halves]
        # Slices of seconds overlap by one, so only longer ones can tell.
        if span.last - span.first > _DAY and all(page.total >= total for page in firsts):
            raise RefusedError(
                f"the search counts {total} instances before {halves[1].first} and as many after it: its "
                f"filter by creation time has no effect, and without it no more than {self._depth} "
                "(target.search_depth) are shown",
                code=SEARCH_TOO_DEEP,
            )
        for half, page in zip(halves, firsts, strict=True):
            yield self._scanned(page)
            if page.total > self._depth:
                async for one in self._halved(half, page.total):
                    yield one
            else:
                async for one in self._slice(half, page):
                    yield one

    async def _slice(self, span: Created, page: FormPage) -> AsyncIterator[Scanned]:
        """The rest of a slice whose first page is here; read again until it is trusted."""
        everything: set[InstanceId] = set()
        unreadable = 0
        for number in range(PASSES):
            if number:
                page = await self._read(span.bounds, 1)
                yield self._scanned(page)
            first_total, ids, rows, unreadable = page.total, _ids(page), _size(page), page.unreadable
            page_number = 1
            while rows < page.total and _size(page) and page_number * PAGE_SIZE < self._depth:
                page_number += 1
                page = await self._read(span.bounds, page_number)
                ids |= _ids(page)
                rows += _size(page)
                unreadable += page.unreadable
                yield self._scanned(page)
            everything |= ids
            stable = first_total == page.total or not self._settled
            if stable and len(ids) + unreadable == page.total:
                self._unreadable += unreadable
                return
        self._unreadable += unreadable
        if self._settled or len(everything) + unreadable < page.total:
            self._is_complete = False

    def _scanned(self, page: FormPage) -> Scanned:
        fresh = tuple(row for row in page.rows if row.instance_id not in self._seen)
        self._seen.update(row.instance_id for row in fresh)
        self._total = max(self._total, len(self._seen))
        return Scanned(fresh, len(self._seen), self._total, page.unreadable)


def _ids(page: FormPage) -> set[InstanceId]:
    return {row.instance_id for row in page.rows}


def _size(page: FormPage) -> int:
    return len(page.rows) + page.unreadable


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), time.min)
