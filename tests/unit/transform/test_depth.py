"""Items nested so deeply that a recursive reader would give up."""

from __future__ import annotations

from typing import Any

import pytest

from xmsyncd.records import ContentHash, Item, Rejection, RejectionReason, SourceId
from xmsyncd.transform.depth import DEEPEST, cut_off, is_too_deep
from xmsyncd.transform.fields import FieldSpec
from xmsyncd.transform.hashes import hash_of
from xmsyncd.transform.mapping import FieldMapping


def nested(levels: int, kind: str = "list") -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value] if kind == "list" else {"a": value}
    return value


@pytest.mark.parametrize("kind", ["list", "object"])
def test_what_is_too_deep_is_so_beyond_the_bound_only(kind):
    assert not is_too_deep(nested(DEEPEST, kind))
    assert is_too_deep(nested(DEEPEST + 1, kind))
    assert is_too_deep(nested(50_000, kind))
    assert not is_too_deep("text")
    assert not is_too_deep({"a": [[]]})


@pytest.mark.parametrize("kind", ["list", "object"])
def test_cut_off_it_can_be_hashed_and_is_still_known_as_too_deep(kind):
    value = {"product_id": 7, "info_json": nested(50_000, kind)}
    short = cut_off(value)
    assert is_too_deep(short)
    assert cut_off(short) == short
    assert short["product_id"] == 7
    hash_of(short)
    flat = {"product_id": 7, "info_json": [{"name": "a", "value": "b"}]}
    assert cut_off(flat) is flat


def test_a_product_nested_too_deeply_is_rejected_whatever_is_mapped_of_it():
    mapping = FieldMapping(
        [FieldSpec("textField_key", value="{product_no}")], [], "textField_key", lambda _c, _t, value: value
    )
    raw = cut_off({"product_no": "A-1", "info_json": nested(2000)})
    result = mapping.map_item(Item(SourceId("7"), None, raw, ContentHash("h")), None, {})
    assert isinstance(result, Rejection)
    assert result.reason is RejectionReason.UNREADABLE
