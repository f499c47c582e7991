"""Writing, looking and asking for one process form of Yida (step 5).

Writes end in an :class:`Outcome` and never raise for what vendor or network do; reads raise errors named by
what is done next.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from xmsyncd.errors import ReserveSpentError, TryLaterError
from xmsyncd.records import Content, Family, Found, InstanceId, KeyValue, Operation, Outcome
from xmsyncd.settings import TargetSettings
from xmsyncd.transport.classify import Verdict
from xmsyncd.transport.session import Call
from xmsyncd.yida import answers, wire
from xmsyncd.yida.answers import ApprovalNode, Component, InstancePage, UnreadableError
from xmsyncd.yida.client import Answer, YidaClient
from xmsyncd.yida.codes import (
    NO_INSTANCE_ID,
    SEARCH_INCOMPLETE,
    SEARCH_TOO_WIDE,
    UNREADABLE,
    UNWRITABLE,
    Table,
)
from xmsyncd.yida.failures import error_of
from xmsyncd.yida.kinds import Shape
from xmsyncd.yida.marks import is_mark
from xmsyncd.yida.scan import FormPage

# Rows that a count looks at, in the same one call: enough to tell a few marks of probes from products.
_COUNTED_ROWS = 10

MAX_PAGES = 3
"""Pages that one look reads at most: 300 instances that Yida takes for one key are no look-up any more."""

_KINDS = {Table.START: Operation.CREATE, Table.UPDATE: Operation.UPDATE}

PermitFor = Callable[[str], Awaitable[None]]
"""Waits for leave to make one call of the API named (one of :data:`wire.APIS`)."""


class CallMeter(Protocol):
    """Who counts the calls that the vendor may meter, but for those that a claim has counted."""

    async def take(self, kind: str) -> None:
        """Count one call (a read: by its endpoint) before it is sent; ``ReserveSpentError`` forbids it."""
        ...

    async def give_back(self, kind: str, calls: int) -> None:
        """That many of those that were taken were not metered after all."""
        ...


class ProcessWriter:
    """The instances of one process form.

    ``shapes`` are the mapped components: what :class:`Found` shows and an update writes. For a write
    the caller holds the permit of the first try and has counted it (``Outcome.calls`` says what it came to);
    reads take theirs inside and count with ``meter``. ``volatile`` components do not count in a comparison.
    """

    def __init__(
        self,
        client: YidaClient,
        target: TargetSettings,
        shapes: Mapping[str, Shape],
        permit_for: PermitFor,
        *,
        meter: CallMeter,
        volatile: frozenset[str] = frozenset(),
    ) -> None:
        self._client = client
        self._target = target
        self._shapes = dict(shapes)
        self._volatile = volatile
        self._permit_for = permit_for
        self._meter = meter
        self._reads = 0
        self._zone = ZoneInfo(target.instance_timezone)

    @property
    def reads(self) -> int:
        """Calls of reads through this object that the vendor may have metered."""
        return self._reads

    async def create(self, content: Content) -> Outcome:
        """Start an instance. Not safe to repeat unless the outcome's family says so."""
        try:
            call = wire.start_call(self._target, content)
        except ValueError as error:
            return _unwritable(error)
        answer = await self._write(call, Table.START)
        if answer.verdict.family is not Family.DELIVERED:
            return _outcome(answer)
        instance_id = answers.instance_id_of(answer.reply.body) if answer.reply is not None else None
        if instance_id is None:
            message = "the answer names no instance"
            if answer.reply is not None:
                family = Family.UNDECIDED
                self._client.note_unreadable(wire.START, answer.reply, family, NO_INSTANCE_ID, message)
            return Outcome(
                family=Family.UNDECIDED,
                code=NO_INSTANCE_ID,
                message=message,
                request_id=answer.verdict.request_id,
                calls=answer.calls,
            )
        return _outcome(answer, instance_id)

    async def update(self, instance_id: InstanceId, content: Content) -> Outcome:
        """Write every component of ``content``. Safe to repeat: the same content ends the same."""
        try:
            call = wire.update_call(self._target, instance_id, content)
        except ValueError as error:
            return _unwritable(error)
        return _outcome(await self._write(call, Table.UPDATE), instance_id)

    async def search(self, key: KeyValue) -> tuple[Found, ...]:
        """Every instance that Yida shows for the key; comparing exactly is the caller's.

        An empty answer means that Yida counted none. Rows that it counted and did not show are an error
        unless one that was shown has exactly this key: TryLaterError, or RefusedError beyond 300 rows. Raises
        the errors of :func:`error_of` besides.
        """
        conditions = [wire.key_condition(self._target, key)]
        found: dict[InstanceId, Found] = {}
        shown = 0
        for number in range(1, MAX_PAGES + 1):
            page = await self._fetch_page(conditions, number, wire.PAGE_SIZE)
            for row in page.rows:
                instance = self._found(row, wire.SEARCH)
                found[instance.instance_id] = instance
            shown += len(page.rows)
            complete = len(page.rows) < wire.PAGE_SIZE if page.total is None else shown >= page.total
            if complete:
                return tuple(found.values())
            if not page.rows:
                break
        if any(instance.key == key for instance in found.values()):
            return tuple(found.values())
        too_wide = shown >= MAX_PAGES * wire.PAGE_SIZE
        raise error_of(
            Verdict(
                family=Family.REFUSED if too_wide else Family.TRY_LATER,
                code=SEARCH_TOO_WIDE if too_wide else SEARCH_INCOMPLETE,
                message=f"the search counts more instances for one key than the {shown} it shows",
            ),
            connection=self._client.name,
            endpoint=wire.SEARCH,
        )

    async def get(self, instance_id: InstanceId) -> Found | None:
        """The instance as its own store shows it; None when it is gone. Raises the errors of a read."""
        shown = await self.get_as_shown(instance_id)
        return None if shown is None else shown[0]

    async def get_as_shown(self, instance_id: InstanceId) -> tuple[Found, Mapping[str, Any]] | None:
        """As :meth:`get`, with the form data beside it as Yida shows them, not normalised."""
        answer = await self._send_read(wire.get_call(self._target, instance_id), Table.GET)
        if answer.verdict.family is Family.GONE:
            return None
        row = self._body_of(answer, wire.GET)
        if isinstance(row, dict) and isinstance(row.get("result"), dict) and "data" not in row:
            row = row["result"]
        if isinstance(row, dict):
            # The answer to a get is about the id that was asked for, whether it repeats it or not.
            row = {"processInstanceId": instance_id, **row}
        found = self._found(row, wire.GET)
        if found.instance_id != instance_id:
            raise self._unreadable(wire.GET, "an instance other than the one asked for")
        return found, answers.form_data_of(row) or {}

    async def form_page(self, created: tuple[str | None, str | None], number: int) -> FormPage:
        """A page of the form's instances, oldest first, created within bounds as :func:`wire.search_call` has
        them. A row without form data is counted and not shown. Raises the errors of a read."""
        call = wire.search_call(
            self._target,
            conditions=[],
            page_number=number,
            page_size=wire.PAGE_SIZE,
            created=created,
            oldest_first=True,
        )
        page = await self._page_of(call)
        if page.total is None:
            raise self._unreadable(wire.SEARCH, "a search answer without totalCount")
        rows = []
        for row in page.rows:
            with contextlib.suppress(UnreadableError):
                rows.append(answers.found_of(row, self._shapes, self._target.key, self._zone, self._volatile))
        return FormPage(tuple(rows), len(page.rows) - len(rows), page.total)

    async def count_instances(self) -> int:
        """How many instances of the form the user may see, by the search. Raises the errors of a read.

        Instances that a probe has started do not count, where there are no more than ten altogether.
        """
        page = await self._fetch_page([], 1, _COUNTED_ROWS)
        if page.total is None:
            raise self._unreadable(wire.SEARCH, "a search answer without totalCount")
        if page.total > len(page.rows):
            return page.total
        return page.total - sum(is_mark(self._found(row, wire.SEARCH).key) for row in page.rows)

    async def first_page(self) -> tuple[tuple[Found, ...], int | None]:
        """Up to 100 instances, whatever they hold, and how many Yida counts; the order is Yida's own.

        Raises the errors of a read.
        """
        page = await self._fetch_page([], 1, wire.PAGE_SIZE)
        return tuple(self._found(row, wire.SEARCH) for row in page.rows), page.total

    async def preview(self, content: Content) -> tuple[ApprovalNode, ...]:
        """The nodes that a start with this content would pass, nothing being started.

        Raises the errors of a read, and ValueError for content that cannot be written as JSON.
        """
        answer = await self._send_read(wire.preview_call(self._target, content), Table.READ)
        try:
            return answers.nodes_of(self._body_of(answer, wire.PREVIEW))
        except UnreadableError as error:
            raise self._unreadable(wire.PREVIEW, str(error)) from error

    async def delete(self, instance_id: InstanceId) -> Outcome:
        """Delete an instance. Safe to repeat: one that is no longer there ends as ``gone``.

        The caller holds the permit of the first try, as for every write.
        """
        return _outcome(await self._write(wire.delete_call(self._target, instance_id), Table.UPDATE))

    async def definitions(self) -> tuple[Component, ...]:
        """The components of the form, sub-table children included. Raises the errors of a read."""
        answer = await self._send_read(wire.definitions_call(self._target), Table.READ)
        try:
            return answers.components_of(self._body_of(answer, wire.DEFINITIONS))
        except UnreadableError as error:
            raise self._unreadable(wire.DEFINITIONS, str(error)) from error

    async def _write(self, call: Call, table: Table) -> Answer:
        """The claim has counted the first try; a repeat counts itself, before it goes, like any call."""
        repeats = 0

        async def permit() -> None:
            nonlocal repeats
            await self._permit_for(call.endpoint)
            try:
                await self._meter.take(_KINDS[table])
            except ReserveSpentError as error:
                raise TryLaterError(str(error)) from error  # the token was stale: nothing was executed
            repeats += 1

        answer = await self._client.call(call, table=table, permit=permit)
        return dataclasses.replace(answer, calls=answer.calls - repeats)

    async def _fetch_page(self, conditions: Sequence[Any], page_number: int, page_size: int) -> InstancePage:
        call = wire.search_call(
            self._target, conditions=conditions, page_number=page_number, page_size=page_size
        )
        return await self._page_of(call)

    async def _page_of(self, call: Call) -> InstancePage:
        answer = await self._send_read(call, Table.READ)
        try:
            return answers.page_of(self._body_of(answer, wire.SEARCH))
        except UnreadableError as error:
            raise self._unreadable(wire.SEARCH, str(error)) from error

    async def _send_read(self, call: Call, table: Table) -> Answer:
        taken = 0

        async def permit() -> None:
            nonlocal taken
            await self._permit_for(call.endpoint)
            await self._meter.take(call.endpoint)
            taken += 1
            self._reads += 1

        await permit()
        answer = await self._client.call(call, table=table, permit=permit)
        if answer.calls != taken:
            self._reads -= taken - answer.calls
            await self._meter.give_back(call.endpoint, taken - answer.calls)
        return answer

    def _body_of(self, answer: Answer, endpoint: str) -> Any:
        if answer.verdict.family is not Family.DELIVERED or answer.reply is None:
            raise error_of(answer.verdict, connection=self._client.name, endpoint=endpoint)
        return answer.reply.body

    def _found(self, row: Any, endpoint: str) -> Found:
        try:
            return answers.found_of(row, self._shapes, self._target.key, self._zone, self._volatile)
        except UnreadableError as error:
            raise self._unreadable(endpoint, str(error)) from error

    def _unreadable(self, endpoint: str, message: str) -> TryLaterError:
        return TryLaterError(
            f"{self._client.name}: Yida's {endpoint} call: {message}",
            connection=self._client.name,
            endpoint=endpoint,
            code=UNREADABLE,
        )


def _outcome(answer: Answer, instance_id: InstanceId | None = None) -> Outcome:
    verdict = answer.verdict
    return Outcome(
        family=verdict.family,
        instance_id=instance_id if verdict.family is Family.DELIVERED else None,
        wait=verdict.wait,
        stop_reason=verdict.stop_reason,
        code=verdict.code,
        message=verdict.message,
        request_id=verdict.request_id,
        calls=answer.calls,
    )


def _unwritable(error: ValueError) -> Outcome:
    return Outcome(family=Family.REFUSED, code=UNWRITABLE, message=str(error), calls=0)
