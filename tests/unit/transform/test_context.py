"""The context hash changes with what shapes the output, and with nothing else."""

from typing import Any

from xmsyncd.records import ContentHash
from xmsyncd.transform.context import changed_parts, context_hash, context_parts, named_parts
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


def parts(value: str, **changes: Any) -> dict[str, ContentHash]:
    built = mapping(value)
    of: dict[str, Any] = {"tree_hash": None, "further": {"on_change": "update"}, **changes}
    return named_parts(built, context_parts(built, policies=GroupPolicies(), **of))


def test_a_changed_part_of_the_context_is_told_by_its_name():
    before = parts("{name}")
    assert changed_parts(before, before) == {}
    (changed,) = changed_parts(before, parts("{name}!"))
    assert changed.startswith("mapping.fields.")
    assert changed_parts(before, parts("{name}", further={"on_change": "ignore", "hook": "h"})) == {
        "further.on_change": "changed",
        "further.hook": "added",
    }
    assert changed_parts(before, parts("{name}", further={})) == {"further.on_change": "removed"}


def test_a_group_tree_is_a_part_once_it_is_used():
    one, other = (
        parts("{一级分组}", tree_hash=ContentHash(tree)) for tree in ("tree of today", "tree of tomorrow")
    )
    assert changed_parts(one, other) == {"groups.tree": "changed"}


def test_the_parts_tell_a_change_exactly_when_the_hash_does():
    one, other = mapping("{name}"), mapping("{group_id}")
    hashes = [context_hash(built, policies=GroupPolicies(), tree_hash=None) for built in (one, other)]
    assert hashes[0] != hashes[1]
    assert changed_parts(parts("{name}"), parts("{group_id}"))
