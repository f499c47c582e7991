"""Records are found by what a person remembers of them."""

from __future__ import annotations

import sqlite3

import pytest

from tests.unit.ledger import sample
from xmsyncd.ledger import searching


def found(connection: sqlite3.Connection, text: str) -> list[tuple[str, int]]:
    matches, after = searching.search(connection, "products", text, 0)
    assert after is None
    return [(one.source_id, one.rank) for one in matches]


@pytest.fixture
def filled(db: sqlite3.Connection) -> sqlite3.Connection:
    sample.stage(db, sample.draft_entry("1001", "LED-1"), sample.draft_entry("1002", "LED-10"))
    for source_id, content in (
        ("1001", '{"textField_name": "铝合金灯 100%", "more": [{"unit": "PCS"}]}'),
        ("1002", '{"textField_name": "say \\"hi\\"", "n": 5}'),
    ):
        db.execute(
            "UPDATE contents SET content = ? WHERE record_id = (SELECT id FROM records WHERE source_id = ?)",
            (content, source_id),
        )
    return db


def test_by_number_by_id_and_by_a_part_of_a_name(filled):
    assert found(filled, "LED-1") == [("1001", 0), ("1002", 1)]
    assert found(filled, "led-10") == [("1002", 0)]
    assert found(filled, "1002") == [("1002", 0)]
    assert found(filled, "合金") == [("1001", 2)]
    assert found(filled, "pcs") == [("1001", 2)]
    assert found(filled, 'say "HI"') == [("1002", 2)]


def test_signs_are_signs_and_names_of_components_are_no_text(filled):
    assert found(filled, "100%") == [("1001", 2)]
    assert found(filled, "%") == [("1001", 2)]
    assert found(filled, "_") == []
    assert found(filled, "textField") == []
    assert found(filled, "!") == []
    assert found(filled, "") == []
