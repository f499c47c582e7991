"""The reference of the template language: current, true, and in two languages."""

import json
from pathlib import Path

import pytest

from xmsyncd.transform import bounds
from xmsyncd.transform.condition_words import CONDITIONS
from xmsyncd.transform.conditions import Logic
from xmsyncd.transform.expressions.operators import OPERATORS
from xmsyncd.transform.grammar import TemplateError, compile_template
from xmsyncd.transform.reference import Language, main, render
from xmsyncd.transform.reference_words import FORMS, REFUSALS
from xmsyncd.transform.sample import SAMPLE, SAMPLE_TABLES
from xmsyncd.transform.where import compile_where

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("language", Language)
def test_the_files_are_current(language):
    """If this fails: python -m xmsyncd.transform.reference docs"""
    assert (DOCS / f"{language}.md").read_text(encoding="utf-8") == render(language)


def test_both_files_are_written(tmp_path):
    assert main([str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"language.md", "language.zh-CN.md"}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.template)
def test_the_ways_to_write_a_value_are_true(form):
    found = compile_template(form.template, SAMPLE_TABLES).evaluate(SAMPLE)
    assert json.dumps(found, ensure_ascii=False, separators=(",", ":")) == form.value


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.template)
def test_what_is_said_to_be_refused_is(refusal):
    with pytest.raises(TemplateError):
        compile_template(refusal.template, SAMPLE_TABLES)


@pytest.mark.parametrize(
    ("expression", "value"), [one for entry in OPERATORS.values() for one in entry.examples]
)
def test_the_examples_of_operators_are_true(expression, value):
    assert compile_template(f"_function {expression}", SAMPLE_TABLES).evaluate(SAMPLE) == json.loads(value)


def test_every_operator_is_told_and_has_an_example_of_its_own():
    for usage, entry in OPERATORS.items():
        assert all(written in usage for written in entry.written)
        shown = " ".join(expression for expression, _ in entry.examples)
        assert any(written in shown for written in entry.written)
        assert entry.english.endswith(".")
        assert entry.chinese.endswith("。")
    told = {written for entry in OPERATORS.values() for written in entry.written}
    for written in ("DIV", "<=>", "LIKE", "BETWEEN", "IN", "CASE"):
        assert written in told
    assert "CONVERT(x, type)" in render(Language.ENGLISH)


@pytest.mark.parametrize(
    ("condition", "holds"), [one for part in CONDITIONS.values() for one in part.examples]
)
def test_the_examples_of_conditions_are_true(condition, holds):
    assert compile_where(f"[[{condition}]]", SAMPLE_TABLES).matches(SAMPLE) is json.loads(holds)


def test_every_logic_of_conditions_is_told_with_an_example_of_its_own():
    assert [name for name in CONDITIONS if name in set(Logic)] == list(Logic)
    for logic in Logic:
        assert all(f'"logic": "{logic}"' in condition for condition, _ in CONDITIONS[logic].examples)
        assert f"| `{logic}` |" in render(Language.CHINESE)
    assert "timestamp:…" in CONDITIONS
    assert "strictMode" in CONDITIONS


def test_every_bound_is_told():
    shown = render(Language.ENGLISH)
    for name in dir(bounds):
        if name.startswith("MAX_"):
            assert f"| {getattr(bounds, name)} |" in shown, name
