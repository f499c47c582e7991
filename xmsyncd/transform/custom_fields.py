"""OKKI's custom fields by the names that people gave them (part of step 2).

A product shows them under ids: as ``external_field_data``, a list of ``{id, name, value}`` (vendor doc's
example) or an object by id, or as keys of the product that are ids (seen in public clients). Which of them a
tenant has is unknown, so all are taken. Which id a name has, only OKKI's field dictionary says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from xmsyncd.records import ContentHash
from xmsyncd.transform.hashes import hash_of
from xmsyncd.transform.value_types import text_of

EXTERNAL_DATA: Final = "external_field_data"

_ID_KEYS: Final = ("id", "field_id")
_VALUE_KEYS: Final = ("value", "field_value")


@dataclass(frozen=True, slots=True)
class CustomField:
    """One entry of OKKI's field dictionary."""

    id: str
    name: str
    is_custom: bool = True
    """Not one of the fields that every tenant has (``base`` of the dictionary; its values are inferred)."""


class UnknownFieldError(ValueError):
    """The dictionary does not tell which field is meant; ``found`` and ``expected`` say why."""

    def __init__(self, found: str, expected: str) -> None:
        self.found = found
        self.expected = expected
        super().__init__(f"found {found}; expected {expected}")


class FieldDictionary:
    """The fields of products that a tenant has, as OKKI told them."""

    def __init__(self, fields: Iterable[CustomField]) -> None:
        self.fields = tuple(fields)
        self.hash: ContentHash = hash_of(self.to_rows())

    def __len__(self) -> int:
        return len(self.fields)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the custom fields."""
        return tuple(dict.fromkeys(field.name for field in self.fields if field.is_custom and field.name))

    def to_rows(self) -> list[list[Any]]:
        """As JSON, for the ledger."""
        return [[field.id, field.name, field.is_custom] for field in self.fields]

    @classmethod
    def from_rows(cls, rows: Any) -> FieldDictionary:
        """Read back what :meth:`to_rows` gave."""
        return cls(CustomField(str(row[0]), str(row[1]), bool(row[2])) for row in rows)

    def find(self, wanted: str) -> CustomField:
        """The field with this name, or with this id. Raises UnknownFieldError.

        A custom field wins over one of OKKI's own with the same name; two of one kind are refused.
        """
        text = wanted.strip()
        named = [field for field in self.fields if field.name == text]
        named = [field for field in named if field.is_custom] or named
        found = list({field.id: field for field in named}.values())
        found = found or [field for field in self.fields if field.id == text][:1]
        if len(found) == 1:
            return found[0]
        if found:
            raise UnknownFieldError(
                f'{len(found)} fields of OKKI with the name "{text}"',
                f"one of their ids: {', '.join(field.id for field in found)}",
            )
        raise UnknownFieldError(
            f'"{text}", which is not in the field dictionary of OKKI', "the name of a custom field in OKKI"
        )


def dictionary_for(
    item: Mapping[str, Any], wanted: Iterable[str], known: FieldDictionary | None
) -> tuple[FieldDictionary, tuple[str, ...]]:
    """OKKI's dictionary as far as it is known and one product shows it of itself, where OKKI is not asked.

    A wanted field that neither of them shows is in it all the same, is then empty, and is named beside it.
    """
    fields = [] if known is None else list(known.fields)
    asked = [name for name in dict.fromkeys(map(str.strip, wanted)) if not _names(fields, name)]
    shown = _shown_by(item)
    fields += shown if known is None else [one for one in shown if any(_names([one], name) for name in asked)]
    unknown = tuple(name for name in asked if not _names(fields, name))
    return FieldDictionary([*fields, *(CustomField(name, name) for name in unknown)]), unknown


def _names(fields: Iterable[CustomField], name: str) -> bool:
    return any(name in (field.id, field.name) for field in fields)


def _shown_by(item: Mapping[str, Any]) -> list[CustomField]:
    data = item.get(EXTERNAL_DATA)
    entries = [entry for entry in data if isinstance(entry, Mapping)] if isinstance(data, list) else []
    return [
        CustomField(str(entry["id"]), entry["name"])
        for entry in entries
        if entry.get("id") not in (None, "") and isinstance(entry.get("name"), str)
    ]


def value_of(lookup: Mapping[str, Any], field_id: str, name: str) -> Any:
    """What a product holds in a custom field, ``None`` where it shows nothing of it. Never raises."""
    data = lookup.get(EXTERNAL_DATA)
    if isinstance(data, Mapping):
        if field_id in data:
            return _opened(data[field_id])
    elif isinstance(data, (list, tuple)):
        for entry in data:
            if isinstance(entry, Mapping) and _is(entry, field_id, name):
                return _opened(entry)
    return _opened(lookup.get(field_id))


def _is(entry: Mapping[str, Any], field_id: str, name: str) -> bool:
    """An entry without any id is known by its name."""
    shown = next((entry[key] for key in _ID_KEYS if entry.get(key) not in (None, "")), None)
    if shown is None:
        return entry.get("name") == name
    try:
        return text_of(shown).strip() == field_id
    except ValueError:
        return False


def _opened(shown: Any) -> Any:
    """The value alone, where it stands in an object that describes it."""
    if isinstance(shown, Mapping):
        for key in _VALUE_KEYS:
            if key in shown:
                return shown[key]
    return shown
