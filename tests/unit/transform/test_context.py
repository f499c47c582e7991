"""The context hash changes with what shapes the output, and with nothing else."""

from typing import Any

from xmsyncd.records import ContentHash
from xmsyncd.transform.context import context_hash
from xmsyncd.transform.derived import GroupPolicies, SingleLevel
from xmsyncd.transform.mapping import FieldMapping, FieldSpec

TREE = ContentHash("aa")


def encode(_component: str, _type: str, value: Any) -> Any:
    return value


def mapping(value: str) -> FieldMapping:
    return FieldMapping(
        [FieldSpec("key", "", "string", "{no}"), FieldSpec("f", "", "string", value)], (), "key", encode
    )


def context(
    value: str,
    policies: GroupPolicies = GroupPolicies(),  # noqa: B008 — frozen
    tree: ContentHash | None = TREE,
    further: dict[str, Any] | None = None,
) -> str:
    return context_hash(mapping(value), policies=policies, tree_hash=tree, further=further)


def test_the_mapping_and_what_the_app_adds_count():
    found = [context("{a}"), context("{b}"), context("{a}", further={"fetch_detail": "always"})]
    assert len(set(found)) == 3
    assert context("{a}") == context("{a}", further={})


def test_tree_and_policies_count_where_a_group_level_is_used():
    other = GroupPolicies(single_level=SingleLevel.REPEAT)
    levels = "{{一级分组}}"
    assert len({context(levels), context(levels, other), context(levels, tree=ContentHash("bb"))}) == 3
    assert context("{a}") == context("{a}", other) == context("{a}", tree=None)
