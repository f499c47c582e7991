"""When a slice counts as complete."""

from __future__ import annotations

import pytest

from xmsyncd.okki.proof import (
    PassSummary,
    ProofDecision,
    decide_proof,
    is_explained_by_departures,
    is_last_page,
)


def one(first=None, last=None, distinct=0, fingerprint=1):
    return PassSummary(first, last, distinct, fingerprint)


@pytest.mark.parametrize(
    ("passes", "union", "decision"),
    [
        ([one(5, 5, 5)], 5, ProofDecision.PROVEN_TOTALS),
        ([one(0, 0, 0)], 0, ProofDecision.PROVEN_TOTALS),
        ([one(5, 4, 4)], 4, ProofDecision.READ_AGAIN),
        ([one(5, 4, 5)], 5, ProofDecision.PROVEN_UNION),
        ([one(4, 5, 5)], 5, ProofDecision.PROVEN_UNION),
        ([one(None, None, 5)], 5, ProofDecision.READ_AGAIN),
        ([one(5, None, 5)], 5, ProofDecision.READ_AGAIN),
        ([one(3, 3, 5)], 5, ProofDecision.READ_AGAIN),
        ([one(5, 4, 3), one(4, 4, 4)], 4, ProofDecision.PROVEN_TOTALS),
        ([one(5, 4, 3), one(4, 3, 3, 2)], 5, ProofDecision.PROVEN_UNION),
        ([one(5, 4, 3), one(4, 3, 3, 2)], 4, ProofDecision.READ_AGAIN),
        ([one(2, 1, 5), one(2, 2, 2, 2)], 5, ProofDecision.READ_AGAIN),
        ([one(distinct=5), one(distinct=5)], 5, ProofDecision.PROVEN_PASSES),
        ([one(9, 9, 5), one(9, 9, 5)], 5, ProofDecision.PROVEN_PASSES),
        ([one(distinct=5), one(distinct=5, fingerprint=2)], 6, ProofDecision.READ_AGAIN),
        (
            [one(distinct=4), one(distinct=5, fingerprint=2), one(distinct=5, fingerprint=2)],
            5,
            "proven_passes",
        ),
        ([one(distinct=5), one(distinct=5, fingerprint=2), one(distinct=5)], 6, ProofDecision.HALVE),
    ],
)
def test_a_slice_is_believed_only_for_a_reason_with_a_name(passes, union, decision):
    assert decide_proof(passes, union) is ProofDecision(decision)


def test_exactly_the_proven_decisions_are_proven():
    proven = {decision for decision in ProofDecision if decision.is_proven}
    assert proven == {
        ProofDecision.PROVEN_TOTALS,
        ProofDecision.PROVEN_UNION,
        ProofDecision.PROVEN_PASSES,
        ProofDecision.PROVEN_DEPARTURES,
    }


@pytest.mark.parametrize(
    ("seen", "departed", "total_now", "explained"),
    [
        ({1, 2, 3}, {3, 9}, 2, True),
        ({1, 2}, {3, 9}, 2, True),
        ({1, 2}, {9}, 3, False),
        ({1, 2, 3}, set(), 2, False),
        ({1, 2}, set(), 2, False),
    ],
    ids=[
        "seen and left",
        "left unseen",
        "one was never seen",
        "one is gone and nowhere",
        "one was deleted, another never seen",
    ],
)
def test_what_left_for_the_next_window_explains_a_shrinking_total(seen, departed, total_now, explained):
    found = is_explained_by_departures(seen, departed, first_total=3, total_now=total_now)
    assert found is explained


@pytest.mark.parametrize(
    ("on_page", "largest_page", "stale", "distinct", "total", "last"),
    [
        (0, 0, 1, 0, None, True),
        (0, 50, 1, 50, 90, True),
        (50, 50, 1, 50, None, True),
        (50, 50, 1, 50, 50, True),
        (50, 50, 1, 50, 90, False),
        (50, 50, 3, 50, 90, True),
        (20, 50, 0, 70, None, True),
        (20, 20, 0, 20, None, False),
        (20, 50, 0, 70, 70, True),
        (20, 50, 0, 70, 60, True),
        (20, 50, 0, 70, 71, False),
        (50, 50, 0, 100, 100, False),
        (50, 50, 0, 100, 3, False),
    ],
    ids=[
        "empty list",
        "page beyond the end",
        "last page repeated, no total",
        "last page repeated, total reached",
        "nothing new, but the total promises more",
        "nothing new again and again",
        "short page, no total",
        "first page, perhaps clamped",
        "short page, total reached",
        "short page, total lies low",
        "short page, but the total promises more",
        "full page, total reached: it may lie low",
        "full page, total lies low",
    ],
)
def test_the_end_of_a_pass(on_page, largest_page, stale, distinct, total, last):
    ended = is_last_page(
        on_page=on_page, largest_page=largest_page, stale=stale, distinct=distinct, total=total
    )
    assert ended is last
