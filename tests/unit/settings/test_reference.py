"""The generated reference of all settings."""

from __future__ import annotations

from pathlib import Path

from xmsyncd.settings.reference import describe_settings, render_reference

ROOT = Path(__file__).parents[3]


def test_every_setting_is_described_in_one_sentence():
    for row in describe_settings():
        assert row.description, row.path
        assert row.description.endswith("."), row.path
        assert ". " not in row.description.replace("….", "."), row.path


def test_rows_show_path_type_and_default():
    rows = {row.path: row for row in describe_settings()}
    assert rows["okki.<name>.client_secret"][1:3] == ("secret", "required")
    assert rows["pipelines.<name>.source.page_size"][1:3] == ("whole number, from 1 to 100", "50")
    assert rows["pipelines.<name>.fields[].value"][1:3] == ("text", '""')
    assert rows["delivery.read_back_after"][2] == "[5s, 30s, 2m, 10m]"


def test_docs_configuration_is_current():
    """If this fails: python -m xmsyncd.settings.reference > docs/configuration.md"""
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == render_reference()
