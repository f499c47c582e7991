"""A template that cannot be read is a fault like any other, told together with the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.scenario import configuration
from xmsyncd.errors import ConfigurationError
from xmsyncd.settings import load_settings


def test_a_broken_template_is_told_together_with_the_other_faults(tmp_path: Path):
    values = configuration("http://127.0.0.1:1", "http://127.0.0.1:2", schedule={"evry": "5m"})
    fields = [dict(one) for one in values["pipelines"]["products"]["fields"]]
    fields[0]["value"] = "{name"
    values["pipelines"]["products"]["fields"] = fields
    path = tmp_path / "xmsyncd.yaml"
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, {})
    told = {fault.where.split(" ")[0] for fault in caught.value.faults}
    assert told == {"pipelines.products.schedule.evry", "pipelines.products.fields[0].value"}


def test_an_unknown_key_of_a_condition_is_told_with_its_path_and_line(tmp_path: Path):
    values = configuration("http://127.0.0.1:1", "http://127.0.0.1:2")
    strict = {"field": "status", "logic": "eq", "value": 1, "strictmode": True}
    values["pipelines"]["products"]["where"] = [[strict]]
    path = tmp_path / "xmsyncd.yaml"
    path.write_text(json.dumps(values, indent=1), encoding="utf-8")
    line = path.read_text(encoding="utf-8").split('"strictmode"')[0].count("\n") + 1
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, {})
    [fault] = caught.value.faults
    assert fault.where == f"pipelines.products.where[0][0].strictmode (xmsyncd.yaml, line {line})"
    assert fault.found == 'the unknown key "strictmode"'
    assert fault.expected == "a known key (nearest: strictMode)"
