"""The mapping as of this cycle: made anew when a look-up file, a function or OKKI's dictionary has changed.

What cannot be used any more ends the cycle with its reason; what was mapped before is never put in its place,
nor are blanks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from xmsyncd.clock import Clock
from xmsyncd.errors import ConfigurationError, UnusableMappingError
from xmsyncd.hook.process import Hook
from xmsyncd.transform.custom_fields import FieldDictionary
from xmsyncd.transform.mapping import FieldMapping
from xmsyncd.transform.tables import Tables

Compile = Callable[[Tables, FieldDictionary | None], FieldMapping]
"""Raises ConfigurationError."""


class CurrentMapping:
    """The mapping of one pipeline; :meth:`refresh` runs at the start of each cycle."""

    def __init__(
        self,
        compile_mapping: Compile,
        *,
        tables: Tables,
        read_tables: Callable[[frozenset[str]], Tables],
        fetch_fields: Callable[[], Awaitable[FieldDictionary]],
        keep_fields: timedelta,
        clock: Clock,
        hook: Hook | None = None,
    ) -> None:
        """``read_tables`` reads the tables of these names that stand in files, in a thread.

        Raises ConfigurationError, as ``compile_mapping`` does.
        """
        self._compile = compile_mapping
        self._tables = tables
        self._read_tables = read_tables
        self._fetch_fields = fetch_fields
        self._keep_fields = keep_fields
        self._clock = clock
        self.hook = hook
        self._fields: FieldDictionary | None = None
        self._fetched_at: float | None = None
        self.mapping = compile_mapping(tables, None)

    async def refresh(self) -> None:
        """Have the mapping that belongs to the files and the dictionary of this moment.

        Raises UnusableMappingError, and what the fetch of the dictionary raises.
        """
        try:
            if self.hook is not None:
                await self.hook.load()
            tables = await self._changed_tables()
            fields = await self._current_fields()
            if tables is not None or fields is not self._fields:
                tables = self._tables if tables is None else tables
                self.mapping = self._compile(tables, fields)
                self._tables, self._fields = tables, fields
        except ConfigurationError as error:
            self._fetched_at = None
            raise UnusableMappingError(str(error)) from None

    @property
    def fields(self) -> FieldDictionary | None:
        """OKKI's dictionary, where the mapping needs it and it was asked for."""
        return self._fields

    def use(self, fields: FieldDictionary) -> None:
        """Have this dictionary instead of asking OKKI. Raises UnusableMappingError."""
        try:
            self.mapping = self._compile(self._tables, fields)
        except ConfigurationError as error:
            raise UnusableMappingError(str(error)) from None
        self._fields = fields

    async def ready(self) -> None:
        """As :meth:`refresh`, where no cycle has begun yet and OKKI's dictionary is needed."""
        if self._fields is None and self.mapping.custom_fields:
            await self.refresh()

    async def _changed_tables(self) -> Tables | None:
        used = self.mapping.tables_used
        if not used:
            return None
        read = await asyncio.to_thread(self._read_tables, used)
        if all(table.hash == self._tables[name].hash for name, table in read.items()):
            return None
        return {**self._tables, **read}

    async def _current_fields(self) -> FieldDictionary | None:
        if not self.mapping.custom_fields:
            return self._fields
        now = self._clock.monotonic()
        if self._fetched_at is not None and now - self._fetched_at < self._keep_fields.total_seconds():
            return self._fields
        fields = await self._fetch_fields()
        self._fetched_at = self._clock.monotonic()
        return fields
