"""OKKI's product groups as a pipeline knows them: fetched, remembered, never blank by mistake (step 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import orjson

from xmsyncd.clock import Clock
from xmsyncd.errors import EmptyGroupTreeError
from xmsyncd.ledger import Ledger, lookups
from xmsyncd.okki.client import OkkiClient
from xmsyncd.okki.groups import Group, GroupTree
from xmsyncd.okki.resources import Resource
from xmsyncd.records import ContentHash

GROUP_TREE = "product_groups"


class KnownGroups:
    """The group tree, asked for again when it is older than ``keep`` or lacks a group.

    What fetches raises what ``OkkiClient`` raises, and ``EmptyGroupTreeError``.
    """

    def __init__(
        self,
        client: OkkiClient,
        resource: Resource,
        *,
        ledger: Ledger,
        clock: Clock,
        keep: timedelta,
        changed: Callable[[int], None],
    ) -> None:
        """``changed`` is told the number of groups when the tree is another than before."""
        self._client = client
        self._resource = resource
        self._ledger = ledger
        self._clock = clock
        self._keep = keep
        self._changed = changed
        self._tree: GroupTree | None = None
        self._fetched_at: float | None = None
        self._was_asked_again = False

    @property
    def hash(self) -> ContentHash | None:
        """That of the tree; ``None`` before there is one."""
        return None if self._tree is None else self._tree.hash

    def begin(self) -> None:
        """A cycle begins: a group that the tree lacks may be asked for once more."""
        self._was_asked_again = False

    async def refresh(self) -> None:
        """Have a tree that is young enough."""
        now = self._clock.monotonic()
        if self._fetched_at is None or now - self._fetched_at >= self._keep.total_seconds():
            await self._fetch()

    async def look_for(self, group_id: str) -> None:
        """Have a tree; for a group that it lacks it is fetched again, once in a cycle."""
        if self._tree is None:
            await self._fetch()
        is_missing = group_id and self._tree is not None and not self._tree.knows(group_id)
        if is_missing and not self._was_asked_again:
            self._was_asked_again = True
            await self._fetch()

    async def recall(self) -> bool:
        """Have the tree that the ledger remembers, not asking; whether it remembers one."""
        known = await self._ledger.read(lookups.recall, self._client.name, GROUP_TREE)
        self._tree = GroupTree(()) if known is None else GroupTree.from_json(orjson.loads(known.body))
        self._was_asked_again = True
        return known is not None

    def path_of(self, group_id: str) -> Sequence[Group]:
        """The groups from the root to this one; empty for one that is not known."""
        return () if self._tree is None else self._tree.path_of(group_id)

    async def _fetch(self) -> None:
        tree = await self._client.fetch_groups(self._resource)
        known = await self._ledger.read(lookups.recall, self._client.name, GROUP_TREE)
        if tree.is_empty and known is not None:
            raise EmptyGroupTreeError(
                "OKKI shows no product groups although it did before: nothing is written with blank groups. "
                "If all groups were really deleted, leave the group levels out of the mapping"
            )
        if not tree.is_empty and (known is None or known.hash != tree.hash):
            body = orjson.dumps(tree.to_json()).decode()
            await self._ledger.write(
                lookups.remember, self._client.name, GROUP_TREE, tree.hash, body, self._clock.now()
            )
        before = self.hash or (None if known is None else known.hash)
        self._tree = tree
        self._fetched_at = self._clock.monotonic()
        if before is not None and before != tree.hash:
            self._changed(len(tree))
