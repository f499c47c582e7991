"""OKKI's product groups: a seeded tree of three levels, and the shapes its API may give it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, assert_never

from xmsyncd.simulator.options import GroupsShape
from xmsyncd.simulator.words import GROUP_WORDS

_FIRST_ID = 2_380_011  # far from any index, so that nobody mistakes an id for a position
_ID_STEP = 13
_DEPTH_CAP = 20


@dataclass(frozen=True, slots=True)
class Group:
    """One product group; `parent_id` 0 marks a first-level group, `layer` starts at 1."""

    id: int
    name: str
    parent_id: int
    layer: int
    number_prefix: str


class GroupTree:
    """All groups, by id; renaming and moving them is how a test changes what no product shows."""

    def __init__(self) -> None:
        self.groups: dict[int, Group] = {}
        self.shape = GroupsShape.FLAT
        for prefix, first, seconds in GROUP_WORDS:
            root = self._add(first, 0, 1, prefix)
            for second, thirds in seconds:
                middle = self._add(second, root, 2, prefix)
                for third in thirds:
                    self._add(third, middle, 3, prefix)
        # Products choose by position: the order of the leaves must not change with the tree's.
        self.leaves = tuple(each.id for each in self.groups.values() if each.layer == 3)

    def _add(self, name: str, parent_id: int, layer: int, prefix: str) -> int:
        group_id = _FIRST_ID + len(self.groups) * _ID_STEP
        self.groups[group_id] = Group(group_id, name, parent_id, layer, prefix)
        return group_id

    def path(self, group_id: int) -> tuple[Group, ...]:
        """The groups from the first level down to this one; empty for an unknown id."""
        found: list[Group] = []
        seen: set[int] = set()
        while group_id in self.groups and group_id not in seen and len(found) < _DEPTH_CAP:
            seen.add(group_id)
            found.append(self.groups[group_id])
            group_id = self.groups[group_id].parent_id
        return tuple(reversed(found))

    def rename(self, group_id: int, name: str) -> None:
        """Raises KeyError for an unknown id."""
        self.groups[group_id] = replace(self.groups[group_id], name=name)

    def move(self, group_id: int, parent_id: int) -> None:
        """Hang a group below another one (0: make it first-level). Raises KeyError for an unknown id."""
        layer = 1 if parent_id == 0 else self.groups[parent_id].layer + 1
        self.groups[group_id] = replace(self.groups[group_id], parent_id=parent_id, layer=layer)

    def payload(self, *, ids_as_text: bool, created: str) -> list[dict[str, Any]]:
        """`data` of GET /v1/product/groups in the shape that is switched on."""
        groups = list(self.groups.values())
        match self.shape:
            case GroupsShape.EMPTY:
                return []
            case GroupsShape.CYCLE:
                # The first root hangs below its own grandchild: a walk without a guard never ends.
                root = groups[0]
                leaf = next(
                    each for each in groups if each.layer == 3 and each.number_prefix == root.number_prefix
                )
                groups[0] = replace(root, parent_id=leaf.id)
            case GroupsShape.ORPHAN:
                groups = [each for each in groups if each.layer != 2]
            case GroupsShape.FLAT | GroupsShape.NESTED:
                pass
            case _:
                assert_never(self.shape)
        rows = [
            self._row(each, rank, ids_as_text=ids_as_text, created=created)
            for rank, each in enumerate(groups)
        ]
        return _nested(rows) if self.shape is GroupsShape.NESTED else rows

    def _row(self, group: Group, rank: int, *, ids_as_text: bool, created: str) -> dict[str, Any]:
        def shown(value: int) -> int | str:
            return str(value) if ids_as_text else value

        ancestors = [str(each.id) for each in self.path(group.id)[:-1]]
        return {
            "id": shown(group.id),
            "client_id": 10001,
            "user_id": 20001,
            "name": group.name,
            "name_info": {"info_label": "分组名称", "info_value": group.name},
            "prefix": "-".join(["0", *ancestors]),
            "parent_id": shown(group.parent_id),
            "layer": group.layer,
            "description": "",
            "create_user": 20001,
            "order_rank": rank,
            "create_time": created,
            "update_time": created,
            "relate_id": 0,
            "system_flag": 0,
            "is_sys": 0,
            "rank": rank,
        }


def _nested(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_id = {str(row["id"]): row for row in rows}
    roots: list[dict[str, Any]] = []
    for row in rows:
        parent = by_id.get(str(row["parent_id"]))
        (roots if parent is None else parent.setdefault("children", [])).append(row)
    return roots
