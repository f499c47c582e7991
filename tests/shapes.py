"""The shapes of components whose ids alone tell their kinds."""

from __future__ import annotations

from collections.abc import Iterable

from xmsyncd.yida.kinds import Shape, shape_of


def shapes_of_ids(component_ids: Iterable[str]) -> dict[str, Shape]:
    """By component id."""
    return {component_id: shape_of(component_id) for component_id in component_ids}
