"""一级分组 and 二级分组 from the path of a product's group, under each policy."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.records import ContentHash, Item, Rejection, RejectionReason, SourceId
from xmsyncd.transform.derived import (
    FIRST_LEVEL,
    GROUP_PATH,
    SECOND_LEVEL,
    DeeperGroups,
    GroupPolicies,
    SingleLevel,
    UnknownGroup,
    derive_group_levels,
    group_id_of,
    group_levels,
)


@dataclass(frozen=True)
class Node:
    id: str
    name: str


PATHS = {
    "1": (Node("1", "五金"),),
    "11": (Node("1", "五金"), Node("11", "螺栓")),
    "111": (Node("1", "五金"), Node("11", "螺栓"), Node("111", "不锈钢螺栓")),
}
DEFAULT = GroupPolicies()
NONE: tuple[Any, ...] = (None, 0, "0", "", " ", [], False)


def item(**raw: Any) -> Item:
    return Item(SourceId("7"), None, raw, ContentHash("h"))


def levels(first: str, second: str) -> dict[str, str]:
    return {FIRST_LEVEL: first, SECOND_LEVEL: second}


def derive(the_item: Item, policies: GroupPolicies = DEFAULT, detail: dict[str, Any] | None = None) -> Any:
    """The two levels, or the rejection."""
    found = derive_group_levels(the_item, detail, lambda group_id: PATHS.get(group_id, ()), policies)
    return (
        found if isinstance(found, Rejection) else {name: found[name] for name in found.keys() - {GROUP_PATH}}
    )


def path_of(the_item: Item, policies: GroupPolicies = DEFAULT) -> Any:
    found = derive_group_levels(the_item, None, lambda group_id: PATHS.get(group_id, ()), policies)
    assert not isinstance(found, Rejection)
    return found[GROUP_PATH]


@pytest.mark.parametrize(
    ("group_id", "policies", "expected"),
    [
        (11, DEFAULT, levels("五金", "螺栓")),
        ("11", DEFAULT, levels("五金", "螺栓")),
        (1, DEFAULT, levels("五金", "")),
        (1, GroupPolicies(single_level=SingleLevel.REPEAT), levels("五金", "五金")),
        (111, DEFAULT, levels("五金", "螺栓")),
        (111, GroupPolicies(deeper_groups=DeeperGroups.LEAF), levels("五金", "不锈钢螺栓")),
        (11, GroupPolicies(deeper_groups=DeeperGroups.LEAF), levels("五金", "螺栓")),
        (99, DEFAULT, levels("", "其他")),
        (99, GroupPolicies(unknown_group=UnknownGroup.BLANK), levels("", "")),
    ],
)
def test_levels(group_id, policies, expected):
    assert derive(item(group_id=group_id, group_name="其他"), policies) == expected


@pytest.mark.parametrize("raw", [{}, *({"group_id": none} for none in NONE)])
def test_no_group_is_blank_even_when_unknown_groups_are_rejected(raw):
    """A product outside all groups has no unknown group."""
    found = derive(item(**raw, group_name="x"), GroupPolicies(unknown_group=UnknownGroup.REJECT))
    assert found == levels("", "")


def test_unknown_group_is_rejected_by_policy():
    found = derive(item(group_id=99), GroupPolicies(unknown_group=UnknownGroup.REJECT))
    assert isinstance(found, Rejection)
    assert (found.source_id, found.reason) == ("7", RejectionReason.UNKNOWN_GROUP)
    assert '"99"' in found.detail


def test_group_of_the_detail_counts_only_where_the_list_has_none():
    assert derive(item(), detail={"group_id": "11"}) == levels("五金", "螺栓")
    assert derive(item(group_id="1"), detail={"group_id": "11"}) == levels("五金", "")
    assert group_id_of(item(group_id=None), {"group_id": 11}) == "11"


def test_the_path_has_ids_and_names_and_an_unknown_group_is_at_most_a_leaf():
    shown = path_of(item(group_id=111))
    assert [one["id"] for one in shown["levels"]] == ["1", "11", "111"]
    assert shown["leaf"] == shown["levels"][-1] == {"id": "111", "name": "不锈钢螺栓"}
    assert path_of(item(group_id=99, group_name="叶")) == {"levels": [], "leaf": {"id": "99", "name": "叶"}}
    blank = GroupPolicies(unknown_group=UnknownGroup.BLANK)
    assert path_of(item(group_id=99, group_name="叶"), blank) == {"levels": [], "leaf": None}
    assert path_of(item(group_id=0, group_name="叶")) == {"levels": [], "leaf": None}


def test_policies_are_made_from_their_names_in_the_configuration():
    assert GroupPolicies(UnknownGroup("name"), DeeperGroups("second"), SingleLevel("blank")) == DEFAULT


def test_low_level_takes_an_unknown_group_as_an_empty_path():
    assert group_levels((), "9", "叶", DEFAULT) == levels("", "叶")
    assert group_levels((), "9", "叶", GroupPolicies(unknown_group=UnknownGroup.REJECT)) is None
    assert group_levels((), "", "叶", DEFAULT) == levels("", "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(JSON, JSON, st.builds(GroupPolicies, *map(st.sampled_from, (UnknownGroup, DeeperGroups, SingleLevel))))
def test_any_item_gives_two_texts_or_a_rejection(group_id, group_name, policies):
    found = derive(item(group_id=group_id, group_name=group_name), policies)
    if isinstance(found, Rejection):
        assert policies.unknown_group is UnknownGroup.REJECT
        found.detail.encode()
    else:
        assert found.keys() == {FIRST_LEVEL, SECOND_LEVEL}
        assert all(isinstance(name, str) for name in found.values())
