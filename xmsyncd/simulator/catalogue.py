"""OKKI's store of one of its lists, of products as a rule: any size from a seed, edited as people edit.

A product is its position in the catalogue: everything about it follows from seed and position, and only what
was changed is kept. So 100 000 products cost a few megabytes, and a page builds just the items that it shows.
"""

from __future__ import annotations

import bisect
import random
from array import array
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

from xmsyncd.simulator.custom_fields import CustomFields
from xmsyncd.simulator.group_tree import GroupTree
from xmsyncd.simulator.lists import PRODUCT, ListKind
from xmsyncd.simulator.options import ListOrder
from xmsyncd.simulator.products import ABSENT, mixed_bits
from xmsyncd.simulator.times import SimulatedClock

_FIRST_ID: Final = 37_400_000_000_000  # 14 digits, as the vendor's ids have
_ID_STEP: Final = 977
_POSITION_BITS: Final = 24
_YEARS_BACK_SECONDS: Final = 2 * 365 * 86_400
_NEWEST_AGE_SECONDS: Final = 3_600


class Dirt(StrEnum):
    """What people leave in a catalogue."""

    EMPTY_NUMBER = "empty_number"
    DUPLICATE_NUMBER = "duplicate_number"
    MISSING_NAME = "missing_name"
    UNKNOWN_GROUP = "unknown_group"
    WRONG_TYPES = "wrong_types"


_OF_PRODUCTS_ALONE: Final = frozenset({Dirt.UNKNOWN_GROUP})


class Catalogue:
    """Products (or what else ``kind`` lists) by position.

    Every change stamps OKKI's clock, in whole seconds, as update time.
    """

    def __init__(
        self,
        *,
        size: int,
        seed: int,
        clock: SimulatedClock,
        groups: GroupTree,
        deleted_listed: bool = True,
        kind: ListKind = PRODUCT,
    ) -> None:
        self.kind = kind
        self.clock = clock
        self.groups = groups
        self.custom_fields = CustomFields()
        self.deleted_listed = deleted_listed
        self._seed = seed
        self._random = random.Random(seed)
        self._updated = array("q")
        self._created = array("q")
        self._changes: dict[int, dict[str, Any]] = {}
        self._removed: set[int] = set()
        self._hidden: set[int] = set()
        self._editable = kind.editable
        self._edits = 0
        self._version = 0
        self._scan: tuple[tuple[Any, ...], list[int]] | None = None
        newest = clock.okki_now() - _NEWEST_AGE_SECONDS
        for position in range(size):
            age = mixed_bits(seed, position) % _YEARS_BACK_SECONDS
            self._updated.append(newest - age)
            self._created.append(newest - age - age % 7_777_777)
        # Sorted keys of update time and position in one integer: a window is two bisections.
        self._newest = sorted(
            updated << _POSITION_BITS | position for position, updated in enumerate(self._updated)
        )

    def __len__(self) -> int:
        """Products that exist, deleted ones that OKKI still has included."""
        return len(self._updated) - len(self._removed)

    # Reading

    def positions(self) -> Iterator[int]:
        return (each for each in range(len(self._updated)) if each not in self._removed)

    def ids(self) -> list[int]:
        """The ids of all products that exist, oldest first."""
        return [self.id_at(position) for position in self.positions()]

    def id_at(self, position: int) -> int:
        return _FIRST_ID + position * _ID_STEP + mixed_bits(self._seed, position) % _ID_STEP

    def position_of(self, product_id: int) -> int:
        """Raises KeyError when there is no such product (any more)."""
        position = (product_id - _FIRST_ID) // _ID_STEP
        known = 0 <= position < len(self._updated) and self.id_at(position) == product_id
        if not known or position in self._removed:
            raise KeyError(product_id)
        return position

    def fields_at(self, position: int) -> dict[str, Any]:
        """Everything OKKI knows of a product, by the names of its detail call; ids as integers."""
        fields = self.kind.base(self._seed, position, self.groups)
        fields[self.kind.id_field] = self.id_at(position)
        fields["create_time"] = self.clock.text(self._created[position])
        fields["update_time"] = self.clock.text(self._updated[position])
        changes = self._changes.get(position)
        if changes:
            if "group_id" in changes:
                path = self.groups.path(changes["group_id"]) if isinstance(changes["group_id"], int) else ()
                fields["group_name"] = path[-1].name if path else "未知分组"
            fields.update(changes)
            for name in [name for name, value in changes.items() if value is ABSENT]:
                del fields[name]
        return fields

    def product(self, product_id: int) -> dict[str, Any]:
        """As fields_at, by id. Raises KeyError."""
        return self.fields_at(self.position_of(product_id))

    def is_deleted(self, position: int) -> bool:
        """Whether somebody has deleted it, so that OKKI has it and shows it as such, or no more."""
        flag = self._changes.get(position, {}).get("enable_flag", 1)
        return position in self._hidden or (self.kind.has_flag and flag == 0)

    def id_of_number(self, product_no: str) -> int:
        """The first product with this number (a scan). Raises KeyError."""
        for position in self.positions():
            if self.fields_at(position).get(self.kind.number_field) == product_no:
                return self.id_at(position)
        raise KeyError(product_no)

    def page(
        self,
        *,
        offset: int,
        limit: int,
        order: ListOrder = ListOrder.NEWEST,
        by_creation: bool = False,
        start: int | None = None,
        end: int | None = None,
        product_type: int | None = None,
        deleted: bool = False,
    ) -> tuple[list[int], int]:
        """Positions of one page, and the total; both bounds are inclusive epoch seconds.

        With `deleted` the list of what was deleted, where OKKI keeps one apart.
        """
        low = 0 if start is None else bisect.bisect_left(self._newest, start << _POSITION_BITS)
        high = (
            len(self._newest)
            if end is None
            else bisect.bisect_left(self._newest, (end + 1) << _POSITION_BITS)
        )
        if order is ListOrder.NEWEST and not by_creation and product_type is None and not deleted:
            upper = max(low, high - offset)
            lower = max(low, upper - limit)
            return [self._position_in(key) for key in reversed(self._newest[lower:upper])], max(0, high - low)
        wanted = (self._version, order, by_creation, start, end, product_type, deleted)
        if self._scan is None or self._scan[0] != wanted:
            self._scan = (wanted, self._scanned(order, by_creation, start, end, product_type, deleted))
        found = self._scan[1]
        return found[offset : offset + limit], len(found)

    def _scanned(
        self,
        order: ListOrder,
        by_creation: bool,
        start: int | None,
        end: int | None,
        product_type: int | None,
        deleted: bool,
    ) -> list[int]:
        times = self._created if by_creation else self._updated
        shown = self._hidden if deleted else map(self._position_in, self._newest)
        found = [
            position
            for position in shown
            if (start is None or times[position] >= start)
            and (end is None or times[position] <= end)
            and (product_type is None or self.fields_at(position).get("product_type") == product_type)
        ]
        if order is ListOrder.BY_ID:
            found.sort()
        elif order is ListOrder.UNORDERED:
            found.sort(key=lambda position: mixed_bits(self._seed + 99, position))
        else:
            found.sort(key=lambda position: (times[position], position), reverse=True)
        return found

    @staticmethod
    def _position_in(key: int) -> int:
        return key & ((1 << _POSITION_BITS) - 1)

    # Changing

    def edit(self, product_id: int, /, *, unnamed: Mapping[str, Any] | None = None, **fields: Any) -> None:
        """Change fields (ABSENT takes one out of the answers); ``unnamed`` ones are on no page of the vendor.

        Raises KeyError for an unknown product, ValueError for an unknown field.
        """
        self._check_names(fields)
        self._change(product_id, {**fields, **(unnamed or {})})

    def _change(self, product_id: int, fields: Mapping[str, Any]) -> None:
        position = self.position_of(product_id)
        self._changes.setdefault(position, {}).update(fields)
        listed = self.deleted_listed or self._changes[position].get("enable_flag", 1) != 0
        self._stamp(position, listed=listed and position not in self._hidden)

    def _check_names(self, fields: dict[str, Any]) -> None:
        if unknown := sorted(fields.keys() - self._editable):
            raise ValueError(f"no such {self.kind.name} field: {', '.join(unknown)}")

    def edit_random(self, count: int = 1) -> list[int]:
        """Change the remark or the name of that many different products; the ids, in order of the edits."""
        chosen, kind = self._choose(count), self.kind
        for product_id in chosen:
            self._edits += 1
            fields = self.product(product_id)
            if self._edits % 3 == 0 and kind.name_field:
                name = str(fields.get(kind.name_field) or "未命名").split("（第", 1)[0]
                self._change(product_id, {kind.name_field: f"{name}（第{self._edits}版）"})
            else:
                remark = str(fields.get(kind.text_field) or "").split("\n[更新 ", 1)[0]
                self._change(product_id, {kind.text_field: f"{remark}\n[更新 {self._edits}]"})
        return chosen

    def create(self, **fields: Any) -> int:
        """A new product with seeded values where none are given; its id."""
        self._check_names(fields)
        position = len(self._updated)
        now = self.clock.okki_now()
        self._updated.append(now)
        self._created.append(now)
        if fields:
            self._changes[position] = dict(fields)
        bisect.insort(self._newest, now << _POSITION_BITS | position)
        self._version += 1
        return self.id_at(position)

    def bring_in(self, count: int, *, updated: int | None = None, **fields: Any) -> list[int]:
        """An import: that many products with one update time (epoch seconds, else now); their ids."""
        second = self.clock.okki_now() if updated is None else updated
        imported = [self.create(**fields) for _ in range(count)]
        for product_id in imported:
            position = self.position_of(product_id)
            self._unlist(position)
            self._updated[position] = self._created[position] = second
            bisect.insort(self._newest, second << _POSITION_BITS | position)
        self._version += 1
        return imported

    def rename_number(self, product_id: int, product_no: str) -> None:
        self._change(product_id, {self.kind.number_field: product_no})

    def swap_numbers(self, one: int, other: int) -> None:
        """Two products exchange their product numbers, in the same second."""
        number = self.kind.number_field
        first, second = self.product(one)[number], self.product(other)[number]
        self.rename_number(one, second)
        self.rename_number(other, first)

    def delete(self, product_id: int, *, vanish: bool = False) -> None:
        """Delete as a person does (enable_flag 0, or out of the list), or for good. Raises KeyError."""
        if not vanish and self.kind.has_flag:
            self.edit(product_id, enable_flag=0)
            return
        position = self.position_of(product_id)
        if not vanish:
            self._hidden.add(position)
            self._stamp(position, listed=False)
            return
        self._hidden.discard(position)
        self._unlist(position)
        self._removed.add(position)
        self._version += 1

    def restore(self, product_id: int) -> None:
        """Take a person's deletion back. Raises KeyError."""
        if self.kind.has_flag:
            self.edit(product_id, enable_flag=1)
            return
        position = self.position_of(product_id)
        self._hidden.discard(position)
        self._stamp(position, listed=True)

    @property
    def dirts(self) -> list[Dirt]:
        """The kinds of dirt that this list can have."""
        return [each for each in Dirt if self.kind is PRODUCT or each not in _OF_PRODUCTS_ALONE]

    def spoil(self, dirt: Dirt, count: int = 1, *, only: int | None = None) -> list[int]:
        """Make that many products dirty, or only this one, as an edit; their ids.

        Raises ValueError for dirt that this list cannot have.
        """
        if dirt not in self.dirts:
            raise ValueError(f"{dirt}: only products have groups")
        chosen = self._choose(count) if only is None else [only]
        for product_id in chosen:
            self.edit(product_id, **self._dirt_fields(dirt, product_id))
        return chosen

    def _dirt_fields(self, dirt: Dirt, product_id: int) -> dict[str, Any]:
        kind, number = self.kind, self.kind.number_field
        match dirt:
            case Dirt.EMPTY_NUMBER:
                return {number: ""}
            case Dirt.DUPLICATE_NUMBER:
                others = (self.product(each) for each in reversed(self.ids()) if each != product_id)
                return {number: next(filter(None, (each.get(number) for each in others)))}
            case Dirt.MISSING_NAME:
                return {kind.name_field or number: ABSENT}
            case Dirt.UNKNOWN_GROUP:
                return {"group_id": 999_999_999, "group_name": "已删除的分组"}
            case Dirt.WRONG_TYPES if kind is not PRODUCT:
                return {kind.name_field or kind.text_field: ["列表", "而非文本"]}
            case Dirt.WRONG_TYPES:
                return {"name": ["列表", "而非文本"], "hs_code": {"code": 940540}, "cost": None}

    def _choose(self, count: int) -> list[int]:
        # Drawing positions, not from a list of ids, keeps one edit cheap at 100 000 products.
        chosen: dict[int, None] = {}
        population = range(len(self._updated))
        while len(chosen) < min(count, len(self)):
            position = self._random.choice(population)
            if position not in self._removed:
                chosen[self.id_at(position)] = None
        return list(chosen)

    def _stamp(self, position: int, *, listed: bool) -> None:
        self._unlist(position)
        self._updated[position] = self.clock.okki_now()
        if listed:
            bisect.insort(self._newest, self._updated[position] << _POSITION_BITS | position)
        self._version += 1

    def _unlist(self, position: int) -> None:
        key = self._updated[position] << _POSITION_BITS | position
        at = bisect.bisect_left(self._newest, key)
        if at < len(self._newest) and self._newest[at] == key:
            del self._newest[at]
