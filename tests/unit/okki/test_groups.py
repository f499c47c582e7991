"""The tree of product groups, clean and dirty."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmsyncd.okki.groups import Group, GroupTree

FLAT = [
    {"id": 1, "name": "紧固件", "parent_id": 0, "layer": 1},
    {"id": "11", "name": " 螺丝 ", "parent_id": 1},
    {"id": 111, "name": "自攻螺丝", "parent_id": "11"},
    {"id": 2, "name": "工具", "parent_id": ""},
    {"id": 3, "name": "其他", "parent_id": None},
]
NESTED = [
    {"id": 3, "name": "其他"},
    {"id": 2, "name": "工具", "children": []},
    {
        "id": 1,
        "name": "紧固件",
        "children": [{"id": 11, "name": "螺丝", "child": [{"id": 111, "name": "自攻螺丝", "parent_id": 11}]}],
    },
]


def names(tree, group_id):
    return [group.name for group in tree.path_of(group_id)]


@pytest.mark.parametrize("data", [FLAT, NESTED, {"list": FLAT}, {"list": NESTED, "count": 5}])
def test_a_path_leads_from_the_root_to_the_group_whatever_the_shape(data):
    tree = GroupTree.from_payload(data)
    assert names(tree, "111") == ["紧固件", "螺丝", "自攻螺丝"]
    assert names(tree, "2") == ["工具"]
    assert names(tree, "9") == []
    assert tree.knows("3")
    assert not tree.knows("9")
    assert len(tree) == 5
    assert tree.hash == GroupTree.from_payload(FLAT).hash


def test_a_cycle_ends_the_walk():
    tree = GroupTree.from_payload(
        [{"id": 1, "name": "a", "parent_id": 2}, {"id": 2, "name": "b", "parent_id": 1}]
    )
    assert names(tree, "1") == ["b", "a"]


def test_its_own_parent_is_a_root_and_an_orphan_begins_its_path():
    tree = GroupTree.from_payload(
        [{"id": 1, "name": "a", "parent_id": 1}, {"id": 5, "name": "o", "parent_id": 77}]
    )
    assert tree.path_of("1") == (Group("1", "a", None),)
    assert names(tree, "5") == ["o"]


def test_twenty_levels_are_the_most():
    tree = GroupTree.from_payload([{"id": n, "name": str(n), "parent_id": n - 1} for n in range(1, 60)])
    assert len(tree.path_of("59")) == 20
    deep = {"id": 5000, "name": "x"}
    for n in range(4999, 0, -1):
        deep = {"id": n, "name": "x", "children": [deep]}
    assert len(GroupTree.from_payload([deep])) == 5000


@pytest.mark.parametrize("data", [[], {}, None, [None, {"name": "no id"}], {"list": []}])
def test_an_empty_tree_says_so(data):
    assert GroupTree.from_payload(data).is_empty


@pytest.mark.parametrize("data", ["x", 3, {"groups": 1}])
def test_a_strange_answer_is_not_taken_for_an_empty_tree(data):
    with pytest.raises(ValueError, match="array"):
        GroupTree.from_payload(data)


def test_a_renamed_or_moved_group_changes_the_hash_and_the_order_does_not():
    tree = GroupTree.from_payload(FLAT)
    assert GroupTree.from_payload(FLAT[::-1]).hash == tree.hash
    assert GroupTree.from_payload([*FLAT[:-1], {**FLAT[-1], "name": "x"}]).hash != tree.hash
    assert GroupTree.from_payload([*FLAT[:-1], {**FLAT[-1], "parent_id": 2}]).hash != tree.hash
    assert GroupTree.from_payload([*FLAT[:-1], {**FLAT[-1], "order_rank": 9}]).hash == tree.hash


@settings(max_examples=50)
@given(
    st.lists(
        st.builds(
            Group,
            id=st.integers(1, 8).map(str),
            name=st.text(max_size=3),
            parent_id=st.none() | st.integers(1, 9).map(str),
        )
    )
)
def test_any_tree_survives_the_ledger_and_every_path_ends(groups):
    tree = GroupTree(groups)
    again = GroupTree.from_json(tree.to_json())
    assert again.hash == tree.hash
    for group in groups:
        path = tree.path_of(group.id)
        assert path == again.path_of(group.id)
        assert path[-1].id == group.id
        assert len({step.id for step in path}) == len(path)


@pytest.mark.parametrize("text", ["", "{", "3", "[[1]]"])
def test_text_that_is_no_tree_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        GroupTree.from_json(text)
