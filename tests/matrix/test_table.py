"""The table in ``tests/README.md`` is the suite's own data."""

from __future__ import annotations

from tests.matrix.kinds import KINDS, NOT_ITS_CALL, OTHER_VENDOR, Op, Pattern, cells_of
from tests.matrix.table import README, updated
from xmsyncd.simulator.faults import KINDS as SIMULATED
from xmsyncd.simulator.faults import FaultName


def test_the_readme_shows_the_matrix_as_it_is_run():
    text = README.read_text(encoding="utf-8")
    assert text == updated(text), "run: python -m tests.matrix.table"


def test_every_fault_that_can_be_simulated_is_in_the_matrix():
    used = {kind.fault["name"] for kind in KINDS if kind.fault is not None}
    # A month that is spent waits for the next one, which has tests of its own; the HTML of OKKI's gateway
    # and its half answers are rows of both vendors.
    elsewhere = {FaultName.QUOTA_SPENT, FaultName.OKKI_HTML, FaultName.OKKI_TRUNCATED}
    assert used == {name.value for name in SIMULATED} - {name.value for name in elsewhere}


def test_every_cell_that_is_left_out_has_a_reason():
    for kind in KINDS:
        for op in Op:
            reason = kind.reason_against(op)
            assert reason is None or reason in (OTHER_VENDOR, NOT_ITS_CALL) or reason in kind.without.values()
        for pattern in Pattern:
            assert (pattern in kind.patterns) != (pattern in kind.without), (kind.name, pattern)
        assert list(cells_of(kind))


def test_names_are_unique():
    names = [kind.name for kind in KINDS]
    assert len(names) == len(set(names))
