"""The context: one hash of everything besides the items that shapes what Yida holds (part of step 2).

When it changes, the next cycle is a full read; the content hashes still decide what costs a call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from xmsyncd.records import ContentHash
from xmsyncd.transform.derived import GroupPolicies
from xmsyncd.transform.hashes import hash_of
from xmsyncd.transform.mapping import FieldMapping


def context_hash(
    mapping: FieldMapping,
    *,
    policies: GroupPolicies,
    tree_hash: ContentHash | None,
    further: Mapping[str, Any] | None = None,
) -> ContentHash:
    """See :func:`context_parts`."""
    return hash_of(context_parts(mapping, policies=policies, tree_hash=tree_hash, further=further))


def context_parts(
    mapping: FieldMapping,
    *,
    policies: GroupPolicies,
    tree_hash: ContentHash | None,
    further: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What the mapping does not use (policies and tree, without a group level in a template) does not count.

    ``further`` is JSON by name: whatever else shapes the output, for example when details are fetched.
    """
    groups: dict[str, Any] | None = None
    if mapping.derived_needs:
        groups = {
            "tree": tree_hash,
            "unknown_group": policies.unknown_group.value,
            "deeper_groups": policies.deeper_groups.value,
            "single_level": policies.single_level.value,
        }
    return {"mapping": mapping.spec_hash, "groups": groups, "further": dict(further or {})}


def named_parts(mapping: FieldMapping, parts: Mapping[str, Any]) -> dict[str, ContentHash]:
    """The hash of each part by its name, as ``mapping.fields.textField_x`` or ``groups.tree``.

    So that a person can be told which of them has changed.
    """
    return dict(_flattened({**parts, "mapping": mapping.spec}, ""))


def _flattened(value: Any, name: str) -> Iterator[tuple[str, ContentHash]]:
    """The entries of a list are named by their first member, where that is what they are about."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flattened(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and value and all(_is_about_something(one) for one in value):
        by_first: dict[str, list[Any]] = {}
        for one in value:
            by_first.setdefault(one[0], []).append(one)
        for first, some in by_first.items():
            yield f"{name}.{first}", hash_of(some)
    elif value is not None and value != []:
        yield name, hash_of(value)


def _is_about_something(entry: Any) -> bool:
    return isinstance(entry, (list, tuple)) and len(entry) > 1 and isinstance(entry[0], str)


class PartChange(StrEnum):
    """How a part of the context is another than it was."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


def changed_parts(before: Mapping[str, ContentHash], now: Mapping[str, ContentHash]) -> dict[str, PartChange]:
    """The parts that differ, by name, in the order in which they stand now; what is gone comes last."""
    changes = {
        name: PartChange.CHANGED if name in before else PartChange.ADDED
        for name, part in now.items()
        if before.get(name) != part
    }
    return changes | {name: PartChange.REMOVED for name in before if name not in now}
