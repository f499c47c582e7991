"""docs/components.md: every writable type has a section in both languages; its tables of values hold."""

from __future__ import annotations

import pytest

from tests.component_guide import CHINESE, ENGLISH, Example, examples
from xmsyncd.transform.rows import MAX_ROWS
from xmsyncd.yida.kinds import COMPONENT_TYPES, Kind
from xmsyncd.yida.structures import MAX_ENTRIES
from xmsyncd.yida.values import encode

EXAMPLES = examples(ENGLISH)


def test_every_type_that_can_be_written_has_an_example() -> None:
    writable = [one.name for one in COMPONENT_TYPES.values() if one.kind is not Kind.SERIAL]
    assert sorted(example.name for example in EXAMPLES) == sorted(writable)


def test_both_languages_tell_the_same() -> None:
    assert examples(CHINESE) == EXAMPLES


@pytest.mark.parametrize("path", [ENGLISH, CHINESE])
def test_the_bounds_are_those_of_the_code(path: object) -> None:
    text = ENGLISH.read_text(encoding="utf-8") if path is ENGLISH else CHINESE.read_text(encoding="utf-8")
    for bound in (MAX_ENTRIES, MAX_ROWS, 255, 2048):
        assert f" {bound} " in text


@pytest.mark.parametrize(
    ("example", "number"),
    [(one, number) for one in EXAMPLES for number in range(len(one.inputs))],
    ids=lambda value: value.name if isinstance(value, Example) else str(value),
)
def test_the_table_of_source_values_holds(example: Example, number: int) -> None:
    source, written = example.inputs[number]
    assert encode(example.component, "", source) == written
