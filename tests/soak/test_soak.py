"""A short soak in the suite; ``make soak SEED=… MINUTES=…`` runs a long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.soak import Soak

pytestmark = [pytest.mark.soak, pytest.mark.alone, pytest.mark.timeout(420)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_product_is_there_once_after_a_storm(tmp_path: Path, seed: int) -> None:
    """2,000 products, half a minute of faults, kills and edits; then everything must come right."""
    soak = Soak(tmp_path, seed=seed, products=2000, say=lambda line: None)
    story = soak.run(minutes=0, storm_seconds=30)
    assert story.storms == 1
    assert story.products >= 2000
    assert story.blows["kill"] > 0
