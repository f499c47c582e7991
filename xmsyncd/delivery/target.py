"""What delivery asks of a Yida form, whichever kind of form it is."""

from __future__ import annotations

from typing import Protocol

from xmsyncd.records import Content, Found, InstanceId, KeyValue, Outcome


class Target(Protocol):
    """One Yida form as delivery sees it.

    Writes return an outcome and never raise for what the vendor or the network does; the caller holds
    their permit and has counted the call. Reads take their own permit, count themselves and raise
    ``CannotWorkError`` (and ``ReserveSpentError``), ``TryLaterError`` (and ``ThrottledError``) or
    ``RefusedError``.
    """

    @property
    def reads(self) -> int:
        """Calls of reads through this object that the vendor may have metered."""
        ...

    async def create(self, content: Content) -> Outcome:
        """Start an instance. Not safe to repeat: the vendor knows no idempotency key."""
        ...

    async def update(self, instance_id: InstanceId, content: Content) -> Outcome:
        """Write every mapped component of an instance. Safe to repeat by content."""
        ...

    async def search(self, key: KeyValue) -> tuple[Found, ...]:
        """What the vendor's search shows for a key; the caller compares."""
        ...

    async def get(self, instance_id: InstanceId) -> Found | None:
        """An instance by its id, fresh; ``None`` when it is gone."""
        ...

    async def count_instances(self) -> int:
        """How many instances the form shows to the acting user."""
        ...
