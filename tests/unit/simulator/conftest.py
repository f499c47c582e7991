"""The clock of the simulated vendors, moved by a test."""

from __future__ import annotations

import pytest


class Tick:
    """Monotonic and wall clock at once."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def tick() -> Tick:
    return Tick()
