"""The reference of the template language: current, true, and in two languages."""

import json
from pathlib import Path

import pytest

from xmsyncd.transform import bounds
from xmsyncd.transform.grammar import TemplateError, compile_template
from xmsyncd.transform.reference import Language, main, render
from xmsyncd.transform.reference_words import FORMS, REFUSALS
from xmsyncd.transform.sample import SAMPLE, SAMPLE_TABLES

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


def test_every_bound_is_told():
    shown = render(Language.ENGLISH)
    for name in dir(bounds):
        if name.startswith("MAX_"):
            assert f"| {getattr(bounds, name)} |" in shown, name
