"""Every error has its exit status in the contract."""

from __future__ import annotations

import pytest

from xmsyncd.errors import (
    CannotWorkError,
    ConfigurationError,
    EmptyGroupTreeError,
    LedgerHeldError,
    LedgerUnusableError,
    RefusedError,
    StoppedError,
    ThrottledError,
)
from xmsyncd.operations.exit_status import HolderError, UnknownRecordError, exit_status_of, worst
from xmsyncd.records import StopReason


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("ours"), 1),
        (ConfigurationError([]), 2),
        (UnknownRecordError("nix"), 2),
        (LedgerUnusableError("full"), 2),
        (ThrottledError("slowly"), 3),
        (RefusedError("no"), 3),
        (EmptyGroupTreeError("empty"), 3),
        (StoppedError("stopped"), 3),
        (CannotWorkError("no", reason=StopReason.QUOTA), 4),
        (LedgerHeldError("held"), 5),
        (HolderError("CannotWorkError", "no", 4), 4),
    ],
)
def test_the_exit_status_of_an_error(error, status):
    assert exit_status_of(error) == status


def test_the_worst_of_several_counts():
    assert worst([0, 3, 4, 3]) == 4
    assert worst([]) == 0
