"""What one answer of OKKI's list shows about the list itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from xmsyncd.okki.resources import Resource
from xmsyncd.okki.wire import Envelope, item_from
from xmsyncd.records import Item, SourceId
from xmsyncd.settings import SourceSettings


@dataclass(frozen=True, slots=True)
class Listed:
    """One page, with the names under which it came."""

    code: str
    list_key: str | None
    """Key of the entries, ``None`` where there are none to be found."""
    total_key: str | None
    total: int | None
    items: tuple[Item, ...]
    entries: int
    """Entries of the page, unreadable ones included."""
    told_now: datetime | None

    @property
    def ids(self) -> tuple[SourceId, ...]:
        """In the order of the page."""
        return tuple(item.source_id for item in self.items)


def listed_from(envelope: Envelope, source: SourceSettings, resource: Resource, zone: ZoneInfo) -> Listed:
    """Look for the entries and the total, under the configured keys first and then under any other."""
    data: Mapping[str, Any] = envelope.data if isinstance(envelope.data, Mapping) else {}
    list_key = _list_key(data, source.list_key, resource.id_field)
    entries = data.get(list_key, []) if list_key is not None else []
    items = [
        item
        for entry in entries
        if (item := item_from(entry, zone, id_field=resource.id_field, updated_field=resource.updated_field))
        is not None
    ]
    total_key = _total_key(data, source.total_keys, len(entries))
    return Listed(
        code=envelope.words.code,
        list_key=list_key,
        total_key=total_key,
        total=None if total_key is None else _count(data[total_key]),
        items=tuple(items),
        entries=len(entries),
        told_now=envelope.told_now,
    )


def _list_key(data: Mapping[str, Any], configured: str, id_field: str) -> str | None:
    if isinstance(data.get(configured), list):
        return configured
    lists = [
        str(name)
        for name, value in data.items()
        if isinstance(value, list) and any(isinstance(one, Mapping) and id_field in one for one in value)
    ]
    return lists[0] if len(lists) == 1 else None


def _total_key(data: Mapping[str, Any], configured: Sequence[str], entries: int) -> str | None:
    known = next((name for name in configured if _count(data.get(name)) is not None), None)
    if known is not None:
        return known
    # Any other number that may be one: no smaller than what the page holds, and called by such a name.
    others = [
        str(name)
        for name, value in data.items()
        if any(part in str(name).lower() for part in ("total", "count"))
        and (number := _count(value)) is not None
        and number >= entries
    ]
    return others[0] if len(others) == 1 else None


def _count(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
