"""OKKI's simulated store: what a seed makes, and what edits do to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from xmsyncd.simulator.catalogue import Catalogue, Dirt
from xmsyncd.simulator.group_tree import GroupTree
from xmsyncd.simulator.lists import LISTS, PRODUCT, ListKind
from xmsyncd.simulator.options import GroupsShape, ListOrder
from xmsyncd.simulator.products import ABSENT
from xmsyncd.simulator.times import SimulatedClock

NOW = 1_800_000_000


class Wall:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


def make(wall: Wall, size: int = 200, seed: int = 7, **more: Any) -> Catalogue:
    clock = SimulatedClock(wall=wall, offset=more.pop("offset", timedelta(0)))
    return Catalogue(size=size, seed=seed, clock=clock, groups=GroupTree(), **more)


def everything(catalogue: Catalogue, **how: Any) -> list[int]:
    """Positions of all pages of 7, as a reader meets them."""
    found: list[int] = []
    while page := catalogue.page(offset=len(found), limit=7, **how)[0]:
        found += page
    return found


def test_same_seed_makes_the_same_catalogue(wall: Wall) -> None:
    """Every field, and another seed makes another one."""
    one, same, other = make(wall), make(wall), make(wall, seed=8)
    assert [one.fields_at(each) for each in one.positions()] == [
        same.fields_at(each) for each in same.positions()
    ]
    assert one.fields_at(3) != other.fields_at(3)


def test_catalogue_looks_like_a_trading_company(wall: Wall) -> None:
    """14-digit ids, unique numbers, three levels of groups, all product types, remarks from none to long."""
    catalogue = make(wall, size=3000)
    products = [catalogue.fields_at(each) for each in catalogue.positions()]
    assert {len(str(each["product_id"])) for each in products} == {14}
    assert len({each["product_id"] for each in products}) == 3000
    assert len({each["product_no"] for each in products}) == 3000
    assert {each["product_type"] for each in products} == {1, 2, 3}
    assert {len(catalogue.groups.path(each["group_id"])) for each in products} == {1, 2, 3}
    remarks = [each["product_remark"] for each in products]
    assert "" in remarks
    assert max(map(len, remarks)) > 1000
    assert any("\n" in each for each in remarks)
    assert any("🙂" in each for each in remarks)
    assert len(catalogue.groups.groups) >= 40


def test_list_item_has_no_product_type_and_detail_has(wall: Wall) -> None:
    """As the vendor documents both; ids as text on demand."""
    fields = make(wall).fields_at(0)
    item = PRODUCT.listed(fields, ids_as_text=True)
    assert "product_type" not in item
    assert item["product_id"] == str(fields["product_id"])
    assert PRODUCT.listed(fields, ids_as_text=False, hidden=frozenset())["product_type"] in (1, 2, 3)
    assert PRODUCT.detailed(fields, ids_as_text=False)["product_type"] == fields["product_type"]


@pytest.mark.parametrize("order", list(ListOrder))
def test_pages_show_everything_once_in_any_order(wall: Wall, order: ListOrder) -> None:
    """Paging over a store at rest loses and repeats nothing."""
    catalogue = make(wall)
    assert sorted(everything(catalogue, order=order)) == list(catalogue.positions())


def test_newest_update_comes_first(wall: Wall) -> None:
    """The default order."""
    catalogue = make(wall)
    times = [catalogue.fields_at(each)["update_time"] for each in everything(catalogue)]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("order", list(ListOrder))
def test_window_is_inclusive_at_both_ends_to_the_second(wall: Wall, order: ListOrder) -> None:
    """An update at the very start or end of a window is in it."""
    catalogue = make(wall)
    first, second = catalogue.ids()[:2]
    wall.now = NOW + 100
    catalogue.edit(first, name="甲")
    wall.now = NOW + 200.9
    catalogue.edit(second, name="乙")

    def found(start: int, end: int) -> set[int]:
        positions, total = catalogue.page(offset=0, limit=9, order=order, start=start, end=end)
        assert total == len(positions)
        return {catalogue.id_at(each) for each in positions}

    assert found(NOW + 100, NOW + 200) == {first, second}
    assert found(NOW + 101, NOW + 200) == {second}
    assert found(NOW + 100, NOW + 199) == {first}
    assert found(NOW + 300, NOW + 200) == set()


def test_edit_moves_a_product_to_the_front_and_shifts_the_pages(wall: Wall) -> None:
    """Which is how a reader of page numbers loses records."""
    catalogue = make(wall)
    page_two = catalogue.page(offset=7, limit=7)[0]
    catalogue.edit(catalogue.id_at(everything(catalogue)[-1]), name="动")
    assert catalogue.page(offset=8, limit=6)[0] == page_two[:6]


def test_edit_stamps_okkis_clock(wall: Wall) -> None:
    """Not ours: OKKI's may be ahead."""
    catalogue = make(wall, offset=timedelta(minutes=5))
    product_id = catalogue.ids()[0]
    catalogue.edit(product_id, name="新", product_remark=ABSENT)
    fields = catalogue.product(product_id)
    assert fields["name"] == "新"
    assert "product_remark" not in fields
    assert fields["update_time"] == catalogue.clock.text(NOW + 300)


def test_edit_refuses_unknown_products_and_fields(wall: Wall) -> None:
    """So that a test with a slip in it does not pass."""
    catalogue = make(wall)
    with pytest.raises(KeyError):
        catalogue.edit(1, name="x")
    with pytest.raises(ValueError, match="update_time"):
        catalogue.edit(catalogue.ids()[0], update_time="2020-01-01 00:00:00")


def test_random_edits_change_what_yida_would_show(wall: Wall) -> None:
    """Each of them different products, each with another name or remark."""
    catalogue = make(wall)
    before = {each: catalogue.product(each) for each in catalogue.ids()}
    changed = catalogue.edit_random(20)
    assert len(set(changed)) == 20
    for each in changed:
        after = catalogue.product(each)
        assert (after["name"], after["product_remark"]) != (
            before[each]["name"],
            before[each]["product_remark"],
        )


def test_swap_create_and_delete(wall: Wall) -> None:
    """What people do besides editing."""
    catalogue = make(wall)
    one, other, third = catalogue.ids()[:3]
    numbers = catalogue.product(one)["product_no"], catalogue.product(other)["product_no"]
    catalogue.swap_numbers(one, other)
    assert (catalogue.product(other)["product_no"], catalogue.product(one)["product_no"]) == numbers
    created = catalogue.create(name="全新")
    assert catalogue.product(created)["name"] == "全新"
    assert catalogue.page(offset=0, limit=1)[0] == [catalogue.position_of(created)]
    catalogue.delete(third)
    assert catalogue.product(third)["enable_flag"] == 0
    catalogue.delete(third, vanish=True)
    assert third not in catalogue.ids()
    assert len(everything(catalogue)) == len(catalogue) == 200
    with pytest.raises(KeyError):
        catalogue.product(third)


def test_deleted_products_may_be_left_out_of_the_list(wall: Wall) -> None:
    """Whether OKKI lists them is unknown, so both are there."""
    catalogue = make(wall, deleted_listed=False)
    gone = catalogue.ids()[5]
    catalogue.delete(gone)
    assert catalogue.position_of(gone) not in everything(catalogue)
    assert catalogue.product(gone)["enable_flag"] == 0


@pytest.mark.parametrize("dirt", list(Dirt))
def test_dirt_of_every_kind(wall: Wall, dirt: Dirt) -> None:
    """Each kind can be had, and counts as an edit."""
    catalogue = make(wall)
    wall.now = NOW + 50
    (product_id,) = catalogue.spoil(dirt)
    fields = catalogue.product(product_id)
    assert fields["update_time"] == catalogue.clock.text(NOW + 50)
    others = [catalogue.product(each).get("product_no") for each in catalogue.ids() if each != product_id]
    match dirt:
        case Dirt.EMPTY_NUMBER:
            assert fields["product_no"] == ""
        case Dirt.DUPLICATE_NUMBER:
            assert fields["product_no"] in others
        case Dirt.MISSING_NAME:
            assert "name" not in fields
        case Dirt.UNKNOWN_GROUP:
            assert catalogue.groups.path(fields["group_id"]) == ()
        case Dirt.WRONG_TYPES:
            assert isinstance(fields["name"], list)


@pytest.mark.parametrize("shape", list(GroupsShape))
def test_group_tree_in_every_shape(shape: GroupsShape) -> None:
    """Flat as documented, and the shapes that a reader must survive."""
    tree = GroupTree()
    tree.shape = shape
    rows = tree.payload(ids_as_text=False, created="2024-01-01 00:00:00")
    parents = {row["id"]: row["parent_id"] for row in rows}
    match shape:
        case GroupsShape.FLAT:
            assert {row["layer"] for row in rows} == {1, 2, 3}
            assert len(rows) == len(tree.groups)
        case GroupsShape.NESTED:
            assert len(rows) == 5
            assert rows[0]["children"][0]["children"]
        case GroupsShape.EMPTY:
            assert rows == []
        case GroupsShape.CYCLE:
            walked, at = set(), rows[0]["id"]
            while at not in walked:
                walked.add(at)
                at = parents[at]
        case GroupsShape.ORPHAN:
            assert any(parent and parent not in parents for parent in parents.values())


@pytest.mark.parametrize("kind", LISTS.values(), ids=lambda kind: kind.name)
def test_every_list_is_read_edited_deleted_and_restored(wall: Wall, kind: ListKind) -> None:
    """Its own names of fields, whatever it lists; a deletion shows by a flag or by absence."""
    catalogue = make(wall, size=30, kind=kind)
    assert len({catalogue.fields_at(each)[kind.number_field] for each in catalogue.positions()}) == 30
    wall.now += 60
    (edited,) = catalogue.edit_random()
    assert catalogue.page(offset=0, limit=1)[0] == [catalogue.position_of(edited)]
    catalogue.delete(edited)
    position = catalogue.position_of(edited)
    assert catalogue.is_deleted(position)
    listed = position in everything(catalogue)
    assert listed is kind.has_flag
    assert (position in catalogue.page(offset=0, limit=100, deleted=True)[0]) is not kind.has_flag
    catalogue.restore(edited)
    assert not catalogue.is_deleted(position)
    assert position in everything(catalogue)
    wrong: dict[str, Any] = {kind.id_field: 1}
    with pytest.raises(ValueError, match=f"no such {kind.name} field"):
        catalogue.edit(edited, **wrong)


@pytest.mark.parametrize("kind", LISTS.values(), ids=lambda kind: kind.name)
def test_dirt_of_every_list(wall: Wall, kind: ListKind) -> None:
    """Each kind of dirt that a list can have; groups are the products' alone."""
    catalogue = make(wall, size=30, kind=kind)
    assert (Dirt.UNKNOWN_GROUP in catalogue.dirts) is (kind is PRODUCT)
    for dirt in catalogue.dirts:
        assert catalogue.spoil(dirt)
    if kind is not PRODUCT:
        with pytest.raises(ValueError, match="groups"):
            catalogue.spoil(Dirt.UNKNOWN_GROUP)
