"""The short way of a plain text field: most fields of most products need no more (part of step 2).

It gives what the long way gives, or nothing at all; then the long way is gone, which knows the words for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, runtime_checkable

from xmsyncd.transform.grammar import Lookup, Template
from xmsyncd.transform.quality.rules import Rule
from xmsyncd.transform.value_types import BLANKS, ValueType, text_of

Quick = Callable[[Lookup], str | None]
"""The text of a field for one item; ``None``: go the long way."""

_KEYS: Final = frozenset({str, int})


@runtime_checkable
class WritesText(Protocol):
    """An encoder that can tell which components it writes as the very text they get."""

    def writes_text(self, component_id: str, declared_type: str) -> bool: ...


def quick_for(
    template: Template,
    declared_type: ValueType,
    rules: Sequence[Rule],
    encode: object,
    component: str,
    *,
    is_key: bool,
) -> Quick | None:
    """The short way, for a component that holds text by a template of text."""
    if declared_type is not ValueType.STRING or not isinstance(encode, WritesText):
        return None
    if not encode.writes_text(component, declared_type.value):
        return None
    evaluate = template.evaluate
    checks = tuple(rule.check for rule in rules)
    if is_key and (
        len(template.references) != 1 or len(template.parts) != 1 or template.references[0].filters
    ):
        return None

    def quick(lookup: Lookup) -> str | None:
        try:
            value: Any = evaluate(lookup)
            for check in checks:
                if check(value, lookup) is not None:
                    return None
            text = value if type(value) is str else text_of(value)
            if not text.isascii():
                text.encode()
        except ValueError:
            return None
        return text

    def quick_key(lookup: Lookup) -> str | None:
        # A key is a text or a number that the product has; what else it may be is decided elsewhere.
        text = quick(lookup) if type(lookup.get(template.references[0].root)) in _KEYS else None
        return None if text is None else text.strip(BLANKS) or None

    return quick_key if is_key else quick
