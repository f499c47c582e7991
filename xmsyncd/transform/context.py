"""The context: one hash of everything besides the items that shapes what Yida holds (part of step 2).

When it changes, the next cycle is a full read; the content hashes still decide what costs a call.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    return hash_of({"mapping": mapping.spec_hash, "groups": groups, "further": dict(further or {})})
