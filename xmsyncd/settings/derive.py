"""Look-up tables and derived fields as the file has them, and the specifications that the mapping takes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from xmsyncd.settings.section import Optional_, Section
from xmsyncd.settings.values import BadValueError, Expect, IdText, PathText, quoted
from xmsyncd.transform.derivation_specs import (
    CustomSpec,
    DeriveSpec,
    GroupPlace,
    GroupShow,
    GroupSpec,
    LookupSpec,
    ObjectSpec,
    RowsSpec,
    UrlsSpec,
    ValueSpec,
)
from xmsyncd.transform.tables import MissingEntry

_DEEPEST_LEVEL = 20


def _group_level(value: Any) -> Any:
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if text in set(GroupPlace) or (text.isdecimal() and 1 <= int(text) <= _DEEPEST_LEVEL):
        return text
    raise BadValueError(quoted(str(value)) if isinstance(value, int | str) else "no level")


GroupLevel = Annotated[
    str,
    BeforeValidator(_group_level),
    Expect(f"a level from 1 to {_DEEPEST_LEVEL}, leaf or path", "level"),
]


class LookupSettings(Section):
    """A table that turns one value into another, for all pipelines: entries here, or a file of its own.

    A file that changes while the daemon runs is read again at the start of the next cycle.
    """

    entries: dict[str, str] = Field(default={}, description="What becomes of each value, as value: other.")
    file: Optional_[PathText] = Field(
        default=None,
        description="CSV (.csv, .tsv with a first line of column names) or YAML (.yaml, .yml, .json) in "
        "UTF-8, by its path from the configuration file.",
    )
    key: Optional_[IdText] = Field(
        default=None, description="Column of a CSV that is looked up; the first one if left out."
    )
    value: Optional_[IdText] = Field(
        default=None, description="Column of a CSV that is the answer; the second one if left out."
    )
    missing: MissingEntry = Field(
        default=MissingEntry.REJECT,
        description="What becomes of a value without an entry: the product is rejected, it becomes empty, or "
        "it is kept as it is.",
    )


class DeriveSettings(Section):
    """A field of one's own, used by its name like a field of OKKI; text alone is short for value.

    Exactly one of value, lookup, enum, group, custom, urls, rows and object says what it is.
    """

    value: Optional_[str] = Field(
        default=None, description="A template, or an expression that begins with _function."
    )
    lookup: Optional_[IdText] = Field(default=None, description="Name of a table of lookups.")
    enum: Optional_[Literal["product_type", "source_type", "enable_flag"]] = Field(
        default=None, description="Enumeration of OKKI whose numbers become words."
    )
    of: Optional_[str] = Field(
        default=None,
        description="Template of what is looked up; for enum the field of that name if left out.",
    )
    missing: MissingEntry | None = Field(
        default=None, description="Instead of what the table says of values without an entry."
    )
    group: Optional_[GroupLevel] = Field(
        default=None,
        description="Group of the product: a level counted from 1, its own (leaf), or all of them (path).",
    )
    show: GroupShow = Field(default=GroupShow.NAME, description="What is shown of a group.")
    separator: str = Field(default="/", description="What stands between the groups of a path.")
    custom: Optional_[IdText] = Field(
        default=None, description="Custom field of OKKI by its name there (or its id)."
    )
    urls: Optional_[str] = Field(
        default=None,
        description="Template of images or files, for image, attachment and link components: becomes a list "
        "of addresses.",
    )
    rows: Optional_[str] = Field(
        default=None,
        description="Template of a list such as {sku_items}, for table components: becomes a list of rows.",
    )
    columns: dict[str, str] = Field(
        default={}, description="Columns of rows by name, as templates over the fields of one row."
    )

    object: dict[str, str] = Field(
        default={},
        description="Parts by name, as templates, for link, address and association components: becomes one "
        "object.",
    )

    @model_validator(mode="before")
    @classmethod
    def _text_is_value(cls, data: Any) -> Any:
        return {"value": data} if isinstance(data, str) else data

    @property
    def kinds(self) -> list[str]:
        """Which of the keys that say what it is are there."""
        return [kind for kind in KINDS if getattr(self, kind) not in (None, {})]

    def spec(self, name: str) -> DeriveSpec:
        """What the mapping takes. For settings that were checked."""
        if self.lookup is not None:
            return LookupSpec(name, self.lookup, self.of or "", self.missing)
        if self.enum is not None:
            return LookupSpec(name, self.enum, self.of or f"{{{self.enum}}}", self.missing, setting="enum")
        if self.group is not None:
            level = int(self.group) if self.group.isdecimal() else GroupPlace(self.group)
            return GroupSpec(name, level, self.show, self.separator)
        if self.custom is not None:
            return CustomSpec(name, self.custom)
        if self.urls is not None:
            return UrlsSpec(name, self.urls)
        if self.rows is not None:
            return RowsSpec(name, self.rows, self.columns)
        if self.object:
            return ObjectSpec(name, self.object)
        return ValueSpec(name, self.value or "")


KINDS = ("value", "lookup", "enum", "group", "custom", "urls", "rows", "object")

BESIDE: dict[str, tuple[str, ...]] = {
    "of": ("lookup", "enum"),
    "missing": ("lookup", "enum"),
    "show": ("group",),
    "separator": ("group",),
    "columns": ("rows",),
}
"""Keys that have a meaning beside some kinds only."""
