"""Whether an update would change anything in Yida: decided here alone, by what is desired (part of step 3).

Yida merges: an update leaves alone what it does not name. So a component that is mapped no more is no reason
for one, and neither is a new one without a value, which a form of ours holds nothing in. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from xmsyncd.records import Content, ContentHash
from xmsyncd.transform.hashes import canonical_json, sources_in
from xmsyncd.transform.value_types import is_empty


class Need(StrEnum):
    """Why an update is needed."""

    VALUE = "value"
    """A component holds another value."""
    NOT_KNOWN = "not_known"
    """What a component holds is not known: of an instance that was taken over, or delivered long ago."""
    SOURCE = "source"
    """What tells a time of ours tells it about something new."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What an instance is known to hold.

    ``left``: what it still holds in components that ``delivered`` does not name, because they are mapped no
    more; without those that hold nothing. ``None``: not known.
    """

    delivered: Content
    left: Mapping[str, Any] | None

    def value(self, component: str) -> Any:
        """What the component holds, as far as it is known."""
        if component in self.delivered:
            return self.delivered[component]
        return None if self.left is None else self.left.get(component)


def need_of(component: str, value: Any, holding: Holding) -> Need | None:
    """Why this value of the component has to be written; ``None``: it is there."""
    if component not in holding.delivered and holding.left is None:
        return Need.NOT_KNOWN
    held = holding.value(component)
    if is_nothing(value) and is_nothing(held):
        return None
    return None if canonical_json(value) == canonical_json(held) else Need.VALUE


def need_of_update(
    desired: Content, desired_hash: ContentHash, holding: Holding, delivered_hash: ContentHash
) -> Need | None:
    """Why the instance has to be updated to hold what is desired; ``None``: it does."""
    if desired_hash == delivered_hash:
        return None
    wanted, known = sources_in(desired_hash), sources_in(delivered_hash)
    for component, value in desired.items():
        if component in wanted:
            need = None if wanted[component] == known.get(component) else Need.SOURCE
        else:
            need = need_of(component, value, holding)
        if need is not None:
            return need
    return None


def told_by(desired: Content, desired_hash: ContentHash, holding: Holding) -> Holding:
    """The same instance, told by the components of ``desired``, for which it needs no update."""
    volatile = sources_in(desired_hash)
    delivered = {
        component: holding.delivered.get(component, value) if component in volatile else value
        for component, value in desired.items()
    }
    return Holding(delivered, left_beside(delivered, holding))


def left_beside(content: Content, before: Holding) -> Mapping[str, Any] | None:
    """What is left of what was there once ``content`` is written."""
    if before.left is None:
        return None
    return {
        component: value
        for component, value in {**before.left, **before.delivered}.items()
        if component not in content and not is_nothing(value)
    }


def is_nothing(value: Any) -> bool:
    """Whether a component with this value is empty: no text, no entry, no value. A blank is text."""
    return is_empty(value) and not (isinstance(value, str) and value)
