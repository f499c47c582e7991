"""Look-up tables: one value of an item becomes another, by a list that people keep (part of step 2).

Keys are compared as text without the blanks at both ends, so that OKKI's 2 and "2" meet one entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, assert_never

from xmsyncd.records import ContentHash
from xmsyncd.transform.hashes import hash_of
from xmsyncd.transform.value_types import BLANKS, EvaluationError, is_empty, shortened, text_of


class MissingEntry(StrEnum):
    """What becomes of a value that the table does not hold."""

    REJECT = "reject"
    EMPTY = "empty"
    KEEP = "keep"


class NoEntryError(EvaluationError):
    """A table does not hold the value: the table is to be mended, not the value or the template."""


class LookupTable:
    """An immutable table. Two keys that are the same but for the blanks around them: the first counts."""

    __slots__ = ("_entries", "hash", "missing", "name")

    def __init__(
        self, name: str, entries: Mapping[str, Any], missing: MissingEntry = MissingEntry.REJECT
    ) -> None:
        """``entries`` are JSON values by key."""
        kept: dict[str, Any] = {}
        for key, value in entries.items():
            kept.setdefault(key.strip(BLANKS), value)
        self.name = name
        self.missing = missing
        self._entries = kept
        self.hash: ContentHash = hash_of([missing.value, kept])

    def __repr__(self) -> str:
        return f"LookupTable({self.name!r}, {len(self._entries)} entries, {self.missing.value})"

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def entries(self) -> Mapping[str, Any]:
        """The entries by key, for whoever shows them."""
        return MappingProxyType(self._entries)

    def find(self, value: Any) -> Any:
        """The entry for a value. Raises NoEntryError where there is none and ``missing`` says reject.

        An empty value without an entry of its own stays empty, whatever ``missing`` says: whether a value
        must be there is what the rule ``required`` decides.
        """
        key = self._key_of(value)
        if key in self._entries:
            return self._entries[key]
        if not key:
            return ""
        match self.missing:
            case MissingEntry.REJECT:
                raise NoEntryError(f"an entry for {shortened(key)} in the look-up table {self.name}")
            case MissingEntry.EMPTY:
                return ""
            case MissingEntry.KEEP:
                return value
            case _:
                assert_never(self.missing)

    def _key_of(self, value: Any) -> str:
        if is_empty(value):
            return ""
        if isinstance(value, (list, tuple, Mapping)):
            raise EvaluationError(f"text or a number to look up in the table {self.name}")
        try:
            return text_of(value).strip(BLANKS)
        except ValueError as error:
            raise EvaluationError(str(error)) from None


Tables = Mapping[str, LookupTable]
"""The look-up tables by name."""

NO_TABLES: Final[Tables] = MappingProxyType({})


class RecordedTables(Mapping[str, LookupTable]):
    """The same tables, noting which of them somebody took: what a mapping does not use does not shape it."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._taken: dict[str, LookupTable] = {}

    def __getitem__(self, name: str) -> LookupTable:
        table = self._taken[name] = self._tables[name]
        return table

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    @property
    def hashes(self) -> dict[str, ContentHash]:
        """The hashes of those that were taken, by name."""
        return {name: table.hash for name, table in self._taken.items()}
