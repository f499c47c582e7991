"""The rules a value must keep before it is sent; a broken one rejects the item (part of step 2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

from xmsyncd.records import RejectionReason
from xmsyncd.transform.value_types import (
    MismatchError,
    UnwritableError,
    ValueType,
    converter_for,
    is_empty,
)


class RuleKind(StrEnum):
    """The rules there are, spelt as in the configuration."""

    REQUIRED = "required"
    TYPE = "type"


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One rule of ``quality``: the component it guards, its kind, and the type asked for by ``type``.

    Without ``type`` the rule ``type`` asks for the declared type of the field.
    """

    component: str
    rule: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Breach:
    """Why a value breaks a rule."""

    reason: RejectionReason
    expected: str


Check = Callable[[Any], Breach | None]
"""A value as the template gave it, before it is converted; the breach, or ``None`` when it keeps the rule."""


def check_for(kind: RuleKind, value_type: ValueType) -> Check:
    """The check of one rule; ``value_type`` is the type asked for, which only ``type`` looks at."""
    match kind:
        case RuleKind.REQUIRED:
            return _check_required
        case RuleKind.TYPE:
            return _type_check(value_type)
        case _:
            assert_never(kind)


def _check_required(value: Any) -> Breach | None:
    return Breach(RejectionReason.REQUIRED, "a value (rule required)") if is_empty(value) else None


def _type_check(value_type: ValueType) -> Check:
    """Empty values keep every type rule: whether a value must be there is what ``required`` says."""
    if value_type is ValueType.AS_IS:
        return lambda _value: None
    if value_type is ValueType.STRING:
        return _check_text
    convert = converter_for(value_type)

    def check(value: Any) -> Breach | None:
        try:
            convert(value)
        except (MismatchError, UnwritableError) as error:
            return Breach(RejectionReason.TYPE, f"{error.expected} (rule type)")
        return None

    return check


def _check_text(value: Any) -> Breach | None:
    """Numbers pass: OKKI shows one id as a number here and as text there."""
    if is_empty(value) or (isinstance(value, (str, int, float)) and not isinstance(value, bool)):
        return None
    return Breach(RejectionReason.TYPE, "text or a number (rule type: string)")
