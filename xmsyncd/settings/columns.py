"""The columns of table components: nested under ``children``, or written as a flat list with ``parent``."""

from __future__ import annotations

from collections.abc import Sequence

from xmsyncd.settings.choices import ComponentName
from xmsyncd.settings.pipelines import ColumnSettings, FieldSettings


def is_table(entry: ColumnSettings) -> bool:
    """Whether the component is a table, by what its type or its id says."""
    if entry.component_name is not None:
        return entry.component_name is ComponentName.TABLE
    return entry.field.partition("_")[0].lower() == ComponentName.TABLE.lower()


def parent_of(child: FieldSettings, entries: Sequence[FieldSettings]) -> FieldSettings | None:
    """The entry that ``parent`` names, by its component or by its 轻易云 id."""
    named = [one for one in entries if child.parent in (one.field, (one.model_extra or {}).get("id"))]
    return next((one for one in named if one is not child), None)


def nested(entries: Sequence[FieldSettings]) -> list[FieldSettings]:
    """Every column under its table; entries without a component are left out."""
    mapped = [one for one in entries if one.field.strip()]
    found = []
    for entry in mapped:
        if entry.parent:
            continue
        flat = [one for one in mapped if one.parent and parent_of(one, mapped) is entry]
        columns = [*(one for one in entry.children if one.field.strip()), *flat]
        found.append(entry if columns == entry.children else entry.model_copy(update={"children": columns}))
    return found
