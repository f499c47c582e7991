"""The kinds of derived field, as a pipeline's ``derive`` names them (part of step 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from xmsyncd.transform.tables import LookupTable, MissingEntry, Tables


@dataclass(frozen=True, slots=True)
class ValueSpec:
    """A template or an expression over the fields of the item and other derived fields."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class LookupSpec:
    """The entry of a look-up table for what ``of`` gives; ``missing`` instead of the table's own word."""

    name: str
    table: str
    of: str
    missing: MissingEntry | None = None
    setting: str = "lookup"
    """Under which key the table was named, for the faults."""


class GroupShow(StrEnum):
    """What is shown of a group."""

    NAME = "name"
    ID = "id"


class GroupPlace(StrEnum):
    """Which group of the path is meant, where it is no level by number."""

    LEAF = "leaf"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """One group of the product's path: a level counted from 1 at the root, the own group, or all of them."""

    name: str
    level: int | GroupPlace
    show: GroupShow = GroupShow.NAME
    separator: str = "/"


@dataclass(frozen=True, slots=True)
class CustomSpec:
    """A custom field of OKKI by its name or id."""

    name: str
    field: str


@dataclass(frozen=True, slots=True)
class UrlsSpec:
    """The web addresses in what ``of`` gives, as a list of texts: images and files in OKKI's shapes."""

    name: str
    of: str


@dataclass(frozen=True, slots=True)
class RowsSpec:
    """What ``of`` gives, as a list of objects; ``columns`` are templates over the fields of each."""

    name: str
    of: str
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """One object, put together from the item; ``parts`` are templates by the names that Yida asks for."""

    name: str
    parts: Mapping[str, str]


DeriveSpec = ValueSpec | LookupSpec | GroupSpec | CustomSpec | UrlsSpec | RowsSpec | ObjectSpec

# Vendor doc, not verified on a tenant. `disable_flag` is left out: two of its pages contradict each other.
# The list shows `source_type` as a number, the detail as words that are not documented: those are kept.
BUILT_IN_TABLES: Final[Tables] = {
    table.name: table
    for table in (
        LookupTable("product_type", {"1": "无规格", "2": "多规格", "3": "组合"}),
        LookupTable("enable_flag", {"0": "已删除", "1": "未删除"}),
        LookupTable(
            "source_type",
            {
                "0": "手动创建",
                "1": "阿里巴巴",
                "2": "环球资源",
                "3": "自动创建",
                "4": "文件导入",
                "5": "ERP导入",
                "6": "CMS",
            },
            MissingEntry.KEEP,
        ),
    )
}
"""Enumerations of OKKI, as look-up tables that are always there."""
