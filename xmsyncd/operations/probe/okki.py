"""Asks OKKI what its documentation leaves open, by reading only: some fifteen requests, at its pace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from xmsyncd.clock import Clock
from xmsyncd.errors import CannotWorkError, RefusedError, TryLaterError
from xmsyncd.okki.client import OkkiClient
from xmsyncd.okki.resources import resource_of
from xmsyncd.okki.wire import format_date, format_time, parse_time
from xmsyncd.operations.probe import okki_answers as decide
from xmsyncd.operations.probe.answers import Answer, failed, unknown
from xmsyncd.operations.probe.listed import Listed, listed_from
from xmsyncd.operations.probe.okki_answers import TimeFilter
from xmsyncd.records import Item, StopReason
from xmsyncd.settings import OkkiSettings, PipelineSettings, TokenBody
from xmsyncd.settings.schema import Path
from xmsyncd.transform.mapping import FieldMapping

_SECOND: Final = timedelta(seconds=1)
_BEYOND: Final = 1000
_FAR_PAGE: Final = 1_000_000
_TRIES: Final = 2

ClientFor = Callable[..., OkkiClient]
"""A client of the connection with some of its settings changed."""


class OkkiProbe:
    """The questions of one connection and one pipeline's source."""

    def __init__(
        self,
        connection: str,
        settings: OkkiSettings,
        pipeline: str,
        source: PipelineSettings,
        mapping: FieldMapping,
        *,
        client_for: ClientFor,
        clock: Clock,
    ) -> None:
        self._where_connection: Path = ("okki", connection)
        self._settings = settings
        self._where: Path = ("pipelines", pipeline, "source")
        self._source = source.source
        self._mapping = mapping
        self._resource = resource_of(self._source)
        self._client_for = client_for
        self._clock = clock
        self.answers: list[Answer] = []

    async def run(self) -> list[Answer]:
        """Ask everything; what a vendor answers ends in the answers, nothing of it is raised."""
        body = await self._token_body()
        if body is None:
            return self.answers
        client = await self._header(body)
        if client is None:
            return self.answers
        largest = await self._list_or_none(client, number=1, count=decide.LARGEST_PAGE)
        try:
            first = largest or await self._list(client, number=1, count=self._source.page_size)
        except (CannotWorkError, RefusedError, TryLaterError) as error:
            self.answers.append(decide.refused_list(self._settings.success_codes, error.code, str(error)))
            return self.answers
        by_envelope = None if first.told_now is None else first.told_now - self._clock.now()
        await self._questions(client, first, largest)
        now, offset = self._clock.now(), client.clock_offset
        self.answers.append(decide.clock(offset, by_envelope))
        self.answers.append(decide.update_times(first.items, now + (offset or timedelta(0))))
        return self.answers

    async def _token_body(self) -> TokenBody | None:
        taken: dict[TokenBody, bool] = {}
        for body in TokenBody:
            client = self._client_for(token_body=body, token_form_fallback=False, tries=_TRIES)
            try:
                await client.authenticate()
            except CannotWorkError as error:
                taken[body] = False
                if error.reason is not StopReason.CONFIGURATION:
                    self.answers.append(failed("token request", f"{error.reason}: {error}"))
                    return None  # the body was read: another encoding would say the same
            except (RefusedError, TryLaterError) as error:
                self.answers.append(unknown("token request", str(error), "look at base_url and the network"))
                return None
            else:
                taken[body] = True
        answer = decide.token_body(self._where_connection, self._settings.token_body, taken)
        self.answers.append(answer)
        return TokenBody(answer.fitting) if answer.fitting is not None else None

    async def _header(self, body: TokenBody) -> OkkiClient | None:
        """The client whose header OKKI takes: as configured, else the other way."""
        current = self._settings.auth_prefix
        for prefix in dict.fromkeys((current, "Bearer ", "")):
            client = self._client_for(
                token_body=body, token_form_fallback=False, auth_prefix=prefix, tries=_TRIES
            )
            try:
                await self._list(client, number=1, count=1)
            except CannotWorkError as error:
                if error.reason is StopReason.CREDENTIALS:
                    continue
                self.answers.append(failed("the list", f"{error.reason}: {error}"))
                return None
            except TryLaterError:
                return client  # the next question will say what is wrong
            except RefusedError:
                pass  # the token was taken all the same
            self.answers.append(decide.auth_prefix(self._where_connection, current, prefix))
            return client
        self.answers.append(decide.auth_prefix(self._where_connection, current, None))
        return None

    async def _questions(self, client: OkkiClient, first: Listed, largest: Listed | None) -> None:
        add, source, items = self.answers.append, self._source, first.items
        add(decide.success_code(first))
        add(decide.list_key(self._where, source.list_key, first))
        add(decide.total_key(self._where, source.total_keys, first))
        add(decide.page_size(self._where, source.page_size, decide.LARGEST_PAGE, largest))
        zeroth = await self._list_or_none(client, number=0, count=decide.LARGEST_PAGE, tries=1)
        add(decide.page_start(self._where, source.page_start, first, zeroth))
        add(decide.order(items))
        pages = _BEYOND if first.total is None else first.total // max(1, first.entries) + _BEYOND
        beyond = await self._list_or_none(client, number=min(pages, _FAR_PAGE), count=decide.LARGEST_PAGE)
        add(decide.beyond_the_end(first, beyond))
        self.answers += await self._time_filter(client, items)
        add(await self._details(client, items))
        add(decide.deleted(items, self._resource.deleted_field))
        if self._resource.groups_path:
            add(await self._groups(client, items))

    async def _time_filter(self, client: OkkiClient, items: tuple[Item, ...]) -> list[Answer]:
        zone = client.timezone
        created = {
            item.source_id: parse_time(item.raw.get(self._resource.created_field), zone) for item in items
        }
        pivot = decide.pivot_of(items, zone, created)
        if pivot is None:
            return decide.time_filter(self._where, self._source, TimeFilter.UNCLEAR, None)
        kind = await self._kind_of_filter(client, pivot, self._source.time_type)
        without = None
        if kind in (TimeFilter.IGNORED, TimeFilter.UNCLEAR) and self._source.time_type is not None:
            without = await self._kind_of_filter(client, pivot, None)
        return decide.time_filter(self._where, self._source, kind, without)

    async def _kind_of_filter(self, client: OkkiClient, pivot: Item, time_type: int | None) -> TimeFilter:
        at, zone = pivot.updated_at, client.timezone
        if at is None:
            return TimeFilter.UNCLEAR
        local_midnight = at.astimezone(zone).replace(hour=0, minute=0, second=0)
        end_of_day = local_midnight + timedelta(days=1) - _SECOND
        typed = {} if time_type is None else {"time_type": str(time_type)}

        async def window(start: str, end: str) -> Listed | None:
            filters = {"start_time": start, "end_time": end, **typed}
            return await self._list_or_none(client, number=1, count=decide.LARGEST_PAGE, filters=filters)

        def times(start: datetime, end: datetime) -> tuple[str, str]:
            return format_time(start, zone), format_time(end, zone)

        exact = await window(*times(at - _SECOND, at + _SECOND))
        rest = whole = None
        if exact is not None and pivot.source_id in exact.ids:
            rest = await window(*times(at + 2 * _SECOND, end_of_day))
        kind = decide.decide_time_filter(pivot, exact, rest, None)
        if kind is TimeFilter.UNCLEAR:
            whole = await window(format_date(at, zone), format_date(at + timedelta(days=1), zone))
            kind = decide.decide_time_filter(pivot, exact, rest, whole)
        return kind

    async def _details(self, client: OkkiClient, items: tuple[Item, ...]) -> Answer:
        needs = self._mapping.item_needs
        listed = {name for item in items for name in item.raw}
        detail: Mapping[str, Any] | None = None
        if items and self._resource.detail_path and needs - listed:
            try:
                detail = await client.fetch_detail(self._resource, items[0].source_id)
            except (CannotWorkError, RefusedError, TryLaterError):
                detail = None
        return decide.details(self._where, self._source, needs, items, detail)

    async def _groups(self, client: OkkiClient, items: tuple[Item, ...]) -> Answer:
        try:
            return decide.groups(await client.fetch_groups(self._resource), items)
        except (CannotWorkError, RefusedError, TryLaterError) as error:
            if self._mapping.derived_needs:
                return failed("product groups", str(error), "the mapping uses their levels")
            return unknown("product groups", str(error))

    async def _list(
        self,
        client: OkkiClient,
        *,
        number: int,
        count: int,
        filters: Mapping[str, str] | None = None,
        tries: int | None = None,
    ) -> Listed:
        params = {**(filters or {}), **self._resource.page(number, count), **self._source.params}
        envelope = await client.fetch_envelope(self._resource, params, tries=tries)
        return listed_from(envelope, self._source, self._resource, client.timezone)

    async def _list_or_none(
        self,
        client: OkkiClient,
        *,
        number: int,
        count: int,
        filters: Mapping[str, str] | None = None,
        tries: int | None = None,
    ) -> Listed | None:
        """``None`` where OKKI refuses the question, which is an answer too."""
        try:
            return await self._list(client, number=number, count=count, filters=filters, tries=tries)
        except (CannotWorkError, RefusedError, TryLaterError):
            return None
