"""The checks of single values, one function a rule (step 2).

Empty values keep every rule but ``required``: whether a value must be there is what that one says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from xmsyncd.records import RejectionReason
from xmsyncd.transform.quality.cutting import cut
from xmsyncd.transform.quality.kinds import UNFIXED, Breach, RuleSpec
from xmsyncd.transform.quality.patterns import compile_pattern
from xmsyncd.transform.quality.reading import folded, number_of, read_leniently
from xmsyncd.transform.value_types import (
    MismatchError,
    UnwritableError,
    ValueType,
    converter_for,
    is_empty,
    shortened,
    text_of,
)

Check = Callable[[Any, Mapping[str, Any]], Breach | None]
"""(value, what the record's templates look at) → ``None`` where the rule is kept. Raises nothing.

The value is as the template and the rules before gave it, not yet converted. A rule that is about the record
as a whole gets its ``Item`` in the value's place.
"""


def check_required(value: Any, _lookup: Mapping[str, Any]) -> Breach | None:
    """Not empty."""
    return Breach(RejectionReason.REQUIRED, "a value (rule required)") if is_empty(value) else None


def type_check(value_type: ValueType) -> Check:
    """Convertible to the type."""
    if value_type is ValueType.AS_IS:
        return lambda _value, _lookup: None
    if value_type is ValueType.STRING:
        return _check_text
    convert = converter_for(value_type)

    def check(value: Any, _lookup: Mapping[str, Any]) -> Breach | None:
        try:
            convert(value)
        except (MismatchError, UnwritableError) as error:
            fixed = _leniently(value, value_type)
            return Breach(RejectionReason.TYPE, f"{error.expected} (rule type)", fixed)
        return None

    return check


def _check_text(value: Any, _lookup: Mapping[str, Any]) -> Breach | None:
    """Numbers pass: OKKI shows one id as a number here and as text there."""
    if is_empty(value) or (isinstance(value, (str, int, float)) and not isinstance(value, bool)):
        return None
    fixed = _leniently(value, ValueType.STRING)
    return Breach(RejectionReason.TYPE, "text or a number (rule type: string)", fixed)


def _leniently(value: Any, value_type: ValueType) -> Any:
    try:
        return read_leniently(value, value_type)
    except ValueError:
        return UNFIXED


def length_check(spec: RuleSpec) -> Check:
    """At least ``min`` and at most ``max`` characters of a text, or entries of a list."""
    least = 0 if spec.min is None else int(spec.min)
    most = None if spec.max is None else int(spec.max)
    bounds = _bounds(spec)

    def check(value: Any, _lookup: Mapping[str, Any]) -> Breach | None:
        if is_empty(value):
            return None
        unit = "entries" if isinstance(value, (list, tuple)) else "characters"
        try:
            measured = value if unit == "entries" else text_of(value)
        except UnwritableError:
            return Breach(RejectionReason.LENGTH, f"text of {bounds} characters (rule length)")
        number = len(measured)
        if least <= number and (most is None or number <= most):
            return None
        fixed: Any = UNFIXED
        if most is not None and number > most:
            shorter = cut(measured, most) if isinstance(measured, str) else measured[:most]
            fixed = UNFIXED if shorter is None else shorter
        return Breach(RejectionReason.LENGTH, f"{bounds} {unit}, not {number} (rule length)", fixed)

    return check


def pattern_check(spec: RuleSpec) -> Check:
    """The whole text matches. Raises PatternError for a pattern that is none."""
    pattern = spec.pattern or ""
    matches = compile_pattern(pattern)
    expected = f"text that matches {shortened(pattern)} (rule pattern)"

    def check(value: Any, _lookup: Mapping[str, Any]) -> Breach | None:
        if is_empty(value) or matches(_text(value)):
            return None
        return Breach(RejectionReason.PATTERN, expected)

    return check


def range_check(spec: RuleSpec, reason: RejectionReason) -> Check:
    """A number within the bounds; what is outside has the nearer bound as its fix."""
    least, most = spec.min, spec.max
    expected = f"a number {_number_bounds(spec)} (rule {spec.rule})"

    def check(value: Any, _lookup: Mapping[str, Any]) -> Breach | None:
        if is_empty(value):
            return None
        number = number_of(value)
        if number is None:
            return Breach(reason, expected)
        if least is not None and number < least:
            return Breach(reason, expected, _plain(least))
        if most is not None and number > most:
            return Breach(reason, expected, _plain(most))
        return None

    return check


def one_of_check(spec: RuleSpec) -> Check:
    """One of the listed texts, exactly."""
    values = spec.values or ()
    listed = frozenset(values)
    by_folded: dict[str, str | None] = {}
    for value in values:
        by_folded[folded(value)] = None if folded(value) in by_folded else value
    expected = f"one of {shortened_list(values)} (rule one_of)"

    def check(value: Any, _lookup: Mapping[str, Any]) -> Breach | None:
        if is_empty(value):
            return None
        text = _text(value)
        if text in listed:
            return None
        near = by_folded.get(folded(text))
        return Breach(RejectionReason.ONE_OF, expected, UNFIXED if near is None else near)

    return check


def shortened_list(values: tuple[str, ...], most: int = 8) -> str:
    """The first few, and how many more."""
    shown = ", ".join(shortened(value) for value in values[:most])
    return shown if len(values) <= most else f"{shown} and {len(values) - most} more"


def _text(value: Any) -> str:
    try:
        return text_of(value)
    except UnwritableError:
        return "\ud800"  # matches nothing: no configuration can hold it


def _plain(bound: float) -> float | int:
    return int(bound) if float(bound).is_integer() else bound


def _bounds(spec: RuleSpec) -> str:
    least, most = (None if one is None else int(one) for one in (spec.min, spec.max))
    if least is not None and most is not None:
        return f"{least} to {most}"
    return f"at most {most}" if least is None else f"at least {least}"


def _number_bounds(spec: RuleSpec) -> str:
    if spec.min is not None and spec.max is not None:
        return f"from {text_of(spec.min)} to {text_of(spec.max)}"
    return f"of at most {text_of(spec.max)}" if spec.min is None else f"of at least {text_of(spec.min)}"
