"""What the columns of a table component see: one row of an array of the item at a time (part of step 2).

The array is named as in a 轻易云 document, without braces (``sku_items``), or by a reference. In a column
``{x}`` and ``{{sku_items.x}}`` are the row's field; the item's own fields are ``{item.x}``, so that a field
which a row happens to lack is empty and never one of the item.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from xmsyncd.transform.grammar import Lookup, Template
from xmsyncd.transform.value_types import MismatchError, is_empty
from xmsyncd.transform.variables import CURRENT_TIME, LAST_SYNC_TIME

MAX_ROWS: Final = 500
"""Rows of a table; what Yida itself takes is not documented."""

ITEM: Final = "item"
"""The name by which a column reaches the item itself."""

_ARRAY = re.compile(r"\{{0,2}\s*([\w-]+(?:\.[\w-]+)*)[^.\w-]?.*", re.DOTALL)
_BARE = re.compile(r"\s*[\w-]+(?:\.[\w-]+)*\s*")
_ITEM_FIELD = re.compile(r"(?<![\w.-])item\.([\w-]+)")


def array_template(value: str) -> str:
    """The template of the array: a bare name becomes a reference."""
    return "{" + value.strip() + "}" if _BARE.fullmatch(value) else value


@dataclass(frozen=True, slots=True)
class RowScope:
    """What the columns of one table look at."""

    array: tuple[str, ...]
    """The path of the array in the item."""
    row_fields: frozenset[str]
    item_fields: frozenset[str]
    """The fields of the item that columns look at."""

    def lookups(self, value: Any, lookup: Lookup) -> Iterator[Lookup]:
        """One for each row. Raises MismatchError."""
        if is_empty(value):
            return
        if not isinstance(value, (list, tuple)):
            raise MismatchError("a list, one entry for each row")
        if len(value) > MAX_ROWS:
            raise MismatchError(f"a list of at most {MAX_ROWS} rows")
        constant = {name: lookup[name] for name in (CURRENT_TIME, LAST_SYNC_TIME) if name in lookup}
        constant[ITEM] = lookup
        for row in value:
            found = dict.fromkeys(self.row_fields)
            if isinstance(row, Mapping):
                found = {name: row.get(name) for name in self.row_fields}
            found.update(constant)
            found[self.array[0]] = self._nested(row)
            yield found

    def _nested(self, row: Any) -> Any:
        for name in reversed(self.array[1:]):
            row = {name: row}
        return row


def row_scope(array: str, columns: Sequence[Template]) -> RowScope:
    """``array`` is the text of the array's template."""
    named = _ARRAY.fullmatch(array)
    path = tuple(named[1].split(".")) if named else (ITEM,)
    roots: frozenset[str] = frozenset().union(*(one.roots for one in columns))
    return RowScope(
        array=path,
        row_fields=roots - {ITEM, path[0]},
        item_fields=frozenset(name for one in columns for name in _ITEM_FIELD.findall(one.text)),
    )
