"""Whatever a product may hold travels as one line of JSON."""

from __future__ import annotations

import pytest

from xmsyncd.ledger.states import VisibleState
from xmsyncd.operations.lines import json_of, line_of, value_of


@pytest.mark.parametrize(
    "value",
    [
        {"产品": "名称\n第二行"},
        {"lone": "\ud800"},
        {"wide": 2**80},
        [1.5, None, True],
    ],
)
def test_a_value_survives_the_journey_on_one_line(value):
    line = line_of(value)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert value_of(line) == value


def test_enums_are_their_words_as_keys_too():
    assert value_of(json_of({VisibleState.PARKED: VisibleState.HELD})) == {"parked": "held"}


def test_what_is_no_json_is_an_error():
    with pytest.raises(ValueError, match=r"Expecting|JSON"):
        value_of(b"hello\n")
