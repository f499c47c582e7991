"""Look-up tables."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.transform.tables import NO_TABLES, LookupTable, MissingEntry
from xmsyncd.transform.value_types import EvaluationError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
COLOURS = {"1": "红", " 2 ": "蓝", "": "无色"}


@pytest.mark.parametrize(
    ("value", "found"),
    [("1", "红"), (1, "红"), (1.0, "红"), (" 1\u3000", "红"), (2, "蓝"), (None, "无色"), ([], "无色")],
)
def test_numbers_and_text_meet_one_entry(value: Any, found: str):
    assert LookupTable("colours", COLOURS).find(value) == found


def test_what_is_missing_is_rejected_emptied_or_kept():
    with pytest.raises(EvaluationError) as raised:
        LookupTable("colours", COLOURS, MissingEntry.REJECT).find(7)
    assert raised.value.expected == 'an entry for "7" in the look-up table colours'
    assert LookupTable("colours", COLOURS, MissingEntry.EMPTY).find(7) == ""
    assert LookupTable("colours", COLOURS, MissingEntry.KEEP).find(7) == 7


def test_an_empty_value_without_an_entry_stays_empty():
    for missing in MissingEntry:
        assert LookupTable("colours", {"1": "红"}, missing).find(" ") == ""


def test_a_list_is_nothing_to_look_up():
    with pytest.raises(EvaluationError, match="text or a number"):
        LookupTable("colours", COLOURS, MissingEntry.KEEP).find([1])


def test_the_hash_is_of_entries_and_missing_alone():
    table = LookupTable("colours", {"1": "红", "2": "蓝"})
    assert table.hash == LookupTable("other", {"2": "蓝", " 1 ": "红"}).hash
    assert table.hash != LookupTable("colours", {"1": "红", "2": "绿"}).hash
    assert table.hash != LookupTable("colours", {"1": "红", "2": "蓝"}, MissingEntry.KEEP).hash


def test_entries_cannot_be_changed_from_outside():
    given_entries = {"1": "红"}
    table = LookupTable("colours", given_entries)
    given_entries["1"] = "绿"
    assert table.find(1) == "红"
    assert not NO_TABLES


@given(JSON, st.dictionaries(st.text(), JSON), st.sampled_from(MissingEntry))
def test_whatever_the_value_only_an_evaluation_error_comes_out(
    value: Any, entries: dict[str, Any], missing: MissingEntry
):
    with contextlib.suppress(EvaluationError):
        found = LookupTable("any", entries, missing).find(value)
        assert found == "" or found is value or any(found is one for one in entries.values())
