"""What a probe's instance holds: its mark in every text, harmless values of the right type elsewhere.

Pure. Options, people, departments, structures and serial numbers are left out: which of their values exist
only the form knows, and a person who is named there might be told of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from xmsyncd.records import Content, KeyValue
from xmsyncd.settings import FieldSettings
from xmsyncd.yida.kinds import Kind, kind_of
from xmsyncd.yida.times import epoch_milliseconds

_CHANGED_NUMBER: Final = 2


def marked_content(fields: Sequence[FieldSettings], key: str, mark: KeyValue, now: datetime) -> Content:
    """The content of a start; the key component always holds the mark."""
    content: dict[str, Any] = {}
    for field in fields:
        value = _value_of(_kind_of(field), mark, now)
        if value is not None:
            content[field.field] = value
    return {**content, key: mark}


def changed_content(content: Content, fields: Sequence[FieldSettings], key: str) -> Content:
    """The content of the update: the same components, the key as it was.

    One text becomes blank, another one other text, numbers other numbers; with a single text beside the key
    that one becomes blank, with none and no number nothing changes.
    """
    kinds = {field.field: _kind_of(field) for field in fields}
    texts = [name for name in content if name != key and kinds.get(name) is Kind.TEXT]
    changed = dict(content)
    if texts:
        changed[texts[-1]] = ""
    for name in texts[:-1]:
        changed[name] = f"{content[name]} 2"
    for name in content:
        if kinds.get(name) in (Kind.NUMBER, Kind.RATE):
            changed[name] = _CHANGED_NUMBER
    return changed


def blanked(before: Content, after: Content) -> str | None:
    """The component that the update made blank."""
    return next((name for name, value in after.items() if value == "" and before.get(name)), None)


def _kind_of(field: FieldSettings) -> Kind:
    return kind_of(field.component_name or field.field, field.type.value)


def _value_of(kind: Kind, mark: KeyValue, now: datetime) -> Any:
    match kind:
        case Kind.TEXT:
            return mark
        case Kind.NUMBER | Kind.RATE:
            return 1
        case Kind.DATE:
            return epoch_milliseconds(now)
        case _:
            return None
