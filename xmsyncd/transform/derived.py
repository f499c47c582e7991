"""一级分组 and 二级分组: the group levels of a product, from the path of its group (part of step 2).

They are not fields of OKKI. The tree is walked by ``okki``; here a path becomes two values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, assert_never

from xmsyncd.records import Item, Rejection, RejectionReason
from xmsyncd.transform.value_types import is_empty, shortened, text_of

FIRST_LEVEL = "一级分组"
SECOND_LEVEL = "二级分组"
GROUP_EXISTS = "分组存在"
"""Whether OKKI's tree holds the product's group; true for a product without one."""
GROUP_PATH = "(group path)"
"""``{"levels": [{"id", "name"}, …], "leaf": {"id", "name"} or None}``, for ``derive``: no template has it."""
DERIVED_NAMES = frozenset({FIRST_LEVEL, SECOND_LEVEL, GROUP_EXISTS, GROUP_PATH})
"""The names of fields that are computed here; a reference to one of them needs the group tree."""

_NO_GROUP = frozenset({"", "0"})


class UnknownGroup(StrEnum):
    """What to do with a product whose group is not in the tree (already fetched again)."""

    REJECT = "reject"
    BLANK = "blank"
    NAME = "name"
    """The item's own ``group_name`` as second level, the first one blank."""


class DeeperGroups(StrEnum):
    """The second level of a product that sits more than two levels deep."""

    SECOND = "second"
    LEAF = "leaf"


class SingleLevel(StrEnum):
    """The second level of a product that sits in a first-level group."""

    BLANK = "blank"
    REPEAT = "repeat"


@dataclass(frozen=True, slots=True)
class GroupPolicies:
    """The choices a tenant makes about group levels."""

    unknown_group: UnknownGroup = UnknownGroup.NAME
    deeper_groups: DeeperGroups = DeeperGroups.SECOND
    single_level: SingleLevel = SingleLevel.BLANK


class GroupNode(Protocol):
    """One group of a path."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...


def group_id_of(item: Item, detail: Mapping[str, Any] | None = None) -> str:
    """The id of the item's own group as text, "" where it has none (missing, empty or 0)."""
    return _id_text(_field("group_id", item, detail))


def group_levels(
    path: Sequence[GroupNode], group_id: str, group_name: str, policies: GroupPolicies
) -> dict[str, str] | None:
    """Both levels by name. ``path`` leads from the root to the group, and is empty for an unknown one.

    ``None``: the group is unknown and such products are to be rejected.
    """
    if group_id in _NO_GROUP:
        return _levels("", "")
    if path:
        return _levels(path[0].name, _second_level(path, policies))
    match policies.unknown_group:
        case UnknownGroup.REJECT:
            return None
        case UnknownGroup.BLANK:
            return _levels("", "")
        case UnknownGroup.NAME:
            return _levels("", group_name)
        case _:
            assert_never(policies.unknown_group)


def derive_group_levels(
    item: Item,
    detail: Mapping[str, Any] | None,
    path_of: Callable[[str], Sequence[GroupNode]],
    policies: GroupPolicies,
) -> dict[str, Any] | Rejection:
    """Both levels and the path for one item, ready for ``FieldMapping.map_item``; no item makes it raise.

    ``path_of`` gives the path from the root for a group id, and an empty one for an unknown group.
    """
    group_id = group_id_of(item, detail)
    name = _field("group_name", item, detail)
    path = path_of(group_id) if group_id else ()
    own_name = name if isinstance(name, str) else ""
    levels = group_levels(path, group_id, own_name, policies)
    if levels is None:
        found = f"group_id {shortened(group_id)}"
        detail_text = f"found {found}, which OKKI's product groups do not hold; expected a known group"
        return Rejection(item.source_id, item.updated_at, RejectionReason.UNKNOWN_GROUP, detail_text)
    return {**levels, GROUP_PATH: _path_value(path, group_id, own_name, policies)}


def _path_value(
    path: Sequence[GroupNode], group_id: str, own_name: str, policies: GroupPolicies
) -> dict[str, Any]:
    """An unknown group has no levels, and is a leaf only where its own name is taken for it."""
    levels = [{"id": group.id, "name": group.name} for group in path]
    if levels:
        return {"levels": levels, "leaf": levels[-1]}
    is_named = group_id not in _NO_GROUP and policies.unknown_group is UnknownGroup.NAME
    return {"levels": [], "leaf": {"id": group_id, "name": own_name} if is_named else None}


def group_exists(
    item: Item, detail: Mapping[str, Any] | None, path_of: Callable[[str], Sequence[GroupNode]]
) -> bool:
    """Whether the tree holds the item's group; true for an item without one."""
    group_id = group_id_of(item, detail)
    return not group_id or bool(path_of(group_id))


def _second_level(path: Sequence[GroupNode], policies: GroupPolicies) -> str:
    if len(path) == 1:
        match policies.single_level:
            case SingleLevel.BLANK:
                return ""
            case SingleLevel.REPEAT:
                return path[0].name
            case _:
                assert_never(policies.single_level)
    match policies.deeper_groups:
        case DeeperGroups.SECOND:
            return path[1].name
        case DeeperGroups.LEAF:
            return path[-1].name
        case _:
            assert_never(policies.deeper_groups)


def _levels(first: str, second: str) -> dict[str, str]:
    return {FIRST_LEVEL: first, SECOND_LEVEL: second}


def _field(name: str, item: Item, detail: Mapping[str, Any] | None) -> Any:
    value = item.raw.get(name)
    if value is None and detail is not None:
        value = detail.get(name)
    return value


def _id_text(value: Any) -> str:
    """An id that is neither text nor a number names no group; its text makes it an unknown one."""
    if is_empty(value) or value is False:
        return ""
    try:
        text = text_of(value).strip()
    except ValueError:
        text = shortened(value)
    return "" if text in _NO_GROUP else text
