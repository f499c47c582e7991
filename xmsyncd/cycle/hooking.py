"""Step 2 before the mapping: a product goes through the function of ``transform``, where there is one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, assert_never

from xmsyncd.errors import ConfigurationError, UnusableMappingError
from xmsyncd.hook.process import Failed, Hook, Kept, LeftOut
from xmsyncd.records import Filtered, Item, Rejection, RejectionReason
from xmsyncd.transform.depth import cut_off

HOOK_OUTAGE: Final = 3
"""So many products in a row may hang a function or end its process: each costs the time it was given."""


class Hooking:
    """Puts the products of one pipeline through its function."""

    def __init__(self, hook: Hook) -> None:
        self._hook = hook
        self._ended_in_a_row = 0

    def begin(self) -> None:
        """A cycle begins."""
        self._ended_in_a_row = 0

    async def apply(self, item: Item, detail: Mapping[str, Any] | None) -> Item | Rejection | Filtered:
        """The item as the function returns it; its id, time and listing stay what OKKI told.

        Raises UnusableMappingError where the function cannot be had, or hangs again and again.
        """
        name = self._hook.name
        if self._ended_in_a_row >= HOOK_OUTAGE:
            raise UnusableMappingError(
                f"the function {name} of transform did not come back for {HOOK_OUTAGE} products in a row; "
                "those are rejected, and the others have their turn in the next cycle"
            )
        try:
            answer = await self._hook.apply(whole(item, detail))
        except ConfigurationError as error:
            raise UnusableMappingError(str(error)) from None
        match answer:
            case Kept():
                self._ended_in_a_row = 0
                return dataclasses.replace(item, raw=cut_off(answer.product))
            case LeftOut():
                self._ended_in_a_row = 0
                return Filtered(item.source_id, item.updated_at, f"{name} (transform) leaves it out")
            case Failed():
                self._ended_in_a_row = self._ended_in_a_row + 1 if answer.ended else 0
                found = f"{name} (transform): found {answer.detail}, expected a product or None"
                return Rejection(item.source_id, item.updated_at, RejectionReason.HOOK, found)
            case _:
                assert_never(answer)


def whole(item: Item, detail: Mapping[str, Any] | None) -> dict[str, Any]:
    """The product as listed, with what only the detail shows of it."""
    product = dict(item.raw)
    for name, value in (detail or {}).items():
        if product.get(name) is None and value is not None:
            product[name] = value
    return product
