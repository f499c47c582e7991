"""OKKI's dictionary of a list's fields: what the custom ones are called (step 1; used by step 2).

Vendor doc, not verified on a tenant: ``/v1/product/fields`` answers with a flat array of ``{id, name, base,
field_type, ext_info, require, default, disable_flag, is_list}``. What ``base`` holds is inferred: 1 for a
field that every tenant has, 0 for a custom one. A field that says nothing of it counts as custom where its id
is a number, as those of custom fields are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from xmsyncd.transform.custom_fields import CustomField, FieldDictionary
from xmsyncd.transform.value_types import text_of

_LIST_KEYS: Final = ("list", "fields")


def dictionary_from(data: Any) -> FieldDictionary:
    """The dictionary in an answer's ``data``: an array, bare or under ``list``.

    Entries without id or name are left out. Raises ``ValueError`` for what cannot be a list of fields.
    """
    if isinstance(data, Mapping):
        data = next((data[key] for key in _LIST_KEYS if isinstance(data.get(key), list)), data or None)
    if data is None:
        return FieldDictionary(())
    if not isinstance(data, list):
        raise ValueError(f"the fields of a list should be an array, not {type(data).__name__}")
    return FieldDictionary(_fields(data))


def _fields(entries: list[Any]) -> Iterator[CustomField]:
    for entry in entries:
        if not isinstance(entry, Mapping):
            continue
        try:
            field_id, base = text_of(entry.get("id")).strip(), text_of(entry.get("base")).strip()
        except ValueError:
            continue
        name = entry.get("name")
        if field_id and isinstance(name, str) and name.strip():
            is_custom = base in ("0", "false") or (not base and field_id.isdigit())
            yield CustomField(field_id, name.strip(), is_custom)
