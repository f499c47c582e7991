"""Step 7: the balance is 0, the watermark only moves forward, and a gap is listed until it is proven."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.ledger import sample
from tests.unit.ledger.opened import opened
from tests.unit.ledger.sample import NOW
from xmsyncd.ledger import cycles, pipelines
from xmsyncd.ledger.cycles import CycleCounts, CycleKind, CycleResult, Gap
from xmsyncd.ledger.views import StageDecision, StageEntry
from xmsyncd.records import ContentHash

HOUR = timedelta(hours=1)


def finish(connection: sqlite3.Connection, cycle_id: int = 1, items: int = 0, **more: object) -> int:
    result = more.pop("result", CycleResult.DONE)
    assert isinstance(result, CycleResult)
    counts = CycleCounts(items_read=items)
    return cycles.finish(connection, cycle_id, "products", result, counts, now=NOW, **more)  # type: ignore[arg-type]


# Balance

entries = st.lists(
    st.builds(
        lambda source, key, text, seconds, kind: (source, key, text, seconds, kind),
        st.sampled_from(["1", "2", "3", "4"]),
        st.sampled_from(["K1", "K2", "K3"]),
        st.sampled_from(["", "a", "b"]),
        st.integers(0, 3),
        st.sampled_from(["draft", "draft", "draft", "rejected", "as listed"]),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(entries, min_size=1, max_size=4), st.booleans())
def test_what_is_read_is_decided_in_any_order_of_pages(
    pages: list[list[tuple[str, str, str, int, str]]], ignore_changes: bool
):
    """Two cycles over the same items; delivery goes on between the pages."""
    with opened(":memory:") as connection:
        sample.open_pipeline(connection)
        for number in (1, 2):
            cycle_id = number if number == 1 else sample.begin_cycle(connection)
            ids: set[str] = set()
            for page in pages:
                known = set(sample.states(connection))
                staged = [_entry(*one, known=known) for one in page]
                decided = sample.stage(connection, *staged, cycle_id=cycle_id, ignore_changes=ignore_changes)
                assert sum(decided.values()) == len(page)
                ids |= {one[0] for one in page}
                sample.deliver_all(connection)
            assert finish(connection, cycle_id, len(ids)) == 0
            assert sum(cycles.decisions(connection, cycle_id).values()) == len(ids)
            counted = dict(
                connection.execute(
                    "SELECT decision, records FROM cycle_decisions WHERE cycle_id = ?", (cycle_id,)
                ).fetchall()
            )
            assert sum(counted.values()) == sum(len(page) for page in pages)
            assert sum(counted.values()) - counted.get(StageDecision.REPEAT, 0) == len(ids)


def _entry(source: str, key: str, text: str, seconds: int, kind: str, *, known: set[str]) -> StageEntry:
    at = NOW + timedelta(seconds=seconds)
    if kind == "rejected":
        entry = sample.rejected_entry(source, at)
    else:
        entry = sample.draft_entry(source, key, text, at)
    if kind == "as listed" and source in known:
        return replace(entry, result=None)
    known.add(source)
    return entry


def test_an_item_that_was_read_and_not_staged_is_missed(db: sqlite3.Connection):
    sample.stage(db, sample.draft_entry("1", "K"))
    assert finish(db, items=2) == 1
    assert db.execute("SELECT balance FROM cycles").fetchone()[0] == 1


def test_what_is_filtered_has_no_record_and_is_no_fault(db: sqlite3.Connection):
    counts = CycleCounts(items_read=3, filtered=3)
    assert cycles.finish(db, 1, "products", CycleResult.DONE, counts, now=NOW) == 0


def test_a_cycle_that_failed_has_no_balance_and_no_success(db: sqlite3.Connection):
    assert finish(db, items=5, result=CycleResult.FAILED) == 0
    assert pipelines.view(db, "products").last_success_at is None
    finish(db, sample.begin_cycle(db), result=CycleResult.UNPROVEN)
    assert pipelines.view(db, "products").last_success_at == NOW


def test_a_cycle_that_a_crash_left_open_is_closed_by_the_next(db: sqlite3.Connection):
    sample.begin_cycle(db)
    found = db.execute("SELECT result FROM cycles ORDER BY id").fetchall()
    assert [row["result"] for row in found] == ["interrupted", None]


# Watermark


def test_the_watermark_moves_forward_only_and_with_the_end_of_its_cycle(db: sqlite3.Connection):
    finish(db, watermark=NOW, full_read=ContentHash("context"))
    view = pipelines.view(db, "products")
    assert (view.watermark, view.context_hash, view.last_full_at) == (NOW, "context", NOW)
    finish(db, sample.begin_cycle(db), watermark=NOW - HOUR)
    assert pipelines.view(db, "products").watermark == NOW
    finish(db, sample.begin_cycle(db), watermark=None)
    assert pipelines.view(db, "products").watermark == NOW
    finish(db, sample.begin_cycle(db), watermark=NOW + HOUR)
    assert pipelines.view(db, "products").watermark == NOW + HOUR


# Gaps


def at(hour: float) -> datetime:
    return NOW + HOUR * hour


def unproven(connection: sqlite3.Connection, start: float, end: float) -> float | None:
    """How far from its start the slice has been passed, in hours."""
    passed_to = cycles.note_unproven(connection, "products", at(start), at(end), 3, NOW)
    return None if passed_to is None else (passed_to - NOW) / HOUR


def proven(connection: sqlite3.Connection, start: float | None, end: float) -> int:
    return cycles.close_gaps(connection, "products", None if start is None else at(start), at(end))


def gaps(connection: sqlite3.Connection) -> list[tuple[float, float, int]]:
    return [
        ((gap.start - NOW) / HOUR, (gap.end - NOW) / HOUR, gap.cycles)
        for gap in cycles.gaps(connection, "products", passed_only=False)
    ]


def test_a_slice_is_a_listed_gap_from_its_third_cycle_on(db: sqlite3.Connection):
    assert [unproven(db, 0, 1) for _ in range(2)] == [None, None]
    assert cycles.gaps(db, "products") == ()
    assert unproven(db, 0, 1) == 1
    assert cycles.gaps(db, "products") == (Gap(at(0), at(1), 3, passed=True),)
    assert cycles.gaps(db, "elsewhere") == ()


def test_neighbours_that_meet_in_one_second_are_two_gaps(db: sqlite3.Connection):
    """The reader's halves meet; the second must not swallow the first."""
    unproven(db, 0, 1)
    unproven(db, 1, 2)
    assert gaps(db) == [(0, 1, 1), (1, 2, 1)]


def test_the_same_stretch_in_other_pieces_is_the_same_gap(db: sqlite3.Connection):
    unproven(db, 0, 4)
    unproven(db, 0, 1)
    unproven(db, 3, 4.5)
    assert gaps(db) == [(0, 1, 2), (1, 3, 1), (3, 4, 2), (4, 4.5, 1)]
    assert unproven(db, 0.5, 1) == 1
    assert gaps(db) == [(0, 0.5, 2), (0.5, 1, 3), (1, 3, 1), (3, 4, 2), (4, 4.5, 1)]


def test_a_slice_beside_a_passed_gap_is_not_passed_at_once(db: sqlite3.Connection):
    """Windows overlap from cycle to cycle: each stretch must have been unproven three times itself."""
    for _ in range(3):
        unproven(db, 0, 1)
    assert unproven(db, 0.5, 2) == 1
    assert gaps(db) == [(0, 0.5, 3), (0.5, 1, 4), (1, 2, 1)]
    assert unproven(db, -1, 1) is None
    assert unproven(db, 0.5, 3) == 1
    assert unproven(db, 0.5, 3) == 2


def test_windows_that_stay_unproven_let_the_watermark_follow_two_cycles_behind(db: sqlite3.Connection):
    ends = [unproven(db, 0, end) for end in (1, 2, 3, 4, 5)]
    assert ends == [None, None, 1, 2, 3]
    assert len(cycles.gaps(db, "products")) == 1


def test_gaps_that_a_slice_bridges_are_passed_as_far_as_they_are_without_a_hole(db: sqlite3.Connection):
    for _ in range(3):
        unproven(db, 0, 1)
        unproven(db, 2, 3)
    assert unproven(db, 0, 3) == 1
    assert gaps(db) == [(0, 1, 4), (1, 2, 1), (2, 3, 4)]


@pytest.mark.parametrize(
    ("stretches", "left"),
    [
        ([(0, 4)], []),
        ([(None, 4)], []),
        ([(-1, 5)], []),
        ([(0, 2), (2, 4)], []),
        ([(2, 4), (0, 2)], []),
        ([(0, 1)], [(1, 4, 1)]),
        ([(1, 2)], [(0, 1, 1), (2, 4, 1)]),
        ([(4, 5)], [(0, 4, 1)]),
        ([(-1, 0)], [(0, 4, 1)]),
    ],
)
def test_a_gap_is_struck_as_far_as_it_is_proven(
    db: sqlite3.Connection,
    stretches: list[tuple[float | None, float]],
    left: list[tuple[float, float, int]],
):
    unproven(db, 0, 4)
    for start, end in stretches:
        proven(db, start, end)
    assert gaps(db) == left


def test_a_gap_without_length_is_struck_by_what_covers_it(db: sqlite3.Connection):
    unproven(db, 1, 1)
    unproven(db, 1, 1)
    assert gaps(db) == [(1, 1, 2)]
    assert proven(db, 2, 3) == 0
    assert proven(db, 0, 1) == 1
    assert gaps(db) == []


def test_kinds_and_results_are_what_the_schema_knows(db: sqlite3.Connection):
    for kind in CycleKind:
        cycle_id = cycles.begin(db, "products", kind, None, NOW, NOW)
        for result in CycleResult:
            cycles.finish(db, cycle_id, "products", result, CycleCounts(), now=NOW)
