"""Rules: what keeps them, what breaks them."""

from typing import Any

import pytest

from xmsyncd.records import RejectionReason
from xmsyncd.transform.quality import RuleKind, check_for
from xmsyncd.transform.value_types import ValueType

EMPTY: tuple[Any, ...] = (None, "", " ", "\u3000", "\u200b", [], {})


@pytest.mark.parametrize("value", EMPTY)
def test_required_is_broken_by_whatever_looks_empty(value):
    breach = check_for(RuleKind.REQUIRED, ValueType.AS_IS)(value)
    assert breach is not None
    assert breach.reason is RejectionReason.REQUIRED


@pytest.mark.parametrize("value", ["x", 0, False, [0]])
def test_required_is_kept_by_zero_and_false(value):
    assert check_for(RuleKind.REQUIRED, ValueType.AS_IS)(value) is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *((kind, empty) for kind in ValueType for empty in EMPTY),
        ("string", "x"),
        ("string", 12),
        ("int", "200.00"),
        ("float", "1.5"),
        ("bool", "true"),
        ("object", {"a": 1}),
        ("array", [1]),
        ("", object()),
    ],
)
def test_type_is_kept(kind, value):
    """Empty values keep every type rule; whether they may be empty is what required says."""
    assert check_for(RuleKind.TYPE, ValueType(kind))(value) is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", {"a": 1}),
        ("string", [1]),
        ("string", True),
        ("int", "1.5"),
        ("float", "1,200"),
        ("bool", 10**5),
        ("object", "x"),
        ("array", {"a": 1}),
    ],
)
def test_type_is_broken(kind, value):
    breach = check_for(RuleKind.TYPE, ValueType(kind))(value)
    assert breach is not None
    assert breach.reason is RejectionReason.TYPE
    assert kind in breach.expected
