"""The reference of the template language, written from the registries: ``docs/language*.md`` is its output.

``python -m xmsyncd.transform.reference docs`` writes both files anew; a test compares, and evaluates every
example.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, assert_never

from xmsyncd.transform import bounds
from xmsyncd.transform.condition_words import CONDITIONS
from xmsyncd.transform.expressions import FUNCTIONS
from xmsyncd.transform.expressions.operators import OPERATORS
from xmsyncd.transform.filters import FILTERS
from xmsyncd.transform.quality import RULES
from xmsyncd.transform.reference_words import CHINESE, ENGLISH, FORMS, REFUSALS, Words
from xmsyncd.transform.sample import SAMPLE, SAMPLE_TABLES
from xmsyncd.transform.variables import VARIABLES


class Language(StrEnum):
    """The languages of the documentation; the value is what stands before ``.md``."""

    ENGLISH = "language"
    CHINESE = "language.zh-CN"


class Entry(Protocol):
    """What the registries have in common."""

    @property
    def usage(self) -> str: ...

    @property
    def english(self) -> str: ...

    @property
    def chinese(self) -> str: ...

    @property
    def examples(self) -> tuple[tuple[str, str], ...]: ...


@dataclass(frozen=True, slots=True)
class Part:
    """One table of the reference."""

    title: str
    introduction: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def render(language: Language) -> str:
    """The whole of one file."""
    words = words_of(language)
    texts = [words.introduction.rstrip()]
    for part in _parts(language, words):
        texts.append(f"\n## {part.title}\n\n{part.introduction}\n")
        texts.append(f"| {' | '.join(part.head)} |\n|{' --- |' * len(part.head)}")
        texts += [f"| {' | '.join(map(_cell, row))} |" for row in part.rows]
    sample = json.dumps(dict(SAMPLE), ensure_ascii=False, indent=2)
    tables = json.dumps(
        {name: dict(table.entries) for name, table in SAMPLE_TABLES.items()}, ensure_ascii=False
    )
    texts.append(f"\n## {words.sample_title}\n\n{words.sample}\n\n```json\n{sample}\n```\n")
    texts.append(f"{words.sample_tables}\n\n```json\n{tables}\n```")
    return "\n".join(texts) + "\n"


def words_of(language: Language) -> Words:
    """The running text of one file."""
    match language:
        case Language.ENGLISH:
            return ENGLISH
        case Language.CHINESE:
            return CHINESE
        case _:
            assert_never(language)


def _parts(language: Language, words: Words) -> Iterator[Part]:
    chinese = language is Language.CHINESE
    yield Part(
        words.forms_title,
        words.forms,
        (words.template, words.value, words.meaning),
        tuple(
            (_code(form.template), _code(form.value), form.chinese if chinese else form.english)
            for form in FORMS
        ),
    )
    yield Part(words.filters_title, words.filters, words.entry_head, _rows(FILTERS, chinese))
    yield Part(words.variables_title, words.variables, words.entry_head, _rows(VARIABLES, chinese))
    yield Part(words.functions_title, words.functions, words.entry_head, _rows(FUNCTIONS, chinese))
    yield Part(words.operators_title, words.operators, words.entry_head, _rows(OPERATORS, chinese))
    yield Part(words.conditions_title, words.conditions, words.entry_head, _rows(CONDITIONS, chinese))
    yield Part(words.rules_title, words.rules, words.entry_head, _rows(RULES, chinese))
    yield Part(
        words.refusals_title,
        words.refusals,
        (words.found, words.instead),
        tuple((_code(one.template), one.chinese if chinese else one.english) for one in REFUSALS),
    )
    yield Part(
        words.bounds_title,
        words.bounds,
        (words.bound, words.most),
        tuple(zip(words.bound_names, map(str, _bounds()), strict=True)),
    )


def _bounds() -> Sequence[int]:
    return (
        bounds.MAX_TEMPLATE_LENGTH,
        bounds.MAX_REFERENCES,
        bounds.MAX_PATH_LENGTH,
        bounds.MAX_FILTERS,
        bounds.MAX_RESULT_LENGTH,
        bounds.MAX_ELEMENTS,
    )


def _rows(entries: Mapping[str, Entry], chinese: bool) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            _code(entry.usage),
            entry.chinese if chinese else entry.english,
            "<br>".join(f"{_code(written)} → {_code(value)}" for written, value in entry.examples),
        )
        for entry in entries.values()
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


def main(arguments: Sequence[str]) -> int:
    """Write both files into a folder, ``docs`` unless another is named."""
    folder = Path(arguments[0] if arguments else "docs")
    for language in Language:
        (folder / f"{language}.md").write_text(render(language), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
