"""The tree of product groups, from whatever shape OKKI shows it in (step 1; used by step 2).

Vendor doc, not verified on a tenant: ``/v1/product/groups`` answers with a flat array of ``{id, name,
parent_id, layer, prefix, ...}``. ``layer`` and ``prefix`` are undocumented and not used; a root presumably
has ``parent_id`` 0. Nested answers are taken too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from xmsyncd.okki.wire import id_from
from xmsyncd.records import ContentHash
from xmsyncd.transform.hashes import canonical_json, hash_of

_DEEPEST: Final = 20
_CHILDREN_KEYS: Final = ("children", "child", "list")


@dataclass(frozen=True, slots=True)
class Group:
    """One product group; ``parent_id`` is ``None`` for a root."""

    id: str
    name: str
    parent_id: str | None


class GroupTree:
    """An immutable tree (or, from dirty data, a graph with orphans and cycles that do no harm)."""

    def __init__(self, groups: Iterable[Group]) -> None:
        """Of two groups with one id the first counts."""
        by_id: dict[str, Group] = {}
        for group in groups:
            by_id.setdefault(group.id, group)
        self._by_id = by_id
        self._hash = hash_of(self._rows())

    @classmethod
    def from_payload(cls, data: Any) -> GroupTree:
        """The tree in an answer's ``data``: an array, flat or nested, bare or under ``list``.

        ``None`` is an empty tree; entries without an id are left out. Raises ``ValueError`` for what cannot
        be a list of groups, so that a strange answer is not taken for an empty tree.
        """
        if isinstance(data, Mapping):
            if not data:
                return cls(())
            data = next((data[key] for key in _CHILDREN_KEYS if isinstance(data.get(key), list)), data)
        if data is None:
            return cls(())
        if not isinstance(data, list):
            raise ValueError(f"product groups should be an array, not {type(data).__name__}")
        return cls(_flattened(data))

    @property
    def hash(self) -> ContentHash:
        """Equal for trees with the same ids, names and parents, whatever their order."""
        return self._hash

    @property
    def is_empty(self) -> bool:
        """Whether there is no group at all."""
        return not self._by_id

    def __len__(self) -> int:
        return len(self._by_id)

    def knows(self, group_id: str) -> bool:
        """Whether the group is in the tree."""
        return group_id in self._by_id

    def path_of(self, group_id: str) -> tuple[Group, ...]:
        """The groups from the root to this one, empty for an unknown id.

        It begins at the highest ancestor that is known (an orphan is its own root), and a cycle or the
        twentieth level ends the walk.
        """
        path: list[Group] = []
        visited: set[str] = set()
        group = self._by_id.get(group_id)
        while group is not None and group.id not in visited and len(path) < _DEEPEST:
            path.append(group)
            visited.add(group.id)
            group = self._by_id.get(group.parent_id) if group.parent_id is not None else None
        return tuple(reversed(path))

    def to_json(self) -> str:
        """The tree as text, for the ledger."""
        return canonical_json(self._rows()).decode()

    @classmethod
    def from_json(cls, text: str) -> GroupTree:
        """Read back what :meth:`to_json` wrote. Raises ``ValueError`` for anything else."""
        rows = json.loads(text)
        try:
            return cls(
                Group(str(row[0]), str(row[1]), None if row[2] is None else str(row[2])) for row in rows
            )
        except (TypeError, LookupError) as error:
            raise ValueError("not a group tree") from error

    def _rows(self) -> list[list[str | None]]:
        return [[group.id, group.name, group.parent_id] for _, group in sorted(self._by_id.items())]


def _flattened(entries: list[Any]) -> Iterator[Group]:
    # A stack instead of recursion: depth is the vendor's, and a hostile one must not end in RecursionError.
    stack: list[tuple[Any, str | None]] = [(entry, None) for entry in reversed(entries)]
    while stack:
        entry, nested_under = stack.pop()
        if not isinstance(entry, Mapping):
            continue
        group_id = id_from(entry.get("id"))
        if group_id is not None:
            parent_id = id_from(entry.get("parent_id")) or nested_under
            name = entry.get("name")
            yield Group(
                id=group_id,
                name=name.strip() if isinstance(name, str) else "",
                parent_id=None if parent_id == group_id else parent_id,
            )
        for key in _CHILDREN_KEYS:
            children = entry.get(key)
            if isinstance(children, list):
                stack.extend((child, group_id or nested_under) for child in reversed(children))
